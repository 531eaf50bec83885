//! Deleting tasks.

use mc_model::event::{NewActivity, Scope, kind};
use mc_model::{Error, Result};
use mc_store as store;

use crate::access::TaskOwner;
use crate::{RequestContext, Services};

impl Services {
    /// Deletes the task with its comments, links and values, and the approvals that are about nothing else.
    ///
    /// # Errors
    /// 404 when it was deleted meanwhile.
    pub async fn delete_task(&self, context: &RequestContext, on: &TaskOwner) -> Result<()> {
        let (reader, task) = (&on.0.on, &on.0.task);
        self.store
            .write(Scope::Board(reader.board.id), context.id(), async |tx| {
                let removed = store::tasks::delete(tx, reader.board.id, task.id).await?;
                let removed =
                    removed.ok_or_else(|| Error::not_found("There is no such task on this board."))?;
                let deleted = NewActivity::new(kind::TASK_DELETED, format!("Task deleted: {}", task.title))
                    .deleted_task(task.id)
                    .agent(reader.actor.agent_id())
                    .user(reader.actor.user_id());
                tx.activity(deleted);
                for approval in removed.approvals {
                    tx.approval_event(kind::APPROVAL_DELETED, approval);
                }
                for approval in removed.shared_approvals {
                    tx.approval_event(kind::APPROVAL_UPDATED, approval);
                }
                Ok(())
            })
            .await
    }
}
