//! Denied changes are in the activity log: who, what, which request, and not more often than is of use.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use mc_service::audit::MAX_RECORDED;
use mc_testkit::app::request;
use mc_testkit::{Actor, Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use crate::recorded::recorded;

const DENIED: &str = "access.denied";
const CREATE: &str = "create_task_api_v1_boards__board_id__tasks_post";

/// A request with this id that must be answered with 403.
async fn denied(app: &TestApp, actor: &Actor, method: Method, path: &str, body: Value, id: &str) {
    let mut asked = request(actor, method, path, Some(body));
    asked.headers_mut().insert("x-request-id", id.parse().expect("a header"));
    let answer = app.send(asked).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer}");
}

fn tasks(world: &World) -> String {
    format!("/api/v1/boards/{}/tasks", world.board.id)
}

#[db_test]
async fn denied_write_of_a_person_is_recorded_with_its_request(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    denied(&app, &world.reader, Method::POST, &tasks(&world), json!({"title": "x"}), "r-1").await;
    let [row] = &recorded(&app, DENIED).await[..] else { panic!("one row") };
    assert_eq!(row.request_id.as_deref(), Some("r-1"));
    assert_eq!(row.user_id, Some(world.reader.user.id.0));
    assert_eq!(row.organization_id, Some(world.organization.id.0));
    assert_eq!(row.message, format!("Denied: {CREATE}"));
    assert_eq!(row.data["operation"], CREATE);
    assert_eq!(row.data["board_id"], json!(world.board.id));
    assert_eq!(row.data["left_out_before"], 0);
    let reason = row.data["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("You may not change this board."), "{reason}");
}

#[db_test]
async fn denied_write_of_an_agent_and_of_a_token_is_recorded(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let task = format!("/api/v1/agent/boards/{}/tasks/{}", world.board.id, world.task.id);
    denied(&app, &world.worker, Method::DELETE, &task, Value::Null, "r-1").await;
    let made = app.post(&world.owner, "/api/v1/users/me/tokens", json!({"name": "x"})).await.ok();
    let token = Actor::bearer(made["token"].as_str().expect("a token"));
    denied(&app, &token, Method::POST, &tasks(&world), json!({"title": "x"}), "r-2").await;
    let [first, second] = &recorded(&app, DENIED).await[..] else { panic!("two rows") };
    assert_eq!((first.agent_id, first.user_id), (Some(world.worker.agent.id.0), None));
    assert_eq!(second.user_id, Some(world.owner.user.id.0));
    assert_eq!(second.data["token_id"], made["id"]);
}

#[db_test]
async fn what_a_use_case_denies_is_recorded_too(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let task = format!("/api/v1/agent/boards/{}/tasks/{}", world.board.id, world.task.id);
    let claim = json!({"status": "in_progress"});
    let claimed = app.patch(&world.worker, &task, claim.clone()).await;
    assert_eq!(claimed.status, StatusCode::OK, "{claimed}");
    let rival = app.add_agent(world.gateway, Some(world.board.id), "Rival", false).await;
    denied(&app, &rival, Method::PATCH, &task, claim, "r-1").await;
    let [row] = &recorded(&app, DENIED).await[..] else { panic!("one row") };
    assert_eq!(row.agent_id, Some(rival.agent.id.0));
    let reason = row.data["reason"].as_str().expect("a reason");
    assert!(reason.contains("task_assignee_mismatch"), "{reason}");
}

#[db_test]
async fn stranger_is_recorded_at_home(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    denied(&app, &world.stranger, Method::POST, &tasks(&world), json!({"title": "x"}), "r-1").await;
    let [row] = &recorded(&app, DENIED).await[..] else { panic!("one row") };
    assert_eq!(row.organization_id, Some(world.stranger.member.organization_id.0));
    assert_ne!(row.organization_id, Some(world.organization.id.0));
}

#[db_test]
async fn reads_unknown_callers_and_missing_things_are_not_recorded(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let title = json!({"title": "x"});
    assert_eq!(app.get(&world.stranger, &tasks(&world)).await.status, StatusCode::FORBIDDEN);
    let nobody = app.post(&Actor::anonymous(), &tasks(&world), title.clone()).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let missing = format!("/api/v1/boards/{}/tasks", world.task.id);
    assert_eq!(app.post(&world.owner, &missing, title.clone()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.post(&world.owner, &tasks(&world), title).await.status, StatusCode::OK);
    assert_eq!(recorded(&app, DENIED).await.len(), 0);
}

#[db_test]
async fn flood_of_denied_writes_is_recorded_up_to_the_limit_and_then_counted(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let body = || json!({"title": "x"});
    for number in 0..MAX_RECORDED + 5 {
        let id = format!("r-{number}");
        denied(&app, &world.reader, Method::POST, &tasks(&world), body(), &id).await;
    }
    assert_eq!(recorded(&app, DENIED).await.len(), MAX_RECORDED as usize);
    denied(&app, &world.stranger, Method::POST, &tasks(&world), body(), "another").await;
    assert_eq!(recorded(&app, DENIED).await.len(), MAX_RECORDED as usize + 1);

    app.clock().advance(Duration::from_secs(60));
    denied(&app, &world.reader, Method::POST, &tasks(&world), body(), "later").await;
    let rows = recorded(&app, DENIED).await;
    let last = rows.last().expect("a row");
    assert_eq!(last.request_id.as_deref(), Some("later"));
    assert_eq!(last.data["left_out_before"], 5);
}
