//! The members of an organization, and what they may do.

use std::collections::HashSet;

use mc_model::access::Role;
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::OrganizationId;
use mc_model::membership::{BoardGrants, BoardSpec, MemberChange, Refusal, may_change_role, may_remove};
use mc_model::organization::{Member, MemberView};
use mc_model::{Error, ErrorKind, Page, PageRequest, Result};
use mc_store::{self as store, WriteTx};
use serde_json::{Value, json};

use super::{acting_admin, not_a_member};
use crate::access::{MemberAdmin, UserSession};
use crate::{RequestContext, Services};

impl Services {
    /// The caller's membership of the active organization, with its boards.
    ///
    /// # Errors
    /// 403 when it ended meanwhile.
    pub async fn my_membership(&self, session: &UserSession) -> Result<MemberView> {
        let member = &session.member;
        let view = store::members::by_id(self.store.reader(), member.organization_id, member.id).await?;
        view.ok_or_else(not_a_member)
    }

    /// The members of the caller's active organization with their boards, by e-mail, then name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_members(&self, session: &UserSession, page: PageRequest) -> Result<Page<MemberView>> {
        store::members::page(self.store.reader(), session.member.organization_id, page).await
    }

    /// Changes role, boards, or both in one transaction.
    ///
    /// # Errors
    /// What [`mc_model::membership::Refusal`] says; 422 for a board of somebody else; 404 when the member was
    /// removed meanwhile.
    pub async fn change_member(
        &self,
        context: &RequestContext,
        on: &MemberAdmin,
        change: &MemberChange,
    ) -> Result<MemberView> {
        let organization = on.member.organization_id;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let actor = acting_admin(tx, &on.admin).await?;
                let before = target(tx, on).await?;
                if change.if_updated_at.is_some_and(|read| read != before.member.updated_at) {
                    return Err(Refusal::Changed.into());
                }
                let role = change.role.unwrap_or(before.member.role);
                let heads = store::members::head_count(tx, organization).await?;
                may_change_role(actor.role, before.member.role, role, heads.owners)?;
                store_change(tx, &before.member, role, change.grants.as_ref()).await?;
                record_change(tx, &actor, &before, role, change.grants.as_ref());
                target(tx, on).await
            })
            .await
    }

    /// Removes a member; the account stays, and goes on in its oldest other organization.
    ///
    /// # Errors
    /// What [`mc_model::membership::Refusal`] says; 404 when the member was removed meanwhile.
    pub async fn remove_member(&self, context: &RequestContext, on: &MemberAdmin) -> Result<()> {
        let organization = on.member.organization_id;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let actor = acting_admin(tx, &on.admin).await?;
                let MemberView { member, .. } = target(tx, on).await?;
                let heads = store::members::head_count(tx, organization).await?;
                may_remove(&actor, &member, heads.owners)?;
                store::users::leave_active(tx, member.user_id, organization).await?;
                store::members::delete(tx, member.id).await?;
                let data = json!({"role": member.role.as_str()});
                let activity = about(kind::MEMBER_REMOVED, "Member removed", &member, data);
                tx.activity(activity.user(Some(actor.user_id)));
                Ok(())
            })
            .await
    }
}

async fn target(tx: &WriteTx, on: &MemberAdmin) -> Result<MemberView> {
    store::members::by_id(tx, on.member.organization_id, on.member.id).await?.ok_or_else(no_such_member)
}

/// What somebody is told who asks for a member of another organization, or for none at all.
pub(crate) fn no_such_member() -> Error {
    Error::not_found("There is no such member in your organization.")
}

async fn store_change(tx: &WriteTx, before: &Member, role: Role, grants: Option<&BoardGrants>) -> Result<()> {
    let Some(grants) = grants else {
        let (all_read, all_write) = (before.all_boards_read, before.all_boards_write);
        return store::members::update(tx, before.id, role, all_read, all_write).await;
    };
    require_boards(tx, before.organization_id, grants).await?;
    store::members::update(tx, before.id, role, grants.all_boards_read, grants.all_boards_write).await?;
    store::members::replace_boards(tx, before.id, grants.stored_boards()).await
}

/// Every board that is named belongs to the organization, also when a flag makes its entry needless.
pub(super) async fn require_boards(
    tx: &WriteTx,
    organization: OrganizationId,
    grants: &BoardGrants,
) -> Result<()> {
    let there = store::members::boards_there(tx, organization, &grants.boards).await?;
    let there: HashSet<_> = there.into_iter().collect();
    match grants.boards.iter().find(|spec| !there.contains(&spec.board_id)) {
        None => Ok(()),
        Some(spec) => Err(Error::text(
            ErrorKind::Invalid,
            format!("The board {} does not belong to your organization.", spec.board_id),
        )),
    }
}

fn record_change(
    tx: &mut WriteTx,
    actor: &Member,
    before: &MemberView,
    role: Role,
    grants: Option<&BoardGrants>,
) {
    let member = &before.member;
    if role != member.role {
        let data = json!({"before": member.role.as_str(), "after": role.as_str()});
        let activity = about(kind::MEMBER_ROLE_CHANGED, "Role changed", member, data);
        tx.activity(activity.user(Some(actor.user_id)));
    }
    if let Some(grants) = grants {
        let data = json!({
            "before": shown(member.all_boards_read, member.all_boards_write, &specs(before)),
            "after": shown(grants.all_boards_read, grants.all_boards_write, grants.stored_boards()),
        });
        let activity = about(kind::MEMBER_ACCESS_CHANGED, "Board access changed", member, data);
        tx.activity(activity.user(Some(actor.user_id)));
    }
}

fn specs(view: &MemberView) -> Vec<BoardSpec> {
    view.board_access
        .iter()
        .map(|entry| BoardSpec {
            board_id: entry.board_id,
            can_read: entry.can_read,
            can_write: entry.can_write,
        })
        .collect()
}

/// Grants as the log shows them.
pub(super) fn shown(all_boards_read: bool, all_boards_write: bool, boards: &[BoardSpec]) -> Value {
    let board = |spec: &BoardSpec| {
        let BoardSpec { board_id, can_read, can_write } = spec;
        json!({"board_id": board_id, "can_read": can_read, "can_write": can_write})
    };
    let boards: Vec<_> = boards.iter().map(board).collect();
    json!({"all_boards_read": all_boards_read, "all_boards_write": all_boards_write, "boards": boards})
}

/// An activity about a member, with what is in `data`, an object.
pub(crate) fn about(
    event_type: &'static str,
    message: &'static str,
    member: &Member,
    mut data: Value,
) -> NewActivity {
    data["member_id"] = json!(member.id);
    data["user_id"] = json!(member.user_id);
    NewActivity::new(event_type, message).data(data)
}
