//! The lists of ids and values that come with a task: are they sound, and how are they stored.

use mc_model::board::Board;
use mc_model::custom_field::{effective_values, merge_values};
use mc_model::ids::{TagId, TaskId};
use mc_model::task::{DependencyFault, TaskStatus};
use mc_model::{Error, ErrorKind, Result};
use mc_store::{self as store, WriteTx};
use serde_json::{Map, Value, json};

/// Checks that `task` may depend on `on`: not on itself, on tasks of its board, not in a circle. Gives those that are
/// not done.
pub(super) async fn check_dependencies(
    tx: &WriteTx,
    board: &Board,
    task: TaskId,
    on: &[TaskId],
) -> Result<Vec<TaskId>> {
    if on.contains(&task) {
        return Err(DependencyFault::Itself.into());
    }
    let states = store::tasks::dependencies::statuses(tx, board.id, on).await?;
    let missing: Vec<_> = on.iter().copied().filter(|id| !states.contains_key(id)).collect();
    if !missing.is_empty() {
        return Err(DependencyFault::Missing(missing).into());
    }
    if store::tasks::dependencies::any_waits_for(tx, on, task).await? {
        return Err(DependencyFault::Cycle.into());
    }
    Ok(on.iter().copied().filter(|id| states.get(id) != Some(&TaskStatus::Done)).collect())
}

/// Checks that all `tags` are tags of the board's organization.
pub(super) async fn check_tags(tx: &WriteTx, board: &Board, tags: &[TagId]) -> Result<()> {
    let known = store::tasks::labels::known_tags(tx, board.organization_id, tags).await?;
    let missing: Vec<_> = tags.iter().filter(|tag| !known.contains(tag)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::object(
        ErrorKind::NotFound,
        json!({"message": "These tags are not in the organization.", "missing_tag_ids": missing}),
    ))
}

/// Stores the field values of a new task: what was sent, and the defaults of the rest.
pub(super) async fn store_new_values(
    tx: &WriteTx,
    board: &Board,
    task: TaskId,
    sent: &Map<String, Value>,
) -> Result<()> {
    let fields = store::tasks::labels::fields_of_board(tx, board.organization_id, board.id).await?;
    let values = effective_values(&fields, sent)?;
    store::tasks::labels::store_values(tx, task, &values).await
}

/// Merges the sent field values into those of the task.
pub(super) async fn merge_into_values(
    tx: &WriteTx,
    board: &Board,
    task: TaskId,
    sent: &Map<String, Value>,
) -> Result<()> {
    let fields = store::tasks::labels::fields_of_board(tx, board.organization_id, board.id).await?;
    let stored = store::tasks::labels::stored_values(tx, task).await?;
    let changes = merge_values(&fields, &stored, sent)?;
    store::tasks::labels::store_values(tx, task, &changes).await
}
