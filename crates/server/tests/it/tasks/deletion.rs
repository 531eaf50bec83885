//! Deleting tasks.

use axum::http::StatusCode;
use mc_testkit::{Backend, TestApp, db_test, raw};
use serde_json::{Value, json};

use super::{agent_tasks_of, assert_plain, comments_of, shown, task_of, tasks_of};

#[db_test]
async fn a_deleted_task_is_gone_with_its_comments(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (board, kept) = (world.board.id, app.add_task(world.board.id, "kept").await);
    let path = task_of(board, world.task.id);
    let comments = comments_of(board, world.task.id);
    app.post(&world.owner, &comments, json!({"message": "@worker hello"})).await.ok();
    app.post(&world.owner, &comments_of(board, kept.id), json!({"message": "@worker stays"})).await.ok();
    let answer = app.delete(&world.owner, &path).await.ok();
    assert_eq!(answer, json!({"ok": true}));
    assert_eq!(shown(&app, &world.owner, board, world.task.id).await, Value::Null);
    assert_plain(&app.delete(&world.owner, &path).await, StatusCode::NOT_FOUND);
    assert_plain(&app.patch(&world.owner, &path, json!({})).await, StatusCode::NOT_FOUND);
    assert_plain(&app.get(&world.owner, &comments).await, StatusCode::NOT_FOUND);
    assert_plain(&app.post(&world.owner, &comments, json!({"message": "late"})).await, StatusCode::NOT_FOUND);
    let list = app.get(&world.owner, &tasks_of(board)).await.ok();
    assert_eq!((&list["total"], &list["items"][0]["id"]), (&json!(1), &json!(kept.id)));
    assert_eq!(app.get(&world.owner, &comments_of(board, kept.id)).await.ok()["total"], 1);
    for rows in ["tasks", "task_comment_mentions", "activity_events WHERE event_type = 'task.comment'"] {
        let count = raw::text(app.database().url(), &format!("SELECT count(*) FROM {rows}")).await;
        assert_eq!(count, "1", "{rows}: those of the other task");
    }
}

#[db_test]
async fn people_who_write_and_the_lead_delete(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.board.id;
    for agent in [&world.worker, &world.main] {
        let path = format!("{}/{}", agent_tasks_of(board), world.task.id);
        assert_plain(&app.delete(agent, &path).await, StatusCode::FORBIDDEN);
    }
    let by_lead = format!("{}/{}", agent_tasks_of(board), world.task.id);
    assert_eq!(app.delete(&world.lead, &by_lead).await.ok(), json!({"ok": true}));
    let task = app.add_task(board, "t").await;
    assert_eq!(app.delete(&world.writer, &task_of(board, task.id)).await.ok(), json!({"ok": true}));
    let task = app.add_task(board, "t").await;
    let answer = app.delete(&world.lead, &task_of(board, task.id)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "agents have their own road");
}
