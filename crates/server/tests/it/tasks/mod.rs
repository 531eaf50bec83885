//! Tasks and comments as people and agents meet them over HTTP.

mod agents;
mod comments;
mod creation;
mod deletion;
mod history;
mod lists;
pub mod notices;
mod people;
mod precedence;
mod review_comments;
mod sizes;
mod times;
mod waking;

use axum::http::StatusCode;
use mc_model::board::{Board, BoardRules};
use mc_model::ids::{AgentId, BoardId, TaskId};
use mc_model::task::TaskStatus;
use mc_testkit::{Actor, Answer, TestApp};
use serde_json::{Value, json};

/// Every state, in the order of the contract.
const STATES: [TaskStatus; 4] = TaskStatus::ALL;

/// Where people find the tasks of a board.
pub fn tasks_of(board: BoardId) -> String {
    format!("/api/v1/boards/{board}/tasks")
}

/// Where agents find them.
pub fn agent_tasks_of(board: BoardId) -> String {
    format!("/api/v1/agent{}", &tasks_of(board)["/api/v1".len()..])
}

/// Where people find one task.
pub fn task_of(board: BoardId, task: TaskId) -> String {
    format!("{}/{task}", tasks_of(board))
}

/// Where people find its comments.
pub fn comments_of(board: BoardId, task: TaskId) -> String {
    format!("{}/comments", task_of(board, task))
}

/// Checks the status code and the machine code of a refusal.
#[track_caller]
pub fn assert_coded(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{answer}");
    let body = answer.json();
    assert_eq!(body["detail"]["code"], code, "{answer}");
    assert!(body["detail"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    assert!(body["request_id"].as_str().is_some(), "{answer}");
}

/// Checks the status code of a refusal whose detail is one sentence.
#[track_caller]
pub fn assert_plain(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status, "{answer}");
    assert!(answer.json()["detail"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
}

/// Checks that an answer names exactly one faulty place, with this machine code.
#[track_caller]
pub fn assert_fault(answer: &Answer, code: &str, place: Value) {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let body = answer.json();
    let faults = body["detail"].as_array().unwrap_or_else(|| panic!("no list: {answer}"));
    assert_eq!(faults.len(), 1, "{answer}");
    assert_eq!((&faults[0]["type"], &faults[0]["loc"]), (&json!(code), &place), "{answer}");
}

/// The task in the list of its board; null when it is not there.
pub async fn shown(app: &TestApp, actor: &Actor, board: BoardId, task: TaskId) -> Value {
    let list = app.get(actor, &tasks_of(board)).await.ok();
    let items = list["items"].as_array().expect("a list").clone();
    items.into_iter().find(|item| item["id"] == json!(task)).unwrap_or_default()
}

/// A board of the world's organization with a lead, a worker and these rules.
pub async fn board_with(app: &TestApp, world: &mc_testkit::World, rules: BoardRules) -> Board {
    app.add_board_with_rules(world.organization.id, world.gateway, "Strict", rules).await
}

/// What a task shows of its state: status, assignee, whether its clock runs.
#[track_caller]
fn assert_state(
    task: &Value,
    status: TaskStatus,
    assignee: Option<AgentId>,
    since: Option<&str>,
    case: &str,
) {
    let found = (&task["status"], &task["assigned_agent_id"], &task["in_progress_at"]);
    let wanted = (&json!(status.as_str()), &json!(assignee), &json!(since));
    assert_eq!(found, wanted, "{case}: {task}");
}
