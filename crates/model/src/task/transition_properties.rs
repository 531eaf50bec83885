//! The transition function over all combinations of state, mover, assignee, shape of patch and rules, and a good part of
//! those with the facts.

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::error::{Detail, Error, ErrorKind};
use crate::ids::TaskId;
use std::time::Duration;

/// Every case at this distance is tried. It has no factor in common with the number of combinations without the facts,
/// so each of those is met, with ever other facts.
const STRIDE: usize = 29;

struct Digits(usize);

impl Digits {
    /// The next digit of a number in mixed base.
    fn take(&mut self, base: usize) -> usize {
        let digit = self.0 % base;
        self.0 /= base;
        digit
    }

    fn flag(&mut self) -> bool {
        self.take(2) == 1
    }
}

struct Case {
    before: Task,
    mover: Mover,
    patch: TaskPatch,
    facts: Facts,
}

/// State, mover, assignee; status, assignee, dependencies, comment and title of the patch; rules.
const COMBINATIONS: usize = (4 * 4 * 3) * (5 * 6 * 2 * 2 * 2) * 32;
/// Those, with each of five facts.
const CASES: usize = COMBINATIONS * 32;

struct Cast {
    board: BoardId,
    lead: AgentId,
    worker: AgentId,
    other: AgentId,
    now: Timestamp,
}

fn case(number: usize, cast: &Cast) -> Case {
    let mut digits = Digits(number);
    let status = TaskStatus::ALL[digits.take(4)];
    let mover = [Mover::User, Mover::Lead(cast.lead), Mover::Worker(cast.worker), Mover::Worker(cast.other)]
        [digits.take(4)];
    let assigned = [None, Some(cast.worker), Some(cast.lead)][digits.take(3)];
    let before = task(status, assigned, cast);
    let mut patch = TaskPatch::default();
    if let Some(&status) =
        [None, Some(0), Some(1), Some(2), Some(3)][digits.take(5)].map(|at: usize| &TaskStatus::ALL[at])
    {
        patch.sent.push(TaskField::Status);
        patch.status = Some(status);
    }
    let wanted = digits.take(6);
    let candidate = assign(&mut patch, wanted, cast);
    if digits.flag() {
        patch.sent.push(TaskField::DependsOnTaskIds);
        patch.depends_on = Some(vec![]);
    }
    if digits.flag() {
        patch.sent.push(TaskField::Comment);
        patch.comment = Some("a comment".into());
    }
    if digits.flag() {
        patch.sent.push(TaskField::Title);
        patch.title = Some("other".into());
    }
    let rules = BoardRules {
        require_approval_for_done: digits.flag(),
        require_review_before_done: digits.flag(),
        comment_required_for_review: digits.flag(),
        block_status_changes_with_pending_approval: digits.flag(),
        only_lead_can_change_status: digits.flag(),
    };
    let facts = Facts {
        rules,
        lead: digits.flag().then_some(cast.lead),
        candidate,
        last_worker: Some(cast.worker),
        has_pending_approval: digits.flag(),
        has_approved_approval: digits.flag(),
        blocked_by: if digits.flag() { vec![TaskId::generate()] } else { vec![] },
        worker_commented: digits.flag(),
        now: cast.now,
    };
    Case { before, mover, patch, facts }
}

fn assign(patch: &mut TaskPatch, wanted: usize, cast: &Cast) -> Option<Candidate> {
    let at = |id, board_id, is_board_lead| Some(Candidate { id, board_id, is_board_lead });
    let (assignee, candidate) = match wanted {
        0 => return None,
        1 => (None, None),
        2 => (Some(cast.worker), at(cast.worker, Some(cast.board), false)),
        3 => (Some(cast.lead), at(cast.lead, Some(cast.board), true)),
        4 => (Some(cast.other), at(cast.other, Some(BoardId::generate()), false)),
        _ => (Some(cast.other), None),
    };
    patch.sent.push(TaskField::AssignedAgentId);
    patch.assigned_agent_id = Some(assignee);
    candidate
}

fn task(status: TaskStatus, assigned: Option<AgentId>, cast: &Cast) -> Task {
    let earlier = cast.now.before(Duration::from_secs(60));
    Task {
        id: TaskId::generate(),
        board_id: cast.board,
        title: "t".into(),
        description: None,
        status,
        priority: "medium".into(),
        due_at: None,
        in_progress_at: (status == TaskStatus::InProgress).then_some(earlier),
        previous_in_progress_at: (status == TaskStatus::Review).then_some(earlier),
        created_by_user_id: None,
        assigned_agent_id: assigned,
        auto_created: false,
        auto_reason: None,
        created_at: earlier,
        updated_at: earlier,
    }
}

#[test]
fn no_combination_breaks_an_invariant() {
    let cast = Cast {
        board: BoardId::generate(),
        lead: AgentId::generate(),
        worker: AgentId::generate(),
        other: AgentId::generate(),
        now: SystemClock.now(),
    };
    let (mut tried, mut accepted) = (0, 0);
    let mut met = vec![false; COMBINATIONS];
    for number in (0..CASES).step_by(STRIDE) {
        let case = case(number, &cast);
        tried += 1;
        met[number % COMBINATIONS] = true;
        let outcome = transition(&case.before, case.mover, &case.patch, &case.facts);
        assert_eq!(outcome, transition(&case.before, case.mover, &case.patch, &case.facts), "{number}: pure");
        match outcome {
            Ok(change) => {
                accepted += 1;
                check_change(&case, &change, number);
                check_times(&case, &change, number);
                check_block(&case, &change, number);
            }
            Err(refusal) => check_refusal(refusal, number),
        }
    }
    println!(
        "{tried} transitions tried, {accepted} accepted, {COMBINATIONS} combinations of state, mover, patch, rules"
    );
    assert!(met.into_iter().all(|met| met), "every combination of state, mover, patch and rules is met");
    assert!(tried >= 100_000, "{tried} cases are too few");
    assert!(accepted > tried / 20, "{accepted} of {tried} were accepted: the others prove little");
}

/// Whoever is refused reads why, under a status that says whose fault it is.
fn check_refusal(refusal: Refusal, number: usize) {
    let error = Error::from(refusal.clone());
    let is_told = match error.detail() {
        Detail::Text(text) => !text.is_empty(),
        Detail::Object(object) => {
            object["code"].is_string() && object["message"].as_str().is_some_and(|text| !text.is_empty())
        }
        Detail::Reason | Detail::Problems(_) => false,
    };
    assert!(is_told, "{number}: {refusal:?} says nothing");
    // What conflicts with the state of the board can be told apart by machines.
    let is_coded = matches!(error.detail(), Detail::Object(_));
    assert!(is_coded || error.kind() != ErrorKind::Conflict, "{number}: {refusal:?} has no code");
    let known = [ErrorKind::Forbidden, ErrorKind::NotFound, ErrorKind::Conflict, ErrorKind::Invalid];
    assert!(known.contains(&error.kind()), "{number}: {refusal:?}");
}

/// Tasks spec §3.6: which of the two times a move touches.
fn check_times(case: &Case, change: &Change, number: usize) {
    let (before, after, now) = (&case.before, &change.task, case.facts.now);
    let is_lead = matches!(case.mover, Mover::Lead(_));
    let times = (after.in_progress_at, after.previous_in_progress_at);
    let kept = (before.in_progress_at, before.previous_in_progress_at);
    let is_reset = change.was_put_back && !case.facts.blocked_by.is_empty();
    let wanted = match (before.status, after.status) {
        _ if is_reset => (None, None),
        (from, to) if from == to => kept,
        (_, TaskStatus::InProgress) => (Some(now), before.previous_in_progress_at),
        (_, TaskStatus::Done) => kept,
        (_, TaskStatus::Inbox) if is_lead => (None, before.previous_in_progress_at),
        (_, TaskStatus::Inbox | TaskStatus::Review) => (None, before.in_progress_at),
    };
    assert_eq!(times, wanted, "{number}: {:?} to {:?}", before.status, after.status);
}

/// Tasks spec §4.1: what a block blocks.
fn check_block(case: &Case, change: &Change, number: usize) {
    let (before, after) = (&case.before, &change.task);
    if case.facts.blocked_by.is_empty() {
        assert!(!change.was_put_back, "{number}: put back without a reason");
        return;
    }
    let moved = after.status != before.status;
    match case.mover {
        Mover::User => {
            let touched = moved
                || after.assigned_agent_id != before.assigned_agent_id
                || case.patch.depends_on.is_some();
            let stays_done = before.status == TaskStatus::Done && after.status == TaskStatus::Done;
            let waits = after.status == TaskStatus::Inbox && after.assigned_agent_id.is_none();
            assert!(!touched || stays_done || waits, "{number}: a person moved a blocked task");
        }
        Mover::Lead(_) => {
            let sent = [TaskField::Status, TaskField::AssignedAgentId];
            assert!(
                !sent.iter().any(|field| case.patch.names(*field)),
                "{number}: a lead moved a blocked task"
            );
            assert!(!moved, "{number}");
        }
        Mover::Worker(_) => {
            assert!(!moved || after.status == TaskStatus::Inbox, "{number}: a worker took a blocked task");
        }
    }
}

fn check_change(case: &Case, change: &Change, number: usize) {
    let (before, after, facts) = (&case.before, &change.task, &case.facts);
    let moved = after.status != before.status;
    assert_eq!(change.status_changed, moved, "{number}");
    assert_eq!(after.updated_at, facts.now, "{number}: a change is stamped");
    assert_eq!((after.id, after.board_id, after.created_at), (before.id, before.board_id, before.created_at));
    if moved && after.status == TaskStatus::Done {
        let rules = &facts.rules;
        assert!(
            !rules.require_approval_for_done || facts.has_approved_approval,
            "{number}: done past the gate"
        );
        assert!(
            !rules.require_review_before_done || before.status == TaskStatus::Review,
            "{number}: no review"
        );
        assert!(facts.blocked_by.is_empty(), "{number}: done while blocked");
    }
    if moved && after.status == TaskStatus::InProgress {
        assert!(facts.blocked_by.is_empty(), "{number}: started while blocked");
        assert_eq!(after.in_progress_at, Some(facts.now), "{number}: the clock runs");
    }
    if moved && after.status != TaskStatus::InProgress && after.status != TaskStatus::Done {
        assert_eq!(after.in_progress_at, None, "{number}: the clock stands");
    }
    if !moved && !change.was_put_back {
        assert_eq!(after.in_progress_at, before.in_progress_at, "{number}: an unmoved task keeps its clock");
    }
    if moved && after.status == TaskStatus::Review {
        assert!(
            facts.lead.is_none() || after.assigned_agent_id == facts.lead,
            "{number}: review is the lead's"
        );
    }
    if let Mover::Worker(worker) = case.mover {
        let foreign = before.assigned_agent_id.is_some_and(|owner| owner != worker);
        assert!(!foreign || !case.patch.names(TaskField::Status), "{number}: took another's task");
        assert!(!facts.rules.only_lead_can_change_status || !moved, "{number}: only the lead moves");
        assert_eq!(after.title, before.title, "{number}: workers do not edit");
    }
    if let Mover::Lead(lead) = case.mover {
        let is_new = after.assigned_agent_id != before.assigned_agent_id;
        assert!(!is_new || after.assigned_agent_id != Some(lead), "{number}: a lead assigns itself");
    }
    for notice in &change.notices {
        assert!(
            Some(notice.to) != case.mover.agent()
                || notice.kind == NoticeKind::TaskBackInInbox
                || notice.kind == NoticeKind::TaskReadyForLeadReview,
            "{number}: told its own doing"
        );
    }
}
