//! `PATCH …/approvals/{id}` (tasks spec §8.4), row by row, and the notice of a decision (§7).

use std::time::Duration;

use axum::http::StatusCode;
use mc_model::Clock;
use mc_model::ids::ApprovalId;
use mc_testkit::{Backend, TestApp, db_test, raw};
use serde_json::{Value, json};

use super::{approvals_of, asked, assert_conflicts, decide, listed, path_of, pending};
use crate::tasks::notices::{outbox, told};
use crate::tasks::{assert_fault, assert_plain};

#[db_test]
async fn nothing_sent_changes_nothing_and_null_is_a_fault(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let approval = pending(&app, &world, &[world.task.id]).await;
    app.clock().advance(Duration::from_secs(1));
    assert_eq!(decide(&app, &world, &approval, json!({})).await.ok(), approval);
    assert_eq!(decide(&app, &world, &approval, json!({"status": "pending"})).await.ok(), approval);
    let answer = decide(&app, &world, &approval, json!({"status": null})).await;
    assert_fault(&answer, "value_error", json!(["body", "status"]));
    let answer = decide(&app, &world, &approval, json!({"status": "granted"})).await;
    assert_fault(&answer, "literal_error", json!(["body", "status"]));
    assert_eq!(told(&app).await, []);
}

/// pending → approved | rejected, approved ↔ rejected, both → pending. A decision keeps its time when it is sent
/// again, and going back to pending clears it.
#[db_test]
async fn every_move_and_its_time(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let approval = pending(&app, &world, &[world.task.id]).await;
    let mut stamp = Value::Null;
    for (status, is_stamped) in [
        ("approved", true),
        ("approved", false),
        ("rejected", true),
        ("rejected", false),
        ("approved", true),
        ("pending", false),
        ("rejected", true),
        ("pending", false),
        ("pending", false),
        ("approved", true),
    ] {
        app.clock().advance(Duration::from_secs(10));
        if status == "pending" {
            stamp = Value::Null;
        } else if is_stamped {
            stamp = json!(app.clock().now().to_string());
        }
        let after = decide(&app, &world, &approval, json!({"status": status})).await.ok();
        assert_eq!((&after["status"], &after["resolved_at"]), (&json!(status), &stamp), "{after}");
        assert_eq!(after["created_at"], approval["created_at"]);
    }
}

#[db_test]
async fn reopening_is_refused_while_another_approval_holds_a_task(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.add_task(world.board.id, "other").await.id;
    let first = pending(&app, &world, &[world.task.id, other]).await;
    decide(&app, &world, &first, json!({"status": "approved"})).await.ok();
    let second = pending(&app, &world, &[other]).await;
    let answer = decide(&app, &world, &first, json!({"status": "pending"})).await;
    assert_conflicts(&answer, &[(other, &second)]);
    decide(&app, &world, &first, json!({"status": "rejected"})).await.ok();
    decide(&app, &world, &second, json!({"status": "rejected"})).await.ok();
    assert_eq!(decide(&app, &world, &first, json!({"status": "pending"})).await.ok()["status"], "pending");
    assert_conflicts(&decide(&app, &world, &second, json!({"status": "pending"})).await, &[(other, &first)]);
}

#[db_test]
async fn what_is_not_on_the_board_is_not_found(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let approval = pending(&app, &world, &[]).await;
    let body = || json!({"status": "approved"});
    for path in [
        path_of(world.other_board.id, &approval),
        path_of(world.board.id, &json!({"id": ApprovalId::generate()})),
    ] {
        assert_plain(&app.patch(&world.owner, &path, body()).await, StatusCode::NOT_FOUND);
    }
    let malformed = format!("{}/nothing", approvals_of(world.board.id));
    let answer = app.patch(&world.owner, &malformed, body()).await;
    assert_fault(&answer, "uuid_parsing", json!(["path", "approval_id"]));
    assert_eq!(listed(&app, &world).await, [approval]);
}

#[db_test]
async fn people_who_write_the_board_decide_and_agents_never(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let approval = pending(&app, &world, &[]).await;
    let path = path_of(world.board.id, &approval);
    let body = || json!({"status": "approved"});
    for person in [&world.reader, &world.admin, &world.stranger] {
        assert_plain(&app.patch(person, &path, body()).await, StatusCode::FORBIDDEN);
    }
    for agent in [&world.lead, &world.worker, &world.main, &world.foreign_main] {
        assert_plain(&app.patch(agent, &path, body()).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(app.patch(&world.writer, &path, body()).await.ok()["status"], "approved");
}

#[db_test]
async fn each_new_decision_is_told_to_the_lead_once(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let lead = json!(world.lead.agent.id);
    let approval = pending(&app, &world, &[world.task.id]).await;
    let mut keys = Vec::new();
    for (status, is_news) in [
        ("approved", true),
        ("approved", false),
        ("rejected", true),
        ("pending", false),
        ("rejected", true),
        ("approved", true),
    ] {
        app.clock().advance(Duration::from_secs(1));
        decide(&app, &world, &approval, json!({"status": status})).await.ok();
        let jobs = outbox(&app).await;
        assert_eq!(jobs.len(), usize::from(is_news), "{status}");
        for job in &jobs {
            let payload = &job.payload;
            assert_eq!(payload["notice"], "APPROVAL RESOLVED");
            assert_eq!(payload["agent_id"], lead);
            assert_eq!(payload["decision"], status);
            assert_eq!(payload["approval_id"], approval["id"]);
            assert_eq!(payload["task_id"], json!(world.task.id), "the primary task");
            assert_eq!(payload["wake"], Value::Null);
            let micros = app.clock().now().micros();
            let id = approval["id"].as_str().expect("an id");
            let key = format!("{id}:{status}:{micros}:APPROVAL RESOLVED:{}", world.lead.agent.id);
            assert_eq!(payload["idempotency_key"], key, "made of the decision and the recipient");
            keys.push(key);
        }
    }
    keys.dedup();
    assert_eq!(keys.len(), 4, "each decision has a key of its own");
    let rows = raw::text(app.database().url(), "SELECT count(*) FROM activity_events").await;
    assert_eq!(rows, "0", "a decision itself is no row of the feed");
}

/// The lead hears both of two decisions even when no time passes between them.
#[db_test]
async fn two_decisions_of_one_moment_are_two_notices(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let approval = pending(&app, &world, &[]).await;
    for status in ["approved", "rejected"] {
        decide(&app, &world, &approval, json!({"status": status})).await.ok();
    }
    let jobs = outbox(&app).await;
    let mut decisions: Vec<_> = jobs.iter().map(|job| job.payload["decision"].to_string()).collect();
    decisions.sort_unstable();
    assert_eq!(decisions, ["\"approved\"", "\"rejected\""]);
}

#[db_test]
async fn without_a_lead_a_decision_is_told_to_nobody(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = approvals_of(world.other_board.id);
    let approval = app.post(&world.owner, &path, asked(json!({}))).await.ok();
    let path = path_of(world.other_board.id, &approval);
    app.patch(&world.owner, &path, json!({"status": "rejected"})).await.ok();
    assert_eq!(told(&app).await, []);
}
