use super::*;
use crate::clock::{Clock, SystemClock};
use crate::ids::TaskId;
use std::time::Duration;

struct World {
    lead: AgentId,
    worker: AgentId,
    task: Task,
    facts: Facts,
}

fn world(status: TaskStatus) -> World {
    let (lead, worker, board) = (AgentId::generate(), AgentId::generate(), BoardId::generate());
    let now = SystemClock.now();
    let earlier = now.before(Duration::from_secs(60));
    let task = Task {
        id: TaskId::generate(),
        board_id: board,
        title: "t".into(),
        description: None,
        status,
        priority: "medium".into(),
        due_at: None,
        in_progress_at: (status == TaskStatus::InProgress).then_some(earlier),
        previous_in_progress_at: None,
        created_by_user_id: None,
        assigned_agent_id: (status == TaskStatus::InProgress).then_some(worker),
        auto_created: false,
        auto_reason: None,
        created_at: earlier,
        updated_at: earlier,
    };
    let rules = BoardRules { require_approval_for_done: false, ..BoardRules::default() };
    let facts = Facts {
        rules,
        lead: Some(lead),
        candidate: None,
        last_worker: Some(worker),
        has_pending_approval: false,
        has_approved_approval: false,
        blocked_by: vec![],
        worker_commented: false,
        now,
    };
    World { lead, worker, task, facts }
}

fn status(status: TaskStatus) -> TaskPatch {
    TaskPatch { sent: vec![TaskField::Status], status: Some(status), ..TaskPatch::default() }
}

#[test]
fn worker_claims_an_unassigned_task_and_is_refused_another_ones() {
    let World { worker, task, facts, .. } = world(TaskStatus::Inbox);
    let change =
        transition(&task, Mover::Worker(worker), &status(TaskStatus::InProgress), &facts).expect("claim");
    assert_eq!(change.task.assigned_agent_id, Some(worker));
    assert_eq!(change.task.in_progress_at, Some(facts.now));
    let other = Mover::Worker(AgentId::generate());
    let refused = transition(&change.task, other, &status(TaskStatus::InProgress), &facts);
    assert_eq!(refused, Err(Refusal::AssigneeMismatch));
}

#[test]
fn entering_review_hands_the_task_to_the_lead_and_tells_it() {
    let World { worker, lead, task, facts } = world(TaskStatus::InProgress);
    for mover in [Mover::User, Mover::Worker(worker)] {
        let change = transition(&task, mover, &status(TaskStatus::Review), &facts).expect("review");
        assert_eq!(change.task.assigned_agent_id, Some(lead));
        assert_eq!(change.task.previous_in_progress_at, task.in_progress_at);
        assert_eq!(change.task.in_progress_at, None);
        assert_eq!(change.notices, [Notice { kind: NoticeKind::TaskReadyForLeadReview, to: lead }]);
    }
}

#[test]
fn entering_review_without_a_lead_keeps_the_worker() {
    let World { worker, task, mut facts, .. } = world(TaskStatus::InProgress);
    facts.lead = None;
    let change =
        transition(&task, Mover::Worker(worker), &status(TaskStatus::Review), &facts).expect("review");
    assert_eq!(change.task.assigned_agent_id, Some(worker));
}

#[test]
fn sending_the_stored_status_changes_no_time_field_and_no_assignee() {
    let World { task, facts, .. } = world(TaskStatus::InProgress);
    let change = transition(&task, Mover::User, &status(TaskStatus::InProgress), &facts).expect("same");
    assert_eq!(change.task.in_progress_at, task.in_progress_at);
    assert_eq!(change.task.assigned_agent_id, task.assigned_agent_id);
    assert!(!change.status_changed);
}

#[test]
fn sending_inbox_without_assignee_releases_an_assigned_inbox_task() {
    let World { lead, worker, mut task, facts } = world(TaskStatus::Inbox);
    task.assigned_agent_id = Some(worker);
    let change = transition(&task, Mover::User, &status(TaskStatus::Inbox), &facts).expect("release");
    assert_eq!(change.task.assigned_agent_id, None);
    assert_eq!(change.notices, [Notice { kind: NoticeKind::TaskBackInInbox, to: lead }]);
}

#[test]
fn lead_moves_are_exactly_those_of_the_table() {
    for from in TaskStatus::ALL {
        for to in TaskStatus::ALL {
            let World { lead, worker, task, mut facts } = world(from);
            let mut patch = status(to);
            let plain = transition(&task, Mover::Lead(lead), &patch, &facts);
            let allowed = from == TaskStatus::Review && matches!(to, TaskStatus::Done | TaskStatus::Inbox);
            assert_eq!(plain.is_ok(), allowed, "{from:?} to {to:?}");
            patch.sent.push(TaskField::AssignedAgentId);
            patch.assigned_agent_id = Some(Some(worker));
            facts.candidate =
                Some(Candidate { id: worker, board_id: Some(task.board_id), is_board_lead: false });
            let assigned = transition(&task, Mover::Lead(lead), &patch, &facts);
            let starts = from == TaskStatus::Inbox && to == TaskStatus::InProgress;
            assert_eq!(assigned.is_ok(), allowed || starts, "{from:?} to {to:?} with assignee");
            if starts {
                assert_eq!(assigned.expect("starts").task.in_progress_at, Some(facts.now));
            }
        }
    }
}

#[test]
fn lead_sends_back_to_the_last_worker_or_the_named_one() {
    let World { lead, worker, mut task, mut facts } = world(TaskStatus::Review);
    task.assigned_agent_id = Some(lead);
    let change = transition(&task, Mover::Lead(lead), &status(TaskStatus::Inbox), &facts).expect("back");
    assert_eq!(change.task.assigned_agent_id, Some(worker));
    assert_eq!(change.notices, [Notice { kind: NoticeKind::ChangesRequested, to: worker }]);
    let other = AgentId::generate();
    facts.candidate = Some(Candidate { id: other, board_id: Some(task.board_id), is_board_lead: false });
    let mut patch = status(TaskStatus::Inbox);
    patch.sent.push(TaskField::AssignedAgentId);
    patch.assigned_agent_id = Some(Some(other));
    let named = transition(&task, Mover::Lead(lead), &patch, &facts).expect("back");
    assert_eq!(named.task.assigned_agent_id, Some(other));
}

#[test]
fn workers_and_leads_may_not_touch_foreign_fields() {
    let World { lead, worker, task, facts } = world(TaskStatus::Inbox);
    let patch = TaskPatch {
        sent: vec![TaskField::Title, TaskField::AssignedAgentId],
        title: Some("x".into()),
        assigned_agent_id: Some(None),
        ..TaskPatch::default()
    };
    assert_eq!(
        transition(&task, Mover::Worker(worker), &patch, &facts),
        Err(Refusal::WorkerFields(vec![TaskField::Title, TaskField::AssignedAgentId]))
    );
    assert_eq!(
        transition(&task, Mover::Lead(lead), &patch, &facts),
        Err(Refusal::LeadFields(vec![TaskField::Title]))
    );
}

#[test]
fn gates_refuse_in_the_order_of_the_spec() {
    let World { worker, task, mut facts, .. } = world(TaskStatus::InProgress);
    facts.rules = BoardRules {
        require_approval_for_done: true,
        require_review_before_done: true,
        comment_required_for_review: true,
        block_status_changes_with_pending_approval: true,
        only_lead_can_change_status: false,
    };
    facts.has_pending_approval = true;
    let done = status(TaskStatus::Done);
    let try_done = |task: &Task, facts: &Facts| transition(task, Mover::User, &done, facts).map(|_| ());
    assert_eq!(try_done(&task, &facts), Err(Refusal::PendingApproval));
    facts.has_pending_approval = false;
    assert_eq!(try_done(&task, &facts), Err(Refusal::ReviewFirst));
    let review = Task { status: TaskStatus::Review, ..task.clone() };
    assert_eq!(try_done(&review, &facts), Err(Refusal::ApprovalRequired));
    facts.has_approved_approval = true;
    assert_eq!(try_done(&review, &facts), Ok(()));
    let to_review = status(TaskStatus::Review);
    let refused = transition(&task, Mover::Worker(worker), &to_review, &facts);
    assert_eq!(refused, Err(Refusal::CommentRequired));
    let commented = TaskPatch { comment: Some("done so".into()), ..to_review };
    assert!(transition(&task, Mover::Worker(worker), &commented, &facts).is_ok());
}

#[test]
fn a_blocked_task_goes_back_to_the_inbox_when_a_person_moves_it() {
    let World { worker, lead, task, mut facts } = world(TaskStatus::InProgress);
    facts.blocked_by = vec![TaskId::generate()];
    let change = transition(&task, Mover::User, &status(TaskStatus::Review), &facts).expect("put back");
    assert!(change.was_put_back);
    assert_eq!((change.task.status, change.task.assigned_agent_id), (TaskStatus::Inbox, None));
    assert_eq!((change.task.in_progress_at, change.task.previous_in_progress_at), (None, None));
    assert_eq!(
        change.notices,
        [
            Notice { kind: NoticeKind::TaskBackInInbox, to: lead },
            Notice { kind: NoticeKind::TaskBlocked, to: worker },
        ]
    );
    let title = TaskPatch { sent: vec![TaskField::Title], title: Some("x".into()), ..TaskPatch::default() };
    let edited = transition(&task, Mover::User, &title, &facts).expect("edit");
    assert_eq!(edited.task.assigned_agent_id, Some(worker));
}

#[test]
fn agents_cannot_move_a_blocked_task() {
    let World { worker, lead, task, mut facts } = world(TaskStatus::InProgress);
    let blocker = TaskId::generate();
    facts.blocked_by = vec![blocker];
    let blocked = Err(Refusal::Blocked(vec![blocker]));
    assert_eq!(transition(&task, Mover::Worker(worker), &status(TaskStatus::Review), &facts), blocked);
    assert!(transition(&task, Mover::Worker(worker), &status(TaskStatus::Inbox), &facts).is_ok());
    assert_eq!(transition(&task, Mover::Lead(lead), &status(TaskStatus::InProgress), &facts), blocked);
}

#[test]
fn a_done_task_keeps_its_dependencies_and_its_state() {
    let World { task, mut facts, .. } = world(TaskStatus::Done);
    facts.blocked_by = vec![TaskId::generate()];
    let deps = TaskPatch {
        sent: vec![TaskField::DependsOnTaskIds],
        depends_on: Some(vec![]),
        ..TaskPatch::default()
    };
    assert_eq!(transition(&task, Mover::User, &deps, &facts), Err(Refusal::DependenciesOfDone));
    let same = transition(&task, Mover::User, &status(TaskStatus::Done), &facts).expect("stays");
    assert_eq!(same.task.status, TaskStatus::Done);
}
