//! The limits on sizes (docs/api-design.md): what is as long as allowed is taken, what is longer is a 422 that names the
//! limit.

use axum::http::Method;
use mc_model::ids::TaskId;
use mc_testkit::{Answer, Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use super::{assert_fault, comments_of, task_of, tasks_of};
use crate::approvals::{approvals_of, asked};

/// A text of this many characters, of which some take more than one byte.
fn text(characters: usize) -> String {
    "ä".repeat(2) + &"x".repeat(characters - 2)
}

/// Where a text is sent: its method, path and the rest of the body.
struct Place {
    method: Method,
    path: String,
    body: Value,
    field: &'static str,
    limit: usize,
}

fn places(world: &World) -> Vec<Place> {
    let (board, task) = (world.board.id, world.task.id);
    let place = |method: &Method, path: String, body: Value, field, limit| {
        let method = method.clone();
        Place { method, path, body, field, limit }
    };
    let (create, change) = (json!({"title": "t"}), json!({}));
    let mut all = Vec::new();
    for (method, path, body) in
        [(Method::POST, tasks_of(board), create), (Method::PATCH, task_of(board, task), change)]
    {
        for (field, limit) in [("title", 2_000), ("description", 200_000), ("priority", 100)] {
            all.push(place(&method, path.clone(), body.clone(), field, limit));
        }
    }
    all.push(place(&Method::PATCH, task_of(board, task), json!({}), "comment", 200_000));
    all.push(place(&Method::POST, comments_of(board, task), json!({}), "message", 200_000));
    all.push(place(&Method::POST, approvals_of(board), asked(json!({})), "action_type", 1_000));
    all.push(place(&Method::POST, approvals_of(board), asked(json!({})), "lead_reasoning", 200_000));
    all
}

async fn send(app: &TestApp, world: &World, place: &Place, value: Value) -> Answer {
    let mut body = place.body.clone();
    body[place.field] = value;
    app.call(&world.owner, place.method.clone(), &place.path, Some(body)).await
}

#[track_caller]
fn assert_named(answer: &Answer, code: &str, place: Value, limit: usize) {
    assert_fault(answer, code, place);
    let fault = &answer.json()["detail"][0];
    let msg = fault["msg"].as_str().expect("a sentence").replace(',', "");
    assert!(msg.contains(&limit.to_string()), "the limit is named: {msg}");
}

#[db_test]
async fn texts_are_as_long_as_documented_and_no_longer(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for place in places(&world) {
        send(&app, &world, &place, json!(text(place.limit))).await.ok();
        let answer = send(&app, &world, &place, json!(text(place.limit + 1))).await;
        assert_named(&answer, "string_too_long", json!(["body", place.field]), place.limit);
    }
}

#[db_test]
async fn lists_of_ids_have_up_to_a_thousand(backend: Backend) {
    const LIMIT: usize = 1_000;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (tasks, task) = (tasks_of(world.board.id), task_of(world.board.id, world.task.id));
    let other = app.add_task(world.board.id, "other").await.id;
    for (method, path, body, field) in [
        (Method::POST, &tasks, json!({"title": "t"}), "depends_on_task_ids"),
        (Method::POST, &tasks, json!({"title": "t"}), "tag_ids"),
        (Method::PATCH, &task, json!({}), "depends_on_task_ids"),
        (Method::PATCH, &task, json!({}), "tag_ids"),
        (Method::POST, &approvals_of(world.board.id), asked(json!({})), "task_ids"),
    ] {
        let send = async |ids: Vec<TaskId>| {
            let mut body = body.clone();
            body[field] = json!(ids);
            app.call(&world.owner, method.clone(), path, Some(body)).await
        };
        let answer = send(vec![other; LIMIT + 1]).await;
        assert_named(&answer, "too_long", json!(["body", field]), LIMIT);
        if field != "tag_ids" {
            // The same one again and again is one.
            send(vec![other; LIMIT]).await.ok();
        }
    }
}

#[db_test]
async fn payloads_and_values_may_fill_the_body(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let long = "x".repeat(900_000);
    let payload = json!({"reason": "why", "log": long});
    let body = asked(json!({"payload": payload}));
    let approval = app.post(&world.owner, &approvals_of(world.board.id), body).await.ok();
    assert_eq!(approval["payload"], payload);
    let field = json!({"field_key": "notes", "field_type": "text_long", "board_ids": [world.board.id]});
    app.post(&world.admin, "/api/v1/organizations/me/custom-fields", field).await.ok();
    let body = json!({"custom_field_values": {"notes": long}});
    let task = app.patch(&world.owner, &task_of(world.board.id, world.task.id), body).await.ok();
    assert_eq!(task["custom_field_values"]["notes"], long);
    let body = json!({"custom_field_values": {"notes": "x".repeat(1_100_000)}});
    let answer = app.patch(&world.owner, &task_of(world.board.id, world.task.id), body).await;
    assert_eq!(answer.status, 413, "{answer}");
}
