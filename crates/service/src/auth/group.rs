//! A group of the issuer that makes admins of one organization.
//!
//! The group decides over the role `admin` in that organization, both ways, whenever a token tells of groups. Owners
//! stand above it. Board access is granted as to anybody else. The first admin of an organization without an owner
//! becomes its owner, for somebody has to be.

use mc_model::access::Role;
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{MemberId, OrganizationId};
use mc_model::organization::{Member, Organization};
use mc_model::{Error, Result};
use mc_store::{self as store, WriteTx};
use serde_json::json;

use super::UserAuth;
use super::provisioning::{Identity, being_deleted, new_user, owner};
use crate::Services;

impl Services {
    /// Makes what signing in relies on: the organization of the group of admins. Made before anybody can sign in, so
    /// that nobody else can take its name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prepare_sign_in(&self) -> Result<()> {
        let UserAuth::Oidc(oidc) = &*self.users else { return Ok(()) };
        let Some(admins) = oidc.admins() else { return Ok(()) };
        self.store
            .write(None, None, async |tx| {
                if store::identities::organization_named(tx, &admins.organization).await?.is_some() {
                    return Ok(());
                }
                let organization = Organization {
                    id: OrganizationId::generate(),
                    name: admins.organization.clone(),
                    is_demo: false,
                    created_at: tx.now(),
                    updated_at: tx.now(),
                };
                store::organizations::insert(tx, &organization).await?;
                tx.enter(Scope::Organization(organization.id))?;
                let message =
                    format!("Organization \"{}\" created for the group of admins", organization.name);
                let data = json!({ "organization_id": organization.id, "by": "OIDC_ADMIN_ORGANIZATION" });
                tx.activity(NewActivity::new(kind::ORGANIZATION_CREATED, message).data(data));
                Ok(())
            })
            .await
    }

    /// Gives or takes the role of an admin as the group says.
    pub(super) async fn follow_group(
        &self,
        identity: &Identity<'_>,
        organization: &str,
        is_admin: bool,
    ) -> Result<()> {
        let found = store::identities::organization_named(self.store.reader(), organization).await?;
        let Some(organization) = found else {
            tracing::warn!("auth.admin_group.organization_is_gone");
            return Ok(());
        };
        self.store
            .write(Scope::Organization(organization.id), None, async |tx| {
                if is_admin {
                    give(tx, identity, organization.id).await
                } else {
                    take(tx, identity, organization.id).await
                }
            })
            .await
    }
}

async fn give(tx: &mut WriteTx, identity: &Identity<'_>, organization: OrganizationId) -> Result<()> {
    if store::identities::is_being_deleted(tx, identity.external_id).await? {
        return Err(being_deleted());
    }
    store::users::insert_if_absent(tx, &new_user(identity), tx.now()).await?;
    let known = store::identities::by_external_id(tx, identity.external_id).await?;
    let user = known.ok_or_else(|| Error::internal("an account vanished while it was made"))?.user;
    store::users::lock(tx, user.id).await?;
    let has_owner = store::members::head_count(tx, organization).await?.owners > 0;
    let role = if has_owner { Role::Admin } else { Role::Owner };
    match store::members::of_user(tx, organization, user.id).await? {
        Some(member) if member.role < role => change_role(tx, &member, role).await,
        Some(_) => Ok(()),
        None => {
            let member = join(organization, user.id, role, tx.now());
            store::organizations::insert_member(tx, &member).await?;
            let message = format!("Joined as {} through a group of the identity provider", role.as_str());
            let data =
                json!({ "user_id": user.id, "member_id": member.id, "role": role.as_str(), "by": "group" });
            tx.activity(NewActivity::new(kind::MEMBER_JOINED, message).user(Some(user.id)).data(data));
            Ok(())
        }
    }
}

async fn take(tx: &mut WriteTx, identity: &Identity<'_>, organization: OrganizationId) -> Result<()> {
    let Some(known) = store::identities::by_external_id(tx, identity.external_id).await? else {
        return Ok(());
    };
    match store::members::of_user(tx, organization, known.user.id).await? {
        Some(member) if member.role == Role::Admin => change_role(tx, &member, Role::Member).await,
        _ => Ok(()),
    }
}

async fn change_role(tx: &mut WriteTx, member: &Member, role: Role) -> Result<()> {
    let Member { id, all_boards_read, all_boards_write, .. } = *member;
    store::members::update(tx, id, role, all_boards_read, all_boards_write).await?;
    let message = format!("Role changed to {} by a group of the identity provider", role.as_str());
    let data = json!({
        "member_id": id, "user_id": member.user_id, "before": member.role.as_str(), "after": role.as_str(),
        "by": "group",
    });
    tx.activity(NewActivity::new(kind::MEMBER_ROLE_CHANGED, message).user(Some(member.user_id)).data(data));
    Ok(())
}

/// A membership that gives no board by itself, unless it is that of the owner an organization begins with.
fn join(
    organization: OrganizationId,
    user: mc_model::ids::UserId,
    role: Role,
    now: mc_model::Timestamp,
) -> Member {
    if role == Role::Owner {
        return owner(organization, user, now);
    }
    Member {
        id: MemberId::generate(),
        role,
        all_boards_read: false,
        all_boards_write: false,
        ..owner(organization, user, now)
    }
}
