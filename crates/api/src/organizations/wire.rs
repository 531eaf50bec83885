//! Organizations on the wire.

use mc_model::ids::OrganizationId;
use mc_model::organization::{Organization, OrganizationSummary};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::decode::{Text, input};
use crate::wire::Moment;

/// The longest name of an organization, in characters.
const MAX_NAME: usize = 200;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationRead")]
pub(super) struct OrganizationRead {
    /// Identifier.
    id: Uuid,
    /// Name.
    name: String,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
}

impl From<Organization> for OrganizationRead {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id.into(),
            name: organization.name,
            created_at: organization.created_at.into(),
            updated_at: organization.updated_at.into(),
        }
    }
}

/// One of the caller's organizations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationListItem")]
pub(super) struct OrganizationListItem {
    /// Identifier.
    id: Uuid,
    /// Name.
    name: String,
    /// The caller's role in it.
    role: &'static str,
    /// Whether organization-wide requests refer to it.
    is_active: bool,
}

impl From<OrganizationSummary> for OrganizationListItem {
    fn from(summary: OrganizationSummary) -> Self {
        Self {
            id: summary.id.into(),
            name: summary.name,
            role: summary.role.as_str(),
            is_active: summary.is_active,
        }
    }
}

input! {
    /// An organization to be made.
    pub(super) struct OrganizationCreate {
        /// Name; blanks around it are dropped, and no other organization may have it.
        pub name: Text<MAX_NAME>,
    }
}

input! {
    /// Which organization the next requests refer to.
    pub(super) struct OrganizationActiveUpdate {
        /// One of yours.
        pub organization_id: OrganizationId,
    }
}
