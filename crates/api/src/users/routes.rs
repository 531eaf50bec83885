//! Operations on one's own account.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::{UserRead, UserUpdate};
use crate::access::{CurrentUser, Granted, OwnAccount, OwnProfile, guard};
use crate::decode::Body;
use crate::state::AppState;
use crate::wire::{Answer, Context, OkResponse};

pub(crate) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<CurrentUser>(routes!(bootstrap_user), state))
        .routes(guard::<OwnProfile>(routes!(get_me), state))
        .routes(guard::<CurrentUser>(routes!(update_me), state))
        .routes(guard::<OwnAccount>(routes!(delete_me), state))
        .merge(super::tokens::routes(state))
}

/// Sign in
///
/// Makes the account and an organization on the first call, and says who you are on every one.
#[utoipa::path(
    post, path = "/api/v1/auth/bootstrap", tag = "auth",
    responses(
        (status = 200, description = "Your account.", body = UserRead),
        (status = 401, description = "No or wrong token.", body = crate::openapi::LLMErrorResponse),
    )
)]
async fn bootstrap_user(Granted(CurrentUser(session)): Granted<CurrentUser>) -> Json<UserRead> {
    Json(session.user().clone().into())
}

/// Read your account
#[utoipa::path(
    get, path = "/api/v1/users/me", tag = "users",
    responses((status = 200, description = "Your account.", body = UserRead))
)]
async fn get_me(Granted(OwnProfile(session)): Granted<OwnProfile>) -> Json<UserRead> {
    Json(session.user().clone().into())
}

/// Change your profile
#[utoipa::path(
    patch, path = "/api/v1/users/me", tag = "users", request_body = UserUpdate,
    responses((status = 200, description = "Your account after the change.", body = UserRead))
)]
async fn update_me(
    State(state): State<AppState>,
    Granted(CurrentUser(session)): Granted<CurrentUser>,
    Context(context): Context,
    Body(update): Body<UserUpdate>,
) -> Answer<UserRead> {
    let user = state.services.update_profile(&context, &session, update.into()).await?;
    Ok(Json(user.into()))
}

/// Delete your account
///
/// With your tokens, your memberships, and the organizations in which nobody else is. While you are the only owner of
/// an organization with other members, make another owner first.
#[utoipa::path(
    delete, path = "/api/v1/users/me", tag = "users",
    responses((status = 200, description = "Done.", body = OkResponse))
)]
async fn delete_me(
    State(state): State<AppState>,
    Granted(OwnAccount(holder)): Granted<OwnAccount>,
    Context(context): Context,
) -> Answer<OkResponse> {
    state.services.delete_account(&context, &holder).await?;
    Ok(Json(OkResponse::YES))
}
