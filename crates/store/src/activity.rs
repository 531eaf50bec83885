//! The activity feed.

use mc_model::ids::{ActivityId, AgentId, BoardId, TaskId};
use mc_model::task::{SortDirection, TaskComment};
use mc_model::{Page, PageRequest, Result, Timestamp};

use crate::sql::{Conn, count, id, time, tuples, way};
use crate::tx::WriteTx;

/// The comments of a task in the order of their creation, from the oldest on or from the newest.
///
/// # Errors
/// When the database fails.
pub async fn comments(
    db: &impl Conn,
    task: TaskId,
    direction: SortDirection,
    page: PageRequest,
) -> Result<Page<TaskComment>> {
    // The literal lets both databases use the partial index on comments.
    const OF_TASK: &str = "FROM activity_events WHERE task_id = $1 AND event_type = 'task.comment'";
    let total = count(db.link().row(format!("SELECT count(*) {OF_TASK}"), vec![id(task)]).await?)?;
    let way = way(direction);
    let sql = format!(
        "SELECT id, message, agent_id, task_id, created_at {OF_TASK} ORDER BY created_at {way}, id {way} \
         LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let rows = db.link().rows(sql, vec![id(task)]).await?;
    let items = rows
        .iter()
        .map(|row| {
            Ok(TaskComment {
                id: row.id(0)?,
                message: row.get(1)?,
                agent_id: row.opt_id(2)?,
                task_id: row.opt_id(3)?,
                created_at: row.time(4)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Page::new(items, total, page))
}

/// Whether the newest comment of `author` on the task since `since` is there and not blank.
///
/// # Errors
/// When the database fails.
pub async fn has_comment_since(
    db: &impl Conn,
    task: TaskId,
    author: AgentId,
    since: Timestamp,
) -> Result<bool> {
    let sql = "SELECT message FROM activity_events WHERE task_id = $1 AND event_type = 'task.comment' \
               AND agent_id = $2 AND created_at >= $3 ORDER BY created_at DESC, id DESC LIMIT 1";
    let row = db.link().row(sql, vec![id(task), id(author), time(since)]).await?;
    let message = row.map(|row| row.get::<Option<String>>(0)).transpose()?.flatten();
    Ok(message.is_some_and(|message| !message.trim().is_empty()))
}

/// The agent that last moved the task to review, other than `lead`, and still works on `board`.
///
/// # Errors
/// When the database fails.
pub async fn last_worker(
    db: &impl Conn,
    task: TaskId,
    board: BoardId,
    lead: AgentId,
) -> Result<Option<AgentId>> {
    // Rows of imported databases have no structured facts: there the text says that it was a move to review.
    let sql = "SELECT a.id FROM activity_events e JOIN agents a ON a.id = e.agent_id \
               WHERE e.task_id = $1 AND e.event_type = 'task.status_changed' AND a.board_id = $2 \
               AND a.is_board_lead = $3 AND a.id <> $4 \
               AND (e.message LIKE 'Task moved to review:%' OR CAST(e.data AS text) LIKE '%\"to\":\"review\"%') \
               ORDER BY e.created_at DESC, e.id DESC LIMIT 1";
    let values = vec![id(task), id(board), false.into(), id(lead)];
    db.link().row(sql, values).await?.map(|row| row.id(0)).transpose()
}

/// Remembers which agents a comment addresses.
///
/// # Errors
/// When the database fails.
pub(crate) async fn insert_mentions(
    tx: &WriteTx,
    comment: ActivityId,
    task: TaskId,
    agents: &[AgentId],
) -> Result<()> {
    const COLUMNS: usize = 5;
    if agents.is_empty() {
        return Ok(());
    }
    let values = agents
        .iter()
        .flat_map(|agent| [id(ActivityId::generate()), id(comment), id(task), id(*agent), time(tx.now())])
        .collect();
    let tuples = tuples(agents.len(), COLUMNS, |_, position| format!("${position}"));
    let sql = format!(
        "INSERT INTO task_comment_mentions (id, activity_id, task_id, agent_id, created_at) VALUES {tuples}"
    );
    tx.link().run(sql, values).await.map(drop)
}

/// Whether a comment on the task ever addressed the agent.
///
/// # Errors
/// When the database fails.
pub async fn is_mentioned(db: &impl Conn, task: TaskId, agent: AgentId) -> Result<bool> {
    let sql = "SELECT 1 FROM task_comment_mentions WHERE task_id = $1 AND agent_id = $2 LIMIT 1";
    Ok(db.link().row(sql, vec![id(task), id(agent)]).await?.is_some())
}
