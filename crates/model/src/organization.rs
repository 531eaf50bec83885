//! Tenants and memberships.

use crate::access::Role;
use crate::clock::Timestamp;
use crate::ids::{BoardAccessId, BoardId, MemberId, OrganizationId, UserId};

/// The name of the organization that a person without any gets.
pub const PERSONAL: &str = "Personal";

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Identifier.
    pub id: OrganizationId,
    /// Name; not unique in the database.
    pub name: String,
    /// Seeded by `mission-control demo`, removed by `demo --clean`.
    pub is_demo: bool,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// One user's membership of one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Identifier.
    pub id: MemberId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The user.
    pub user_id: UserId,
    /// Role; grants no board by itself.
    pub role: Role,
    /// All boards may be read.
    pub all_boards_read: bool,
    /// All boards may be written.
    pub all_boards_write: bool,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// The person behind a membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// E-mail address.
    pub email: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// How the person wants to be addressed.
    pub preferred_name: Option<String>,
}

/// A membership with its person and the boards that are granted one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// The membership.
    pub member: Member,
    /// The person.
    pub person: Person,
    /// The boards that are granted one by one, oldest entry first.
    pub board_access: Vec<BoardAccessEntry>,
}

/// The grant of one board to one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardAccessEntry {
    /// Identifier.
    pub id: BoardAccessId,
    /// The board.
    pub board_id: BoardId,
    /// Read is granted.
    pub can_read: bool,
    /// Write is granted.
    pub can_write: bool,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// One line of "my organizations".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationSummary {
    /// The organization.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// The caller's role in it.
    pub role: Role,
    /// Whether it is the caller's active one.
    pub is_active: bool,
}

/// A skill pack that a new personal organization gets.
#[derive(Clone, Copy, Debug)]
pub struct DefaultSkillPack {
    /// Name of the pack.
    pub name: &'static str,
    /// What is in it, in our words.
    pub description: &'static str,
    /// Repository.
    pub source_url: &'static str,
    /// Branch.
    pub branch: &'static str,
}

/// The packs of a new personal organization (organizations spec §4).
pub const DEFAULT_SKILL_PACKS: [DefaultSkillPack; 2] = [
    DefaultSkillPack {
        name: "antigravity-awesome-skills",
        description: "A broad community collection of agent skills.",
        source_url: "https://github.com/sickn33/antigravity-awesome-skills",
        branch: "main",
    },
    DefaultSkillPack {
        name: "ai-marketing-skills",
        description: "Skills for marketing work: research, copy, campaigns.",
        source_url: "https://github.com/BrianRWagner/ai-marketing-skills",
        branch: "main",
    },
];
