//! The two times of a task (tasks spec §3.6), row by row: since when it is in progress, and since when it was before.

use std::time::Duration;

use mc_model::board::BoardRules;
use mc_model::ids::AgentId;
use mc_model::task::TaskStatus::{self, Done, InProgress, Inbox, Review};
use mc_model::task::{NewTask, Task};
use mc_model::{Clock, Timestamp};
use mc_store as store;
use mc_testkit::{Actor, Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use super::{board_with, task_of};

/// A board without rules but for leads and workers, and a task on it that has a past.
struct Scene {
    app: TestApp,
    world: World,
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let app = TestApp::new(backend).await;
        let world = app.world().await;
        Self { app, world }
    }

    /// A task in this state that was in progress before; when it is in progress now, since a minute.
    async fn task(&self, status: TaskStatus, owner: Option<AgentId>) -> Task {
        let now = self.app.clock().now();
        let new = NewTask { title: "t".to_owned(), status, assigned_agent_id: owner, ..NewTask::default() };
        let task = Task {
            previous_in_progress_at: Some(now.before(Duration::from_secs(3_600))),
            ..new.into_task(self.world.board.id, None, now)
        };
        self.app.seed(async |tx| store::tasks::insert(tx, &task).await).await;
        self.app.clock().advance(Duration::from_secs(60));
        task
    }

    async fn stored(&self, task: &Task) -> Task {
        let reader = self.app.store().reader();
        let stored = store::tasks::on_board(reader, task.board_id, task.id).await.expect("readable");
        stored.expect("it is there")
    }

    /// Sends `body` for a task and gives both times afterwards.
    async fn times(&self, actor: &Actor, task: &Task, body: Value) -> (Option<Timestamp>, Option<Timestamp>) {
        self.app.patch(actor, &task_of(task.board_id, task.id), body).await.ok();
        let after = self.stored(task).await;
        (after.in_progress_at, after.previous_in_progress_at)
    }

    fn now(&self) -> Option<Timestamp> {
        Some(self.app.clock().now())
    }
}

fn to(status: TaskStatus) -> Value {
    json!({"status": status.as_str()})
}

#[db_test]
async fn people_and_workers_start_the_clock_and_leave_the_time_before(backend: Backend) {
    let scene = Scene::new(backend).await;
    let worker = &scene.world.worker;
    for actor in [&*scene.world.owner, &**worker] {
        for from in [Inbox, Review, Done] {
            let task = scene.task(from, Some(worker.agent.id)).await;
            let times = scene.times(actor, &task, to(InProgress)).await;
            assert_eq!(times, (scene.now(), task.previous_in_progress_at), "from {from:?}");
        }
    }
}

#[db_test]
async fn people_and_workers_stop_the_clock_and_keep_what_it_showed(backend: Backend) {
    let scene = Scene::new(backend).await;
    let worker = &scene.world.worker;
    for actor in [&*scene.world.owner, &**worker] {
        for (from, into) in
            [(InProgress, Inbox), (InProgress, Review), (Review, Inbox), (Inbox, Review), (Done, Inbox)]
        {
            let task = scene.task(from, Some(worker.agent.id)).await;
            let times = scene.times(actor, &task, to(into)).await;
            assert_eq!(
                times,
                (None, task.in_progress_at),
                "{from:?} to {into:?}: what there was, or nothing"
            );
        }
    }
}

#[db_test]
async fn done_keeps_both_times(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (worker, lead) = (&scene.world.worker, &scene.world.lead);
    for (actor, from) in [
        (&*scene.world.owner, InProgress),
        (&*scene.world.owner, Review),
        (&**worker, InProgress),
        (&**worker, Inbox),
        (&**lead, Review),
    ] {
        let task = scene.task(from, Some(worker.agent.id).filter(|_| from != Review)).await;
        let times = scene.times(actor, &task, to(Done)).await;
        assert_eq!(times, (task.in_progress_at, task.previous_in_progress_at), "from {from:?}");
    }
}

#[db_test]
async fn a_lead_that_sends_back_leaves_the_time_before(backend: Backend) {
    let scene = Scene::new(backend).await;
    let task = scene.task(Review, Some(scene.world.lead.agent.id)).await;
    let times = scene.times(&scene.world.lead, &task, to(Inbox)).await;
    assert_eq!(times, (None, task.previous_in_progress_at));
}

/// Weakness 13: assigned and started by the lead, it is in progress since now.
#[db_test]
async fn a_lead_that_assigns_and_starts_starts_the_clock(backend: Backend) {
    let scene = Scene::new(backend).await;
    let task = scene.task(Inbox, None).await;
    let body = json!({"status": "in_progress", "assigned_agent_id": scene.world.worker.agent.id});
    let times = scene.times(&scene.world.lead, &task, body).await;
    assert_eq!(times, (scene.now(), task.previous_in_progress_at));
}

/// Weakness 12: the state that a task has already, sent by whomever, is no move.
#[db_test]
async fn the_same_state_again_touches_no_time(backend: Backend) {
    let scene = Scene::new(backend).await;
    let worker = &scene.world.worker;
    for actor in [&*scene.world.owner, &**worker] {
        for status in [Inbox, InProgress, Review, Done] {
            let task = scene.task(status, Some(worker.agent.id)).await;
            let times = scene.times(actor, &task, to(status)).await;
            assert_eq!(times, (task.in_progress_at, task.previous_in_progress_at), "{status:?}");
        }
    }
}

#[db_test]
async fn what_a_person_may_not_move_forgets_both_times(backend: Backend) {
    let scene = Scene::new(backend).await;
    let open = scene.task(Inbox, None).await;
    for from in [Inbox, InProgress, Review] {
        let task = scene.task(from, Some(scene.world.worker.agent.id)).await;
        let body = json!({"depends_on_task_ids": [open.id]});
        assert_eq!(scene.times(&scene.world.owner, &task, body).await, (None, None), "from {from:?}");
    }
}

#[db_test]
async fn a_reopened_dependency_stops_the_clock_and_leaves_the_time_before(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (source, busy) =
        (scene.task(Done, None).await, scene.task(InProgress, Some(scene.world.worker.agent.id)).await);
    let board = source.board_id;
    let link = async |tx: &mut store::WriteTx| {
        store::tasks::dependencies::insert(tx, board, busy.id, &[source.id]).await
    };
    scene.app.seed(link).await;
    scene.times(&scene.world.owner, &source, to(Review)).await;
    let after = scene.stored(&busy).await;
    assert_eq!((after.status, after.in_progress_at), (Inbox, None));
    assert_eq!(after.previous_in_progress_at, busy.previous_in_progress_at);
}

/// Rules of the board refuse a move as a whole: nothing of it shows in the times.
#[db_test]
async fn a_refused_move_touches_no_time(backend: Backend) {
    let mut scene = Scene::new(backend).await;
    scene.world.board = board_with(&scene.app, &scene.world, BoardRules::default()).await;
    let task = scene.task(InProgress, None).await;
    let path = task_of(task.board_id, task.id);
    let refused = scene.app.patch(&scene.world.owner, &path, to(Done)).await;
    assert_eq!(refused.status, 409, "{refused}");
    assert_eq!(scene.stored(&task).await, task);
}
