//! Accounts in the terms of an identity provider: who signed in, when the profile was fetched, and which accounts have
//! still to be deleted there.

use mc_model::access::Role;
use mc_model::ids::{OrganizationId, UserId};
use mc_model::organization::{Member, Organization};
use mc_model::user::User;
use mc_model::{Result, Timestamp};

use crate::organizations::{MEMBER_COLUMNS, member_at};
use crate::sql::{Conn, id, opt_time, time};
use crate::tx::WriteTx;
use crate::users;

/// An account as signing in needs it.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The account.
    pub user: User,
    /// Its membership of its active organization.
    pub member: Option<Member>,
    /// The issuer it is linked to.
    pub issuer: Option<String>,
    /// Its name at that issuer.
    pub subject: Option<String>,
    /// When its profile was last taken from the provider; see [`claim_sync`].
    pub profile_synced_at: Option<Timestamp>,
    /// Its role in the organization that was asked about.
    pub role_there: Option<Role>,
}

/// The account with this external id, in one statement.
///
/// # Errors
/// When the database fails.
pub async fn by_external_id(db: &impl Conn, external_id: &str) -> Result<Option<SignedIn>> {
    find(db, "u.clerk_user_id = $1", vec![external_id.into()], None).await
}

/// The account that is linked to this subject of an issuer, in one statement; `organization` is the name of one whose
/// role is wanted too. Of several organizations of that name the oldest is meant.
///
/// # Errors
/// When the database fails.
pub async fn by_subject(
    db: &impl Conn,
    issuer: &str,
    subject: &str,
    organization: Option<&str>,
) -> Result<Option<SignedIn>> {
    let values = vec![issuer.into(), subject.into()];
    find(db, "u.identity_issuer = $1 AND u.identity_subject = $2", values, organization).await
}

async fn find(
    db: &impl Conn,
    is_wanted: &str,
    mut values: Vec<sea_orm::Value>,
    organization: Option<&str>,
) -> Result<Option<SignedIn>> {
    const MEMBER: usize = users::COLUMN_COUNT;
    const REST: usize = MEMBER + 8;
    let columns = users::COLUMNS;
    let role = match organization {
        Some(name) => {
            values.push(name.into());
            format!(
                "(SELECT t.role FROM organization_members t WHERE t.user_id = u.id AND t.organization_id = \
                 (SELECT id FROM organizations WHERE name = ${} ORDER BY created_at, id LIMIT 1))",
                values.len()
            )
        }
        None => "CAST(NULL AS text)".to_owned(),
    };
    let sql = format!(
        "SELECT {columns}, {MEMBER_COLUMNS}, u.identity_issuer, u.identity_subject, u.profile_synced_at, {role} \
         FROM users u LEFT JOIN organization_members m \
         ON m.user_id = u.id AND m.organization_id = u.active_organization_id WHERE {is_wanted}"
    );
    let Some(row) = db.link().row(sql, values).await? else { return Ok(None) };
    let member = match row.opt_id::<UserId>(MEMBER)? {
        Some(_) => Some(member_at(&row, MEMBER)?),
        None => None,
    };
    Ok(Some(SignedIn {
        user: users::user_at(&row, 0)?,
        member,
        issuer: row.get(REST)?,
        subject: row.get(REST + 1)?,
        profile_synced_at: row.opt_time(REST + 2)?,
        role_there: row.get::<Option<String>>(REST + 3)?.as_deref().map(Role::from_stored),
    }))
}

/// Links the account to its name at an issuer.
///
/// # Errors
/// When the database fails.
pub async fn link(
    tx: &WriteTx,
    user: UserId,
    issuer: &str,
    subject: &str,
    profile_synced_at: Option<Timestamp>,
) -> Result<()> {
    let sql = "UPDATE users SET identity_issuer = $2, identity_subject = $3, profile_synced_at = $4, updated_at = $5 \
               WHERE id = $1";
    let values = vec![id(user), issuer.into(), subject.into(), opt_time(profile_synced_at), time(tx.now())];
    tx.link().run(sql, values).await.map(drop)
}

/// Takes it on to fetch the profile of an account whose last time was at `stale_before` or earlier, and notes
/// `until_then` as the last time, so that nobody else does it at once and somebody does it should this one fail. Says
/// whether it was taken.
///
/// # Errors
/// When the database fails.
pub async fn claim_sync(
    tx: &WriteTx,
    user: UserId,
    stale_before: Timestamp,
    until_then: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE users SET profile_synced_at = $3 WHERE id = $1 \
               AND (profile_synced_at IS NULL OR profile_synced_at <= $2)";
    Ok(tx.link().run(sql, vec![id(user), time(stale_before), time(until_then)]).await? > 0)
}

/// Stores e-mail and name as the provider says, as of now. Says whether the account was there.
///
/// # Errors
/// When the database fails.
pub async fn store_profile(
    tx: &WriteTx,
    user: UserId,
    email: Option<&str>,
    name: Option<&str>,
) -> Result<bool> {
    // A name that the person chose stays; an e-mail address follows the provider.
    let sql = "UPDATE users SET email = COALESCE($2, email), \
               name = CASE WHEN name IS NULL OR name = '' THEN COALESCE($3, name) ELSE name END, \
               profile_synced_at = $4, updated_at = $4 WHERE id = $1";
    Ok(tx.link().run(sql, vec![id(user), email.into(), name.into(), time(tx.now())]).await? > 0)
}

/// The oldest organization of this name.
///
/// # Errors
/// When the database fails.
pub async fn organization_named(db: &impl Conn, name: &str) -> Result<Option<Organization>> {
    let sql = "SELECT id FROM organizations WHERE name = $1 ORDER BY created_at, id LIMIT 1";
    let found = db.link().row(sql, vec![name.into()]).await?;
    let found = found.map(|row| row.id::<OrganizationId>(0)).transpose()?;
    match found {
        Some(organization) => crate::organizations::by_id(db, organization).await,
        None => Ok(None),
    }
}

/// An account that is gone here and has still to be deleted at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingDeletion {
    /// The account's external id.
    pub external_id: String,
    /// When it was deleted here.
    pub requested_at: Timestamp,
    /// Nobody tries before this moment.
    pub next_try_at: Timestamp,
}

/// What the keys of pending deletions in `server_settings` begin with.
const PENDING: &str = "identity.deleting:";

fn pending_key(external_id: &str) -> String {
    format!("{PENDING}{external_id}")
}

/// Notes in the transaction that deletes an account that the provider has to follow. While the note is there nobody
/// can sign in with this external id.
///
/// # Errors
/// When the database fails.
pub async fn begin_deletion(tx: &WriteTx, external_id: &str, next_try_at: Timestamp) -> Result<()> {
    let sql =
        "INSERT INTO server_settings (key, value, updated_at) VALUES ($1,$2,$3) ON CONFLICT (key) DO NOTHING";
    let values = vec![pending_key(external_id).into(), tx.now().to_string().into(), time(next_try_at)];
    tx.link().run(sql, values).await.map(drop)
}

/// Whether the account has still to be deleted at the provider.
///
/// # Errors
/// When the database fails.
pub async fn is_being_deleted(db: &impl Conn, external_id: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM server_settings WHERE key = $1";
    Ok(db.link().row(sql, vec![pending_key(external_id).into()]).await?.is_some())
}

/// The deletions that somebody should try now, oldest first, at most 100.
///
/// # Errors
/// When the database fails.
pub async fn deletions_due(db: &impl Conn, now: Timestamp) -> Result<Vec<PendingDeletion>> {
    let sql = "SELECT key, value, updated_at FROM server_settings WHERE key LIKE $1 AND updated_at <= $2 \
               ORDER BY updated_at, key LIMIT 100";
    let rows = db.link().rows(sql, vec![format!("{PENDING}%").into(), time(now)]).await?;
    rows.iter()
        .map(|row| {
            let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
            let next_try_at = row.time(2)?;
            Ok(PendingDeletion {
                external_id: key.strip_prefix(PENDING).unwrap_or_default().to_owned(),
                requested_at: Timestamp::parse_iso(&value).unwrap_or(next_try_at),
                next_try_at,
            })
        })
        .collect()
}

/// Takes a due deletion on; says whether nobody else did.
///
/// # Errors
/// When the database fails.
pub async fn claim_deletion(tx: &WriteTx, pending: &PendingDeletion, next_try_at: Timestamp) -> Result<bool> {
    let sql = "UPDATE server_settings SET updated_at = $3 WHERE key = $1 AND updated_at = $2";
    let values = vec![pending_key(&pending.external_id).into(), time(pending.next_try_at), time(next_try_at)];
    Ok(tx.link().run(sql, values).await? > 0)
}

/// Forgets a deletion: it is done, or given up.
///
/// # Errors
/// When the database fails.
pub async fn end_deletion(tx: &WriteTx, external_id: &str) -> Result<()> {
    let sql = "DELETE FROM server_settings WHERE key = $1";
    tx.link().run(sql, vec![pending_key(external_id).into()]).await.map(drop)
}
