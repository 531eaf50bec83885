//! Organizations: making, choosing, deleting them. Who is in them stands in `members`, who is invited in `invites`.
//!
//! Each change holds the lock of the organization and reads the caller's role again behind it: a proof made before
//! may be out of date when its turn comes.

mod invite_tokens;
pub(crate) mod invites;
pub(crate) mod members;

use mc_model::access::Role;
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::OrganizationId;
use mc_model::organization::{Member, Organization, OrganizationSummary};
use mc_model::{Error, ErrorKind, Result};
use mc_store::{self as store, WriteTx};
use serde_json::json;

use crate::access::{OrgAdmin, OrgOwner, UserSession};
use crate::auth::provisioning;
use crate::{RequestContext, Services};

pub use invite_tokens::InvitePolicy;
pub use invites::IssuedInvite;

impl Services {
    /// The caller's active organization.
    ///
    /// # Errors
    /// 403 when it is gone.
    pub async fn active_organization(&self, session: &UserSession) -> Result<Organization> {
        store::organizations::by_id(self.store.reader(), session.member.organization_id)
            .await?
            .ok_or_else(|| Error::forbidden("Your active organization is gone. Choose another one."))
    }

    /// All organizations of the caller, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn my_organizations(&self, session: &UserSession) -> Result<Vec<OrganizationSummary>> {
        let active = Some(session.member.organization_id);
        store::organizations::of_user(self.store.reader(), session.user.id, active).await
    }

    /// Makes an organization with the caller as its owner, and makes it the caller's active one.
    ///
    /// # Errors
    /// 422 for a blank name, 409 for one that is taken.
    pub async fn create_organization(
        &self,
        context: &RequestContext,
        session: &UserSession,
        name: &str,
    ) -> Result<Organization> {
        let (name, user) = (name.trim(), session.user.id);
        if name.is_empty() {
            return Err(Error::text(ErrorKind::Invalid, "An organization needs a name that is not blank."));
        }
        self.store
            .write(None, context.id(), async |tx| {
                if !store::organizations::take_name(tx, name, user).await? {
                    return Err(name_taken());
                }
                if !store::users::lock(tx, user).await? {
                    return Err(Error::unauthenticated());
                }
                let organization = new_organization(name, tx);
                store::organizations::insert(tx, &organization).await?;
                tx.enter(Scope::Organization(organization.id))?;
                let member = provisioning::owner(organization.id, user, tx.now());
                store::organizations::insert_member(tx, &member).await?;
                store::users::set_active_organization(tx, user, Some(organization.id)).await?;
                tx.activity(created(&organization, &member));
                Ok(organization)
            })
            .await
    }

    /// Makes one of the caller's organizations the active one.
    ///
    /// # Errors
    /// 403 when the caller does not belong to it, or there is no such organization.
    pub async fn activate_organization(
        &self,
        context: &RequestContext,
        session: &UserSession,
        organization: OrganizationId,
    ) -> Result<Organization> {
        let user = session.user.id;
        // Asked before, because a scope that does not exist is a 404, and that would tell which ones do.
        if !store::users::is_member(self.store.reader(), organization, user).await? {
            return Err(not_a_member());
        }
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let member = store::members::of_user(tx, organization, user).await?;
                let member = member.ok_or_else(not_a_member)?;
                let found = store::organizations::by_id(tx, organization).await?.ok_or_else(not_a_member)?;
                if session.member.organization_id != organization {
                    store::users::set_active_organization(tx, user, Some(organization)).await?;
                    let data = json!({"member_id": member.id, "before": session.member.organization_id});
                    let activity = NewActivity::new(kind::MEMBER_ACTIVATED, "Switched to this organization");
                    tx.activity(activity.user(Some(user)).data(data));
                }
                Ok(found)
            })
            .await
    }

    /// Deletes the caller's active organization with everything it owns. What is deleted cannot log it, so the log of
    /// the process does.
    ///
    /// # Errors
    /// 403 when the caller is no longer an owner.
    pub async fn delete_organization(&self, context: &RequestContext, owner: &OrgOwner) -> Result<()> {
        let session = &owner.0;
        let organization = session.member.organization_id;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                if acting(tx, session).await?.role != Role::Owner {
                    return Err(not_an_owner());
                }
                store::organizations::delete(tx, organization).await.map(drop)
            })
            .await?;
        log_deleted(context, session, organization);
        Ok(())
    }
}

/// One line in the log of the process: the organization's own log went with it.
pub(crate) fn log_deleted(context: &RequestContext, session: &UserSession, organization: OrganizationId) {
    tracing::info!(
        organization.id = %organization,
        user.id = %session.user.id,
        request_id = context.id().unwrap_or_default(),
        "audit.organization_deleted"
    );
}

/// An organization that does not exist yet.
pub(crate) fn new_organization(name: &str, tx: &WriteTx) -> Organization {
    Organization {
        id: OrganizationId::generate(),
        name: name.to_owned(),
        is_demo: false,
        created_at: tx.now(),
        updated_at: tx.now(),
    }
}

/// What is recorded of a new organization.
pub(crate) fn created(organization: &Organization, owner: &Member) -> NewActivity {
    NewActivity::new(kind::ORGANIZATION_CREATED, format!("Organization created: {}", organization.name))
        .user(Some(owner.user_id))
        .data(json!({"name": organization.name, "member_id": owner.id}))
}

/// The caller's membership as it is behind the lock.
async fn acting(tx: &WriteTx, session: &UserSession) -> Result<Member> {
    let member = store::members::of_user(tx, session.member.organization_id, session.user.id).await?;
    member.ok_or_else(not_a_member)
}

/// The caller's membership as it is behind the lock, if it is still an admin's or owner's.
async fn acting_admin(tx: &WriteTx, admin: &OrgAdmin) -> Result<Member> {
    let member = acting(tx, &admin.0).await?;
    if member.role.is_admin() { Ok(member) } else { Err(not_an_admin()) }
}

fn name_taken() -> Error {
    Error::text(ErrorKind::Conflict, "An organization with this name exists already. Choose another name.")
}

fn not_a_member() -> Error {
    Error::forbidden("You are not a member of this organization.")
}

/// What somebody who is no admin is told.
pub(crate) fn not_an_admin() -> Error {
    Error::forbidden("Only an admin or an owner of the organization may do this.")
}

/// What somebody who is no owner is told.
pub(crate) fn not_an_owner() -> Error {
    Error::forbidden("Only an owner of the organization may do this.")
}
