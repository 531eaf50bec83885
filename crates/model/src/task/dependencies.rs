//! What makes a list of dependencies unsound (tasks spec §4.2).

use serde_json::json;

use crate::error::{Error, ErrorKind};
use crate::ids::TaskId;

/// Why a list of dependencies is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencyFault {
    /// The task would wait for itself.
    Itself,
    /// These are no tasks of the board, in the order of the request.
    Missing(Vec<TaskId>),
    /// The task would wait for itself through others.
    Cycle,
}

impl From<DependencyFault> for Error {
    fn from(fault: DependencyFault) -> Self {
        match fault {
            DependencyFault::Itself => Self::text(ErrorKind::Invalid, "A task cannot depend on itself."),
            DependencyFault::Missing(tasks) => Self::object(
                ErrorKind::NotFound,
                json!({"message": "These tasks are not on the board.", "missing_task_ids": tasks}),
            ),
            DependencyFault::Cycle => Self::object(
                ErrorKind::Conflict,
                json!({
                    "message": "These dependencies would make tasks wait for each other.",
                    "code": "task_dependency_cycle",
                    "blocked_by_task_ids": [],
                }),
            ),
        }
    }
}

/// `ids` with each once, in the order of its first mention.
#[must_use]
pub fn without_repeats<T: Copy + Eq + std::hash::Hash>(ids: Vec<T>) -> Vec<T> {
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}
