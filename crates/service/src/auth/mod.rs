//! Authentication: from credentials to a session.

pub(crate) mod agents;
mod clerk;
mod deletion;
mod group;
mod issuer;
mod key_set;
mod keys;
mod local;
mod oidc;
mod outbound;
mod person;
pub(crate) mod provisioning;
mod sign_in;
#[cfg(feature = "testing")]
mod testing;
mod token_hash;
mod verifier;

pub use clerk::{Clerk, ClerkSettings};
pub use deletion::mark_remote_deletion;
pub use local::LocalToken;
pub use oidc::{AdminGroup, Oidc, OidcSettings};
pub use outbound::Outbound;
#[cfg(feature = "testing")]
pub use testing::TestTokens;
pub use token_hash::hash_agent_token;

/// How people sign in.
pub enum UserAuth {
    /// One shared token stands for one account.
    Local(LocalToken),
    /// Session tokens of Clerk.
    Clerk(Box<Clerk>),
    /// Tokens of an OpenID Connect issuer.
    Oidc(Box<Oidc>),
    /// Tokens of several people, for tests of what one person may do and another may not.
    #[cfg(feature = "testing")]
    Test(TestTokens),
}

/// Where the token of a person stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In `Authorization`, behind the word bearer in any case (platform spec §9.1).
    Bearer,
    /// As Clerk's libraries send it: in `Authorization`, else in a session cookie (platform spec §9.3).
    ClerkSession,
}

impl UserAuth {
    fn credential_place(&self) -> CredentialPlace {
        match self {
            Self::Clerk(_) => CredentialPlace::ClerkSession,
            _ => CredentialPlace::Bearer,
        }
    }
}

impl crate::Services {
    /// Where to look for the token of a person.
    #[must_use]
    pub fn credential_place(&self) -> CredentialPlace {
        self.users.credential_place()
    }
}

pub(crate) use agents::home_scope;
