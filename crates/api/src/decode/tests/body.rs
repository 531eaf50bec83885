//! Bodies as they arrive: media types, syntax, transport.

use std::io;

use axum::Router;
use axum::body::Body as RawBody;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::from_fn;
use axum::routing::post;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use super::super::{Body, BodyFault, Input, decode_body, is_json};
use super::{Sample, Update, problems_of};
use crate::error::finish_errors;
use crate::page::Paging;
use crate::request_id::RequestId;

#[test]
fn media_types() {
    for (value, parsed) in [
        (None, true),
        (Some(""), true),
        (Some(" "), true),
        (Some("application/json"), true),
        (Some("Application/JSON; charset=utf-8"), true),
        (Some("application/problem+json"), true),
        (Some("text/plain"), false),
        (Some("text/json"), false),
        (Some("application/jsonx"), false),
        (Some("application/x-www-form-urlencoded"), false),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert("content-type", HeaderValue::from_static(value));
        }
        assert_eq!(is_json(&headers), parsed, "{value:?}");
    }
}

#[test]
fn no_body() {
    for body in ["", "null", " null "] {
        let expected = json!([{ "type": "missing", "loc": ["body"], "input": null }]);
        assert_eq!(problems_of::<Sample>(body), expected, "{body:?}");
        let optional = decode_body::<Option<Update>>(true, body.as_bytes());
        assert!(optional.is_ok_and(|read| read.is_none()), "{body:?}");
    }
}

#[test]
fn not_an_object() {
    for (body, input) in [("[]", json!([])), ("5", json!(5)), (r#""x""#, json!("x"))] {
        let expected = json!([{ "type": "model_attributes_type", "loc": ["body"], "input": input }]);
        assert_eq!(problems_of::<Sample>(body), expected);
    }
}

#[test]
fn unparsed_media_types_give_their_text() {
    let problem = |text: &str| match decode_body::<Update>(false, text.as_bytes()) {
        Err(BodyFault::Invalid(mut found)) => found.pop().expect("one problem"),
        other => panic!("{other:?}"),
    };
    let found = problem("title=x");
    assert_eq!((found.code, &found.loc), ("model_attributes_type", &vec![json!("body")]));
    assert_eq!(found.input, "title=x");
    assert_eq!(problem("password=hunter2").input, "[redacted]");
}

#[test]
fn syntax_errors_carry_the_character_offset() {
    for (body, offset) in [
        ("{", 1),
        ("{bad}", 1),
        ("[1,]", 3),
        (r#"{"name":"ä" x}"#, 12),
        ("{\n \"a\": nope}", 9),
        (r#"{"a":NaN}"#, 5),
        (r#"{"a":Infinity}"#, 5),
        (r#"{"a":1} x"#, 8),
        ("  ", 2),
    ] {
        let found = problems_of::<Update>(body);
        assert_eq!(found[0]["type"], "json_invalid", "{body}");
        assert_eq!(found[0]["input"], json!({}));
        let at = found[0]["loc"][1].as_u64().expect("an offset");
        // The parser points at a character or right after it.
        assert!(at.abs_diff(offset) <= 1, "{body}: {at}");
        assert!(found[0]["ctx"]["error"].as_str().is_some_and(|e| !e.contains("line")), "{found}");
    }
    for surrogate in [r#"{"title":"\ud800"}"#, r#"{"title":"\udc00x"}"#, r#"{"a":1e999}"#] {
        assert_eq!(problems_of::<Update>(surrogate)[0]["type"], "json_invalid", "{surrogate}");
    }
}

#[test]
fn unreadable_text() {
    let latin = decode_body::<Update>(true, b"{\"title\":\"\xE4\"}");
    assert!(matches!(latin, Err(BodyFault::Unreadable)));
    let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(decode_body::<Update>(true, nested(126).as_bytes()).is_ok());
    for depth in [127, 128, 100_000] {
        assert_eq!(problems_of::<Update>(&nested(depth)), json!("unreadable"), "{depth}");
        let open = "[".repeat(depth + 1);
        assert_eq!(problems_of::<Update>(&open), json!("unreadable"), "{depth}");
    }
    let quoted = format!("{{\"x\":\"{}\" nope", "[".repeat(1_000));
    assert_eq!(problems_of::<Update>(&quoted)[0]["type"], "json_invalid");
}

#[test]
fn tolerated_forms() {
    let marked = decode_body::<Update>(true, b"\xEF\xBB\xBF{\"title\":\"t\"}").expect("a BOM");
    assert_eq!(marked.title.0.as_deref(), Some("t"));
    let twice = r#"{"title":5,"title":"last","unknown":[1]}"#;
    let twice = decode_body::<Update>(true, twice.as_bytes()).expect("the last one counts");
    assert_eq!(twice.title.0.as_deref(), Some("last"));
}

fn app() -> Router {
    let update = |Body(update): Body<Update>| async move { format!("{:?}", update.title.0) };
    let both = |input: Input<Paging, Update>| async move { format!("{}", input.query.limit.0) };
    Router::new()
        .route("/one", post(update))
        .route("/both", post(both))
        .layer(from_fn(finish_errors))
        .layer(axum::Extension(RequestId("r1".into())))
}

async fn answer(uri: &str, body: RawBody) -> (StatusCode, Json) {
    let request = Request::post(uri).body(body).expect("a request");
    let response = app().oneshot(request).await.expect("an answer");
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
}

#[tokio::test]
async fn transport_faults() {
    let limited = RawBody::new(Limited::new(RawBody::from(vec![b' '; 100]), 10));
    let (status, body) = answer("/one", limited).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(body["request_id"], "r1");
    for (kind, expected) in [
        (io::ErrorKind::TimedOut, StatusCode::REQUEST_TIMEOUT),
        (io::ErrorKind::ConnectionReset, StatusCode::BAD_REQUEST),
    ] {
        let broken = [Ok(Bytes::from_static(b"{")), Err(io::Error::from(kind))];
        let broken = RawBody::from_stream(futures_util::stream::iter(broken));
        let (status, _) = answer("/one", broken).await;
        assert_eq!(status, expected);
    }
    let (status, body) = answer("/one", RawBody::from(&b"\xFF"[..])).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["detail"], "The request body could not be read as JSON");
}

#[tokio::test]
async fn query_and_body_share_one_answer() {
    let (status, body) = answer("/both?limit=0", RawBody::from(r#"{"title":5}"#)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let places: Vec<&Json> = body["detail"].as_array().into_iter().flatten().map(|one| &one["loc"]).collect();
    assert_eq!(places, [&json!(["query", "limit"]), &json!(["body", "title"])]);
    let (status, _) = answer("/both?limit=3", RawBody::from("{}")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = answer("/both?limit=0", RawBody::from(Bytes::from_static(b"\xFF"))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
