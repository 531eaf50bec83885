//! Values whose inner form is the caller's business.

use deserr::{Deserr, IntoValue, Map as _, Value, ValuePointerRef};
use serde_json::{Map, Value as Json, json};

use super::field::{Components, Field};
use super::problems::Problems;

/// Any JSON value, without NUL characters in its texts and keys.
///
/// Its depth is limited by the parser, its size by the limit of the body.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyJson(pub Json);

/// A JSON object with any fields, without NUL characters in its texts and keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(pub Map<String, Json>);

/// A JSON object whose values are all of one type; `Dict<Option<AnyJson>>` takes anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Dict<T>(pub Vec<(String, T)>);

impl<T> Default for Dict<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Dict<Option<AnyJson>> {
    /// The object as JSON.
    #[must_use]
    pub fn into_map(self) -> Map<String, Json> {
        self.0.into_iter().map(|(key, value)| (key, value.map_or(Json::Null, |v| v.0))).collect()
    }
}

/// Whether a text or a key in a value contains NUL, which PostgreSQL cannot store.
fn has_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(has_nul),
        Json::Object(fields) => fields.iter().any(|(key, field)| key.contains('\0') || has_nul(field)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn nul(at: ValuePointerRef<'_>) -> Problems {
    Problems::rule(at, "text must not contain the NUL character")
}

impl Deserr<Problems> for AnyJson {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let value = Json::from(value);
        if has_nul(&value) { Err(nul(at)) } else { Ok(Self(value)) }
    }
}

impl Field for AnyJson {
    fn shape() -> Json {
        json!({})
    }
}

impl Deserr<Problems> for Object {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        if !matches!(value, Value::Map(_)) {
            return Err(Problems::kind("dict_type", at, &value));
        }
        match AnyJson::deserialize_from_value(value, at)?.0 {
            Json::Object(fields) => Ok(Self(fields)),
            _ => Err(Problems::one("dict_type", at, "Input should be an object")),
        }
    }
}

impl Field for Object {
    fn shape() -> Json {
        json!({ "type": "object", "additionalProperties": true })
    }
}

impl<T: Deserr<Problems>> Deserr<Problems> for Dict<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let Value::Map(fields) = value else {
            return Err(Problems::kind("dict_type", at, &value));
        };
        let mut problems = Problems::none();
        let mut read = Vec::with_capacity(fields.len());
        for (key, field) in fields.into_iter() {
            let here = at.push_key(&key);
            if key.contains('\0') {
                problems.add(nul(here));
                continue;
            }
            match T::deserialize_from_value(field.into_value(), here) {
                Ok(field) => read.push((key, field)),
                Err(found) => problems.add(found),
            }
        }
        if problems.is_empty() { Ok(Self(read)) } else { Err(problems) }
    }
}

impl<T: Field> Field for Dict<T> {
    fn shape() -> Json {
        json!({ "type": "object", "additionalProperties": T::shape() })
    }

    fn components(into: &mut Components) {
        T::components(into);
    }
}
