//! Boards and their rules.

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::ids::{BoardGroupId, BoardId, GatewayId, OrganizationId};

/// The switches that gate task transitions on a board (tasks spec §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardRules {
    /// A task may become done only with an approved approval.
    pub require_approval_for_done: bool,
    /// A task may become done only from review.
    pub require_review_before_done: bool,
    /// A task may enter review only with a comment of its worker.
    pub comment_required_for_review: bool,
    /// A pending approval freezes the status of its tasks.
    pub block_status_changes_with_pending_approval: bool,
    /// Workers may not send a status.
    pub only_lead_can_change_status: bool,
}

impl Default for BoardRules {
    fn default() -> Self {
        Self {
            require_approval_for_done: true,
            require_review_before_done: false,
            comment_required_for_review: false,
            block_status_changes_with_pending_approval: false,
            only_lead_can_change_status: false,
        }
    }
}

/// A board.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// Identifier.
    pub id: BoardId,
    /// The tenant it belongs to.
    pub organization_id: OrganizationId,
    /// Name; may be empty, not unique.
    pub name: String,
    /// Slug; never normalised, not unique.
    pub slug: String,
    /// What the board is for.
    pub description: String,
    /// The gateway that runs its agents.
    pub gateway_id: Option<GatewayId>,
    /// The group it is in.
    pub board_group_id: Option<BoardGroupId>,
    /// `goal` or `general` by convention.
    pub board_type: String,
    /// The goal.
    pub objective: Option<String>,
    /// How the goal is measured.
    pub success_metrics: Option<Map<String, Value>>,
    /// When the goal is due.
    pub target_date: Option<Timestamp>,
    /// Whether a person confirmed the goal.
    pub goal_confirmed: bool,
    /// Where the goal came from.
    pub goal_source: Option<String>,
    /// The switches that gate transitions.
    pub rules: BoardRules,
    /// How many workers a lead may create.
    pub max_agents: i32,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}
