//! Approvals on the wire.

use mc_model::approval::{ApprovalStatus, with_reason};
use mc_model::ids::{AgentId, TaskId};
use mc_service::approvals::{ApprovalView, NewApproval};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::decode::{Dict, Int, List, Object, Patch, Real, Rules, Text, input};
use crate::page::Page;
use crate::wire::Moment;

/// The longest action type, in characters.
const MAX_ACTION: usize = 1_000;
/// The longest reason, in characters.
const MAX_TEXT: usize = 200_000;
/// The most tasks an approval names.
const MAX_IDS: usize = 1_000;

/// A page of approvals.
pub(crate) type ApprovalPage = Page<ApprovalRead>;

/// An approval.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "ApprovalRead")]
pub(crate) struct ApprovalRead {
    /// What is to be approved.
    action_type: String,
    /// The first of the tasks.
    task_id: Option<Uuid>,
    /// The tasks it is about.
    #[schema(required = false)]
    task_ids: Vec<Uuid>,
    /// Details.
    payload: Option<Map<String, Value>>,
    /// How sure the asker is.
    #[schema(minimum = 0, maximum = 100)]
    confidence: f64,
    /// Scores by criterion.
    #[schema(value_type = Option<std::collections::HashMap<String, i64>>)]
    rubric_scores: Option<Map<String, Value>>,
    /// Where it stands.
    #[schema(schema_with = status_schema, required = false)]
    status: &'static str,
    /// Identifier.
    id: Uuid,
    /// The board.
    board_id: Uuid,
    /// The titles of the tasks, in the same order.
    #[schema(required = false)]
    task_titles: Vec<String>,
    /// The agent that asked.
    agent_id: Option<Uuid>,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// When it was decided.
    #[schema(inline)]
    resolved_at: Option<Moment>,
}

fn status_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    let names = ApprovalStatus::ALL.map(ApprovalStatus::as_str);
    crate::decode::to_schema(&serde_json::json!({"type": "string", "enum": names, "default": "pending"}))
}

impl From<ApprovalView> for ApprovalRead {
    fn from(view: ApprovalView) -> Self {
        let ApprovalView { approval, task_titles } = view;
        Self {
            action_type: approval.action_type,
            task_id: approval.task_ids.first().copied().map(Uuid::from),
            task_ids: approval.task_ids.into_iter().map(Uuid::from).collect(),
            payload: approval.payload,
            confidence: approval.confidence,
            rubric_scores: approval.rubric_scores,
            status: approval.status.as_str(),
            id: approval.id.into(),
            board_id: approval.board_id.into(),
            task_titles,
            agent_id: approval.agent_id.map(Uuid::from),
            created_at: approval.created_at.into(),
            resolved_at: approval.resolved_at.map(Moment),
        }
    }
}

input! {
    /// Which approvals a list shows.
    pub(crate) struct ApprovalQuery {
        /// Only these.
        pub status: Option<ApprovalStatus>,
    }
}

input! {
    /// An approval to be asked for. It needs a reason: `payload.reason`, `payload.decision.reason` or
    /// `lead_reasoning`.
    pub(crate) struct ApprovalCreate [check = check_create] {
        /// What is to be approved.
        pub action_type: Text<MAX_ACTION>,
        /// The first task.
        pub task_id: Option<TaskId>,
        /// Further tasks.
        pub task_ids: List<TaskId, 0, MAX_IDS> = List(Vec::new()),
        /// Details.
        pub payload: Option<Object>,
        /// How sure you are.
        pub confidence: Real<0, 100>,
        /// Scores by criterion.
        pub rubric_scores: Option<Dict<Int>>,
        /// Where it starts; agents always start it pending.
        pub status: ApprovalStatus = ApprovalStatus::Pending,
        /// The agent that asks; an agent that calls counts instead.
        pub agent_id: Option<AgentId>,
        /// The reason, when the payload gives none.
        pub lead_reasoning: Option<Text<MAX_TEXT>>,
    }
}

fn check_create(create: &ApprovalCreate, rules: &mut Rules<'_>) {
    let payload = create.payload.as_ref().map(|payload| payload.0.clone());
    let reasoning = create.lead_reasoning.as_ref().map(|text| text.0.as_str());
    if with_reason(payload, reasoning).is_none() {
        rules.whole("an approval needs a reason: payload.reason, payload.decision.reason or lead_reasoning");
    }
}

impl From<ApprovalCreate> for NewApproval {
    fn from(create: ApprovalCreate) -> Self {
        let scores =
            |scores: Dict<Int>| scores.0.into_iter().map(|(key, score)| (key, score.0.into())).collect();
        Self {
            action_type: create.action_type.0,
            task_id: create.task_id,
            task_ids: create.task_ids.0,
            payload: create.payload.map(|payload| payload.0),
            confidence: create.confidence.0,
            rubric_scores: create.rubric_scores.map(scores),
            status: create.status,
            agent_id: create.agent_id,
            lead_reasoning: create.lead_reasoning.map(|text| text.0),
        }
    }
}

input! {
    /// A decision.
    pub(crate) struct ApprovalUpdate [check = check_update] {
        /// The decision; left out, nothing changes.
        pub status: Patch<ApprovalStatus>,
    }
}

fn check_update(update: &ApprovalUpdate, rules: &mut Rules<'_>) {
    if update.status == Patch::Null {
        rules.field("status", "status cannot be null");
    }
}
