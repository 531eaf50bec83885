//! Definitions of custom fields over HTTP (tasks spec §5.2), on both databases.

mod changes;
mod definitions;
mod imported;
mod races;

use mc_model::ids::{CustomFieldId, TaskId};
use mc_store as store;
use mc_testkit::{Actor, Answer, TestApp, World};
use serde_json::{Value, json};

const FIELDS: &str = "/api/v1/organizations/me/custom-fields";

fn field_path(field: &Value) -> String {
    format!("{FIELDS}/{}", field["id"].as_str().expect("an id"))
}

/// A definition on the board of the world, with `more` beside the key.
fn definition(world: &World, key: &str, more: &Value) -> Value {
    let mut body = json!({"field_key": key, "board_ids": [world.board.id]});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

async fn define(app: &TestApp, world: &World, key: &str, more: Value) -> Value {
    app.post(&world.admin, FIELDS, definition(world, key, &more)).await.ok()
}

async fn patch(app: &TestApp, actor: &Actor, field: &Value, body: Value) -> Answer {
    app.patch(actor, &field_path(field), body).await
}

async fn listed(app: &TestApp, actor: &Actor) -> Vec<Value> {
    let list = app.get(actor, FIELDS).await.ok();
    list.as_array().expect("a plain array").clone()
}

fn id_of(field: &Value) -> CustomFieldId {
    field["id"].as_str().and_then(|id| id.parse().ok()).expect("the id of a custom field")
}

/// Gives a task a value, past all checks.
async fn store_value(app: &TestApp, task: TaskId, field: &Value, value: Value) {
    let changes = [(id_of(field), value)];
    app.seed(async |tx| store::tasks::labels::store_values(tx, task, &changes).await).await;
}

/// The codes and places of a 422 list.
fn faults(answer: &Answer) -> Vec<(String, Value)> {
    assert_eq!(answer.status, 422, "{answer}");
    let body = answer.json();
    let list = body["detail"].as_array().unwrap_or_else(|| panic!("no list: {answer}"));
    list.iter()
        .map(|item| (item["type"].as_str().unwrap_or_default().to_owned(), item["loc"].clone()))
        .collect()
}

fn fault(code: &str, place: Value) -> Vec<(String, Value)> {
    vec![(code.to_owned(), place)]
}

/// An answer whose detail is one sentence.
fn assert_sentence(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer}");
    assert!(answer.json()["detail"].is_string(), "{answer}");
}
