//! Whom a change concerns: the outbox, filled in the transaction of the change.

use std::time::Duration;

use mc_model::task::TaskStatus;
use mc_store::WriteTx;
use mc_store::queue::{self, ClaimedJob};
use mc_testkit::{Actor, Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{agent_tasks_of, comments_of, task_of, tasks_of};

/// Takes everything out of the outbox, oldest first.
pub async fn outbox(app: &TestApp) -> Vec<ClaimedJob> {
    let claim = async |tx: &mut WriteTx| {
        let jobs = queue::claim(tx, "test", &["agent.notice"], Duration::from_secs(1), 100).await?;
        for job in &jobs {
            queue::finish(tx, "test", job.id).await?;
        }
        Ok(jobs)
    };
    let mut jobs = app.store().write(None, None, claim).await.expect("the outbox can be read");
    jobs.sort_by_key(|job| job.id);
    jobs
}

/// What the outbox holds, as (kind, recipient, wake).
pub async fn told(app: &TestApp) -> Vec<(String, Value, Value)> {
    let text = |value: &Value| value.as_str().expect("a kind").to_owned();
    let jobs = outbox(app).await;
    jobs.iter()
        .map(|job| {
            (text(&job.payload["notice"]), job.payload["agent_id"].clone(), job.payload["wake"].clone())
        })
        .collect()
}

async fn change(app: &TestApp, actor: &Actor, path: &str, body: Value) {
    app.patch(actor, path, body).await.ok();
}

#[db_test]
async fn a_new_task_is_told_to_the_lead_and_the_assignee(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (worker, lead) = (json!(world.worker.agent.id), json!(world.lead.agent.id));
    let path = tasks_of(world.board.id);
    app.post(&world.owner, &path, json!({"title": "t"})).await.ok();
    assert_eq!(told(&app).await, [("NEW TASK ADDED".to_owned(), lead.clone(), Value::Null)]);
    app.post(&world.owner, &path, json!({"title": "t", "assigned_agent_id": worker})).await.ok();
    let wanted = [
        ("NEW TASK ADDED".to_owned(), lead.clone(), Value::Null),
        ("TASK ASSIGNED".to_owned(), worker.clone(), json!("assignment")),
    ];
    assert_eq!(told(&app).await, wanted);
    let body = json!({"title": "t", "assigned_agent_id": lead, "status": "review"});
    app.post(&world.owner, &path, body).await.ok();
    let kinds: Vec<_> = told(&app).await.into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["NEW TASK ADDED", "TASK READY FOR LEAD REVIEW"]);
    let by_lead = json!({"title": "t", "assigned_agent_id": worker});
    app.post(&world.lead, &agent_tasks_of(world.board.id), by_lead).await.ok();
    assert_eq!(told(&app).await, [("TASK ASSIGNED".to_owned(), worker, json!("assignment"))]);
    app.post(&world.owner, &tasks_of(world.other_board.id), json!({"title": "t"})).await.ok();
    assert_eq!(told(&app).await, [], "a board without a lead");
}

#[db_test]
async fn moves_are_told_to_those_they_concern(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (worker, lead) = (json!(world.worker.agent.id), json!(world.lead.agent.id));
    let path = task_of(world.board.id, world.task.id);
    let said = |kind: &str, to: &Value, wake: Value| (kind.to_owned(), to.clone(), wake);

    change(&app, &world.worker, &path, json!({"status": "in_progress"})).await;
    assert_eq!(told(&app).await, [], "who claims a task knows it");
    change(&app, &world.worker, &path, json!({"status": "review"})).await;
    assert_eq!(told(&app).await, [said("TASK READY FOR LEAD REVIEW", &lead, json!("assignment"))]);
    change(&app, &world.lead, &path, json!({"status": "inbox"})).await;
    assert_eq!(told(&app).await, [said("CHANGES REQUESTED", &worker, Value::Null)]);
    change(&app, &world.owner, &path, json!({"status": "in_progress"})).await;
    assert_eq!(told(&app).await, [said("TASK STARTED", &worker, json!("status_in_progress"))]);
    change(&app, &world.worker, &path, json!({"status": "inbox"})).await;
    assert_eq!(told(&app).await, [said("TASK BACK IN INBOX", &lead, Value::Null)]);
    change(&app, &world.owner, &path, json!({"status": "inbox", "title": "again"})).await;
    assert_eq!(told(&app).await, [], "it was free already");
    change(&app, &world.owner, &path, json!({"assigned_agent_id": worker})).await;
    assert_eq!(told(&app).await, [said("TASK ASSIGNED", &worker, json!("assignment"))]);
    change(&app, &world.owner, &path, json!({"assigned_agent_id": worker, "title": "same"})).await;
    assert_eq!(told(&app).await, [], "it had the task already");
    change(&app, &world.lead, &path, json!({"assigned_agent_id": null})).await;
    assert_eq!(told(&app).await, [], "the lead knows what it does");
    let body = json!({"status": "in_progress", "assigned_agent_id": worker});
    change(&app, &world.lead, &path, body).await;
    assert_eq!(told(&app).await, [said("TASK ASSIGNED", &worker, json!("assignment"))]);
    change(&app, &world.owner, &path, json!({"status": "done"})).await;
    assert_eq!(told(&app).await, []);
}

#[db_test]
async fn comments_are_told_to_the_mentioned_else_to_the_assignee(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.board.id;
    let ada = app.add_agent(world.gateway, Some(board), "Ada Lovelace", false).await;
    let task = app.add_task_with(board, "t", TaskStatus::InProgress, Some(world.worker.agent.id)).await;
    let path = comments_of(board, task.id);
    let (worker, lead) = (json!(world.worker.agent.id), json!(world.lead.agent.id));
    let adas = json!(ada.agent.id);
    let mention = |to: &Value| ("TASK MENTION".to_owned(), to.clone(), Value::Null);
    let comment = |to: &Value| ("NEW TASK COMMENT".to_owned(), to.clone(), Value::Null);
    for (author, text, wanted) in [
        (&*world.owner, "how is it going?", vec![comment(&worker)]),
        (&*world.owner, "@ada could you help?", vec![mention(&adas)]),
        (&*world.owner, "@ADA and @lead, see me@example.com", vec![mention(&lead), mention(&adas)]),
        (&*world.owner, "write to me@example.com", vec![comment(&worker)]),
        (&*world.owner, "@neighbour works elsewhere", vec![comment(&worker)]),
        (&*world.worker, "done soon", vec![]),
        (&*world.worker, "@worker that is me", vec![]),
        (&*ada, "I am on it", vec![comment(&worker)]),
        (&*ada, "@ada talks to herself, @worker listens", vec![mention(&worker)]),
    ] {
        app.post(author, &path, json!({"message": text})).await.ok();
        let mut found = told(&app).await;
        let mut wanted = wanted;
        found.sort_by_key(|(_, to, _)| to.to_string());
        wanted.sort_by_key(|(_, to, _)| to.to_string());
        assert_eq!(found, wanted, "{text}");
    }
    change(&app, &world.owner, &task_of(board, task.id), json!({"comment": "@ada look"})).await;
    assert_eq!(told(&app).await, [mention(&adas)], "a comment inside a change is a comment");
    let free = app.add_task(board, "free").await;
    app.post(&world.owner, &comments_of(board, free.id), json!({"message": "anybody?"})).await.ok();
    assert_eq!(told(&app).await, []);
}

/// A gateway that gets a notice twice knows it by its key: it names the cause and the recipient, nothing random.
#[db_test]
async fn notices_carry_a_key_made_of_cause_and_recipient(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = comments_of(world.board.id, world.task.id);
    let comment = app.post(&world.owner, &path, json!({"message": "@worker @lead"})).await.ok();
    let jobs = outbox(&app).await;
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        let payload = &job.payload;
        assert_eq!(payload["activity_id"], comment["id"]);
        assert_eq!(payload["task_id"], json!(world.task.id));
        let parts = [&payload["activity_id"], &payload["notice"], &payload["agent_id"]];
        let key = parts.map(|part| part.as_str().expect("text")).join(":");
        assert_eq!(payload["idempotency_key"], key);
        assert_eq!(job.max_attempts, 4, "bounded retries");
        assert!(job.request_id.is_some(), "it can be traced to its request");
    }
}

#[db_test]
async fn a_refused_change_tells_nobody(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let body = json!({"title": "t", "assigned_agent_id": world.neighbour.agent.id});
    assert!(!app.post(&world.owner, &tasks_of(world.board.id), body).await.status.is_success());
    let body = json!({"status": "done", "comment": "@worker no"});
    assert!(!app.patch(&world.lead, &task_of(world.board.id, world.task.id), body).await.status.is_success());
    assert_eq!(told(&app).await, []);
}

/// The rows of the table that say "none".
#[db_test]
async fn what_concerns_nobody_is_told_to_nobody(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let worker = Some(world.worker.agent.id);
    let assigned = async |status| app.add_task_with(world.board.id, "t", status, worker).await;
    let approvals = crate::approvals::approvals_of(world.board.id);
    let ask = async |actor: &Actor| {
        app.post(actor, &approvals, crate::approvals::asked(json!({}))).await.ok();
    };
    ask(&world.owner).await;
    ask(&world.worker).await;
    assert_eq!(told(&app).await, [], "an approval was asked for");
    for status in [TaskStatus::Inbox, TaskStatus::InProgress, TaskStatus::Done] {
        let task = assigned(status).await;
        app.delete(&world.owner, &task_of(world.board.id, task.id)).await.ok();
    }
    assert_eq!(told(&app).await, [], "tasks were deleted");
    let (free, done) = (assigned(TaskStatus::Inbox).await, assigned(TaskStatus::Review).await);
    change(&app, &world.lead, &task_of(world.board.id, free.id), json!({"assigned_agent_id": null})).await;
    change(&app, &world.lead, &task_of(world.board.id, done.id), json!({"status": "done"})).await;
    assert_eq!(told(&app).await, [], "the lead let go of one, and finished one");
    let own = app.add_task(world.board.id, "t").await;
    for status in ["in_progress", "done"] {
        change(&app, &world.worker, &task_of(world.board.id, own.id), json!({"status": status})).await;
    }
    assert_eq!(told(&app).await, [], "a worker took and finished a task by itself");
    change(&app, &world.owner, &task_of(world.board.id, own.id), json!({"title": "renamed"})).await;
    assert_eq!(told(&app).await, [], "a text was changed");
}
