//! Several people with a token each. Exists in tests only (feature `testing`, which nothing but `mc-testkit` turns on):
//! the server itself has no such way in.

use std::collections::HashMap;

use mc_model::user::local;

use super::local::LOCAL_USER;
use super::provisioning::Identity;

/// Who signs in with which token. A person is named by the external id of the account.
#[derive(Clone, Debug, Default)]
pub struct TestTokens(HashMap<Vec<u8>, String>);

impl TestTokens {
    /// Lets the person with this external id sign in with `token`; the person of local mode is
    /// [`mc_model::user::local::EXTERNAL_ID`].
    #[must_use]
    pub fn with(mut self, token: &str, external_id: &str) -> Self {
        self.0.insert(token.as_bytes().to_vec(), external_id.to_owned());
        self
    }

    pub(super) fn name_of(&self, token: &[u8]) -> Option<&str> {
        self.0.get(token).map(String::as_str)
    }
}

/// The defaults with which an account is made; who has one already keeps what is there.
pub(super) fn identity(external_id: &str) -> Identity<'_> {
    if external_id == local::EXTERNAL_ID { LOCAL_USER } else { Identity { external_id, ..LOCAL_USER } }
}
