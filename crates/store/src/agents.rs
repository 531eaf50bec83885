//! Agents.

use mc_model::agent::{Agent, status};
use mc_model::ids::{AgentId, BoardId, OrganizationId};
use mc_model::task::{Candidate, Mentionable};
use mc_model::{Result, Timestamp};

use crate::sql::{Conn, Row, id, json, opt_id, opt_time, time};
use crate::tx::WriteTx;

pub(crate) const COLUMNS: &str = "a.id, a.board_id, a.gateway_id, a.name, a.status, a.openclaw_session_id, \
     a.heartbeat_config, a.identity_profile, a.identity_template, a.soul_template, a.last_seen_at, a.is_board_lead, \
     a.created_at, a.updated_at";
pub(crate) const COLUMN_COUNT: usize = 14;

pub(crate) fn agent(row: &Row) -> Result<Agent> {
    Ok(Agent {
        id: row.id(0)?,
        board_id: row.opt_id(1)?,
        gateway_id: row.id(2)?,
        name: row.get(3)?,
        status: row.get(4)?,
        openclaw_session_id: row.get(5)?,
        heartbeat_config: row.opt_object(6)?,
        identity_profile: row.opt_object(7)?,
        identity_template: row.get(8)?,
        soul_template: row.get(9)?,
        last_seen_at: row.opt_time(10)?,
        is_board_lead: row.get(11)?,
        created_at: row.time(12)?,
        updated_at: row.time(13)?,
    })
}

/// Adds an agent with the hash of its token.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, agent: &Agent, token_hash: &str) -> Result<()> {
    let dialect = tx.link().dialect;
    let sql = format!(
        "INSERT INTO agents (id, board_id, gateway_id, name, status, openclaw_session_id, agent_token_hash, \
         heartbeat_config, identity_profile, identity_template, soul_template, last_seen_at, lifecycle_generation, \
         wake_attempts, is_board_lead, created_at, updated_at) VALUES \
         ($1,$2,$3,$4,$5,$6,$7,{},{},$10,$11,$12,$13,$14,$15,$16,$17)",
        dialect.json(8),
        dialect.json(9)
    );
    let values = vec![
        id(agent.id),
        opt_id(agent.board_id),
        id(agent.gateway_id),
        agent.name.clone().into(),
        agent.status.clone().into(),
        agent.openclaw_session_id.clone().into(),
        token_hash.into(),
        json(agent.heartbeat_config.as_ref())?,
        json(agent.identity_profile.as_ref())?,
        agent.identity_template.clone().into(),
        agent.soul_template.clone().into(),
        opt_time(agent.last_seen_at),
        0_i32.into(),
        0_i32.into(),
        agent.is_board_lead.into(),
        time(agent.created_at),
        time(agent.updated_at),
    ];
    tx.link().run(sql, values).await.map(drop)
}

/// The agent with this id, read again inside a transaction of its own scope.
///
/// # Errors
/// When the database fails.
pub async fn own(tx: &WriteTx, agent_id: AgentId) -> Result<Option<Agent>> {
    let sql = format!("SELECT {COLUMNS} FROM agents a WHERE a.id = $1");
    let row = tx.link().row(sql, vec![id(agent_id)]).await?;
    row.as_ref().map(agent).transpose()
}

/// Marks the agent as seen at the transaction's time, unless that was done since `stale_before`. Says whether it was
/// done.
///
/// # Errors
/// When the database fails.
pub async fn touch(tx: &WriteTx, agent: AgentId, stale_before: Timestamp) -> Result<bool> {
    let sql = "UPDATE agents SET last_seen_at = $2, updated_at = $2, \
               status = CASE WHEN status IN ($4, $5) THEN status ELSE $6 END \
               WHERE id = $1 AND (last_seen_at IS NULL OR last_seen_at <= $3)";
    let values = vec![
        id(agent),
        time(tx.now()),
        time(stale_before),
        status::UPDATING.into(),
        status::DELETING.into(),
        status::ONLINE.into(),
    ];
    Ok(tx.link().run(sql, values).await? > 0)
}

/// Records a check-in: seen now, no wake-up outstanding, the given status.
///
/// # Errors
/// When the database fails.
pub async fn check_in(tx: &WriteTx, agent: AgentId, status: &str) -> Result<()> {
    let sql = "UPDATE agents SET status = $2, last_seen_at = $3, updated_at = $3, wake_attempts = 0, \
               checkin_deadline_at = NULL, last_provision_error = NULL WHERE id = $1";
    tx.link().run(sql, vec![id(agent), status.into(), time(tx.now())]).await.map(drop)
}

/// The lead of a board.
///
/// # Errors
/// When the database fails.
pub async fn lead_of(db: &impl Conn, board: BoardId) -> Result<Option<AgentId>> {
    let sql =
        "SELECT id FROM agents WHERE board_id = $1 AND is_board_lead = $2 ORDER BY created_at, id LIMIT 1";
    db.link().row(sql, vec![id(board), true.into()]).await?.map(|row| row.id(0)).transpose()
}

/// An agent of the organization as somebody to assign a task to.
///
/// # Errors
/// When the database fails.
pub async fn candidate(
    db: &impl Conn,
    organization: OrganizationId,
    agent: AgentId,
) -> Result<Option<Candidate>> {
    let sql = "SELECT a.id, a.board_id, a.is_board_lead FROM agents a JOIN gateways g ON g.id = a.gateway_id \
               WHERE a.id = $1 AND g.organization_id = $2";
    let row = db.link().row(sql, vec![id(agent), id(organization)]).await?;
    row.map(|row| Ok(Candidate { id: row.id(0)?, board_id: row.opt_id(1)?, is_board_lead: row.get(2)? }))
        .transpose()
}

/// The agents of a board that comments may address, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn mentionable(db: &impl Conn, board: BoardId) -> Result<Vec<Mentionable>> {
    let sql = "SELECT id, name, is_board_lead FROM agents WHERE board_id = $1 ORDER BY created_at, id";
    let rows = db.link().rows(sql, vec![id(board)]).await?;
    rows.iter()
        .map(|row| Ok(Mentionable { id: row.id(0)?, name: row.get(1)?, is_board_lead: row.get(2)? }))
        .collect()
}
