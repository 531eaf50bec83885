//! Query strings.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mc_model::Error;
use mc_model::error::Problem;
use serde_json::{Map, Value as Json};

use super::problems::Problems;
use crate::error::ApiError;

/// The query parameters of a request, decoded; all faults in one 422.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

/// A type that takes its fields from a query string; [`input!`](super::input) makes them, and tuples compose them.
pub trait QueryPart: Sized {
    /// Reads the fields.
    ///
    /// # Errors
    /// Everything that is wrong with the parameters this part knows.
    fn from_pairs(pairs: &Map<String, Json>) -> Result<Self, Problems>;
}

impl QueryPart for () {
    fn from_pairs(_: &Map<String, Json>) -> Result<Self, Problems> {
        Ok(())
    }
}

impl<A: QueryPart, B: QueryPart> QueryPart for (A, B) {
    fn from_pairs(pairs: &Map<String, Json>) -> Result<Self, Problems> {
        match (A::from_pairs(pairs), B::from_pairs(pairs)) {
            (Ok(a), Ok(b)) => Ok((a, b)),
            (Err(mut found), Err(more)) => {
                found.add(more);
                Err(found)
            }
            (Err(found), Ok(_)) | (Ok(_), Err(found)) => Err(found),
        }
    }
}

/// Decodes a query string.
///
/// Names are case-sensitive, unknown ones are ignored, of repeated ones the last counts; every `input` is text.
///
/// # Errors
/// One problem per fault, located at `["query", name]`.
pub fn decode_query<T: QueryPart>(raw: Option<&str>) -> Result<T, Vec<Problem>> {
    let pairs = pairs(raw.unwrap_or_default());
    T::from_pairs(&pairs).map_err(|found| found.located("query", &Json::Object(pairs)))
}

impl<S: Sync, T: QueryPart> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        decode_query(parts.uri.query()).map(Self).map_err(|found| Error::problems(found).into())
    }
}

/// The parameters as [`input!`](super::input) decodes them: the literal `null` of a nullable one counts as absent,
/// because generated clients write it for a value they do not have (ui spec).
#[must_use]
pub fn without_nulls(pairs: &Map<String, Json>, fields: &[(&str, bool)]) -> Json {
    let absent = |name: &str, value: &Json| {
        value == "null" && fields.iter().any(|(field, nullable)| *nullable && *field == name)
    };
    let kept = pairs.iter().filter(|(name, value)| !absent(name, value));
    Json::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn pairs(raw: &str) -> Map<String, Json> {
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decoded(name), Json::from(percent_decoded(value)))
    };
    raw.split('&').filter(|pair| !pair.is_empty()).map(split).collect()
}

/// `+` is a blank, `%41` is `A`, a `%` without two hexadecimal digits is itself, bytes that are not UTF-8 become
/// replacement characters.
fn percent_decoded(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let (byte, width) = match bytes[index] {
            b'+' => (b' ', 1),
            b'%' => escaped(&bytes[index + 1..]).map_or((b'%', 1), |byte| (byte, 3)),
            byte => (byte, 1),
        };
        decoded.push(byte);
        index += width;
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn escaped(rest: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (high, low) = (digit(rest.first()?)?, digit(rest.get(1)?)?);
    u8::try_from(high * 16 + low).ok()
}
