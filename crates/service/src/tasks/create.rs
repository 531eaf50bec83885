//! Creating tasks.

use mc_model::board::Board;
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{OrganizationId, UserId};
use mc_model::task::{NewTask, Refusal, Task, TaskView, auto_reason};
use mc_model::{Error, ErrorKind, Result};
use mc_store::{self as store, WriteTx};

use super::lists;
use crate::access::{Actor, BoardLead, BoardWriter};
use crate::idempotency::{Once, Outcome};
use crate::{RequestContext, Services, notices};

impl Services {
    /// Creates a task for a person.
    ///
    /// # Errors
    /// 404 or 409 for an assignee that does not exist or works elsewhere; 422 for a creator who is no member; 409 and
    /// 422 as [`crate::idempotency`] says.
    pub async fn create_task(
        &self,
        context: &RequestContext,
        on: &BoardWriter,
        new: NewTask,
        once: Option<&Once<TaskView>>,
    ) -> Result<Outcome<TaskView>> {
        let board = &on.0.board;
        let caller = on.0.actor.user_id();
        let creator = new.created_by_user_id.or(caller);
        let work = async |tx: &mut WriteTx| {
            check_creator(tx, board.organization_id, creator, caller).await?;
            let sent = NewTask { created_by_user_id: creator, ..new.clone() };
            let task = sent.into_task(board.id, None, tx.now());
            let created = NewActivity::new(kind::TASK_CREATED, created_message(&task)).user(caller);
            insert(tx, board, &new, &task, created, Creator::User).await?;
            Ok(task)
        };
        self.make(context, board, &on.0.actor, once, work).await
    }

    /// Creates a task for the lead of the board.
    ///
    /// # Errors
    /// As [`Services::create_task`]; 403 for an assignee that is a lead; 409 for a task that is done past the gates
    /// of the board.
    pub async fn delegate_task(
        &self,
        context: &RequestContext,
        on: &BoardLead,
        new: NewTask,
        once: Option<&Once<TaskView>>,
    ) -> Result<Outcome<TaskView>> {
        let (board, lead) = (&on.board, on.session.agent.id);
        let work = async |tx: &mut WriteTx| {
            check_creator(tx, board.organization_id, new.created_by_user_id, None).await?;
            let task = new.clone().into_task(board.id, Some(auto_reason(lead)), tx.now());
            let created = NewActivity::new(kind::TASK_CREATED, created_message(&task)).agent(Some(lead));
            insert(tx, board, &new, &task, created, Creator::Lead).await?;
            Ok(task)
        };
        self.make(context, board, &Actor::Agent(on.session.clone()), once, work).await
    }

    /// Writes a task and reads what it shows: behind the commit, so that the lock of the board is held shortly, but for
    /// an answer that is written down with the task.
    async fn make<F>(
        &self,
        context: &RequestContext,
        board: &Board,
        actor: &Actor,
        once: Option<&Once<TaskView>>,
        work: F,
    ) -> Result<Outcome<TaskView>>
    where
        F: AsyncFnOnce(&mut WriteTx) -> Result<Task> + Clone,
    {
        if once.is_none() {
            let task = self.store.write(Scope::Board(board.id), context.id(), work).await?;
            return store::tasks::view(self.store.reader(), task).await.map(Outcome::Done);
        }
        self.write_once(context, board.id, actor, once, async |tx| {
            let task = work(tx).await?;
            store::tasks::view(tx, task).await
        })
        .await
    }
}

fn created_message(task: &Task) -> String {
    format!("Task created: {}", task.title)
}

/// Who creates a task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Creator {
    User,
    Lead,
}

/// Checks the task and writes it with its lists, its activity and the notices it causes.
async fn insert(
    tx: &mut WriteTx,
    board: &Board,
    new: &NewTask,
    task: &Task,
    created: NewActivity,
    creator: Creator,
) -> Result<()> {
    let blocked_by = match new.depends_on.is_empty() {
        true => Vec::new(),
        false => lists::check_dependencies(tx, board, task.id, &new.depends_on).await?,
    };
    lists::check_tags(tx, board, &new.tag_ids).await?;
    task.check_start(&blocked_by)?;
    check_assignee(tx, board.organization_id, task, creator).await?;
    if creator == Creator::Lead {
        task.check_delegation(&board.rules)?;
    }
    store::tasks::insert(tx, task).await?;
    store::tasks::dependencies::insert(tx, board.id, task.id, &new.depends_on).await?;
    store::tasks::labels::insert_tags(tx, task.id, &new.tag_ids).await?;
    lists::store_new_values(tx, board, task.id, &new.custom_field_values).await?;
    let lead = store::agents::lead_of(tx, task.board_id).await?;
    let created = created.task(task.id);
    for notice in task.creation_notices(creator == Creator::User, lead) {
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
    creator: Creator,
) -> Result<()> {
    let Some(agent) = task.assigned_agent_id else { return Ok(()) };
    let candidate = store::agents::candidate(tx, organization, agent).await?;
    let candidate = candidate.ok_or(Refusal::AssigneeUnknown)?;
    if creator == Creator::Lead && candidate.is_board_lead {
        return Err(Refusal::AssigneeIsLead.into());
    }
    match candidate.board_id {
        Some(other) if other != task.board_id => Err(Refusal::AssigneeElsewhere.into()),
        _ => Ok(()),
    }
}
