//! What a task that becomes done, or is reopened, does to those that wait for it (tasks spec §4.3).

use super::{Notice, NoticeKind, Task, TaskStatus};
use crate::clock::Timestamp;
use crate::ids::AgentId;

/// A task that waits for the one that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// The task.
    pub task: Task,
    /// Whether it waits for others beside the one that changed.
    pub waits_for_others: bool,
}

/// What happens to one dependent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ripple {
    /// The dependent before.
    pub before: Task,
    /// The dependent afterwards.
    pub task: Task,
    /// What happened.
    pub kind: RippleKind,
    /// Whom to tell.
    pub notices: Vec<Notice>,
}

/// What happened to a dependent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RippleKind {
    /// A task it waited for is done.
    DependencyDone,
    /// A task it waits for was reopened; nothing had to change.
    DependencyReopened,
    /// A task it waits for was reopened, and it went back to the inbox.
    PutBack,
}

/// The effects of moving a task from `before` to `after` on its direct dependents; done ones are left alone.
#[must_use]
pub fn cascade(
    before: TaskStatus,
    after: TaskStatus,
    dependents: Vec<Dependent>,
    lead: Option<AgentId>,
    now: Timestamp,
) -> Vec<Ripple> {
    let open = dependents.into_iter().filter(|dependent| dependent.task.status != TaskStatus::Done);
    match (before == TaskStatus::Done, after == TaskStatus::Done) {
        (false, true) => open.map(|dependent| unblock(dependent, lead)).collect(),
        (true, false) => open.map(|dependent| block(dependent.task, lead, now)).collect(),
        _ => Vec::new(),
    }
}

fn unblock(dependent: Dependent, lead: Option<AgentId>) -> Ripple {
    let Dependent { task, waits_for_others } = dependent;
    let to = task.assigned_agent_id.or(lead).filter(|_| !waits_for_others);
    let notices = to.map(|to| Notice { kind: NoticeKind::TaskUnblocked, to }).into_iter().collect();
    Ripple { before: task.clone(), task, kind: RippleKind::DependencyDone, notices }
}

fn block(task: Task, lead: Option<AgentId>, now: Timestamp) -> Ripple {
    let is_clean =
        task.status == TaskStatus::Inbox && task.assigned_agent_id.is_none() && task.in_progress_at.is_none();
    if is_clean {
        let kind = RippleKind::DependencyReopened;
        return Ripple { before: task.clone(), task, kind, notices: Vec::new() };
    }
    let lost = task.assigned_agent_id.map(|to| Notice { kind: NoticeKind::TaskBlocked, to });
    let back = lead.map(|to| Notice { kind: NoticeKind::TaskBackInInbox, to });
    let notices = back.into_iter().chain(lost).collect();
    let before = task.clone();
    let task = Task {
        status: TaskStatus::Inbox,
        assigned_agent_id: None,
        in_progress_at: None,
        updated_at: now,
        ..task
    };
    Ripple { before, task, kind: RippleKind::PutBack, notices }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::ids::{BoardId, TaskId};

    fn dependent(status: TaskStatus, assigned: Option<AgentId>, waits_for_others: bool) -> Dependent {
        let now = SystemClock.now();
        let task = Task {
            id: TaskId::generate(),
            board_id: BoardId::generate(),
            title: "t".into(),
            description: None,
            status,
            priority: "medium".into(),
            due_at: None,
            in_progress_at: None,
            previous_in_progress_at: Some(now),
            created_by_user_id: None,
            assigned_agent_id: assigned,
            auto_created: false,
            auto_reason: None,
            created_at: now,
            updated_at: now,
        };
        Dependent { task, waits_for_others }
    }

    #[test]
    fn done_tells_who_can_go_on_and_changes_nothing() {
        let (worker, lead, now) = (AgentId::generate(), AgentId::generate(), SystemClock.now());
        let dependents = vec![
            dependent(TaskStatus::Inbox, Some(worker), false),
            dependent(TaskStatus::Inbox, None, false),
            dependent(TaskStatus::Inbox, Some(worker), true),
            dependent(TaskStatus::Done, Some(worker), false),
        ];
        let ripples = cascade(TaskStatus::Review, TaskStatus::Done, dependents.clone(), Some(lead), now);
        let told: Vec<_> =
            ripples.iter().map(|ripple| ripple.notices.iter().map(|n| n.to).collect::<Vec<_>>()).collect();
        assert_eq!(told, [vec![worker], vec![lead], vec![]]);
        assert!(ripples.iter().zip(&dependents).all(|(ripple, before)| ripple.task == before.task));
    }

    #[test]
    fn reopening_puts_busy_dependents_back_and_tells_who_loses_them() {
        let (worker, lead, now) = (AgentId::generate(), AgentId::generate(), SystemClock.now());
        let dependents = vec![
            dependent(TaskStatus::Review, Some(worker), false),
            dependent(TaskStatus::Inbox, None, false),
        ];
        let ripples = cascade(TaskStatus::Done, TaskStatus::Inbox, dependents, Some(lead), now);
        assert_eq!(ripples[0].kind, RippleKind::PutBack);
        assert_eq!((ripples[0].task.status, ripples[0].task.assigned_agent_id), (TaskStatus::Inbox, None));
        assert!(ripples[0].task.previous_in_progress_at.is_some());
        assert_eq!(ripples[0].notices.len(), 2);
        assert_eq!((ripples[1].kind, ripples[1].notices.len()), (RippleKind::DependencyReopened, 0));
        assert_eq!(cascade(TaskStatus::Inbox, TaskStatus::Review, vec![], None, now), []);
    }
}
