//! Approvals over HTTP (tasks spec §8) and the gates they open (§2), on both databases.

mod asking;
mod deciding;
mod gates;
pub mod imported;
mod lists;

use axum::http::StatusCode;
use mc_model::ids::{BoardId, TaskId};
use mc_testkit::{Actor, Answer, TestApp, World};
use serde_json::{Value, json};

/// Where people and agents find the approvals of a board.
pub fn approvals_of(board: BoardId) -> String {
    format!("/api/v1/boards/{board}/approvals")
}

/// Where agents find them.
fn agent_approvals_of(board: BoardId) -> String {
    format!("/api/v1/agent/boards/{board}/approvals")
}

/// The least that asks for an approval, with `more`.
pub fn asked(more: Value) -> Value {
    let mut body = json!({"action_type": "deploy", "confidence": 80, "payload": {"reason": "because"}});
    body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
    body
}

/// Asks on the world's board.
async fn ask(app: &TestApp, world: &World, actor: &Actor, more: Value) -> Answer {
    app.post(actor, &approvals_of(world.board.id), asked(more)).await
}

/// A pending approval for `tasks` that a person asked for.
async fn pending(app: &TestApp, world: &World, tasks: &[TaskId]) -> Value {
    ask(app, world, &world.owner, json!({"task_ids": tasks})).await.ok()
}

/// Sends a decision on an approval of the world's board.
async fn decide(app: &TestApp, world: &World, approval: &Value, body: Value) -> Answer {
    app.patch(&world.owner, &path_of(world.board.id, approval), body).await
}

fn path_of(board: BoardId, approval: &Value) -> String {
    format!("{}/{}", approvals_of(board), approval["id"].as_str().expect("an id"))
}

/// The approvals of the world's board, newest first.
async fn listed(app: &TestApp, world: &World) -> Vec<Value> {
    let page = app.get(&world.reader, &approvals_of(world.board.id)).await.ok();
    page["items"].as_array().expect("items").clone()
}

/// Checks a 409 that names pairs of task and approval.
#[track_caller]
fn assert_conflicts(answer: &Answer, pairs: &[(TaskId, &Value)]) {
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer}");
    let detail = &answer.json()["detail"];
    let wanted: Vec<_> = pairs
        .iter()
        .map(|(task, approval)| json!({"task_id": task, "approval_id": approval["id"]}))
        .collect();
    assert_eq!(detail["conflicts"], json!(wanted), "{answer}");
    assert!(detail["message"].is_string(), "{answer}");
}
