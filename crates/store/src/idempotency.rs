//! Answers that were given to requests with a key of the caller's, to be given again.
//!
//! A row is written in the transaction of the change it answers. That holds the lock of the scope, so the look-up
//! before the change and the row after it cannot be parted by another request with the same key.

use mc_model::{Result, Timestamp};
use uuid::Uuid;

use crate::sql::{Conn, id, time};
use crate::tx::WriteTx;

/// How many outdated answers a write removes in passing.
const SWEPT: u32 = 100;

/// Where an answer is kept: callers do not see the keys of others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The board.
    pub scope: Uuid,
    /// The person or the agent.
    pub caller: Uuid,
    /// The key, as sent.
    pub key: String,
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The hash of the request that it answers.
    pub request_hash: String,
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// The answer that is kept there, unless it is outdated.
///
/// # Errors
/// When the database fails.
pub async fn find(tx: &WriteTx, place: &Place) -> Result<Option<KeptAnswer>> {
    let sql = "SELECT request_hash, status, response FROM idempotency_keys \
               WHERE scope_id = $1 AND caller_id = $2 AND key = $3 AND expires_at > $4";
    let values = vec![place.scope.into(), place.caller.into(), place.key.clone().into(), time(tx.now())];
    let Some(row) = tx.link().row(sql, values).await? else { return Ok(None) };
    let status = row.get::<Option<i32>>(1)?.and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let body = row.get::<Option<String>>(2)?.unwrap_or_default();
    Ok(Some(KeptAnswer { request_hash: row.get(0)?, status, body }))
}

/// Keeps an answer until `expires_at`, in place of an outdated one. Look for one in the same transaction first.
///
/// # Errors
/// When the database fails, or an answer that is not outdated is there already.
pub async fn keep(tx: &WriteTx, place: &Place, answer: &KeptAnswer, expires_at: Timestamp) -> Result<()> {
    let sql = "INSERT INTO idempotency_keys (id, scope_id, caller_id, key, request_hash, status, response, \
               created_at, expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) \
               ON CONFLICT (scope_id, caller_id, key) DO UPDATE SET request_hash = excluded.request_hash, \
               status = excluded.status, response = excluded.response, created_at = excluded.created_at, \
               expires_at = excluded.expires_at WHERE idempotency_keys.expires_at <= excluded.created_at";
    let values = vec![
        id(mc_model::ids::ActivityId::generate()),
        place.scope.into(),
        place.caller.into(),
        place.key.clone().into(),
        answer.request_hash.clone().into(),
        i32::from(answer.status).into(),
        answer.body.clone().into(),
        time(tx.now()),
        time(expires_at),
    ];
    match tx.link().run(sql, values).await? {
        0 => Err(mc_model::Error::internal("an answer was kept twice for one key")),
        _ => Ok(()),
    }
}

/// Removes some outdated answers, of whatever scope, without waiting for others who do the same.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &WriteTx) -> Result<()> {
    let sql = format!(
        "DELETE FROM idempotency_keys WHERE id IN (SELECT k.id FROM idempotency_keys k WHERE k.expires_at <= $1 \
         ORDER BY k.expires_at LIMIT {SWEPT}{})",
        tx.link().dialect.skip_locked()
    );
    tx.link().run(sql, vec![time(tx.now())]).await.map(drop)
}
