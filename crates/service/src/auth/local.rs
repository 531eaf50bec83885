//! Local mode: one shared token, one account.

use mc_model::user::local;
use mc_model::{Error, Result};
use mc_store as store;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::UserAuth;
use super::provisioning::Identity;
use crate::Services;
use crate::access::UserSession;

/// The one person of local mode.
pub(super) const LOCAL_USER: Identity<'static> = Identity {
    external_id: local::EXTERNAL_ID,
    email: Some(local::EMAIL),
    name: Some(local::NAME),
    link: None,
};

/// The shared token of local mode.
pub struct LocalToken {
    digest: [u8; 32],
}

impl LocalToken {
    /// Keeps a digest of the trimmed token; digests have one length, so comparing them takes the same time for every
    /// guess.
    #[must_use]
    pub fn new(token: &SecretString) -> Self {
        Self { digest: Sha256::digest(token.expose_secret().trim().as_bytes()).into() }
    }

    fn matches(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.digest.ct_eq(&digest).into()
    }
}

impl Services {
    /// The session of the person with this bearer token.
    ///
    /// # Errors
    /// 401 without a token or with a wrong one.
    pub async fn authenticate_user(&self, bearer: Option<&[u8]>) -> Result<UserSession> {
        let token = bearer.ok_or_else(Error::unauthenticated)?;
        if let Some(token) = crate::tokens::as_api_token(token) {
            return self.session_of_api_token(token).await;
        }
        match &*self.users {
            UserAuth::Local(local) if local.matches(token) => self.session_of(&LOCAL_USER).await,
            UserAuth::Local(_) => Err(Error::unauthenticated()),
            UserAuth::Clerk(clerk) => self.sign_in_with_clerk(clerk, token).await,
            UserAuth::Oidc(oidc) => self.sign_in_with_oidc(oidc, token).await,
            #[cfg(feature = "testing")]
            UserAuth::Test(people) => {
                let name = people.name_of(token).ok_or_else(Error::unauthenticated)?;
                self.session_of(&super::testing::identity(name)).await
            }
        }
    }

    /// The session of the person with this identity, who is made when the account or a part of it is missing.
    async fn session_of(&self, identity: &Identity<'_>) -> Result<UserSession> {
        let began = match self.access_cache.person(identity.external_id) {
            Ok((user, member)) => return Ok(UserSession::full(user, member)),
            Err(began) => began,
        };
        let found = store::users::with_active_membership(self.store.reader(), identity.external_id).await?;
        match found {
            Some((user, Some(member))) if has_text(&user.email) && has_text(&user.name) => {
                let person = (user, member);
                self.access_cache.keep_person(began, identity.external_id.to_owned(), &person);
                Ok(UserSession::full(person.0, person.1))
            }
            _ => self.provision(identity).await,
        }
    }
}

fn has_text(field: &Option<String>) -> bool {
    field.as_deref().is_some_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_compared_by_its_digest_whatever_it_has_in_common_with_the_token() {
        let token = LocalToken::new(&" a-token-of-fifty-characters-or-more-0000000000000001 ".into());
        assert!(token.matches(b"a-token-of-fifty-characters-or-more-0000000000000001"));
        for guess in ["a-token-of-fifty-characters-or-more-0000000000000002", "a-token-of-fifty", "", "x"] {
            assert!(!token.matches(guess.as_bytes()), "{guess}");
            // What the comparison sees has one length and nothing in common, however close the guess is.
            let digest: [u8; 32] = Sha256::digest(guess.as_bytes()).into();
            let in_common = digest.iter().zip(&token.digest).take_while(|(one, other)| one == other).count();
            assert!(in_common < 2, "{guess}");
        }
    }
}
