//! The checks, by the codes of platform spec §11.

use axum::extract::FromRequestParts;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::request::Parts;
use mc_model::ids::{ApiTokenId, ApprovalId, BoardId, TaskId};
use mc_model::token::{TokenPlace, TokenRule};
use mc_model::{Error, ErrorKind, Result};
use mc_service::access::{
    AccountHolder, Actor, AgentSession, BoardLead, BoardReader, BoardWriter, TaskOwner, TaskReader,
    TaskWriter, UserSession,
};
use mc_service::audit::Caller;
use uuid::Uuid;

use super::credentials::{agent_header, agent_token, bearer, user_token};
use super::guard::{Access, AccessDoc, PathParameter};
use crate::client_ip::ClientIp;
use crate::decode::path_id;
use crate::state::AppState;

const BOARD: PathParameter = PathParameter { name: "board_id", title: "Board Id", is_uuid: false };
const TASK: PathParameter = PathParameter { name: "task_id", title: "Task Id", is_uuid: true };
const APPROVAL: PathParameter = PathParameter { name: "approval_id", title: "Approval Id", is_uuid: false };
const TOKEN: PathParameter = PathParameter { name: "token_id", title: "Token Id", is_uuid: true };

pub(super) const USER: AccessDoc = AccessDoc {
    is_user_only: true,
    has_agent_headers: false,
    is_limited: false,
    token: Some(TokenRule::ByMethod),
    path: &[],
};
const SHARED: AccessDoc = AccessDoc {
    is_user_only: false,
    has_agent_headers: false,
    is_limited: true,
    token: Some(TokenRule::ByMethod),
    path: &[],
};
const AGENT: AccessDoc =
    AccessDoc { is_user_only: false, has_agent_headers: true, is_limited: true, token: None, path: &[] };
/// What ends an account or hands out its rights.
const ACCOUNT: AccessDoc = AccessDoc { token: Some(TokenRule::Admin), ..USER };

/// `U`: an authenticated person.
#[derive(Clone, Debug)]
pub struct CurrentUser(pub UserSession);

impl Access for CurrentUser {
    const DOC: AccessDoc = USER;

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        user(state, parts).await.map(Self)
    }
}

/// `U`, and of API tokens also those of a board: who am I.
#[derive(Clone, Debug)]
pub struct OwnProfile(pub UserSession);

impl Access for OwnProfile {
    const DOC: AccessDoc = AccessDoc { token: Some(TokenRule::Profile), ..USER };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        user(state, parts).await.map(Self)
    }
}

/// `U` who manages the account itself: of API tokens those with the scope `admin`.
#[derive(Clone, Debug)]
pub struct OwnAccount(pub AccountHolder);

impl Access for OwnAccount {
    const DOC: AccessDoc = ACCOUNT;

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        AccountHolder::new(user(state, parts).await?).map(Self)
    }
}

/// As [`OwnAccount`], for the API token in the path.
#[derive(Clone, Debug)]
pub struct OwnToken {
    /// The owner of the account.
    pub holder: AccountHolder,
    /// Which token; nothing is known of it yet.
    pub token: ApiTokenId,
}

impl Access for OwnToken {
    const DOC: AccessDoc = AccessDoc { path: &[TOKEN], ..ACCOUNT };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let holder = AccountHolder::new(user(state, parts).await?)?;
        Ok(Self { holder, token: path_value(parts, TOKEN.name).await? })
    }
}

/// `OM`: a member of the active organization. Authentication provides every person with one.
#[derive(Clone, Debug)]
pub struct OrgMember(pub UserSession);

impl Access for OrgMember {
    const DOC: AccessDoc = USER;

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        user(state, parts).await.map(Self)
    }
}

/// `AG`: an authenticated agent.
#[derive(Clone, Debug)]
pub struct CurrentAgent(pub AgentSession);

impl Access for CurrentAgent {
    const DOC: AccessDoc = AGENT;

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        agent(state, parts).await.map(Self)
    }
}

/// The checks of operations on one board: who is asked, and what is proven.
macro_rules! board_access {
    ($($(#[$doc:meta])* $name:ident($proof:ident) = $services:ident by $actor:ident, $base:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $proof);

        impl Access for $name {
            const DOC: AccessDoc = AccessDoc { path: &[BOARD], ..$base };

            async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
                let actor = $actor(state, parts).await?;
                state.services.$services(actor, board_id(parts).await?).await.map(Self)
            }
        }
    )+};
}

board_access! {
    /// `BRa`: a person or an agent who may read the board.
    ReadBoard(BoardReader) = board_reader by user_or_agent, SHARED;
    /// `BWa`: a person or an agent who may write the board.
    WriteBoard(BoardWriter) = board_writer by user_or_agent, SHARED;
    /// `BWu`: a person who may write the board.
    UserWritesBoard(BoardWriter) = board_writer by only_user, USER;
    /// `B → AG`: an agent on a board it reaches.
    AgentOnBoard(BoardReader) = board_reader by only_agent, AGENT;
    /// `B → AG` for a change.
    AgentWritesBoard(BoardWriter) = board_writer by only_agent, AGENT;
}

/// `BWu` with an approval in the path; nothing is known of the approval yet.
#[derive(Clone, Debug)]
pub struct UserDecidesApproval(pub BoardWriter, pub ApprovalId);

impl Access for UserDecidesApproval {
    const DOC: AccessDoc = AccessDoc { path: &[APPROVAL, BOARD], ..USER };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let UserWritesBoard(board) = UserWritesBoard::check(state, parts).await?;
        Ok(Self(board, path_value(parts, APPROVAL.name).await?))
    }
}

/// `B → AG`, lead only: the lead of the board.
#[derive(Clone, Debug)]
pub struct LeadOnBoard(pub BoardLead);

impl Access for LeadOnBoard {
    const DOC: AccessDoc = AccessDoc { path: &[BOARD], ..AGENT };

    async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
        let session = agent(state, parts).await?;
        state.services.board_lead(session, board_id(parts).await?).await.map(Self)
    }
}

/// The checks of operations on one task: who is asked, and what is proven.
macro_rules! task_access {
    ($($(#[$doc:meta])* $name:ident($proof:ident) = $services:ident by $actor:ident, $base:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $proof);

        impl Access for $name {
            const DOC: AccessDoc = AccessDoc { path: &[TASK, BOARD], ..$base };

            async fn check(state: &AppState, parts: &mut Parts) -> Result<Self> {
                let actor = $actor(state, parts).await?;
                let (board, task) = (board_id(parts).await?, task_id(parts).await);
                state.services.$services(actor, board, || task).await.map(Self)
            }
        }
    )+};
}

task_access! {
    /// `T`: a person or an agent who may read the task.
    ReadTask(TaskReader) = task_reader by user_or_agent, SHARED;
    /// `T → UA` for a change: a person with write access or an agent of the board.
    WriteTask(TaskWriter) = task_writer by user_or_agent, SHARED;
    /// `T → U` for a deletion: a person with write access.
    UserTaskOwner(TaskOwner) = task_owner by only_user, USER;
    /// `T → AG`: an agent who may read the task.
    AgentTaskReader(TaskReader) = task_reader by only_agent, AGENT;
    /// `T → AG` for a change.
    AgentTaskWriter(TaskWriter) = task_writer by only_agent, AGENT;
    /// `T → AG` for a deletion: the lead of the board.
    AgentTaskOwner(TaskOwner) = task_owner by only_agent, AGENT;
}

/// Authenticates a person; what the token they came with, if any, may not do is refused here for every operation.
pub(super) async fn user(state: &AppState, parts: &mut Parts) -> Result<UserSession> {
    let session = {
        let token = user_token(&parts.headers, &parts.method, state.services.credential_place());
        state.services.authenticate_user(token.as_deref()).await?
    };
    parts.extensions.insert(Caller::from(&session));
    if session.limits().is_some() {
        let rule = parts.extensions.get::<TokenRule>().copied().unwrap_or(TokenRule::Admin);
        session.permit(rule, parts.method.is_safe(), place(parts).await)?;
    }
    Ok(session)
}

/// Where an operation takes place.
async fn place(parts: &mut Parts) -> TokenPlace {
    board_in_path(parts).await.map_or(TokenPlace::Elsewhere, TokenPlace::Board)
}

/// The board in the path of a request. A malformed id is none.
pub(super) async fn board_in_path(parts: &mut Parts) -> Option<BoardId> {
    path_value(parts, BOARD.name).await.ok()
}

async fn only_user(state: &AppState, parts: &mut Parts) -> Result<Actor> {
    user(state, parts).await.map(Actor::User)
}

async fn only_agent(state: &AppState, parts: &mut Parts) -> Result<Actor> {
    agent(state, parts).await.map(Actor::Agent)
}

/// `UA`: with an agent header nobody but the agent is asked; else a person, and only then an agent by bearer.
async fn user_or_agent(state: &AppState, parts: &mut Parts) -> Result<Actor> {
    if agent_header(&parts.headers).is_none() {
        match user(state, parts).await {
            Err(error) if error.kind() == ErrorKind::Unauthenticated => {}
            session => return session.map(Actor::User),
        }
        if bearer(&parts.headers).is_none() {
            return Err(Error::unauthenticated());
        }
    }
    only_agent(state, parts).await
}

/// Counts the attempt, also one without a token, then looks the agent up.
async fn agent(state: &AppState, parts: &mut Parts) -> Result<AgentSession> {
    let key = parts.extensions.get::<ClientIp>().copied().unwrap_or(ClientIp(None)).to_string();
    let decision = state.limiter().hit(state.agent_auth_rule(), &key).await;
    parts.extensions.insert(decision);
    decision.into_result()?;
    let session = state.services.authenticate_agent(agent_token(&parts.headers).as_deref()).await?;
    parts.extensions.insert(Caller::from(&session));
    Ok(session)
}

async fn board_id(parts: &mut Parts) -> Result<BoardId> {
    path_value(parts, BOARD.name).await
}

async fn task_id(parts: &mut Parts) -> Result<TaskId> {
    path_value(parts, TASK.name).await
}

pub(super) async fn path_value<T: From<Uuid>>(parts: &mut Parts, name: &str) -> Result<T> {
    let values = match RawPathParams::from_request_parts(parts, &()).await {
        Ok(values) => values,
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
            return path_id(name, "\u{fffd}").map_err(Error::problems);
        }
        Err(other) => return Err(Error::internal(other)),
    };
    let raw = values.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    let raw = raw.ok_or_else(|| Error::internal(format!("the path has no {name}")))?;
    path_id(name, raw).map_err(Error::problems)
}
