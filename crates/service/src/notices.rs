//! Notices to agents: rows of the outbox, written with the change that causes them.

use mc_model::Timestamp;
use mc_model::approval::Approval;
use mc_model::event::NewActivity;
use mc_model::ids::{AgentId, TaskId};
use mc_model::task::{Notice, NoticeKind};
use mc_store::{NewJob, WriteTx};
use serde_json::{Value, json};

/// The kind of job that delivers a notice.
pub const DELIVER: &str = "agent.notice";
/// How often a delivery may fail before it is set aside.
const MAX_ATTEMPTS: i32 = 4;

/// Adds a notice about `task` to the outbox. The key names the cause and the recipient, so the same notice is never
/// there twice; it goes to the gateway as the idempotency key.
pub(crate) fn enqueue(tx: &mut WriteTx, cause: &NewActivity, task: TaskId, notice: Notice) {
    let about = json!({"task_id": task, "activity_id": cause.id});
    push(tx, notice, &cause.id.to_string(), about);
}

/// Adds a notice about a decided approval. The decision and its time are part of the key: each decision is told once.
pub(crate) fn enqueue_decision(tx: &mut WriteTx, approval: &Approval, to: AgentId) {
    let notice = Notice { kind: NoticeKind::ApprovalResolved, to };
    let at = approval.resolved_at.map(Timestamp::micros).unwrap_or_default();
    let cause = format!("{}:{}:{at}", approval.id, approval.status.as_str());
    let about = json!({
        "approval_id": approval.id,
        "task_id": approval.task_ids.first(),
        "decision": approval.status.as_str(),
    });
    push(tx, notice, &cause, about);
}

fn push(tx: &mut WriteTx, notice: Notice, cause: &str, about: Value) {
    let key = format!("{cause}:{}:{}", notice.kind.as_str(), notice.to);
    let mut payload = json!({
        "notice": notice.kind.as_str(),
        "agent_id": notice.to,
        "wake": notice.kind.wake_reason(),
        "idempotency_key": key,
    });
    if let (Some(payload), Value::Object(about)) = (payload.as_object_mut(), about) {
        payload.extend(about);
    }
    tx.job(NewJob {
        kind: DELIVER,
        payload,
        run_at: tx.now(),
        max_attempts: MAX_ATTEMPTS,
        dedup_key: Some(key),
    });
}
