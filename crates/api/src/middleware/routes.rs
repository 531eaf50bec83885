//! What happens around route matching: unknown paths, wrong methods, `HEAD`, trailing slashes.

use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, Ready, ready};
use tower::{Layer, Service, ServiceExt};
use tracing::Span;

use crate::client_ip::forwarded_proto;
use crate::error::{method_not_allowed, not_found};
use crate::settings::ProxyTrust;

/// Gives the router its answers to unknown paths (404) and wrong methods (405), and makes it report the
/// route it matched.
pub(super) fn complete(router: Router) -> Router {
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed).layer(ReportRoute)
}

/// Whether the path answers `HEAD`: the documentation and the readiness probe, and nothing of the API
/// (platform spec §1, §16.9).
pub(super) fn serves_head(path: &str) -> bool {
    matches!(path, "/openapi.json" | "/docs" | "/redoc" | "/readyz") || path.starts_with("/docs/")
}

/// A method no route has. `HEAD` becomes this where it is not served, because a router of axum answers
/// `HEAD` with every `GET` route: so an unknown path is 404 and a known one 405.
pub(super) fn unserved_head() -> Method {
    Method::from_bytes(b"HEAD-IS-NOT-SERVED").unwrap_or(Method::TRACE)
}

/// Rewrites the `allow` header of a 405 as a readable list, without a `HEAD` that is not served.
pub(super) fn tidy_allow(path: &str, response: &mut Response) {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return;
    }
    let Some(allow) = response.headers().get(header::ALLOW).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let methods: Vec<&str> =
        allow.split(',').map(str::trim).filter(|method| *method != "HEAD" || serves_head(path)).collect();
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(header::ALLOW, value);
    }
}

/// The redirect (307) from a path with a trailing slash to the route without it, whatever the method;
/// `None` when the path has a route of its own or there is no such route.
pub(super) async fn without_trailing_slash(
    router: &Router,
    trust: &ProxyTrust,
    peer: Option<IpAddr>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<Response> {
    let path = uri.path();
    let stripped = path.strip_suffix('/')?.trim_end_matches('/');
    if stripped.is_empty() || has_route(router, path).await || !has_route(router, stripped).await {
        return None;
    }
    let location = location(uri, stripped, headers, peer, trust)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(header::LOCATION, location);
    Some(response)
}

fn location(
    uri: &Uri,
    path: &str,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    trust: &ProxyTrust,
) -> Option<HeaderValue> {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // What is no host, or hides one behind a user name, must not become the location: stay relative then.
    let named = named.or(uri.authority().map(Authority::as_str)).filter(|host| !host.contains('@'));
    let host = named.and_then(|host| host.parse::<Authority>().ok());
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = match host {
        Some(host) => {
            let scheme = forwarded_proto(peer, headers, trust).unwrap_or("http");
            format!("{scheme}://{host}{path}{query}")
        }
        None => format!("{path}{query}"),
    };
    HeaderValue::from_str(&target).ok()
}

/// Marks a request that only asks whether its path has a route; no handler runs for it.
#[derive(Clone, Copy)]
struct Probe;

async fn has_route(router: &Router, path: &str) -> bool {
    let Ok(uri) = path.parse::<Uri>() else { return false };
    let mut probe = Request::new(Body::empty());
    *probe.uri_mut() = uri;
    probe.extensions_mut().insert(Probe);
    let Ok(response) = router.clone().oneshot(probe).await;
    response.status() == StatusCode::NO_CONTENT
}

/// Runs behind the matching of a route: writes the route into the span of the request and answers probes.
#[derive(Clone, Copy)]
struct ReportRoute;

impl<S> Layer<S> for ReportRoute {
    type Service = ReportRouteService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ReportRouteService { inner }
    }
}

#[derive(Clone)]
struct ReportRouteService<S> {
    inner: S,
}

impl<S> Service<Request> for ReportRouteService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let route = request.extensions().get::<MatchedPath>();
        if request.extensions().get::<Probe>().is_some() {
            let status = if route.is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
            return Either::Right(ready(Ok(status.into_response())));
        }
        if let Some(route) = route {
            Span::current().record("http.route", route.as_str());
        }
        Either::Left(self.inner.call(request))
    }
}
