//! Values of custom fields on tasks.

use serde_json::{Map, Value, json};

use super::{CustomField, FieldType, Pattern, dates};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::CustomFieldId;

/// Checks `value` against the field's type and pattern. Null always passes.
///
/// # Errors
/// The reason, to follow the name of the field.
pub fn check_value(field: &CustomField, value: &Value) -> std::result::Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    let fits = match (field.field_type, value) {
        (FieldType::Text | FieldType::TextLong, Value::String(_))
        | (FieldType::Decimal, Value::Number(_))
        | (FieldType::Boolean, Value::Bool(_))
        | (FieldType::Json, Value::Object(_) | Value::Array(_)) => true,
        (FieldType::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
        (FieldType::Date, Value::String(text)) => dates::is_date(text),
        (FieldType::DateTime, Value::String(text)) => dates::is_date_time(text),
        (FieldType::Url, Value::String(text)) => is_url(text),
        _ => false,
    };
    if !fits {
        return Err(expectation(field.field_type).to_owned());
    }
    match (&field.pattern, value.as_str()) {
        (Some(pattern), Some(text)) if !Pattern::compile(pattern)?.matches(text)? => {
            Err("the value does not match the field's pattern".to_owned())
        }
        _ => Ok(()),
    }
}

fn expectation(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text | FieldType::TextLong => "the value must be a text",
        FieldType::Integer => "the value must be a whole number",
        FieldType::Decimal => "the value must be a number",
        FieldType::Boolean => "the value must be true or false",
        FieldType::Date => "the value must be a date such as 2030-01-31",
        FieldType::DateTime => "the value must be a date and time such as 2030-01-31T10:00:00Z",
        FieldType::Url => "the value must be an http or https address",
        FieldType::Json => "the value must be an object or a list",
    }
}

fn is_url(text: &str) -> bool {
    let lower = text.trim().to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| !authority.is_empty())
}

/// What is stored for a new task: the sent values, the defaults of fields that were not sent. Null stores nothing.
///
/// # Errors
/// 422 with `unknown_field_keys`, with the first bad value, or with `missing_field_keys`.
pub fn effective_values(
    fields: &[CustomField],
    sent: &Map<String, Value>,
) -> Result<Vec<(CustomFieldId, Value)>> {
    check_sent(fields, sent)?;
    let effective = |field: &CustomField| sent.get(&field.key).unwrap_or(&field.default).clone();
    check_required(fields.iter().filter(|field| effective(field).is_null()))?;
    let values = fields.iter().map(|field| (field.id, effective(field)));
    Ok(values.filter(|(_, value)| !value.is_null()).collect())
}

/// What changes for a task that has `stored` values: each sent key, null for "remove".
///
/// # Errors
/// As [`effective_values`]; the fields that were not sent count with their stored value or default.
pub fn merge_values(
    fields: &[CustomField],
    stored: &Map<String, Value>,
    sent: &Map<String, Value>,
) -> Result<Vec<(CustomFieldId, Value)>> {
    check_sent(fields, sent)?;
    let is_unset = |field: &&CustomField| match sent.get(&field.key) {
        Some(value) => value.is_null(),
        None => stored.get(&field.key).unwrap_or(&field.default).is_null(),
    };
    check_required(fields.iter().filter(is_unset))?;
    let changes = fields.iter().filter_map(|field| Some((field.id, sent.get(&field.key)?.clone())));
    Ok(changes.collect())
}

fn check_sent(fields: &[CustomField], sent: &Map<String, Value>) -> Result<()> {
    let mut unknown: Vec<_> =
        sent.keys().filter(|key| !fields.iter().any(|field| field.key == **key)).collect();
    if !unknown.is_empty() {
        unknown.sort_unstable();
        return Err(refusal(
            json!({"message": "These custom fields are not bound to the board.", "unknown_field_keys": unknown}),
        ));
    }
    for (key, value) in sent {
        let Some(field) = fields.iter().find(|field| field.key == *key) else { continue };
        check_value(field, value).map_err(|reason| {
            refusal(json!({
                "message": format!("The value of {key} is not accepted: {reason}."),
                "field_key": key,
                "field_type": field.field_type.as_str(),
                "reason": reason,
            }))
        })?;
    }
    Ok(())
}

fn check_required<'a>(unset: impl Iterator<Item = &'a CustomField>) -> Result<()> {
    let mut missing: Vec<_> = unset.filter(|field| field.required).map(|field| &field.key).collect();
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    Err(refusal(json!({"message": "Required custom fields have no value.", "missing_field_keys": missing})))
}

fn refusal(detail: Value) -> Error {
    Error::object(ErrorKind::Invalid, detail)
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
