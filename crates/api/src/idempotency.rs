//! `Idempotency-Key`: a change that may be asked for twice and happens once.
//!
//! A handler takes [`Keyed<T>`] in place of `Body<T>`, hands [`Keyed::once`] to its use case and answers with [`answer`];
//! [`idempotent`] describes it. What the key means says `mc_service::idempotency`.

use axum::body::Body as RawBody;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use deserr::Deserr;
use mc_model::error::Problem;
use mc_model::{Error, Result};
use mc_service::idempotency::{KEPT_FOR, Once, Outcome, RequestKey};
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, ResponseBuilder};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::access::described;
use crate::conditional::add_header;
use crate::decode::{Problems, decode_body, is_json, read_bytes};
use crate::error::ApiError;
use crate::state::AppState;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key, in characters.
const MAX_KEY: usize = 255;

/// The JSON body of a request, and the key it was sent with, if it was.
#[derive(Clone, Debug)]
pub(crate) struct Keyed<B> {
    key: Option<RequestKey>,
    /// The body.
    pub body: B,
}

impl<B> Keyed<B> {
    /// That the change shall happen once, if there is a key; its answer is a `W`.
    pub(crate) fn once<T: Clone, W: From<T> + Serialize>(&self) -> Option<Once<T>> {
        let key = self.key.clone()?;
        Some(Once {
            key,
            render: |made| serde_json::to_string(&W::from(made.clone())).map_err(Error::internal),
        })
    }
}

impl<S: Sync, B: Deserr<Problems>> FromRequest<S> for Keyed<B> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let key = key(&parts.headers)?;
        let bytes = read_bytes(body).await?;
        let body = decode_body(is_json(&parts.headers), &bytes).map_err(Error::from)?;
        let asked = [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), &bytes];
        Ok(Self { key: key.map(|key| RequestKey::new(key, &asked)), body })
    }
}

/// The key as sent: 1 to 255 visible ASCII characters, in one header.
fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let is_visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    let is_good = is_visible && (1..=MAX_KEY).contains(&value.len()) && values.next().is_none();
    match value.to_str() {
        Ok(key) if is_good => Ok(Some(key.to_owned())),
        _ => Err(Error::problems(vec![bad_key(value)])),
    }
}

fn bad_key(value: &HeaderValue) -> Problem {
    let reason = format!("an Idempotency-Key has 1 to {MAX_KEY} visible ASCII characters and is sent once");
    Problem {
        code: "value_error",
        loc: vec!["header".into(), "Idempotency-Key".into()],
        msg: format!("Value error, {reason}"),
        input: String::from_utf8_lossy(value.as_bytes()).into(),
        ctx: Some(json!({ "error": reason })),
    }
}

/// The answer to a change: of now, or the one that was given before.
pub(crate) fn answer<T, W: From<T> + Serialize>(outcome: Outcome<T>) -> Response {
    match outcome {
        Outcome::Done(made) => axum::Json(W::from(made)).into_response(),
        Outcome::Before(kept) => {
            let mut answer = Response::new(RawBody::from(kept.body));
            *answer.status_mut() = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
            let headers = answer.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
            answer
        }
    }
}

/// Describes operations that heed `Idempotency-Key`.
pub(crate) fn idempotent(routes: UtoipaMethodRouter<AppState>) -> UtoipaMethodRouter<AppState> {
    described(routes, |operation| {
        let about = format!(
            "Makes it safe to send the request again: for {} hours the same request with the same key gets the first \
             answer, marked `Idempotent-Replayed: true`, and changes nothing. Another request with the key is refused \
             (422); while the first is being worked on the answer is 409 with `Retry-After`. Refusals are not kept.",
            KEPT_FOR.as_secs() / 3_600
        );
        let schema = ObjectBuilder::new().min_length(Some(1)).max_length(Some(MAX_KEY));
        add_header(operation, "Idempotency-Key", &about, schema);
        let text = "The present state forbids it, or a request with this Idempotency-Key is being worked on.";
        let conflict = || RefOr::T(ResponseBuilder::new().description(text).build());
        operation.responses.responses.entry("409".to_owned()).or_insert_with(conflict);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let value = |value: &&[u8]| (KEY, HeaderValue::from_bytes(value).expect("a header value"));
        values.iter().map(value).collect()
    }

    #[test]
    fn keys_are_one_word_of_visible_ascii() {
        assert_eq!(key(&headers(&[])).expect("fine"), None);
        for good in ["a", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", &"k".repeat(MAX_KEY)] {
            assert_eq!(key(&headers(&[good.as_bytes()])).expect("fine").as_deref(), Some(good));
        }
        let long = "k".repeat(MAX_KEY + 1);
        for bad in [&[&b""[..]][..], &[b"a b"], &[b"\xc3\xa4"], &[b"a\tb"], &[long.as_bytes()]] {
            assert!(key(&headers(bad)).is_err(), "{bad:?}");
        }
        let mut twice = headers(&[b"a"]);
        twice.append(KEY, HeaderValue::from_static("a"));
        assert!(key(&twice).is_err());
    }
}
