//! API tokens: what a person hands to a program instead of signing in.
//!
//! A token never does more than its owner may. Its limits narrow that further: by scope and, if it has one, to a
//! single board.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::ids::{ApiTokenId, BoardId, OrganizationId, UserId};
use crate::{Error, ErrorKind, Result};

/// The longest time a token with an end lives.
pub const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The most tokens that one person has in use.
pub const MAX_ACTIVE: i64 = 100;
/// The longest name of a token, in characters.
pub const MAX_NAME: usize = 100;
/// How often the time of the last use is written at most.
pub const LAST_USED_INTERVAL: Duration = Duration::from_secs(60);

/// What a token is for. Each scope includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenScope {
    /// Reading.
    Read,
    /// Reading and changing what is on boards, and one's own account.
    Write,
    /// Everything its owner may do, tokens and organizations included.
    Admin,
}

impl TokenScope {
    /// All scopes, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The stored and shown name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Reads a stored scope; an unknown one counts as the least.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self::from_name(text).unwrap_or(Self::Read)
    }
}

/// A token as it is stored: everything but the token itself, of which only a hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Identifier.
    pub id: ApiTokenId,
    /// The owner.
    pub user_id: UserId,
    /// The organization of the board that the token is limited to.
    pub organization_id: Option<OrganizationId>,
    /// The board that the token is limited to.
    pub board_id: Option<BoardId>,
    /// What the owner calls it.
    pub name: String,
    /// What it is for.
    pub scope: TokenScope,
    /// From when it no longer works; never without.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to within [`LAST_USED_INTERVAL`].
    pub last_used_at: Option<Timestamp>,
    /// Since when it no longer works because somebody said so.
    pub revoked_at: Option<Timestamp>,
    /// Creation time.
    pub created_at: Timestamp,
}

impl ApiToken {
    /// Whether the token works at this moment.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the time of the last use is due to be written.
    #[must_use]
    pub fn use_is_stale(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| last <= now.before(LAST_USED_INTERVAL))
    }

    /// What it limits its bearer to.
    #[must_use]
    pub fn limits(&self) -> TokenLimits {
        TokenLimits {
            token_id: self.id,
            scope: self.scope,
            board_id: self.board_id,
            expires_at: self.expires_at,
        }
    }
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiToken {
    /// What the owner calls it, 1 to [`MAX_NAME`] characters.
    pub name: String,
    /// What it is for.
    pub scope: TokenScope,
    /// The board to limit it to.
    pub board_id: Option<BoardId>,
    /// From when it no longer works; never without.
    pub expires_at: Option<Timestamp>,
}

impl NewApiToken {
    /// Checks the end of its life: in the future, within [`MAX_LIFETIME`], and no later than that of the token that
    /// asks for it.
    ///
    /// # Errors
    /// 422 with a sentence that says what is allowed.
    pub fn check_expiry(&self, now: Timestamp, asked_with: Option<&TokenLimits>) -> Result<()> {
        let parent_end = asked_with.and_then(|limits| limits.expires_at);
        let refused = |text: String| Err(Error::text(ErrorKind::Invalid, text));
        match (self.expires_at, parent_end) {
            (Some(end), _) if end <= now => refused("The token must expire in the future.".to_owned()),
            (Some(end), _) if end > now.after(MAX_LIFETIME) => {
                refused("A token lives 366 days at most. Choose an earlier end, or none.".to_owned())
            }
            (Some(end), Some(parent)) if end > parent => refused(outlives(parent)),
            (None, Some(parent)) => refused(outlives(parent)),
            _ => Ok(()),
        }
    }
}

fn outlives(parent: Timestamp) -> String {
    format!("A token made with a token must expire with it: at {parent} at the latest.")
}

/// A person's token with the names a list shows beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedToken {
    /// The token.
    pub token: ApiToken,
    /// The e-mail address of its owner.
    pub email: Option<String>,
}

/// What a token lets its bearer do, at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLimits {
    /// Which token.
    pub token_id: ApiTokenId,
    /// Its scope.
    pub scope: TokenScope,
    /// The only board it reaches.
    pub board_id: Option<BoardId>,
    /// From when it no longer works.
    pub expires_at: Option<Timestamp>,
}

/// Which scope an operation asks of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenRule {
    /// `read` to read, `write` to change.
    #[default]
    ByMethod,
    /// As [`TokenRule::ByMethod`], and open to a token of any board: who am I.
    Profile,
    /// `read` to read, `admin` to change: what concerns the organization.
    AdminToChange,
    /// `admin` in any case: tokens, and the end of the account.
    Admin,
}

impl TokenRule {
    /// The scope for an operation that reads only (`is_safe`) or changes something.
    #[must_use]
    pub fn scope(self, is_safe: bool) -> TokenScope {
        match (self, is_safe) {
            (Self::Admin, _) | (Self::AdminToChange, false) => TokenScope::Admin,
            (_, true) => TokenScope::Read,
            (_, false) => TokenScope::Write,
        }
    }
}

/// Where an operation takes place, as far as a token's board is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// On this board.
    Board(BoardId),
    /// On no board, or on several.
    Elsewhere,
}

impl TokenLimits {
    /// Whether the token may be used for an operation.
    ///
    /// # Errors
    /// 403 with a sentence that says which scope or board is missing.
    pub fn check(&self, rule: TokenRule, is_safe: bool, place: TokenPlace) -> Result<()> {
        if let Some(own) = self.board_id {
            let is_reached = match place {
                TokenPlace::Board(board) => board == own,
                TokenPlace::Elsewhere => rule == TokenRule::Profile && is_safe,
            };
            if !is_reached {
                return Err(Error::forbidden(
                    "This token works on one board only, and this is not on it. Use a token without a board.",
                ));
            }
        }
        let needed = rule.scope(is_safe);
        if self.scope < needed {
            return Err(Error::forbidden(format!(
                "This needs a token with the scope {}; this one has {}.",
                needed.as_str(),
                self.scope.as_str()
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(scope: TokenScope, board_id: Option<BoardId>) -> TokenLimits {
        TokenLimits { token_id: ApiTokenId::generate(), scope, board_id, expires_at: None }
    }

    #[test]
    fn each_scope_reaches_what_it_names_and_no_more() {
        use TokenRule::{Admin, AdminToChange, ByMethod, Profile};
        for (rule, is_safe, least) in [
            (ByMethod, true, TokenScope::Read),
            (ByMethod, false, TokenScope::Write),
            (Profile, true, TokenScope::Read),
            (Profile, false, TokenScope::Write),
            (AdminToChange, true, TokenScope::Read),
            (AdminToChange, false, TokenScope::Admin),
            (Admin, true, TokenScope::Admin),
            (Admin, false, TokenScope::Admin),
        ] {
            for scope in TokenScope::ALL {
                let outcome = limits(scope, None).check(rule, is_safe, TokenPlace::Elsewhere);
                assert_eq!(outcome.is_ok(), scope >= least, "{scope:?} for {rule:?}, safe: {is_safe}");
            }
        }
    }

    #[test]
    fn a_token_of_a_board_reaches_that_board_and_its_owners_profile() {
        let (own, other) = (BoardId::generate(), BoardId::generate());
        let token = limits(TokenScope::Admin, Some(own));
        let reaches = |rule, is_safe, place| token.check(rule, is_safe, place).is_ok();
        assert!(reaches(TokenRule::ByMethod, false, TokenPlace::Board(own)));
        assert!(!reaches(TokenRule::ByMethod, true, TokenPlace::Board(other)));
        assert!(!reaches(TokenRule::ByMethod, true, TokenPlace::Elsewhere));
        assert!(!reaches(TokenRule::Admin, true, TokenPlace::Elsewhere));
        assert!(reaches(TokenRule::Profile, true, TokenPlace::Elsewhere));
        assert!(!reaches(TokenRule::Profile, false, TokenPlace::Elsewhere));
    }

    #[test]
    fn an_end_lies_ahead_within_a_year_and_within_the_life_of_the_asking_token() {
        let now = Timestamp::parse_iso("2026-01-01").expect("a date");
        let day = Duration::from_secs(24 * 60 * 60);
        let ends = |end: Option<Timestamp>, parent: Option<Timestamp>| {
            let new = NewApiToken {
                name: "n".to_owned(),
                scope: TokenScope::Read,
                board_id: None,
                expires_at: end,
            };
            let parent = TokenLimits { expires_at: parent, ..limits(TokenScope::Admin, None) };
            new.check_expiry(now, Some(&parent)).is_ok()
        };
        assert!(ends(None, None));
        assert!(ends(Some(now.after(day)), None));
        assert!(ends(Some(now.after(MAX_LIFETIME)), None));
        assert!(!ends(Some(now.after(MAX_LIFETIME + day)), None));
        assert!(!ends(Some(now), None));
        assert!(ends(Some(now.after(day)), Some(now.after(day))));
        assert!(!ends(Some(now.after(2 * day)), Some(now.after(day))));
        assert!(!ends(None, Some(now.after(day))));
    }
}
