//! Organizations on the wire.

use mc_model::organization::{BoardAccessEntry, Member, Organization, OrganizationSummary};
use mc_model::user::User;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::wire::Moment;

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

/// The person behind a membership.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationUserRead")]
pub(super) struct OrganizationUserRead {
    /// Identifier.
    id: Uuid,
    /// E-mail address.
    email: Option<String>,
    /// Full name.
    name: Option<String>,
    /// How the person wants to be addressed.
    preferred_name: Option<String>,
}

/// The grant of one board to a member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationBoardAccessRead")]
pub(super) struct OrganizationBoardAccessRead {
    /// Identifier.
    id: Uuid,
    /// The board.
    board_id: Uuid,
    /// Read is granted.
    can_read: bool,
    /// Write is granted; implies read.
    can_write: bool,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
}

impl From<BoardAccessEntry> for OrganizationBoardAccessRead {
    fn from(entry: BoardAccessEntry) -> Self {
        Self {
            id: entry.id.into(),
            board_id: entry.board_id.into(),
            can_read: entry.can_read,
            can_write: entry.can_write,
            created_at: entry.created_at.into(),
            updated_at: entry.updated_at.into(),
        }
    }
}

/// A membership.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationMemberRead")]
pub(super) struct OrganizationMemberRead {
    /// Identifier.
    id: Uuid,
    /// The organization.
    organization_id: Uuid,
    /// The person.
    user_id: Uuid,
    /// `owner`, `admin` or `member`.
    role: &'static str,
    /// All boards may be read.
    all_boards_read: bool,
    /// All boards may be written.
    all_boards_write: bool,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
    /// The person, if the account is still there.
    user: Option<OrganizationUserRead>,
    /// The boards that are granted one by one.
    #[schema(required = false)]
    board_access: Vec<OrganizationBoardAccessRead>,
}

impl OrganizationMemberRead {
    pub(super) fn new(member: &Member, user: &User, entries: Vec<BoardAccessEntry>) -> Self {
        Self {
            id: member.id.into(),
            organization_id: member.organization_id.into(),
            user_id: member.user_id.into(),
            role: member.role.as_str(),
            all_boards_read: member.all_boards_read,
            all_boards_write: member.all_boards_write,
            created_at: member.created_at.into(),
            updated_at: member.updated_at.into(),
            user: Some(OrganizationUserRead {
                id: user.id.into(),
                email: user.email.clone(),
                name: user.name.clone(),
                preferred_name: user.preferred_name.clone(),
            }),
            board_access: entries.into_iter().map(Into::into).collect(),
        }
    }
}
