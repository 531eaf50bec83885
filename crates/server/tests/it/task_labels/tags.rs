//! The task side of tags (tasks spec §5.1).

use axum::http::StatusCode;
use mc_model::ids::{TagId, TaskId};
use mc_model::task::TaskStatus;
use mc_testkit::{Actor, Answer, Backend, TestApp, db_test, raw};
use serde_json::{Value, json};

use super::{create, delegate, patch, seen};
use crate::tasks::{assert_coded, assert_fault, task_of, tasks_of};

async fn tag(app: &TestApp, admin: &Actor, name: &str) -> Value {
    app.post(admin, "/api/v1/tags", json!({"name": name, "color": "00ff00"})).await.ok()
}

#[track_caller]
fn assert_tags(task: &Value, tags: &[&Value]) {
    let ids: Vec<_> = tags.iter().map(|tag| tag["id"].clone()).collect();
    assert_eq!(task["tag_ids"], json!(ids), "{task}");
    let short = |tag: &&Value| json!({"id": tag["id"], "name": tag["name"], "slug": tag["slug"], "color": tag["color"]});
    assert_eq!(task["tags"], tags.iter().map(short).collect::<Value>(), "{task}");
}

#[track_caller]
fn assert_missing(answer: &Answer, missing: Value) {
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer}");
    assert_eq!(answer.json()["detail"]["missing_tag_ids"], missing, "{answer}");
    assert!(answer.json()["detail"]["message"].is_string(), "{answer}");
}

#[db_test]
async fn tags_are_shown_once_each_in_the_order_of_the_request(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [a, b, c] = [
        tag(&app, &world.admin, "alpha").await,
        tag(&app, &world.admin, "Beta two").await,
        tag(&app, &world.admin, "gamma").await,
    ];
    let ids = json!([c["id"], a["id"], c["id"], b["id"]]);
    let body = json!({"title": "t", "tag_ids": ids});
    assert_tags(&create(&app, &world, body.clone()).await.ok(), &[&c, &a, &b]);
    assert_tags(&delegate(&app, &world, body).await.ok(), &[&c, &a, &b]);
    for actor in [&*world.owner, &*world.lead] {
        let task = patch(&app, &world, actor, json!({"tag_ids": ids})).await.ok();
        assert_tags(&task, &[&c, &a, &b]);
        assert_tags(&seen(&app, &world).await, &[&c, &a, &b]);
    }
}

#[db_test]
async fn a_list_of_tags_replaces_null_leaves_and_an_empty_one_clears(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [a, b] = [tag(&app, &world.admin, "a").await, tag(&app, &world.admin, "b").await];
    for (list, wanted) in [
        (json!([a["id"]]), vec![&a]),
        (json!([b["id"], a["id"]]), vec![&b, &a]),
        (Value::Null, vec![&b, &a]),
        (json!([b["id"]]), vec![&b]),
        (json!([]), vec![]),
    ] {
        assert_tags(&patch(&app, &world, &world.owner, json!({"tag_ids": list})).await.ok(), &wanted);
    }
    let rows = raw::text(app.database().url(), "SELECT count(*) FROM tag_assignments").await;
    assert_eq!(rows, "0");
    let answer = create(&app, &world, json!({"title": "t", "tag_ids": null})).await;
    assert_fault(&answer, "list_type", json!(["body", "tag_ids"]));
}

#[db_test]
async fn a_tag_of_another_organization_is_missing(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let ours = tag(&app, &world.admin, "ours").await;
    let theirs = tag(&app, &world.stranger, "theirs").await;
    let nothing = TagId::generate();
    let ids = json!([nothing, ours["id"], theirs["id"], nothing]);
    let missing = json!([nothing, theirs["id"]]);
    let body = json!({"title": "refused", "tag_ids": ids});
    assert_missing(&create(&app, &world, body.clone()).await, missing.clone());
    assert_missing(&delegate(&app, &world, body.clone()).await, missing.clone());
    assert_missing(&patch(&app, &world, &world.owner, body).await, missing.clone());
    assert_missing(&patch(&app, &world, &world.lead, json!({"tag_ids": ids})).await, missing);
    let task = seen(&app, &world).await;
    assert_tags(&task, &[]);
    assert_eq!(task["title"], "Write the announcement", "nothing of a refused change is there");
    assert_eq!(app.get(&world.owner, &tasks_of(world.board.id)).await.ok()["total"], 1);
}

/// Spec §3.2 and §3.3: a person's first fault is an agent's last.
#[db_test]
async fn wrong_tags_answer_before_wrong_dependencies_to_people_and_after_to_leads(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.board.id;
    let done = app.add_task_with(board, "done", TaskStatus::Done, None).await.id;
    let waiting = app.add_task(board, "waits for the world's task").await.id;
    app.patch(&world.owner, &task_of(board, waiting), json!({"depends_on_task_ids": [world.task.id]}))
        .await
        .ok();
    let (tag, nothing) = (TagId::generate(), TaskId::generate());
    for (task, on, status) in [
        (world.task.id, world.task.id, StatusCode::UNPROCESSABLE_ENTITY),
        (world.task.id, nothing, StatusCode::NOT_FOUND),
        (world.task.id, waiting, StatusCode::CONFLICT),
        (done, waiting, StatusCode::CONFLICT),
    ] {
        let body = json!({"depends_on_task_ids": [on], "tag_ids": [tag]});
        let path = task_of(board, task);
        assert_missing(&app.patch(&world.owner, &path, body.clone()).await, json!([tag]));
        let to_lead = app.patch(&world.lead, &path, body).await;
        assert_eq!(to_lead.status, status, "{to_lead}");
        assert!(!to_lead.text().contains("missing_tag_ids"), "{to_lead}");
        let alone = app.patch(&world.owner, &path, json!({"depends_on_task_ids": [on], "tag_ids": []})).await;
        assert_eq!((alone.status, &alone.json()["detail"]), (status, &to_lead.json()["detail"]), "{alone}");
    }
    let wrong_assignee = json!({"tag_ids": [tag], "assigned_agent_id": TagId::generate(), "status": "done"});
    assert_missing(&patch(&app, &world, &world.owner, wrong_assignee).await, json!([tag]));
}

#[db_test]
async fn a_worker_sets_no_tags(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let ours = tag(&app, &world.admin, "ours").await;
    for list in [json!([ours["id"]]), json!([]), Value::Null] {
        let answer = patch(&app, &world, &world.worker, json!({"tag_ids": list})).await;
        assert_coded(&answer, StatusCode::FORBIDDEN, "task_update_field_forbidden");
    }
}

#[db_test]
async fn a_changed_tag_is_shown_changed_and_a_deleted_one_not_at_all(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [a, b] = [tag(&app, &world.admin, "a").await, tag(&app, &world.admin, "b").await];
    patch(&app, &world, &world.owner, json!({"tag_ids": [a["id"], b["id"]]})).await.ok();
    let path = |tag: &Value| format!("/api/v1/tags/{}", tag["id"].as_str().expect("an id"));
    let renamed = app.patch(&world.admin, &path(&a), json!({"name": "new", "color": "#ABCDEF"})).await.ok();
    assert_tags(&seen(&app, &world).await, &[&renamed, &b]);
    app.delete(&world.admin, &path(&b)).await.ok();
    assert_tags(&seen(&app, &world).await, &[&renamed]);
    app.delete(&world.owner, &task_of(world.board.id, world.task.id)).await.ok();
    assert_eq!(app.get(&world.reader, &path(&a)).await.ok()["task_count"], 0);
}
