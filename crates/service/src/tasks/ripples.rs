//! What a change of one task does to those that wait for it.

use mc_model::Result;
use mc_model::event::{NewActivity, kind};
use mc_model::ids::AgentId;
use mc_model::task::{Ripple, RippleKind, Task, TaskStatus, cascade};
use mc_store::{self as store, WriteTx};
use serde_json::json;

use crate::access::Actor;
use crate::notices;

/// Carries the change from `before` to `after` on to the direct dependents, in the same transaction.
pub(super) async fn carry_on(
    tx: &mut WriteTx,
    actor: &Actor,
    before: &Task,
    after: &Task,
    lead: Option<AgentId>,
) -> Result<()> {
    if (before.status == TaskStatus::Done) == (after.status == TaskStatus::Done) {
        return Ok(());
    }
    let dependents = store::tasks::dependencies::dependents(tx, after.board_id, after.id).await?;
    for ripple in cascade(before.status, after.status, dependents, lead, tx.now()) {
        if ripple.kind == RippleKind::PutBack {
            store::tasks::update(tx, &ripple.before, &ripple.task).await?;
        }
        let activity = activity(&ripple, after);
        let activity = activity.task(ripple.task.id).agent(actor.agent_id()).user(actor.user_id());
        for notice in &ripple.notices {
            notices::enqueue(tx, &activity, ripple.task.id, *notice);
        }
        tx.activity(activity);
    }
    Ok(())
}

fn activity(ripple: &Ripple, cause: &Task) -> NewActivity {
    let title = &ripple.task.title;
    let data = json!({"dependency": cause.id});
    match ripple.kind {
        RippleKind::DependencyDone => NewActivity::new(
            kind::TASK_UPDATED,
            format!("{} is done, which this waited for: {title}", cause.title),
        ),
        RippleKind::DependencyReopened => NewActivity::new(
            kind::TASK_UPDATED,
            format!("{} was reopened, which this waits for: {title}", cause.title),
        ),
        RippleKind::PutBack => NewActivity::new(
            kind::TASK_STATUS_CHANGED,
            format!("Moved to inbox because {} was reopened: {title}", cause.title),
        ),
    }
    .data(data)
}
