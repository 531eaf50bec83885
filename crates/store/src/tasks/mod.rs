//! Tasks.

pub mod dependencies;
pub mod labels;
mod list;
mod relations;
pub(crate) mod tally;

pub use list::{list, view, views};
pub use tally::is_right as counts_are_right;

use mc_model::ids::{ApprovalId, BoardId, TaskId};
use mc_model::task::{Task, TaskStatus};
use mc_model::{Error, Result};

use crate::sql::{Conn, Row, id, opt_id, opt_time, time};
use crate::tx::WriteTx;

pub(crate) const COLUMNS: &str = "t.id, t.board_id, t.title, t.description, t.status, t.priority, t.due_at, \
     t.in_progress_at, t.previous_in_progress_at, t.created_by_user_id, t.assigned_agent_id, t.auto_created, \
     t.auto_reason, t.created_at, t.updated_at";
pub(crate) const COLUMN_COUNT: usize = 15;

pub(crate) fn task(row: &Row) -> Result<Task> {
    Ok(Task {
        id: row.id(0)?,
        board_id: row.id(1)?,
        title: row.get(2)?,
        description: row.get(3)?,
        status: status(&row.get::<String>(4)?)?,
        priority: row.get(5)?,
        due_at: row.opt_time(6)?,
        in_progress_at: row.opt_time(7)?,
        previous_in_progress_at: row.opt_time(8)?,
        created_by_user_id: row.opt_id(9)?,
        assigned_agent_id: row.opt_id(10)?,
        auto_created: row.get(11)?,
        auto_reason: row.get(12)?,
        created_at: row.time(13)?,
        updated_at: row.time(14)?,
    })
}

pub(crate) fn status(name: &str) -> Result<TaskStatus> {
    TaskStatus::from_name(name).ok_or_else(|| Error::internal(format!("a task has the status {name:?}")))
}

/// The task with this id on this board.
///
/// # Errors
/// When the database fails.
pub async fn on_board(db: &impl Conn, board: BoardId, task_id: TaskId) -> Result<Option<Task>> {
    let sql = format!("SELECT {COLUMNS} FROM tasks t WHERE t.id = $1 AND t.board_id = $2");
    let row = db.link().row(sql, vec![id(task_id), id(board)]).await?;
    row.as_ref().map(task).transpose()
}

/// Adds a task.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut WriteTx, task: &Task) -> Result<()> {
    tx.count(None, Some(task));
    let sql = "INSERT INTO tasks (id, board_id, title, description, status, priority, due_at, in_progress_at, \
               previous_in_progress_at, created_by_user_id, assigned_agent_id, auto_created, auto_reason, created_at, \
               updated_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)";
    tx.link().run(sql, values(task)).await.map(drop)
}

/// Stores a task that was `before`.
///
/// # Errors
/// When the database fails.
pub async fn update(tx: &mut WriteTx, before: &Task, task: &Task) -> Result<()> {
    tx.count(Some(before), Some(task));
    let sql = "UPDATE tasks SET title = $3, description = $4, status = $5, priority = $6, due_at = $7, \
               in_progress_at = $8, previous_in_progress_at = $9, created_by_user_id = $10, assigned_agent_id = $11, \
               auto_created = $12, auto_reason = $13, created_at = $14, updated_at = $15 \
               WHERE id = $1 AND board_id = $2";
    tx.link().run(sql, values(task)).await.map(drop)
}

fn values(task: &Task) -> Vec<sea_orm::Value> {
    vec![
        id(task.id),
        id(task.board_id),
        task.title.clone().into(),
        task.description.clone().into(),
        task.status.as_str().into(),
        task.priority.clone().into(),
        opt_time(task.due_at),
        opt_time(task.in_progress_at),
        opt_time(task.previous_in_progress_at),
        opt_id(task.created_by_user_id),
        opt_id(task.assigned_agent_id),
        task.auto_created.into(),
        task.auto_reason.clone().into(),
        time(task.created_at),
        time(task.updated_at),
    ]
}

/// What a removed task leaves to be told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The approvals that were about nothing else and went with it, in the order of their ids.
    pub approvals: Vec<ApprovalId>,
    /// The approvals that named it beside other tasks, in the order of their ids.
    pub shared_approvals: Vec<ApprovalId>,
}

/// Removes a task; the schema removes what belongs to it. An approval that names it first passes to its next task,
/// or goes when there is none. Gives nothing when there is no such task.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &mut WriteTx, board: BoardId, task: TaskId) -> Result<Option<Removed>> {
    const OTHER_LINK: &str =
        "FROM approval_task_links l WHERE l.approval_id = approvals.id AND l.task_id <> $1";
    let orphans = format!(
        "DELETE FROM approvals WHERE task_id = $1 AND NOT EXISTS (SELECT 1 {OTHER_LINK}) RETURNING id"
    );
    let approvals = approval_ids(tx, &orphans, task).await?;
    let shared = "SELECT id FROM approvals WHERE task_id = $1 \
                  UNION SELECT approval_id FROM approval_task_links WHERE task_id = $1";
    let shared_approvals = approval_ids(tx, shared, task).await?;
    let promote = format!(
        "UPDATE approvals SET task_id = (SELECT l.task_id {OTHER_LINK} ORDER BY l.created_at, l.id LIMIT 1) \
         WHERE task_id = $1"
    );
    if !shared_approvals.is_empty() {
        tx.link().run(promote, vec![id(task)]).await?;
    }
    // SQLite knows no alias in RETURNING.
    let columns = COLUMNS.replace("t.", "");
    let sql = format!("DELETE FROM tasks WHERE id = $1 AND board_id = $2 RETURNING {columns}");
    let row = tx.link().row(sql, vec![id(task), id(board)]).await?;
    let deleted = row.as_ref().map(self::task).transpose()?;
    tx.count(deleted.as_ref(), None);
    Ok(deleted.map(|_| Removed { approvals, shared_approvals }))
}

/// The approvals whose ids a statement about `$1`, the task, gives.
async fn approval_ids(tx: &WriteTx, sql: &str, task: TaskId) -> Result<Vec<ApprovalId>> {
    let rows = tx.link().rows(sql, vec![id(task)]).await?;
    let mut found: Vec<ApprovalId> = rows.iter().map(|row| row.id(0)).collect::<Result<_>>()?;
    found.sort_unstable();
    Ok(found)
}

/// Which approvals name the task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApprovalState {
    /// A pending one does.
    pub has_pending: bool,
    /// An approved one does.
    pub has_approved: bool,
}

/// Which approvals of the board name the task, as their first task or by link.
///
/// # Errors
/// When the database fails.
pub async fn approval_state(db: &impl Conn, board: BoardId, task: TaskId) -> Result<ApprovalState> {
    let sql = "SELECT DISTINCT a.status FROM approvals a WHERE a.board_id = $1 AND (a.task_id = $2 OR EXISTS \
               (SELECT 1 FROM approval_task_links l WHERE l.approval_id = a.id AND l.task_id = $2))";
    let mut state = ApprovalState::default();
    for row in db.link().rows(sql, vec![id(board), id(task)]).await? {
        match row.get::<String>(0)?.as_str() {
            "pending" => state.has_pending = true,
            "approved" => state.has_approved = true,
            _ => {}
        }
    }
    Ok(state)
}
