//! Invites on the wire.

use mc_model::access::Role;
use mc_model::invite::NewInvite;
use mc_service::organizations::IssuedInvite;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::member_wire::{BoardSpecs, RoleName, check_boards, grants};
use crate::decode::{Flag, List, Rules, Text, input};
use crate::page::Page;
use crate::wire::Moment;

/// The longest e-mail address, in characters (RFC 5321 §4.5.3.1 allows no more).
const MAX_EMAIL: usize = 320;
/// The longest token that is looked at, in characters; ours have 32.
const MAX_TOKEN: usize = 200;

/// A page of invites.
pub(super) type OrganizationInvitePage = Page<OrganizationInviteRead>;

/// An invite.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "OrganizationInviteRead")]
pub(super) struct OrganizationInviteRead {
    /// Identifier.
    id: Uuid,
    /// Where to.
    organization_id: Uuid,
    /// Who is meant.
    invited_email: String,
    /// The role it gives.
    role: &'static str,
    /// It gives read access to all boards.
    all_boards_read: bool,
    /// It gives write access to all boards.
    all_boards_write: bool,
    /// What the invited person accepts it with; empty when this server cannot know it.
    token: String,
    /// Who invited.
    created_by_user_id: Option<Uuid>,
    /// Who accepted.
    accepted_by_user_id: Option<Uuid>,
    /// When it was accepted.
    #[schema(inline)]
    accepted_at: Option<Moment>,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
}

impl From<IssuedInvite> for OrganizationInviteRead {
    fn from(issued: IssuedInvite) -> Self {
        let IssuedInvite { invite, token } = issued;
        Self {
            id: invite.id.into(),
            organization_id: invite.organization_id.into(),
            invited_email: invite.invited_email,
            role: invite.role.as_str(),
            all_boards_read: invite.all_boards_read,
            all_boards_write: invite.all_boards_write,
            token,
            created_by_user_id: invite.created_by_user_id.map(Uuid::from),
            accepted_by_user_id: invite.accepted_by_user_id.map(Uuid::from),
            accepted_at: invite.accepted_at.map(Moment),
            created_at: invite.created_at.into(),
            updated_at: invite.updated_at.into(),
        }
    }
}

input! {
    /// An invite to be made.
    pub(super) struct OrganizationInviteCreate [check = check_invite] {
        /// Who is meant; case and blanks around it do not matter.
        pub invited_email: Text<MAX_EMAIL>,
        /// The role it gives: `owner`, `admin` or `member`. Only owners invite owners.
        pub role: RoleName = RoleName(Role::Member),
        /// It gives read access to all boards.
        pub all_boards_read: Flag = Flag(false),
        /// It gives write access to all boards.
        pub all_boards_write: Flag = Flag(false),
        /// Boards it gives one by one; not kept beside a flag for all of them.
        pub board_access: BoardSpecs = List(Vec::new()),
    }
}

fn check_invite(create: &OrganizationInviteCreate, rules: &mut Rules<'_>) {
    check_boards(&create.board_access, rules);
}

impl From<OrganizationInviteCreate> for NewInvite {
    fn from(create: OrganizationInviteCreate) -> Self {
        Self {
            invited_email: create.invited_email.0,
            role: create.role.0,
            grants: grants(create.all_boards_read, create.all_boards_write, create.board_access),
        }
    }
}

input! {
    /// The acceptance of an invite.
    pub(super) struct OrganizationInviteAccept {
        /// The token as it stands in the link.
        pub token: Text<MAX_TOKEN>,
    }
}
