//! The gates of §2 that approvals open and close.

use axum::http::StatusCode;
use mc_model::board::{Board, BoardRules};
use mc_model::task::TaskStatus::{self, Done, InProgress, Inbox, Review};
use mc_testkit::{Actor, Answer, Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use super::{approvals_of, asked, path_of};
use crate::tasks::{assert_coded, board_with, task_of};

const NO_RULES: BoardRules = BoardRules {
    require_approval_for_done: false,
    require_review_before_done: false,
    comment_required_for_review: false,
    block_status_changes_with_pending_approval: false,
    only_lead_can_change_status: false,
};

async fn go(
    app: &TestApp,
    board: &Board,
    actor: &Actor,
    task: &mc_model::task::Task,
    status: TaskStatus,
) -> Answer {
    app.patch(actor, &task_of(board.id, task.id), json!({"status": status.as_str()})).await
}

async fn ask(app: &TestApp, world: &World, board: &Board, more: Value) -> Value {
    app.post(&world.owner, &approvals_of(board.id), asked(more)).await.ok()
}

async fn decide(app: &TestApp, world: &World, board: &Board, approval: &Value, status: &str) {
    app.patch(&world.owner, &path_of(board.id, approval), json!({"status": status})).await.ok();
}

#[db_test]
async fn done_needs_an_approved_approval_of_the_task(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = BoardRules { require_approval_for_done: true, ..NO_RULES };
    let board = board_with(&app, &world, rules).await;
    let lead = app.add_agent(world.gateway, Some(board.id), "Strict lead", true).await;
    let worker = app.add_agent(world.gateway, Some(board.id), "Strict worker", false).await;
    for (actor, from) in
        [(&*world.owner, InProgress), (&*lead, Review), (&*worker, Inbox), (&*worker, Review)]
    {
        let task = app.add_task_with(board.id, "t", from, None).await;
        let other = app.add_task(board.id, "other").await;
        ask(&app, &world, &board, json!({"task_id": other.id, "status": "approved"})).await;
        let approval =
            ask(&app, &world, &board, json!({"task_ids": [other.id, task.id], "status": "rejected"})).await;
        let refused = go(&app, &board, actor, &task, Done).await;
        assert_coded(&refused, StatusCode::CONFLICT, "task_approval_required");
        assert_eq!(refused.json()["detail"]["blocked_by_task_ids"], json!([]));
        decide(&app, &world, &board, &approval, "pending").await;
        let refused = go(&app, &board, actor, &task, Done).await;
        assert_coded(&refused, StatusCode::CONFLICT, "task_approval_required");
        decide(&app, &world, &board, &approval, "approved").await;
        assert_eq!(go(&app, &board, actor, &task, Done).await.ok()["status"], "done", "a linked one counts");
    }
}

/// There is no expiry, and neither what was asked nor how sure somebody was matters.
#[db_test]
async fn an_approved_approval_opens_the_gate_for_good(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = BoardRules { require_approval_for_done: true, ..NO_RULES };
    let board = board_with(&app, &world, rules).await;
    let task = app.add_task_with(board.id, "t", Review, None).await;
    let more = json!({"task_id": task.id, "status": "approved", "action_type": "lunch", "confidence": 0});
    ask(&app, &world, &board, more).await;
    for _ in 0..2 {
        go(&app, &board, &world.owner, &task, Done).await.ok();
        app.clock().advance(std::time::Duration::from_secs(400 * 24 * 3600));
        go(&app, &board, &world.owner, &task, InProgress).await.ok();
    }
    ask(&app, &world, &board, json!({"task_id": task.id, "status": "rejected"})).await;
    go(&app, &board, &world.owner, &task, Done).await.ok();
}

/// Weakness 1 as seen from the task: an agent that asks does not open its own gate.
#[db_test]
async fn an_agent_does_not_open_its_own_gate(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = BoardRules { require_approval_for_done: true, ..NO_RULES };
    let board = board_with(&app, &world, rules).await;
    let worker = app.add_agent(world.gateway, Some(board.id), "Strict worker", false).await;
    let task = app.add_task_with(board.id, "t", Review, None).await;
    let body = asked(json!({"task_id": task.id, "status": "approved"}));
    app.post(&worker, &approvals_of(board.id), body).await.ok();
    let refused = go(&app, &board, &worker, &task, Done).await;
    assert_coded(&refused, StatusCode::CONFLICT, "task_approval_required");
}

#[db_test]
async fn a_pending_approval_freezes_the_state_where_the_board_says_so(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = BoardRules { block_status_changes_with_pending_approval: true, ..NO_RULES };
    let board = board_with(&app, &world, rules).await;
    let lead = app.add_agent(world.gateway, Some(board.id), "Strict lead", true).await;
    let worker = app.add_agent(world.gateway, Some(board.id), "Strict worker", false).await;
    for (actor, from, to) in [
        (&*world.owner, Inbox, InProgress),
        (&*world.owner, Done, Inbox),
        (&*worker, Inbox, InProgress),
        (&*worker, InProgress, Review),
        (&*lead, Review, Done),
        (&*lead, Review, Inbox),
    ] {
        let task = app.add_task_with(board.id, "t", from, None).await;
        let other = app.add_task(board.id, "other").await;
        let approval = ask(&app, &world, &board, json!({"task_ids": [other.id, task.id]})).await;
        let refused = go(&app, &board, actor, &task, to).await;
        assert_coded(&refused, StatusCode::CONFLICT, "task_pending_approval");
        let path = task_of(board.id, task.id);
        let same = json!({"status": from.as_str(), "title": "still edited"});
        app.patch(&world.owner, &path, same).await.ok();
        decide(&app, &world, &board, &approval, "rejected").await;
        assert_eq!(go(&app, &board, actor, &task, to).await.ok()["status"], to.as_str());
    }
}

/// The gates are asked in the order of the spec: pending approval, review first, approval.
#[db_test]
async fn the_first_closed_gate_is_the_one_that_is_named(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = BoardRules {
        block_status_changes_with_pending_approval: true,
        require_review_before_done: true,
        require_approval_for_done: true,
        ..NO_RULES
    };
    let board = board_with(&app, &world, rules).await;
    let task = app.add_task_with(board.id, "t", InProgress, None).await;
    let approval = ask(&app, &world, &board, json!({"task_id": task.id})).await;
    let done = async || go(&app, &board, &world.owner, &task, Done).await;
    assert_coded(&done().await, StatusCode::CONFLICT, "task_pending_approval");
    decide(&app, &world, &board, &approval, "rejected").await;
    assert_coded(&done().await, StatusCode::CONFLICT, "task_review_required");
    go(&app, &board, &world.owner, &task, Review).await.ok();
    assert_coded(&done().await, StatusCode::CONFLICT, "task_approval_required");
    decide(&app, &world, &board, &approval, "approved").await;
    assert_eq!(done().await.ok()["status"], "done");
}
