//! What every request passes before and after its handler, in one place and in order.
//!
//! From the outside in (platform spec §2; unlike the original nothing stands outside the headers, so a 500
//! has them too, §16.7):
//!
//! 1. **request id and span**: everything after it can be found again.
//! 2. **access log**: sees the final status; its duration ends where the response starts.
//! 3. **security headers**, 4. **CORS**: on every answer. A preflight is answered here.
//! 5. **`finish_errors`**: writes the request id into error bodies and turns a panic into a 500. It stands
//!    inside the headers, so that its answers get them, and outside everything that can fail.
//! 6. **`HEAD` and trailing slash**: before matching, as they change what is matched.
//! 7. **body guard**: size and pace; ahead of the handlers, so that no handler can forget it.
//! 8. **router**: a 404 or 405 is an error body like any other.
//!
//! Steps 1 to 4 and 6 to 8 are straight-line code in two functions and not a stack of layers: the order can be
//! read, a request pays for two boxed futures instead of eight, and the compiler has two types to build.

mod access_log;
mod body;
mod cors;
mod request_id;
mod routes;
mod security_headers;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};
use tracing::Instrument;

pub use self::body::BodyRefused;

use crate::client_ip::{Peer, client_ip};
use crate::error::{ApiError, finish_errors};
use crate::request_id::RequestId;
use crate::settings::{HttpSettings, ProxyTrust};

/// Puts the middleware around a router that is otherwise complete. Also gives the router its answers to
/// unknown paths and wrong methods, so `router` needs no fallback of its own.
///
/// The server puts a [`Peer`] into the extensions of each request; handlers find a [`RequestId`] and a
/// [`ClientIp`](crate::client_ip::ClientIp) there.
pub fn wrap(router: Router, settings: &HttpSettings) -> Router {
    let outer = Arc::new(Outer::new(router, settings));
    Router::new().fallback_service(service_fn(move |request| {
        let outer = Arc::clone(&outer);
        async move { Ok::<_, Infallible>(outer.answer(request).await) }
    }))
}

/// Steps 1 to 4.
struct Outer {
    log: access_log::Policy,
    proxies: Arc<ProxyTrust>,
    security_headers: security_headers::Defaults,
    cors: Option<cors::Cors>,
    inner: BoxCloneSyncService<Request, Response, Infallible>,
}

impl Outer {
    fn new(router: Router, settings: &HttpSettings) -> Self {
        let proxies = Arc::new(settings.proxies.clone());
        let inner = Arc::new(Inner {
            router: routes::complete(router),
            proxies: Arc::clone(&proxies),
            body_limit: settings.body_limit_bytes,
            body_stall: settings.body_timeout,
        });
        let inner = from_fn(finish_errors).layer(service_fn(move |request| {
            let inner = Arc::clone(&inner);
            async move { Ok::<_, Infallible>(inner.answer(request).await) }
        }));
        Self {
            log: access_log::Policy { slow_after: settings.slow_after, log_health: settings.log_health },
            proxies,
            security_headers: security_headers::Defaults::new(&settings.security_headers),
            cors: cors::Cors::new(&settings.cors_origins),
            inner: BoxCloneSyncService::new(inner),
        }
    }

    async fn answer(&self, request: Request) -> Response {
        let id = request_id::choose(request.headers());
        let span = access_log::span(&request, &id);
        self.answer_in_span(request, id).instrument(span).await
    }

    async fn answer_in_span(&self, mut request: Request, id: RequestId) -> Response {
        let client = client_ip(peer(&request), request.headers(), &self.proxies);
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(id.clone());
        let access = access_log::Access::start(self.log, &request, client);
        let is_head = request.method() == Method::HEAD;

        let caller = cors::Cors::caller(&request);
        let preflight = self.cors.as_ref().and_then(|cors| cors.preflight(&request));
        let mut response = match preflight {
            Some(response) => response,
            None => {
                let Ok(mut response) = self.inner.clone().oneshot(request).await;
                if let (Some(cors), Some(caller)) = (&self.cors, &caller) {
                    cors.decorate(caller, response.headers_mut());
                }
                response
            }
        };
        if is_head && !response.status().is_success() {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = Body::empty();
        }
        self.security_headers.apply(response.headers_mut());
        request_id::apply(&id, response.headers_mut());
        access.finish(response.status());
        response
    }
}

/// Steps 6 to 8.
struct Inner {
    router: Router,
    proxies: Arc<ProxyTrust>,
    body_limit: u64,
    body_stall: Duration,
}

impl Inner {
    async fn answer(&self, mut request: Request) -> Response {
        if request.uri().path().ends_with('/') {
            let peer = peer(&request);
            let (uri, headers) = (request.uri(), request.headers());
            let redirect =
                routes::without_trailing_slash(&self.router, &self.proxies, peer, uri, headers).await;
            if let Some(redirect) = redirect {
                return redirect;
            }
        }
        if request.method() == Method::HEAD && !routes::serves_head(request.uri().path()) {
            *request.method_mut() = routes::unserved_head();
        }
        let verdict = match body::guard(&mut request, self.body_limit, self.body_stall) {
            Ok(verdict) => verdict,
            Err(refused) => return refusal(refused),
        };
        let uri = request.uri().clone();
        let Ok(mut response) = self.router.clone().oneshot(request).await;
        // Whatever a handler made of a body that broke off, the reason is what the client needs to know.
        if let (true, Some(refused)) = (!response.status().is_success(), verdict.and_then(|it| it.get())) {
            return refusal(refused);
        }
        routes::tidy_allow(uri.path(), &mut response);
        response
    }
}

fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.0.ip())
}

/// The answer to a body that was not read to its end. The rest of it may still be on its way, so the
/// connection cannot be used again.
fn refusal(refused: BodyRefused) -> Response {
    let status = match refused {
        BodyRefused::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyRefused::Stalled => StatusCode::REQUEST_TIMEOUT,
    };
    let mut response = ApiError::from_status(status).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
