//! Invitations: making, taking back, accepting.

use mc_model::access::Role;
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{InviteId, MemberId};
use mc_model::invite::{Invite, NewInvite, Refusal, merged, normalize_email};
use mc_model::membership::{BoardSpec, may_change_role};
use mc_model::organization::{Member, MemberView};
use mc_model::user::User;
use mc_model::{Error, ErrorKind, Page, PageRequest, Result};
use mc_store::{self as store, WriteTx};
use serde_json::{Value, json};

use super::acting_admin;
use super::invite_tokens::{InvitePolicy, stored_form};
use super::members::{require_boards, shown};
use crate::access::{InviteAdmin, OrgAdmin, UserSession};
use crate::{RequestContext, Services};

/// An invite as admins see it.
#[derive(Clone, Debug)]
pub struct IssuedInvite {
    /// The invite.
    pub invite: Invite,
    /// Its token; empty when it was made with a key that this server does not have.
    pub token: String,
}

impl IssuedInvite {
    fn of(policy: &InvitePolicy, invite: Invite) -> Result<Self> {
        Ok(Self { token: policy.token_of(&invite)?, invite })
    }
}

impl Services {
    /// The invites of the organization that can still be accepted, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_invites(&self, admin: &OrgAdmin, page: PageRequest) -> Result<Page<IssuedInvite>> {
        let organization = admin.0.member.organization_id;
        let found = store::invites::pending(self.store.reader(), organization, self.now(), page).await?;
        let items = found.items.into_iter().map(|invite| IssuedInvite::of(&self.invites, invite));
        Ok(Page::new(items.collect::<Result<_>>()?, found.total, page))
    }

    /// Invites somebody.
    ///
    /// # Errors
    /// 422 for a blank address or a board of somebody else; 409 when somebody with the address is a member; 403 when
    /// an admin invites an owner.
    pub async fn create_invite(
        &self,
        context: &RequestContext,
        admin: &OrgAdmin,
        new: &NewInvite,
    ) -> Result<IssuedInvite> {
        let organization = admin.0.member.organization_id;
        let email = normalize_email(&new.invited_email);
        if email.is_empty() {
            return Err(Error::text(
                ErrorKind::Invalid,
                "An invite needs an e-mail address that is not blank.",
            ));
        }
        let id = InviteId::generate();
        let token = self.invites.token(id)?;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let actor = acting_admin(tx, admin).await?;
                // As if a member was given the role; how many owners there are does not matter for that.
                may_change_role(actor.role, Role::Member, new.role, 1)?;
                if store::members::has_email(tx, organization, &email).await? {
                    return Err(is_member_already());
                }
                require_boards(tx, organization, &new.grants).await?;
                store::invites::delete_expired(tx, organization).await?;
                let invite = Invite {
                    id,
                    organization_id: organization,
                    invited_email: email.clone(),
                    token_hash: stored_form(&token),
                    role: new.role,
                    all_boards_read: new.grants.all_boards_read,
                    all_boards_write: new.grants.all_boards_write,
                    created_by_user_id: Some(actor.user_id),
                    accepted_by_user_id: None,
                    accepted_at: None,
                    expires_at: self.invites.end(tx.now()),
                    created_at: tx.now(),
                    updated_at: tx.now(),
                };
                let boards = new.grants.stored_boards();
                store::invites::insert(tx, &invite, boards).await?;
                let mut data = described(&invite);
                data["access"] = shown(invite.all_boards_read, invite.all_boards_write, boards);
                tx.activity(by(kind::INVITE_CREATED, "Invited", &actor, &invite).data(data));
                Ok(IssuedInvite { invite, token: token.clone() })
            })
            .await
    }

    /// Takes an invite back, in whatever state it is. A membership that came of it stays.
    ///
    /// # Errors
    /// 404 when somebody else was faster.
    pub async fn revoke_invite(&self, context: &RequestContext, on: &InviteAdmin) -> Result<IssuedInvite> {
        let organization = on.invite.organization_id;
        let invite = self
            .store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let actor = acting_admin(tx, &on.admin).await?;
                let invite = store::invites::by_id(tx, organization, on.invite.id).await?;
                let invite = invite.ok_or_else(no_such_invite)?;
                store::invites::delete(tx, organization, invite.id).await?;
                let data = described(&invite);
                tx.activity(by(kind::INVITE_REVOKED, "Invite taken back", &actor, &invite).data(data));
                Ok(invite)
            })
            .await?;
        IssuedInvite::of(&self.invites, invite)
    }

    /// Accepts the invite with this token. Accepting one's own invite again answers with the membership.
    ///
    /// # Errors
    /// What [`mc_model::invite::Refusal`] says.
    pub async fn accept_invite(
        &self,
        context: &RequestContext,
        session: &UserSession,
        token: &str,
    ) -> Result<MemberView> {
        let (hash, user) = (stored_form(token), &session.user);
        let found = store::invites::by_token_hash(self.store.reader(), &hash).await?;
        let organization = found.ok_or(Refusal::Unknown)?.organization_id;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let invite = store::invites::by_token_hash(tx, &hash).await?.ok_or(Refusal::Unknown)?;
                if !store::users::lock(tx, user.id).await? {
                    return Err(Error::unauthenticated());
                }
                let member = match invite.accepted_by_user_id {
                    Some(by) if by == user.id => {
                        store::members::of_user(tx, organization, user.id).await?.map(|member| member.id)
                    }
                    _ => {
                        invite.may_be_accepted(user.email.as_deref(), tx.now())?;
                        join(tx, &invite, user).await?
                    }
                };
                let member = member.ok_or(Refusal::Unknown)?;
                let view = store::members::by_id(tx, organization, member).await?;
                Ok(view.ok_or(Refusal::Unknown)?)
            })
            .await
    }
}

/// Accepts the oldest invite of any organization that was made for this person's address: what happens at the very
/// first login (organizations spec §4). The transaction must hold the lock of the account and goes on in the scope of
/// the organization.
///
/// # Errors
/// When the database fails.
pub(crate) async fn accept_oldest(tx: &mut WriteTx, user: &User) -> Result<Option<Member>> {
    let email = normalize_email(user.email.as_deref().unwrap_or_default());
    if email.is_empty() {
        return Ok(None);
    }
    while let Some(invite) = store::invites::oldest_pending_for(tx, &email, tx.now()).await? {
        let organization = invite.organization_id;
        match tx.go_to(Scope::Organization(organization)).await {
            Ok(()) => {}
            // Deleted while we waited for its lock, and its invites with it.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        }
        if join(tx, &invite, user).await?.is_some() {
            return store::members::of_user(tx, organization, user.id).await;
        }
    }
    Ok(None)
}

/// Makes the membership, or betters the one that is there; none when somebody else was faster. The transaction is in
/// the scope of the organization.
async fn join(tx: &mut WriteTx, invite: &Invite, user: &User) -> Result<Option<MemberId>> {
    if !store::invites::mark_accepted(tx, invite.id, user.id).await? {
        return Ok(None);
    }
    let organization = invite.organization_id;
    let present = store::members::of_user(tx, organization, user.id).await?;
    let joined = invite.joined(present.as_ref());
    let member = Member {
        id: present.as_ref().map_or_else(MemberId::generate, |member| member.id),
        organization_id: organization,
        user_id: user.id,
        role: joined.role,
        all_boards_read: joined.all_boards_read,
        all_boards_write: joined.all_boards_write,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    match &present {
        None => store::organizations::insert_member(tx, &member).await?,
        Some(_) => {
            let (all_read, all_write) = (joined.all_boards_read, joined.all_boards_write);
            store::members::update(tx, member.id, joined.role, all_read, all_write).await?;
        }
    }
    let boards = boards_after(tx, invite, present.as_ref()).await?;
    store::members::put_boards(tx, member.id, &boards).await?;
    store::users::activate_if_none(tx, user.id, organization).await?;
    record_joined(tx, invite, present.as_ref(), &member);
    Ok(Some(member.id))
}

/// The grants to write: those of the invite that are still there, on top of what the member has.
async fn boards_after(tx: &WriteTx, invite: &Invite, present: Option<&Member>) -> Result<Vec<BoardSpec>> {
    if invite.all_boards_read || invite.all_boards_write {
        return Ok(Vec::new());
    }
    let mut invited = store::invites::boards(tx, invite.id).await?;
    let there = store::members::boards_there(tx, invite.organization_id, &invited).await?;
    invited.retain(|spec| there.contains(&spec.board_id));
    let Some(present) = present else { return Ok(invited) };
    let held = store::organizations::board_access(tx, present.id).await?;
    let held_on = |spec: &BoardSpec| {
        let entry = held.iter().find(|entry| entry.board_id == spec.board_id)?;
        Some(BoardSpec { can_read: entry.can_read, can_write: entry.can_write, ..*spec })
    };
    Ok(invited.into_iter().map(|spec| merged(held_on(&spec), spec)).collect())
}

fn record_joined(tx: &mut WriteTx, invite: &Invite, present: Option<&Member>, member: &Member) {
    let mut data = described(invite);
    data["member_id"] = json!(member.id);
    data["before"] = json!(present.map(|member| member.role.as_str()));
    data["after"] = json!(member.role.as_str());
    tx.activity(by(kind::INVITE_ACCEPTED, "Invite accepted", member, invite).data(data.clone()));
    if present.is_none() {
        tx.activity(by(kind::MEMBER_JOINED, "Member joined", member, invite).data(data));
    }
}

fn by(event_type: &'static str, what: &str, actor: &Member, invite: &Invite) -> NewActivity {
    NewActivity::new(event_type, format!("{what}: {}", invite.invited_email)).user(Some(actor.user_id))
}

/// What the log says of an invite; never its token.
fn described(invite: &Invite) -> Value {
    json!({
        "invite_id": invite.id,
        "invited_email": invite.invited_email,
        "role": invite.role.as_str(),
        "expires_at": invite.expires_at,
    })
}

fn is_member_already() -> Error {
    Error::text(ErrorKind::Conflict, "Somebody with this e-mail address is a member already.")
}

/// What somebody is told who asks for an invite of another organization, or for none at all.
pub(crate) fn no_such_invite() -> Error {
    Error::not_found("There is no such invite in your organization.")
}
