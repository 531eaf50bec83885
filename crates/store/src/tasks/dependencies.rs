//! Dependencies between the tasks of a board.

use std::collections::HashMap;

use mc_model::Result;
use mc_model::ids::{ActivityId, BoardId, TaskId};
use mc_model::task::{Dependent, TaskStatus};

use super::{COLUMN_COUNT, COLUMNS, task};
use crate::sql::{Conn, id, marks, time, tuples};
use crate::tx::WriteTx;

/// The states of those of `ids` that are tasks of the board.
///
/// # Errors
/// When the database fails.
pub async fn statuses(db: &impl Conn, board: BoardId, ids: &[TaskId]) -> Result<HashMap<TaskId, TaskStatus>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!("SELECT id, status FROM tasks WHERE board_id = $1 AND id IN ({})", marks(2, ids.len()));
    let values = std::iter::once(id(board)).chain(ids.iter().map(|task| id(*task))).collect();
    let rows = db.link().rows(sql, values).await?;
    rows.iter().map(|row| Ok((row.id(0)?, super::status(&row.get::<String>(1)?)?))).collect()
}

/// The tasks that `task` waits for: its dependencies that are not done, in the order of the request that set them.
///
/// # Errors
/// When the database fails.
pub async fn blockers(db: &impl Conn, task: TaskId) -> Result<Vec<TaskId>> {
    let sql = "SELECT d.depends_on_task_id FROM task_dependencies d JOIN tasks t ON t.id = d.depends_on_task_id \
               WHERE d.task_id = $1 AND t.status <> $2 ORDER BY d.created_at, d.id";
    let rows = db.link().rows(sql, vec![id(task), TaskStatus::Done.as_str().into()]).await?;
    rows.iter().map(|row| row.id(0)).collect()
}

/// Whether one of `from` waits for `target`, directly or through others.
///
/// # Errors
/// When the database fails.
pub async fn any_waits_for(db: &impl Conn, from: &[TaskId], target: TaskId) -> Result<bool> {
    if from.is_empty() {
        return Ok(false);
    }
    // UNION drops what was seen, so cycles in imported data end as well.
    let sql = format!(
        "WITH RECURSIVE reached(id) AS ( \
         SELECT d.depends_on_task_id FROM task_dependencies d WHERE d.task_id IN ({}) \
         UNION SELECT d.depends_on_task_id FROM reached r JOIN task_dependencies d ON d.task_id = r.id) \
         SELECT 1 FROM reached WHERE id = $1 LIMIT 1",
        marks(2, from.len())
    );
    let values = std::iter::once(id(target)).chain(from.iter().map(|task| id(*task))).collect();
    Ok(db.link().row(sql, values).await?.is_some())
}

/// Replaces the dependencies of a task by `on`, in this order.
///
/// # Errors
/// When the database fails.
pub async fn replace(tx: &WriteTx, board: BoardId, task: TaskId, on: &[TaskId]) -> Result<()> {
    tx.link().run("DELETE FROM task_dependencies WHERE task_id = $1", vec![id(task)]).await?;
    insert(tx, board, task, on).await
}

/// Adds dependencies to a task that has none.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, board: BoardId, task: TaskId, on: &[TaskId]) -> Result<()> {
    const COLUMNS: usize = 5;
    if on.is_empty() {
        return Ok(());
    }
    // Rows of one request share their time; the identifiers, made in order, keep the order of the request.
    let values = on
        .iter()
        .flat_map(|other| [id(ActivityId::generate()), id(board), id(task), id(*other), time(tx.now())])
        .collect();
    let rows = tuples(on.len(), COLUMNS, |_, position| format!("${position}"));
    let sql = format!(
        "INSERT INTO task_dependencies (id, board_id, task_id, depends_on_task_id, created_at) VALUES {rows}"
    );
    tx.link().run(sql, values).await.map(drop)
}

/// The tasks that wait for `on` directly, oldest first, and whether each waits for others too.
///
/// # Errors
/// When the database fails.
pub async fn dependents(db: &impl Conn, board: BoardId, on: TaskId) -> Result<Vec<Dependent>> {
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT count(*) FROM task_dependencies o JOIN tasks b ON b.id = o.depends_on_task_id \
         WHERE o.task_id = t.id AND o.depends_on_task_id <> $2 AND b.status <> $3) \
         FROM task_dependencies d JOIN tasks t ON t.id = d.task_id \
         WHERE d.depends_on_task_id = $2 AND t.board_id = $1 ORDER BY t.created_at, t.id"
    );
    let values = vec![id(board), id(on), TaskStatus::Done.as_str().into()];
    let rows = db.link().rows(sql, values).await?;
    rows.iter()
        .map(|row| Ok(Dependent { task: task(row)?, waits_for_others: row.get::<i64>(COLUMN_COUNT)? > 0 }))
        .collect()
}
