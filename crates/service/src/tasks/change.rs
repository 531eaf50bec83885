//! Changing tasks: load, decide with the pure transition function, store. All in one transaction of the board.

use mc_model::board::Board;
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::TaskId;
use mc_model::task::{
    Change, Facts, Mover, Task, TaskField, TaskPatch, TaskStatus, TaskView, check_sender, transition,
};
use mc_model::{Error, Result};
use mc_store::{self as store, WriteTx};
use serde_json::json;

use super::{comments, lists, ripples};
use crate::access::{Actor, TaskWriter};
use crate::versions::{Expected, check_expected};
use crate::{RequestContext, Services, notices};

impl Services {
    /// Applies `patch` to the task as far as the caller's role and the board's rules allow.
    ///
    /// # Errors
    /// What [`mc_model::task::Refusal`] says; 404 when the task was deleted meanwhile; 412 with the `current` version
    /// when it is not as `expected`, if something is.
    pub async fn update_task(
        &self,
        context: &RequestContext,
        on: &TaskWriter,
        patch: &TaskPatch,
        expected: Option<&Expected>,
    ) -> Result<TaskView> {
        let (reader, actor) = (&on.0, &on.0.on.actor);
        let board = &reader.on.board;
        let task = self
            .store
            .write(Scope::Board(board.id), context.id(), async |tx| {
                let before = store::tasks::on_board(tx, board.id, reader.task.id).await?;
                let before =
                    before.ok_or_else(|| Error::not_found("There is no such task on this board."))?;
                check_expected(tx, &before, expected).await?;
                let blocked_by = check_ids(tx, on, &before, patch).await?;
                let facts = facts(tx, on, &before, patch, blocked_by).await?;
                let change = transition(&before, actor.mover(), patch, &facts)?;
                store_change(tx, board, &before, &change.task, patch).await?;
                record(tx, actor, &before, &change, patch).await?;
                ripples::carry_on(tx, actor, &before, &change.task, facts.lead).await?;
                Ok(change.task)
            })
            .await?;
        store::tasks::view(self.store.reader(), task).await
    }
}

/// Checks who may send which field and the lists of ids that were sent, and gives what the task waits for then. Wrong
/// tags are a person's first fault and an agent's last (tasks spec §3.2, §3.3).
async fn check_ids(tx: &WriteTx, on: &TaskWriter, before: &Task, patch: &TaskPatch) -> Result<Vec<TaskId>> {
    let (board, mover) = (&on.0.on.board, on.0.on.actor.mover());
    let tags = patch.tag_ids.as_deref().unwrap_or_default();
    let is_person = mover == Mover::User;
    if is_person {
        lists::check_tags(tx, board, tags).await?;
    }
    check_sender(before, mover, patch, &board.rules)?;
    let blocked_by = blockers(tx, board, before, patch).await?;
    if !is_person {
        lists::check_tags(tx, board, tags).await?;
    }
    Ok(blocked_by)
}

/// What the task waits for, counting the dependencies that the patch sets.
async fn blockers(tx: &WriteTx, board: &Board, before: &Task, patch: &TaskPatch) -> Result<Vec<TaskId>> {
    match &patch.depends_on {
        Some(on) if on.is_empty() => Ok(Vec::new()),
        Some(on) => lists::check_dependencies(tx, board, before.id, on).await,
        None => store::tasks::dependencies::blockers(tx, before.id).await,
    }
}

/// Stores the task and the lists that were sent with it.
async fn store_change(
    tx: &mut WriteTx,
    board: &Board,
    before: &Task,
    task: &Task,
    patch: &TaskPatch,
) -> Result<()> {
    store::tasks::update(tx, before, task).await?;
    if let Some(on) = &patch.depends_on {
        store::tasks::dependencies::replace(tx, board.id, task.id, on).await?;
    }
    if let Some(tags) = &patch.tag_ids {
        store::tasks::labels::replace_tags(tx, task.id, tags).await?;
    }
    if let Some(values) = &patch.custom_field_values {
        lists::merge_into_values(tx, board, task.id, values).await?;
    }
    Ok(())
}

/// Loads what the transition must know; what cannot matter for this patch is not asked for.
async fn facts(
    tx: &WriteTx,
    on: &TaskWriter,
    before: &Task,
    patch: &TaskPatch,
    blocked_by: Vec<TaskId>,
) -> Result<Facts> {
    let (board, mover) = (&on.0.on.board, on.0.on.actor.mover());
    let lead = store::agents::lead_of(tx, board.id).await?;
    let candidate = match patch.assigned_agent_id.flatten() {
        Some(agent) => store::agents::candidate(tx, board.organization_id, agent).await?,
        None => None,
    };
    let moves = patch.status.is_some_and(|status| status != before.status);
    let last_worker = match (mover, patch.status) {
        (Mover::Lead(lead), Some(TaskStatus::Inbox)) if before.status == TaskStatus::Review => {
            store::activity::last_worker(tx, before.id, board.id, lead).await?
        }
        _ => None,
    };
    let rules = board.rules;
    let approvals = if moves
        && (rules.block_status_changes_with_pending_approval
            || (rules.require_approval_for_done && patch.status == Some(TaskStatus::Done)))
    {
        store::tasks::approval_state(tx, board.id, before.id).await?
    } else {
        store::tasks::ApprovalState::default()
    };
    let needs_comment =
        rules.comment_required_for_review && moves && patch.status == Some(TaskStatus::Review);
    let author = patch.assigned_agent_id.flatten().or(before.assigned_agent_id);
    let worker_commented = match (author, before.in_progress_at) {
        (Some(author), Some(since)) if needs_comment => {
            store::activity::has_comment_since(tx, before.id, author, since).await?
        }
        _ => false,
    };
    Ok(Facts {
        rules,
        lead,
        candidate,
        last_worker,
        has_pending_approval: approvals.has_pending,
        has_approved_approval: approvals.has_approved,
        blocked_by,
        worker_commented,
        now: tx.now(),
    })
}

/// The comment, the activity and the notices of a change, in this order.
async fn record(
    tx: &mut WriteTx,
    actor: &Actor,
    before: &Task,
    change: &Change,
    patch: &TaskPatch,
) -> Result<()> {
    if let Some(comment) = &patch.comment {
        comments::record(tx, actor, &change.task, comment).await?;
    }
    let activity = activity(before, change, patch);
    let activity = activity.task(change.task.id).agent(actor.agent_id()).user(actor.user_id());
    for notice in &change.notices {
        notices::enqueue(tx, &activity, change.task.id, *notice);
    }
    tx.activity(activity);
    Ok(())
}

/// How the feed tells of a change.
fn activity(before: &Task, change: &Change, patch: &TaskPatch) -> NewActivity {
    let title = &change.task.title;
    if change.status_changed {
        let (from, to) = (before.status.as_str(), change.task.status.as_str());
        let why = if change.was_put_back { " because it waits for others" } else { "" };
        return NewActivity::new(
            kind::TASK_STATUS_CHANGED,
            format!("Moved from {from} to {to}{why}: {title}"),
        )
        .data(json!({"from": from, "to": to, "put_back": change.was_put_back}));
    }
    let what = if change.was_put_back { "Kept in inbox, it waits for others" } else { "Task updated" };
    let fields: Vec<_> = patch.sent.iter().copied().map(TaskField::as_str).collect();
    NewActivity::new(kind::TASK_UPDATED, format!("{what}: {title}"))
        .data(json!({"fields": fields, "put_back": change.was_put_back}))
}
