//! Approvals and their links to tasks.

use std::collections::HashMap;

use mc_model::approval::{Approval, ApprovalStatus, Conflict};
use mc_model::ids::{ActivityId, ApprovalId, BoardId, TaskId};
use mc_model::{Error, Page, PageRequest, Result};
use sea_orm::Value;

use crate::sql::{Conn, Row, count, id, json, marks, opt_id, opt_time, time, tuples};
use crate::tx::WriteTx;

const COLUMNS: &str = "a.id, a.board_id, a.task_id, a.agent_id, a.action_type, a.payload, a.confidence, \
                       a.rubric_scores, a.status, a.created_at, a.resolved_at";

/// An approval with the titles of its tasks that are still there, in the same order.
#[derive(Clone, Debug, PartialEq)]
pub struct ApprovalView {
    /// The approval.
    pub approval: Approval,
    /// Titles.
    pub task_titles: Vec<String>,
}

/// How many approvals name a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskCounts {
    /// The task.
    pub task_id: TaskId,
    /// All of them.
    pub total: i64,
    /// Those that wait for a decision.
    pub pending: i64,
}

fn approval(row: &Row) -> Result<Approval> {
    let status: String = row.get(8)?;
    Ok(Approval {
        id: row.id(0)?,
        board_id: row.id(1)?,
        task_ids: row.opt_id(2)?.into_iter().collect(),
        agent_id: row.opt_id(3)?,
        action_type: row.get(4)?,
        payload: row.opt_object(5)?,
        confidence: row.get(6)?,
        rubric_scores: row.opt_object(7)?,
        status: ApprovalStatus::from_name(&status)
            .ok_or_else(|| Error::internal(format!("an approval has the status {status:?}")))?,
        created_at: row.time(9)?,
        resolved_at: row.opt_time(10)?,
    })
}

/// The approvals of a board, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl Conn,
    board: BoardId,
    status: Option<ApprovalStatus>,
    page: PageRequest,
) -> Result<Page<ApprovalView>> {
    let mut condition = String::from("a.board_id = $1");
    let mut values = vec![id(board)];
    if let Some(status) = status {
        condition.push_str(" AND a.status = $2");
        values.push(status.as_str().into());
    }
    let sql = format!("SELECT count(*) FROM approvals a WHERE {condition}");
    let total = count(db.link().row(sql, values.clone()).await?)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM approvals a WHERE {condition} ORDER BY a.created_at DESC, a.id DESC \
         LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let rows = db.link().rows(sql, values).await?;
    let approvals = rows.iter().map(approval).collect::<Result<Vec<_>>>()?;
    Ok(Page::new(with_tasks(db, approvals).await?, total, page))
}

/// The named approvals of a board, in no particular order; those that are gone are left out.
///
/// # Errors
/// When the database fails.
pub async fn views(db: &impl Conn, board: BoardId, ids: &[ApprovalId]) -> Result<Vec<ApprovalView>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM approvals a WHERE a.board_id = $1 AND a.id IN ({})",
        marks(2, ids.len())
    );
    let values = std::iter::once(id(board)).chain(ids.iter().map(|approval| id(*approval))).collect();
    let rows = db.link().rows(sql, values).await?;
    let approvals = rows.iter().map(approval).collect::<Result<Vec<_>>>()?;
    with_tasks(db, approvals).await
}

/// The approval with this id on this board.
///
/// # Errors
/// When the database fails.
pub async fn on_board(db: &impl Conn, board: BoardId, approval: ApprovalId) -> Result<Option<ApprovalView>> {
    Ok(views(db, board, &[approval]).await?.into_iter().next())
}

/// Completes approvals by their linked tasks, keeping their order: one statement. An imported approval may have no
/// links; then its first task is the only one.
async fn with_tasks(db: &impl Conn, approvals: Vec<Approval>) -> Result<Vec<ApprovalView>> {
    if approvals.is_empty() {
        return Ok(Vec::new());
    }
    let among = marks(1, approvals.len());
    let sql = format!(
        "SELECT l.approval_id, t.id, t.title, l.created_at AS at, l.id AS tie FROM approval_task_links l \
         JOIN tasks t ON t.id = l.task_id WHERE l.approval_id IN ({among}) \
         UNION ALL \
         SELECT a.id, t.id, t.title, a.created_at, a.id FROM approvals a JOIN tasks t ON t.id = a.task_id \
         WHERE a.id IN ({among}) AND NOT EXISTS (SELECT 1 FROM approval_task_links l WHERE l.approval_id = a.id) \
         ORDER BY 4, 5"
    );
    let values = approvals.iter().map(|approval| id(approval.id)).collect();
    let mut tasks: HashMap<ApprovalId, Vec<(TaskId, String)>> = HashMap::new();
    for row in db.link().rows(sql, values).await? {
        tasks.entry(row.id(0)?).or_default().push((row.id(1)?, row.get(2)?));
    }
    let complete = |mut approval: Approval| {
        let (ids, task_titles) = tasks.remove(&approval.id).unwrap_or_default().into_iter().unzip();
        approval.task_ids = ids;
        ApprovalView { approval, task_titles }
    };
    Ok(approvals.into_iter().map(complete).collect())
}

/// Adds an approval with its links.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, approval: &Approval) -> Result<()> {
    const LINK_COLUMNS: usize = 4;
    let dialect = tx.link().dialect;
    let sql = format!(
        "INSERT INTO approvals (id, board_id, task_id, agent_id, action_type, payload, confidence, rubric_scores, \
         status, created_at, resolved_at) VALUES ($1,$2,$3,$4,$5,{},$7,{},$9,$10,$11)",
        dialect.json(6),
        dialect.json(8)
    );
    let values = vec![
        id(approval.id),
        id(approval.board_id),
        opt_id(approval.task_ids.first().copied()),
        opt_id(approval.agent_id),
        approval.action_type.clone().into(),
        json(approval.payload.as_ref())?,
        approval.confidence.into(),
        json(approval.rubric_scores.as_ref())?,
        approval.status.as_str().into(),
        time(approval.created_at),
        opt_time(approval.resolved_at),
    ];
    tx.link().run(sql, values).await?;
    if approval.task_ids.is_empty() {
        return Ok(());
    }
    let link =
        |task: &TaskId| [id(ActivityId::generate()), id(approval.id), id(*task), time(approval.created_at)];
    let values: Vec<Value> = approval.task_ids.iter().flat_map(link).collect();
    let rows = tuples(approval.task_ids.len(), LINK_COLUMNS, |_, position| format!("${position}"));
    let sql = format!("INSERT INTO approval_task_links (id, approval_id, task_id, created_at) VALUES {rows}");
    tx.link().run(sql, values).await.map(drop)
}

/// Stores a decision.
///
/// # Errors
/// When the database fails.
pub async fn update_decision(tx: &WriteTx, approval: &Approval) -> Result<()> {
    let sql = "UPDATE approvals SET status = $3, resolved_at = $4 WHERE id = $1 AND board_id = $2";
    let values = vec![
        id(approval.id),
        id(approval.board_id),
        approval.status.as_str().into(),
        opt_time(approval.resolved_at),
    ];
    tx.link().run(sql, values).await.map(drop)
}

/// The pairs of (approval, task) that the condition on approvals `a` selects: links, and the first task of imported
/// approvals without links.
fn named_tasks(condition: &str) -> String {
    format!(
        "SELECT a.id, l.task_id, a.status, a.created_at FROM approvals a \
         JOIN approval_task_links l ON l.approval_id = a.id WHERE {condition} \
         UNION ALL SELECT a.id, a.task_id, a.status, a.created_at FROM approvals a \
         WHERE {condition} AND a.task_id IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM approval_task_links l WHERE l.approval_id = a.id)"
    )
}

/// The oldest pending approval of each of `tasks`, other than `except`.
///
/// # Errors
/// When the database fails.
pub async fn conflicts(
    db: &impl Conn,
    board: BoardId,
    tasks: &[TaskId],
    except: Option<ApprovalId>,
) -> Result<Vec<Conflict>> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    // One statement per kind of link, each driven by the index on the task.
    let among = marks(2, tasks.len());
    let sql = format!(
        "SELECT task_id, approval_id FROM ( \
         SELECT l.task_id AS task_id, a.id AS approval_id, a.created_at AS at FROM approval_task_links l \
         JOIN approvals a ON a.id = l.approval_id \
         WHERE l.task_id IN ({among}) AND a.board_id = $1 AND a.status = 'pending' \
         UNION ALL SELECT a.task_id, a.id, a.created_at FROM approvals a \
         WHERE a.task_id IN ({among}) AND a.board_id = $1 AND a.status = 'pending') pending \
         ORDER BY task_id, at, approval_id"
    );
    let values = std::iter::once(id(board)).chain(tasks.iter().map(|task| id(*task))).collect();
    let mut found: Vec<Conflict> = Vec::new();
    for row in db.link().rows(sql, values).await? {
        let conflict = Conflict { task_id: row.id(0)?, approval_id: row.id(1)? };
        let is_first = found.last().is_none_or(|last| last.task_id != conflict.task_id);
        if is_first && Some(conflict.approval_id) != except {
            found.push(conflict);
        }
    }
    Ok(found)
}

/// How many approvals of the board wait for a decision.
///
/// # Errors
/// When the database fails.
pub async fn pending_count(db: &impl Conn, board: BoardId) -> Result<i64> {
    let sql = "SELECT count(*) FROM approvals WHERE board_id = $1 AND status = 'pending'";
    count(db.link().row(sql, vec![id(board)]).await?)
}

/// How many approvals of the board name each of `tasks`.
///
/// # Errors
/// When the database fails.
pub async fn task_counts(
    db: &impl Conn,
    board: BoardId,
    tasks: &[TaskId],
) -> Result<HashMap<TaskId, TaskCounts>> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT task_id, count(*), sum(CASE WHEN status = 'pending' THEN 1 ELSE 0 END) FROM ({}) named \
         WHERE task_id IN ({}) GROUP BY task_id",
        named_tasks("a.board_id = $1"),
        marks(2, tasks.len())
    );
    let values = std::iter::once(id(board)).chain(tasks.iter().map(|task| id(*task))).collect();
    let rows = db.link().rows(sql, values).await?;
    rows.iter()
        .map(|row| {
            let task_id = row.id(0)?;
            Ok((task_id, TaskCounts { task_id, total: row.get(1)?, pending: row.get(2)? }))
        })
        .collect()
}
