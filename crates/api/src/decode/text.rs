//! Texts.

use std::ops::Deref;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use serde_json::{Value as Json, json};

use super::field::Field;
use super::problems::Problems;

/// A text as sent, without NUL characters, at most `MAX` characters long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text<const MAX: usize = { usize::MAX }>(pub String);

/// A text without the blanks around it, 1 to `MAX` characters long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrimmedText<const MAX: usize = { usize::MAX }>(pub String);

/// An absolute `http` or `https` address, without the blanks around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl(pub String);

fn text<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<String, Problems> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Err(Problems::rule(at, "text must not contain the NUL character"))
        }
        Value::String(text) => Ok(text),
        other => Err(Problems::kind("string_type", at, &other)),
    }
}

fn at_most(text: String, max: usize, at: ValuePointerRef<'_>) -> Result<String, Problems> {
    // Characters are never more than bytes, so most texts need no counting.
    if text.len() <= max || text.chars().count() <= max {
        return Ok(text);
    }
    let msg = format!("String should have at most {max} characters");
    Err(Problems::one("string_too_long", at, msg).with(json!({ "max_length": max })))
}

fn not_empty(text: &str, at: ValuePointerRef<'_>) -> Result<(), Problems> {
    if !text.is_empty() {
        return Ok(());
    }
    Err(Problems::one("string_too_short", at, "String should have at least 1 character")
        .with(json!({ "min_length": 1 })))
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

fn text_shape(min: usize, max: usize) -> Json {
    let mut shape = json!({ "type": "string" });
    if min > 0 {
        shape["minLength"] = min.into();
    }
    if max < usize::MAX {
        shape["maxLength"] = max.into();
    }
    shape
}

impl<const MAX: usize> Deserr<Problems> for Text<MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        at_most(text(value, at)?, MAX, at).map(Self)
    }
}

impl<const MAX: usize> Field for Text<MAX> {
    fn shape() -> Json {
        text_shape(0, MAX)
    }

    fn shown(&self) -> Option<Json> {
        Some(self.0.as_str().into())
    }
}

impl<const MAX: usize> Deserr<Problems> for TrimmedText<MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let text = trimmed(&text(value, at)?);
        not_empty(&text, at)?;
        at_most(text, MAX, at).map(Self)
    }
}

impl<const MAX: usize> Field for TrimmedText<MAX> {
    fn shape() -> Json {
        text_shape(1, MAX)
    }
}

impl Deserr<Problems> for HttpUrl {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let text = trimmed(&text(value, at)?);
        match address_fault(&text) {
            None => Ok(Self(text)),
            Some(reason) => {
                let msg = format!("Input should be a web address, {reason}");
                Err(Problems::one("url_parsing", at, msg).with(json!({ "error": reason })))
            }
        }
    }
}

impl Field for HttpUrl {
    fn shape() -> Json {
        json!({ "type": "string", "minLength": 1, "format": "uri" })
    }
}

/// Why a text is no web address, if it is none.
fn address_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("input is empty");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some("there is no scheme");
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Some("the scheme must be http or https");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        return Some("there is no host");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("it contains blanks");
    }
    None
}

macro_rules! like_str {
    ($([$($generics:tt)*] $name:ty),+ $(,)?) => {$(
        impl<$($generics)*> Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl<$($generics)*> From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    )+};
}

like_str!([const MAX: usize] Text<MAX>, [const MAX: usize] TrimmedText<MAX>, [] HttpUrl);

impl<const MAX: usize> From<&str> for Text<MAX> {
    /// A default of ours; the length is not checked.
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
