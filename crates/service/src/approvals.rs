//! Approvals: asking for a decision and deciding.

use mc_model::approval::{Approval, ApprovalStatus, conflict_error, task_set, with_reason};
use mc_model::board::Board;
use mc_model::event::{Scope, kind};
use mc_model::ids::{AgentId, ApprovalId, TaskId};
use mc_model::task::DependencyFault;
use mc_model::{Error, ErrorKind, Page, PageRequest, Result};
pub use mc_store::approvals::ApprovalView;
use mc_store::{self as store, WriteTx};
use serde_json::{Map, Value};

use crate::access::{Actor, BoardReader, BoardWriter};
use crate::idempotency::{Once, Outcome};
use crate::{RequestContext, Services, notices};

/// An approval to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct NewApproval {
    /// What is to be approved.
    pub action_type: String,
    /// The first task.
    pub task_id: Option<TaskId>,
    /// Further tasks.
    pub task_ids: Vec<TaskId>,
    /// Details.
    pub payload: Option<Map<String, Value>>,
    /// How sure the asker is, 0 to 100.
    pub confidence: f64,
    /// Scores by criterion.
    pub rubric_scores: Option<Map<String, Value>>,
    /// Where it starts; agents always start it pending.
    pub status: ApprovalStatus,
    /// The agent that asks; an agent caller counts instead.
    pub agent_id: Option<AgentId>,
    /// The reason, when the payload gives none.
    pub lead_reasoning: Option<String>,
}

impl Services {
    /// The approvals of the board, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_approvals(
        &self,
        on: &BoardReader,
        status: Option<ApprovalStatus>,
        page: PageRequest,
    ) -> Result<Page<ApprovalView>> {
        store::approvals::list(self.store.reader(), on.board.id, status, page).await
    }

    /// Asks for an approval. An agent's is always pending and its own: nobody approves for themselves.
    ///
    /// # Errors
    /// 404 for tasks that are not on the board or an unknown agent; 409 with the approvals that hold a task already;
    /// 409 and 422 as [`crate::idempotency`] says.
    pub async fn create_approval(
        &self,
        context: &RequestContext,
        on: &BoardWriter,
        new: NewApproval,
        once: Option<&Once<ApprovalView>>,
    ) -> Result<Outcome<ApprovalView>> {
        let (board, actor) = (&on.0.board, &on.0.actor);
        let work = async |tx: &mut WriteTx| {
            let approval = approval(tx, board, actor, new).await?;
            check_tasks(tx, board, &approval.task_ids).await?;
            if approval.status == ApprovalStatus::Pending {
                check_conflicts(tx, &approval, None).await?;
            }
            store::approvals::insert(tx, &approval).await?;
            tx.approval_event(kind::APPROVAL_CREATED, approval.id);
            stored(tx, &approval).await
        };
        self.write_once(context, board.id, actor, once, work).await
    }

    /// Decides an approval, or reopens it. Without a status nothing changes. The lead of the board is told of a new
    /// decision.
    ///
    /// # Errors
    /// 404 when it is not on the board; 409 when it is reopened while another one holds a task.
    pub async fn decide_approval(
        &self,
        context: &RequestContext,
        on: &BoardWriter,
        approval: ApprovalId,
        status: Option<ApprovalStatus>,
    ) -> Result<ApprovalView> {
        let board = &on.0.board;
        self.store
            .write(Scope::Board(board.id), context.id(), async |tx| {
                let found = store::approvals::on_board(tx, board.id, approval).await?;
                let before =
                    found.ok_or_else(|| Error::not_found("There is no such approval on this board."))?;
                let Some(status) = status else { return Ok(before) };
                let was = before.approval.status;
                let after = before.approval.decided(status, tx.now());
                if status == ApprovalStatus::Pending && was != status {
                    check_conflicts(tx, &after, Some(after.id)).await?;
                }
                if was != status {
                    store::approvals::update_decision(tx, &after).await?;
                    tx.approval_event(kind::APPROVAL_UPDATED, after.id);
                    tell_lead(tx, &after).await?;
                }
                stored(tx, &after).await
            })
            .await
    }
}

async fn approval(tx: &WriteTx, board: &Board, actor: &Actor, new: NewApproval) -> Result<Approval> {
    let task_ids = task_set(new.task_id, &new.task_ids, new.payload.as_ref());
    let (agent_id, status) = match actor {
        Actor::Agent(session) => (Some(session.agent.id), ApprovalStatus::Pending),
        Actor::User(_) => (new.agent_id, new.status),
    };
    if let (Actor::User(_), Some(agent)) = (actor, agent_id) {
        let known = store::agents::candidate(tx, board.organization_id, agent).await?;
        known.ok_or_else(|| Error::not_found("There is no agent with this agent_id."))?;
    }
    let payload = with_reason(new.payload, new.lead_reasoning.as_deref())
        .ok_or_else(|| Error::text(ErrorKind::Invalid, "An approval needs a reason."))?;
    let approval = Approval {
        id: ApprovalId::generate(),
        board_id: board.id,
        task_ids,
        agent_id,
        action_type: new.action_type,
        payload,
        confidence: new.confidence,
        rubric_scores: new.rubric_scores,
        status: ApprovalStatus::Pending,
        created_at: tx.now(),
        resolved_at: None,
    };
    Ok(approval.decided(status, tx.now()))
}

async fn check_tasks(tx: &WriteTx, board: &Board, tasks: &[TaskId]) -> Result<()> {
    let known = store::tasks::dependencies::statuses(tx, board.id, tasks).await?;
    let missing: Vec<_> = tasks.iter().copied().filter(|task| !known.contains_key(task)).collect();
    if missing.is_empty() { Ok(()) } else { Err(DependencyFault::Missing(missing).into()) }
}

async fn check_conflicts(tx: &WriteTx, approval: &Approval, except: Option<ApprovalId>) -> Result<()> {
    let found = store::approvals::conflicts(tx, approval.board_id, &approval.task_ids, except).await?;
    if found.is_empty() { Ok(()) } else { Err(conflict_error(found)) }
}

async fn tell_lead(tx: &mut WriteTx, approval: &Approval) -> Result<()> {
    if approval.status == ApprovalStatus::Pending {
        return Ok(());
    }
    if let Some(lead) = store::agents::lead_of(tx, approval.board_id).await? {
        notices::enqueue_decision(tx, approval, lead);
    }
    Ok(())
}

/// The approval as it now stands in the transaction.
async fn stored(tx: &WriteTx, approval: &Approval) -> Result<ApprovalView> {
    let found = store::approvals::on_board(tx, approval.board_id, approval.id).await?;
    found.ok_or_else(|| Error::internal("an approval vanished while it was written"))
}
