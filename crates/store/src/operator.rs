//! What the person at the machine's command line sees: across all tenants, and of nobody else's business. No request
//! gets here.

use mc_model::ids::{ApiTokenId, OrganizationId, UserId};
use mc_model::organization::Organization;
use mc_model::token::OwnedToken;
use mc_model::user::User;
use mc_model::{Result, Timestamp};
use uuid::Uuid;

use crate::sql::{Conn, Row, id, opt_id, time};
use crate::{api_tokens, organizations, users};

/// An account as the operator's list shows it.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// The account.
    pub user: User,
    /// How many organizations it belongs to.
    pub organizations: i64,
    /// How many of its tokens work at the moment.
    pub active_tokens: i64,
}

/// An organization as the operator's list shows it.
#[derive(Clone, Debug)]
pub struct OrganizationRow {
    /// The organization.
    pub organization: Organization,
    /// How many members it has.
    pub members: i64,
    /// How many boards it has.
    pub boards: i64,
}

/// At most `limit` accounts behind `after`, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn users(
    db: &impl Conn,
    after: Option<UserId>,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<UserRow>> {
    let sql = format!(
        "SELECT {}, (SELECT count(*) FROM organization_members m WHERE m.user_id = u.id), \
         (SELECT count(*) FROM api_tokens t WHERE t.user_id = u.id AND t.revoked_at IS NULL \
          AND (t.expires_at IS NULL OR t.expires_at > $2)) \
         FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT {limit}",
        users::COLUMNS
    );
    let rows = db.link().rows(sql, vec![first_behind(after), time(now)]).await?;
    rows.iter()
        .map(|row| {
            Ok(UserRow {
                user: users::user_at(row, 0)?,
                organizations: row.get(users::COLUMN_COUNT)?,
                active_tokens: row.get(users::COLUMN_COUNT + 1)?,
            })
        })
        .collect()
}

/// The accounts that `name` may mean: an id, the identity provider's name of the account, or an e-mail address in any
/// case.
///
/// # Errors
/// When the database fails.
pub async fn users_named(db: &impl Conn, name: &str) -> Result<Vec<User>> {
    let sql = format!(
        "SELECT {} FROM users u WHERE u.id = $1 OR u.clerk_user_id = $2 OR lower(u.email) = $3 ORDER BY u.id LIMIT 10",
        users::COLUMNS
    );
    let values = vec![opt_id(Uuid::try_parse(name).ok()), name.to_owned().into(), name.to_lowercase().into()];
    db.link().rows(sql, values).await?.iter().map(|row| users::user_at(row, 0)).collect()
}

/// At most `limit` organizations behind `after`, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn organizations(
    db: &impl Conn,
    after: Option<OrganizationId>,
    limit: u32,
) -> Result<Vec<OrganizationRow>> {
    let sql = format!(
        "SELECT o.id, o.name, o.is_demo, o.created_at, o.updated_at, \
         (SELECT count(*) FROM organization_members m WHERE m.organization_id = o.id), \
         (SELECT count(*) FROM boards b WHERE b.organization_id = o.id) \
         FROM organizations o WHERE o.id > $1 ORDER BY o.id LIMIT {limit}"
    );
    let rows = db.link().rows(sql, vec![first_behind(after)]).await?;
    rows.iter()
        .map(|row| {
            Ok(OrganizationRow {
                organization: organizations::organization(row)?,
                members: row.get(5)?,
                boards: row.get(6)?,
            })
        })
        .collect()
}

const OWNED: &str = "FROM api_tokens t JOIN users u ON u.id = t.user_id";

fn owned(row: &Row) -> Result<OwnedToken> {
    Ok(OwnedToken { token: api_tokens::token(row)?, email: row.get(api_tokens::COLUMN_COUNT)? })
}

/// At most `limit` tokens of everybody, or of `user`, behind `after`, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn tokens(
    db: &impl Conn,
    user: Option<UserId>,
    after: Option<ApiTokenId>,
    limit: u32,
) -> Result<Vec<OwnedToken>> {
    let mut values = vec![first_behind(after)];
    let mut of_user = "";
    if let Some(user) = user {
        values.push(id(user));
        of_user = " AND t.user_id = $2";
    }
    let sql = format!(
        "SELECT {}, u.email {OWNED} WHERE t.id > $1{of_user} ORDER BY t.id LIMIT {limit}",
        api_tokens::COLUMNS
    );
    db.link().rows(sql, values).await?.iter().map(owned).collect()
}

/// The token with this id, and its owner.
///
/// # Errors
/// When the database fails.
pub async fn token(db: &impl Conn, token: ApiTokenId) -> Result<Option<(OwnedToken, User)>> {
    let sql = format!("SELECT {}, u.email, {} {OWNED} WHERE t.id = $1", api_tokens::COLUMNS, users::COLUMNS);
    let row = db.link().row(sql, vec![id(token)]).await?;
    row.map(|row| Ok((owned(&row)?, users::user_at(&row, api_tokens::COLUMN_COUNT + 1)?))).transpose()
}

/// Ids are compared; the nil UUID stands before all of them.
fn first_behind(after: Option<impl Into<Uuid>>) -> sea_orm::Value {
    id(after.map_or(Uuid::nil(), Into::into))
}
