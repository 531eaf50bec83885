//! Authentication: from credentials to a session.

pub(crate) mod agents;
mod local;
pub(crate) mod provisioning;
mod token_hash;

pub use local::LocalToken;
pub use token_hash::hash_agent_token;

/// How people sign in.
pub enum UserAuth {
    /// One shared token stands for one account.
    Local(LocalToken),
}

pub(crate) use agents::home_scope;
