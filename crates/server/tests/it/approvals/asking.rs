//! `POST …/approvals` (tasks spec §8.3), row by row.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use mc_model::Clock;
use mc_model::ids::TaskId;
use mc_testkit::{Backend, TestApp, app::request, db_test};
use serde_json::{Value, json};

use super::{agent_approvals_of, approvals_of, ask, asked, assert_conflicts, listed, pending};
use crate::tasks::{assert_fault, assert_plain};

#[db_test]
async fn an_approval_shows_what_was_sent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.add_task(world.board.id, "Second").await;
    let body = json!({
        "task_ids": [other.id], "task_id": world.task.id, "payload": {"z": 1, "reason": "why", "a": [2]},
        "confidence": 62.5, "rubric_scores": {"risk": 3, "clarity": -1}, "agent_id": world.worker.agent.id,
    });
    let approval = ask(&app, &world, &world.owner, body).await.ok();
    let keys: Vec<_> = approval.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted = [
        "action_type",
        "task_id",
        "task_ids",
        "payload",
        "confidence",
        "rubric_scores",
        "status",
        "id",
        "board_id",
        "task_titles",
        "agent_id",
        "created_at",
        "resolved_at",
    ];
    assert_eq!(keys, wanted);
    for (field, wanted) in [
        ("action_type", json!("deploy")),
        ("task_id", json!(world.task.id)),
        ("task_ids", json!([world.task.id, other.id])),
        ("task_titles", json!(["Write the announcement", "Second"])),
        ("confidence", json!(62.5)),
        ("rubric_scores", json!({"risk": 3, "clarity": -1})),
        ("status", json!("pending")),
        ("board_id", json!(world.board.id)),
        ("agent_id", json!(world.worker.agent.id)),
        ("created_at", json!(app.clock().now().to_string())),
        ("resolved_at", Value::Null),
    ] {
        assert_eq!(approval[field], wanted, "{field}");
    }
    assert_eq!(approval["payload"].to_string(), r#"{"z":1,"reason":"why","a":[2]}"#, "even the order");
    assert_eq!(listed(&app, &world).await, [approval]);
}

#[db_test]
async fn what_may_be_left_out_is_null_or_empty(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let body = json!({"action_type": "", "confidence": "85.5", "lead_reasoning": "  so  "});
    let approval = app.post(&world.owner, &approvals_of(world.board.id), body).await.ok();
    for (field, wanted) in [
        ("action_type", json!("")),
        ("task_id", Value::Null),
        ("task_ids", json!([])),
        ("task_titles", json!([])),
        ("payload", json!({"reason": "so"})),
        ("confidence", json!(85.5)),
        ("rubric_scores", Value::Null),
        ("agent_id", Value::Null),
    ] {
        assert_eq!(approval[field], wanted, "{field}: {approval}");
    }
    assert_eq!(approval.get("lead_reasoning"), None, "it is not kept");
}

#[db_test]
async fn wrong_fields_are_named(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (more, code, place) in [
        (json!({"action_type": null}), "string_type", json!(["body", "action_type"])),
        (json!({"confidence": 100.1}), "less_than_equal", json!(["body", "confidence"])),
        (json!({"confidence": -1}), "greater_than_equal", json!(["body", "confidence"])),
        (json!({"confidence": "sure"}), "float_parsing", json!(["body", "confidence"])),
        (json!({"task_ids": null}), "list_type", json!(["body", "task_ids"])),
        (json!({"task_ids": ["x"]}), "uuid_parsing", json!(["body", "task_ids", 0])),
        (json!({"task_id": "x"}), "uuid_parsing", json!(["body", "task_id"])),
        (json!({"payload": []}), "dict_type", json!(["body", "payload"])),
        (json!({"rubric_scores": {"a": 1.5}}), "int_from_float", json!(["body", "rubric_scores", "a"])),
        (json!({"status": "open"}), "literal_error", json!(["body", "status"])),
    ] {
        assert_fault(&ask(&app, &world, &world.owner, more).await, code, place);
    }
    let path = approvals_of(world.board.id);
    let answer = app.post(&world.owner, &path, json!({"action_type": "x", "payload": {"reason": "y"}})).await;
    assert_fault(&answer, "missing", json!(["body", "confidence"]));
    let mut nan = request(&world.owner, Method::POST, &path, Some(json!({})));
    *nan.body_mut() = Body::from(r#"{"action_type":"x","confidence":NaN,"lead_reasoning":"y"}"#);
    let answer = app.send(nan).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let coerced = json!({"rubric_scores": {"a": 2.0, "b": "3"}});
    let approval = ask(&app, &world, &world.owner, coerced).await.ok();
    assert_eq!(approval["rubric_scores"], json!({"a": 2, "b": 3}));
    assert_eq!(listed(&app, &world).await.len(), 1, "nothing refused is there");
}

#[db_test]
async fn a_reason_is_needed_and_taken_from_three_places(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let nested = json!({"decision": {"reason": "so"}});
    for (more, payload) in [
        (json!({"payload": {"reason": "own"}, "lead_reasoning": "other"}), json!({"reason": "own"})),
        (json!({"payload": nested}), nested.clone()),
        (json!({"payload": null, "lead_reasoning": " lead "}), json!({"reason": "lead"})),
        (
            json!({"payload": {"reason": " ", "x": 1}, "lead_reasoning": "lead"}),
            json!({"reason": "lead", "x": 1}),
        ),
    ] {
        assert_eq!(ask(&app, &world, &world.owner, more).await.ok()["payload"], payload);
    }
    for more in [
        json!({"payload": null}),
        json!({"payload": {}}),
        json!({"payload": {"reason": "  "}}),
        json!({"payload": {"reason": 7}, "lead_reasoning": " "}),
        json!({"payload": {"decision": "reason"}}),
        json!({"payload": null, "lead_reasoning": null}),
    ] {
        assert_fault(&ask(&app, &world, &world.owner, more).await, "value_error", json!(["body"]));
    }
}

#[db_test]
async fn the_tasks_come_from_the_body_and_then_from_the_payload(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut tasks = Vec::new();
    for number in 0..5 {
        tasks.push(app.add_task(world.board.id, &format!("t{number}")).await.id);
    }
    let [a, b, c, d, e] = tasks[..] else { panic!("five tasks") };
    let payload = json!({
        "reason": "why", "task_ids": [b, "no id", 7, null], "taskIds": [c, a], "taskIDs": "no list", "taskId": d,
        "task_id": b, "taskID": e,
    });
    let more = json!({"task_id": a, "task_ids": [b, a], "payload": payload});
    let approval = ask(&app, &world, &world.owner, more).await.ok();
    assert_eq!(approval["task_ids"], json!([a, b, c, d, e]));
    assert_eq!((&approval["task_id"], &approval["task_titles"][4]), (&json!(a), &json!("t4")));
    assert_eq!(approval["payload"], payload, "the payload stays as it was sent");
}

#[db_test]
async fn a_pending_approval_holds_its_tasks(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut tasks: Vec<TaskId> = Vec::new();
    for number in 0..4 {
        tasks.push(app.add_task(world.board.id, &format!("t{number}")).await.id);
    }
    tasks.sort_by_key(ToString::to_string);
    let [a, b, c, d] = tasks[..] else { panic!("four tasks") };
    let first = pending(&app, &world, &[c, b]).await;
    let second = pending(&app, &world, &[a]).await;
    let all = json!({"task_ids": [d, c, b, a]});
    for actor in [&*world.owner, &*world.lead, &*world.worker] {
        let answer = ask(&app, &world, actor, all.clone()).await;
        assert_conflicts(&answer, &[(a, &second), (b, &first), (c, &first)]);
    }
    let mut decided = all.clone();
    decided["status"] = json!("approved");
    ask(&app, &world, &world.owner, decided).await.ok();
    pending(&app, &world, &[d]).await;
    assert_eq!(listed(&app, &world).await.len(), 4, "one that is decided holds nothing");
}

/// The original stores what is imported; then the oldest pending approval of a task is the one that is named.
#[db_test]
async fn of_several_pending_approvals_the_oldest_is_named(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let oldest = pending(&app, &world, &[world.task.id]).await;
    for _ in 0..2 {
        app.clock().advance(std::time::Duration::from_secs(1));
        super::imported::add(&app, &world, Some(world.task.id)).await;
    }
    let answer = ask(&app, &world, &world.owner, json!({"task_id": world.task.id})).await;
    assert_conflicts(&answer, &[(world.task.id, &oldest)]);
}

/// Weakness 1: nobody approves for themselves.
#[db_test]
async fn an_agents_approval_is_pending_and_its_own(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (path, actor) in [
        (approvals_of(world.board.id), &world.worker),
        (agent_approvals_of(world.board.id), &world.worker),
        (agent_approvals_of(world.board.id), &world.lead),
        (agent_approvals_of(world.board.id), &world.main),
    ] {
        for status in ["approved", "rejected", "pending"] {
            let body = asked(json!({"status": status, "agent_id": world.neighbour.agent.id}));
            let approval = app.post(actor, &path, body).await.ok();
            let found = (&approval["status"], &approval["agent_id"], &approval["resolved_at"]);
            assert_eq!(found, (&json!("pending"), &json!(actor.agent.id), &Value::Null), "{status}");
        }
    }
}

#[db_test]
async fn a_person_may_record_a_decision_that_was_taken(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (status, resolved_at) in [
        ("approved", json!(app.clock().now().to_string())),
        ("rejected", json!(app.clock().now().to_string())),
        ("pending", Value::Null),
    ] {
        let approval = ask(&app, &world, &world.writer, json!({"status": status})).await.ok();
        assert_eq!((&approval["status"], &approval["resolved_at"]), (&json!(status), &resolved_at));
    }
}

/// Weakness 3: tasks of other boards are not there, and neither are agents of others.
#[db_test]
async fn tasks_must_be_on_the_board_and_agents_in_the_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let elsewhere = app.add_task(world.other_board.id, "elsewhere").await.id;
    let foreign = app.add_task(world.foreign_board.id, "foreign").await.id;
    let nothing = TaskId::generate();
    for actor in [&*world.owner, &*world.worker] {
        let more = json!({"task_ids": [nothing, world.task.id, foreign, elsewhere]});
        let answer = ask(&app, &world, actor, more).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer}");
        assert_eq!(answer.json()["detail"]["missing_task_ids"], json!([nothing, foreign, elsewhere]));
        let hidden = json!({"payload": {"reason": "why", "taskId": foreign}});
        let answer = ask(&app, &world, actor, hidden).await;
        assert_eq!(answer.json()["detail"]["missing_task_ids"], json!([foreign]), "{answer}");
    }
    for agent in [json!(nothing), json!(world.foreign_agent.agent.id)] {
        assert_plain(
            &ask(&app, &world, &world.owner, json!({"agent_id": agent})).await,
            StatusCode::NOT_FOUND,
        );
    }
    assert_eq!(listed(&app, &world).await, Vec::<Value>::new());
}

#[db_test]
async fn who_writes_the_board_asks_and_nobody_else(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for person in [&world.reader, &world.admin, &world.stranger] {
        assert_plain(&ask(&app, &world, person, json!({})).await, StatusCode::FORBIDDEN);
    }
    for (agent, status) in [
        (&world.neighbour, StatusCode::FORBIDDEN),
        (&world.foreign_agent, StatusCode::NOT_FOUND),
        (&world.foreign_main, StatusCode::NOT_FOUND),
    ] {
        for path in [approvals_of(world.board.id), agent_approvals_of(world.board.id)] {
            assert_plain(&app.post(agent, &path, asked(json!({}))).await, status);
        }
    }
    let answer = app.post(&world.owner, &agent_approvals_of(world.board.id), asked(json!({}))).await;
    assert_plain(&answer, StatusCode::UNAUTHORIZED);
    for actor in [&*world.writer, &*world.lead, &*world.worker, &*world.main] {
        ask(&app, &world, actor, json!({})).await.ok();
    }
}

/// Asking is no news for agents and leaves no row in the feed.
#[db_test]
async fn asking_tells_nobody(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    pending(&app, &world, &[world.task.id]).await;
    ask(&app, &world, &world.owner, json!({"status": "approved"})).await.ok();
    assert_eq!(crate::tasks::notices::told(&app).await, []);
    let rows = mc_testkit::raw::text(app.database().url(), "SELECT count(*) FROM activity_events").await;
    assert_eq!(rows, "0");
}
