//! Identifiers, moments and closed sets of names, read straight into the types of the domain.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use mc_model::Timestamp;
use mc_model::error::Problem;
use mc_model::ids;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::field::Field;
use super::problems::{Problems, not_one_of};

fn uuid<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Uuid, Problems> {
    match value {
        Value::String(text) => parse_uuid(&text, at),
        other => Err(Problems::kind("uuid_type", at, &other)),
    }
}

/// Accepts the hyphenated form, 32 hexadecimal digits, `{braced}` and `urn:uuid:…`.
fn parse_uuid(text: &str, at: ValuePointerRef<'_>) -> Result<Uuid, Problems> {
    Uuid::try_parse(text).map_err(|error| {
        let reason = error.to_string();
        Problems::one("uuid_parsing", at, format!("Input should be a valid UUID, {reason}"))
            .with(json!({ "error": reason }))
    })
}

/// Reads an id in the path of a request.
///
/// # Errors
/// One problem, `uuid_parsing` at `["path", name]`; [`mc_model::Error::problems`] makes the 422 of it.
pub fn path_id<T: From<Uuid>>(name: &str, raw: &str) -> Result<T, Vec<Problem>> {
    parse_uuid(raw, ValuePointerRef::Origin.push_key(name))
        .map(T::from)
        .map_err(|found| found.located("path", &json!({ name: raw })))
}

macro_rules! id_fields {
    ($($name:ty),+ $(,)?) => {$(
        impl Deserr<Problems> for $name {
            fn deserialize_from_value<V: IntoValue>(
                value: Value<V>,
                at: ValuePointerRef<'_>,
            ) -> Result<Self, Problems> {
                uuid(value, at).map(Self::from)
            }
        }

        impl Field for $name {
            fn shape() -> Json {
                json!({ "type": "string", "format": "uuid" })
            }
        }
    )+};
}

id_fields!(
    Uuid,
    ids::UserId,
    ids::OrganizationId,
    ids::MemberId,
    ids::GatewayId,
    ids::AgentId,
    ids::BoardId,
    ids::BoardGroupId,
    ids::TaskId,
    ids::TagId,
    ids::ApprovalId,
    ids::CustomFieldId,
    ids::ActivityId,
    ids::SkillPackId,
);

/// Numbers above this are milliseconds, not seconds, since 1970 (tasks spec §0).
const MILLISECONDS_ABOVE: f64 = 2e10;

impl Deserr<Problems> for Timestamp {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        match value {
            Value::Integer(n) => from_epoch(n as f64, at),
            Value::NegativeInteger(n) => from_epoch(n as f64, at),
            Value::Float(n) => from_epoch(n, at),
            Value::String(text) => from_text(&text, at),
            other => Err(Problems::kind("datetime_type", at, &other)),
        }
    }
}

impl Field for Timestamp {
    fn shape() -> Json {
        json!({ "type": "string", "format": "date-time" })
    }
}

fn from_text(text: &str, at: ValuePointerRef<'_>) -> Result<Timestamp, Problems> {
    if let Some(moment) = Timestamp::parse_iso(text) {
        return in_range(moment, at);
    }
    let numeric = text.trim().bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b));
    if let (true, Ok(number)) = (numeric, text.trim().parse()) {
        return from_epoch(number, at);
    }
    // A good date with a bad time is told apart from a text that does not even begin with a date.
    let dated = text.get(..10).is_some_and(|date| Timestamp::parse_iso(date).is_some());
    let (code, reason) = match (dated, text.is_empty()) {
        (true, _) => ("datetime_parsing", "the time after the date cannot be read"),
        (false, true) => ("datetime_from_date_parsing", "input is too short"),
        (false, false) => ("datetime_from_date_parsing", "it does not begin with a date"),
    };
    Err(bad_moment(code, reason, at))
}

fn from_epoch(number: f64, at: ValuePointerRef<'_>) -> Result<Timestamp, Problems> {
    let seconds = if number.abs() > MILLISECONDS_ABOVE { number / 1_000.0 } else { number };
    // The cast saturates, and what does not fit any calendar is refused below.
    let micros = (seconds * 1_000_000.0).round() as i64;
    match Timestamp::from_micros(micros) {
        Some(moment) => in_range(moment, at),
        None => Err(out_of_range(at)),
    }
}

/// Refuses years that cannot be written with four digits: no database keeps them and no client reads them.
fn in_range(moment: Timestamp, at: ValuePointerRef<'_>) -> Result<Timestamp, Problems> {
    /// 0001-01-01T00:00:00.
    const FIRST: i64 = -62_135_596_800_000_000;
    /// 9999-12-31T23:59:59.999999.
    const LAST: i64 = 253_402_300_799_999_999;
    if (FIRST..=LAST).contains(&moment.micros()) { Ok(moment) } else { Err(out_of_range(at)) }
}

fn out_of_range(at: ValuePointerRef<'_>) -> Problems {
    bad_moment("datetime_parsing", "the year is not between 1 and 9999", at)
}

fn bad_moment(code: &'static str, reason: &'static str, at: ValuePointerRef<'_>) -> Problems {
    let msg = format!("Input should be a valid date and time, {reason}");
    Problems::one(code, at, msg).with(json!({ "error": reason }))
}

/// Makes an enum of the domain a field: a closed set of texts, `literal_error` for anything else.
///
/// The enum needs `ALL`, `as_str` and `from_name`, as the enums of mc-model have them.
macro_rules! choice {
    ($($name:ty),+ $(,)?) => {$(
        impl Deserr<Problems> for $name {
            fn deserialize_from_value<V: IntoValue>(
                value: Value<V>,
                at: ValuePointerRef<'_>,
            ) -> Result<Self, Problems> {
                let named = match &value {
                    Value::String(name) => Self::from_name(name),
                    _ => None,
                };
                named.ok_or_else(|| not_one_of(at, &Self::ALL.map(|one| one.as_str())))
            }
        }

        impl Field for $name {
            fn shape() -> Json {
                json!({ "type": "string", "enum": Self::ALL.map(|one| one.as_str()) })
            }

            fn shown(&self) -> Option<Json> {
                Some(self.as_str().into())
            }
        }
    )+};
}

choice!(
    mc_model::approval::ApprovalStatus,
    mc_model::custom_field::FieldType,
    mc_model::custom_field::Visibility,
    mc_model::task::SortDirection,
    mc_model::task::TaskSort,
    mc_model::task::TaskStatus,
    mc_model::token::TokenScope,
);
