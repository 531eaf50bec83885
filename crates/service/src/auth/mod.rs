//! Authentication: from credentials to a session.

pub(crate) mod agents;
mod local;
pub(crate) mod provisioning;
#[cfg(feature = "testing")]
mod testing;
mod token_hash;

pub use local::LocalToken;
#[cfg(feature = "testing")]
pub use testing::TestTokens;
pub use token_hash::hash_agent_token;

/// How people sign in.
pub enum UserAuth {
    /// One shared token stands for one account.
    Local(LocalToken),
    /// Tokens of several people, for tests of what one person may do and another may not.
    #[cfg(feature = "testing")]
    Test(TestTokens),
}

pub(crate) use agents::home_scope;
