//! The transition function: (task, board rules, facts, mover, patch) to the new task and its effects, or a refusal.
//!
//! It performs no I/O. Callers load the facts, call it inside the write transaction of the board and store the
//! result; because writers of one board run one after another, what it decided still holds when it is stored.
//! Rules and their order are those of the tasks spec §2, §3 and §4.1. Whether a new list of dependencies, tags or field
//! values is sound is decided by their own modules before.

use super::{Notice, NoticeKind, Refusal, Task, TaskField, TaskPatch, TaskStatus, auto_reason};
use crate::board::BoardRules;
use crate::clock::Timestamp;
use crate::ids::{AgentId, BoardId, TaskId};

/// Who changes the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mover {
    /// A person with write access to the board.
    User,
    /// The lead of the board.
    Lead(AgentId),
    /// A worker of the board, or the main agent of its gateway.
    Worker(AgentId),
}

impl Mover {
    /// The acting agent.
    #[must_use]
    pub fn agent(self) -> Option<AgentId> {
        match self {
            Self::User => None,
            Self::Lead(agent) | Self::Worker(agent) => Some(agent),
        }
    }
}

/// The agent that a patch wants to assign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Identifier.
    pub id: AgentId,
    /// Its board; none for a main agent.
    pub board_id: Option<BoardId>,
    /// Whether it leads its board.
    pub is_board_lead: bool,
}

/// What the transition must know beside the task itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The board's switches.
    pub rules: BoardRules,
    /// The board's lead.
    pub lead: Option<AgentId>,
    /// The agent named by `assigned_agent_id`, if it exists in the board's organization.
    pub candidate: Option<Candidate>,
    /// Who last moved the task to review and still works on the board.
    pub last_worker: Option<AgentId>,
    /// A pending approval names the task.
    pub has_pending_approval: bool,
    /// An approved approval names the task.
    pub has_approved_approval: bool,
    /// The tasks it waits for, counting the dependencies that the patch sets.
    pub blocked_by: Vec<TaskId>,
    /// The newest comment of the worker since the task was taken is there and not blank.
    pub worker_commented: bool,
    /// Now.
    pub now: Timestamp,
}

/// What a transition does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The task afterwards.
    pub task: Task,
    /// Whether the state differs from before.
    pub status_changed: bool,
    /// Whether the task was put back because it waits for others, whatever was asked for.
    pub was_put_back: bool,
    /// Whom to tell, in order.
    pub notices: Vec<Notice>,
}

/// Applies `patch` to `before` as `mover`.
///
/// # Errors
/// The first rule that refuses, in the spec's order.
pub fn transition(before: &Task, mover: Mover, patch: &TaskPatch, facts: &Facts) -> Result<Change, Refusal> {
    check_sender(before, mover, patch, &facts.rules)?;
    let mut task = before.clone();
    match mover {
        Mover::User => apply_user(before, &mut task, patch, facts)?,
        Mover::Lead(lead) => apply_lead(before, &mut task, lead, patch, facts)?,
        Mover::Worker(worker) => apply_worker(before, &mut task, worker, patch, facts)?,
    }
    let was_put_back = mover == Mover::User && put_back_when_blocked(before, &mut task, patch, facts);
    check_gates(before, &task, mover, patch, facts)?;
    task.updated_at = facts.now;
    let notices = notices(before, &task, mover, facts);
    Ok(Change { status_changed: task.status != before.status, task, was_put_back, notices })
}

/// Whether `mover` may send these fields for this task at all; the first check of [`transition`], for callers who have
/// to look at lists of ids in between.
///
/// # Errors
/// The first rule that refuses.
pub fn check_sender(
    before: &Task,
    mover: Mover,
    patch: &TaskPatch,
    rules: &BoardRules,
) -> Result<(), Refusal> {
    match mover {
        Mover::User => {}
        Mover::Lead(_) => check_lead_fields(patch)?,
        Mover::Worker(worker) => return check_worker_fields(before, worker, patch, rules),
    }
    if patch.depends_on.is_some() && before.status == TaskStatus::Done {
        return Err(Refusal::DependenciesOfDone);
    }
    Ok(())
}

fn check_lead_fields(patch: &TaskPatch) -> Result<(), Refusal> {
    const ALLOWED: [TaskField; 6] = [
        TaskField::AssignedAgentId,
        TaskField::Status,
        TaskField::DependsOnTaskIds,
        TaskField::TagIds,
        TaskField::CustomFieldValues,
        TaskField::Comment,
    ];
    if patch.comment.is_some() {
        return Err(Refusal::LeadComment);
    }
    match foreign(patch, &ALLOWED) {
        fields if fields.is_empty() => Ok(()),
        fields => Err(Refusal::LeadFields(fields)),
    }
}

fn check_worker_fields(
    before: &Task,
    worker: AgentId,
    patch: &TaskPatch,
    rules: &BoardRules,
) -> Result<(), Refusal> {
    const ALLOWED: [TaskField; 3] = [TaskField::Status, TaskField::Comment, TaskField::CustomFieldValues];
    let sends_status = patch.names(TaskField::Status);
    if sends_status && before.assigned_agent_id.is_some_and(|other| other != worker) {
        return Err(Refusal::AssigneeMismatch);
    }
    let fields = foreign(patch, &ALLOWED);
    if !fields.is_empty() {
        return Err(Refusal::WorkerFields(fields));
    }
    if rules.only_lead_can_change_status && sends_status {
        return Err(Refusal::OnlyLead);
    }
    Ok(())
}

/// The fields of the patch that are not among `allowed`.
fn foreign(patch: &TaskPatch, allowed: &[TaskField]) -> Vec<TaskField> {
    patch.sent.iter().copied().filter(|field| !allowed.contains(field)).collect()
}

fn apply_user(before: &Task, task: &mut Task, patch: &TaskPatch, facts: &Facts) -> Result<(), Refusal> {
    if let Some(title) = &patch.title {
        task.title.clone_from(title);
    }
    if let Some(description) = &patch.description {
        task.description.clone_from(description);
    }
    if let Some(priority) = &patch.priority {
        task.priority.clone_from(priority);
    }
    if let Some(due_at) = patch.due_at {
        task.due_at = due_at;
    }
    if let Some(status) = patch.status {
        move_by_user(before, task, status, patch, facts);
    }
    if let Some(assignee) = patch.assigned_agent_id {
        task.assigned_agent_id = assignee;
        if assignee.is_some() {
            check_candidate(task.board_id, facts)?;
        }
    }
    hand_to_lead(before, task, facts);
    Ok(())
}

/// A person may edit a task that waits for others, but not move or assign it: it goes back to the inbox, unassigned.
/// An edit that changes neither state nor assignee nor dependencies leaves it where it is, and a task that stays done
/// is never touched.
fn put_back_when_blocked(before: &Task, task: &mut Task, patch: &TaskPatch, facts: &Facts) -> bool {
    let is_touched = task.status != before.status
        || task.assigned_agent_id != before.assigned_agent_id
        || patch.depends_on.is_some();
    let stays_done = before.status == TaskStatus::Done && task.status == TaskStatus::Done;
    if facts.blocked_by.is_empty() || !is_touched || stays_done {
        return false;
    }
    let asked_for = task.clone();
    task.status = TaskStatus::Inbox;
    task.assigned_agent_id = None;
    task.in_progress_at = None;
    task.previous_in_progress_at = None;
    *task != asked_for
}

/// The effects of a sent status on a person's PATCH. Sending the stored status changes nothing, except that `inbox`
/// without an assignee releases the task: that is how clients let go of one.
fn move_by_user(before: &Task, task: &mut Task, status: TaskStatus, patch: &TaskPatch, facts: &Facts) {
    if status == before.status {
        if status == TaskStatus::Inbox && !patch.names(TaskField::AssignedAgentId) {
            task.assigned_agent_id = None;
        }
        return;
    }
    task.status = status;
    match status {
        TaskStatus::Inbox => {
            stop_clock(task);
            task.assigned_agent_id = None;
        }
        TaskStatus::InProgress => task.in_progress_at = Some(facts.now),
        TaskStatus::Review => {
            stop_clock(task);
            release_to_reviewer(task, facts);
        }
        TaskStatus::Done => {}
    }
}

fn apply_lead(
    before: &Task,
    task: &mut Task,
    lead: AgentId,
    patch: &TaskPatch,
    facts: &Facts,
) -> Result<(), Refusal> {
    let moves = patch.names(TaskField::AssignedAgentId) || patch.names(TaskField::Status);
    if moves && !facts.blocked_by.is_empty() {
        return Err(Refusal::Blocked(facts.blocked_by.clone()));
    }
    if let Some(assignee) = patch.assigned_agent_id {
        if assignee.is_some() {
            let candidate = facts.candidate.ok_or(Refusal::AssigneeUnknown)?;
            if candidate.is_board_lead || candidate.id == lead {
                return Err(Refusal::AssigneeIsLead);
            }
            check_candidate(task.board_id, facts)?;
        }
        task.assigned_agent_id = assignee;
    }
    let Some(status) = patch.status else { return Ok(()) };
    match (before.status, status) {
        (TaskStatus::Review, TaskStatus::Done) => {}
        (TaskStatus::Review, TaskStatus::Inbox) => {
            task.in_progress_at = None;
            if !patch.names(TaskField::AssignedAgentId) {
                task.assigned_agent_id = facts.last_worker;
            }
        }
        (TaskStatus::Inbox, TaskStatus::InProgress) if patch.assigned_agent_id.flatten().is_some() => {
            task.in_progress_at = Some(facts.now);
        }
        (from, _) => return Err(Refusal::LeadMove(from)),
    }
    task.status = status;
    Ok(())
}

fn apply_worker(
    before: &Task,
    task: &mut Task,
    worker: AgentId,
    patch: &TaskPatch,
    facts: &Facts,
) -> Result<(), Refusal> {
    let Some(status) = patch.status else { return Ok(()) };
    if status != TaskStatus::Inbox && !facts.blocked_by.is_empty() {
        return Err(Refusal::Blocked(facts.blocked_by.clone()));
    }
    if status == before.status {
        if status == TaskStatus::Inbox {
            task.assigned_agent_id = None;
        }
        return Ok(());
    }
    task.status = status;
    match status {
        TaskStatus::Inbox => {
            stop_clock(task);
            task.assigned_agent_id = None;
        }
        TaskStatus::InProgress => {
            task.assigned_agent_id = Some(worker);
            task.in_progress_at = Some(facts.now);
        }
        TaskStatus::Review => {
            stop_clock(task);
            task.assigned_agent_id = Some(worker);
            release_to_reviewer(task, facts);
            hand_to_lead(before, task, facts);
        }
        TaskStatus::Done => task.assigned_agent_id = Some(worker),
    }
    Ok(())
}

/// Leaving the work: remembers since when it was in progress.
fn stop_clock(task: &mut Task) {
    task.previous_in_progress_at = task.in_progress_at;
    task.in_progress_at = None;
}

/// On a board without a lead a task in review stays with its worker, so that it is never without anybody.
fn release_to_reviewer(task: &mut Task, facts: &Facts) {
    if facts.lead.is_some() {
        task.assigned_agent_id = None;
    }
}

/// A task that enters review belongs to the lead, whatever else was sent.
fn hand_to_lead(before: &Task, task: &mut Task, facts: &Facts) {
    let enters = task.status == TaskStatus::Review && before.status != TaskStatus::Review;
    if enters && facts.lead.is_some() {
        task.assigned_agent_id = facts.lead;
    }
}

fn check_candidate(board: BoardId, facts: &Facts) -> Result<(), Refusal> {
    let candidate = facts.candidate.ok_or(Refusal::AssigneeUnknown)?;
    match candidate.board_id {
        Some(other) if other != board => Err(Refusal::AssigneeElsewhere),
        _ => Ok(()),
    }
}

/// The board's gates, in order: pending approval, review first, approval, comment.
fn check_gates(
    before: &Task,
    task: &Task,
    mover: Mover,
    patch: &TaskPatch,
    facts: &Facts,
) -> Result<(), Refusal> {
    let rules = &facts.rules;
    let moved = task.status != before.status;
    let sent_other = patch.status.is_some_and(|status| status != before.status);
    if rules.block_status_changes_with_pending_approval && sent_other && moved && facts.has_pending_approval {
        return Err(Refusal::PendingApproval);
    }
    if moved && task.status == TaskStatus::Done {
        if rules.require_review_before_done && before.status != TaskStatus::Review {
            return Err(Refusal::ReviewFirst);
        }
        if rules.require_approval_for_done && !facts.has_approved_approval {
            return Err(Refusal::ApprovalRequired);
        }
    }
    let enters_review = moved && patch.status == Some(TaskStatus::Review);
    let by_lead = matches!(mover, Mover::Lead(_));
    if rules.comment_required_for_review
        && enters_review
        && !by_lead
        && patch.comment.is_none()
        && !facts.worker_commented
    {
        return Err(Refusal::CommentRequired);
    }
    Ok(())
}

/// Whom a PATCH concerns (tasks spec §7).
fn notices(before: &Task, task: &Task, mover: Mover, facts: &Facts) -> Vec<Notice> {
    let mut notices = Vec::new();
    let by_lead = matches!(mover, Mover::Lead(_));
    let moved = task.status != before.status;
    let is_idle = |task: &Task| task.status == TaskStatus::Inbox && task.assigned_agent_id.is_none();
    if !by_lead && is_idle(task) && !is_idle(before) {
        notices.extend(facts.lead.map(|to| Notice { kind: NoticeKind::TaskBackInInbox, to }));
    }
    if let (Some(lost), None) = (before.assigned_agent_id, task.assigned_agent_id)
        && !facts.blocked_by.is_empty()
        && Some(lost) != mover.agent()
    {
        notices.push(Notice { kind: NoticeKind::TaskBlocked, to: lost });
    }
    let sent_back = by_lead && before.status == TaskStatus::Review && task.status == TaskStatus::Inbox;
    if let Some(to) = task.assigned_agent_id.filter(|to| Some(*to) != mover.agent()) {
        if task.assigned_agent_id != before.assigned_agent_id {
            let kind =
                if sent_back { NoticeKind::ChangesRequested } else { assignment_kind(task, to, facts.lead) };
            notices.push(Notice { kind, to });
        } else if !by_lead && moved && task.status == TaskStatus::InProgress {
            notices.push(Notice { kind: NoticeKind::Started, to });
        }
    }
    notices
}

/// How an assignment is announced to `to`.
fn assignment_kind(task: &Task, to: AgentId, lead: Option<AgentId>) -> NoticeKind {
    if task.status == TaskStatus::Review && Some(to) == lead {
        NoticeKind::TaskReadyForLeadReview
    } else {
        NoticeKind::TaskAssigned
    }
}

impl Task {
    /// Whom the creation of this task concerns: the lead when a person made it, and the assignee.
    #[must_use]
    pub fn creation_notices(&self, by_user: bool, lead: Option<AgentId>) -> Vec<Notice> {
        let new_task = lead.filter(|_| by_user).map(|to| Notice { kind: NoticeKind::NewTaskAdded, to });
        let assigned = self.assigned_agent_id.map(|to| Notice { kind: assignment_kind(self, to, lead), to });
        new_task.into_iter().chain(assigned).collect()
    }

    /// Whether this new task may start as it is while it waits for `blocked_by`.
    ///
    /// # Errors
    /// [`Refusal::Blocked`] when it is assigned or not in the inbox.
    pub fn check_start(&self, blocked_by: &[TaskId]) -> Result<(), Refusal> {
        let is_idle = self.assigned_agent_id.is_none() && self.status == TaskStatus::Inbox;
        if blocked_by.is_empty() || is_idle { Ok(()) } else { Err(Refusal::Blocked(blocked_by.to_vec())) }
    }

    /// Whether a lead may create this task in its state. One that is done from the start was never in review and cannot
    /// have an approval yet, so it would go round the board's gates. One in review may be created: a lead is who reviews.
    ///
    /// # Errors
    /// The first gate that stands before done.
    pub fn check_delegation(&self, rules: &BoardRules) -> Result<(), Refusal> {
        match self.status {
            TaskStatus::Done if rules.require_review_before_done => Err(Refusal::ReviewFirst),
            TaskStatus::Done if rules.require_approval_for_done => Err(Refusal::ApprovalRequired),
            _ => Ok(()),
        }
    }

    /// Whether `lead` may comment on this task without being asked: it is in review, or the lead created it.
    #[must_use]
    pub fn lead_may_comment(&self, lead: AgentId) -> bool {
        self.status == TaskStatus::Review || self.auto_reason.as_deref() == Some(&auto_reason(lead))
    }
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "transition_properties.rs"]
mod properties;
