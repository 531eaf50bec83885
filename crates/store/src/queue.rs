//! The job queue: claimed with a lease, retried with backoff, set aside when hopeless.
//!
//! Jobs are added by [`WriteTx::job`] in the transaction that makes them necessary. A worker claims a job by leasing
//! it, works outside of any transaction, and finishes or reschedules it. A worker that dies loses its lease, and
//! another one takes the job: handlers run at least once and must be idempotent.

use std::time::Duration;

use mc_model::clock::jitter;
use mc_model::ids::JobId;
use mc_model::{Result, Timestamp};
use serde_json::Value as Json;

use crate::sql::{Conn, Row, id, marks, time};
use crate::tx::WriteTx;

/// How long a failed job waits: doubled from `base` each time up to `max`, plus up to a tenth of it at random.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The wait after the first failure.
    pub base: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Backoff {
    /// The wait after `attempt` failed runs, from 1.
    #[must_use]
    pub fn delay(self, attempt: u32) -> Duration {
        let doubled =
            self.base.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        let delay = doubled.min(self.max);
        delay + jitter((delay / 10).min(self.max / 10))
    }
}

/// A job that this worker holds until its lease ends.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// Identifier.
    pub id: JobId,
    /// Which handler runs it.
    pub kind: String,
    /// What the handler needs.
    pub payload: Json,
    /// Which run this is, from 1.
    pub attempt: i32,
    /// After how many failed runs the job is set aside.
    pub max_attempts: i32,
    /// The request that caused it.
    pub request_id: Option<String>,
}

/// A job that was set aside.
#[derive(Clone, Debug)]
pub struct DeadJob {
    /// Identifier.
    pub id: JobId,
    /// Which handler failed.
    pub kind: String,
    /// What it got.
    pub payload: Json,
    /// How often it was tried.
    pub attempt: i32,
    /// The last failure.
    pub last_error: Option<String>,
    /// When it was set aside.
    pub dead_at: Timestamp,
}

/// Leases at most `limit` due jobs of these kinds to `worker` for `lease`, oldest first. A job whose lease ran out
/// counts as due.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    tx: &WriteTx,
    worker: &str,
    kinds: &[&str],
    lease: Duration,
    limit: u32,
) -> Result<Vec<ClaimedJob>> {
    // Materialized: a plan that ran the inner query once per row would lock, and lease, more than the limit.
    let sql = format!(
        "WITH due AS MATERIALIZED (SELECT id FROM jobs WHERE dead_at IS NULL AND run_at <= $3 \
         AND (lease_until IS NULL OR lease_until < $3) AND kind IN ({}) ORDER BY run_at, id LIMIT {limit}{}) \
         UPDATE jobs SET lease_until = $1, leased_by = $2, attempt = attempt + 1, updated_at = $3 \
         WHERE id IN (SELECT id FROM due) RETURNING id, kind, payload, attempt, max_attempts, request_id",
        marks(4, kinds.len()),
        tx.link().dialect.skip_locked()
    );
    let now = tx.now();
    let mut values = vec![time(now.after(lease)), worker.into(), time(now)];
    values.extend(kinds.iter().map(|kind| (*kind).into()));
    tx.link().rows(sql, values).await?.iter().map(claimed).collect()
}

fn claimed(row: &Row) -> Result<ClaimedJob> {
    Ok(ClaimedJob {
        id: row.id(0)?,
        kind: row.get(1)?,
        payload: row.get(2)?,
        attempt: row.get(3)?,
        max_attempts: row.get(4)?,
        request_id: row.get(5)?,
    })
}

/// Removes a finished job, if `worker` still holds it.
///
/// # Errors
/// When the database fails.
pub async fn finish(tx: &WriteTx, worker: &str, job: JobId) -> Result<bool> {
    let sql = "DELETE FROM jobs WHERE id = $1 AND leased_by = $2";
    Ok(tx.link().run(sql, vec![id(job), worker.into()]).await? > 0)
}

/// Puts a failed job back for later, or sets it aside when its attempts are used up. Says whether it was set aside;
/// a job that `worker` no longer holds is left alone.
///
/// # Errors
/// When the database fails.
pub async fn fail(
    tx: &WriteTx,
    worker: &str,
    job: &ClaimedJob,
    error: &str,
    backoff: Backoff,
) -> Result<bool> {
    let now = time(tx.now());
    if job.attempt >= job.max_attempts {
        let sql = "UPDATE jobs SET dead_at = $3, dedup_key = NULL, lease_until = NULL, leased_by = NULL, \
                   last_error = $4, updated_at = $3 WHERE id = $1 AND leased_by = $2";
        return Ok(tx.link().run(sql, vec![id(job.id), worker.into(), now, error.into()]).await? > 0);
    }
    let attempt = u32::try_from(job.attempt).unwrap_or(1);
    let run_at = tx.now().after(backoff.delay(attempt));
    let sql = "UPDATE jobs SET run_at = $5, lease_until = NULL, leased_by = NULL, last_error = $4, \
               updated_at = $3 WHERE id = $1 AND leased_by = $2";
    tx.link().run(sql, vec![id(job.id), worker.into(), now, error.into(), time(run_at)]).await?;
    Ok(false)
}

/// When the next job of these kinds is due, counting leases that run out.
///
/// # Errors
/// When the database fails.
pub async fn next_due(db: &impl Conn, kinds: &[&str]) -> Result<Option<Timestamp>> {
    let sql = format!(
        "SELECT run_at, lease_until FROM jobs WHERE dead_at IS NULL AND kind IN ({}) ORDER BY run_at, id LIMIT 100",
        marks(1, kinds.len())
    );
    let rows = db.link().rows(sql, kinds.iter().map(|kind| (*kind).into()).collect()).await?;
    let due = rows.iter().map(|row| Ok(row.opt_time(1)?.unwrap_or(row.time(0)?).max(row.time(0)?)));
    Ok(due.collect::<Result<Vec<_>>>()?.into_iter().min())
}

/// The jobs that were set aside, newest first.
///
/// # Errors
/// When the database fails.
pub async fn dead(db: &impl Conn, limit: u32) -> Result<Vec<DeadJob>> {
    let sql = format!(
        "SELECT id, kind, payload, attempt, last_error, dead_at FROM jobs WHERE dead_at IS NOT NULL \
         ORDER BY dead_at DESC, id DESC LIMIT {limit}"
    );
    let rows = db.link().rows(sql, Vec::new()).await?;
    rows.iter()
        .map(|row| {
            Ok(DeadJob {
                id: row.id(0)?,
                kind: row.get(1)?,
                payload: row.get(2)?,
                attempt: row.get(3)?,
                last_error: row.get(4)?,
                dead_at: row.time(5)?,
            })
        })
        .collect()
}
