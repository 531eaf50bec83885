//! Decisions that people keep for themselves (tasks spec §8).

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::ids::{AgentId, ApprovalId, BoardId, TaskId};

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApprovalStatus {
    /// Waits for a decision.
    Pending,
    /// Granted; opens the gate of its tasks for good.
    Approved,
    /// Refused.
    Rejected,
}

impl ApprovalStatus {
    /// All states, in the order of the contract.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Approved, Self::Rejected];

    /// The stored and shown name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// An approval.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// Identifier.
    pub id: ApprovalId,
    /// The board.
    pub board_id: BoardId,
    /// The tasks it is about; the first is the primary one.
    pub task_ids: Vec<TaskId>,
    /// The agent that asked.
    pub agent_id: Option<AgentId>,
    /// What is to be approved; free text.
    pub action_type: String,
    /// Details, the reason among them.
    pub payload: Option<Map<String, Value>>,
    /// How sure the asker is, 0 to 100.
    pub confidence: f64,
    /// Scores by criterion.
    pub rubric_scores: Option<Map<String, Value>>,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Creation time.
    pub created_at: Timestamp,
    /// When it was decided.
    pub resolved_at: Option<Timestamp>,
}

impl Approval {
    /// The approval after `status` was sent at `now`. A decision that is sent again keeps its time; going back to
    /// pending clears it.
    #[must_use]
    pub fn decided(mut self, status: ApprovalStatus, now: Timestamp) -> Self {
        match status {
            ApprovalStatus::Pending => self.resolved_at = None,
            decided if decided != self.status || self.resolved_at.is_none() => self.resolved_at = Some(now),
            _ => {}
        }
        self.status = status;
        self
    }
}

/// A pending approval that already holds a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The task.
    pub task_id: TaskId,
    /// The oldest pending approval of it.
    pub approval_id: ApprovalId,
}

/// The 409 answer that lists `conflicts`, by task.
#[must_use]
pub fn conflict_error(mut conflicts: Vec<Conflict>) -> Error {
    conflicts.sort_unstable_by_key(|conflict| conflict.task_id.to_string());
    let conflicts: Vec<_> = conflicts
        .iter()
        .map(|conflict| json!({"task_id": conflict.task_id, "approval_id": conflict.approval_id}))
        .collect();
    Error::object(
        ErrorKind::Conflict,
        json!({"message": "A pending approval holds a task already. Resolve it first.", "conflicts": conflicts}),
    )
}

/// The payload with the reason that every approval needs: `payload.reason` or `payload.decision.reason`, else
/// `lead_reasoning`, which is then written to `payload.reason`. None when no reason was given.
#[must_use]
pub fn with_reason(
    payload: Option<Map<String, Value>>,
    lead_reasoning: Option<&str>,
) -> Option<Option<Map<String, Value>>> {
    let is_text =
        |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    if let Some(payload) = &payload {
        let decision = payload.get("decision").and_then(Value::as_object);
        if is_text(payload.get("reason")) || is_text(decision.and_then(|decision| decision.get("reason"))) {
            return Some(Some(payload.clone()));
        }
    }
    let reason = lead_reasoning.map(str::trim).filter(|reason| !reason.is_empty())?;
    let mut payload = payload.unwrap_or_default();
    payload.insert("reason".to_owned(), reason.into());
    Some(Some(payload))
}

/// The tasks an approval is about: the two fields of the body, then what the payload names under its customary keys.
/// Each once, the first is the primary one; entries of the payload that are no ids are passed over.
#[must_use]
pub fn task_set(
    task_id: Option<TaskId>,
    task_ids: &[TaskId],
    payload: Option<&Map<String, Value>>,
) -> Vec<TaskId> {
    let id = |value: &Value| value.as_str()?.trim().parse::<TaskId>().ok();
    let lists = ["task_ids", "taskIds", "taskIDs"];
    let scalars = ["task_id", "taskId", "taskID"];
    let named = payload.into_iter().flat_map(|payload| {
        let listed = lists.iter().filter_map(|key| payload.get(*key)?.as_array()).flatten();
        listed.chain(scalars.iter().filter_map(|key| payload.get(*key))).filter_map(id)
    });
    let mut tasks = Vec::new();
    for task in task_id.into_iter().chain(task_ids.iter().copied()).chain(named) {
        if !tasks.contains(&task) {
            tasks.push(task);
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_reason_comes_from_three_places_in_order() {
        let own = object(json!({"reason": "because"}));
        assert_eq!(with_reason(Some(own.clone()), Some("other")), Some(Some(own)));
        let nested = object(json!({"reason": " ", "decision": {"reason": "so"}}));
        assert_eq!(with_reason(Some(nested.clone()), None), Some(Some(nested)));
        let written = with_reason(None, Some("  lead says "));
        assert_eq!(written, Some(Some(object(json!({"reason": "lead says"})))));
        assert_eq!(with_reason(Some(object(json!({"reason": 3}))), Some(" ")), None);
        assert_eq!(with_reason(None, None), None);
    }

    #[test]
    fn the_task_set_keeps_the_first_mention_and_ignores_junk() {
        let [a, b, c] = [(); 3].map(|()| TaskId::generate());
        let payload = object(json!({"taskIds": [b, "junk", 7], "task_id": c, "taskID": a}));
        assert_eq!(task_set(Some(a), &[b, a], Some(&payload)), [a, b, c]);
        assert_eq!(task_set(None, &[], Some(&payload)), [b, c, a]);
    }

    #[test]
    fn deciding_stamps_once_and_reopening_clears() {
        use crate::clock::{Clock, SystemClock};
        use std::time::Duration;

        let now = SystemClock.now();
        let later = now.after(Duration::from_secs(5));
        let approval = Approval {
            id: ApprovalId::generate(),
            board_id: BoardId::generate(),
            task_ids: vec![],
            agent_id: None,
            action_type: "x".into(),
            payload: None,
            confidence: 1.0,
            rubric_scores: None,
            status: ApprovalStatus::Pending,
            created_at: now,
            resolved_at: None,
        };
        let approved = approval.decided(ApprovalStatus::Approved, now);
        assert_eq!(approved.resolved_at, Some(now));
        assert_eq!(approved.clone().decided(ApprovalStatus::Approved, later).resolved_at, Some(now));
        let rejected = approved.decided(ApprovalStatus::Rejected, later);
        assert_eq!(rejected.resolved_at, Some(later));
        assert_eq!(rejected.decided(ApprovalStatus::Pending, later).resolved_at, None);
    }
}
