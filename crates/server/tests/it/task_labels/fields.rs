//! Values of custom fields on tasks (tasks spec §5.3), rule by rule.

use axum::http::StatusCode;
use mc_testkit::{Answer, Backend, TestApp, World, db_test, raw};
use serde_json::{Value, json};

use super::{create, delegate, patch, seen};
use crate::tasks::{assert_fault, tasks_of};

const FIELDS: &str = "/api/v1/organizations/me/custom-fields";

/// Defines a field on the world's board.
async fn define(app: &TestApp, world: &World, key: &str, more: Value) -> Value {
    let mut body = json!({"field_key": key, "board_ids": [world.board.id]});
    body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
    app.post(&world.admin, FIELDS, body).await.ok()
}

async fn redefine(app: &TestApp, world: &World, field: &Value, body: Value) -> Value {
    let path = format!("{FIELDS}/{}", field["id"].as_str().expect("an id"));
    app.patch(&world.admin, &path, body).await.ok()
}

/// Sends values for the world's task as a person.
async fn send(app: &TestApp, world: &World, values: Value) -> Answer {
    patch(app, world, &world.owner, json!({"custom_field_values": values})).await
}

#[track_caller]
fn assert_refused(answer: &Answer, name: &str, wanted: Value) {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let detail = &answer.json()["detail"];
    assert_eq!(detail[name], wanted, "{answer}");
    assert!(detail["message"].is_string(), "{answer}");
}

async fn rows(app: &TestApp) -> String {
    raw::text(app.database().url(), "SELECT count(*) FROM task_custom_field_values").await
}

#[db_test]
async fn unknown_keys_are_named_in_order(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    define(&app, &world, "known", json!({})).await;
    let elsewhere = json!({"board_ids": [world.other_board.id]});
    define(&app, &world, "elsewhere", elsewhere).await;
    let values = json!({"zeta": 1, "known": "x", "elsewhere": "y", "Known": "z"});
    let wanted = json!(["Known", "elsewhere", "zeta"]);
    let body = json!({"title": "t", "custom_field_values": values});
    assert_refused(&create(&app, &world, body.clone()).await, "unknown_field_keys", wanted.clone());
    assert_refused(&delegate(&app, &world, body).await, "unknown_field_keys", wanted.clone());
    for actor in [&*world.owner, &*world.lead, &*world.worker] {
        let answer = patch(&app, &world, actor, json!({"custom_field_values": values})).await;
        assert_refused(&answer, "unknown_field_keys", wanted.clone());
    }
    assert_eq!(seen(&app, &world).await["custom_field_values"], json!({"known": null}));
}

#[db_test]
async fn the_first_bad_value_is_named_with_the_reason(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    define(&app, &world, "text", json!({"validation_regex": "[a-z]+"})).await;
    define(&app, &world, "number", json!({"field_type": "integer"})).await;
    for (values, key, kind) in [
        (json!({"number": 3.0}), "number", "integer"),
        (json!({"number": true}), "number", "integer"),
        (json!({"number": "3"}), "number", "integer"),
        (json!({"text": 3}), "text", "text"),
        (json!({"text": "abc1"}), "text", "text"),
        (json!({"number": "x", "text": 1}), "number", "integer"),
        (json!({"text": "fine", "number": []}), "number", "integer"),
    ] {
        for answer in [
            send(&app, &world, values.clone()).await,
            create(&app, &world, json!({"title": "t", "custom_field_values": values})).await,
        ] {
            assert_refused(&answer, "field_key", json!(key));
            assert_refused(&answer, "field_type", json!(kind));
            let reason = answer.json()["detail"]["reason"].as_str().map(str::len);
            assert!(reason > Some(0), "{answer}");
        }
    }
    let taken = json!({"text": "abc", "number": -3});
    assert_eq!(send(&app, &world, taken.clone()).await.ok()["custom_field_values"], taken);
}

/// Every type of §5.2 as a value, verbatim.
#[db_test]
async fn values_are_kept_as_they_were_sent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (kind, good, bad) in [
        ("text", json!(""), json!(["x"])),
        ("text_long", json!(" two\nlines "), json!(1)),
        ("integer", json!(9_007_199_254_740_993_i64), json!(1.5)),
        ("decimal", json!(1.25), json!("1.25")),
        ("boolean", json!(false), json!(0)),
        ("date", json!("2030-W01-1"), json!("2030-13-01")),
        ("date_time", json!(" 2030-01-01T10:00:00Z "), json!("2030-01-01T10:00:00z")),
        ("url", json!("https://example.com/a?b#c"), json!("ftp://example.com")),
        ("json", json!({"z": 1, "a": [null, {"y": 2, "b": 3}]}), json!("text")),
    ] {
        define(&app, &world, kind, json!({"field_type": kind})).await;
        assert_refused(&send(&app, &world, json!({kind: bad})).await, "field_key", json!(kind));
        let shown = send(&app, &world, json!({kind: good})).await.ok();
        assert_eq!(shown["custom_field_values"][kind], good);
        let value = &seen(&app, &world).await["custom_field_values"][kind];
        assert_eq!(value.to_string(), good.to_string(), "{kind}: even the order of keys");
    }
}

#[db_test]
async fn a_required_field_without_a_value_is_named(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    define(&app, &world, "optional", json!({})).await;
    define(&app, &world, "with default", json!({"required": true, "default_value": "d"})).await;
    for key in ["zeta", "alpha"] {
        define(&app, &world, key, json!({"required": true})).await;
    }
    let both = json!(["alpha", "zeta"]);
    let answer = create(&app, &world, json!({"title": "t"})).await;
    assert_refused(&answer, "missing_field_keys", both);
    for (values, missing) in [
        (json!({"alpha": "x"}), json!(["zeta"])),
        (json!({"alpha": "x", "zeta": null}), json!(["zeta"])),
        (json!({"alpha": "x", "zeta": "y", "with default": null}), json!(["with default"])),
    ] {
        let answer = create(&app, &world, json!({"title": "t", "custom_field_values": values})).await;
        assert_refused(&answer, "missing_field_keys", missing);
    }
    let values = json!({"alpha": "", "zeta": "y"});
    let task = create(&app, &world, json!({"title": "t", "custom_field_values": values})).await.ok();
    let wanted = json!({"optional": null, "with default": "d", "zeta": "y", "alpha": ""});
    assert_eq!(task["custom_field_values"], wanted, "an empty text is a value");
    assert_eq!(app.get(&world.owner, &tasks_of(world.board.id)).await.ok()["total"], 2);
}

#[db_test]
async fn a_new_task_keeps_the_defaults_of_its_day(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({"default_value": "old"})).await;
    let materialised = create(&app, &world, json!({"title": "t"})).await.ok();
    assert_eq!(rows(&app).await, "1");
    let refusing = json!({"title": "t", "custom_field_values": {"key": null}});
    let without = create(&app, &world, refusing).await.ok();
    assert_eq!(rows(&app).await, "1", "an explicit null stores nothing");
    assert_eq!(without["custom_field_values"], json!({"key": "old"}), "and shows the default");
    redefine(&app, &world, &field, json!({"default_value": "new"})).await;
    let list = app.get(&world.owner, &tasks_of(world.board.id)).await.ok();
    let value_of = |id: &Value| {
        let items = list["items"].as_array().expect("items");
        let task = items.iter().find(|task| task["id"] == *id).expect("the task");
        task["custom_field_values"]["key"].clone()
    };
    assert_eq!(value_of(&materialised["id"]), "old");
    assert_eq!(value_of(&without["id"]), "new");
    assert_eq!(value_of(&json!(world.task.id)), "new", "a task from before the field");
}

#[db_test]
async fn an_update_merges_by_key_and_null_removes(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    define(&app, &world, "a", json!({"default_value": "default"})).await;
    define(&app, &world, "b", json!({})).await;
    for (sent, wanted, stored) in [
        (json!({"a": "1"}), json!({"a": "1", "b": null}), "1"),
        (json!({"b": "2"}), json!({"a": "1", "b": "2"}), "2"),
        (json!({"a": "3"}), json!({"a": "3", "b": "2"}), "2"),
        (json!({}), json!({"a": "3", "b": "2"}), "2"),
        (json!({"a": null}), json!({"a": "default", "b": "2"}), "1"),
        (Value::Null, json!({"a": "default", "b": "2"}), "1"),
        (json!({"a": null, "b": null}), json!({"a": "default", "b": null}), "0"),
    ] {
        let task = send(&app, &world, sent.clone()).await.ok();
        assert_eq!(task["custom_field_values"], wanted, "{sent}");
        assert_eq!(rows(&app).await, stored, "{sent}");
    }
    let answer = create(&app, &world, json!({"title": "t", "custom_field_values": null})).await;
    assert_fault(&answer, "dict_type", json!(["body", "custom_field_values"]));
}

#[db_test]
async fn a_required_field_is_checked_only_when_values_are_sent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    define(&app, &world, "other", json!({})).await;
    // The task was there before the field.
    let field = define(&app, &world, "must", json!({})).await;
    redefine(&app, &world, &field, json!({"required": true})).await;
    patch(&app, &world, &world.owner, json!({"title": "fine"})).await.ok();
    for values in [json!({"other": "x"}), json!({}), Value::Null] {
        assert_refused(&send(&app, &world, values).await, "missing_field_keys", json!(["must"]));
    }
    send(&app, &world, json!({"must": "y"})).await.ok();
    assert_refused(&send(&app, &world, json!({"must": null})).await, "missing_field_keys", json!(["must"]));
    let task = send(&app, &world, json!({"other": "x"})).await.ok();
    assert_eq!(task["custom_field_values"], json!({"other": "x", "must": "y"}));
}

#[db_test]
async fn every_bound_field_is_shown_whatever_its_visibility(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    assert_eq!(seen(&app, &world).await["custom_field_values"], json!({}), "none is bound");
    for visibility in ["always", "if_set", "hidden"] {
        define(&app, &world, visibility, json!({"ui_visibility": visibility})).await;
    }
    let wanted = json!({"always": null, "if_set": null, "hidden": null});
    assert_eq!(seen(&app, &world).await["custom_field_values"], wanted);
    let task = send(&app, &world, json!({"hidden": "x"})).await.ok();
    assert_eq!(task["custom_field_values"]["hidden"], "x");
    let path = tasks_of(world.other_board.id);
    let other = app.post(&world.owner, &path, json!({"title": "t"})).await.ok();
    assert_eq!(other["custom_field_values"], json!({}), "another board has none of them");
}

#[db_test]
async fn an_unbound_field_hides_its_values_until_it_is_bound_again(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    send(&app, &world, json!({"key": "kept"})).await.ok();
    redefine(&app, &world, &field, json!({"board_ids": [world.other_board.id]})).await;
    assert_eq!(seen(&app, &world).await["custom_field_values"], json!({}));
    assert_refused(&send(&app, &world, json!({"key": "x"})).await, "unknown_field_keys", json!(["key"]));
    redefine(&app, &world, &field, json!({"board_ids": [world.board.id]})).await;
    assert_eq!(seen(&app, &world).await["custom_field_values"], json!({"key": "kept"}));
}

/// A worker may set values on any task of the board, whoever has it.
#[db_test]
async fn leads_and_workers_set_values(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    define(&app, &world, "key", json!({})).await;
    patch(&app, &world, &world.owner, json!({"assigned_agent_id": world.lead.agent.id})).await.ok();
    for (actor, value) in
        [(&world.lead, "by the lead"), (&world.worker, "by a worker"), (&world.main, "by main")]
    {
        let body = json!({"custom_field_values": {"key": value}});
        let task = patch(&app, &world, actor, body).await.ok();
        assert_eq!(task["custom_field_values"], json!({"key": value}));
    }
    let body = json!({"title": "t", "custom_field_values": {"key": "delegated"}});
    assert_eq!(delegate(&app, &world, body).await.ok()["custom_field_values"], json!({"key": "delegated"}));
}
