//! Reading the ordered event log.
//!
//! Within a scope the sequence has no gaps and its order is that of the commits, because it is counted in the locked
//! row of the scope. Across scopes a reader must not pass a transaction that is still open: PostgreSQL hands out row
//! numbers before the commit, so such a reader goes by transaction number and stays behind the oldest open one.

use mc_model::event::{Event, Scope};
use mc_model::ids::{ApprovalId, BoardId, TaskId};
use mc_model::{Result, Timestamp};
use uuid::Uuid;

use crate::sql::{Conn, Row, id, time};
use crate::tx::APPROVAL;

/// The sequence number of the newest event of the scope; 0 before the first.
///
/// # Errors
/// When the database fails; none when there is no such scope.
pub async fn head(db: &impl Conn, scope: Scope) -> Result<Option<i64>> {
    let table = match scope {
        Scope::Board(_) => "boards",
        Scope::Organization(_) => "organizations",
    };
    let sql = format!("SELECT event_seq FROM {table} WHERE id = $1");
    db.link().row(sql, vec![scope.id().into()]).await?.map(|row| row.get(0)).transpose()
}

/// The sequence numbers of the newest events of a board and of its organization that may have changed what lists show
/// ([`mc_model::event::kind::changes_content`]), read as of one moment.
///
/// # Errors
/// When the database fails; none when there is no such board.
pub async fn content_heads(db: &impl Conn, board: BoardId) -> Result<Option<(i64, i64)>> {
    let sql = "SELECT b.content_seq, o.content_seq FROM boards b JOIN organizations o ON o.id = b.organization_id \
               WHERE b.id = $1";
    db.link().row(sql, vec![id(board)]).await?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// The sequence number after which the events since `since` follow.
///
/// # Errors
/// When the database fails.
pub async fn position_at(db: &impl Conn, scope: Scope, since: Timestamp) -> Result<Option<i64>> {
    // One transaction stamps all its events with the same moment: the first of the earliest ones counts.
    let sql = "SELECT min(seq) FROM (SELECT seq FROM events WHERE scope_id = $1 AND created_at >= $2 \
               ORDER BY created_at LIMIT 1000) earliest";
    let row = db.link().row(sql, vec![scope.id().into(), time(since)]).await?;
    let first: Option<i64> = row.map(|row| row.get(0)).transpose()?.flatten();
    match first {
        Some(first) => Ok(Some(first - 1)),
        None => head(db, scope).await,
    }
}

/// At most `limit` events of the scope after `after`, in order.
///
/// # Errors
/// When the database fails.
pub async fn of_scope(db: &impl Conn, scope: Scope, after: i64, limit: u32) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT e.seq, e.kind, e.activity_id, e.task_id, e.agent_id, a.message, e.created_at, a.id, CAST(e.data AS text) \
         FROM events e \
         LEFT JOIN activity_events a ON a.id = e.activity_id WHERE e.scope_id = $1 AND e.seq > $2 \
         ORDER BY e.seq LIMIT {limit}"
    );
    let rows = db.link().rows(sql, vec![scope.id().into(), after.into()]).await?;
    rows.iter().map(event).collect()
}

fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        seq: row.get(0)?,
        kind: row.get(1)?,
        activity_id: row.opt_id(7)?,
        task_id: row.opt_id(3)?,
        agent_id: row.opt_id(4)?,
        message: row.get(5)?,
        created_at: row.time(6)?,
        approval_id: approval(row.get::<Option<String>>(8)?.as_deref()),
    })
}

/// The approval that an event's data names.
fn approval(data: Option<&str>) -> Option<ApprovalId> {
    let data: serde_json::Value = serde_json::from_str(data?).ok()?;
    data.get(APPROVAL)?.as_str()?.parse().ok()
}

/// A position in the log of all scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    txid: i64,
    id: i64,
}

/// An entry of the log of all scopes.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Where it stands.
    pub position: LogPosition,
    /// The scope that counted it.
    pub scope_id: Uuid,
    /// Its number there.
    pub seq: i64,
    /// The board it belongs to.
    pub board_id: Option<BoardId>,
    /// The task it is about.
    pub task_id: Option<TaskId>,
    /// Type.
    pub kind: String,
}

/// At most `limit` entries of all scopes after `after`, only such that no later commit can come before.
///
/// # Errors
/// When the database fails.
pub async fn settled_after(db: &impl Conn, after: LogPosition, limit: u32) -> Result<Vec<LogEntry>> {
    let sql = format!(
        "SELECT txid, id, scope_id, seq, board_id, task_id, kind FROM events \
         WHERE (txid > $1 OR (txid = $1 AND id > $2)) AND txid < {} ORDER BY txid, id LIMIT {limit}",
        db.link().dialect.oldest_open_transaction()
    );
    let rows = db.link().rows(sql, vec![after.txid.into(), after.id.into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(LogEntry {
                position: LogPosition { txid: row.get(0)?, id: row.get(1)? },
                scope_id: row.get(2)?,
                seq: row.get(3)?,
                board_id: row.opt_id(4)?,
                task_id: row.opt_id(5)?,
                kind: row.get(6)?,
            })
        })
        .collect()
}
