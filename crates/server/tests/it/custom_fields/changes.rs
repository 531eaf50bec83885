//! Changing a definition, and what that means for values that are there.

use std::time::Duration;

use mc_model::ids::BoardId;
use mc_testkit::{Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{assert_sentence, define, fault, faults, listed, patch, store_value};
use crate::recorded::recorded;

#[db_test]
async fn patch_changes_what_was_sent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = define(&app, &world, "key", json!({"description": "d", "default_value": "x"})).await;
    app.clock().advance(Duration::from_secs(1));
    for (body, name, value) in [
        (json!({"label": " New "}), "label", json!("New")),
        (json!({"field_type": "text (long)"}), "field_type", json!("text_long")),
        (json!({"ui_visibility": "if set"}), "ui_visibility", json!("if_set")),
        (json!({"validation_regex": " x* "}), "validation_regex", json!("x*")),
        (json!({"validation_regex": " "}), "validation_regex", Value::Null),
        (json!({"description": null}), "description", Value::Null),
        (json!({"required": true}), "required", json!(true)),
        (json!({"default_value": null}), "default_value", Value::Null),
        (json!({"board_ids": null, "unknown": 1}), "board_ids", json!([world.board.id])),
    ] {
        let field = patch(&app, &world.admin, &made, body.clone()).await.ok();
        assert_eq!(field[name], value, "{body}: {field}");
        assert_eq!(listed(&app, &world.reader).await, std::slice::from_ref(&field), "{body}");
        assert_eq!((&field["field_key"], &field["created_at"]), (&made["field_key"], &made["created_at"]));
        assert_ne!(field["updated_at"], made["updated_at"]);
    }
}

#[db_test]
async fn patch_refuses_what_breaks_a_rule(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    for (body, code, place) in [
        (json!({}), "value_error", json!(["body"])),
        (json!({"unknown": 1}), "value_error", json!(["body"])),
        (json!({"field_key": "key"}), "value_error", json!(["body", "field_key"])),
        (json!({"field_key": null, "label": "New"}), "value_error", json!(["body", "field_key"])),
        (json!({"label": null}), "string_type", json!(["body", "label"])),
        (json!({"field_type": null}), "literal_error", json!(["body", "field_type"])),
        (json!({"ui_visibility": null}), "literal_error", json!(["body", "ui_visibility"])),
        (json!({"required": null}), "bool_type", json!(["body", "required"])),
        (json!({"default_value": "x".repeat(20_001)}), "value_error", json!(["body", "default_value"])),
        (json!({"board_ids": []}), "value_error", json!(["body", "board_ids"])),
    ] {
        let answer = patch(&app, &world.admin, &field, body.clone()).await;
        assert_eq!(faults(&answer), fault(code, place), "{answer}");
    }
    let answer = patch(&app, &world.admin, &field, json!({"field_key": "new", "label": 1})).await;
    let both =
        [fault("value_error", json!(["body", "field_key"])), fault("string_type", json!(["body", "label"]))];
    assert_eq!(faults(&answer), both.concat(), "{answer}");
    assert_eq!(listed(&app, &world.reader).await, [field]);
}

#[db_test]
async fn the_merged_definition_must_fit_together(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let more = json!({"validation_regex": "[0-9]+", "default_value": "1"});
    let field = define(&app, &world, "key", more).await;
    for body in [
        json!({"field_type": "integer"}),
        json!({"field_type": "integer", "validation_regex": null}),
        json!({"default_value": "one"}),
        json!({"validation_regex": "[a-z]+"}),
        json!({"validation_regex": "("}),
        json!({"field_type": "date"}),
    ] {
        assert_sentence(&patch(&app, &world.admin, &field, body).await, 422);
    }
    assert_eq!(listed(&app, &world.reader).await, std::slice::from_ref(&field));
    let whole = json!({"field_type": "integer", "validation_regex": null, "default_value": 1});
    assert_eq!(patch(&app, &world.admin, &field, whole).await.ok()["default_value"], 1);
}

#[db_test]
async fn boards_are_replaced_by_exactly_those_sent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    store_value(&app, world.task.id, &field, json!("kept")).await;
    let values = async || {
        let tasks = app.get(&world.owner, &format!("/api/v1/boards/{}/tasks", world.board.id)).await.ok();
        tasks["items"][0]["custom_field_values"].clone()
    };
    assert_eq!(values().await, json!({"key": "kept"}));

    let other = world.other_board.id;
    let moved = patch(&app, &world.admin, &field, json!({"board_ids": [other, other]})).await.ok();
    assert_eq!(moved["board_ids"], json!([other]));
    assert_eq!(values().await, json!({}), "an unbound board hides its values");

    let back = patch(&app, &world.admin, &field, json!({"board_ids": [other, world.board.id]})).await.ok();
    let mut sorted = [other.to_string(), world.board.id.to_string()];
    sorted.sort();
    assert_eq!(back["board_ids"], json!(sorted));
    assert_eq!(values().await, json!({"key": "kept"}), "bound again, it shows them");

    let unknown = BoardId::generate();
    let wrong = json!({"board_ids": [world.foreign_board.id, unknown, other]});
    let answer = patch(&app, &world.admin, &field, wrong).await;
    let mut invalid = [world.foreign_board.id.to_string(), unknown.to_string()];
    invalid.sort();
    assert_eq!(answer.status, 422, "{answer}");
    assert_eq!(answer.json()["detail"]["invalid_board_ids"], json!(invalid), "{answer}");
    assert_eq!(listed(&app, &world.reader).await[0]["board_ids"], json!(sorted), "nothing changed");
}

#[db_test]
async fn a_type_or_pattern_that_stored_values_do_not_fit_is_refused(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    let tasks = [
        world.task.id,
        app.add_task(world.board.id, "Two").await.id,
        app.add_task(world.board.id, "Three").await.id,
    ];
    for (task, value) in tasks.iter().zip(["2030-01-31", "ABC", "abc"]) {
        store_value(&app, *task, &field, json!(value)).await;
    }
    for (body, misfits) in [
        (json!({"field_type": "integer"}), vec![tasks[0], tasks[1], tasks[2]]),
        (json!({"field_type": "date"}), vec![tasks[1], tasks[2]]),
        (json!({"validation_regex": "[A-Z]+"}), vec![tasks[0], tasks[2]]),
        (json!({"validation_regex": "(?=A)[A-Z]+"}), vec![tasks[0], tasks[2]]),
    ] {
        let answer = patch(&app, &world.admin, &field, body.clone()).await;
        assert_eq!(answer.status, 409, "{body}: {answer}");
        let detail = &answer.json()["detail"];
        assert_eq!(detail["code"], "custom_field_values_misfit", "{answer}");
        assert_eq!(detail["misfit_count"], misfits.len(), "{body}: {answer}");
        assert_eq!(detail["task_ids"], json!(misfits), "{body}: {answer}");
        assert!(detail["message"].as_str().is_some_and(|text| text.starts_with(&misfits.len().to_string())));
        assert_eq!(listed(&app, &world.reader).await, std::slice::from_ref(&field), "nothing changed");
    }
    // What the values fit, and what they need not fit, is accepted.
    for body in [
        json!({"field_type": "text_long"}),
        json!({"validation_regex": "[-A-Za-z0-9]+"}),
        json!({"validation_regex": null}),
        json!({"label": "New"}),
    ] {
        patch(&app, &world.admin, &field, body).await.ok();
    }
    store_value(&app, tasks[1], &field, Value::Null).await;
    store_value(&app, tasks[2], &field, json!("20300131")).await;
    patch(&app, &world.admin, &field, json!({"field_type": "date"})).await.ok();
}

#[db_test]
async fn values_on_unbound_boards_count_too(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    store_value(&app, world.task.id, &field, json!("text")).await;
    patch(&app, &world.admin, &field, json!({"board_ids": [world.other_board.id]})).await.ok();
    let answer = patch(&app, &world.admin, &field, json!({"field_type": "integer"})).await;
    assert_eq!(answer.status, 409, "{answer}");
    assert_eq!(answer.json()["detail"]["misfit_count"], 1, "{answer}");
}

#[db_test]
async fn more_values_than_one_batch_are_all_counted(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    for number in 0..1_050 {
        let task = app.add_task(world.board.id, &format!("Task {number}")).await;
        store_value(&app, task.id, &field, json!("text")).await;
    }
    let answer = patch(&app, &world.admin, &field, json!({"field_type": "json"})).await;
    assert_eq!(answer.status, 409, "{answer}");
    assert_eq!(answer.json()["detail"]["misfit_count"], 1_050, "{answer}");
    assert_eq!(
        answer.json()["detail"]["task_ids"].as_array().map(Vec::len),
        Some(20),
        "only the first are named"
    );
}

#[db_test]
async fn a_change_is_in_the_log_with_the_tasks_it_leaves_without_a_value(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    let with_value = app.add_task(world.board.id, "Has a value").await;
    store_value(&app, with_value.id, &field, json!("x")).await;
    app.add_task(world.other_board.id, "Elsewhere").await;

    let both = json!([world.board.id, world.other_board.id]);
    let mut sorted = [world.board.id.to_string(), world.other_board.id.to_string()];
    sorted.sort();
    let from_to = |from: Value, to: Value| json!({"from": from, "to": to});
    for (body, changed, unset) in [
        (json!({"label": "New"}), json!({"label": from_to(json!("key"), json!("New"))}), 0),
        (json!({"required": true}), json!({"required": from_to(json!(false), json!(true))}), 1),
        (
            json!({"board_ids": both}),
            json!({"board_ids": from_to(json!([world.board.id]), json!(sorted))}),
            2,
        ),
        (json!({"default_value": "d"}), json!({"default_value": from_to(Value::Null, json!("d"))}), 0),
        (json!({"default_value": null}), json!({"default_value": from_to(json!("d"), Value::Null)}), 2),
        (json!({"description": "d"}), json!({"description": from_to(Value::Null, json!("d"))}), 0),
    ] {
        app.clock().advance(Duration::from_secs(1));
        patch(&app, &world.admin, &field, body.clone()).await.ok();
        let rows = recorded(&app, "custom_field.updated").await;
        let row = rows.last().expect("a row");
        let expected = json!({
            "custom_field_id": field["id"], "field_key": "key", "changed": changed, "tasks_without_value": unset,
        });
        assert_eq!(row.data, expected, "{body}");
        assert_eq!(row.user_id, Some(world.admin.user.id.into()));
        assert_eq!(row.organization_id, Some(world.organization.id.into()));
    }
}
