//! Operations on the caller's organizations.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::{OrganizationActiveUpdate, OrganizationCreate, OrganizationListItem, OrganizationRead};
use crate::access::{CurrentUser, Granted, OrgMember, OrgProprietor, guard};
use crate::decode::Body;
use crate::openapi::LLMErrorResponse;
use crate::state::AppState;
use crate::wire::{Answer, Context, OkResponse};

pub(super) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<CurrentUser>(routes!(create_organization), state))
        .routes(guard::<CurrentUser>(routes!(list_my_organizations), state))
        .routes(guard::<CurrentUser>(routes!(set_active_org), state))
        .routes(guard::<OrgMember>(routes!(get_my_org), state))
        .routes(guard::<OrgProprietor>(routes!(delete_my_org), state))
}

/// Create an organization
///
/// You become its owner with access to all boards, and it becomes your active one.
#[utoipa::path(
    post, path = "/api/v1/organizations", tag = "organizations", request_body = OrganizationCreate,
    responses(
        (status = 200, description = "The organization.", body = OrganizationRead),
        (status = 409, description = "The name is taken.", body = LLMErrorResponse),
    )
)]
async fn create_organization(
    State(state): State<AppState>,
    Granted(CurrentUser(session)): Granted<CurrentUser>,
    Context(context): Context,
    Body(create): Body<OrganizationCreate>,
) -> Answer<OrganizationRead> {
    let organization = state.services.create_organization(&context, &session, &create.name).await?;
    Ok(Json(organization.into()))
}

/// List your organizations
///
/// By name. Exactly one is active: the one that organization-wide requests refer to.
#[utoipa::path(
    get, path = "/api/v1/organizations/me/list", tag = "organizations",
    responses((status = 200, description = "Your organizations.", body = Vec<OrganizationListItem>))
)]
async fn list_my_organizations(
    State(state): State<AppState>,
    Granted(CurrentUser(session)): Granted<CurrentUser>,
) -> Answer<Vec<OrganizationListItem>> {
    let summaries = state.services.my_organizations(&session).await?;
    Ok(Json(summaries.into_iter().map(Into::into).collect()))
}

/// Choose your active organization
///
/// Organization-wide requests refer to it from then on.
#[utoipa::path(
    patch, path = "/api/v1/organizations/me/active", tag = "organizations",
    request_body = OrganizationActiveUpdate,
    responses(
        (status = 200, description = "The organization.", body = OrganizationRead),
        (status = 403, description = "You are not a member of it.", body = LLMErrorResponse),
    )
)]
async fn set_active_org(
    State(state): State<AppState>,
    Granted(CurrentUser(session)): Granted<CurrentUser>,
    Context(context): Context,
    Body(update): Body<OrganizationActiveUpdate>,
) -> Answer<OrganizationRead> {
    let organization =
        state.services.activate_organization(&context, &session, update.organization_id).await?;
    Ok(Json(organization.into()))
}

/// Read your active organization
#[utoipa::path(
    get, path = "/api/v1/organizations/me", tag = "organizations",
    responses((status = 200, description = "The organization.", body = OrganizationRead))
)]
async fn get_my_org(
    State(state): State<AppState>,
    Granted(OrgMember(session)): Granted<OrgMember>,
) -> Answer<OrganizationRead> {
    Ok(Json(state.services.active_organization(&session).await?.into()))
}

/// Delete your active organization
///
/// Owners only. With everything it owns: boards, tasks, agents, gateways, skills, tags, members, invites. Your next
/// request refers to your oldest other organization.
#[utoipa::path(
    delete, path = "/api/v1/organizations/me", tag = "organizations",
    responses(
        (status = 200, description = "Done.", body = OkResponse),
        (status = 403, description = "You are not an owner.", body = LLMErrorResponse),
    )
)]
async fn delete_my_org(
    State(state): State<AppState>,
    Granted(OrgProprietor(owner)): Granted<OrgProprietor>,
    Context(context): Context,
) -> Answer<OkResponse> {
    state.services.delete_organization(&context, &owner).await?;
    Ok(Json(OkResponse::YES))
}
