//! What the agents do: looks at the scene and chooses one deed a turn. No I/O and no chance, so it can be tested.

use mc_model::ids::{AgentId, ApprovalId, TaskId};

use super::play::{Cast, Role};
use super::scene::{Entry, Judgement, Scene};

/// How many tasks are left open before the lead adds another one.
const FEWEST_OPEN: usize = 4;
/// How many finished tasks the board keeps; older ones are deleted, so that the demo can run for days.
const MOST_DONE: usize = 8;
/// An agent says that it is there at least once in so many turns.
const CHECK_IN_TURNS: u64 = 120;
/// How many turns a question of the lead is there to be seen before the person says yes.
const THINKING_TURNS: u64 = 4;

/// One request of one agent, or of the person who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    /// None for the person.
    pub agent: Option<AgentId>,
    pub act: Act,
}

/// What it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Says that it is there.
    CheckIn,
    /// The lead adds a task, which may have to wait for another one.
    Add { title: &'static str, after: Option<TaskId> },
    /// The lead gives a task to a worker, who starts at once.
    Delegate { task: TaskId, to: AgentId },
    /// A worker takes a task.
    Take { task: TaskId },
    /// A worker reports.
    Report { task: TaskId, text: &'static str },
    /// A worker hands its task over for review.
    HandOver { task: TaskId, text: &'static str },
    /// The lead asks its worker for a change.
    Ask { task: TaskId, text: String },
    /// The lead sends the task back to its worker.
    SendBack { task: TaskId },
    /// The lead asks the person whether it may accept the task.
    AskApproval { task: TaskId },
    /// The person says yes.
    Approve { task: TaskId, approval: ApprovalId },
    /// The lead accepts the task.
    Accept { task: TaskId },
    /// The lead removes a finished task.
    Remove { task: TaskId },
}

impl Act {
    /// The task it is about.
    pub(super) fn task(&self) -> Option<TaskId> {
        match self {
            Self::CheckIn | Self::Add { .. } => None,
            Self::Delegate { task, .. }
            | Self::Take { task }
            | Self::Report { task, .. }
            | Self::HandOver { task, .. }
            | Self::Ask { task, .. }
            | Self::SendBack { task }
            | Self::AskApproval { task }
            | Self::Approve { task, .. }
            | Self::Accept { task }
            | Self::Remove { task } => Some(*task),
        }
    }
}

impl Deed {
    fn of(agent: AgentId, act: Act) -> Self {
        Self { agent: Some(agent), act }
    }

    /// Writes down on the scene that the server said yes.
    pub(super) fn done(&self, turn: u64, scene: &mut Scene) {
        let Some(entry) = self.act.task().and_then(|task| scene.entry_mut(task)) else { return };
        entry.turn = turn;
        match self.act {
            Act::Delegate { .. } | Act::Take { .. } => entry.reports = 0,
            Act::Report { .. } => entry.reports += 1,
            Act::HandOver { .. } => entry.worker = self.agent,
            Act::Ask { .. } => entry.judgement = Judgement::Asked,
            Act::SendBack { .. } => {
                entry.judgement = Judgement::SentBack;
                // After a rejection the person is asked anew.
                entry.approval = None;
            }
            _ => {}
        }
    }
}

/// The deed of this turn. The task that waited longest comes first, so all of them move.
pub(super) fn next(scene: &Scene, cast: &Cast, turn: u64) -> Deed {
    let checks_in = |longest: u64| {
        let silent = cast.agents().filter(|agent| agent.checked_in.is_none_or(|at| turn - at > longest));
        silent.min_by_key(|agent| agent.checked_in).map(|agent| Deed::of(agent.id, Act::CheckIn))
    };
    checks_in(CHECK_IN_TURNS)
        .or_else(|| keep_board(scene, cast, turn))
        .or_else(|| {
            let mut open: Vec<&Entry> = scene.entries().filter(|entry| !is_done(entry)).collect();
            open.sort_by_key(|entry| (entry.turn, entry.task.id));
            open.into_iter().find_map(|entry| advance(entry, scene, cast, turn))
        })
        // Nothing to do: somebody else moves the tasks.
        .or_else(|| checks_in(0))
        .unwrap_or(Deed::of(cast.lead().id, Act::CheckIn))
}

fn is_done(entry: &Entry) -> bool {
    entry.task.status == "done"
}

/// The lead sees to it that there is work, and not too much of the past.
fn keep_board(scene: &Scene, cast: &Cast, turn: u64) -> Option<Deed> {
    let lead = cast.lead().id;
    let (done, open): (Vec<&Entry>, Vec<&Entry>) = scene.entries().partition(|entry| is_done(entry));
    if open.len() < FEWEST_OPEN {
        return Some(Deed::of(lead, add(scene, &open, turn)));
    }
    let oldest = done.iter().min_by_key(|entry| (entry.since, entry.task.id));
    let oldest = oldest.filter(|_| done.len() > MOST_DONE)?;
    Some(Deed::of(lead, Act::Remove { task: oldest.task.id }))
}

/// While no task waits for another one, every second new one does, for the one that will be done first.
fn add(scene: &Scene, open: &[&Entry], turn: u64) -> Act {
    let is_some_blocked = open.iter().any(|entry| scene.is_blocked(entry));
    let first = open.iter().min_by_key(|entry| (entry.since, entry.task.id));
    match first.filter(|_| turn.is_multiple_of(2) && !is_some_blocked) {
        Some(first) => Act::Add { title: pick(&SEQUELS, turn / 2), after: Some(first.task.id) },
        None => Act::Add { title: pick(&IDEAS, turn), after: None },
    }
}

/// What can be done for this task now. Tasks that people gave to somebody else are left alone.
fn advance(entry: &Entry, scene: &Scene, cast: &Cast, turn: u64) -> Option<Deed> {
    let task = entry.task.id;
    let worker = entry.task.assigned_agent_id.filter(|agent| cast.role(*agent) == Some(Role::Worker));
    match entry.task.status.as_str() {
        _ if scene.is_blocked(entry) => None,
        "inbox" => match (entry.task.assigned_agent_id, worker) {
            (None, _) => {
                let free = idle_worker(scene, cast, turn)?;
                Some(if turn.is_multiple_of(2) {
                    Deed::of(cast.lead().id, Act::Delegate { task, to: free })
                } else {
                    Deed::of(free, Act::Take { task })
                })
            }
            (Some(_), Some(worker)) if is_idle(scene, worker) => Some(Deed::of(worker, Act::Take { task })),
            _ => None,
        },
        "in_progress" => worker.map(|worker| Deed::of(worker, work_on(entry, turn))),
        "review" => judge(entry, cast, turn),
        _ => None,
    }
}

/// A worker reports once or twice, at last to the lead, then hands over.
fn work_on(entry: &Entry, turn: u64) -> Act {
    let task = entry.task.id;
    let wanted = 1 + u32::from(is_demanding(task));
    if entry.reports + 1 == wanted {
        return Act::Report { task, text: pick(&NEWS, turn) };
    }
    if entry.reports < wanted {
        return Act::Report { task, text: pick(&REPORTS, turn) };
    }
    Act::HandOver { task, text: pick(&RESULTS, turn) }
}

/// The lead is not content with every first try, and with every second one. Then it asks whether it may accept.
fn judge(entry: &Entry, cast: &Cast, turn: u64) -> Option<Deed> {
    let task = entry.task.id;
    let act = match entry.judgement {
        Judgement::None if is_demanding(task) => {
            let to = entry.worker.and_then(|worker| cast.first_name(worker));
            let to = to.map(|name| format!("@{name} ")).unwrap_or_default();
            Act::Ask { task, text: to + pick(&WISHES, turn) }
        }
        Judgement::Asked => Act::SendBack { task },
        Judgement::None | Judgement::SentBack => return finish(entry, cast, turn),
    };
    Some(Deed::of(cast.lead().id, act))
}

/// A task is finished when a person agrees. Questions of others than the lead wait for somebody else.
fn finish(entry: &Entry, cast: &Cast, turn: u64) -> Option<Deed> {
    let (task, lead) = (entry.task.id, cast.lead().id);
    let Some(approval) = &entry.approval else {
        return Some(Deed::of(lead, Act::AskApproval { task }));
    };
    match approval.status.as_str() {
        "approved" => Some(Deed::of(lead, Act::Accept { task })),
        "rejected" => Some(Deed::of(lead, Act::SendBack { task })),
        _ => {
            let is_ours = approval.agent_id == Some(lead) && turn >= entry.turn + THINKING_TURNS;
            is_ours.then_some(Deed { agent: None, act: Act::Approve { task, approval: approval.id } })
        }
    }
}

/// About a third of all tasks, and always the same ones.
fn is_demanding(task: TaskId) -> bool {
    task.0.as_u128().is_multiple_of(3)
}

fn is_idle(scene: &Scene, worker: AgentId) -> bool {
    !scene
        .entries()
        .any(|entry| entry.task.status == "in_progress" && entry.task.assigned_agent_id == Some(worker))
}

/// A worker with nothing in its hands and nothing waiting for it, in turn.
fn idle_worker(scene: &Scene, cast: &Cast, turn: u64) -> Option<AgentId> {
    let waits = |worker: AgentId| {
        scene
            .entries()
            .any(|entry| entry.task.status == "inbox" && entry.task.assigned_agent_id == Some(worker))
    };
    let free: Vec<AgentId> =
        cast.workers().map(|agent| agent.id).filter(|id| is_idle(scene, *id) && !waits(*id)).collect();
    (!free.is_empty()).then(|| pick(&free, turn / 2))
}

/// One of the choices, which are not empty; each turn another one.
fn pick<T: Copy>(choices: &[T], turn: u64) -> T {
    let turn = usize::try_from(turn).unwrap_or(0);
    choices[turn % choices.len()]
}

const IDEAS: [&str; 10] = [
    "Show the total before the address",
    "Let guests order without an account",
    "Keep the cart for thirty days",
    "Say which card was declined, and why",
    "Sort the payment methods by use",
    "Remember the language of the last order",
    "Offer a pick-up point near the customer",
    "Log each refund with its reason",
    "Test the checkout on a slow line",
    "Write down how to take the checkout offline",
];
const SEQUELS: [&str; 4] = [
    "Tell support what changed",
    "Watch the numbers for a day after the change",
    "Take the old way out of the code",
    "Translate the new texts",
];
const REPORTS: [&str; 6] = [
    "Found where it happens; writing a test that fails first.",
    "The test fails as expected. Working on the change.",
    "Halfway through. No surprises so far.",
    "The simple way does not cover all cases; trying a second one.",
    "Asked the logs: it happens about twice an hour.",
    "The change works here. Cleaning up.",
];
const NEWS: [&str; 3] = [
    "@lead This one comes to you next; the tests are running.",
    "@lead No surprises. It will be ready for your review in a moment.",
    "@lead It took a second try, but it holds. You can look at it soon.",
];
const RESULTS: [&str; 4] = [
    "@lead Done and tested. Please have a look.",
    "@lead Ready: the change, its test, and a line in the changelog.",
    "@lead Finished. I left one question in the description of the change.",
    "@lead Complete; measured before and after, the numbers are better.",
];
const WISHES: [&str; 3] = [
    "Good. Please cover the empty cart as well before this goes out.",
    "Nearly there: the error message should say what to do next.",
    "Please try it once with two tabs open; I think they disagree.",
];
