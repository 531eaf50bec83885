//! The checks of operations on tags and custom fields of the active organization.

use axum::http::request::Parts;
use mc_model::Result;
use mc_model::ids::{CustomFieldId, TagId};
use mc_model::token::TokenRule;
use mc_service::access::{OrgAdmin, UserSession};

use super::grants::{USER, path_value, user};
use super::guard::{Access, AccessDoc, PathParameter};
use crate::state::AppState;

const TAG: PathParameter = PathParameter { name: "tag_id", title: "Tag Id", is_uuid: true };
const FIELD: PathParameter = PathParameter {
    name: "task_custom_field_definition_id",
    title: "Task Custom Field Definition Id",
    is_uuid: true,
};
const ADMIN: AccessDoc = AccessDoc { token: Some(TokenRule::AdminToChange), ..USER };

/// `OM`, for the tag in the path.
#[derive(Clone, Debug)]
pub struct MemberOnTag {
    /// A member of the active organization.
    pub session: UserSession,
    /// Which tag; nothing is known of it yet.
    pub tag: TagId,
}

impl Access for MemberOnTag {
    const DOC: AccessDoc = AccessDoc { path: &[TAG], ..USER };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let session = user(state, parts).await?;
        Ok(Self { session, tag: path_value(parts, TAG.name).await? })
    }
}

/// `OA`, for the tag in the path.
#[derive(Clone, Debug)]
pub struct AdminOfTag {
    /// An admin of the active organization.
    pub admin: OrgAdmin,
    /// Which tag; nothing is known of it yet.
    pub tag: TagId,
}

impl Access for AdminOfTag {
    const DOC: AccessDoc = AccessDoc { path: &[TAG], ..ADMIN };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let admin = OrgAdmin::new(user(state, parts).await?)?;
        Ok(Self { admin, tag: path_value(parts, TAG.name).await? })
    }
}

/// `OA`, for the custom field in the path.
#[derive(Clone, Debug)]
pub struct AdminOfCustomField {
    /// An admin of the active organization.
    pub admin: OrgAdmin,
    /// Which field; nothing is known of it yet.
    pub field: CustomFieldId,
}

impl Access for AdminOfCustomField {
    const DOC: AccessDoc = AccessDoc { path: &[FIELD], ..ADMIN };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let admin = OrgAdmin::new(user(state, parts).await?)?;
        Ok(Self { admin, field: path_value(parts, FIELD.name).await? })
    }
}
