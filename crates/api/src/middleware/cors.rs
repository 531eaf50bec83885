//! Which web pages of other origins may call the API (platform spec §6).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
/// The contract's, and those that pages need to send a change again safely and to see whether they are late.
const EXPOSED: &str = "X-Total-Count, X-Limit, X-Offset, ETag, Retry-After, Idempotent-Replayed";
const PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");

/// The allowed origins.
#[derive(Debug)]
pub(super) struct Cors {
    all: bool,
    origins: Vec<String>,
}

/// What a request with an `Origin` needs in its answer; read before the handlers take the request away.
#[derive(Debug)]
pub(super) struct Caller {
    origin: HeaderValue,
    has_cookie: bool,
}

impl Cors {
    /// `None` when no origin is configured: there is no CORS layer then, and a preflight is a plain `OPTIONS`.
    pub(super) fn new(origins: &[String]) -> Option<Self> {
        let all = origins.iter().any(|origin| origin == "*");
        (!origins.is_empty()).then(|| Self { all, origins: origins.to_vec() })
    }

    /// Reads what [`Cors::decorate`] needs; `None` for a request of no web page.
    pub(super) fn caller(request: &Request) -> Option<Caller> {
        let origin = request.headers().get(header::ORIGIN)?.clone();
        Some(Caller { origin, has_cookie: request.headers().contains_key(header::COOKIE) })
    }

    /// The answer to a preflight; `None` for any other request. No route and no credentials are looked at.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        if request.method() != Method::OPTIONS {
            return None;
        }
        let sent = request.headers();
        let (origin, method) = (sent.get(header::ORIGIN)?, sent.get(header::ACCESS_CONTROL_REQUEST_METHOD)?);
        let allowed = self.allows(origin);
        let known = METHODS.split(", ").any(|name| name.as_bytes() == method.as_bytes());
        let refused: Vec<&str> = [
            (!allowed, "origin"),
            (!known, "method"),
            (sent.contains_key(PRIVATE_NETWORK), "private-network"),
        ]
        .into_iter()
        .filter_map(|(refused, aspect)| refused.then_some(aspect))
        .collect();

        let (status, text) = if refused.is_empty() {
            (StatusCode::OK, "OK".to_owned())
        } else {
            (StatusCode::BAD_REQUEST, format!("CORS refuses: {}", refused.join(", ")))
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        if let Some(requested) = sent.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
        }
        if allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        Some(response)
    }

    /// Adds the CORS headers to the answer of any other request, errors included.
    pub(super) fn decorate(&self, caller: &Caller, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        if self.all && !caller.has_cookie {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else if self.allows(&caller.origin) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, caller.origin.clone());
            vary_by_origin(headers);
        }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.all || self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    }
}

/// Adds `Origin` to what the answer varies by, on one line with what a handler wrote.
fn vary_by_origin(headers: &mut HeaderMap) {
    let joined = match headers.get(header::VARY).and_then(|value| value.to_str().ok()) {
        Some(present) => HeaderValue::from_str(&format!("{present}, Origin")).ok(),
        None => None,
    };
    headers.insert(header::VARY, joined.unwrap_or_else(|| HeaderValue::from_static("Origin")));
}
