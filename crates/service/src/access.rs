//! Proofs of access. A value of these types exists only after the check that its name says; the functions of this
//! crate take them as arguments, so an unchecked call does not compile.

use mc_model::access::{AgentKind, AgentReach, BoardNeed, Role, agent_reach};
use mc_model::agent::Agent;
use mc_model::board::Board;
use mc_model::ids::{AgentId, BoardId, InviteId, MemberId, OrganizationId, TaskId, UserId};
use mc_model::invite::Invite;
use mc_model::organization::{Member, MemberView};
use mc_model::task::{Mover, Task};
use mc_model::token::{TokenLimits, TokenPlace, TokenRule};
use mc_model::user::User;
use mc_model::{Error, Result};
use mc_store as store;

use crate::Services;
use crate::organizations::invites::no_such_invite;
use crate::organizations::members::no_such_member;
use crate::organizations::{not_an_admin, not_an_owner};

/// An authenticated person with the membership of the active organization.
#[derive(Clone, Debug)]
pub struct UserSession {
    pub(crate) user: User,
    pub(crate) member: Member,
    /// What narrows the session; nothing when the person signed in.
    pub(crate) limits: Option<TokenLimits>,
}

impl UserSession {
    /// A session that may do all that the person may.
    pub(crate) fn full(user: User, member: Member) -> Self {
        Self { user, member, limits: None }
    }

    /// Whether the token that the session came with, if any, may be used for an operation. The guard of every
    /// operation asks this before anything else.
    ///
    /// # Errors
    /// 403 with a sentence that says what is missing.
    pub fn permit(&self, rule: TokenRule, is_safe: bool, place: TokenPlace) -> Result<()> {
        self.limits.as_ref().map_or(Ok(()), |limits| limits.check(rule, is_safe, place))
    }

    /// The limits of the token that the session came with.
    #[must_use]
    pub fn limits(&self) -> Option<&TokenLimits> {
        self.limits.as_ref()
    }

    /// The account.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The membership of the active organization.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.member
    }
}

/// The person manages the account itself, its tokens and its end: signed in, or with a token of scope `admin` that is
/// not limited to a board.
#[derive(Clone, Debug)]
pub struct AccountHolder(pub(crate) UserSession);

impl AccountHolder {
    /// Proves it.
    ///
    /// # Errors
    /// 403 for a token that may not.
    pub fn new(session: UserSession) -> Result<Self> {
        session.permit(TokenRule::Admin, false, TokenPlace::Elsewhere)?;
        Ok(Self(session))
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &UserSession {
        &self.0
    }
}

/// The person is an admin or an owner of the active organization.
#[derive(Clone, Debug)]
pub struct OrgAdmin(pub(crate) UserSession);

impl OrgAdmin {
    /// Proves it.
    ///
    /// # Errors
    /// 403 for a plain member.
    pub fn new(session: UserSession) -> Result<Self> {
        if session.member.role.is_admin() { Ok(Self(session)) } else { Err(not_an_admin()) }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &UserSession {
        &self.0
    }
}

/// The person is an owner of the active organization.
#[derive(Clone, Debug)]
pub struct OrgOwner(pub(crate) UserSession);

impl OrgOwner {
    /// Proves it.
    ///
    /// # Errors
    /// 403 for everybody else.
    pub fn new(session: UserSession) -> Result<Self> {
        match session.member.role {
            Role::Owner => Ok(Self(session)),
            Role::Admin => Err(not_an_owner()),
            Role::Member => Err(not_an_admin()),
        }
    }
}

/// The person may read this membership of the active organization: the own one, or any as an admin.
#[derive(Clone, Debug)]
pub struct MemberReader(pub(crate) MemberView);

impl MemberReader {
    /// The membership.
    #[must_use]
    pub fn into_view(self) -> MemberView {
        self.0
    }
}

/// The person is an admin of the organization that this membership belongs to.
#[derive(Clone, Debug)]
pub struct MemberAdmin {
    pub(crate) admin: OrgAdmin,
    pub(crate) member: Member,
}

/// The person is an admin of the organization that this invite belongs to.
#[derive(Clone, Debug)]
pub struct InviteAdmin {
    pub(crate) admin: OrgAdmin,
    pub(crate) invite: Invite,
}

/// An authenticated agent with the organization of its gateway.
#[derive(Clone, Debug)]
pub struct AgentSession {
    pub(crate) agent: Agent,
    pub(crate) organization_id: OrganizationId,
}

impl AgentSession {
    /// The agent.
    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.agent
    }
}

/// Who makes a request.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A person.
    User(UserSession),
    /// An agent.
    Agent(AgentSession),
}

impl Actor {
    pub(crate) fn agent_id(&self) -> Option<AgentId> {
        match self {
            Self::User(_) => None,
            Self::Agent(session) => Some(session.agent.id),
        }
    }

    pub(crate) fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User(session) => Some(session.user.id),
            Self::Agent(_) => None,
        }
    }

    pub(crate) fn mover(&self) -> Mover {
        match self {
            Self::User(_) => Mover::User,
            Self::Agent(session) => match session.agent.kind() {
                AgentKind::Lead => Mover::Lead(session.agent.id),
                AgentKind::Worker | AgentKind::Main => Mover::Worker(session.agent.id),
            },
        }
    }
}

/// The caller may read the board.
#[derive(Clone, Debug)]
pub struct BoardReader {
    pub(crate) actor: Actor,
    pub(crate) board: Board,
}

/// The caller may write the board.
#[derive(Clone, Debug)]
pub struct BoardWriter(pub(crate) BoardReader);

/// The caller is the lead of the board.
#[derive(Clone, Debug)]
pub struct BoardLead {
    pub(crate) session: AgentSession,
    pub(crate) board: Board,
}

/// The caller may read the task.
#[derive(Clone, Debug)]
pub struct TaskReader {
    pub(crate) on: BoardReader,
    pub(crate) task: Task,
}

/// The caller may change the task, as far as its role goes.
#[derive(Clone, Debug)]
pub struct TaskWriter(pub(crate) TaskReader);

/// The caller may delete the task: a person with write access or the lead of its board.
#[derive(Clone, Debug)]
pub struct TaskOwner(pub(crate) TaskReader);

impl BoardReader {
    /// The board.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }
}

impl TaskReader {
    /// The board that the task is on, which the caller may read.
    #[must_use]
    pub fn on(&self) -> &BoardReader {
        &self.on
    }
}

impl BoardWriter {
    /// The board.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.0.board
    }
}

impl Services {
    /// Proves that `actor` may read the board.
    ///
    /// # Errors
    /// 404 for a board that does not exist in the caller's world, 403 without a grant.
    pub async fn board_reader(&self, actor: Actor, board: BoardId) -> Result<BoardReader> {
        self.on_board(actor, board, BoardNeed::Read).await
    }

    /// Proves that `actor` may write the board.
    ///
    /// # Errors
    /// As [`Services::board_reader`].
    pub async fn board_writer(&self, actor: Actor, board: BoardId) -> Result<BoardWriter> {
        self.on_board(actor, board, BoardNeed::Write).await.map(BoardWriter)
    }

    /// Proves that the agent leads the board.
    ///
    /// # Errors
    /// As [`Services::board_reader`]; 403 for an agent that is no lead.
    pub async fn board_lead(&self, session: AgentSession, board: BoardId) -> Result<BoardLead> {
        let reader = self.on_board(Actor::Agent(session.clone()), board, BoardNeed::Write).await?;
        if session.agent.kind() != AgentKind::Lead {
            return Err(Error::forbidden("Only the lead of the board may do this."));
        }
        Ok(BoardLead { session, board: reader.board })
    }

    /// Proves that `actor` may read the task on the board; `task` is asked for after the board was reached.
    ///
    /// # Errors
    /// As [`Services::board_reader`]; what `task` returns; 404 when the task is not on the board.
    pub async fn task_reader(
        &self,
        actor: Actor,
        board: BoardId,
        task: impl FnOnce() -> Result<TaskId>,
    ) -> Result<TaskReader> {
        let on = self.on_board(actor, board, BoardNeed::Read).await?;
        let task = store::tasks::on_board(self.store.reader(), board, task()?).await?;
        let task = task.ok_or_else(|| Error::not_found("There is no such task on this board."))?;
        Ok(TaskReader { on, task })
    }

    /// Proves that `actor` may change the task.
    ///
    /// # Errors
    /// As [`Services::task_reader`]; 403 for a person who may only read the board.
    pub async fn task_writer(
        &self,
        actor: Actor,
        board: BoardId,
        task: impl FnOnce() -> Result<TaskId>,
    ) -> Result<TaskWriter> {
        let reader = self.task_reader(actor.clone(), board, task).await?;
        self.on_board(actor, board, BoardNeed::Write).await?;
        Ok(TaskWriter(reader))
    }

    /// Proves that `actor` may delete the task.
    ///
    /// # Errors
    /// As [`Services::task_writer`]; 403 for an agent that is no lead.
    pub async fn task_owner(
        &self,
        actor: Actor,
        board: BoardId,
        task: impl FnOnce() -> Result<TaskId>,
    ) -> Result<TaskOwner> {
        let TaskWriter(reader) = self.task_writer(actor, board, task).await?;
        match reader.on.actor.mover() {
            Mover::User | Mover::Lead(_) => Ok(TaskOwner(reader)),
            Mover::Worker(_) => Err(Error::forbidden("Only the lead of the board may delete its tasks.")),
        }
    }

    /// Proves that the caller may read a membership of the active organization.
    ///
    /// # Errors
    /// 404 when it is not there, 403 for a plain member who asks for somebody else.
    pub async fn member_reader(&self, session: UserSession, member: MemberId) -> Result<MemberReader> {
        let organization = session.member.organization_id;
        let view = store::members::by_id(self.store.reader(), organization, member).await?;
        let view = view.ok_or_else(no_such_member)?;
        if view.member.user_id == session.user.id || session.member.role.is_admin() {
            return Ok(MemberReader(view));
        }
        Err(Error::forbidden("Only an admin or an owner may look at other members one by one."))
    }

    /// Proves that an admin may change a membership of the active organization.
    ///
    /// # Errors
    /// 404 when it is not there.
    pub async fn member_admin(&self, admin: OrgAdmin, member: MemberId) -> Result<MemberAdmin> {
        let organization = admin.0.member.organization_id;
        let view = store::members::by_id(self.store.reader(), organization, member).await?;
        let MemberView { member, .. } = view.ok_or_else(no_such_member)?;
        Ok(MemberAdmin { admin, member })
    }

    /// Proves that an admin may take back an invite to the active organization.
    ///
    /// # Errors
    /// 404 when it is not there.
    pub async fn invite_admin(&self, admin: OrgAdmin, invite: InviteId) -> Result<InviteAdmin> {
        let organization = admin.0.member.organization_id;
        let found = store::invites::by_id(self.store.reader(), organization, invite).await?;
        Ok(InviteAdmin { admin, invite: found.ok_or_else(no_such_invite)? })
    }

    /// Whether what `on` proves is still true, for streams, which go on after their check: the membership, the grant
    /// and the board may go, and an API token expire or be revoked. Costs a query a second while nothing changed.
    pub async fn still_reads(&self, on: &BoardReader) -> bool {
        let still = match &on.actor {
            Actor::User(session) => {
                if let Some(limits) = &session.limits
                    && !self.token_lives(limits).await.unwrap_or(false)
                {
                    return false;
                }
                self.board_of_user(session.user.id, on.board.id, BoardNeed::Read).await
            }
            Actor::Agent(session) => self.board_of_agent(session, on.board.id).await,
        };
        still.is_ok()
    }

    async fn token_lives(&self, limits: &TokenLimits) -> Result<bool> {
        if limits.expires_at.is_some_and(|end| end <= self.now()) {
            return Ok(false);
        }
        match self.access_cache.token(&limits.token_id) {
            Ok(is_in_use) => Ok(is_in_use),
            Err(began) => {
                let is_in_use = store::api_tokens::is_in_use(self.store.reader(), limits.token_id).await?;
                self.access_cache.keep_token(began, limits.token_id, &is_in_use);
                Ok(is_in_use)
            }
        }
    }

    async fn on_board(&self, actor: Actor, board: BoardId, need: BoardNeed) -> Result<BoardReader> {
        let board = match &actor {
            Actor::User(session) => self.board_of_user(session.user.id, board, need).await?,
            Actor::Agent(session) => self.board_of_agent(session, board).await?,
        };
        Ok(BoardReader { actor, board })
    }

    async fn board_of_user(&self, user: UserId, board: BoardId, need: BoardNeed) -> Result<Board> {
        let found = match self.access_cache.board_of_user(&(user, board)) {
            Ok(found) => found,
            Err(began) => {
                let found = store::access::board_for_user(self.store.reader(), board, user).await?;
                let found = found.ok_or_else(no_such_board)?;
                self.access_cache.keep_board_of_user(began, (user, board), &found);
                found
            }
        };
        let grant = found
            .grant
            .ok_or_else(|| Error::forbidden("You are not a member of this board's organization."))?;
        if grant.allows(need) {
            return Ok(found.board);
        }
        Err(Error::forbidden(match need {
            BoardNeed::Read => {
                "You have no access to this board. Ask an admin of the organization for a grant."
            }
            BoardNeed::Write => {
                "You may not change this board. Ask an admin of the organization for write access."
            }
        }))
    }

    async fn board_of_agent(&self, session: &AgentSession, board: BoardId) -> Result<Board> {
        let found = match self.access_cache.board(&board) {
            Ok(found) => found,
            Err(began) => {
                let found = store::access::board(self.store.reader(), board).await?;
                let found = found.ok_or_else(no_such_board)?;
                self.access_cache.keep_board(began, board, &found);
                found
            }
        };
        let reach = agent_reach(
            &session.agent,
            session.organization_id,
            board,
            found.organization_id,
            found.gateway_id,
        );
        match reach {
            AgentReach::Allowed => Ok(found),
            AgentReach::OtherBoard => Err(Error::forbidden("This agent works on another board.")),
            AgentReach::Unknown => Err(no_such_board()),
        }
    }
}

fn no_such_board() -> Error {
    Error::not_found("There is no such board.")
}
