//! Operations on invites.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::invite_wire::{
    OrganizationInviteAccept, OrganizationInviteCreate, OrganizationInvitePage, OrganizationInviteRead,
};
use super::member_wire::OrganizationMemberRead;
use crate::access::{CurrentUser, Granted, ManageInvite, OrgAdministrator, guard};
use crate::decode::{Body, Query};
use crate::openapi::LLMErrorResponse;
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context};

pub(super) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<OrgAdministrator>(routes!(list_org_invites), state))
        .routes(guard::<OrgAdministrator>(routes!(create_org_invite), state))
        .routes(guard::<ManageInvite>(routes!(revoke_org_invite), state))
        .routes(guard::<CurrentUser>(routes!(accept_org_invite), state))
}

/// List the pending invites
///
/// Those that can still be accepted, newest first.
#[utoipa::path(
    get, path = "/api/v1/organizations/me/invites", tag = "organizations", params(Paging),
    responses(
        (status = 200, description = "A page of invites.", body = OrganizationInvitePage),
        (status = 403, description = "You are no admin.", body = LLMErrorResponse),
    )
)]
async fn list_org_invites(
    State(state): State<AppState>,
    Granted(OrgAdministrator(admin)): Granted<OrgAdministrator>,
    Query(paging): Query<Paging>,
) -> Answer<OrganizationInvitePage> {
    let page = state.services.list_invites(&admin, paging.into()).await?;
    Ok(Json(page.map(OrganizationInviteRead::from).into()))
}

/// Invite somebody
///
/// No mail is sent: hand over the token. It is good for one acceptance by an account with this e-mail address, until
/// it expires.
#[utoipa::path(
    post, path = "/api/v1/organizations/me/invites", tag = "organizations",
    request_body = OrganizationInviteCreate,
    responses(
        (status = 200, description = "The invite.", body = OrganizationInviteRead),
        (status = 403, description = "You are no admin, or no owner and invite one.", body = LLMErrorResponse),
        (status = 409, description = "Somebody with this address is a member.", body = LLMErrorResponse),
    )
)]
async fn create_org_invite(
    State(state): State<AppState>,
    Granted(OrgAdministrator(admin)): Granted<OrgAdministrator>,
    Context(context): Context,
    Body(create): Body<OrganizationInviteCreate>,
) -> Answer<OrganizationInviteRead> {
    let issued = state.services.create_invite(&context, &admin, &create.into()).await?;
    Ok(Json(issued.into()))
}

/// Take back an invite
///
/// In whatever state it is. A membership that came of it stays.
#[utoipa::path(
    delete, path = "/api/v1/organizations/me/invites/{invite_id}", tag = "organizations",
    responses(
        (status = 200, description = "The invite as it was.", body = OrganizationInviteRead),
        (status = 403, description = "You are no admin.", body = LLMErrorResponse),
        (status = 404, description = "No such invite in your organization.", body = LLMErrorResponse),
    )
)]
async fn revoke_org_invite(
    State(state): State<AppState>,
    Granted(ManageInvite(invite)): Granted<ManageInvite>,
    Context(context): Context,
) -> Answer<OrganizationInviteRead> {
    let issued = state.services.revoke_invite(&context, &invite).await?;
    Ok(Json(issued.into()))
}

/// Accept an invite
///
/// Your e-mail address must be the invited one. Accepting again what you have accepted answers with your membership.
/// Your active organization changes only if you had none.
#[utoipa::path(
    post, path = "/api/v1/organizations/invites/accept", tag = "organizations",
    request_body = OrganizationInviteAccept,
    responses(
        (status = 200, description = "Your membership.", body = OrganizationMemberRead),
        (status = 403, description = "It was made for another address.", body = LLMErrorResponse),
        (status = 404, description = "Unknown, expired, taken back or used.", body = LLMErrorResponse),
    )
)]
async fn accept_org_invite(
    State(state): State<AppState>,
    Granted(CurrentUser(session)): Granted<CurrentUser>,
    Context(context): Context,
    Body(accept): Body<OrganizationInviteAccept>,
) -> Answer<OrganizationMemberRead> {
    let view = state.services.accept_invite(&context, &session, &accept.token).await?;
    Ok(Json(view.into()))
}
