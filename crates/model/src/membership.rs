//! The rules of memberships: who may give and take roles, who may remove whom.
//!
//! The caller holds the lock of the organization, so the number of owners it passes in stays true until its change
//! is stored.

use crate::access::Role;
use crate::ids::BoardId;
use crate::organization::Member;
use crate::{Error, ErrorKind};

/// What a membership or an invite says about boards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardGrants {
    /// All boards may be read.
    pub all_boards_read: bool,
    /// All boards may be written.
    pub all_boards_write: bool,
    /// Boards granted one by one.
    pub boards: Vec<BoardSpec>,
}

impl BoardGrants {
    /// The boards to store: none beside a flag that covers all of them (organizations spec §7).
    #[must_use]
    pub fn stored_boards(&self) -> &[BoardSpec] {
        if self.all_boards_read || self.all_boards_write { &[] } else { &self.boards }
    }
}

/// One board in a [`BoardGrants`]. Write without read is kept as it is and implies read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardSpec {
    /// The board.
    pub board_id: BoardId,
    /// Read is granted.
    pub can_read: bool,
    /// Write is granted.
    pub can_write: bool,
}

/// Changes to somebody's membership.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberChange {
    /// The new role.
    pub role: Option<Role>,
    /// Replaces what the member may do with boards.
    pub grants: Option<BoardGrants>,
    /// The change is refused when the membership was changed after this moment was read.
    pub if_updated_at: Option<crate::Timestamp>,
}

/// Why a membership may not be changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only an owner makes somebody owner.
    GrantsOwner,
    /// Only an owner changes the role of an owner.
    DemotesOwner,
    /// Only an owner removes an owner.
    RemovesOwner,
    /// Nobody removes themself.
    RemovesSelf,
    /// An organization keeps at least one owner.
    LastOwner,
    /// Somebody else changed it meanwhile.
    Changed,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (kind, text) = match refusal {
            Refusal::GrantsOwner => (ErrorKind::Forbidden, "Only an owner may make somebody an owner."),
            Refusal::DemotesOwner => (ErrorKind::Forbidden, "Only an owner may change the role of an owner."),
            Refusal::RemovesOwner => (ErrorKind::Forbidden, "Only an owner may remove an owner."),
            Refusal::RemovesSelf => {
                (ErrorKind::Forbidden, "You cannot remove yourself. Ask another admin or owner to do it.")
            }
            Refusal::LastOwner => (
                ErrorKind::Invalid,
                "An organization needs at least one owner. Make another member an owner first.",
            ),
            Refusal::Changed => (
                ErrorKind::PreconditionFailed,
                "Somebody changed this membership meanwhile. Read it again, then repeat your change.",
            ),
        };
        Self::text(kind, text)
    }
}

/// Whether a member with role `actor` may change a role from `before` to `after` in an organization with this many
/// owners. A role that stays the same is nobody's business, so that a form may send it along.
///
/// # Errors
/// What stands in the way.
pub fn may_change_role(actor: Role, before: Role, after: Role, owners: i64) -> Result<(), Refusal> {
    match (before, after) {
        _ if before == after => Ok(()),
        (_, Role::Owner) if actor != Role::Owner => Err(Refusal::GrantsOwner),
        (Role::Owner, _) if actor != Role::Owner => Err(Refusal::DemotesOwner),
        (Role::Owner, _) if owners <= 1 => Err(Refusal::LastOwner),
        _ => Ok(()),
    }
}

/// Whether `actor` may remove `target` from an organization with this many owners.
///
/// # Errors
/// What stands in the way, in the order of organizations spec §7.
pub fn may_remove(actor: &Member, target: &Member, owners: i64) -> Result<(), Refusal> {
    if actor.id == target.id {
        return Err(Refusal::RemovesSelf);
    }
    if target.role == Role::Owner && actor.role != Role::Owner {
        return Err(Refusal::RemovesOwner);
    }
    if target.role == Role::Owner && owners <= 1 {
        return Err(Refusal::LastOwner);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_given_and_taken_by_the_table() {
        use Role::{Admin, Member, Owner};
        for (actor, before, after, owners, wanted) in [
            (Admin, Member, Admin, 1, Ok(())),
            (Admin, Admin, Member, 1, Ok(())),
            (Admin, Owner, Owner, 1, Ok(())),
            (Admin, Admin, Owner, 1, Err(Refusal::GrantsOwner)),
            (Admin, Owner, Member, 2, Err(Refusal::DemotesOwner)),
            (Owner, Member, Owner, 1, Ok(())),
            (Owner, Owner, Admin, 2, Ok(())),
            (Owner, Owner, Admin, 1, Err(Refusal::LastOwner)),
            (Owner, Owner, Owner, 1, Ok(())),
        ] {
            let found = may_change_role(actor, before, after, owners);
            assert_eq!(found, wanted, "{actor:?}: {before:?} to {after:?} with {owners} owners");
        }
    }

    #[test]
    fn flags_for_all_boards_leave_no_single_boards() {
        let spec = BoardSpec { board_id: BoardId::generate(), can_read: true, can_write: false };
        let mut grants = BoardGrants { boards: vec![spec], ..BoardGrants::default() };
        assert_eq!(grants.stored_boards(), [spec]);
        grants.all_boards_read = true;
        assert!(grants.stored_boards().is_empty());
    }
}
