//! Too large and too slow bodies (decisions §2, platform spec §16.17).

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use super::*;

fn small() -> HttpSettings {
    HttpSettings { body_limit_bytes: 10, body_timeout: Duration::from_secs(5), ..Default::default() }
}

fn post_body(body: Body) -> Request {
    Request::builder().method("POST").uri("/api/v1/echo").body(body).expect("a request")
}

/// A body of unknown length, as with `transfer-encoding: chunked`.
fn chunked(parts: Vec<&'static str>) -> Body {
    Body::from_stream(
        stream::iter(parts).map(|part| Ok::<_, std::io::Error>(Bytes::from_static(part.as_bytes()))),
    )
}

#[tokio::test]
async fn a_body_up_to_the_limit_passes() {
    let answer = send(&small(), post_body(Body::from("0123456789"))).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "0123456789"));
    let answer = send(&small(), post_body(chunked(vec!["01234", "56789"]))).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "0123456789"));
    let answer = send(&small(), post_body(Body::empty())).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_larger_body_is_413_with_and_without_a_length() {
    for body in [Body::from("0123456789a"), chunked(vec!["01234", "56789", "a"])] {
        let mut request = post_body(body);
        request.headers_mut().insert("x-request-id", "r".parse().expect("a value"));
        let answer = send(&small(), request).await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.json()["request_id"], "r");
        assert!(answer.json()["detail"].is_string());
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_arriving_is_408() {
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"0"))]);
    let answer = send(&small(), post_body(Body::from_stream(first.chain(stream::pending())))).await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.json()["detail"], "Request Timeout");
    assert_eq!(answer.header("connection"), Some("close"));
}

/// One byte every `pause`.
fn dripping(bytes: usize, pause: Duration) -> Body {
    Body::from_stream(stream::unfold(0, move |sent| async move {
        if sent == bytes {
            return None;
        }
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), sent + 1))
    }))
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_passes_while_it_makes_progress() {
    let answer = send(&small(), post_body(dripping(4, Duration::from_secs(4)))).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "xxxx"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_for_ever_is_408() {
    let answer = send(&small(), post_body(dripping(10, Duration::from_secs(4)))).await;
    assert_eq!(answer.status, 408);
}
