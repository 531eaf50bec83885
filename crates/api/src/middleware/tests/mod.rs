//! The middleware as a client sees it: a small router behind [`super::wrap`], one request at a time.

mod bodies;
mod headers;
mod logs;
mod matching;

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::wrap;
use crate::client_ip::Peer;
use crate::settings::HttpSettings;

/// A handler with headers of its own, one that panics, one that reads a body, a probe and a page.
fn routes() -> Router {
    Router::new()
        .route("/api/v1/things", get(async || "things").post(async || "made"))
        .route("/api/v1/things/{id}", get(async || "thing").delete(async || "gone"))
        .route("/api/v1/panic", get(async || -> &'static str { panic!("on purpose") }))
        .route("/api/v1/echo", post(async |body: String| body))
        .route(
            "/api/v1/own",
            get(async || [("x-frame-options", "SAMEORIGIN"), ("x-request-id", "mine"), ("vary", "Accept")]),
        )
        .route("/health", get(async || "ok"))
        .route("/readyz", get(async || "ok"))
        .route("/docs", get(async || "page"))
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

async fn send(settings: &HttpSettings, request: Request) -> Answer {
    let Ok(response) = wrap(routes(), settings).oneshot(request).await;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    let body = String::from_utf8(bytes.to_vec()).expect("text");
    Answer { status: parts.status, headers: parts.headers, body }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

async fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(&HttpSettings::default(), request(method, path, headers)).await
}

fn from_peer(mut request: Request, peer: &str) -> Request {
    let address: SocketAddr = peer.parse().expect("an address with a port");
    request.extensions_mut().insert(Peer(address));
    request
}
