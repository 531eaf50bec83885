//! The end of an account.
//!
//! Everything goes here in one transaction, or nothing: an organization in which others stay keeps at least one owner, so
//! its only owner must first make another one. A provider that holds the identity follows; see `auth::deletion`.

use mc_model::access::Role;
use mc_model::event::{Scope, kind};
use mc_model::ids::{OrganizationId, UserId};
use mc_model::{Error, ErrorKind, Result};
use mc_store::{self as store, WriteTx};
use serde_json::json;

use crate::access::{AccountHolder, UserSession};
use crate::auth::mark_remote_deletion;
use crate::organizations::{log_deleted, members};
use crate::{RequestContext, Services};

/// How a membership ended.
enum Ending {
    /// Its organization went with it.
    Organization(OrganizationId),
    /// The organization stays with the others.
    Membership,
    /// There was none, or it was gone already.
    Nothing,
}

impl Services {
    /// Deletes the caller's account: organizations in which nobody else is, memberships elsewhere, tokens. What other
    /// organizations hold stays, and forgets who made it.
    ///
    /// # Errors
    /// 422 while the caller is the only owner of an organization with other members; nothing has changed then. 502
    /// when the account is gone here and the identity provider has not followed yet.
    pub async fn delete_account(&self, context: &RequestContext, holder: &AccountHolder) -> Result<()> {
        let session = &holder.0;
        let user = &session.user;
        let deleted = self
            .store
            .write(None, context.id(), async |tx| {
                let deleted = end(tx, user.id).await?;
                mark_remote_deletion(tx, &self.users, &user.external_id).await?;
                Ok(deleted)
            })
            .await?;
        log_ended(context, session, &deleted);
        self.finish_remote_deletion(&user.external_id).await
    }
}

fn log_ended(context: &RequestContext, session: &UserSession, organizations: &[OrganizationId]) {
    for organization in organizations {
        log_deleted(context, session, *organization);
    }
    tracing::info!(
        user.id = %session.user.id,
        request_id = context.id().unwrap_or_default(),
        "audit.account_deleted"
    );
}

/// Removes the account and says which organizations went with it. An account that is gone already is no error.
async fn end(tx: &mut WriteTx, user: UserId) -> Result<Vec<OrganizationId>> {
    // From here on nobody can give the account another membership.
    if !store::users::lock_to_delete(tx, user).await? {
        return Ok(Vec::new());
    }
    let memberships = store::members::all_of_user(tx, user).await?;
    // Where the account is no member any more, tasks may still name it: they change as well.
    let mut organizations = store::users::organizations_with_tasks_of(tx, user).await?;
    organizations.extend(memberships.iter().map(|member| member.organization_id));
    // In the order of their ids, see `WriteTx::go_to`.
    organizations.sort_unstable();
    organizations.dedup();
    let mut deleted = Vec::new();
    for organization in organizations {
        match leave(tx, organization, user).await? {
            Ending::Organization(organization) => deleted.push(organization),
            Ending::Membership | Ending::Nothing => {}
        }
    }
    store::users::delete(tx, user).await?;
    Ok(deleted)
}

async fn leave(tx: &mut WriteTx, organization: OrganizationId, user: UserId) -> Result<Ending> {
    match tx.go_to(Scope::Organization(organization)).await {
        Ok(()) => {}
        // Somebody deleted it while we waited for its lock.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ending::Nothing),
        Err(error) => return Err(error),
    }
    let Some(member) = store::members::of_user(tx, organization, user).await? else {
        tx.event(kind::USER_DELETED, None);
        return Ok(Ending::Nothing);
    };
    let heads = store::members::head_count(tx, organization).await?;
    if heads.members <= 1 {
        store::organizations::delete(tx, organization).await?;
        return Ok(Ending::Organization(organization));
    }
    if member.role == Role::Owner && heads.owners <= 1 {
        return Err(only_owner(tx, organization).await?);
    }
    store::members::delete(tx, member.id).await?;
    // The account is gone when this is written, so it is named in the data only.
    let data = json!({"role": member.role.as_str()});
    tx.activity(members::about(kind::MEMBER_LEFT, "Member deleted the account", &member, data));
    Ok(Ending::Membership)
}

async fn only_owner(tx: &WriteTx, organization: OrganizationId) -> Result<Error> {
    let organization = store::organizations::by_id(tx, organization).await?;
    let name = organization.map(|organization| organization.name).unwrap_or_default();
    let text = format!(
        "You are the only owner of {name:?}, which has other members. Make one of them an owner, or delete the \
         organization, then delete your account."
    );
    Ok(Error::text(ErrorKind::Invalid, text))
}
