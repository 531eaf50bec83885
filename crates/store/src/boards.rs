//! Boards.

use mc_model::board::{Board, BoardRules};
use mc_model::ids::{GatewayId, OrganizationId};
use mc_model::{Page, PageRequest, Result};

use crate::sql::{Conn, Row, count, id, json, opt_id, opt_time, time};
use crate::tasks::tally::COLUMNS as COUNTS;
use crate::tx::WriteTx;

pub(crate) const COLUMNS: &str = "b.id, b.organization_id, b.name, b.slug, b.description, b.gateway_id, \
     b.board_group_id, b.board_type, b.objective, b.success_metrics, b.target_date, b.goal_confirmed, b.goal_source, \
     b.require_approval_for_done, b.require_review_before_done, b.comment_required_for_review, \
     b.block_status_changes_with_pending_approval, b.only_lead_can_change_status, b.max_agents, b.created_at, \
     b.updated_at";
pub(crate) const COLUMN_COUNT: usize = 21;

pub(crate) fn board(row: &Row) -> Result<Board> {
    Ok(Board {
        id: row.id(0)?,
        organization_id: row.id(1)?,
        name: row.get(2)?,
        slug: row.get(3)?,
        description: row.get(4)?,
        gateway_id: row.opt_id(5)?,
        board_group_id: row.opt_id(6)?,
        board_type: row.get(7)?,
        objective: row.get(8)?,
        success_metrics: row.opt_object(9)?,
        target_date: row.opt_time(10)?,
        goal_confirmed: row.get(11)?,
        goal_source: row.get(12)?,
        rules: BoardRules {
            require_approval_for_done: row.get(13)?,
            require_review_before_done: row.get(14)?,
            comment_required_for_review: row.get(15)?,
            block_status_changes_with_pending_approval: row.get(16)?,
            only_lead_can_change_status: row.get(17)?,
        },
        max_agents: row.get(18)?,
        created_at: row.time(19)?,
        updated_at: row.time(20)?,
    })
}

/// The boards a main agent reaches: those its gateway serves in its organization, newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_gateway(
    db: &impl Conn,
    organization: OrganizationId,
    gateway: GatewayId,
    page: PageRequest,
) -> Result<Page<Board>> {
    let values = vec![id(organization), id(gateway)];
    let total = "SELECT count(*) FROM boards b WHERE b.organization_id = $1 AND b.gateway_id = $2";
    let total = count(db.link().row(total, values.clone()).await?)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM boards b WHERE b.organization_id = $1 AND b.gateway_id = $2 \
         ORDER BY b.created_at DESC, b.id DESC LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let rows = db.link().rows(sql, values).await?;
    Ok(Page::new(rows.iter().map(board).collect::<Result<_>>()?, total, page))
}

/// Adds a board.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, board: &Board) -> Result<()> {
    let sql = format!(
        "INSERT INTO boards (id, organization_id, name, slug, description, gateway_id, board_group_id, board_type, \
         objective, success_metrics, target_date, goal_confirmed, goal_source, require_approval_for_done, \
         require_review_before_done, comment_required_for_review, block_status_changes_with_pending_approval, \
         only_lead_can_change_status, max_agents, created_at, updated_at, event_seq, content_seq, {counts}) VALUES \
         ($1,$2,$3,$4,$5,$6,$7,$8,$9,{metrics},$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$22{zeros})",
        counts = COUNTS.join(", "),
        metrics = tx.link().dialect.json(10),
        zeros = ",0".repeat(COUNTS.len())
    );
    let values = vec![
        id(board.id),
        id(board.organization_id),
        board.name.clone().into(),
        board.slug.clone().into(),
        board.description.clone().into(),
        opt_id(board.gateway_id),
        opt_id(board.board_group_id),
        board.board_type.clone().into(),
        board.objective.clone().into(),
        json(board.success_metrics.as_ref())?,
        opt_time(board.target_date),
        board.goal_confirmed.into(),
        board.goal_source.clone().into(),
        board.rules.require_approval_for_done.into(),
        board.rules.require_review_before_done.into(),
        board.rules.comment_required_for_review.into(),
        board.rules.block_status_changes_with_pending_approval.into(),
        board.rules.only_lead_can_change_status.into(),
        board.max_agents.into(),
        time(board.created_at),
        time(board.updated_at),
        0_i64.into(),
    ];
    tx.link().run(sql, values).await.map(drop)
}
