//! Definitions as the original leaves them in a database: the JSON literal null where there is no default.

use mc_testkit::{Backend, TestApp, db_test, raw};
use serde_json::{Value, json};

use super::{define, field_path, listed};
use crate::tasks::{task_of, tasks_of};

#[db_test]
async fn a_json_null_is_no_default(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({"default_value": "x"})).await;
    let null = "UPDATE task_custom_field_definitions SET default_value = 'null' RETURNING field_key";
    assert_eq!(raw::text(app.database().url(), null).await, "key");
    assert_eq!(listed(&app, &world.reader).await[0]["default_value"], Value::Null);
    let task = app.get(&world.owner, &task_of(world.board.id, world.task.id)).await.ok();
    assert_eq!(task["custom_field_values"], json!({"key": null}));
    // A field that asks for a value has none then.
    app.patch(&world.admin, &field_path(&field), json!({"required": true})).await.ok();
    let answer = app.post(&world.owner, &tasks_of(world.board.id), json!({"title": "t"})).await;
    assert_eq!(answer.json()["detail"]["missing_field_keys"], json!(["key"]), "{answer}");
}

#[db_test]
async fn a_json_null_is_no_value(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    define(&app, &world, "key", json!({"default_value": "x"})).await;
    let path = task_of(world.board.id, world.task.id);
    app.patch(&world.owner, &path, json!({"custom_field_values": {"key": "y"}})).await.ok();
    let null = "UPDATE task_custom_field_values SET value = 'null' RETURNING 'done'";
    assert_eq!(raw::text(app.database().url(), null).await, "done");
    let task = app.get(&world.owner, &path).await.ok();
    assert_eq!(task["custom_field_values"], json!({"key": "x"}), "the default shows");
}
