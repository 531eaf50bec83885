//! Notices to agents: rows of the outbox, written with the change that causes them.

use mc_model::event::NewActivity;
use mc_model::ids::TaskId;
use mc_model::task::Notice;
use mc_store::{NewJob, WriteTx};
use serde_json::json;

/// The kind of job that delivers a notice.
pub const DELIVER: &str = "agent.notice";
/// How often a delivery may fail before it is set aside.
const MAX_ATTEMPTS: i32 = 4;

/// Adds a notice about `task` to the outbox. The key names the cause and the recipient, so the same notice is never
/// there twice; it goes to the gateway as the idempotency key.
pub(crate) fn enqueue(tx: &mut WriteTx, cause: &NewActivity, task: TaskId, notice: Notice) {
    let key = format!("{}:{}:{}", cause.id, notice.kind.as_str(), notice.to);
    tx.job(NewJob {
        kind: DELIVER,
        payload: json!({
            "notice": notice.kind.as_str(),
            "agent_id": notice.to,
            "task_id": task,
            "activity_id": cause.id,
            "wake": notice.kind.wake_reason(),
            "idempotency_key": key,
        }),
        run_at: tx.now(),
        max_attempts: MAX_ATTEMPTS,
        dedup_key: Some(key),
    });
}
