use super::*;
use crate::clock::{Clock, SystemClock};
use crate::custom_field::Visibility;
use crate::error::Detail;
use crate::ids::OrganizationId;

fn field(key: &str, field_type: FieldType, required: bool, default: Value) -> CustomField {
    let now = SystemClock.now();
    CustomField {
        id: CustomFieldId::generate(),
        organization_id: OrganizationId::generate(),
        key: key.into(),
        label: key.into(),
        field_type,
        visibility: Visibility::Always,
        pattern: None,
        description: None,
        required,
        default,
        board_ids: vec![],
        created_at: now,
        updated_at: now,
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn detail(error: Error) -> Value {
    match error.detail() {
        Detail::Object(object) => object.clone(),
        other => panic!("not an object: {other:?}"),
    }
}

#[test]
fn each_type_takes_its_values_and_no_others() {
    for (field_type, good, bad) in [
        (FieldType::Text, json!([""]), json!([1, true, {}])),
        (FieldType::Integer, json!([1, -5, 0]), json!([3.0, true, "1"])),
        (FieldType::Decimal, json!([1, 2.5]), json!([true, "1"])),
        (FieldType::Boolean, json!([true, false]), json!([1, "true"])),
        (FieldType::Date, json!(["2030-01-31", "2030W01"]), json!(["31.1.2030", 20300131])),
        (FieldType::DateTime, json!(["2030-01-31T10:00Z"]), json!(["2030-01-31T10:00z"])),
        (FieldType::Url, json!(["https://a", "HTTP://b/c?d"]), json!(["ftp://a", "https://", "a"])),
        (FieldType::Json, json!([{}, []]), json!(["{}", 1])),
    ] {
        let field = field("k", field_type, false, Value::Null);
        assert_eq!(check_value(&field, &Value::Null), Ok(()));
        for value in good.as_array().expect("a list") {
            assert_eq!(check_value(&field, value), Ok(()), "{field_type:?} {value}");
        }
        for value in bad.as_array().expect("a list") {
            assert!(check_value(&field, value).is_err(), "{field_type:?} {value}");
        }
    }
}

#[test]
fn new_tasks_take_defaults_and_must_have_required_values() {
    let fields = [
        field("size", FieldType::Text, true, Value::Null),
        field("prio", FieldType::Integer, false, json!(3)),
    ];
    let values = effective_values(&fields, &object(json!({"size": ""}))).expect("values");
    assert_eq!(values, [(fields[0].id, json!("")), (fields[1].id, json!(3))]);
    let cleared = effective_values(&fields, &object(json!({"size": "L", "prio": null}))).expect("values");
    assert_eq!(cleared, [(fields[0].id, json!("L"))]);
    let missing = effective_values(&fields, &Map::new()).expect_err("required");
    assert_eq!(detail(missing)["missing_field_keys"], json!(["size"]));
}

#[test]
fn refusals_name_keys_in_order() {
    let fields = [field("a", FieldType::Integer, false, Value::Null)];
    let unknown = effective_values(&fields, &object(json!({"z": 1, "b": 2}))).expect_err("unknown");
    assert_eq!(detail(unknown)["unknown_field_keys"], json!(["b", "z"]));
    let bad = effective_values(&fields, &object(json!({"a": "x"}))).expect_err("bad value");
    let bad = detail(bad);
    assert_eq!((&bad["field_key"], &bad["field_type"]), (&json!("a"), &json!("integer")));
}

#[test]
fn merging_keeps_what_was_not_sent_and_never_unsets_a_required_field() {
    let fields = [
        field("size", FieldType::Text, true, Value::Null),
        field("prio", FieldType::Integer, false, Value::Null),
    ];
    let stored = object(json!({"size": "L"}));
    let changes = merge_values(&fields, &stored, &object(json!({"prio": null}))).expect("changes");
    assert_eq!(changes, [(fields[1].id, Value::Null)]);
    assert!(merge_values(&fields, &stored, &object(json!({"size": null}))).is_err());
    assert!(merge_values(&fields, &Map::new(), &object(json!({"prio": 1}))).is_err());
}
