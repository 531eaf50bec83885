//! Who may do what: roles, kinds of agent and board grants as data and pure functions.
//!
//! Proofs of access (values that only exist after a check) are made in `mc-service::access`; the rules they follow
//! stand here.

use crate::agent::Agent;
use crate::ids::{BoardId, OrganizationId};

/// A member's role in an organization. A role alone gives no access to boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Works on the boards that are granted.
    Member,
    /// Manages the organization.
    Admin,
    /// Manages and may delete the organization.
    Owner,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Member, Self::Admin, Self::Owner];

    /// Reads a role that somebody sends: without regard to case and to blanks around it; nothing at all means
    /// `member`.
    #[must_use]
    pub fn from_input(text: &str) -> Option<Self> {
        let name = text.trim().to_lowercase();
        if name.is_empty() {
            return Some(Self::Member);
        }
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The stored and shown name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads a stored role; an unknown one counts as `member`.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "owner" => Self::Owner,
            "admin" => Self::Admin,
            _ => Self::Member,
        }
    }

    /// Whether the role manages the organization.
    #[must_use]
    pub fn is_admin(self) -> bool {
        self >= Self::Admin
    }
}

/// What somebody wants to do with a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoardNeed {
    /// See the board and what is on it.
    Read,
    /// Change what is on it.
    Write,
}

/// What a membership grants on one board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoardGrant {
    /// All boards of the organization may be read.
    pub all_read: bool,
    /// All boards of the organization may be written.
    pub all_write: bool,
    /// The board's own entry says read.
    pub can_read: bool,
    /// The board's own entry says write.
    pub can_write: bool,
}

impl BoardGrant {
    /// Whether the grant covers `need`. Write implies read.
    #[must_use]
    pub fn allows(self, need: BoardNeed) -> bool {
        let write = self.all_write || self.can_write;
        match need {
            BoardNeed::Write => write,
            BoardNeed::Read => write || self.all_read || self.can_read,
        }
    }
}

/// The three kinds of agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentKind {
    /// Belongs to a gateway, not to a board.
    Main,
    /// Leads a board.
    Lead,
    /// Works on a board.
    Worker,
}

/// Why an agent may not reach a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentReach {
    /// The board is the agent's, or is served by the main agent's own gateway and organization.
    Allowed,
    /// The agent works on another board.
    OtherBoard,
    /// Outside the agent's gateway or organization: as if it did not exist.
    Unknown,
}

/// Whether `agent`, whose gateway belongs to `organization`, reaches the board.
///
/// An agent never leaves its gateway's organization; a main agent reaches only the boards its gateway serves.
#[must_use]
pub fn agent_reach(
    agent: &Agent,
    organization: OrganizationId,
    board: BoardId,
    board_organization: OrganizationId,
    board_gateway: Option<crate::ids::GatewayId>,
) -> AgentReach {
    match agent.board_id {
        Some(own) if own == board && organization == board_organization => AgentReach::Allowed,
        Some(_) if organization == board_organization => AgentReach::OtherBoard,
        None if organization == board_organization && board_gateway == Some(agent.gateway_id) => {
            AgentReach::Allowed
        }
        _ => AgentReach::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_implies_read_and_read_does_not_imply_write() {
        let write = BoardGrant { can_write: true, ..BoardGrant::default() };
        let read = BoardGrant { all_read: true, ..BoardGrant::default() };
        assert!(write.allows(BoardNeed::Read) && write.allows(BoardNeed::Write));
        assert!(read.allows(BoardNeed::Read) && !read.allows(BoardNeed::Write));
        assert!(!BoardGrant::default().allows(BoardNeed::Read));
    }
}
