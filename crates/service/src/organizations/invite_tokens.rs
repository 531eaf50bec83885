//! The tokens of invites: derived from a secret key and the invite's id, so that an admin can read them again although
//! only a hash is stored.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use mc_model::ids::InviteId;
use mc_model::invite::Invite;
use mc_model::{Error, Result, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::auth::hash_agent_token;

/// The bytes of a token; 32 characters in base64url (organizations spec §8.3).
const TOKEN_BYTES: usize = 24;
/// Random bytes of a key that nobody configured.
const KEY_BYTES: usize = 48;

/// How invites are made.
pub struct InvitePolicy {
    key: SecretString,
    /// How long an invite can be accepted; none means for good.
    lifetime: Option<Duration>,
}

impl fmt::Debug for InvitePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitePolicy").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl InvitePolicy {
    /// How long an invite can be accepted when nobody says otherwise: 14 days.
    pub const LIFETIME: Duration = Duration::from_secs(14 * 24 * 60 * 60);

    /// Tokens derived from `key`. All nodes on one database need the same key to show each other's tokens; accepting
    /// works without.
    #[must_use]
    pub fn new(key: SecretString, lifetime: Option<Duration>) -> Self {
        Self { key, lifetime }
    }

    /// The token of an invite.
    pub(super) fn token(&self, invite: InviteId) -> Result<String> {
        let key = self.key.expose_secret().as_bytes();
        if key.is_empty() {
            return Err(Error::internal("there is no secret key for the tokens of invites"));
        }
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key).map_err(|error| Error::internal(error.to_string()))?;
        mac.update(invite.0.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..TOKEN_BYTES]))
    }

    /// The token of a stored invite, empty when it was made with another key.
    pub(super) fn token_of(&self, invite: &Invite) -> Result<String> {
        let token = self.token(invite.id)?;
        let is_same: bool = stored_form(&token).as_bytes().ct_eq(invite.token_hash.as_bytes()).into();
        Ok(if is_same { token } else { String::new() })
    }

    /// The end of an invite made at `now`.
    pub(super) fn end(&self, now: Timestamp) -> Option<Timestamp> {
        self.lifetime.map(|lifetime| now.after(lifetime))
    }
}

impl Default for InvitePolicy {
    /// Tokens that can be shown until the process ends, and accepted after that too.
    fn default() -> Self {
        // Without randomness there is no key, and then there are no tokens.
        let key = mc_model::secret::generate(KEY_BYTES).unwrap_or_default();
        Self::new(key.into(), Some(Self::LIFETIME))
    }
}

/// What is stored of a token. It carries 192 bits that nobody can guess, so a plain hash is enough, as with agents.
pub(super) fn stored_form(token: &str) -> String {
    hash_agent_token(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_depend_on_key_and_invite_and_have_32_characters() {
        let (one, two) = (InvitePolicy::new("a".into(), None), InvitePolicy::new("b".into(), None));
        let invite = InviteId::generate();
        let token = one.token(invite).expect("a token");
        assert_eq!(token.len(), 32);
        assert_eq!(token, one.token(invite).expect("a token"));
        assert_ne!(token, two.token(invite).expect("a token"));
        assert_ne!(token, one.token(InviteId::generate()).expect("a token"));
        assert!(!format!("{one:?}").contains('"'), "the key does not show");
    }
}
