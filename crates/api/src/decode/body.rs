//! JSON bodies.

use std::error::Error as StdError;

use axum::body::Body as RawBody;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use deserr::Deserr;
use http_body_util::{BodyExt, LengthLimitError};
use mc_model::error::Problem;
use mc_model::{Error, ErrorKind};
use serde_json::{Value as Json, json};

use super::problems::{Problems, raw_text};
use super::query::{QueryPart, decode_query};
use crate::error::ApiError;

/// The deepest nesting of arrays and objects that a body may have; the parser's own limit.
const MAX_DEPTH: usize = 127;

/// The JSON body of a request, decoded; all faults in one 422.
///
/// `Body<Option<T>>` is a body that may be left out.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

/// Query parameters and body of a request, with the faults of both in one 422.
#[derive(Clone, Debug)]
pub struct Input<Q, B> {
    /// The query parameters.
    pub query: Q,
    /// The body.
    pub body: B,
}

/// Why a body gives no value.
#[derive(Debug)]
pub enum BodyFault {
    /// The bytes cannot be read as JSON text at all: not UTF-8, or nested too deeply (400).
    Unreadable,
    /// It is not JSON, or not the JSON asked for (422).
    Invalid(Vec<Problem>),
}

impl From<BodyFault> for Error {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::Unreadable => Error::text(ErrorKind::BadRequest, UNREADABLE),
            BodyFault::Invalid(problems) => Error::problems(problems),
        }
    }
}

const UNREADABLE: &str = "The request body could not be read as JSON";

/// Decodes the bytes of a body; `is_json` says whether its content type is one we parse.
///
/// # Errors
/// See [`BodyFault`].
pub fn decode_body<T: Deserr<Problems>>(is_json: bool, bytes: &[u8]) -> Result<T, BodyFault> {
    let value = read(is_json, bytes)?;
    deserr::deserialize(value).map_err(|found: Problems| {
        // The value is gone into the failed decoding; reading it again costs only those who sent a bad body.
        let root = read(is_json, bytes).unwrap_or(Json::Null);
        BodyFault::Invalid(found.located("body", &root))
    })
}

/// Whether a body with these headers is parsed as JSON: no content type, `application/json` or
/// `application/*+json`.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let value = String::from_utf8_lossy(value.as_bytes());
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.is_empty()
        || essence
            .strip_prefix("application/")
            .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

fn read(is_json: bool, bytes: &[u8]) -> Result<Json, BodyFault> {
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    if !is_json {
        return Ok(raw_text(&String::from_utf8_lossy(bytes)));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| BodyFault::Unreadable)?;
    serde_json::from_str(text).map_err(|error| syntax_fault(text, &error))
}

fn syntax_fault(text: &str, error: &serde_json::Error) -> BodyFault {
    let offset = offset_of(text, error);
    // The bracket that is one too many is the character at the offset.
    let read = &text.as_bytes()[..text.len().min(offset + 1)];
    if depth(read) > MAX_DEPTH {
        return BodyFault::Unreadable;
    }
    let reason = error.to_string();
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    BodyFault::Invalid(vec![Problem {
        code: "json_invalid",
        loc: vec!["body".into(), text[..offset].chars().count().into()],
        msg: "The body is not valid JSON".to_owned(),
        input: json!({}),
        ctx: Some(json!({ "error": reason })),
    }])
}

/// Where parsing stopped, as a byte offset on a character boundary.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return text.len();
    }
    let line = error.line().saturating_sub(1);
    let start = match line {
        0 => 0,
        _ => text.match_indices('\n').nth(line - 1).map_or(0, |(index, _)| index + 1),
    };
    text.floor_char_boundary(start + error.column().saturating_sub(1))
}

/// The deepest nesting that a piece of JSON text opens.
fn depth(text: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Reads a body to its end.
///
/// # Errors
/// 413 when a limit around the body ends it, 408 when a time limit does ([`std::io::ErrorKind::TimedOut`] or
/// [`tokio::time::error::Elapsed`] anywhere among the causes), 400 when the client goes away.
pub async fn read_bytes(body: RawBody) -> Result<Bytes, ApiError> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(ApiError::from_status(transport_status(&error))),
    }
}

fn transport_status(error: &(dyn StdError + 'static)) -> StatusCode {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        let timed_out = error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut);
        if timed_out || error.is::<tokio::time::error::Elapsed>() {
            return StatusCode::REQUEST_TIMEOUT;
        }
        cause = error.source();
    }
    StatusCode::BAD_REQUEST
}

impl<S: Sync, T: Deserr<Problems>> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let json = is_json(request.headers());
        let bytes = read_bytes(request.into_body()).await?;
        decode_body(json, &bytes).map(Self).map_err(|fault| Error::from(fault).into())
    }
}

impl<S: Sync, Q: QueryPart + Send, B: Deserr<Problems>> FromRequest<S> for Input<Q, B> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let json = is_json(request.headers());
        let query = decode_query(request.uri().query());
        let bytes = read_bytes(request.into_body()).await?;
        let found = match (query, decode_body(json, &bytes)) {
            (Ok(query), Ok(body)) => return Ok(Self { query, body }),
            (_, Err(BodyFault::Unreadable)) => {
                return Err(Error::from(BodyFault::Unreadable).into());
            }
            (Err(found), Ok(_)) | (Ok(_), Err(BodyFault::Invalid(found))) => found,
            (Err(mut found), Err(BodyFault::Invalid(more))) => {
                found.extend(more);
                found
            }
        };
        Err(Error::problems(found).into())
    }
}
