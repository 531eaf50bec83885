//! Operations on the tags of the active organization.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::{TagCreate, TagPage, TagRead, TagUpdate};
use crate::access::{AdminOfTag, Granted, MemberOnTag, OrgAdministrator, OrgMember, guard};
use crate::decode::{Body, Query};
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context, OkResponse};

pub(crate) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<OrgMember>(routes!(list_tags), state))
        .routes(guard::<OrgAdministrator>(routes!(create_tag), state))
        .routes(guard::<MemberOnTag>(routes!(get_tag), state))
        .routes(guard::<AdminOfTag>(routes!(update_tag), state))
        .routes(guard::<AdminOfTag>(routes!(delete_tag), state))
}

/// List the tags of your active organization
///
/// By name.
#[utoipa::path(
    get, path = "/api/v1/tags", tag = "tags", params(Paging),
    responses((status = 200, description = "A page of tags.", body = TagPage))
)]
async fn list_tags(
    State(state): State<AppState>,
    Granted(OrgMember(session)): Granted<OrgMember>,
    Query(paging): Query<Paging>,
) -> Answer<TagPage> {
    let page = state.services.list_tags(&session, paging.into()).await?;
    Ok(Json(page.map(TagRead::from).into()))
}

/// Make a tag
///
/// For admins. The slug is unique in the organization; 409 when it is taken.
#[utoipa::path(
    post, path = "/api/v1/tags", tag = "tags", request_body = TagCreate,
    responses((status = 200, description = "The tag.", body = TagRead))
)]
async fn create_tag(
    State(state): State<AppState>,
    Granted(OrgAdministrator(admin)): Granted<OrgAdministrator>,
    Context(context): Context,
    Body(create): Body<TagCreate>,
) -> Answer<TagRead> {
    let tag = state.services.create_tag(&context, &admin, create.into()).await?;
    Ok(Json(tag.into()))
}

/// Read a tag
#[utoipa::path(
    get, path = "/api/v1/tags/{tag_id}", tag = "tags",
    responses((status = 200, description = "The tag.", body = TagRead))
)]
async fn get_tag(
    State(state): State<AppState>,
    Granted(MemberOnTag { session, tag }): Granted<MemberOnTag>,
) -> Answer<TagRead> {
    Ok(Json(state.services.get_tag(&session, tag).await?.into()))
}

/// Change a tag
///
/// For admins. A new name alone keeps the slug.
#[utoipa::path(
    patch, path = "/api/v1/tags/{tag_id}", tag = "tags", request_body = TagUpdate,
    responses((status = 200, description = "The tag after the change.", body = TagRead))
)]
async fn update_tag(
    State(state): State<AppState>,
    Granted(AdminOfTag { admin, tag }): Granted<AdminOfTag>,
    Context(context): Context,
    Body(update): Body<TagUpdate>,
) -> Answer<TagRead> {
    let tag = state.services.update_tag(&context, &admin, tag, update.into()).await?;
    Ok(Json(tag.into()))
}

/// Delete a tag
///
/// For admins. Tasks that have the tag lose it.
#[utoipa::path(
    delete, path = "/api/v1/tags/{tag_id}", tag = "tags",
    responses((status = 200, description = "Done.", body = OkResponse))
)]
async fn delete_tag(
    State(state): State<AppState>,
    Granted(AdminOfTag { admin, tag }): Granted<AdminOfTag>,
    Context(context): Context,
) -> Answer<OkResponse> {
    state.services.delete_tag(&context, &admin, tag).await?;
    Ok(Json(OkResponse::YES))
}
