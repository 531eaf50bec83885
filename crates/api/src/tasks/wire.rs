//! Tasks on the wire.

use deserr::{Deserr, IntoValue, ValuePointerRef};
use mc_model::ids::{AgentId, TagId, TaskId, UserId};
use mc_model::task::{
    NewTask, SortDirection, TagRef, TaskComment, TaskField, TaskFilter, TaskOrder, TaskPatch, TaskSort,
    TaskStatus, TaskView, without_repeats,
};
use mc_model::{Result, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

use crate::decode::{
    AnyJson, Dict, Field, Flag, List, Patch, Problems, Rules, Text, TrimmedText, input, to_schema,
};
use crate::page::Page;
use crate::wire::Moment;

/// The longest title, in characters.
const MAX_TITLE: usize = 2_000;
/// The longest description or comment, in characters.
const MAX_TEXT: usize = 200_000;
/// The longest priority, in characters.
const MAX_PRIORITY: usize = 100;
/// The longest text to search for, in characters.
const MAX_SEARCH: usize = 200;
/// The most ids in a list of a body.
const MAX_IDS: usize = 1_000;

/// A page of tasks.
pub(crate) type TaskPage = Page<TaskRead>;
/// A page of comments.
pub(crate) type TaskCommentPage = Page<TaskCommentRead>;

/// A tag as tasks show it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TagRef, title = "TagRef")]
pub(crate) struct TagRefRead {
    /// Identifier.
    id: Uuid,
    /// Name.
    name: String,
    /// Slug.
    slug: String,
    /// Six hexadecimal digits.
    color: String,
}

impl From<TagRef> for TagRefRead {
    fn from(tag: TagRef) -> Self {
        Self { id: tag.id.into(), name: tag.name, slug: tag.slug, color: tag.color }
    }
}

/// A task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "TaskRead")]
pub(crate) struct TaskRead {
    /// Title; may be empty.
    title: String,
    /// Description.
    description: Option<String>,
    /// Where it stands.
    #[schema(schema_with = status_schema, required = false)]
    status: &'static str,
    /// Free text; `low`, `medium`, `high` by convention.
    #[schema(required = false, default = "medium")]
    priority: String,
    /// When it is due.
    #[schema(inline)]
    due_at: Option<Moment>,
    /// Who works on it.
    assigned_agent_id: Option<Uuid>,
    /// What it depends on.
    #[schema(required = false)]
    depends_on_task_ids: Vec<Uuid>,
    /// Its tags.
    #[schema(required = false)]
    tag_ids: Vec<Uuid>,
    /// Identifier.
    id: Uuid,
    /// The board it is on.
    #[schema(value_type = Option<Uuid>, required = true)]
    board_id: Uuid,
    /// Who created it.
    #[schema(required = true)]
    created_by_user_id: Option<Uuid>,
    /// Since when it is in progress.
    #[schema(inline, required = true)]
    in_progress_at: Option<Moment>,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
    /// Those it depends on that are not done.
    #[schema(required = false)]
    blocked_by_task_ids: Vec<Uuid>,
    /// Whether there are any.
    #[schema(required = false, default = false)]
    is_blocked: bool,
    /// Its tags.
    #[schema(required = false)]
    tags: Vec<TagRefRead>,
    /// A value for each custom field of the board.
    #[schema(value_type = Option<Map<String, Value>>, required = false)]
    custom_field_values: Map<String, Value>,
}

fn status_schema() -> RefOr<Schema> {
    let mut shape = TaskStatus::shape();
    shape["default"] = TaskStatus::Inbox.as_str().into();
    shape["description"] = "Where it stands.".into();
    to_schema(&shape)
}

impl From<TaskView> for TaskRead {
    fn from(view: TaskView) -> Self {
        let TaskView { task, depends_on, blocked_by, tags, custom_field_values } = view;
        let ids = |ids: Vec<TaskId>| ids.into_iter().map(Uuid::from).collect();
        Self {
            title: task.title,
            description: task.description,
            status: task.status.as_str(),
            priority: task.priority,
            due_at: task.due_at.map(Moment),
            assigned_agent_id: task.assigned_agent_id.map(Uuid::from),
            depends_on_task_ids: ids(depends_on),
            tag_ids: tags.iter().map(|tag| tag.id.into()).collect(),
            id: task.id.into(),
            board_id: task.board_id.into(),
            created_by_user_id: task.created_by_user_id.map(Uuid::from),
            in_progress_at: task.in_progress_at.map(Moment),
            created_at: task.created_at.into(),
            updated_at: task.updated_at.into(),
            is_blocked: !blocked_by.is_empty(),
            blocked_by_task_ids: ids(blocked_by),
            tags: tags.into_iter().map(Into::into).collect(),
            custom_field_values,
        }
    }
}

/// A comment on a task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "TaskCommentRead")]
pub(crate) struct TaskCommentRead {
    /// Identifier.
    id: Uuid,
    /// The text.
    #[schema(required = true)]
    message: Option<String>,
    /// The author; null for a person.
    #[schema(required = true)]
    agent_id: Option<Uuid>,
    /// The task.
    #[schema(required = true)]
    task_id: Option<Uuid>,
    /// When.
    #[schema(inline)]
    created_at: Moment,
}

impl From<TaskComment> for TaskCommentRead {
    fn from(comment: TaskComment) -> Self {
        Self {
            id: comment.id.into(),
            message: comment.message,
            agent_id: comment.agent_id.map(Uuid::from),
            task_id: comment.task_id.map(Uuid::from),
            created_at: comment.created_at.into(),
        }
    }
}

/// A task that waits for others cannot be moved.
#[derive(Serialize, ToSchema)]
#[schema(title = "BlockedTaskError")]
pub(crate) struct BlockedTaskError {
    /// What stands in the way.
    detail: BlockedTaskDetail,
}

/// What stands in the way of a change.
#[derive(Serialize, ToSchema)]
#[schema(title = "BlockedTaskDetail")]
pub(crate) struct BlockedTaskDetail {
    /// One sentence.
    message: String,
    /// A machine code.
    code: Option<String>,
    /// The tasks that are not done.
    #[schema(required = false)]
    blocked_by_task_ids: Vec<String>,
}

input! {
    /// Which tasks a list shows, and in which order; conditions add up.
    pub(crate) struct TaskQuery {
        /// Comma list of states; blank means any.
        pub status: Option<Text>,
        /// Only the tasks of this agent.
        pub assigned_agent_id: Option<AgentId>,
        /// Only tasks of nobody; `false` does not filter.
        pub unassigned: Option<Flag>,
        /// Only tasks with this text in the title or the description, whatever the case of ASCII letters; blank means
        /// any.
        pub q: Option<Text<MAX_SEARCH>>,
        /// By what the list is sorted. Tasks without a due date come last, and so do priorities other than low, medium,
        /// high, urgent and critical. Ties are broken by the id.
        pub sort: TaskSort = TaskSort::CreatedAt,
        /// Which way the list is sorted.
        pub order: SortDirection = SortDirection::Descending,
    }
}

input! {
    /// In which order comments are listed.
    pub(crate) struct TaskCommentQuery {
        /// From the oldest on, or from the newest.
        pub order: SortDirection = SortDirection::Ascending,
    }
}

impl TaskQuery {
    pub(crate) fn into_filter(self) -> Result<TaskFilter> {
        let statuses = self.status.as_ref().map_or("", |list| &list.0);
        Ok(TaskFilter {
            statuses: TaskFilter::parse_statuses(statuses)?,
            assigned_agent_id: self.assigned_agent_id,
            unassigned: self.unassigned.is_some_and(|flag| flag.0),
            text: self.q.map(|text| text.0.trim().to_owned()).filter(|text| !text.is_empty()),
            order: TaskOrder { by: self.sort, direction: self.order },
        })
    }
}

input! {
    /// A task to be created.
    pub(crate) struct TaskCreate {
        /// Title; may be empty.
        pub title: Text<MAX_TITLE>,
        /// Description.
        pub description: Option<Text<MAX_TEXT>>,
        /// Where it starts.
        pub status: TaskStatus = TaskStatus::Inbox,
        /// Priority.
        pub priority: Text<MAX_PRIORITY> = "medium".into(),
        /// When it is due.
        pub due_at: Option<Timestamp>,
        /// Who shall work on it.
        pub assigned_agent_id: Option<AgentId>,
        /// What it depends on.
        pub depends_on_task_ids: List<TaskId, 0, MAX_IDS> = List(Vec::new()),
        /// Its tags.
        pub tag_ids: List<TagId, 0, MAX_IDS> = List(Vec::new()),
        /// Who creates it; the caller when left out.
        pub created_by_user_id: Option<UserId>,
        /// Values of custom fields, by key.
        pub custom_field_values: Dict<Option<AnyJson>> = Dict(Vec::new()),
    }
}

impl From<TaskCreate> for NewTask {
    fn from(create: TaskCreate) -> Self {
        Self {
            title: create.title.0,
            description: create.description.map(|text| text.0),
            status: create.status,
            priority: create.priority.0,
            due_at: create.due_at,
            assigned_agent_id: create.assigned_agent_id,
            created_by_user_id: create.created_by_user_id,
            depends_on: without_repeats(create.depends_on_task_ids.0),
            tag_ids: without_repeats(create.tag_ids.0),
            custom_field_values: create.custom_field_values.into_map(),
        }
    }
}

input! {
    /// Changes to a task. A field that is left out stays.
    pub(crate) struct TaskUpdate [check = check_update] {
        /// New title.
        pub title: Patch<Text<MAX_TITLE>>,
        /// New description; null clears it.
        pub description: Patch<Text<MAX_TEXT>>,
        /// New state.
        pub status: Patch<TaskStatus>,
        /// New priority.
        pub priority: Patch<Text<MAX_PRIORITY>>,
        /// New due date; null clears it.
        pub due_at: Patch<Timestamp>,
        /// New assignee; null lets go of the task.
        pub assigned_agent_id: Patch<AgentId>,
        /// Replaces the dependencies; null leaves them.
        pub depends_on_task_ids: Patch<List<TaskId, 0, MAX_IDS>>,
        /// Replaces the tags; null leaves them.
        pub tag_ids: Patch<List<TagId, 0, MAX_IDS>>,
        /// Merges into the values of custom fields.
        pub custom_field_values: Patch<Dict<Option<AnyJson>>>,
        /// A comment to go with the change; blank or null is ignored.
        pub comment: Patch<CommentText>,
    }
}

/// A comment that goes with a change. A blank one counts as none; the document asks for one that says something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommentText(pub String);

impl Deserr<Problems> for CommentText {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        Text::<MAX_TEXT>::deserialize_from_value(value, at).map(|text| Self(text.0.trim().to_owned()))
    }
}

impl Field for CommentText {
    fn shape() -> Value {
        TrimmedText::<MAX_TEXT>::shape()
    }
}

fn check_update(update: &TaskUpdate, rules: &mut Rules<'_>) {
    if update.title == Patch::Null {
        rules.field("title", "title cannot be null");
    }
    if update.priority == Patch::Null {
        rules.field("priority", "priority cannot be null");
    }
    if update.status == Patch::Null {
        rules.field("status", "status cannot be null");
    }
}

impl From<TaskUpdate> for TaskPatch {
    fn from(update: TaskUpdate) -> Self {
        let sent = [
            (update.title.is_present(), TaskField::Title),
            (update.description.is_present(), TaskField::Description),
            (update.status.is_present(), TaskField::Status),
            (update.priority.is_present(), TaskField::Priority),
            (update.due_at.is_present(), TaskField::DueAt),
            (update.assigned_agent_id.is_present(), TaskField::AssignedAgentId),
            (update.depends_on_task_ids.is_present(), TaskField::DependsOnTaskIds),
            (update.tag_ids.is_present(), TaskField::TagIds),
            (update.custom_field_values.is_present(), TaskField::CustomFieldValues),
            (update.comment.is_present(), TaskField::Comment),
        ];
        let comment = update.comment.value().map(|text| text.0);
        Self {
            sent: sent.into_iter().filter(|(is_sent, _)| *is_sent).map(|(_, field)| field).collect(),
            title: update.title.value().map(|text| text.0),
            description: update.description.map(|text| text.0).change(),
            status: update.status.value(),
            priority: update.priority.value().map(|text| text.0),
            due_at: update.due_at.change(),
            assigned_agent_id: update.assigned_agent_id.change(),
            depends_on: update.depends_on_task_ids.value().map(|ids| without_repeats(ids.0)),
            tag_ids: update.tag_ids.value().map(|ids| without_repeats(ids.0)),
            custom_field_values: update
                .custom_field_values
                .is_present()
                .then(|| update.custom_field_values.value().map(Dict::into_map).unwrap_or_default()),
            comment: comment.filter(|comment| !comment.is_empty()),
        }
    }
}

input! {
    /// A comment to be made.
    pub(crate) struct TaskCommentCreate {
        /// The text; `@name` addresses an agent, `@lead` the lead.
        pub message: TrimmedText<MAX_TEXT>,
    }
}
