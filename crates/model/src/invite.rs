//! Invitations to an organization.

use crate::access::Role;
use crate::clock::Timestamp;
use crate::ids::{InviteId, OrganizationId, UserId};
use crate::membership::{BoardGrants, BoardSpec};
use crate::organization::Member;
use crate::{Error, ErrorKind};

/// An invitation. Its token is not part of it: only a hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Identifier.
    pub id: InviteId,
    /// Where to.
    pub organization_id: OrganizationId,
    /// Who is meant, in lower case.
    pub invited_email: String,
    /// The stored form of the token.
    pub token_hash: String,
    /// The role it gives.
    pub role: Role,
    /// It gives read access to all boards.
    pub all_boards_read: bool,
    /// It gives write access to all boards.
    pub all_boards_write: bool,
    /// Who invited.
    pub created_by_user_id: Option<UserId>,
    /// Who accepted.
    pub accepted_by_user_id: Option<UserId>,
    /// When it was accepted; none while it is pending.
    pub accepted_at: Option<Timestamp>,
    /// From this moment on it cannot be accepted any more; none when it stays good.
    pub expires_at: Option<Timestamp>,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// An invitation to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvite {
    /// Who is meant; see [`normalize_email`].
    pub invited_email: String,
    /// The role it gives.
    pub role: Role,
    /// What it gives on boards.
    pub grants: BoardGrants,
}

/// Why an invitation cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such token, taken back, or accepted by somebody else.
    Unknown,
    /// Too late.
    Expired,
    /// It was made for another e-mail address.
    OtherEmail,
    /// The account has no e-mail address to compare with.
    NoEmail,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (kind, text) = match refusal {
            Refusal::Unknown => (
                ErrorKind::NotFound,
                "This invite does not exist, has expired, was taken back, or has been used already.",
            ),
            Refusal::Expired => (
                ErrorKind::NotFound,
                "This invite has expired. Ask an admin of the organization for a new one.",
            ),
            Refusal::OtherEmail => (
                ErrorKind::Forbidden,
                "This invite was made for another e-mail address. Sign in with the address it was sent to.",
            ),
            Refusal::NoEmail => (
                ErrorKind::Forbidden,
                "Your account has no e-mail address, so it cannot be matched with this invite.",
            ),
        };
        Self::text(kind, text)
    }
}

/// An e-mail address in the form that is stored and compared.
#[must_use]
pub fn normalize_email(text: &str) -> String {
    text.trim().to_lowercase()
}

/// What accepting an invitation makes of a membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The role afterwards.
    pub role: Role,
    /// All boards may be read.
    pub all_boards_read: bool,
    /// All boards may be written.
    pub all_boards_write: bool,
}

impl Invite {
    /// Whether it can no longer be accepted.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether somebody with this e-mail address may accept it at `now`.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn may_be_accepted(&self, email: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
        if self.accepted_at.is_some() {
            return Err(Refusal::Unknown);
        }
        let email = normalize_email(email.unwrap_or_default());
        if email.is_empty() {
            return Err(Refusal::NoEmail);
        }
        if email != normalize_email(&self.invited_email) {
            return Err(Refusal::OtherEmail);
        }
        if self.is_expired(now) { Err(Refusal::Expired) } else { Ok(()) }
    }

    /// The membership that accepting makes: for a newcomer what the invite says, for a member the better of both;
    /// an invite never takes anything away.
    #[must_use]
    pub fn joined(&self, present: Option<&Member>) -> Joined {
        let Some(present) = present else {
            return Joined {
                role: self.role,
                all_boards_read: self.all_boards_read,
                all_boards_write: self.all_boards_write,
            };
        };
        Joined {
            role: self.role.max(present.role),
            all_boards_read: self.all_boards_read || self.all_boards_write || present.all_boards_read,
            all_boards_write: self.all_boards_write || present.all_boards_write,
        }
    }
}

/// The grant of one board after `invited` was added to what was there: the better of both, and write implies read.
#[must_use]
pub fn merged(present: Option<BoardSpec>, invited: BoardSpec) -> BoardSpec {
    let Some(present) = present else { return invited };
    let can_write = present.can_write || invited.can_write;
    BoardSpec {
        board_id: invited.board_id,
        can_read: present.can_read || invited.can_read || can_write,
        can_write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BoardId, MemberId};
    use std::time::Duration;

    fn moment() -> Timestamp {
        Timestamp::from_micros(1_000_000_000_000).expect("in range")
    }

    fn invite() -> Invite {
        Invite {
            id: InviteId::generate(),
            organization_id: OrganizationId::generate(),
            invited_email: "dee@x.com".to_owned(),
            token_hash: String::new(),
            role: Role::Admin,
            all_boards_read: false,
            all_boards_write: true,
            created_by_user_id: None,
            accepted_by_user_id: None,
            accepted_at: None,
            expires_at: Some(moment().after(Duration::from_secs(60))),
            created_at: moment(),
            updated_at: moment(),
        }
    }

    #[test]
    fn an_invite_is_good_for_its_address_once_and_for_a_while() {
        let invite = invite();
        let late = moment().after(Duration::from_secs(60));
        assert_eq!(invite.may_be_accepted(Some(" Dee@X.com "), moment()), Ok(()));
        assert_eq!(invite.may_be_accepted(Some("eve@x.com"), moment()), Err(Refusal::OtherEmail));
        assert_eq!(invite.may_be_accepted(None, moment()), Err(Refusal::NoEmail));
        assert_eq!(invite.may_be_accepted(Some("  "), moment()), Err(Refusal::NoEmail));
        assert_eq!(invite.may_be_accepted(Some("dee@x.com"), late), Err(Refusal::Expired));
        let used = Invite { accepted_at: Some(moment()), ..invite };
        assert_eq!(used.may_be_accepted(Some("dee@x.com"), moment()), Err(Refusal::Unknown));
    }

    #[test]
    fn accepting_never_takes_anything_away() {
        let invite = invite();
        let owner = Member {
            id: MemberId::generate(),
            organization_id: invite.organization_id,
            user_id: UserId::generate(),
            role: Role::Owner,
            all_boards_read: false,
            all_boards_write: false,
            created_at: moment(),
            updated_at: moment(),
        };
        let joined = invite.joined(Some(&owner));
        assert_eq!(joined, Joined { role: Role::Owner, all_boards_read: true, all_boards_write: true });
        let fresh = invite.joined(None);
        assert_eq!(fresh, Joined { role: Role::Admin, all_boards_read: false, all_boards_write: true });
    }

    #[test]
    fn merging_boards_keeps_the_better_of_both() {
        let board_id = BoardId::generate();
        let spec = |can_read, can_write| BoardSpec { board_id, can_read, can_write };
        assert_eq!(merged(None, spec(false, true)), spec(false, true));
        assert_eq!(merged(Some(spec(true, false)), spec(false, true)), spec(true, true));
        assert_eq!(merged(Some(spec(false, false)), spec(false, true)), spec(true, true));
    }
}
