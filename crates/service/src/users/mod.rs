//! The caller's own account.

mod deletion;

use mc_model::event::{NewActivity, Scope, kind};
use mc_model::user::{User, UserPatch};
use mc_model::{Error, Result};
use mc_store as store;
use serde_json::json;

use crate::access::UserSession;
use crate::{RequestContext, Services};

impl Services {
    /// Changes the caller's profile. The log of the active organization says which fields, not what is in them.
    ///
    /// # Errors
    /// 401 when the account was deleted meanwhile.
    pub async fn update_profile(
        &self,
        context: &RequestContext,
        session: &UserSession,
        patch: UserPatch,
    ) -> Result<User> {
        let scope = Scope::Organization(session.member.organization_id);
        self.store
            .write(scope, context.id(), async |tx| {
                store::users::lock(tx, session.user.id).await?;
                let found = store::users::with_active_membership(tx, &session.user.external_id).await?;
                let (before, _) = found.ok_or_else(Error::unauthenticated)?;
                let user = patch.clone().apply(before.clone());
                let fields = changed_fields(&before, &user);
                if !fields.is_empty() {
                    store::users::update_profile(tx, &user).await?;
                    let activity = NewActivity::new(kind::USER_PROFILE_CHANGED, "Profile changed");
                    tx.activity(activity.user(Some(user.id)).data(json!({"fields": fields})));
                }
                Ok(user)
            })
            .await
    }
}

fn changed_fields(before: &User, after: &User) -> Vec<&'static str> {
    let fields = [
        ("name", before.name == after.name),
        ("preferred_name", before.preferred_name == after.preferred_name),
        ("pronouns", before.pronouns == after.pronouns),
        ("timezone", before.timezone == after.timezone),
        ("notes", before.notes == after.notes),
        ("context", before.context == after.context),
    ];
    fields.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}
