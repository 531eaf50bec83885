//! Listing, defining and deleting.

use mc_model::custom_field::{FieldType, NewCustomField, Visibility};
use mc_model::ids::{BoardId, CustomFieldId};
use mc_service::custom_fields::MAX_FIELDS;
use mc_store as store;
use mc_testkit::{Actor, Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{FIELDS, assert_sentence, define, definition, fault, faults, field_path, listed, store_value};
use crate::recorded::recorded;

#[db_test]
async fn create_takes_the_least_and_fills_in_the_rest(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, " Client ", json!({})).await;
    let expected = json!({
        "field_key": "Client",
        "label": "Client",
        "field_type": "text",
        "ui_visibility": "always",
        "validation_regex": null,
        "description": null,
        "required": false,
        "default_value": null,
        "id": field["id"],
        "organization_id": world.organization.id,
        "board_ids": [world.board.id],
        "created_at": field["created_at"],
        "updated_at": field["created_at"],
    });
    assert_eq!(field.to_string(), expected.to_string(), "every field, in the order of the contract");
    assert_eq!(listed(&app, &world.reader).await, [field]);
}

#[db_test]
async fn create_keeps_what_was_sent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let boards = json!([world.other_board.id, world.board.id, world.other_board.id]);
    let more = json!({
        "label": " Case number ", "field_type": " Date & Time ", "ui_visibility": "If Set",
        "validation_regex": " 2030.* ", "description": " as is ", "required": true,
        "default_value": "2030-01-31T10:00:00Z", "board_ids": boards,
    });
    let field = define(&app, &world, "case", more).await;
    for (name, value) in [
        ("label", json!("Case number")),
        ("field_type", json!("date_time")),
        ("ui_visibility", json!("if_set")),
        ("validation_regex", json!("2030.*")),
        ("description", json!(" as is ")),
        ("required", json!(true)),
        ("default_value", json!("2030-01-31T10:00:00Z")),
        ("board_ids", json!([world.other_board.id, world.board.id])),
    ] {
        assert_eq!(field[name], value, "{name}: {field}");
    }
    let mut sorted = [world.other_board.id.to_string(), world.board.id.to_string()];
    sorted.sort();
    let list = listed(&app, &world.reader).await;
    assert_eq!(list[0]["board_ids"], json!(sorted), "the list shows the boards in the order of their ids");
}

#[db_test]
async fn every_type_is_known_by_its_name_and_aliases(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (number, (sent, stored)) in [
        ("text", "text"),
        ("TEXT_LONG", "text_long"),
        ("text (long)", "text_long"),
        ("long_text", "text_long"),
        ("integer", "integer"),
        ("decimal", "decimal"),
        ("True/False", "boolean"),
        ("boolean", "boolean"),
        ("date", "date"),
        ("date & time", "date_time"),
        ("datetime", "date_time"),
        ("date_time", "date_time"),
        ("url", "url"),
        (" json ", "json"),
    ]
    .into_iter()
    .enumerate()
    {
        let field = define(&app, &world, &format!("f{number}"), json!({"field_type": sent})).await;
        assert_eq!(field["field_type"], stored, "{sent}");
    }
    for (number, (sent, stored)) in
        [("ALWAYS", "always"), (" if_set", "if_set"), ("if set", "if_set"), ("hidden", "hidden")]
            .into_iter()
            .enumerate()
    {
        let field = define(&app, &world, &format!("v{number}"), json!({"ui_visibility": sent})).await;
        assert_eq!(field["ui_visibility"], stored, "{sent}");
    }
}

#[db_test]
async fn fields_are_listed_by_label_without_regard_to_case(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (key, label) in [("1", "beta"), ("2", "Alpha"), ("3", "GAMMA")] {
        define(&app, &world, key, json!({"label": label})).await;
    }
    let theirs = json!({"field_key": "1", "board_ids": [world.foreign_board.id]});
    app.post(&world.stranger, FIELDS, theirs).await.ok();
    let labels = async |actor: &Actor| -> Vec<Value> {
        listed(&app, actor).await.iter().map(|field| field["label"].clone()).collect()
    };
    assert_eq!(labels(&world.reader).await, ["Alpha", "beta", "GAMMA"]);
    assert_eq!(labels(&world.stranger).await, ["1"]);
}

#[db_test]
async fn keys_are_unique_in_an_organization_and_know_case(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    define(&app, &world, "key", json!({})).await;
    define(&app, &world, "Key", json!({})).await;
    let again = definition(&world, " key ", &json!({"label": "Another"}));
    assert_sentence(&app.post(&world.admin, FIELDS, again).await, 409);
    let theirs = json!({"field_key": "key", "board_ids": [world.foreign_board.id]});
    app.post(&world.stranger, FIELDS, theirs).await.ok();
    assert_eq!(listed(&app, &world.reader).await.len(), 2);
}

#[db_test]
async fn create_refuses_what_breaks_a_rule(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let many: Vec<_> = (0..1_001).map(|_| BoardId::generate()).collect();
    for (body, code, place) in [
        (json!({"field_key": null}), "string_type", json!(["body", "field_key"])),
        (json!({"field_key": " "}), "string_too_short", json!(["body", "field_key"])),
        (json!({"field_key": "x".repeat(201)}), "string_too_long", json!(["body", "field_key"])),
        (json!({"label": " "}), "string_too_short", json!(["body", "label"])),
        (json!({"label": "x".repeat(201)}), "string_too_long", json!(["body", "label"])),
        (json!({"field_type": "number"}), "literal_error", json!(["body", "field_type"])),
        (json!({"field_type": null}), "literal_error", json!(["body", "field_type"])),
        (json!({"ui_visibility": "sometimes"}), "literal_error", json!(["body", "ui_visibility"])),
        (json!({"validation_regex": 1}), "string_type", json!(["body", "validation_regex"])),
        (
            json!({"validation_regex": "a".repeat(1_001)}),
            "string_too_long",
            json!(["body", "validation_regex"]),
        ),
        (json!({"description": "x".repeat(20_001)}), "string_too_long", json!(["body", "description"])),
        (json!({"default_value": "x".repeat(20_001)}), "value_error", json!(["body", "default_value"])),
        (json!({"default_value": "a\u{0}"}), "value_error", json!(["body", "default_value"])),
        (json!({"required": null}), "bool_type", json!(["body", "required"])),
        (json!({"board_ids": []}), "too_short", json!(["body", "board_ids"])),
        (json!({"board_ids": null}), "list_type", json!(["body", "board_ids"])),
        (json!({"board_ids": ["x"]}), "uuid_parsing", json!(["body", "board_ids", 0])),
        (json!({"board_ids": many}), "too_long", json!(["body", "board_ids"])),
    ] {
        let answer = app.post(&world.admin, FIELDS, definition(&world, "key", &body)).await;
        assert_eq!(faults(&answer), fault(code, place), "{answer}");
    }
    let answer = app.post(&world.admin, FIELDS, json!({})).await;
    let missing = |name| ("missing".to_owned(), json!(["body", name]));
    assert_eq!(faults(&answer), [missing("field_key"), missing("board_ids")]);
    assert!(listed(&app, &world.reader).await.is_empty());
}

#[db_test]
async fn type_pattern_and_default_must_fit_together(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for more in [
        json!({"field_type": "integer", "validation_regex": "[0-9]"}),
        json!({"field_type": "json", "validation_regex": "x"}),
        json!({"validation_regex": "("}),
        json!({"default_value": 1}),
        json!({"field_type": "integer", "default_value": 3.0}),
        json!({"field_type": "integer", "default_value": true}),
        json!({"field_type": "boolean", "default_value": 1}),
        json!({"field_type": "date", "default_value": "31.01.2030"}),
        json!({"field_type": "url", "default_value": "ftp://example.com"}),
        json!({"field_type": "json", "default_value": "{}"}),
        json!({"validation_regex": "[A-Z]{3}", "default_value": "abcd"}),
    ] {
        let answer = app.post(&world.admin, FIELDS, definition(&world, "key", &more)).await;
        assert_sentence(&answer, 422);
    }
    let blank =
        define(&app, &world, "blank", json!({"field_type": "integer", "validation_regex": "  "})).await;
    assert_eq!(blank["validation_regex"], Value::Null, "a blank pattern is none");
    // The dialect of the original: named groups, \Z, look-ahead.
    for (key, pattern) in [("a", r"(?P<year>\d{4})\Z"), ("b", "(?!0)[0-9]+")] {
        let field =
            define(&app, &world, key, json!({"validation_regex": pattern, "default_value": "2030"})).await;
        assert_eq!(field["validation_regex"], pattern);
    }
}

#[db_test]
async fn boards_of_others_are_named_and_refused(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let unknown = BoardId::generate();
    let boards = json!({"board_ids": [unknown, world.board.id, world.foreign_board.id]});
    let answer = app.post(&world.admin, FIELDS, definition(&world, "key", &boards)).await;
    assert_eq!(answer.status, 422, "{answer}");
    let mut invalid = [unknown.to_string(), world.foreign_board.id.to_string()];
    invalid.sort();
    let detail = &answer.json()["detail"];
    assert_eq!(detail["invalid_board_ids"], json!(invalid), "{answer}");
    assert!(detail["message"].is_string(), "{answer}");
    assert!(listed(&app, &world.reader).await.is_empty());
}

#[db_test]
async fn members_read_and_admins_write(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    let path = field_path(&field);
    for (actor, reads, writes) in [
        (Actor::anonymous(), 401, 401),
        (world.worker.actor.clone(), 401, 401),
        (world.reader.actor.clone(), 200, 403),
        (world.writer.actor.clone(), 200, 403),
        (world.owner.actor.clone(), 200, 200),
    ] {
        assert_eq!(app.get(&actor, FIELDS).await.status, reads);
        let body = definition(&world, &format!("new{writes}"), &json!({}));
        assert_eq!(app.post(&actor, FIELDS, body).await.status, writes);
        assert_eq!(app.patch(&actor, &path, json!({"label": "L"})).await.status, writes);
    }
    for (actor, status) in [(&world.writer.actor, 403), (&world.admin.actor, 200)] {
        assert_eq!(app.delete(actor, &path).await.status, status);
    }
}

#[db_test]
async fn a_field_of_another_organization_is_not_there(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    let unknown = json!({"id": CustomFieldId::generate()});
    for (actor, field) in [(&world.stranger.actor, &field), (&world.admin.actor, &unknown)] {
        let path = field_path(field);
        assert_sentence(&app.patch(actor, &path, json!({"label": "Mine"})).await, 404);
        assert_sentence(&app.delete(actor, &path).await, 404);
    }
    let path = format!("{FIELDS}/nonsense");
    let place = json!(["path", "task_custom_field_definition_id"]);
    for answer in
        [app.patch(&world.admin, &path, json!({"label": "x"})).await, app.delete(&world.admin, &path).await]
    {
        assert_eq!(faults(&answer), fault("uuid_parsing", place.clone()), "{answer}");
    }
    assert_eq!(listed(&app, &world.reader).await, [field]);
}

#[db_test]
async fn delete_waits_until_no_task_has_a_value(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({})).await;
    let path = field_path(&field);
    store_value(&app, world.task.id, &field, json!("x")).await;
    assert_sentence(&app.delete(&world.admin, &path).await, 409);
    let elsewhere = json!({"board_ids": [world.other_board.id]});
    app.patch(&world.admin, &path, elsewhere).await.ok();
    assert_sentence(&app.delete(&world.admin, &path).await, 409);
    store_value(&app, world.task.id, &field, Value::Null).await;
    assert_eq!(app.delete(&world.admin, &path).await.ok(), json!({"ok": true}));
    assert_sentence(&app.delete(&world.admin, &path).await, 404);
    assert!(listed(&app, &world.reader).await.is_empty());
}

#[db_test]
async fn defining_and_deleting_are_in_the_log_of_the_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let field = define(&app, &world, "key", json!({"label": "Key figure", "default_value": "x"})).await;
    app.delete(&world.admin, &field_path(&field)).await.ok();
    let content = json!({
        "label": "Key figure", "field_type": "text", "ui_visibility": "always", "validation_regex": null,
        "description": null, "required": false, "default_value": "x", "board_ids": [world.board.id],
    });
    let data = json!({"custom_field_id": field["id"], "field_key": "key", "field": content});
    for (event, message) in [
        ("custom_field.created", "Custom field \"Key figure\" created"),
        ("custom_field.deleted", "Custom field \"Key figure\" deleted"),
    ] {
        let rows = recorded(&app, event).await;
        let [row] = &rows[..] else { panic!("{event}: {rows:?}") };
        assert_eq!((row.message.as_str(), &row.data), (message, &data));
        assert_eq!(row.organization_id, Some(world.organization.id.into()));
        assert_eq!((row.user_id, row.agent_id), (Some(world.admin.user.id.into()), None));
        assert!(row.request_id.is_some(), "{row:?}");
    }
}

#[db_test]
async fn an_organization_has_no_more_than_the_documented_number_of_fields(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let organization = world.organization.id;
    app.seed(async |tx| {
        for number in 0..MAX_FIELDS {
            let new = NewCustomField {
                key: format!("key{number}"),
                label: None,
                field_type: FieldType::Text,
                visibility: Visibility::Always,
                pattern: None,
                description: None,
                required: false,
                default: Value::Null,
                board_ids: Vec::new(),
            };
            assert!(store::custom_fields::insert(tx, &new.define(organization, tx.now())).await?);
        }
        Ok(())
    })
    .await;
    let answer = app.post(&world.admin, FIELDS, definition(&world, "more", &json!({}))).await;
    assert_sentence(&answer, 409);
    assert!(answer.text().contains(&MAX_FIELDS.to_string()), "the limit is named: {answer}");
}
