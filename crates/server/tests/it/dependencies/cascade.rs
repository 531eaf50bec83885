//! What finishing and reopening a task does to those that wait for it (tasks spec §4.3), row by row.

use std::time::Duration;

use mc_model::Clock;
use mc_model::ids::TaskId;
use mc_model::task::Task;
use mc_model::task::TaskStatus::{Done, InProgress, Inbox, Review};
use mc_testkit::{Actor, Backend, EventStream, SentEvent, TestApp, World, db_test, raw};
use serde_json::{Value, json};

use super::{link, patch, seen, send, task};
use crate::tasks::notices::{outbox, told};
use crate::tasks::tasks_of;

async fn follow(app: &TestApp, world: &World) -> EventStream {
    app.stream(&world.reader, &format!("{}/stream", tasks_of(world.board.id)), &[]).await
}

/// Sends a status and checks that it was taken.
async fn go(app: &TestApp, world: &World, actor: &Actor, task: &Task, status: &str) {
    let after = patch(app, world, actor, task, json!({"status": status})).await.ok();
    assert_eq!(after["status"], status);
}

/// (type, task) of an event.
fn about(event: &SentEvent) -> (&str, &Value) {
    (event.data["type"].as_str().expect("a type"), &event.data["activity"]["task_id"])
}

fn message(event: &SentEvent) -> &str {
    event.data["activity"]["message"].as_str().expect("a message")
}

fn said(kind: &str, to: &Value) -> (String, Value, Value) {
    (kind.to_owned(), to.clone(), Value::Null)
}

#[db_test]
async fn done_is_announced_to_each_dependent_and_changes_none(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let source = task(&app, &world, "source", Review).await;
    let worker = world.worker.agent.id;
    let idle = task(&app, &world, "idle", Inbox).await;
    app.clock().advance(Duration::from_secs(1));
    let busy = app.add_task_with(world.board.id, "busy", InProgress, Some(worker)).await;
    let finished = task(&app, &world, "finished", Done).await;
    for dependent in [&idle, &busy, &finished] {
        link(&app, &world, dependent, &[&source]).await;
    }
    let before = [seen(&app, &world, &idle).await, seen(&app, &world, &busy).await];
    let mut stream = follow(&app, &world).await;
    app.clock().advance(Duration::from_secs(5));
    go(&app, &world, &world.owner, &source, "done").await;
    let events = stream.take(3).await;
    let wanted = [
        ("task.status_changed", &json!(source.id)),
        ("task.updated", &json!(idle.id)),
        ("task.updated", &json!(busy.id)),
    ];
    assert_eq!(events.iter().map(about).collect::<Vec<_>>(), wanted, "the source comes first");
    for event in &events[1..] {
        assert!(message(event).contains("source is done"), "{}", message(event));
        assert_eq!(event.data["task"]["is_blocked"], false);
    }
    for (task, before) in [&idle, &busy].into_iter().zip(before) {
        let after = seen(&app, &world, task).await;
        for field in ["status", "assigned_agent_id", "in_progress_at", "updated_at"] {
            assert_eq!(after[field], before[field], "{field} of {}", task.title);
        }
    }
    patch(&app, &world, &world.owner, &source, json!({"title": "again", "status": "done"})).await.ok();
    let next = stream.next().await;
    assert_eq!(about(&next), ("task.updated", &json!(source.id)), "done sent again is no news for others");
}

#[db_test]
async fn the_last_dependency_done_is_told_to_who_can_go_on(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (worker, lead) = (json!(world.worker.agent.id), json!(world.lead.agent.id));
    let [first, second] = [task(&app, &world, "1", Inbox).await, task(&app, &world, "2", Inbox).await];
    let free = task(&app, &world, "free", Inbox).await;
    let taken = app.add_task_with(world.board.id, "taken", InProgress, Some(world.worker.agent.id)).await;
    for dependent in [&free, &taken] {
        link(&app, &world, dependent, &[&first, &second]).await;
    }
    go(&app, &world, &world.owner, &first, "done").await;
    assert_eq!(told(&app).await, [], "they wait for the second one still");
    go(&app, &world, &world.owner, &second, "done").await;
    let jobs = outbox(&app).await;
    let mut found: Vec<_> =
        jobs.iter().map(|job| (job.payload["notice"].clone(), job.payload["agent_id"].clone())).collect();
    found.sort_by_key(|(_, to)| *to == lead);
    assert_eq!(found, [(json!("TASK UNBLOCKED"), worker), (json!("TASK UNBLOCKED"), lead)]);
    for job in &jobs {
        let payload = &job.payload;
        let parts = [&payload["activity_id"], &payload["notice"], &payload["agent_id"]];
        let key = parts.map(|part| part.as_str().expect("text")).join(":");
        assert_eq!(payload["idempotency_key"], key, "deterministic");
        assert_ne!(payload["task_id"], json!(second.id), "it is about the task that can go on");
    }
}

#[db_test]
async fn reopening_puts_busy_dependents_back(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let worker = Some(world.worker.agent.id);
    let source = task(&app, &world, "source", Done).await;
    let running = app.add_task_with(world.board.id, "running", InProgress, worker).await;
    let mut dependents = vec![running];
    for (title, status, assignee) in
        [("in review", Review, None), ("unowned", InProgress, None), ("assigned", Inbox, worker)]
    {
        app.clock().advance(Duration::from_secs(1));
        dependents.push(app.add_task_with(world.board.id, title, status, assignee).await);
    }
    for dependent in &dependents {
        link(&app, &world, dependent, &[&source]).await;
    }
    let mut stream = follow(&app, &world).await;
    app.clock().advance(Duration::from_secs(5));
    go(&app, &world, &world.owner, &source, "inbox").await;
    let events = stream.take(1 + dependents.len()).await;
    assert_eq!(about(&events[0]), ("task.status_changed", &json!(source.id)), "the source comes first");
    for (event, dependent) in events[1..].iter().zip(&dependents) {
        assert_eq!(about(event), ("task.status_changed", &json!(dependent.id)));
        assert!(message(event).contains("source was reopened"), "it names the cause: {}", message(event));
        let after = seen(&app, &world, dependent).await;
        let state = (&after["status"], &after["assigned_agent_id"], &after["in_progress_at"]);
        assert_eq!(state, (&json!("inbox"), &Value::Null, &Value::Null), "{}", dependent.title);
        assert_eq!(after["updated_at"], app.clock().now().to_string(), "{}", dependent.title);
        assert_eq!(after["blocked_by_task_ids"], json!([source.id]));
    }
}

/// §3.6: the cascade keeps since when a task was in progress before.
#[db_test]
async fn reopening_keeps_the_time_before(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let source = task(&app, &world, "source", Inbox).await;
    let dependent = task(&app, &world, "dependent", Inbox).await;
    go(&app, &world, &world.worker, &dependent, "in_progress").await;
    let started = app.clock().now();
    app.clock().advance(Duration::from_secs(60));
    go(&app, &world, &world.worker, &dependent, "review").await;
    go(&app, &world, &world.owner, &source, "done").await;
    link(&app, &world, &dependent, &[&source]).await;
    go(&app, &world, &world.owner, &source, "review").await;
    assert_eq!(seen(&app, &world, &dependent).await["status"], "inbox");
    let kept = raw::text(
        app.database().url(),
        "SELECT CAST(previous_in_progress_at AS text) FROM tasks WHERE previous_in_progress_at IS NOT NULL",
    )
    .await;
    assert_eq!(kept.replace(' ', "T"), started.to_string());
}

#[db_test]
async fn reopening_tells_a_clean_dependent_only(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let source = task(&app, &world, "source", Done).await;
    let idle = task(&app, &world, "idle", Inbox).await;
    link(&app, &world, &idle, &[&source]).await;
    let before = seen(&app, &world, &idle).await;
    let mut stream = follow(&app, &world).await;
    app.clock().advance(Duration::from_secs(5));
    go(&app, &world, &world.owner, &source, "in_progress").await;
    let events = stream.take(2).await;
    assert_eq!(about(&events[1]), ("task.updated", &json!(idle.id)));
    assert!(message(&events[1]).contains("source was reopened"), "{}", message(&events[1]));
    assert_eq!(seen(&app, &world, &idle).await["updated_at"], before["updated_at"]);
    assert_eq!(told(&app).await, [], "nobody lost anything");
}

#[db_test]
async fn reopening_leaves_done_dependents_alone(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let source = task(&app, &world, "source", Done).await;
    let finished = task(&app, &world, "finished", Done).await;
    link(&app, &world, &finished, &[&source]).await;
    let mut stream = follow(&app, &world).await;
    go(&app, &world, &world.owner, &source, "inbox").await;
    patch(&app, &world, &world.owner, &world.task, json!({"title": "a mark"})).await.ok();
    let events = stream.take(2).await;
    assert_eq!(about(&events[0]), ("task.status_changed", &json!(source.id)));
    assert_eq!(about(&events[1]), ("task.updated", &json!(world.task.id)), "nothing came in between");
    let after = seen(&app, &world, &finished).await;
    assert_eq!((&after["status"], &after["is_blocked"]), (&json!("done"), &json!(false)));
}

#[db_test]
async fn the_cascade_goes_one_level_deep(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let source = task(&app, &world, "source", Done).await;
    let middle = task(&app, &world, "middle", Done).await;
    let direct = task(&app, &world, "direct", InProgress).await;
    let end = task(&app, &world, "end", Review).await;
    link(&app, &world, &middle, &[&source]).await;
    link(&app, &world, &direct, &[&source]).await;
    link(&app, &world, &end, &[&middle, &direct]).await;
    go(&app, &world, &world.owner, &source, "inbox").await;
    assert_eq!(seen(&app, &world, &middle).await["status"], "done");
    assert_eq!(seen(&app, &world, &direct).await["status"], "inbox");
    assert_eq!(seen(&app, &world, &end).await["status"], "review", "it waits for others than the source");
}

#[db_test]
async fn the_cascade_is_the_deed_of_who_changed_the_source(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let source = task(&app, &world, "source", Inbox).await;
    let dependent = task(&app, &world, "dependent", Inbox).await;
    link(&app, &world, &dependent, &[&source]).await;
    let mut stream = follow(&app, &world).await;
    go(&app, &world, &world.worker, &source, "done").await;
    go(&app, &world, &world.owner, &source, "inbox").await;
    let events = stream.take(4).await;
    let actors: Vec<_> = events.iter().map(|event| event.data["activity"]["agent_id"].clone()).collect();
    let worker = json!(world.worker.agent.id);
    assert_eq!(actors, [worker.clone(), worker, Value::Null, Value::Null]);
}

#[db_test]
async fn who_loses_a_task_to_a_block_is_told(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (worker, lead) = (json!(world.worker.agent.id), json!(world.lead.agent.id));
    let source = task(&app, &world, "source", Done).await;
    let busy = app.add_task_with(world.board.id, "busy", InProgress, Some(world.worker.agent.id)).await;
    link(&app, &world, &busy, &[&source]).await;
    go(&app, &world, &world.owner, &source, "in_progress").await;
    let lost = [said("TASK BACK IN INBOX", &lead), said("TASK BLOCKED", &worker)];
    assert_eq!(told(&app).await, lost, "by the cascade");

    let other = app.add_task_with(world.board.id, "other", InProgress, Some(world.worker.agent.id)).await;
    send(&app, &world, &world.owner, &other, &[source.id]).await.ok();
    assert_eq!(told(&app).await, lost, "by a person's new dependency");

    let third = app.add_task_with(world.board.id, "third", InProgress, Some(world.worker.agent.id)).await;
    send(&app, &world, &world.lead, &third, &[source.id]).await.ok();
    assert_eq!(told(&app).await, [], "a lead's dependency takes nothing from anybody");
}

/// Nothing of it is there when the change itself is refused.
#[db_test]
async fn a_refused_change_has_no_cascade(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let source = task(&app, &world, "source", Done).await;
    let busy = app.add_task_with(world.board.id, "busy", InProgress, Some(world.worker.agent.id)).await;
    link(&app, &world, &busy, &[&source]).await;
    for body in [
        json!({"status": "inbox", "assigned_agent_id": TaskId::generate()}),
        json!({"status": "inbox", "tag_ids": [TaskId::generate()]}),
        json!({"status": "inbox", "custom_field_values": {"no such": 1}}),
    ] {
        let answer = patch(&app, &world, &world.owner, &source, body).await;
        assert!(answer.status.is_client_error(), "{answer}");
    }
    assert_eq!(seen(&app, &world, &busy).await["status"], "in_progress");
    assert_eq!(seen(&app, &world, &source).await["status"], "done");
    assert_eq!(told(&app).await, []);
}
