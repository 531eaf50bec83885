//! Operations on the caller's organizations.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::{OrganizationListItem, OrganizationMemberRead, OrganizationRead};
use crate::access::{CurrentUser, Granted, OrgMember, guard};
use crate::state::AppState;
use crate::wire::Answer;

pub(crate) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<CurrentUser>(routes!(list_my_organizations), state))
        .routes(guard::<OrgMember>(routes!(get_my_org), state))
        .routes(guard::<OrgMember>(routes!(get_my_membership), state))
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

/// Read your membership of the active organization
#[utoipa::path(
    get, path = "/api/v1/organizations/me/member", tag = "organizations",
    responses((status = 200, description = "The membership.", body = OrganizationMemberRead))
)]
async fn get_my_membership(
    State(state): State<AppState>,
    Granted(OrgMember(session)): Granted<OrgMember>,
) -> Answer<OrganizationMemberRead> {
    let entries = state.services.my_board_access(&session).await?;
    Ok(Json(OrganizationMemberRead::new(session.member(), session.user(), entries)))
}
