//! Operations on the members of the active organization.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::member_wire::{
    OrganizationMemberAccessUpdate, OrganizationMemberPage, OrganizationMemberRead,
    OrganizationMemberReplace, OrganizationMemberUpdate,
};
use crate::access::{Granted, ManageMember, OrgMember, ReadMember, guard};
use crate::decode::{Body, Query};
use crate::openapi::LLMErrorResponse;
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context, OkResponse};

pub(super) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<OrgMember>(routes!(get_my_membership), state))
        .routes(guard::<OrgMember>(routes!(list_org_members), state))
        .routes(guard::<ReadMember>(routes!(get_org_member), state))
        .routes(guard::<ManageMember>(routes!(replace_org_member), state))
        .routes(guard::<ManageMember>(routes!(update_org_member), state))
        .routes(guard::<ManageMember>(routes!(remove_org_member), state))
        .routes(guard::<ManageMember>(routes!(update_member_access), state))
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
    Ok(Json(state.services.my_membership(&session).await?.into()))
}

/// List the members
///
/// By e-mail, those without one last, then by name; with the boards that each is granted.
#[utoipa::path(
    get, path = "/api/v1/organizations/me/members", tag = "organizations", params(Paging),
    responses((status = 200, description = "A page of members.", body = OrganizationMemberPage))
)]
async fn list_org_members(
    State(state): State<AppState>,
    Granted(OrgMember(session)): Granted<OrgMember>,
    Query(paging): Query<Paging>,
) -> Answer<OrganizationMemberPage> {
    let page = state.services.list_members(&session, paging.into()).await?;
    Ok(Json(page.map(OrganizationMemberRead::from).into()))
}

/// Read a member
///
/// Admins and owners read any, others themselves only.
#[utoipa::path(
    get, path = "/api/v1/organizations/me/members/{member_id}", tag = "organizations",
    responses(
        (status = 200, description = "The member.", body = OrganizationMemberRead),
        (status = 403, description = "Somebody else, and you are no admin.", body = LLMErrorResponse),
        (status = 404, description = "No such member in your organization.", body = LLMErrorResponse),
    )
)]
async fn get_org_member(Granted(ReadMember(member)): Granted<ReadMember>) -> Json<OrganizationMemberRead> {
    Json(member.into_view().into())
}

/// Change a member's role
///
/// Only owners make somebody an owner or change the role of one, and one owner always remains.
#[utoipa::path(
    patch, path = "/api/v1/organizations/me/members/{member_id}", tag = "organizations",
    request_body = OrganizationMemberUpdate,
    responses(
        (status = 200, description = "The member after the change.", body = OrganizationMemberRead),
        (status = 403, description = "You may not.", body = LLMErrorResponse),
        (status = 404, description = "No such member in your organization.", body = LLMErrorResponse),
    )
)]
async fn update_org_member(
    State(state): State<AppState>,
    Granted(ManageMember(member)): Granted<ManageMember>,
    Context(context): Context,
    Body(update): Body<OrganizationMemberUpdate>,
) -> Answer<OrganizationMemberRead> {
    let view = state.services.change_member(&context, &member, &update.into()).await?;
    Ok(Json(view.into()))
}

/// Replace a member's role and boards
///
/// Both in one change, so that nobody sees one without the other. With `if_updated_at` it is refused when somebody
/// else changed the membership since you read it.
#[utoipa::path(
    put, path = "/api/v1/organizations/me/members/{member_id}", tag = "organizations",
    request_body = OrganizationMemberReplace,
    responses(
        (status = 200, description = "The member after the change.", body = OrganizationMemberRead),
        (status = 403, description = "You may not.", body = LLMErrorResponse),
        (status = 404, description = "No such member in your organization.", body = LLMErrorResponse),
        (status = 412, description = "The membership was changed meanwhile.", body = LLMErrorResponse),
    )
)]
async fn replace_org_member(
    State(state): State<AppState>,
    Granted(ManageMember(member)): Granted<ManageMember>,
    Context(context): Context,
    Body(replace): Body<OrganizationMemberReplace>,
) -> Answer<OrganizationMemberRead> {
    let view = state.services.change_member(&context, &member, &replace.into()).await?;
    Ok(Json(view.into()))
}

/// Replace a member's boards
///
/// What was granted before is lost. Beside a flag for all boards no single ones are kept.
#[utoipa::path(
    put, path = "/api/v1/organizations/me/members/{member_id}/access", tag = "organizations",
    request_body = OrganizationMemberAccessUpdate,
    responses(
        (status = 200, description = "The member after the change.", body = OrganizationMemberRead),
        (status = 403, description = "You are no admin.", body = LLMErrorResponse),
        (status = 404, description = "No such member in your organization.", body = LLMErrorResponse),
    )
)]
async fn update_member_access(
    State(state): State<AppState>,
    Granted(ManageMember(member)): Granted<ManageMember>,
    Context(context): Context,
    Body(update): Body<OrganizationMemberAccessUpdate>,
) -> Answer<OrganizationMemberRead> {
    let view = state.services.change_member(&context, &member, &update.into()).await?;
    Ok(Json(view.into()))
}

/// Remove a member
///
/// The account stays and goes on in its oldest other organization. Nobody removes themself, only owners remove
/// owners, and one owner always remains.
#[utoipa::path(
    delete, path = "/api/v1/organizations/me/members/{member_id}", tag = "organizations",
    responses(
        (status = 200, description = "Done.", body = OkResponse),
        (status = 403, description = "You may not.", body = LLMErrorResponse),
        (status = 404, description = "No such member in your organization.", body = LLMErrorResponse),
    )
)]
async fn remove_org_member(
    State(state): State<AppState>,
    Granted(ManageMember(member)): Granted<ManageMember>,
    Context(context): Context,
) -> Answer<OkResponse> {
    state.services.remove_member(&context, &member).await?;
    Ok(Json(OkResponse::YES))
}
