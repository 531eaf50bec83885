//! API tokens. Only their hashes are stored.

use mc_model::ids::{ApiTokenId, UserId};
use mc_model::organization::Member;
use mc_model::token::{ApiToken, TokenScope};
use mc_model::user::User;
use mc_model::{Page, PageRequest, Result, Timestamp};

use crate::organizations::{MEMBER_COLUMNS, member_at};
use crate::sql::{Conn, Row, count, id, opt_id, opt_time, time};
use crate::tx::WriteTx;
use crate::users;

pub(crate) const COLUMNS: &str = "t.id, t.user_id, t.organization_id, t.board_id, t.name, t.scopes, t.expires_at, \
                                  t.last_used_at, t.revoked_at, t.created_at";
pub(crate) const COLUMN_COUNT: usize = 10;

pub(crate) fn token(row: &Row) -> Result<ApiToken> {
    Ok(ApiToken {
        id: row.id(0)?,
        user_id: row.id(1)?,
        organization_id: row.opt_id(2)?,
        board_id: row.opt_id(3)?,
        name: row.get(4)?,
        scope: TokenScope::from_stored(&row.get::<String>(5)?),
        expires_at: row.opt_time(6)?,
        last_used_at: row.opt_time(7)?,
        revoked_at: row.opt_time(8)?,
        created_at: row.time(9)?,
    })
}

/// A token with its owner as it stands at this moment.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The token; it may have expired or been revoked.
    pub token: ApiToken,
    /// Its owner.
    pub user: User,
    /// The owner's membership of the active organization, if there is one.
    pub member: Option<Member>,
}

/// The token with this hash and its owner, in one statement.
///
/// # Errors
/// When the database fails.
pub async fn bearer(db: &impl Conn, hash: &str) -> Result<Option<Bearer>> {
    const USER_AT: usize = COLUMN_COUNT;
    const MEMBER_AT: usize = COLUMN_COUNT + users::COLUMN_COUNT;
    let sql = format!(
        "SELECT {COLUMNS}, {}, {MEMBER_COLUMNS} FROM api_tokens t JOIN users u ON u.id = t.user_id \
         LEFT JOIN organization_members m ON m.user_id = u.id AND m.organization_id = u.active_organization_id \
         WHERE t.token_hash = $1",
        users::COLUMNS
    );
    let Some(row) = db.link().row(sql, vec![hash.into()]).await? else { return Ok(None) };
    let member = match row.opt_id::<UserId>(MEMBER_AT)? {
        Some(_) => Some(member_at(&row, MEMBER_AT)?),
        None => None,
    };
    Ok(Some(Bearer { token: token(&row)?, user: users::user_at(&row, USER_AT)?, member }))
}

/// Adds a token with the hash of its text.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, token: &ApiToken, hash: &str) -> Result<()> {
    let sql = "INSERT INTO api_tokens (id, user_id, organization_id, board_id, name, token_hash, scopes, expires_at, \
               last_used_at, revoked_at, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)";
    let values = vec![
        id(token.id),
        id(token.user_id),
        opt_id(token.organization_id),
        opt_id(token.board_id),
        token.name.clone().into(),
        hash.into(),
        token.scope.as_str().into(),
        opt_time(token.expires_at),
        opt_time(token.last_used_at),
        opt_time(token.revoked_at),
        time(token.created_at),
    ];
    tx.link().run(sql, values).await.map(drop)
}

/// The tokens of a user, newest first; those revoked are left out unless asked for.
///
/// # Errors
/// When the database fails.
pub async fn of_user(
    db: &impl Conn,
    user: UserId,
    with_revoked: bool,
    page: PageRequest,
) -> Result<Page<ApiToken>> {
    let of_user = if with_revoked {
        "FROM api_tokens t WHERE t.user_id = $1"
    } else {
        "FROM api_tokens t WHERE t.user_id = $1 AND t.revoked_at IS NULL"
    };
    let total = count(db.link().row(format!("SELECT count(*) {of_user}"), vec![id(user)]).await?)?;
    let sql = format!(
        "SELECT {COLUMNS} {of_user} ORDER BY t.created_at DESC, t.id DESC LIMIT {} OFFSET {}",
        page.limit, page.offset
    );
    let rows = db.link().rows(sql, vec![id(user)]).await?;
    Ok(Page::new(rows.iter().map(token).collect::<Result<_>>()?, total, page))
}

/// How many tokens of the user work at this moment.
///
/// # Errors
/// When the database fails.
pub async fn count_active(db: &impl Conn, user: UserId, now: Timestamp) -> Result<i64> {
    let sql = "SELECT count(*) FROM api_tokens WHERE user_id = $1 AND revoked_at IS NULL \
               AND (expires_at IS NULL OR expires_at > $2)";
    count(db.link().row(sql, vec![id(user), time(now)]).await?)
}

/// A token of a user.
///
/// # Errors
/// When the database fails.
pub async fn own(db: &impl Conn, user: UserId, token_id: ApiTokenId) -> Result<Option<ApiToken>> {
    let sql = format!("SELECT {COLUMNS} FROM api_tokens t WHERE t.id = $1 AND t.user_id = $2");
    let row = db.link().row(sql, vec![id(token_id), id(user)]).await?;
    row.as_ref().map(token).transpose()
}

/// Whether the token is there and was not revoked.
///
/// # Errors
/// When the database fails.
pub async fn is_in_use(db: &impl Conn, token_id: ApiTokenId) -> Result<bool> {
    let sql = "SELECT 1 FROM api_tokens WHERE id = $1 AND revoked_at IS NULL";
    Ok(db.link().row(sql, vec![id(token_id)]).await?.is_some())
}

/// Ends a token of a user at the transaction's time. Says whether it was still in use: of two who end it at the same
/// time one is told so.
///
/// # Errors
/// When the database fails.
pub async fn revoke(tx: &WriteTx, user: UserId, token_id: ApiTokenId) -> Result<bool> {
    let sql = "UPDATE api_tokens SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL";
    Ok(tx.link().run(sql, vec![id(token_id), id(user), time(tx.now())]).await? > 0)
}

/// Writes down that the token is in use, unless that was done since `stale_before`.
///
/// # Errors
/// When the database fails.
pub async fn touch(tx: &WriteTx, token_id: ApiTokenId, stale_before: Timestamp) -> Result<()> {
    let sql = "UPDATE api_tokens SET last_used_at = $2 \
               WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
    tx.link().run(sql, vec![id(token_id), time(tx.now()), time(stale_before)]).await.map(drop)
}
