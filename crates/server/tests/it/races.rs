//! Two at once, two hundred times each, on both databases: exactly the allowed outcomes, never a fault, and counts
//! that agree with the rows afterwards. All rounds of a test run on tasks of their own in one database.

use std::sync::Arc;

use axum::http::StatusCode;
use mc_model::Clock;
use mc_model::approval::{Approval, ApprovalStatus};
use mc_model::board::BoardRules;
use mc_model::event::{Scope, kind};
use mc_model::ids::{ApprovalId, BoardId, TaskId};
use mc_model::task::{NewTask, Task};
use mc_store as store;
use mc_testkit::{Actor, Answer, Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use crate::approvals::{approvals_of, asked};
use crate::tasks::{board_with, task_of, tasks_of};

/// How often each race is run.
const ROUNDS: usize = 200;

/// A request of somebody, ready to be sent.
type Request = (Actor, axum::http::Method, String, Option<Value>);

fn patch(actor: &Actor, path: String, body: Value) -> Request {
    (actor.clone(), axum::http::Method::PATCH, path, Some(body))
}

/// Tasks in the inbox of the board.
async fn tasks(app: &TestApp, board: BoardId, count: usize) -> Vec<Task> {
    let now = app.clock().now();
    let new = |number| NewTask { title: format!("t{number}"), ..NewTask::default() };
    let tasks: Vec<_> = (0..count).map(|number| new(number).into_task(board, None, now)).collect();
    app.seed(async |tx| {
        for task in &tasks {
            store::tasks::insert(tx, task).await?;
        }
        Ok(())
    })
    .await;
    tasks
}

/// A pending approval of each task, past all checks.
async fn pending(app: &TestApp, board: BoardId, tasks: &[Task], status: ApprovalStatus) -> Vec<ApprovalId> {
    let now = app.clock().now();
    let of = |task: &Task| Approval {
        id: ApprovalId::generate(),
        board_id: board,
        task_ids: vec![task.id],
        agent_id: None,
        action_type: "race".to_owned(),
        payload: None,
        confidence: 50.0,
        rubric_scores: None,
        status,
        created_at: now,
        resolved_at: None,
    };
    let approvals: Vec<_> = tasks.iter().map(of).collect();
    app.seed(async |tx| {
        for approval in &approvals {
            store::approvals::insert(tx, approval).await?;
        }
        Ok(())
    })
    .await;
    approvals.into_iter().map(|approval| approval.id).collect()
}

/// Sends all at once, each from a task of its own; who is first differs from round to round.
async fn race(app: &Arc<TestApp>, round: usize, requests: Vec<Request>) -> Vec<Answer> {
    let count = requests.len();
    let mut sent: Vec<_> = requests.into_iter().enumerate().collect();
    sent.rotate_left(round % count);
    let mut running = tokio::task::JoinSet::new();
    for (number, (actor, method, path, body)) in sent {
        let app = Arc::clone(app);
        running.spawn(async move { (number, app.call(&actor, method, &path, body).await) });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn code(answer: &Answer) -> Value {
    answer.json()["detail"]["code"].clone()
}

/// How many answers are 200; all others must be `status` with `code`.
#[track_caller]
fn winners(answers: &[Answer], status: StatusCode, wanted: &Value) -> usize {
    let lost = answers.iter().filter(|answer| answer.status != StatusCode::OK);
    for answer in lost.clone() {
        assert_eq!((answer.status, &code(answer)), (status, wanted), "{answer}");
    }
    answers.len() - lost.count()
}

async fn assert_counts(app: &TestApp, board: BoardId) {
    let are_right = store::tasks::counts_are_right(app.store().reader(), board).await;
    assert!(
        are_right.expect("the counts can be read"),
        "the counts of the board do not agree with its tasks"
    );
}

async fn start(backend: Backend) -> (Arc<TestApp>, World) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    (Arc::new(app), world)
}

#[db_test]
async fn of_two_claims_one_wins(backend: Backend) {
    let (app, world) = start(backend).await;
    let board = world.board.id;
    let claim = json!({"status": "in_progress"});
    for (round, task) in tasks(&app, board, ROUNDS).await.iter().enumerate() {
        let path = task_of(board, task.id);
        let rivals = [&world.worker, &world.main];
        let requests = rivals.map(|agent| patch(agent, path.clone(), claim.clone())).to_vec();
        let answers = race(&app, round, requests).await;
        let won = winners(&answers, StatusCode::FORBIDDEN, &json!("task_assignee_mismatch"));
        assert_eq!(won, 1, "round {round}");
        let winner = answers.iter().position(|answer| answer.status == StatusCode::OK).expect("one");
        assert_eq!(answers[winner].json()["assigned_agent_id"], json!(rivals[winner].agent.id));
        let stored = store::tasks::on_board(app.store().reader(), board, task.id).await.expect("readable");
        assert_eq!(stored.expect("it is there").assigned_agent_id, Some(rivals[winner].agent.id));
    }
    assert_counts(&app, board).await;
    let list = app.get(&world.owner, &format!("{}?status=in_progress&limit=1", tasks_of(board))).await.ok();
    assert_eq!(list["total"], ROUNDS);
}

#[db_test]
async fn a_claim_and_a_deletion_leave_nothing(backend: Backend) {
    let (app, world) = start(backend).await;
    let board = world.board.id;
    for (round, task) in tasks(&app, board, ROUNDS).await.iter().enumerate() {
        let path = task_of(board, task.id);
        let claim = patch(&world.worker, path.clone(), json!({"status": "in_progress", "comment": "mine"}));
        let delete = (world.owner.actor.clone(), axum::http::Method::DELETE, path, None);
        let answers = race(&app, round, vec![claim, delete]).await;
        assert_eq!(answers[1].status, StatusCode::OK, "round {round}: {}", answers[1]);
        let claimed = answers[0].status;
        assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&claimed), "round {round}: {}", answers[0]);
    }
    assert_counts(&app, board).await;
    assert_eq!(app.get(&world.owner, &tasks_of(board)).await.ok()["total"], 1, "the one from before");
    let comments = "SELECT count(*) FROM activity_events WHERE event_type = 'task.comment'";
    assert_eq!(mc_testkit::raw::text(app.database().url(), comments).await, "0");
}

/// Circles of two and of three: one edge of each is refused, whoever is first.
#[db_test]
async fn edits_that_together_make_a_circle_never_all_pass(backend: Backend) {
    let (app, world) = start(backend).await;
    let board = world.board.id;
    let all = tasks(&app, board, 3 * ROUNDS).await;
    for (round, ring) in all.chunks(3).enumerate() {
        let ring: Vec<TaskId> = ring.iter().take(2 + round % 2).map(|task| task.id).collect();
        let edge = |at: usize| {
            let actor = if at == 0 { &world.owner.actor } else { &world.lead.actor };
            let next = ring[(at + 1) % ring.len()];
            patch(actor, task_of(board, ring[at]), json!({"depends_on_task_ids": [next]}))
        };
        let answers = race(&app, round, (0..ring.len()).map(edge).collect()).await;
        let won = winners(&answers, StatusCode::CONFLICT, &json!("task_dependency_cycle"));
        assert_eq!(won, ring.len() - 1, "round {round}");
        for task in &ring {
            let circle =
                store::tasks::dependencies::any_waits_for(app.store().reader(), &[*task], *task).await;
            assert!(!circle.expect("readable"), "round {round}: {task} waits for itself");
        }
    }
    assert_counts(&app, board).await;
}

/// While an approval is pending nobody moves its task: either the decision came first, or the move was refused.
#[db_test]
async fn a_move_passes_only_behind_the_decision(backend: Backend) {
    let (app, world) = start(backend).await;
    let rules = BoardRules {
        require_approval_for_done: false,
        block_status_changes_with_pending_approval: true,
        ..BoardRules::default()
    };
    let board = board_with(&app, &world, rules).await.id;
    let worker = app.add_agent(world.gateway, Some(board), "Strict worker", false).await;
    let tasks = tasks(&app, board, ROUNDS).await;
    let approvals = pending(&app, board, &tasks, ApprovalStatus::Pending).await;
    let mut moved = Vec::new();
    for (round, (task, approval)) in tasks.iter().zip(&approvals).enumerate() {
        let decision = format!("{}/{approval}", approvals_of(board));
        let decide = patch(&world.owner, decision, json!({"status": "approved"}));
        let go = patch(&worker, task_of(board, task.id), json!({"status": "in_progress"}));
        let answers = race(&app, round, vec![decide, go]).await;
        assert_eq!(answers[0].status, StatusCode::OK, "round {round}: {}", answers[0]);
        if winners(&answers[1..], StatusCode::CONFLICT, &json!("task_pending_approval")) == 1 {
            moved.push(task.id);
        }
    }
    // What was moved was moved behind its decision; the log has the order.
    let mut position = 0;
    let mut decided = std::collections::HashSet::new();
    let mut seen = Vec::new();
    loop {
        let log = store::events::of_scope(app.store().reader(), Scope::Board(board), position, 200).await;
        let log = log.expect("the log can be read");
        let Some(last) = log.last() else { break };
        position = last.seq;
        for event in log {
            match (event.approval_id, event.task_id) {
                (Some(approval), _) => {
                    let at = approvals.iter().position(|one| *one == approval).expect("a known one");
                    decided.insert(tasks[at].id);
                }
                (None, Some(task)) if event.kind == kind::TASK_STATUS_CHANGED => {
                    assert!(decided.contains(&task), "{task} was moved before the decision");
                    seen.push(task);
                }
                _ => {}
            }
        }
    }
    assert_eq!(seen, moved, "every move that was granted is in the log, and no other");
    assert_eq!(decided.len(), ROUNDS);
    assert_counts(&app, board).await;
}

#[db_test]
async fn of_two_pending_approvals_of_a_task_one_wins(backend: Backend) {
    let (app, world) = start(backend).await;
    let board = world.board.id;
    let agents_path = format!("/api/v1/agent/boards/{board}/approvals");
    for (round, task) in tasks(&app, board, ROUNDS).await.iter().enumerate() {
        let ask = |actor: &Actor, path: String| {
            (actor.clone(), axum::http::Method::POST, path, Some(asked(json!({"task_ids": [task.id]}))))
        };
        let requests = vec![ask(&world.owner, approvals_of(board)), ask(&world.worker, agents_path.clone())];
        let answers = race(&app, round, requests).await;
        assert_eq!(winners(&answers, StatusCode::CONFLICT, &Value::Null), 1, "round {round}");
        let (won, lost) = match answers[0].status {
            StatusCode::OK => (&answers[0], &answers[1]),
            _ => (&answers[1], &answers[0]),
        };
        let conflict = json!([{"task_id": task.id, "approval_id": won.json()["id"]}]);
        assert_eq!(lost.json()["detail"]["conflicts"], conflict, "round {round}");
    }
    assert_eq!(
        store::approvals::pending_count(app.store().reader(), board).await.expect("readable"),
        ROUNDS as i64
    );
    assert_counts(&app, board).await;
}

#[db_test]
async fn of_reopening_and_asking_anew_one_wins(backend: Backend) {
    let (app, world) = start(backend).await;
    let board = world.board.id;
    let tasks = tasks(&app, board, ROUNDS).await;
    let rejected = pending(&app, board, &tasks, ApprovalStatus::Rejected).await;
    for (round, (task, approval)) in tasks.iter().zip(&rejected).enumerate() {
        let reopen =
            patch(&world.owner, format!("{}/{approval}", approvals_of(board)), json!({"status": "pending"}));
        let body = asked(json!({"task_id": task.id}));
        let ask = (world.worker.actor.clone(), axum::http::Method::POST, approvals_of(board), Some(body));
        let answers = race(&app, round, vec![reopen, ask]).await;
        assert_eq!(winners(&answers, StatusCode::CONFLICT, &Value::Null), 1, "round {round}");
    }
    assert_eq!(
        store::approvals::pending_count(app.store().reader(), board).await.expect("readable"),
        ROUNDS as i64
    );
}

/// A dependency is reopened while somebody takes what waits for it: afterwards nobody works on a blocked task.
#[db_test]
async fn nobody_keeps_a_task_whose_dependency_was_reopened(backend: Backend) {
    let (app, world) = start(backend).await;
    let board = world.board.id;
    let all = tasks(&app, board, 2 * ROUNDS).await;
    for (round, pair) in all.chunks(2).enumerate() {
        let (source, dependent) = (pair[0].id, pair[1].id);
        app.patch(&world.owner, &task_of(board, source), json!({"status": "done"})).await.ok();
        let body = json!({"depends_on_task_ids": [source]});
        app.patch(&world.owner, &task_of(board, dependent), body).await.ok();
        let reopen = patch(&world.owner, task_of(board, source), json!({"status": "inbox"}));
        let claim = patch(&world.worker, task_of(board, dependent), json!({"status": "in_progress"}));
        let answers = race(&app, round, vec![reopen, claim]).await;
        assert_eq!(answers[0].status, StatusCode::OK, "round {round}: {}", answers[0]);
        winners(&answers[1..], StatusCode::CONFLICT, &json!("task_blocked_cannot_transition"));
        let stored = store::tasks::on_board(app.store().reader(), board, dependent).await.expect("readable");
        let stored = stored.expect("it is there");
        assert_eq!((stored.status.as_str(), stored.assigned_agent_id), ("inbox", None), "round {round}");
    }
    assert_counts(&app, board).await;
}
