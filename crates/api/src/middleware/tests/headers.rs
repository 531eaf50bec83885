//! Request ids, security headers and CORS on every kind of answer (platform spec §4–§6).

use axum::http::HeaderValue;

use super::*;
use crate::settings::SecurityHeaders;

/// One request for each kind of answer: success, 404, 405, 307, 500.
const KINDS: [(&str, &str, u16); 5] = [
    ("GET", "/api/v1/things", 200),
    ("GET", "/nothing", 404),
    ("PUT", "/api/v1/things", 405),
    ("GET", "/api/v1/things/", 307),
    ("GET", "/api/v1/panic", 500),
];

fn with_origins(origins: &[&str]) -> HttpSettings {
    HttpSettings { cors_origins: origins.iter().map(ToString::to_string).collect(), ..Default::default() }
}

#[tokio::test]
async fn every_answer_carries_the_request_id() {
    for (method, path, status) in KINDS {
        let answer = ask(method, path, &[("x-request-id", "abc-123")]).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("x-request-id"), Some("abc-123"), "{path}");
        let own = ask(method, path, &[]).await;
        let id = own.header("x-request-id").expect("an id").to_owned();
        assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
        if status >= 400 {
            assert_eq!(own.json()["request_id"], id.as_str());
        }
    }
}

#[tokio::test]
async fn unacceptable_request_ids_are_replaced() {
    for sent in ["", " ", "two words", &"x".repeat(129)] {
        let answer = ask("GET", "/api/v1/things", &[("x-request-id", sent)]).await;
        assert_eq!(answer.header("x-request-id").expect("an id").len(), 32, "{sent}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_that_says_nothing() {
    let answer = ask("GET", "/api/v1/panic", &[("x-request-id", "r")]).await;
    assert_eq!(answer.body, r#"{"detail":"Internal Server Error","request_id":"r"}"#);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    for (method, path, _) in KINDS {
        let answer = ask(method, path, &[]).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("strict-origin-when-cross-origin"), "{path}");
        assert_eq!(answer.header("permissions-policy"), None, "{path}");
    }
}

#[tokio::test]
async fn handlers_and_settings_decide_over_headers() {
    let own = ask("GET", "/api/v1/own", &[("x-request-id", "theirs")]).await;
    assert_eq!(own.header("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(own.header("x-request-id"), Some("mine"));
    let security_headers = SecurityHeaders {
        frame_options: None,
        permissions_policy: Some(HeaderValue::from_static("camera=()")),
        ..Default::default()
    };
    let settings = HttpSettings { security_headers, ..Default::default() };
    let answer = send(&settings, request("GET", "/api/v1/things", &[])).await;
    assert_eq!(answer.header("x-frame-options"), None);
    assert_eq!(answer.header("permissions-policy"), Some("camera=()"));
}

const PREFLIGHT: [(&str, &str); 2] =
    [("origin", "http://ui.example"), ("access-control-request-method", "PATCH")];

#[tokio::test]
async fn an_allowed_preflight_is_answered_for_any_path() {
    let settings = with_origins(&["http://other.example", "http://ui.example"]);
    for path in ["/api/v1/things", "/nothing", "/api/v1/things/"] {
        let answer = send(&settings, request("OPTIONS", path, &PREFLIGHT)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "OK"), "{path}");
        assert!(answer.header("content-type").expect("a type").starts_with("text/plain"));
        for (name, value) in [
            ("access-control-allow-origin", "http://ui.example"),
            ("vary", "Origin"),
            ("access-control-allow-methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
            ("access-control-max-age", "600"),
            ("access-control-allow-credentials", "true"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
        assert_eq!(answer.header("access-control-allow-headers"), None);
        assert!(answer.header("x-request-id").is_some());
    }
    let mut asks = PREFLIGHT.to_vec();
    asks.push(("access-control-request-headers", "authorization, x-agent-token"));
    let answer = send(&settings, request("OPTIONS", "/x", &asks)).await;
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, x-agent-token"));
}

#[tokio::test]
async fn a_refused_preflight_names_what_is_refused() {
    let settings = with_origins(&["http://ui.example"]);
    for (origin, method, private, aspects) in [
        ("http://evil.example", "GET", false, "origin"),
        ("http://ui.example/", "GET", false, "origin"),
        ("http://ui.example", "BREW", false, "method"),
        ("http://ui.example", "GET", true, "private-network"),
        ("http://evil.example", "BREW", true, "origin, method, private-network"),
    ] {
        let mut headers = vec![("origin", origin), ("access-control-request-method", method)];
        if private {
            headers.push(("access-control-request-private-network", "true"));
        }
        let answer = send(&settings, request("OPTIONS", "/api/v1/things", &headers)).await;
        assert_eq!(answer.status, 400, "{aspects}");
        assert!(answer.header("content-type").expect("a type").starts_with("text/plain"));
        assert!(answer.body.ends_with(aspects), "{}", answer.body);
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed.is_some(), !aspects.contains("origin"), "{aspects}");
    }
}

#[tokio::test]
async fn answers_to_pages_of_allowed_origins_say_so_errors_included() {
    let settings = with_origins(&["http://ui.example"]);
    for (method, path, status) in KINDS {
        let answer = send(&settings, request(method, path, &[("origin", "http://ui.example")])).await;
        assert_eq!(answer.status, status, "{path}");
        for (name, value) in [
            ("access-control-allow-origin", "http://ui.example"),
            ("vary", "Origin"),
            ("access-control-allow-credentials", "true"),
            (
                "access-control-expose-headers",
                "X-Total-Count, X-Limit, X-Offset, ETag, Retry-After, Idempotent-Replayed",
            ),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
    }
    let own = send(&settings, request("GET", "/api/v1/own", &[("origin", "http://ui.example")])).await;
    assert_eq!(own.header("vary"), Some("Accept, Origin"));
}

#[tokio::test]
async fn other_origins_are_served_without_permission() {
    let settings = with_origins(&["http://ui.example"]);
    let answer =
        send(&settings, request("GET", "/api/v1/things", &[("origin", "http://evil.example")])).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "things"));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert!(answer.header("access-control-expose-headers").is_some());
    let plain = send(&settings, request("GET", "/api/v1/things", &[])).await;
    assert_eq!(plain.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn a_star_allows_all() {
    let settings = with_origins(&["*"]);
    let preflight = send(&settings, request("OPTIONS", "/x", &PREFLIGHT)).await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("http://ui.example"));
    let plain = send(&settings, request("GET", "/api/v1/things", &PREFLIGHT[..1])).await;
    assert_eq!(plain.header("access-control-allow-origin"), Some("*"));
    assert_eq!(plain.header("vary"), None);
    let cookie = [PREFLIGHT[0], ("cookie", "a=b")];
    let answer = send(&settings, request("GET", "/api/v1/things", &cookie)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://ui.example"));
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn without_origins_there_is_no_cors() {
    let answer = ask("OPTIONS", "/api/v1/things", &PREFLIGHT).await;
    assert_eq!(answer.status, 405);
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    let options = send(&with_origins(&["*"]), request("OPTIONS", "/api/v1/things", &PREFLIGHT[..1])).await;
    assert_eq!(options.status, 405, "OPTIONS that is no preflight");
}
