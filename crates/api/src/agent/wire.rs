//! Agents and boards as agents see them.

use mc_model::Timestamp;
use mc_model::agent::Agent;
use mc_model::board::Board;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::page::Page;
use crate::wire::Moment;

/// A page of boards.
pub(super) type BoardPage = Page<BoardRead>;

/// Who the token belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "AgentHealthStatusResponse")]
pub(super) struct AgentHealthStatusResponse {
    /// Always true.
    ok: bool,
    /// The agent.
    agent_id: Uuid,
    /// Its board; null for a main agent.
    board_id: Option<Uuid>,
    /// Its gateway.
    gateway_id: Uuid,
    /// Its stored status.
    status: String,
    /// Whether it leads its board.
    is_board_lead: bool,
}

impl From<&Agent> for AgentHealthStatusResponse {
    fn from(agent: &Agent) -> Self {
        Self {
            ok: true,
            agent_id: agent.id.into(),
            board_id: agent.board_id.map(Uuid::from),
            gateway_id: agent.gateway_id.into(),
            status: agent.status.clone(),
            is_board_lead: agent.is_board_lead,
        }
    }
}

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "AgentRead")]
pub(super) struct AgentRead {
    /// The board it works on.
    board_id: Option<Uuid>,
    /// Name.
    #[schema(min_length = 1)]
    name: String,
    /// Status, counted from when it was last seen.
    #[schema(required = false, default = "provisioning")]
    status: String,
    /// Heartbeat settings.
    heartbeat_config: Option<Map<String, Value>>,
    /// Identity profile.
    identity_profile: Option<Map<String, Value>>,
    /// Its own identity template.
    identity_template: Option<String>,
    /// Its own soul template.
    soul_template: Option<String>,
    /// Identifier.
    id: Uuid,
    /// Its gateway.
    gateway_id: Uuid,
    /// Whether it leads its board.
    #[schema(required = false, default = false)]
    is_board_lead: bool,
    /// Whether it is its gateway's main agent.
    #[schema(required = false, default = false)]
    is_gateway_main: bool,
    /// Its session on the gateway.
    openclaw_session_id: Option<String>,
    /// When it was last seen.
    #[schema(inline)]
    last_seen_at: Option<Moment>,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
}

impl AgentRead {
    /// The agent as it is shown at `now`.
    pub(super) fn new(agent: Agent, now: Timestamp) -> Self {
        Self {
            board_id: agent.board_id.map(Uuid::from),
            status: agent.shown_status(now).to_owned(),
            name: agent.name,
            heartbeat_config: agent.heartbeat_config,
            identity_profile: agent.identity_profile,
            identity_template: agent.identity_template,
            soul_template: agent.soul_template,
            id: agent.id.into(),
            gateway_id: agent.gateway_id.into(),
            is_board_lead: agent.is_board_lead,
            is_gateway_main: agent.board_id.is_none(),
            openclaw_session_id: agent.openclaw_session_id,
            last_seen_at: agent.last_seen_at.map(Moment),
            created_at: agent.created_at.into(),
            updated_at: agent.updated_at.into(),
        }
    }
}

/// A board.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "BoardRead")]
pub(super) struct BoardRead {
    /// Name.
    name: String,
    /// Slug.
    slug: String,
    /// What the board is for.
    description: String,
    /// The gateway that runs its agents.
    gateway_id: Option<Uuid>,
    /// The group it is in.
    board_group_id: Option<Uuid>,
    /// `goal` or `general` by convention.
    #[schema(required = false, default = "goal")]
    board_type: String,
    /// The goal.
    objective: Option<String>,
    /// How the goal is measured.
    success_metrics: Option<Map<String, Value>>,
    /// When the goal is due.
    #[schema(inline)]
    target_date: Option<Moment>,
    /// Whether a person confirmed the goal.
    #[schema(required = false, default = false)]
    goal_confirmed: bool,
    /// Where the goal came from.
    goal_source: Option<String>,
    /// A task may become done only with an approved approval.
    #[schema(required = false, default = true)]
    require_approval_for_done: bool,
    /// A task may become done only from review.
    #[schema(required = false, default = false)]
    require_review_before_done: bool,
    /// A task may enter review only with a comment of its worker.
    #[schema(required = false, default = false)]
    comment_required_for_review: bool,
    /// A pending approval freezes the status of its tasks.
    #[schema(required = false, default = false)]
    block_status_changes_with_pending_approval: bool,
    /// Workers may not send a status.
    #[schema(required = false, default = false)]
    only_lead_can_change_status: bool,
    /// How many workers a lead may create.
    #[schema(required = false, minimum = 0, default = 1)]
    max_agents: i32,
    /// Identifier.
    id: Uuid,
    /// The organization.
    organization_id: Uuid,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
}

impl From<Board> for BoardRead {
    fn from(board: Board) -> Self {
        Self {
            name: board.name,
            slug: board.slug,
            description: board.description,
            gateway_id: board.gateway_id.map(Uuid::from),
            board_group_id: board.board_group_id.map(Uuid::from),
            board_type: board.board_type,
            objective: board.objective,
            success_metrics: board.success_metrics,
            target_date: board.target_date.map(Moment),
            goal_confirmed: board.goal_confirmed,
            goal_source: board.goal_source,
            require_approval_for_done: board.rules.require_approval_for_done,
            require_review_before_done: board.rules.require_review_before_done,
            comment_required_for_review: board.rules.comment_required_for_review,
            block_status_changes_with_pending_approval: board
                .rules
                .block_status_changes_with_pending_approval,
            only_lead_can_change_status: board.rules.only_lead_can_change_status,
            max_agents: board.max_agents,
            id: board.id.into(),
            organization_id: board.organization_id.into(),
            created_at: board.created_at.into(),
            updated_at: board.updated_at.into(),
        }
    }
}
