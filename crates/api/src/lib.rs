//! The HTTP API: routing, decoding, errors, limits, the OpenAPI document, streams.
//!
//! A handler decodes, calls one use case of `mc-service` and turns the result into its wire type. What it may do is
//! declared where it is mounted; see [`access`].

pub mod access;
pub mod client_ip;
mod conditional;
pub mod decode;
pub mod documentation;
pub mod error;
mod guidance;
mod idempotency;
pub mod limit;
pub mod middleware;
mod openapi;
pub mod page;
pub mod request_id;
pub mod settings;
mod sse;
pub mod state;
mod wire;

mod agent;
mod approvals;
mod custom_fields;
mod health;
mod organizations;
mod tags;
mod tasks;
mod users;

use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use settings::HttpSettings;
pub use state::AppState;

/// The complete application: all operations, the document, the documentation pages, the middleware.
pub fn app(state: AppState, settings: &HttpSettings) -> Router {
    let (router, collected) = operations(&state);
    let document = openapi::finish(&collected);
    let router = router.with_state(state).merge(documentation::routes(document_bytes(&document)));
    middleware::wrap(router, settings)
}

/// The OpenAPI document of all operations of `state`.
#[must_use]
pub fn openapi(state: &AppState) -> serde_json::Value {
    openapi::finish(&operations(state).1)
}

/// The names that different types of the document share, of which it would show only one. For tests: it is empty.
#[must_use]
pub fn schema_clashes(state: &AppState) -> Vec<String> {
    openapi::schema_clashes(&operations(state).1)
}

fn operations(state: &AppState) -> (Router<AppState>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(openapi::Base::openapi())
        .merge(health::routes())
        .merge(users::routes(state))
        .merge(organizations::routes(state))
        .merge(tasks::routes(state))
        .merge(approvals::routes(state))
        .merge(custom_fields::routes(state))
        .merge(tags::routes(state))
        .merge(agent::routes(state))
        .split_for_parts()
}

fn document_bytes(document: &serde_json::Value) -> bytes::Bytes {
    // A document made of JSON values always serialises.
    serde_json::to_vec(document).unwrap_or_default().into()
}
