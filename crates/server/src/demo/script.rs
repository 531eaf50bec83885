//! What the agents do: looks at the scene and chooses one deed a turn. No I/O and no chance, so it can be tested.

use mc_model::ids::{AgentId, TaskId};

use super::play::{Cast, Role};
use super::scene::{Entry, Judgement, Scene};

/// How many tasks are left open before the lead adds another one.
const FEWEST_OPEN: usize = 4;
/// How many finished tasks the board keeps; older ones are deleted, so that the demo can run for days.
const MOST_DONE: usize = 8;
/// An agent says that it is there at least once in so many turns.
const CHECK_IN_TURNS: u64 = 120;

/// One request of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    pub agent: AgentId,
    pub act: Act,
}

/// What it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Says that it is there.
    CheckIn,
    /// The lead adds a task.
    Add { title: &'static str },
    /// The lead gives a task to a worker, who starts at once.
    Delegate { task: TaskId, to: AgentId },
    /// A worker takes a task.
    Take { task: TaskId },
    /// A worker reports.
    Report { task: TaskId, text: &'static str },
    /// A worker hands its task over for review.
    HandOver { task: TaskId, text: &'static str },
    /// The lead asks for a change.
    Ask { task: TaskId, text: &'static str },
    /// The lead sends the task back to its worker.
    SendBack { task: TaskId },
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
            | Self::Accept { task }
            | Self::Remove { task } => Some(*task),
        }
    }

    /// Writes down on the scene that the server said yes.
    pub(super) fn done(&self, turn: u64, scene: &mut Scene) {
        let Some(entry) = self.task().and_then(|task| scene.entry_mut(task)) else { return };
        entry.turn = turn;
        match self {
            Self::Delegate { .. } | Self::Take { .. } => entry.reports = 0,
            Self::Report { .. } => entry.reports += 1,
            Self::Ask { .. } => entry.judgement = Judgement::Asked,
            Self::SendBack { .. } => entry.judgement = Judgement::SentBack,
            _ => {}
        }
    }
}

/// The deed of this turn. The task that waited longest comes first, so all of them move.
pub(super) fn next(scene: &Scene, cast: &Cast, turn: u64) -> Deed {
    let checks_in = |longest: u64| {
        let silent = cast.agents().filter(|agent| agent.checked_in.is_none_or(|at| turn - at > longest));
        silent.min_by_key(|agent| agent.checked_in).map(|agent| Deed { agent: agent.id, act: Act::CheckIn })
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
        .unwrap_or(Deed { agent: cast.lead().id, act: Act::CheckIn })
}

fn is_done(entry: &Entry) -> bool {
    entry.task.status == "done"
}

/// The lead sees to it that there is work, and not too much of the past.
fn keep_board(scene: &Scene, cast: &Cast, turn: u64) -> Option<Deed> {
    let lead = cast.lead().id;
    let (done, open): (Vec<&Entry>, Vec<&Entry>) = scene.entries().partition(|entry| is_done(entry));
    if open.len() < FEWEST_OPEN {
        return Some(Deed { agent: lead, act: Act::Add { title: pick(&IDEAS, turn) } });
    }
    let oldest = done.iter().min_by_key(|entry| (entry.since, entry.task.id));
    let oldest = oldest.filter(|_| done.len() > MOST_DONE)?;
    Some(Deed { agent: lead, act: Act::Remove { task: oldest.task.id } })
}

/// What an agent of ours can do for this task now. Tasks that people gave to somebody else are left alone.
fn advance(entry: &Entry, scene: &Scene, cast: &Cast, turn: u64) -> Option<Deed> {
    let task = entry.task.id;
    let worker = entry.task.assigned_agent_id.filter(|agent| cast.role(*agent) == Some(Role::Worker));
    match entry.task.status.as_str() {
        "inbox" => match (entry.task.assigned_agent_id, worker) {
            (None, _) => {
                let free = idle_worker(scene, cast, turn)?;
                Some(if turn.is_multiple_of(2) {
                    Deed { agent: cast.lead().id, act: Act::Delegate { task, to: free } }
                } else {
                    Deed { agent: free, act: Act::Take { task } }
                })
            }
            (Some(_), Some(worker)) if is_idle(scene, worker) => {
                Some(Deed { agent: worker, act: Act::Take { task } })
            }
            _ => None,
        },
        "in_progress" => worker.map(|worker| Deed { agent: worker, act: work_on(entry, turn) }),
        "review" => Some(Deed { agent: cast.lead().id, act: judge(entry, turn) }),
        _ => None,
    }
}

/// A worker reports once or twice, then hands over.
fn work_on(entry: &Entry, turn: u64) -> Act {
    let task = entry.task.id;
    let wanted = 1 + u32::from(is_demanding(task));
    if entry.reports < wanted {
        return Act::Report { task, text: pick(&REPORTS, turn) };
    }
    Act::HandOver { task, text: pick(&RESULTS, turn) }
}

/// The lead is not content with every first try, and with every second one.
fn judge(entry: &Entry, turn: u64) -> Act {
    let task = entry.task.id;
    match entry.judgement {
        Judgement::None if is_demanding(task) => Act::Ask { task, text: pick(&WISHES, turn) },
        Judgement::Asked => Act::SendBack { task },
        Judgement::None | Judgement::SentBack => Act::Accept { task },
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
const REPORTS: [&str; 6] = [
    "Found where it happens; writing a test that fails first.",
    "The test fails as expected. Working on the change.",
    "Halfway through. No surprises so far.",
    "The simple way does not cover all cases; trying a second one.",
    "Asked the logs: it happens about twice an hour.",
    "The change works here. Cleaning up.",
];
const RESULTS: [&str; 4] = [
    "Done and tested. Please have a look.",
    "Ready: the change, its test, and a line in the changelog.",
    "Finished. I left one question in the description of the change.",
    "Complete; measured before and after, the numbers are better.",
];
const WISHES: [&str; 3] = [
    "Good. Please cover the empty cart as well before this goes out.",
    "Nearly there: the error message should say what to do next.",
    "Please try it once with two tabs open; I think they disagree.",
];
