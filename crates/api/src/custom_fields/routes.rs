//! Operations on the custom fields of the active organization.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::{
    KeylessUpdate, TaskCustomFieldDefinitionCreate, TaskCustomFieldDefinitionRead,
    TaskCustomFieldDefinitionUpdate,
};
use crate::access::{AdminOfCustomField, Granted, OrgAdministrator, OrgMember, guard};
use crate::decode::Body;
use crate::state::AppState;
use crate::wire::{Answer, Context, OkResponse};

pub(crate) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<OrgMember>(routes!(list_org_custom_fields), state))
        .routes(guard::<OrgAdministrator>(routes!(create_org_custom_field), state))
        .routes(guard::<AdminOfCustomField>(routes!(update_org_custom_field), state))
        .routes(guard::<AdminOfCustomField>(routes!(delete_org_custom_field), state))
}

/// List the custom fields of your active organization
///
/// By label.
#[utoipa::path(
    get, path = "/api/v1/organizations/me/custom-fields", tag = "custom-fields",
    responses((status = 200, description = "The custom fields.", body = Vec<TaskCustomFieldDefinitionRead>))
)]
async fn list_org_custom_fields(
    State(state): State<AppState>,
    Granted(OrgMember(session)): Granted<OrgMember>,
) -> Answer<Vec<TaskCustomFieldDefinitionRead>> {
    let fields = state.services.list_custom_fields(&session).await?;
    Ok(Json(fields.into_iter().map(Into::into).collect()))
}

/// Define a custom field
///
/// For admins. The key is unique in the organization and can never change; 409 when it is taken.
#[utoipa::path(
    post, path = "/api/v1/organizations/me/custom-fields", tag = "custom-fields",
    request_body = TaskCustomFieldDefinitionCreate,
    responses((status = 200, description = "The custom field.", body = TaskCustomFieldDefinitionRead))
)]
async fn create_org_custom_field(
    State(state): State<AppState>,
    Granted(OrgAdministrator(admin)): Granted<OrgAdministrator>,
    Context(context): Context,
    Body(create): Body<TaskCustomFieldDefinitionCreate>,
) -> Answer<TaskCustomFieldDefinitionRead> {
    let field = state.services.create_custom_field(&context, &admin, create.into()).await?;
    Ok(Json(field.into()))
}

/// Change a custom field
///
/// For admins. 409 with `misfit_count` and `task_ids` when tasks have values that do not fit the new type or pattern.
/// A field that becomes required leaves tasks without a value as they are until their fields are changed. Boards that
/// are left out of `board_ids` no longer show the values of their tasks; bound again, they do.
#[utoipa::path(
    patch, path = "/api/v1/organizations/me/custom-fields/{task_custom_field_definition_id}", tag = "custom-fields",
    request_body = TaskCustomFieldDefinitionUpdate,
    responses((status = 200, description = "The field after the change.", body = TaskCustomFieldDefinitionRead))
)]
async fn update_org_custom_field(
    State(state): State<AppState>,
    Granted(AdminOfCustomField { admin, field }): Granted<AdminOfCustomField>,
    Context(context): Context,
    Body(KeylessUpdate(update)): Body<KeylessUpdate>,
) -> Answer<TaskCustomFieldDefinitionRead> {
    let field = state.services.update_custom_field(&context, &admin, field, update.into()).await?;
    Ok(Json(field.into()))
}

/// Delete a custom field
///
/// For admins. 409 while a task has a value of it.
#[utoipa::path(
    delete, path = "/api/v1/organizations/me/custom-fields/{task_custom_field_definition_id}", tag = "custom-fields",
    responses((status = 200, description = "Done.", body = OkResponse))
)]
async fn delete_org_custom_field(
    State(state): State<AppState>,
    Granted(AdminOfCustomField { admin, field }): Granted<AdminOfCustomField>,
    Context(context): Context,
) -> Answer<OkResponse> {
    state.services.delete_custom_field(&context, &admin, field).await?;
    Ok(Json(OkResponse::YES))
}
