//! One span and one or two log lines per request (platform spec §13).

use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use tracing::Span;

use crate::client_ip::ClientIp;
use crate::request_id::RequestId;

/// The span that gives every line of a request its id, method, path and, once known, its route.
pub(super) fn span(request: &Request, id: &RequestId) -> Span {
    tracing::error_span!(
        "http.request",
        request_id = %id.0,
        method = %request.method(),
        path = request.uri().path(),
        http.route = tracing::field::Empty,
    )
}

/// What is logged at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// From this duration on a request is slow; zero switches that off.
    pub(super) slow_after: Duration,
    /// Whether successful health checks are logged.
    pub(super) log_health: bool,
}

/// A request that is being answered. Dropped before [`Access::finish`] it reports that no answer began,
/// which means that the client went away.
pub(super) struct Access {
    policy: Policy,
    method: Method,
    path: String,
    client_ip: ClientIp,
    started: Instant,
    quiet: bool,
    finished: bool,
}

impl Access {
    pub(super) fn start(policy: Policy, request: &Request, client_ip: ClientIp) -> Self {
        let path = request.uri().path().to_owned();
        let quiet = !policy.log_health && matches!(path.as_str(), "/health" | "/healthz" | "/readyz");
        let method = request.method().clone();
        if !quiet {
            tracing::trace!(%method, path, %client_ip, "http.request.start");
        }
        Self { policy, method, path, client_ip, started: Instant::now(), quiet, finished: false }
    }

    /// Reports the answer. The duration ends here, where the response starts: a stream may go on for hours.
    pub(super) fn finish(mut self, status: StatusCode) {
        self.finished = true;
        // A health check that fails is news even where health checks are not.
        if self.quiet && !status.is_server_error() {
            return;
        }
        let Self { method, path, client_ip, policy, .. } = &self;
        let elapsed = self.started.elapsed();
        let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let status_code = status.as_u16();
        // The level of a tracing event is fixed where it is written, hence three times the same line.
        match status_code {
            500.. => {
                tracing::error!(%method, path, status_code, duration_ms, %client_ip, "http.request.complete");
            }
            400.. => {
                tracing::warn!(%method, path, status_code, duration_ms, %client_ip, "http.request.complete");
            }
            _ => {
                tracing::debug!(%method, path, status_code, duration_ms, %client_ip, "http.request.complete")
            }
        }
        if !policy.slow_after.is_zero() && elapsed >= policy.slow_after {
            let slow_threshold_ms = u64::try_from(policy.slow_after.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                %method, path, status_code, duration_ms, slow_threshold_ms, %client_ip, "http.request.slow"
            );
        }
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if !self.finished {
            let Self { method, path, client_ip, .. } = self;
            tracing::warn!(%method, path, %client_ip, "http.request.incomplete");
        }
    }
}
