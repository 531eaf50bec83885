//! The first request of a person makes the account, and an organization when there is none (organizations spec §4).

use mc_model::access::Role;
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{MemberId, OrganizationId, UserId};
use mc_model::organization::{Member, PERSONAL};
use mc_model::user::User;
use mc_model::{Error, ErrorKind, Result, Timestamp};
use mc_store::{self as store, WriteTx};
use serde_json::json;

use crate::Services;
use crate::access::UserSession;
use crate::organizations::invites::accept_oldest;
use crate::organizations::{created, new_organization};

/// Who the identity provider says the person is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub external_id: &'a str,
    /// An address that the provider vouches for.
    pub email: Option<&'a str>,
    pub name: Option<&'a str>,
    /// What the account is at an issuer; nothing in local mode.
    pub link: Option<Link<'a>>,
}

/// An account in the terms of its issuer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    pub issuer: &'a str,
    pub subject: &'a str,
    pub profile_synced_at: Option<Timestamp>,
}

impl Services {
    /// Makes what is missing: the account, its e-mail and name, an active organization.
    pub(super) async fn provision(&self, identity: &Identity<'_>) -> Result<UserSession> {
        self.store
            .write(None, None, async |tx| {
                let (mut user, member, is_new) = obtain_account(tx, identity).await?;
                fill_profile(tx, &mut user, identity).await?;
                let member = match member {
                    Some(member) => member,
                    None => adopt_or_create_organization(tx, &mut user, is_new).await?,
                };
                if let Some(link) = &identity.link {
                    link_identity(tx, &user, &member, link).await?;
                }
                Ok(UserSession::full(user, member))
            })
            .await
    }
}

/// Writes down what the account is at its issuer, and tells of it when that is new.
async fn link_identity(tx: &mut WriteTx, user: &User, member: &Member, link: &Link<'_>) -> Result<()> {
    if store::identities::is_being_deleted(tx, &user.external_id).await? {
        return Err(being_deleted());
    }
    let before = store::identities::by_external_id(tx, &user.external_id).await?;
    let is_new = before.is_none_or(|before| {
        before.issuer.as_deref() != Some(link.issuer) || before.subject.as_deref() != Some(link.subject)
    });
    store::identities::link(tx, user.id, link.issuer, link.subject, link.profile_synced_at).await?;
    if is_new {
        tx.go_to(Scope::Organization(member.organization_id)).await?;
        let who = user.name.as_deref().or(user.email.as_deref()).unwrap_or("Somebody");
        let message = format!("{who} signed in for the first time with this identity");
        let data = json!({ "user_id": user.id, "issuer": link.issuer, "subject": link.subject });
        tx.activity(NewActivity::new(kind::USER_IDENTITY_LINKED, message).user(Some(user.id)).data(data));
    }
    Ok(())
}

/// The account was deleted here, and the provider has not followed yet.
pub(super) fn being_deleted() -> Error {
    Error::forbidden("This account is being deleted.")
}

/// The account, locked, with its active membership, and whether it was made just now.
async fn obtain_account(tx: &WriteTx, identity: &Identity<'_>) -> Result<(User, Option<Member>, bool)> {
    /// An account that was there and is deleted before it is locked has to be made anew; more than once in a row only
    /// if somebody does nothing else.
    const ATTEMPTS: u32 = 5;
    for _ in 0..ATTEMPTS {
        let made = new_user(identity);
        store::users::insert_if_absent(tx, &made, tx.now()).await?;
        let Some((found, _)) = read(tx, identity).await? else { continue };
        if !store::users::lock(tx, found.id).await? {
            continue;
        }
        // Read again behind the lock: another first request may just have finished.
        if let Some((user, member)) = read(tx, identity).await? {
            let is_new = user.id == made.id;
            return Ok((user, member, is_new));
        }
    }
    Err(Error::text(ErrorKind::Unavailable, "The account is being deleted. Try again in a moment."))
}

async fn read(tx: &WriteTx, identity: &Identity<'_>) -> Result<Option<(User, Option<Member>)>> {
    store::users::with_active_membership(tx, identity.external_id).await
}

pub(super) fn new_user(identity: &Identity<'_>) -> User {
    User {
        id: UserId::generate(),
        external_id: identity.external_id.to_owned(),
        email: identity.email.map(str::to_owned),
        name: identity.name.map(str::to_owned),
        preferred_name: None,
        pronouns: None,
        timezone: None,
        notes: None,
        context: None,
        is_super_admin: false,
        active_organization_id: None,
    }
}

/// A name that the person chose stays. An e-mail address follows the issuer, who vouches for it; in local mode nobody
/// does, and it is only filled in.
async fn fill_profile(tx: &WriteTx, user: &mut User, identity: &Identity<'_>) -> Result<()> {
    let before = user.clone();
    let is_blank = |field: &Option<String>| field.as_deref().unwrap_or_default().is_empty();
    if let Some(email) = identity.email
        && (is_blank(&user.email) || identity.link.is_some())
    {
        user.email = Some(email.to_owned());
    }
    if let Some(name) = identity.name
        && is_blank(&user.name)
    {
        user.name = Some(name.to_owned());
    }
    if *user == before { Ok(()) } else { store::users::update_profile(tx, user).await }
}

/// An invite that waits is accepted at the very first login only; later that is up to the person.
async fn adopt_or_create_organization(tx: &mut WriteTx, user: &mut User, is_new: bool) -> Result<Member> {
    let mut member = store::organizations::oldest_membership(tx, user.id).await?;
    if member.is_none() && is_new {
        member = accept_oldest(tx, user).await?;
    }
    let member = match member {
        Some(member) => member,
        None => create_personal_organization(tx, user.id).await?,
    };
    user.active_organization_id = Some(member.organization_id);
    store::users::set_active_organization(tx, user.id, user.active_organization_id).await?;
    Ok(member)
}

async fn create_personal_organization(tx: &mut WriteTx, user: UserId) -> Result<Member> {
    let now = tx.now();
    let organization = new_organization(PERSONAL, tx);
    store::organizations::insert(tx, &organization).await?;
    tx.go_to(Scope::Organization(organization.id)).await?;
    let member = owner(organization.id, user, now);
    store::organizations::insert_member(tx, &member).await?;
    store::organizations::insert_default_skill_packs(tx, organization.id, now).await?;
    tx.activity(created(&organization, &member));
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
