//! Wire types that several features share.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mc_model::Timestamp;
use mc_service::RequestContext;
use serde::Serialize;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::ApiError;
use crate::request_id::RequestId;

/// What a handler returns.
pub(crate) type Answer<T> = Result<Json<T>, ApiError>;

/// The answer of an operation that has nothing else to say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OkResponse")]
pub(crate) struct OkResponse {
    /// Always true.
    #[schema(default = true, required = false)]
    pub ok: bool,
}

impl OkResponse {
    pub(crate) const YES: Self = Self { ok: true };
}

/// A moment in the form of the contract: naive UTC, a fraction of six digits or none.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Moment(pub Timestamp);

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        RefOr::T(ObjectBuilder::new().schema_type(Type::String).format(Some(format)).build().into())
    }
}

impl ToSchema for Moment {}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// The request's id for the use cases.
pub(crate) struct Context(pub RequestContext);

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self(RequestContext { request_id }))
    }
}
