//! Creating tasks.

use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{OrganizationId, UserId};
use mc_model::task::{NewTask, Refusal, Task, TaskView, auto_reason};
use mc_model::{Error, ErrorKind, Result};
use mc_store::{self as store, WriteTx};

use crate::access::{BoardLead, BoardWriter};
use crate::{RequestContext, Services, notices};

impl Services {
    /// Creates a task for a person.
    ///
    /// # Errors
    /// 404 or 409 for an assignee that does not exist or works elsewhere; 422 for a creator who is no member.
    pub async fn create_task(
        &self,
        context: &RequestContext,
        on: &BoardWriter,
        new: NewTask,
    ) -> Result<TaskView> {
        let board = &on.0.board;
        let caller = on.0.actor.user_id();
        let creator = new.created_by_user_id.or(caller);
        let task = self
            .store
            .write(Scope::Board(board.id), context.id(), async |tx| {
                check_creator(tx, board.organization_id, creator, caller).await?;
                let new = NewTask { created_by_user_id: creator, ..new.clone() };
                let task = new.into_task(board.id, None, tx.now());
                check_assignee(tx, board.organization_id, &task, false).await?;
                let created = NewActivity::new(kind::TASK_CREATED, created_message(&task)).user(caller);
                insert(tx, &task, created, true).await?;
                Ok(task)
            })
            .await?;
        store::tasks::view(self.store.reader(), task).await
    }

    /// Creates a task for the lead of the board.
    ///
    /// # Errors
    /// As [`Services::create_task`]; 403 for an assignee that is a lead.
    pub async fn delegate_task(
        &self,
        context: &RequestContext,
        on: &BoardLead,
        new: NewTask,
    ) -> Result<TaskView> {
        let (board, lead) = (&on.board, on.session.agent.id);
        let task = self
            .store
            .write(Scope::Board(board.id), context.id(), async |tx| {
                check_creator(tx, board.organization_id, new.created_by_user_id, None).await?;
                let task = new.clone().into_task(board.id, Some(auto_reason(lead)), tx.now());
                check_assignee(tx, board.organization_id, &task, true).await?;
                let created = NewActivity::new(kind::TASK_CREATED, created_message(&task)).agent(Some(lead));
                insert(tx, &task, created, false).await?;
                Ok(task)
            })
            .await?;
        store::tasks::view(self.store.reader(), task).await
    }
}

fn created_message(task: &Task) -> String {
    format!("Task created: {}", task.title)
}

/// Writes the task with its activity and the notices it causes.
async fn insert(tx: &mut WriteTx, task: &Task, created: NewActivity, by_user: bool) -> Result<()> {
    store::tasks::insert(tx, task).await?;
    let lead = store::agents::lead_of(tx, task.board_id).await?;
    let created = created.task(task.id);
    for notice in task.creation_notices(by_user, lead) {
        notices::enqueue(tx, &created, task.id, notice);
    }
    tx.activity(created);
    Ok(())
}

async fn check_creator(
    tx: &WriteTx,
    organization: OrganizationId,
    creator: Option<UserId>,
    caller: Option<UserId>,
) -> Result<()> {
    match creator {
        Some(user) if creator != caller && !store::users::is_member(tx, organization, user).await? => {
            Err(Error::text(ErrorKind::Invalid, "created_by_user_id is no member of this organization."))
        }
        _ => Ok(()),
    }
}

async fn check_assignee(
    tx: &WriteTx,
    organization: OrganizationId,
    task: &Task,
    by_lead: bool,
) -> Result<()> {
    let Some(agent) = task.assigned_agent_id else { return Ok(()) };
    let candidate = store::agents::candidate(tx, organization, agent).await?;
    let candidate = candidate.ok_or(Refusal::AssigneeUnknown)?;
    if by_lead && candidate.is_board_lead {
        return Err(Refusal::AssigneeIsLead.into());
    }
    match candidate.board_id {
        Some(other) if other != task.board_id => Err(Refusal::AssigneeElsewhere.into()),
        _ => Ok(()),
    }
}
