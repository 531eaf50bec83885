//! What a block blocks (tasks spec §4.1), row by row.

use axum::http::StatusCode;
use mc_model::task::TaskStatus::{self, Done, InProgress, Inbox, Review};
use mc_testkit::{Answer, Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{BLOCKED, assert_waits, link, patch, seen, task, waiting};
use crate::tasks::{agent_tasks_of, assert_coded, tasks_of};

#[track_caller]
fn assert_blocked(answer: &Answer, by: Value) {
    assert_coded(answer, StatusCode::CONFLICT, BLOCKED);
    assert_eq!(answer.json()["detail"]["blocked_by_task_ids"], by, "{answer}");
}

#[db_test]
async fn a_person_creates_a_blocked_task_only_free_and_in_the_inbox(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let open = task(&app, &world, "open", InProgress).await;
    let done = task(&app, &world, "done", Done).await;
    let path = tasks_of(world.board.id);
    let on = json!([done.id, open.id]);
    for more in [
        json!({"assigned_agent_id": world.worker.agent.id}),
        json!({"status": "in_progress"}),
        json!({"status": "review"}),
        json!({"status": "done"}),
    ] {
        let mut body = json!({"title": "t", "depends_on_task_ids": on});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        assert_blocked(&app.post(&world.owner, &path, body).await, json!([open.id]));
    }
    assert_eq!(app.get(&world.owner, &path).await.ok()["total"], 3, "nothing refused is there");
    let free = app.post(&world.owner, &path, json!({"title": "t", "depends_on_task_ids": on})).await.ok();
    assert_waits(&free, &[&done, &open], &[&open]);
    let body = json!({"title": "t", "depends_on_task_ids": [done.id], "status": "in_progress"});
    let ready = app.post(&world.owner, &path, body).await.ok();
    assert_waits(&ready, &[&done], &[]);
}

#[db_test]
async fn a_lead_creates_a_blocked_task_only_free_and_in_the_inbox(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let open = task(&app, &world, "open", Review).await;
    let path = agent_tasks_of(world.board.id);
    for body in [
        json!({"title": "t", "depends_on_task_ids": [open.id], "assigned_agent_id": world.worker.agent.id}),
        json!({"title": "t", "depends_on_task_ids": [open.id], "status": "review"}),
    ] {
        assert_blocked(&app.post(&world.lead, &path, body).await, json!([open.id]));
    }
    let body = json!({"title": "t", "depends_on_task_ids": [open.id]});
    assert_waits(&app.post(&world.lead, &path, body).await.ok(), &[&open], &[&open]);
}

/// The call succeeds, whatever was asked for, and the task says why it is where it is.
#[db_test]
async fn a_persons_change_of_a_blocked_task_ends_in_the_inbox(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let worker = json!(world.worker.agent.id);
    for (from, body) in [
        (Inbox, json!({"status": "in_progress"})),
        (Inbox, json!({"status": "done"})),
        (Inbox, json!({"assigned_agent_id": worker})),
        (Inbox, json!({"status": "in_progress", "assigned_agent_id": worker})),
        (InProgress, json!({"status": "review"})),
        (Review, json!({"status": "done"})),
        (Done, json!({"status": "in_progress"})),
    ] {
        let (blocked, open) = waiting(&app, &world, from).await;
        let task = patch(&app, &world, &world.owner, &blocked, body.clone()).await.ok();
        let state = (&task["status"], &task["assigned_agent_id"], &task["in_progress_at"]);
        assert_eq!(state, (&json!("inbox"), &Value::Null, &Value::Null), "{from:?} {body}");
        assert_waits(&task, &[&open], &[&open]);
    }
}

#[db_test]
async fn a_person_who_blocks_a_task_at_work_puts_it_back(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let open = task(&app, &world, "open", Inbox).await;
    let busy = app.add_task_with(world.board.id, "busy", InProgress, Some(world.worker.agent.id)).await;
    let mut stream = app.stream(&world.reader, &format!("{}/stream", tasks_of(world.board.id)), &[]).await;
    let body = json!({"depends_on_task_ids": [open.id], "title": "now waiting"});
    let put_back = patch(&app, &world, &world.owner, &busy, body).await.ok();
    assert_eq!((&put_back["status"], &put_back["title"]), (&json!("inbox"), &json!("now waiting")));
    assert_eq!((&put_back["assigned_agent_id"], &put_back["in_progress_at"]), (&Value::Null, &Value::Null));
    let event = stream.next().await;
    assert_eq!(event.data["type"], "task.status_changed");
    let told = event.data["activity"]["message"].as_str().expect("a message");
    assert!(told.contains("because it waits for others"), "the feed says why: {told}");
}

/// An edit that touches neither state nor assignee nor dependencies takes the task from nobody.
#[db_test]
async fn a_persons_edit_of_the_text_leaves_a_blocked_task_where_it_is(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let open = task(&app, &world, "open", Inbox).await;
    let busy = app.add_task_with(world.board.id, "busy", InProgress, Some(world.worker.agent.id)).await;
    link(&app, &world, &busy, &[&open]).await;
    for body in [json!({"title": "new"}), json!({"priority": "high", "status": "in_progress"}), json!({})] {
        let task = patch(&app, &world, &world.owner, &busy, body.clone()).await.ok();
        let state = (&task["status"], &task["assigned_agent_id"], &task["is_blocked"]);
        assert_eq!(state, (&json!("in_progress"), &json!(world.worker.agent.id), &json!(true)), "{body}");
    }
}

#[db_test]
async fn what_is_done_stays_done_and_shows_no_block(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (finished, open) = waiting(&app, &world, Done).await;
    assert_waits(&seen(&app, &world, &finished).await, &[&open], &[]);
    for body in [json!({"title": "new"}), json!({"status": "done"}), json!({"assigned_agent_id": null})] {
        let task = patch(&app, &world, &world.owner, &finished, body.clone()).await.ok();
        assert_eq!(task["status"], "done", "{body}");
        assert_waits(&task, &[&open], &[]);
    }
}

#[db_test]
async fn a_lead_neither_assigns_nor_moves_a_blocked_task(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (blocked, open) = waiting(&app, &world, Inbox).await;
    for body in [
        json!({"assigned_agent_id": world.worker.agent.id}),
        json!({"assigned_agent_id": null}),
        json!({"status": "inbox"}),
        json!({"status": "in_progress", "assigned_agent_id": world.worker.agent.id}),
        json!({"status": "in_progress", "assigned_agent_id": world.worker.agent.id, "tag_ids": []}),
    ] {
        assert_blocked(&patch(&app, &world, &world.lead, &blocked, body).await, json!([open.id]));
    }
    let review = task(&app, &world, "review", Review).await;
    link(&app, &world, &review, &[&open]).await;
    let refused = patch(&app, &world, &world.lead, &review, json!({"status": "done"})).await;
    assert_blocked(&refused, json!([open.id]));
    for body in [
        json!({"tag_ids": []}),
        json!({"custom_field_values": {}}),
        json!({"depends_on_task_ids": [open.id]}),
    ] {
        let task = patch(&app, &world, &world.lead, &blocked, body).await.ok();
        assert_waits(&task, &[&open], &[&open]);
    }
}

/// A lead may leave a task at work blocked: only a person's change puts it back.
#[db_test]
async fn a_leads_change_of_dependencies_never_moves_the_task(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let open = task(&app, &world, "open", Inbox).await;
    let busy = app.add_task_with(world.board.id, "busy", InProgress, Some(world.worker.agent.id)).await;
    let body = json!({"depends_on_task_ids": [open.id]});
    let task = patch(&app, &world, &world.lead, &busy, body).await.ok();
    let state = (&task["status"], &task["assigned_agent_id"]);
    assert_eq!(state, (&json!("in_progress"), &json!(world.worker.agent.id)));
    assert_waits(&task, &[&open], &[&open]);
}

#[db_test]
async fn a_lead_clears_the_block_and_assigns_in_one_change(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (blocked, _) = waiting(&app, &world, Inbox).await;
    let body = json!({"depends_on_task_ids": [], "assigned_agent_id": world.worker.agent.id});
    let task = patch(&app, &world, &world.lead, &blocked, body).await.ok();
    assert_eq!(task["assigned_agent_id"], json!(world.worker.agent.id));
    assert_waits(&task, &[], &[]);
}

#[db_test]
async fn a_worker_takes_no_blocked_task(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for from in [Inbox, InProgress] {
        let (blocked, open) = waiting(&app, &world, from).await;
        for to in [InProgress, Review, Done] {
            for worker in [&world.worker, &world.main] {
                let body = json!({"status": to.as_str(), "comment": "mine"});
                let answer = patch(&app, &world, worker, &blocked, body).await;
                assert_blocked(&answer, json!([open.id]));
            }
        }
        assert_eq!(seen(&app, &world, &blocked).await["status"], from.as_str(), "nothing was written");
    }
}

#[db_test]
async fn a_worker_releases_and_comments_on_a_blocked_task(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let open = task(&app, &world, "open", Inbox).await;
    let busy = app.add_task_with(world.board.id, "busy", InProgress, Some(world.worker.agent.id)).await;
    link(&app, &world, &busy, &[&open]).await;
    for (body, status) in [
        (json!({"comment": "I wait"}), "in_progress"),
        (json!({"custom_field_values": {}}), "in_progress"),
        (json!({"status": "inbox"}), TaskStatus::Inbox.as_str()),
    ] {
        let task = patch(&app, &world, &world.worker, &busy, body.clone()).await.ok();
        assert_eq!(task["status"], status, "{body}");
    }
}
