//! What the access checks read. The only unscoped look-ups of boards and agents stand here.

use mc_model::Result;
use mc_model::access::BoardGrant;
use mc_model::agent::Agent;
use mc_model::board::Board;
use mc_model::ids::{BoardId, MemberId, OrganizationId, UserId};

use crate::agents;
use crate::boards;
use crate::sql::{Conn, id};

/// A board and what a user holds on it.
#[derive(Clone, Debug)]
pub struct BoardForUser {
    /// The board.
    pub board: Board,
    /// What the user's membership of the board's organization grants; none without a membership.
    pub grant: Option<BoardGrant>,
}

/// The board with this id and what `user` holds on it, in one statement.
///
/// # Errors
/// When the database fails.
pub async fn board_for_user(db: &impl Conn, board: BoardId, user: UserId) -> Result<Option<BoardForUser>> {
    let sql = format!(
        "SELECT {}, m.id, m.all_boards_read, m.all_boards_write, a.can_read, a.can_write FROM boards b \
         LEFT JOIN organization_members m ON m.organization_id = b.organization_id AND m.user_id = $2 \
         LEFT JOIN organization_board_access a ON a.organization_member_id = m.id AND a.board_id = b.id \
         WHERE b.id = $1",
        boards::COLUMNS
    );
    let Some(row) = db.link().row(sql, vec![id(board), id(user)]).await? else { return Ok(None) };
    const AT: usize = boards::COLUMN_COUNT;
    let grant = match row.opt_id::<MemberId>(AT)? {
        Some(_) => Some(BoardGrant {
            all_read: row.get(AT + 1)?,
            all_write: row.get(AT + 2)?,
            can_read: row.get::<Option<bool>>(AT + 3)?.unwrap_or(false),
            can_write: row.get::<Option<bool>>(AT + 4)?.unwrap_or(false),
        }),
        None => None,
    };
    Ok(Some(BoardForUser { board: boards::board(&row)?, grant }))
}

/// The board with this id.
///
/// # Errors
/// When the database fails.
pub async fn board(db: &impl Conn, board: BoardId) -> Result<Option<Board>> {
    let sql = format!("SELECT {} FROM boards b WHERE b.id = $1", boards::COLUMNS);
    let row = db.link().row(sql, vec![id(board)]).await?;
    row.as_ref().map(boards::board).transpose()
}

/// The agent whose stored token hash is `hash`, and the organization of its gateway.
///
/// # Errors
/// When the database fails.
pub async fn agent_by_token_hash(db: &impl Conn, hash: &str) -> Result<Option<(Agent, OrganizationId)>> {
    let sql = format!(
        "SELECT {}, g.organization_id FROM agents a JOIN gateways g ON g.id = a.gateway_id \
         WHERE a.agent_token_hash = $1",
        agents::COLUMNS
    );
    let row = db.link().row(sql, vec![hash.into()]).await?;
    row.map(|row| Ok((agents::agent(&row)?, row.id(agents::COLUMN_COUNT)?))).transpose()
}

/// Agents whose token hash has the imported form, which can only be tried one by one: id and hash.
///
/// # Errors
/// When the database fails.
pub async fn agents_with_imported_hash(db: &impl Conn) -> Result<Vec<(mc_model::ids::AgentId, String)>> {
    // The bounds span the texts that start with `pbkdf2_sha256$` and so use the index.
    let sql = "SELECT id, agent_token_hash FROM agents \
               WHERE agent_token_hash >= 'pbkdf2_sha256$' AND agent_token_hash < 'pbkdf2_sha256%'";
    let rows = db.link().rows(sql, Vec::new()).await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.get(1)?))).collect()
}

/// Replaces an imported hash by ours, unless the token was changed meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn upgrade_token_hash(
    db: &impl Conn,
    agent: mc_model::ids::AgentId,
    imported: &str,
    hash: &str,
) -> Result<()> {
    let sql = "UPDATE agents SET agent_token_hash = $3 WHERE id = $1 AND agent_token_hash = $2";
    db.link().run(sql, vec![id(agent), imported.into(), hash.into()]).await.map(drop)
}
