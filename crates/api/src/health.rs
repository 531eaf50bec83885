//! Whether the server lives and is ready.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::public;
use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(public(routes!(health)))
        .routes(public(routes!(healthz)))
        .routes(public(routes!(readyz)))
}

/// The answer of a probe.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "HealthStatusResponse")]
struct HealthStatusResponse {
    /// Whether it is well.
    ok: bool,
}

/// Say that the process lives
///
/// Constant: it touches neither the database nor anything else.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = HealthStatusResponse)))]
async fn health() -> Json<HealthStatusResponse> {
    Json(HealthStatusResponse { ok: true })
}

/// Say that the process lives
///
/// The same as `/health`, under the name that orchestrators ask for.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = HealthStatusResponse)))]
async fn healthz() -> Json<HealthStatusResponse> {
    Json(HealthStatusResponse { ok: true })
}

/// Say whether the server can do its work
///
/// Asks the database and, when limits are counted there, Redis. Answers 503 with `{"ok":false}` while one of them is
/// away.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = HealthStatusResponse)))]
async fn readyz(State(state): State<AppState>) -> Response {
    let (database, limiter) = tokio::join!(state.services.ready(), state.limiter().ping());
    if let Err(error) = &database {
        tracing::warn!(%error, "readiness.database");
    }
    let ok = database.is_ok() && limiter;
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(HealthStatusResponse { ok })).into_response()
}
