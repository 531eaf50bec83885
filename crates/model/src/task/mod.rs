//! Tasks: their data, the transition function, mentions in comments and the notices they cause.

mod cascade;
mod dependencies;
mod mention;
mod notice;
mod order;
mod refusal;
mod transition;

pub use cascade::{Dependent, Ripple, RippleKind, cascade};
pub use dependencies::{DependencyFault, without_repeats};
pub use mention::{Mentionable, mentions};
pub use notice::{Notice, NoticeKind};
pub use order::{SortDirection, TaskOrder, TaskSort};
pub use refusal::Refusal;
pub use transition::{Candidate, Change, Facts, Mover, check_sender, transition};

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{AgentId, BoardId, TagId, TaskId, UserId};

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// Waiting to be taken.
    Inbox,
    /// Being worked on.
    InProgress,
    /// Waiting for a judgement.
    Review,
    /// Finished.
    Done,
}

impl TaskStatus {
    /// All states, in the order of the contract.
    pub const ALL: [Self; 4] = [Self::Inbox, Self::InProgress, Self::Review, Self::Done];

    /// The stored and shown name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::InProgress => "in_progress",
            Self::Review => "review",
            Self::Done => "done",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A task as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Identifier.
    pub id: TaskId,
    /// The board it is on.
    pub board_id: BoardId,
    /// Title; may be empty.
    pub title: String,
    /// Description.
    pub description: Option<String>,
    /// Where it stands.
    pub status: TaskStatus,
    /// Free text; `low`, `medium`, `high` by convention.
    pub priority: String,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// Since when it is in progress.
    pub in_progress_at: Option<Timestamp>,
    /// Since when it was in progress before it left that state.
    pub previous_in_progress_at: Option<Timestamp>,
    /// Who created it.
    pub created_by_user_id: Option<UserId>,
    /// Who works on it.
    pub assigned_agent_id: Option<AgentId>,
    /// Created by an agent.
    pub auto_created: bool,
    /// Which agent created it, as `lead_agent:<id>`.
    pub auto_reason: Option<String>,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// What `auto_reason` says of a task that `lead` created.
#[must_use]
pub fn auto_reason(lead: AgentId) -> String {
    format!("lead_agent:{lead}")
}

/// A tag as tasks show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRef {
    /// Identifier.
    pub id: TagId,
    /// Name.
    pub name: String,
    /// Slug.
    pub slug: String,
    /// Six hexadecimal digits.
    pub color: String,
}

/// A task with what other tables say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView {
    /// The task.
    pub task: Task,
    /// What it depends on, in the order of the request that set it.
    pub depends_on: Vec<TaskId>,
    /// Those of them that are not done; empty for a done task.
    pub blocked_by: Vec<TaskId>,
    /// Its tags, in the order of the request that set them.
    pub tags: Vec<TagRef>,
    /// A value for each custom field bound to the board.
    pub custom_field_values: Map<String, Value>,
}

/// Which tasks a list shows, and in which order; conditions add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only these states; empty means any.
    pub statuses: Vec<TaskStatus>,
    /// Only those of this agent.
    pub assigned_agent_id: Option<AgentId>,
    /// Only those of nobody.
    pub unassigned: bool,
    /// Only those with this text in the title or the description, whatever the case of its ASCII letters.
    pub text: Option<String>,
    /// In which order.
    pub order: TaskOrder,
}

impl TaskFilter {
    /// Reads the comma list of states: items are trimmed, empty ones dropped.
    ///
    /// # Errors
    /// 422 with the unknown state and the known ones.
    pub fn parse_statuses(list: &str) -> Result<Vec<TaskStatus>> {
        let mut statuses = Vec::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let status = TaskStatus::from_name(name).ok_or_else(|| {
                Error::text(
                    ErrorKind::Invalid,
                    format!("Unknown status {name:?}. Use any of inbox, in_progress, review, done."),
                )
            })?;
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
        Ok(statuses)
    }
}

/// A task to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// Title.
    pub title: String,
    /// Description.
    pub description: Option<String>,
    /// Where it starts.
    pub status: TaskStatus,
    /// Priority.
    pub priority: String,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// Who shall work on it.
    pub assigned_agent_id: Option<AgentId>,
    /// Who creates it, if the caller says so.
    pub created_by_user_id: Option<UserId>,
    /// What it depends on, each once.
    pub depends_on: Vec<TaskId>,
    /// Its tags, each once.
    pub tag_ids: Vec<TagId>,
    /// Values of custom fields, by key.
    pub custom_field_values: Map<String, Value>,
}

impl Default for NewTask {
    fn default() -> Self {
        Self {
            title: String::new(),
            description: None,
            status: TaskStatus::Inbox,
            priority: "medium".to_owned(),
            due_at: None,
            assigned_agent_id: None,
            created_by_user_id: None,
            depends_on: Vec::new(),
            tag_ids: Vec::new(),
            custom_field_values: Map::new(),
        }
    }
}

impl NewTask {
    /// The task that this makes on `board` at `now`. One that starts in progress is in progress since now.
    #[must_use]
    pub fn into_task(self, board: BoardId, auto_reason: Option<String>, now: Timestamp) -> Task {
        Task {
            id: TaskId::generate(),
            board_id: board,
            title: self.title,
            description: self.description,
            in_progress_at: (self.status == TaskStatus::InProgress).then_some(now),
            status: self.status,
            priority: self.priority,
            due_at: self.due_at,
            previous_in_progress_at: None,
            created_by_user_id: self.created_by_user_id,
            assigned_agent_id: self.assigned_agent_id,
            auto_created: auto_reason.is_some(),
            auto_reason,
            created_at: now,
            updated_at: now,
        }
    }
}

/// The fields of a task that a PATCH may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskField {
    /// `title`
    Title,
    /// `description`
    Description,
    /// `status`
    Status,
    /// `priority`
    Priority,
    /// `due_at`
    DueAt,
    /// `assigned_agent_id`
    AssignedAgentId,
    /// `depends_on_task_ids`
    DependsOnTaskIds,
    /// `tag_ids`
    TagIds,
    /// `custom_field_values`
    CustomFieldValues,
    /// `comment`
    Comment,
}

impl TaskField {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Status => "status",
            Self::Priority => "priority",
            Self::DueAt => "due_at",
            Self::AssignedAgentId => "assigned_agent_id",
            Self::DependsOnTaskIds => "depends_on_task_ids",
            Self::TagIds => "tag_ids",
            Self::CustomFieldValues => "custom_field_values",
            Self::Comment => "comment",
        }
    }
}

/// Changes to a task. Outer `None` means the field was not sent; inner `None` means it was sent as null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskPatch {
    /// Every field that was sent, null or not, in the order of the contract.
    pub sent: Vec<TaskField>,
    /// New title.
    pub title: Option<String>,
    /// New description.
    pub description: Option<Option<String>>,
    /// New state.
    pub status: Option<TaskStatus>,
    /// New priority.
    pub priority: Option<String>,
    /// New due date.
    pub due_at: Option<Option<Timestamp>>,
    /// New assignee.
    pub assigned_agent_id: Option<Option<AgentId>>,
    /// The dependencies that replace the present ones, each once.
    pub depends_on: Option<Vec<TaskId>>,
    /// The tags that replace the present ones, each once.
    pub tag_ids: Option<Vec<TagId>>,
    /// Values of custom fields to merge; null was sent as an empty object.
    pub custom_field_values: Option<Map<String, Value>>,
    /// A comment that is neither blank nor null, trimmed.
    pub comment: Option<String>,
}

impl TaskPatch {
    /// Whether `field` was sent, null or not.
    #[must_use]
    pub fn names(&self, field: TaskField) -> bool {
        self.sent.contains(&field)
    }
}

/// A comment on a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskComment {
    /// Identifier, also that of its activity.
    pub id: crate::ids::ActivityId,
    /// The text.
    pub message: Option<String>,
    /// The author; none for a person.
    pub agent_id: Option<AgentId>,
    /// The task.
    pub task_id: Option<TaskId>,
    /// When.
    pub created_at: Timestamp,
}
