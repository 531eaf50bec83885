//! Accounts.

use mc_model::ids::{OrganizationId, UserId};
use mc_model::organization::Member;
use mc_model::user::User;
use mc_model::{Result, Timestamp};

use crate::organizations::{MEMBER_COLUMNS, member_at};
use crate::sql::{Conn, Row, id, opt_id, time};
use crate::tx::WriteTx;

pub(crate) const COLUMNS: &str = "u.id, u.clerk_user_id, u.email, u.name, u.preferred_name, u.pronouns, \
                                  u.timezone, u.notes, u.context, u.is_super_admin, u.active_organization_id";
pub(crate) const COLUMN_COUNT: usize = 11;

fn user(row: &Row) -> Result<User> {
    user_at(row, 0)
}

/// The account whose columns start at `first`.
pub(crate) fn user_at(row: &Row, first: usize) -> Result<User> {
    Ok(User {
        id: row.id(first)?,
        external_id: row.get(first + 1)?,
        email: row.get(first + 2)?,
        name: row.get(first + 3)?,
        preferred_name: row.get(first + 4)?,
        pronouns: row.get(first + 5)?,
        timezone: row.get(first + 6)?,
        notes: row.get(first + 7)?,
        context: row.get(first + 8)?,
        is_super_admin: row.get(first + 9)?,
        active_organization_id: row.opt_id(first + 10)?,
    })
}

/// The account with this external id and its membership of its active organization, if it has one.
///
/// # Errors
/// When the database fails.
pub async fn with_active_membership(
    db: &impl Conn,
    external_id: &str,
) -> Result<Option<(User, Option<Member>)>> {
    let sql = format!(
        "SELECT {COLUMNS}, {MEMBER_COLUMNS} FROM users u \
         LEFT JOIN organization_members m ON m.user_id = u.id AND m.organization_id = u.active_organization_id \
         WHERE u.clerk_user_id = $1"
    );
    let row = db.link().row(sql, vec![external_id.into()]).await?;
    row.map(|row| {
        let member = match row.opt_id::<UserId>(COLUMN_COUNT)? {
            Some(_) => Some(member_at(&row, COLUMN_COUNT)?),
            None => None,
        };
        Ok((user(&row)?, member))
    })
    .transpose()
}

/// Adds the account unless one with its external id is there.
///
/// # Errors
/// When the database fails.
pub async fn insert_if_absent(db: &impl Conn, user: &User, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO users (id, clerk_user_id, email, name, preferred_name, pronouns, timezone, notes, context, \
               is_super_admin, active_organization_id, created_at, updated_at) \
               VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13) ON CONFLICT (clerk_user_id) DO NOTHING";
    let values = vec![
        id(user.id),
        user.external_id.clone().into(),
        user.email.clone().into(),
        user.name.clone().into(),
        user.preferred_name.clone().into(),
        user.pronouns.clone().into(),
        user.timezone.clone().into(),
        user.notes.clone().into(),
        user.context.clone().into(),
        user.is_super_admin.into(),
        opt_id(user.active_organization_id),
        time(now),
        time(now),
    ];
    db.link().run(sql, values).await.map(drop)
}

/// Stores the profile fields of the account.
///
/// # Errors
/// When the database fails.
pub async fn update_profile(tx: &WriteTx, user: &User) -> Result<()> {
    let sql = "UPDATE users SET email = $2, name = $3, preferred_name = $4, pronouns = $5, timezone = $6, notes = $7, \
               context = $8, updated_at = $9 WHERE id = $1";
    let values = vec![
        id(user.id),
        user.email.clone().into(),
        user.name.clone().into(),
        user.preferred_name.clone().into(),
        user.pronouns.clone().into(),
        user.timezone.clone().into(),
        user.notes.clone().into(),
        user.context.clone().into(),
        time(tx.now()),
    ];
    tx.link().run(sql, values).await.map(drop)
}

/// Makes `organization` the account's active one.
///
/// # Errors
/// When the database fails.
pub async fn set_active_organization(
    db: &impl Conn,
    user: UserId,
    organization: Option<OrganizationId>,
) -> Result<()> {
    let sql = "UPDATE users SET active_organization_id = $2 WHERE id = $1";
    db.link().run(sql, vec![id(user), opt_id(organization)]).await.map(drop)
}

/// Locks the account against another first request of the same person, and says whether it is still there.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &WriteTx, user: UserId) -> Result<bool> {
    let sql = format!("SELECT id FROM users WHERE id = $1{}", tx.link().dialect.lock_row());
    Ok(tx.link().row(sql, vec![id(user)]).await?.is_some())
}

/// Locks the account so that nothing can be added to it any more, and says whether it is still there.
///
/// # Errors
/// When the database fails.
pub async fn lock_to_delete(tx: &WriteTx, user: UserId) -> Result<bool> {
    let sql = format!("SELECT id FROM users WHERE id = $1{}", tx.link().dialect.lock_row_to_delete());
    Ok(tx.link().row(sql, vec![id(user)]).await?.is_some())
}

/// The organizations on whose boards the account is shown as the creator of a task, a member there or not.
///
/// # Errors
/// When the database fails.
pub async fn organizations_with_tasks_of(db: &impl Conn, user: UserId) -> Result<Vec<OrganizationId>> {
    let sql = "SELECT DISTINCT b.organization_id FROM tasks t JOIN boards b ON b.id = t.board_id \
               WHERE t.created_by_user_id = $1";
    db.link().rows(sql, vec![id(user)]).await?.iter().map(|row| row.id(0)).collect()
}

/// Removes the account with all that belongs to it alone: its memberships, tokens and remembered answers. Where it is
/// mentioned (tasks, invites, activities) the mention is forgotten.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &WriteTx, user: UserId) -> Result<()> {
    // These rows have no foreign key, see the schema.
    tx.link().run("DELETE FROM idempotency_keys WHERE caller_id = $1", vec![id(user)]).await?;
    tx.link().run("DELETE FROM users WHERE id = $1", vec![id(user)]).await.map(drop)
}

/// Makes the user's oldest remaining organization the active one, or none, if `left` is active.
///
/// # Errors
/// When the database fails.
pub async fn leave_active(tx: &WriteTx, user: UserId, left: OrganizationId) -> Result<()> {
    let sql = "UPDATE users SET active_organization_id = (SELECT m.organization_id FROM organization_members m \
               WHERE m.user_id = $1 AND m.organization_id <> $2 ORDER BY m.created_at, m.id LIMIT 1) \
               WHERE id = $1 AND active_organization_id = $2";
    tx.link().run(sql, vec![id(user), id(left)]).await.map(drop)
}

/// Makes `organization` the active one if the user has none.
///
/// # Errors
/// When the database fails.
pub async fn activate_if_none(tx: &WriteTx, user: UserId, organization: OrganizationId) -> Result<()> {
    let sql = "UPDATE users SET active_organization_id = $2 WHERE id = $1 AND active_organization_id IS NULL";
    tx.link().run(sql, vec![id(user), id(organization)]).await.map(drop)
}

/// Whether the user is a member of the organization.
///
/// # Errors
/// When the database fails.
pub async fn is_member(db: &impl Conn, organization: OrganizationId, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 FROM organization_members WHERE organization_id = $1 AND user_id = $2";
    Ok(db.link().row(sql, vec![id(organization), id(user)]).await?.is_some())
}
