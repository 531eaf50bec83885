//! The job runner: claims due jobs with a lease, runs them outside of any transaction, finishes or reschedules them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mc_model::Result;
use mc_store::queue::{self, Backoff, ClaimedJob};

use crate::Services;

/// How long a worker may take for a job before another one takes it.
const LEASE: Duration = Duration::from_secs(120);
/// How many jobs a worker runs at the same time.
const PARALLEL: u32 = 8;
/// How long a worker trusts the absence of hints.
const TIMER: Duration = Duration::from_secs(2);
/// Pauses between the runs of a failing job.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(10), max: Duration::from_secs(120) };

/// Does the work of one kind of job. Runs at least once per job: must be idempotent.
pub type Handler = Arc<dyn Fn(ClaimedJob) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// Handlers by kind of job.
pub type Handlers = BTreeMap<&'static str, Handler>;

impl Services {
    /// Runs jobs of the kinds that `handlers` names until the services stop. `worker` names this process in the
    /// leases.
    pub fn spawn_job_runner(&self, worker: String, handlers: Handlers) {
        let services = self.clone();
        let run = async move {
            let shutdown = services.shutdown.clone();
            while !shutdown.is_cancelled() {
                let ran = services.run_due_jobs(&worker, &handlers).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "jobs.claim_failed");
                    0
                });
                if ran == 0 {
                    let rest = tokio::time::timeout(TIMER, services.hub.job_added());
                    shutdown.run_until_cancelled(rest).await;
                }
            }
        };
        self.tracker.spawn(run);
    }

    /// Runs the jobs that are due now, once, and says how many there were.
    ///
    /// # Errors
    /// When the jobs cannot be claimed.
    pub async fn run_due_jobs(&self, worker: &str, handlers: &Handlers) -> Result<usize> {
        let kinds: Vec<_> = handlers.keys().copied().collect();
        if kinds.is_empty() {
            return Ok(0);
        }
        let claimed = self
            .store
            .write(None, None, async |tx| queue::claim(tx, worker, &kinds, LEASE, PARALLEL).await)
            .await?;
        let count = claimed.len();
        let runs = claimed.into_iter().map(|job| self.run_job(worker, handlers, job));
        futures_util::future::join_all(runs).await;
        Ok(count)
    }

    async fn run_job(&self, worker: &str, handlers: &Handlers, job: ClaimedJob) {
        let Some(handler) = handlers.get(job.kind.as_str()) else { return };
        let outcome = if job.attempt > job.max_attempts {
            // Its last worker neither finished nor failed it: a job that takes its worker down is not run for ever.
            Err("its worker was lost at the last attempt".to_owned())
        } else {
            match tokio::time::timeout(LEASE, handler(job.clone())).await {
                Ok(outcome) => outcome.map_err(|error| error.to_string()),
                Err(_) => Err(format!("no result within {} seconds", LEASE.as_secs())),
            }
        };
        let settled = self
            .store
            .write(None, None, async |tx| match &outcome {
                Ok(()) => queue::finish(tx, worker, job.id).await.map(|_| false),
                Err(error) => queue::fail(tx, worker, &job, error, BACKOFF).await,
            })
            .await;
        match (settled, outcome) {
            (Ok(true), Err(error)) => {
                tracing::error!(job.id = %job.id, job.kind, error, "jobs.dead");
            }
            (Ok(false), Err(error)) => {
                tracing::warn!(job.id = %job.id, job.kind, attempt = job.attempt, error, "jobs.failed");
            }
            (Ok(_), Ok(())) => {}
            // The lease runs out and the job is run again.
            (Err(error), _) => tracing::warn!(job.id = %job.id, %error, "jobs.settle_failed"),
        }
    }
}
