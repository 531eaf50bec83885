//! Comments on tasks.

use mc_model::event::{NewActivity, kind};
use mc_model::task::{Mover, Notice, NoticeKind, SortDirection, Task, TaskComment, mentions};
use mc_model::{Error, Page, PageRequest, Result};
use mc_store::{self as store, WriteTx};

use crate::access::{Actor, TaskReader, TaskWriter};
use crate::idempotency::{Once, Outcome};
use crate::{RequestContext, Services, notices};

impl Services {
    /// The comments of the task, from the oldest on or from the newest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_comments(
        &self,
        on: &TaskReader,
        direction: SortDirection,
        page: PageRequest,
    ) -> Result<Page<TaskComment>> {
        store::activity::comments(self.store.reader(), on.task.id, direction, page).await
    }

    /// Comments on the task. A lead may do so when the task is in review, when it was addressed in a comment, or on
    /// a task it created.
    ///
    /// # Errors
    /// 403 for a lead that was not asked; 404 when the task was deleted meanwhile; 409 and 422 as
    /// [`crate::idempotency`] says.
    pub async fn comment_on_task(
        &self,
        context: &RequestContext,
        on: &TaskWriter,
        message: &str,
        once: Option<&Once<TaskComment>>,
    ) -> Result<Outcome<TaskComment>> {
        let TaskReader { on: reader, task } = &on.0;
        let board = reader.board.id;
        let work = async |tx: &mut WriteTx| {
            let task = store::tasks::on_board(tx, board, task.id).await?;
            let task = task.ok_or_else(|| Error::not_found("There is no such task on this board."))?;
            check_lead(tx, &reader.actor, &task).await?;
            record(tx, &reader.actor, &task, message).await
        };
        self.write_once(context, board, &reader.actor, once, work).await
    }
}

async fn check_lead(tx: &WriteTx, actor: &Actor, task: &Task) -> Result<()> {
    let Mover::Lead(lead) = actor.mover() else { return Ok(()) };
    if task.lead_may_comment(lead) || store::activity::is_mentioned(tx, task.id, lead).await? {
        return Ok(());
    }
    Err(Error::forbidden(
        "A lead comments on tasks in review, on tasks it created, and where a comment mentions it.",
    ))
}

/// Records a comment with the agents it addresses and the notices to them. A comment that addresses nobody goes to
/// the assignee.
pub(super) async fn record(
    tx: &mut WriteTx,
    actor: &Actor,
    task: &Task,
    message: &str,
) -> Result<TaskComment> {
    let author = actor.agent_id();
    let comment =
        NewActivity::new(kind::TASK_COMMENT, message).task(task.id).agent(author).user(actor.user_id());
    let board_agents = store::agents::mentionable(tx, task.board_id).await?;
    let addressed = mentions(message, &board_agents, author);
    let (kind, recipients) = if addressed.is_empty() {
        let assignee = task.assigned_agent_id.filter(|assignee| Some(*assignee) != author);
        (NoticeKind::NewTaskComment, assignee.into_iter().collect())
    } else {
        (NoticeKind::TaskMention, addressed.clone())
    };
    for to in recipients {
        notices::enqueue(tx, &comment, task.id, Notice { kind, to });
    }
    let shown = TaskComment {
        id: comment.id,
        message: Some(message.to_owned()),
        agent_id: author,
        task_id: Some(task.id),
        created_at: tx.now(),
    };
    let id = comment.id;
    tx.activity(comment);
    tx.mentions(id, task.id, addressed);
    Ok(shown)
}
