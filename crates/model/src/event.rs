//! The activity feed and the ordered event log.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::ids::{ActivityId, AgentId, ApprovalId, BoardId, OrganizationId, TaskId, UserId};

/// Names of activity and event types (tasks spec §7, agents spec §8).
pub mod kind {
    /// A task was created.
    pub const TASK_CREATED: &str = "task.created";
    /// A task changed without changing its status.
    pub const TASK_UPDATED: &str = "task.updated";
    /// A task changed its status.
    pub const TASK_STATUS_CHANGED: &str = "task.status_changed";
    /// A comment on a task.
    pub const TASK_COMMENT: &str = "task.comment";
    /// A task was deleted. Additive: the original says nothing about deletions.
    pub const TASK_DELETED: &str = "task.deleted";
    /// An admin made a tag.
    pub const TAG_CREATED: &str = "tag.created";
    /// An admin changed a tag.
    pub const TAG_UPDATED: &str = "tag.updated";
    /// An admin deleted a tag; tasks lost it without events of their own.
    pub const TAG_DELETED: &str = "tag.deleted";
    /// An admin defined a custom field.
    pub const CUSTOM_FIELD_CREATED: &str = "custom_field.created";
    /// An admin changed the definition of a custom field or the boards it is bound to.
    pub const CUSTOM_FIELD_UPDATED: &str = "custom_field.updated";
    /// An admin deleted a custom field that no task had a value of.
    pub const CUSTOM_FIELD_DELETED: &str = "custom_field.deleted";
    /// An approval was asked for. Only in the event log.
    pub const APPROVAL_CREATED: &str = "approval.created";
    /// An approval was decided or reopened, or lost one of its tasks. Only in the event log.
    pub const APPROVAL_UPDATED: &str = "approval.updated";
    /// An approval went with its only task. Only in the event log. Additive, as `task.deleted`.
    pub const APPROVAL_DELETED: &str = "approval.deleted";
    /// An agent checked in.
    pub const AGENT_HEARTBEAT: &str = "agent.heartbeat";
    /// A person or the operator made an API token.
    pub const API_TOKEN_CREATED: &str = "api_token.created";
    /// A person or the operator ended an API token.
    pub const API_TOKEN_REVOKED: &str = "api_token.revoked";
    /// Somebody who is known tried a change and was refused.
    pub const ACCESS_DENIED: &str = "access.denied";
    /// An agent was seen, and nothing else of it changed. Only in the event log.
    pub const AGENT_SEEN: &str = "agent.seen";
    /// Somebody created an organization; a personal one counts too.
    pub const ORGANIZATION_CREATED: &str = "organization.created";
    /// Somebody became a member by accepting an invite.
    pub const MEMBER_JOINED: &str = "organization.member.joined";
    /// A member's role changed.
    pub const MEMBER_ROLE_CHANGED: &str = "organization.member.role_changed";
    /// What a member may do with boards changed.
    pub const MEMBER_ACCESS_CHANGED: &str = "organization.member.access_changed";
    /// An admin removed a member.
    pub const MEMBER_REMOVED: &str = "organization.member.removed";
    /// A member deleted the account.
    pub const MEMBER_LEFT: &str = "organization.member.left";
    /// A member made this organization the active one.
    pub const MEMBER_ACTIVATED: &str = "organization.member.activated";
    /// An admin invited somebody.
    pub const INVITE_CREATED: &str = "organization.invite.created";
    /// Somebody accepted an invite.
    pub const INVITE_ACCEPTED: &str = "organization.invite.accepted";
    /// An admin took an invite back.
    pub const INVITE_REVOKED: &str = "organization.invite.revoked";
    /// A person changed the own profile.
    pub const USER_PROFILE_CHANGED: &str = "user.profile_changed";
    /// An account ended that is no member, but is named by tasks. Only in the event log.
    pub const USER_DELETED: &str = "user.deleted";
    /// A person signed in with a subject of an issuer that the account was not linked to before.
    pub const USER_IDENTITY_LINKED: &str = "user.identity_linked";

    /// What happens all the time and leaves the contents of boards as they are: signs of life of agents, and attempts
    /// that were refused. Each has its place in the log, but lists of tasks, comments, approvals and tags show nothing of
    /// it. What shows presence or refusals must not take a version from a scope's content.
    const LEAVES_CONTENT: [&str; 3] = [AGENT_HEARTBEAT, AGENT_SEEN, ACCESS_DENIED];

    /// Whether an event of this kind may change what lists of a board show. A new kind does, unless it is named among
    /// those that do not: too new a version costs a reader time, too old a one shows what is no longer true.
    #[must_use]
    pub fn changes_content(kind: &str) -> bool {
        !LEAVES_CONTENT.contains(&kind)
    }
}

/// Where events are counted: each scope has its own gapless sequence, ordered by commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A board.
    Board(BoardId),
    /// An organization, for what concerns no single board.
    Organization(OrganizationId),
}

impl Scope {
    /// The identifier that stands in `events.scope_id`.
    #[must_use]
    pub fn id(self) -> uuid::Uuid {
        match self {
            Self::Board(id) => id.0,
            Self::Organization(id) => id.0,
        }
    }
}

/// One row of the activity feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Identifier.
    pub id: ActivityId,
    /// Type, one of [`kind`] or a later area's.
    pub event_type: String,
    /// What happened, or the text of a comment.
    pub message: Option<String>,
    /// The acting or concerned agent.
    pub agent_id: Option<AgentId>,
    /// The acting user.
    pub user_id: Option<UserId>,
    /// The task it is about.
    pub task_id: Option<TaskId>,
    /// When.
    pub created_at: Timestamp,
}

/// An activity to be recorded by the running write transaction.
#[derive(Clone, Debug)]
pub struct NewActivity {
    /// Identifier.
    pub id: ActivityId,
    /// Type, one of [`kind`].
    pub event_type: &'static str,
    /// What happened, or the text of a comment.
    pub message: String,
    /// The acting or concerned agent.
    pub agent_id: Option<AgentId>,
    /// The acting user.
    pub user_id: Option<UserId>,
    /// The task it is about.
    pub task_id: Option<TaskId>,
    /// Structured facts such as the old and the new status.
    pub data: Option<Value>,
    /// The task named in the event log when the row itself may not name it, because the task is gone.
    pub event_task_id: Option<TaskId>,
}

impl NewActivity {
    /// An activity without actor.
    #[must_use]
    pub fn new(event_type: &'static str, message: impl Into<String>) -> Self {
        Self {
            id: ActivityId::generate(),
            event_type,
            message: message.into(),
            agent_id: None,
            user_id: None,
            task_id: None,
            data: None,
            event_task_id: None,
        }
    }

    /// About `task`.
    #[must_use]
    pub fn task(mut self, task: TaskId) -> Self {
        self.task_id = Some(task);
        self.event_task_id = Some(task);
        self
    }

    /// About a task that this transaction deletes: named in the log, not in the feed row.
    #[must_use]
    pub fn deleted_task(mut self, task: TaskId) -> Self {
        self.event_task_id = Some(task);
        self
    }

    /// By `agent`.
    #[must_use]
    pub fn agent(mut self, agent: Option<AgentId>) -> Self {
        self.agent_id = agent;
        self
    }

    /// By `user`.
    #[must_use]
    pub fn user(mut self, user: Option<UserId>) -> Self {
        self.user_id = user;
        self
    }

    /// With structured facts.
    #[must_use]
    pub fn data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }
}

/// One entry of the event log as a stream reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Position in the scope, from 1, without gaps.
    pub seq: i64,
    /// Type, one of [`kind`].
    pub kind: String,
    /// The activity it belongs to.
    pub activity_id: Option<ActivityId>,
    /// The task it is about, also when that is gone.
    pub task_id: Option<TaskId>,
    /// The acting agent.
    pub agent_id: Option<AgentId>,
    /// The text of the activity; none when the row is gone.
    pub message: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// The approval it is about.
    pub approval_id: Option<ApprovalId>,
}
