//! Why a change of a task is refused, and what the caller reads then.

use serde_json::json;

use super::{TaskField, TaskStatus};
use crate::error::{Error, ErrorKind};
use crate::ids::TaskId;

/// Why a transition is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The task is assigned to another agent.
    AssigneeMismatch,
    /// A worker named a field that is not its to change.
    WorkerFields(Vec<TaskField>),
    /// A lead named a field that is not its to change.
    LeadFields(Vec<TaskField>),
    /// A lead sent a comment inside a PATCH.
    LeadComment,
    /// Only the lead may send a status on this board.
    OnlyLead,
    /// A lead asked for a move that is not its to make.
    LeadMove(TaskStatus),
    /// The agent to be assigned does not exist.
    AssigneeUnknown,
    /// The agent to be assigned leads a board.
    AssigneeIsLead,
    /// The agent to be assigned works on another board.
    AssigneeElsewhere,
    /// A pending approval freezes the status.
    PendingApproval,
    /// Done is reached from review only.
    ReviewFirst,
    /// Done needs an approved approval.
    ApprovalRequired,
    /// Review needs a comment of the worker.
    CommentRequired,
    /// The task waits for these.
    Blocked(Vec<TaskId>),
    /// The dependencies of a finished task are history.
    DependenciesOfDone,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let gate = |message: &str, code: &str| {
            Self::object(
                ErrorKind::Conflict,
                json!({"message": message, "code": code, "blocked_by_task_ids": []}),
            )
        };
        let coded = |message: String, code: &str| {
            Self::object(ErrorKind::Forbidden, json!({"message": message, "code": code}))
        };
        match refusal {
            Refusal::AssigneeMismatch => {
                coded("The task is assigned to another agent.".into(), "task_assignee_mismatch")
            }
            Refusal::WorkerFields(fields) => coded(
                format!(
                    "Workers may send status, comment and custom_field_values only, not {}.",
                    names(&fields)
                ),
                "task_update_field_forbidden",
            ),
            Refusal::LeadFields(fields) => Self::forbidden(format!(
                "Leads may send assigned_agent_id, status, depends_on_task_ids, tag_ids and custom_field_values only, not {}.",
                names(&fields)
            )),
            Refusal::LeadComment => {
                Self::forbidden("Leads comment with POST on the task's comments, not inside PATCH.")
            }
            Refusal::OnlyLead => Self::forbidden("Only the lead changes the status of tasks on this board."),
            Refusal::LeadMove(from) => Self::forbidden(format!(
                "A lead moves a task from review to done or inbox, or from inbox to in_progress with an assignee; this task is in {}.",
                from.as_str()
            )),
            Refusal::AssigneeUnknown => Self::not_found("There is no agent with this assigned_agent_id."),
            Refusal::AssigneeIsLead => Self::forbidden("A lead cannot assign a task to a lead."),
            Refusal::AssigneeElsewhere => {
                gate("The agent works on another board.", "assignee_on_other_board")
            }
            Refusal::PendingApproval => {
                gate("A pending approval freezes the status of this task.", "task_pending_approval")
            }
            Refusal::ReviewFirst => {
                gate("The task must be in review before it is done.", "task_review_required")
            }
            Refusal::ApprovalRequired => {
                gate("The task needs an approved approval before it is done.", "task_approval_required")
            }
            Refusal::Blocked(tasks) => Self::object(
                ErrorKind::Conflict,
                json!({
                    "message": "The task waits for others that are not done.",
                    "code": "task_blocked_cannot_transition",
                    "blocked_by_task_ids": tasks,
                }),
            ),
            Refusal::DependenciesOfDone => gate(
                "The dependencies of a done task cannot change. Reopen it first.",
                "task_done_dependencies",
            ),
            Refusal::CommentRequired => Self::text(
                ErrorKind::Invalid,
                "Send a comment with the move to review, or comment on the task before.",
            ),
        }
    }
}

fn names(fields: &[TaskField]) -> String {
    let names: Vec<_> = fields.iter().map(|field| field.as_str()).collect();
    names.join(", ")
}
