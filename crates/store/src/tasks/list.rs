//! Lists of tasks: two statements, whatever the number of rows.

use mc_model::ids::{BoardId, TaskId};
use mc_model::task::{Task, TaskFilter, TaskView};
use mc_model::{Error, Page, PageRequest, Result};
use sea_orm::Value;

use super::{COLUMN_COUNT, COLUMNS, relations, task};
use crate::sql::{Conn, count, id, marks};

/// The tasks of a board that pass `filter`, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl Conn,
    board: BoardId,
    filter: &TaskFilter,
    page: PageRequest,
) -> Result<Page<TaskView>> {
    let (condition, values) = condition(board, filter);
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT count(*) FROM tasks t WHERE {condition}) FROM tasks t WHERE {condition} \
         ORDER BY t.created_at DESC, t.id DESC LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let rows = db.link().rows(sql, values.clone()).await?;
    let total = match rows.first() {
        Some(row) => row.get(COLUMN_COUNT)?,
        None if page.offset == 0 => 0,
        None => {
            let sql = format!("SELECT count(*) FROM tasks t WHERE {condition}");
            count(db.link().row(sql, values).await?)?
        }
    };
    let tasks = rows.iter().map(task).collect::<Result<Vec<_>>>()?;
    Ok(Page::new(relations::attach(db, board, tasks).await?, total, page))
}

/// The named tasks of a board, in no particular order; those that are gone are left out.
///
/// # Errors
/// When the database fails.
pub async fn views(db: &impl Conn, board: BoardId, ids: &[TaskId]) -> Result<Vec<TaskView>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql =
        format!("SELECT {COLUMNS} FROM tasks t WHERE t.board_id = $1 AND t.id IN ({})", marks(2, ids.len()));
    let values = std::iter::once(id(board)).chain(ids.iter().map(|task| id(*task))).collect();
    let tasks = db.link().rows(sql, values).await?.iter().map(task).collect::<Result<Vec<Task>>>()?;
    relations::attach(db, board, tasks).await
}

/// The task with what other tables say of it.
///
/// # Errors
/// When the database fails.
pub async fn view(db: &impl Conn, task: Task) -> Result<TaskView> {
    let views = relations::attach(db, task.board_id, vec![task]).await?;
    views.into_iter().next().ok_or_else(|| Error::internal("a task lost its view"))
}

fn condition(board: BoardId, filter: &TaskFilter) -> (String, Vec<Value>) {
    let mut condition = String::from("t.board_id = $1");
    let mut values = vec![id(board)];
    if !filter.statuses.is_empty() {
        let states = marks(values.len() + 1, filter.statuses.len());
        condition.push_str(&format!(" AND t.status IN ({states})"));
        values.extend(filter.statuses.iter().map(|status| status.as_str().into()));
    }
    if let Some(agent) = filter.assigned_agent_id {
        values.push(id(agent));
        condition.push_str(&format!(" AND t.assigned_agent_id = ${}", values.len()));
    }
    if filter.unassigned {
        condition.push_str(" AND t.assigned_agent_id IS NULL");
    }
    (condition, values)
}
