//! The checks of operations on the active organization, its members and invites.

use axum::http::request::Parts;
use mc_model::Result;
use mc_model::token::TokenRule;
use mc_service::access::{InviteAdmin, MemberAdmin, MemberReader, OrgAdmin, OrgOwner};

use super::grants::{USER, path_value, user};
use super::guard::{Access, AccessDoc, PathParameter};
use crate::state::AppState;

const MEMBER: PathParameter = PathParameter { name: "member_id", title: "Member Id", is_uuid: true };
const INVITE: PathParameter = PathParameter { name: "invite_id", title: "Invite Id", is_uuid: true };

/// What concerns the organization as a whole: of API tokens those with the scope `admin` may change it.
const ORGANIZATION: AccessDoc = AccessDoc { token: Some(TokenRule::AdminToChange), ..USER };

/// `OA`: an admin or an owner of the active organization.
#[derive(Clone, Debug)]
pub struct OrgAdministrator(pub OrgAdmin);

impl Access for OrgAdministrator {
    const DOC: AccessDoc = ORGANIZATION;

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        OrgAdmin::new(user(state, parts).await?).map(Self)
    }
}

/// `OA`, owners only.
#[derive(Clone, Debug)]
pub struct OrgProprietor(pub OrgOwner);

impl Access for OrgProprietor {
    const DOC: AccessDoc = ORGANIZATION;

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        OrgOwner::new(user(state, parts).await?).map(Self)
    }
}

/// `OM`, the own membership or, as an admin, any of the active organization.
#[derive(Clone, Debug)]
pub struct ReadMember(pub MemberReader);

impl Access for ReadMember {
    const DOC: AccessDoc = AccessDoc { path: &[MEMBER], ..USER };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let session = user(state, parts).await?;
        state.services.member_reader(session, path_value(parts, MEMBER.name).await?).await.map(Self)
    }
}

/// `OA` of a member of the active organization.
#[derive(Clone, Debug)]
pub struct ManageMember(pub MemberAdmin);

impl Access for ManageMember {
    const DOC: AccessDoc = AccessDoc { path: &[MEMBER], ..ORGANIZATION };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let admin = OrgAdmin::new(user(state, parts).await?)?;
        state.services.member_admin(admin, path_value(parts, MEMBER.name).await?).await.map(Self)
    }
}

/// `OA` of an invite to the active organization.
#[derive(Clone, Debug)]
pub struct ManageInvite(pub InviteAdmin);

impl Access for ManageInvite {
    const DOC: AccessDoc = AccessDoc { path: &[INVITE], ..ORGANIZATION };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let admin = OrgAdmin::new(user(state, parts).await?)?;
        state.services.invite_admin(admin, path_value(parts, INVITE.name).await?).await.map(Self)
    }
}
