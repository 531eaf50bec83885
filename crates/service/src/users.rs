//! The caller's own account.

use mc_model::user::{User, UserPatch};
use mc_model::{Error, Result};
use mc_store as store;

use crate::access::UserSession;
use crate::{RequestContext, Services};

impl Services {
    /// Changes the caller's profile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_profile(
        &self,
        context: &RequestContext,
        session: &UserSession,
        patch: UserPatch,
    ) -> Result<User> {
        self.store
            .write(None, context.id(), async |tx| {
                store::users::lock(tx, session.user.id).await?;
                let found = store::users::with_active_membership(tx, &session.user.external_id).await?;
                let (user, _) = found.ok_or_else(Error::unauthenticated)?;
                let user = patch.clone().apply(user);
                store::users::update_profile(tx, &user).await?;
                Ok(user)
            })
            .await
    }
}
