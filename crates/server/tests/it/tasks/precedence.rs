//! Which fault answers when there are several (tasks spec §1.3, §3.2, §3.3, §3.4): everything is wrong at first, and one
//! thing after the other is put right.

use axum::http::StatusCode;
use mc_model::board::BoardRules;
use mc_model::ids::{AgentId, TagId, TaskId};
use mc_model::task::TaskStatus::{Done, InProgress, Inbox, Review};
use mc_store as store;
use mc_testkit::{Actor, Answer, Backend, TestAgent, TestApp, World, db_test};
use serde_json::{Value, json};

use super::{agent_tasks_of, assert_coded, assert_plain, board_with, task_of, tasks_of};
use crate::approvals::{approvals_of, asked};

const BLOCKED: &str = "task_blocked_cannot_transition";
const ELSEWHERE: &str = "assignee_on_other_board";

/// The world with its lead and its worker on a board that has these rules.
async fn on_board(backend: Backend, rules: BoardRules) -> (TestApp, World) {
    let app = TestApp::new(backend).await;
    let mut world = app.world().await;
    world.board = board_with(&app, &world, rules).await;
    let agent =
        async |name: &str, is_lead| app.add_agent(world.gateway, Some(world.board.id), name, is_lead).await;
    let (lead, worker) = (agent("Strict lead", true).await, agent("Strict worker", false).await);
    (app, World { lead, worker, ..world })
}

/// Lets `task` wait for `on`, past all checks.
async fn link(app: &TestApp, world: &World, task: TaskId, on: TaskId) {
    app.seed(async |tx| store::tasks::dependencies::insert(tx, world.board.id, task, &[on]).await).await;
}

/// A request whose body is put right step by step.
struct Sender<'a> {
    app: &'a TestApp,
    actor: &'a Actor,
    path: String,
    is_creation: bool,
    body: Value,
}

impl Sender<'_> {
    async fn send(&self) -> Answer {
        match self.is_creation {
            true => self.app.post(self.actor, &self.path, self.body.clone()).await,
            false => self.app.patch(self.actor, &self.path, self.body.clone()).await,
        }
    }

    async fn with(&mut self, field: &str, value: impl Into<Value>) -> Answer {
        self.body[field] = value.into();
        self.send().await
    }

    async fn without(&mut self, field: &str) -> Answer {
        self.body.as_object_mut().expect("an object").remove(field);
        self.send().await
    }
}

#[track_caller]
fn assert_names(answer: &Answer, status: StatusCode, member: &str) {
    assert_eq!(answer.status, status, "{answer}");
    assert!(answer.json()["detail"][member].is_array(), "{member}: {answer}");
}

fn everything_wrong(board_lead: &TestAgent) -> Value {
    json!({
        "title": "t", "status": "review", "assigned_agent_id": AgentId::generate(),
        "depends_on_task_ids": [TaskId::generate()], "tag_ids": [TagId::generate()],
        "custom_field_values": {"no such field": board_lead.agent.id},
    })
}

#[db_test]
async fn a_creation_is_checked_from_dependencies_to_values(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let before = app.get(&world.owner, &tasks_of(world.board.id)).await.ok()["total"].clone();
    for (actor, path) in
        [(&*world.owner, tasks_of(world.board.id)), (&*world.lead, agent_tasks_of(world.board.id))]
    {
        let body = everything_wrong(&world.lead);
        let mut sender = Sender { app: &app, actor, path, is_creation: true, body };
        assert_names(&sender.send().await, StatusCode::NOT_FOUND, "missing_task_ids");
        let answer = sender.with("depends_on_task_ids", json!([world.task.id])).await;
        assert_names(&answer, StatusCode::NOT_FOUND, "missing_tag_ids");
        assert_coded(&sender.with("tag_ids", json!([])).await, StatusCode::CONFLICT, BLOCKED);
        let unknown = sender.with("depends_on_task_ids", json!([])).await;
        assert_plain(&unknown, StatusCode::NOT_FOUND);
        if sender.actor == &world.lead.actor {
            let to_lead = sender.with("assigned_agent_id", json!(world.lead.agent.id)).await;
            assert_plain(&to_lead, StatusCode::FORBIDDEN);
        }
        let elsewhere = sender.with("assigned_agent_id", json!(world.neighbour.agent.id)).await;
        assert_coded(&elsewhere, StatusCode::CONFLICT, ELSEWHERE);
        let values = sender.with("assigned_agent_id", json!(world.worker.agent.id)).await;
        assert_names(&values, StatusCode::UNPROCESSABLE_ENTITY, "unknown_field_keys");
        let total = app.get(&world.owner, &tasks_of(world.board.id)).await.ok()["total"].clone();
        assert_eq!(total, before, "nothing refused is there");
        let made = sender.without("custom_field_values").await.ok();
        app.delete(
            &world.owner,
            &format!("{}/{}", tasks_of(world.board.id), made["id"].as_str().expect("an id")),
        )
        .await
        .ok();
    }
}

/// Weakness 5: what a lead creates as done would have gone round the gates; a person may still record what is over.
#[db_test]
async fn a_lead_creates_nothing_past_the_gates(backend: Backend) {
    let open = BoardRules { require_approval_for_done: false, ..BoardRules::default() };
    let review = BoardRules { require_review_before_done: true, ..BoardRules::default() };
    for (rules, code) in [
        (open, None),
        (BoardRules::default(), Some("task_approval_required")),
        (review, Some("task_review_required")),
    ] {
        let (app, world) = on_board(backend, rules).await;
        let path = agent_tasks_of(world.board.id);
        let done = json!({"title": "t", "status": "done"});
        let answer = app.post(&world.lead, &path, done.clone()).await;
        match code {
            Some(code) => assert_coded(&answer, StatusCode::CONFLICT, code),
            None => assert_eq!(answer.ok()["status"], "done"),
        }
        for status in ["inbox", "in_progress", "review"] {
            let body = json!({"title": "t", "status": status});
            assert_eq!(app.post(&world.lead, &path, body).await.ok()["status"], status);
        }
        app.post(&world.owner, &tasks_of(world.board.id), done).await.ok();
    }
}

#[db_test]
async fn a_persons_change_is_checked_from_tags_to_values(backend: Backend) {
    let (app, world) = on_board(backend, BoardRules::default()).await;
    let task = app.add_task_with(world.board.id, "t", Review, None).await;
    let path = task_of(world.board.id, task.id);
    let mut body = everything_wrong(&world.lead);
    body["status"] = json!("done");
    let mut sender = Sender { app: &app, actor: &world.owner, path, is_creation: false, body };
    assert_names(&sender.send().await, StatusCode::NOT_FOUND, "missing_tag_ids");
    assert_names(&sender.with("tag_ids", json!([])).await, StatusCode::NOT_FOUND, "missing_task_ids");
    assert_plain(&sender.with("depends_on_task_ids", json!([])).await, StatusCode::NOT_FOUND);
    let elsewhere = sender.with("assigned_agent_id", json!(world.neighbour.agent.id)).await;
    assert_coded(&elsewhere, StatusCode::CONFLICT, ELSEWHERE);
    let gate = sender.with("assigned_agent_id", json!(world.lead.agent.id)).await;
    assert_coded(&gate, StatusCode::CONFLICT, "task_approval_required");
    let approval = asked(json!({"task_id": task.id, "status": "approved"}));
    app.post(&world.owner, &approvals_of(world.board.id), approval).await.ok();
    let values = sender.send().await;
    assert_names(&values, StatusCode::UNPROCESSABLE_ENTITY, "unknown_field_keys");
    assert_eq!(sender.without("custom_field_values").await.ok()["status"], "done");

    // Of a done task the dependencies are history, but tags are looked at before.
    sender.body = json!({"depends_on_task_ids": [TaskId::generate()], "tag_ids": [TagId::generate()]});
    assert_names(&sender.send().await, StatusCode::NOT_FOUND, "missing_tag_ids");
    let history = sender.with("tag_ids", json!([])).await;
    assert_coded(&history, StatusCode::CONFLICT, "task_done_dependencies");
}

#[db_test]
async fn a_leads_change_is_checked_from_fields_to_values(backend: Backend) {
    let (app, world) = on_board(backend, BoardRules::default()).await;
    let task = app.add_task_with(world.board.id, "t", Review, None).await;
    let open = app.add_task(world.board.id, "open").await;
    let path = task_of(world.board.id, task.id);
    let body = everything_wrong(&world.lead);
    let mut sender = Sender { app: &app, actor: &world.lead, path, is_creation: false, body };
    assert_plain(&sender.send().await, StatusCode::FORBIDDEN);
    assert_names(&sender.without("title").await, StatusCode::NOT_FOUND, "missing_task_ids");
    let tags = sender.with("depends_on_task_ids", json!([open.id])).await;
    assert_names(&tags, StatusCode::NOT_FOUND, "missing_tag_ids");
    assert_coded(&sender.with("tag_ids", json!([])).await, StatusCode::CONFLICT, BLOCKED);
    assert_plain(&sender.with("depends_on_task_ids", json!([])).await, StatusCode::NOT_FOUND);
    let to_lead = sender.with("assigned_agent_id", json!(world.lead.agent.id)).await;
    assert_plain(&to_lead, StatusCode::FORBIDDEN);
    let elsewhere = sender.with("assigned_agent_id", json!(world.neighbour.agent.id)).await;
    assert_coded(&elsewhere, StatusCode::CONFLICT, ELSEWHERE);
    let no_move = sender.with("assigned_agent_id", json!(world.worker.agent.id)).await;
    assert_plain(&no_move, StatusCode::FORBIDDEN);
    let gate = sender.with("status", "done").await;
    assert_coded(&gate, StatusCode::CONFLICT, "task_approval_required");
    let approval = asked(json!({"task_id": task.id, "status": "approved"}));
    app.post(&world.owner, &approvals_of(world.board.id), approval).await.ok();
    let values = sender.send().await;
    assert_names(&values, StatusCode::UNPROCESSABLE_ENTITY, "unknown_field_keys");
    assert_eq!(sender.without("custom_field_values").await.ok()["status"], "done");
}

/// The first three checks of a worker's change, on a board where only the lead moves tasks.
#[db_test]
async fn a_workers_change_is_checked_from_the_assignee_to_the_boards_rule(backend: Backend) {
    let rules = BoardRules { only_lead_can_change_status: true, ..BoardRules::default() };
    let (app, world) = on_board(backend, rules).await;
    let open = app.add_task(world.board.id, "open").await;
    for (owner, code) in
        [(&world.lead, "task_assignee_mismatch"), (&world.worker, "task_update_field_forbidden")]
    {
        let task = app.add_task_with(world.board.id, "t", InProgress, Some(owner.agent.id)).await;
        link(&app, &world, task.id, open.id).await;
        let (path, body) = (task_of(world.board.id, task.id), json!({"title": "mine", "status": "done"}));
        let mut sender = Sender { app: &app, actor: &world.worker, path, is_creation: false, body };
        assert_coded(&sender.send().await, StatusCode::FORBIDDEN, code);
        let answer = sender.without("title").await;
        match code {
            "task_assignee_mismatch" => assert_coded(&answer, StatusCode::FORBIDDEN, code),
            _ => assert_plain(&answer, StatusCode::FORBIDDEN),
        }
    }
}

/// The other checks of a worker's change, on a board with all gates.
#[db_test]
async fn a_workers_change_is_checked_from_the_block_to_the_values(backend: Backend) {
    let rules = BoardRules {
        block_status_changes_with_pending_approval: true,
        require_review_before_done: true,
        require_approval_for_done: true,
        ..BoardRules::default()
    };
    let (app, world) = on_board(backend, rules).await;
    let open = app.add_task(world.board.id, "open").await;
    let task = app.add_task_with(world.board.id, "t", InProgress, Some(world.worker.agent.id)).await;
    link(&app, &world, task.id, open.id).await;
    let approvals = approvals_of(world.board.id);
    let approval = app.post(&world.owner, &approvals, asked(json!({"task_id": task.id}))).await.ok();
    let decide = async |status: &str| {
        let path = format!("{approvals}/{}", approval["id"].as_str().expect("an id"));
        app.patch(&world.owner, &path, json!({"status": status})).await.ok();
    };
    let body = json!({"status": "done", "custom_field_values": {"no such field": 1}});
    let path = task_of(world.board.id, task.id);
    let mut sender = Sender { app: &app, actor: &world.worker, path, is_creation: false, body };
    assert_coded(&sender.send().await, StatusCode::CONFLICT, BLOCKED);
    app.delete(&world.owner, &task_of(world.board.id, open.id)).await.ok();
    assert_coded(&sender.send().await, StatusCode::CONFLICT, "task_pending_approval");
    decide("rejected").await;
    assert_coded(&sender.send().await, StatusCode::CONFLICT, "task_review_required");
    app.patch(&world.owner, &sender.path, json!({"status": "review", "assigned_agent_id": null})).await.ok();
    app.patch(&world.owner, &sender.path, json!({"assigned_agent_id": world.worker.agent.id})).await.ok();
    assert_coded(&sender.send().await, StatusCode::CONFLICT, "task_approval_required");
    decide("approved").await;
    let values = sender.send().await;
    assert_names(&values, StatusCode::UNPROCESSABLE_ENTITY, "unknown_field_keys");
    let after = sender.without("custom_field_values").await.ok();
    assert_eq!(
        (&after["status"], &after["assigned_agent_id"]),
        (&json!("done"), &json!(world.worker.agent.id))
    );
}

/// Of a new list of dependencies: itself, then what is not there, then circles.
#[db_test]
async fn a_list_of_dependencies_is_checked_for_itself_then_the_missing_then_circles(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [task, after] = [world.task.id, app.add_task(world.board.id, "after").await.id];
    link(&app, &world, after, task).await;
    let missing = TaskId::generate();
    for actor in [&*world.owner, &*world.lead] {
        let send = async |on: Value| {
            app.patch(actor, &task_of(world.board.id, task), json!({"depends_on_task_ids": on})).await
        };
        let itself = send(json!([after, missing, task])).await;
        assert_plain(&itself, StatusCode::UNPROCESSABLE_ENTITY);
        let absent = send(json!([after, missing])).await;
        assert_names(&absent, StatusCode::NOT_FOUND, "missing_task_ids");
        assert_coded(&send(json!([after])).await, StatusCode::CONFLICT, "task_dependency_cycle");
    }
}

/// What is done stays done under a patch that changes no state, however many gates there are.
#[db_test]
async fn what_was_created_done_is_past_all_gates(backend: Backend) {
    let rules = BoardRules { require_review_before_done: true, ..BoardRules::default() };
    let (app, world) = on_board(backend, rules).await;
    for (from, refused) in [(Done, false), (Inbox, true), (InProgress, true)] {
        let task = app.add_task_with(world.board.id, "t", from, None).await;
        let path = task_of(world.board.id, task.id);
        for actor in [&*world.owner, &*world.worker] {
            let answer = app.patch(actor, &path, json!({"status": "done"})).await;
            match refused {
                true => assert_coded(&answer, StatusCode::CONFLICT, "task_review_required"),
                false => assert_eq!(answer.ok()["status"], "done"),
            }
        }
    }
}
