//! The first request of a person makes the account, and an organization when there is none (organizations spec §4).

use mc_model::access::Role;
use mc_model::event::Scope;
use mc_model::ids::{MemberId, OrganizationId, UserId};
use mc_model::organization::{Member, Organization, PERSONAL};
use mc_model::user::User;
use mc_model::{Error, Result};
use mc_store::{self as store, WriteTx};

use crate::Services;
use crate::access::UserSession;

/// Who the identity provider says the person is.
pub(super) struct Identity<'a> {
    pub external_id: &'a str,
    pub email: &'a str,
    pub name: &'a str,
}

impl Services {
    /// Makes what is missing: the account, its e-mail and name, an active organization.
    pub(super) async fn provision(&self, identity: &Identity<'_>) -> Result<UserSession> {
        self.store
            .write(None, None, async |tx| {
                let user = new_user(identity);
                store::users::insert_if_absent(tx, &user, tx.now()).await?;
                let (mut user, _) = read(tx, identity).await?;
                store::users::lock(tx, user.id).await?;
                // Read again behind the lock: another first request may just have finished.
                let (fresh, member) = read(tx, identity).await?;
                user.clone_from(&fresh);
                fill_profile(tx, &mut user, identity).await?;
                let member = match member {
                    Some(member) => member,
                    None => adopt_or_create_organization(tx, &mut user).await?,
                };
                Ok(UserSession::full(user, member))
            })
            .await
    }
}

async fn read(tx: &WriteTx, identity: &Identity<'_>) -> Result<(User, Option<Member>)> {
    store::users::with_active_membership(tx, identity.external_id)
        .await?
        .ok_or_else(|| Error::internal("an account vanished while it was made"))
}

fn new_user(identity: &Identity<'_>) -> User {
    User {
        id: UserId::generate(),
        external_id: identity.external_id.to_owned(),
        email: Some(identity.email.to_owned()),
        name: Some(identity.name.to_owned()),
        preferred_name: None,
        pronouns: None,
        timezone: None,
        notes: None,
        context: None,
        is_super_admin: false,
        active_organization_id: None,
    }
}

async fn fill_profile(tx: &WriteTx, user: &mut User, identity: &Identity<'_>) -> Result<()> {
    let before = user.clone();
    for (field, default) in [(&mut user.email, identity.email), (&mut user.name, identity.name)] {
        if field.as_deref().unwrap_or_default().is_empty() {
            *field = Some(default.to_owned());
        }
    }
    if *user == before { Ok(()) } else { store::users::update_profile(tx, user).await }
}

async fn adopt_or_create_organization(tx: &mut WriteTx, user: &mut User) -> Result<Member> {
    let member = match store::organizations::oldest_membership(tx, user.id).await? {
        Some(member) => member,
        None => create_personal_organization(tx, user.id).await?,
    };
    user.active_organization_id = Some(member.organization_id);
    store::users::set_active_organization(tx, user.id, user.active_organization_id).await?;
    Ok(member)
}

async fn create_personal_organization(tx: &mut WriteTx, user: UserId) -> Result<Member> {
    let now = tx.now();
    let organization = Organization {
        id: OrganizationId::generate(),
        name: PERSONAL.to_owned(),
        is_demo: false,
        created_at: now,
        updated_at: now,
    };
    store::organizations::insert(tx, &organization).await?;
    tx.enter(Scope::Organization(organization.id))?;
    let member = owner(organization.id, user, now);
    store::organizations::insert_member(tx, &member).await?;
    store::organizations::insert_default_skill_packs(tx, organization.id, now).await?;
    Ok(member)
}

/// The membership of an organization's creator: owner with access to all boards.
pub(crate) fn owner(organization: OrganizationId, user: UserId, now: mc_model::Timestamp) -> Member {
    Member {
        id: MemberId::generate(),
        organization_id: organization,
        user_id: user,
        role: Role::Owner,
        all_boards_read: true,
        all_boards_write: true,
        created_at: now,
        updated_at: now,
    }
}
