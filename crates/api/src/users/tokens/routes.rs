//! Operations on the caller's API tokens.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::{ApiTokenCreate, ApiTokenCreated, ApiTokenPage, ApiTokenQuery, ApiTokenRead};
use crate::access::{Granted, OwnAccount, OwnToken, guard};
use crate::decode::{Body, Query};
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context, OkResponse};

pub(in crate::users) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<OwnAccount>(routes!(list_my_tokens), state))
        .routes(guard::<OwnAccount>(routes!(create_my_token), state))
        .routes(guard::<OwnToken>(routes!(revoke_my_token), state))
}

/// List your API tokens
///
/// Newest first, without the tokens themselves. Those that were revoked are listed when asked for.
#[utoipa::path(
    get, path = "/api/v1/users/me/tokens", tag = "users", params(ApiTokenQuery, Paging),
    responses((status = 200, description = "A page of tokens.", body = ApiTokenPage))
)]
async fn list_my_tokens(
    State(state): State<AppState>,
    Granted(OwnAccount(holder)): Granted<OwnAccount>,
    Query((query, paging)): Query<(ApiTokenQuery, Paging)>,
) -> Answer<ApiTokenPage> {
    let page = state.services.list_tokens(&holder, query.include_revoked.0, paging.into()).await?;
    Ok(Json(page.map(ApiTokenRead::from).into()))
}

/// Make an API token
///
/// For a program that acts for you: send it as `Authorization: Bearer …`. It never does more than you may at that
/// moment, and less if its scope or board says so. The answer shows it once; only a hash of it is kept.
#[utoipa::path(
    post, path = "/api/v1/users/me/tokens", tag = "users", request_body = ApiTokenCreate,
    responses(
        (status = 200, description = "The token, this once, and what is kept of it.", body = ApiTokenCreated),
        (status = 403, description = "A token without the scope `admin` asked, or the board is out of your reach.",
         body = crate::openapi::LLMErrorResponse),
        (status = 404, description = "There is no such board.", body = crate::openapi::LLMErrorResponse),
        (status = 409, description = "You have 100 tokens in use.", body = crate::openapi::LLMErrorResponse),
    )
)]
async fn create_my_token(
    State(state): State<AppState>,
    Granted(OwnAccount(holder)): Granted<OwnAccount>,
    Context(context): Context,
    Body(create): Body<ApiTokenCreate>,
) -> Answer<ApiTokenCreated> {
    let made = state.services.create_token(&context, &holder, create.into()).await?;
    Ok(Json(made.into()))
}

/// Revoke an API token
///
/// The next request with it gets 401, on every node.
#[utoipa::path(
    delete, path = "/api/v1/users/me/tokens/{token_id}", tag = "users",
    responses(
        (status = 200, description = "It is revoked.", body = OkResponse),
        (status = 404, description = "You have no such token, or it was revoked before.",
         body = crate::openapi::LLMErrorResponse),
    )
)]
async fn revoke_my_token(
    State(state): State<AppState>,
    Granted(OwnToken { holder, token }): Granted<OwnToken>,
    Context(context): Context,
) -> Answer<OkResponse> {
    state.services.revoke_token(&context, &holder, token).await?;
    Ok(Json(OkResponse::YES))
}
