//! Reading: every statement is prepared once for each connection.

use rusqlite::{Connection, Result, Row, params};
use uuid::Uuid;

use super::wire::{Page, Paging, Task, shown};

const COLUMNS: &str = "title, description, status, priority, due_at, assigned_agent_id, id, board_id, \
     created_by_user_id, in_progress_at, created_at, updated_at";

/// A board lookup, a count, and the tasks of the page.
pub fn page(db: &Connection, board: Uuid, paging: Paging) -> Result<Page> {
    let key = board.as_bytes().as_slice();
    db.prepare_cached("SELECT organization_id FROM boards WHERE id = ?1")?
        .query_row([key], |row| id(row, 0))?;
    let total = db
        .prepare_cached("SELECT count(*) FROM tasks WHERE board_id = ?1")?
        .query_row([key], |r| r.get(0))?;
    let sql = format!(
        "SELECT {COLUMNS} FROM tasks WHERE board_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2 OFFSET ?3"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![key, paging.limit, paging.offset], task)?;
    Ok(Page { items: rows.collect::<Result<_>>()?, total, limit: paging.limit, offset: paging.offset })
}

/// The agent with this token hash.
pub fn agent(db: &Connection, hash: &str) -> Result<Uuid> {
    db.prepare_cached("SELECT id, board_id FROM agents WHERE agent_token_hash = ?1")?
        .query_row([hash], |row| id(row, 0))
}

/// The task with this id on this board.
pub fn one(db: &Connection, board: Uuid, task_id: Uuid) -> Result<Task> {
    let sql = format!("SELECT {COLUMNS} FROM tasks WHERE id = ?1 AND board_id = ?2");
    db.prepare_cached(&sql)?.query_row([task_id.as_bytes().as_slice(), board.as_bytes().as_slice()], task)
}

fn task(row: &Row<'_>) -> Result<Task> {
    Ok(Task {
        title: row.get(0)?,
        description: row.get(1)?,
        status: row.get(2)?,
        priority: row.get(3)?,
        due_at: row.get::<_, Option<String>>(4)?.map(shown),
        assigned_agent_id: opt_id(row, 5)?,
        id: id(row, 6)?,
        board_id: id(row, 7)?,
        created_by_user_id: opt_id(row, 8)?,
        in_progress_at: row.get::<_, Option<String>>(9)?.map(shown),
        created_at: shown(row.get(10)?),
        updated_at: shown(row.get(11)?),
        depends_on_task_ids: [],
        tag_ids: [],
        blocked_by_task_ids: [],
        is_blocked: false,
        tags: [],
        custom_field_values: serde_json::Map::new(),
    })
}

/// An id in the column at `index`.
pub fn id(row: &Row<'_>, index: usize) -> Result<Uuid> {
    row.get::<_, [u8; 16]>(index).map(Uuid::from_bytes)
}

fn opt_id(row: &Row<'_>, index: usize) -> Result<Option<Uuid>> {
    Ok(row.get::<_, Option<[u8; 16]>>(index)?.map(Uuid::from_bytes))
}
