//! Unknown paths, wrong methods, `HEAD`, trailing slashes (platform spec §1).

use super::*;

#[tokio::test]
async fn an_unknown_path_is_404_with_the_request_id() {
    for path in ["/", "/nothing", "/api/v1", "//api/v1/things", "/API/v1/things", "//", "/nothing/"] {
        let answer = ask("GET", path, &[("x-request-id", "r-1")]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.body, r#"{"detail":"Not Found","request_id":"r-1"}"#);
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_wrong_method_is_405_and_names_all_methods() {
    let answer = ask("PUT", "/api/v1/things", &[("x-request-id", "r-1")]).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, POST"));
    assert_eq!(answer.body, r#"{"detail":"Method Not Allowed","request_id":"r-1"}"#);
    assert_eq!(ask("OPTIONS", "/api/v1/things/1", &[]).await.header("allow"), Some("GET, DELETE"));
    assert_eq!(ask("POST", "/readyz", &[]).await.header("allow"), Some("GET, HEAD"));
    assert_eq!(ask("OPTIONS", "*", &[]).await.status, 404);
}

#[tokio::test]
async fn head_is_served_by_pages_and_readiness_only() {
    for path in ["/api/v1/things", "/api/v1/echo", "/health"] {
        let answer = ask("HEAD", path, &[]).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.body, "");
        assert!(!answer.header("allow").expect("allow").contains("HEAD"));
        assert!(answer.header("x-request-id").is_some());
    }
    for path in ["/docs", "/readyz"] {
        let answer = ask("HEAD", path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""), "{path}");
    }
    let unknown = ask("HEAD", "/nothing", &[]).await;
    assert_eq!((unknown.status, unknown.body.as_str()), (StatusCode::NOT_FOUND, ""));
}

#[tokio::test]
async fn a_trailing_slash_redirects_to_the_route_without_it() {
    for method in ["GET", "POST", "PUT", "HEAD", "OPTIONS"] {
        let host = [("host", "mc.example:8000")];
        let answer = ask(method, "/api/v1/things/?limit=1&q=%20x", &host).await;
        assert_eq!(answer.status, 307, "{method}");
        assert_eq!(answer.header("location"), Some("http://mc.example:8000/api/v1/things?limit=1&q=%20x"));
        assert_eq!(answer.body, "");
        assert!(answer.header("x-request-id").is_some() && answer.header("x-frame-options").is_some());
    }
    let nested = ask("GET", "/api/v1/things/a%2Fb/", &[("host", "h")]).await;
    assert_eq!(nested.header("location"), Some("http://h/api/v1/things/a%2Fb"));
    let twice = ask("GET", "/api/v1/things//", &[("host", "h")]).await;
    assert_eq!(twice.header("location"), Some("http://h/api/v1/things"));
}

#[tokio::test]
async fn a_redirect_runs_no_handler_and_a_route_of_its_own_wins() {
    assert_eq!(ask("GET", "/api/v1/panic/", &[("host", "h")]).await.status, 307);
    let routes = Router::new().route("/a", get(async || "bare")).route("/a/", get(async || "slash"));
    let Ok(answer) = wrap(routes, &HttpSettings::default()).oneshot(request("GET", "/a/", &[])).await;
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(&body[..], b"slash");
}

#[tokio::test]
async fn the_scheme_of_a_redirect_comes_from_a_trusted_proxy() {
    let https = [("host", "mc.example"), ("x-forwarded-proto", "https")];
    let settings = HttpSettings::default();
    for (peer, scheme) in [("127.0.0.1:1", "https"), ("203.0.113.5:1", "http")] {
        let request = from_peer(request("GET", "/api/v1/things/", &https), peer);
        let answer = send(&settings, request).await;
        assert_eq!(answer.header("location"), Some(format!("{scheme}://mc.example/api/v1/things").as_str()));
    }
}

#[tokio::test]
async fn a_host_that_is_none_leaves_the_location_relative() {
    for headers in [vec![], vec![("host", "a b")], vec![("host", "evil/path")], vec![("host", "us@evil")]] {
        let answer = ask("GET", "/api/v1/things/", &headers).await;
        assert_eq!(answer.header("location"), Some("/api/v1/things"), "{headers:?}");
    }
}
