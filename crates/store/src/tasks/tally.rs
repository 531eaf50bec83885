//! How many tasks a board has, by state and by whether somebody has them.
//!
//! Counted in the row of the board with every write, because a list shows the number of all its tasks, and counting a
//! million rows for each page would take longer than the page. The counts travel with the scope's event counter in one
//! statement.

use mc_model::Result;
use mc_model::ids::BoardId;
use mc_model::task::{Task, TaskFilter, TaskStatus};

use crate::sql::{Conn, id};

/// The columns of `boards`, free before taken for each state in the order of [`TaskStatus::ALL`].
pub(crate) const COLUMNS: [&str; 8] = [
    "tasks_inbox_free",
    "tasks_inbox_taken",
    "tasks_in_progress_free",
    "tasks_in_progress_taken",
    "tasks_review_free",
    "tasks_review_taken",
    "tasks_done_free",
    "tasks_done_taken",
];

/// By how much the counts of one board change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally([i64; 8]);

impl Tally {
    /// One task more (`1`) or less (`-1`) of this kind.
    pub(crate) fn add(&mut self, status: TaskStatus, is_taken: bool, by: i64) {
        self.0[position(status, is_taken)] += by;
    }

    /// The part of an `UPDATE boards SET` that applies it, with a leading comma.
    pub(crate) fn assignments(&self) -> String {
        let changed = COLUMNS.iter().zip(self.0).filter(|(_, by)| *by != 0);
        changed.map(|(column, by)| format!(", {column} = {column} + {by}")).collect()
    }
}

fn position(status: TaskStatus, is_taken: bool) -> usize {
    let state = TaskStatus::ALL.iter().position(|one| *one == status).unwrap_or_default();
    state * 2 + usize::from(is_taken)
}

/// The sum over `boards b` that says how many tasks pass the filter; none when the counts cannot say it.
pub(super) fn total(filter: &TaskFilter) -> Option<String> {
    if filter.assigned_agent_id.is_some() || filter.text.is_some() {
        return None;
    }
    let all = TaskStatus::ALL;
    let states = if filter.statuses.is_empty() { &all[..] } else { &filter.statuses };
    let kinds: &[bool] = if filter.unassigned { &[false] } else { &[false, true] };
    let columns = states.iter().flat_map(|status| kinds.iter().map(|kind| position(*status, *kind)));
    Some(columns.map(|at| format!("b.{}", COLUMNS[at])).collect::<Vec<_>>().join(" + "))
}

/// Whether the counts of the board agree with its tasks.
///
/// # Errors
/// When the database fails.
pub async fn is_right(db: &impl Conn, board: BoardId) -> Result<bool> {
    let sql = "SELECT status, CASE WHEN assigned_agent_id IS NULL THEN 0 ELSE 1 END, count(*) FROM tasks \
               WHERE board_id = $1 GROUP BY 1, 2";
    let mut counted = Tally::default();
    for row in db.link().rows(sql, vec![id(board)]).await? {
        let status = super::status(&row.get::<String>(0)?)?;
        counted.add(status, row.get::<i32>(1)? == 1, row.get(2)?);
    }
    let sql = format!("SELECT {} FROM boards WHERE id = $1", COLUMNS.join(", "));
    let Some(row) = db.link().row(sql, vec![id(board)]).await? else { return Ok(true) };
    let mut kept = [0; 8];
    for (at, count) in kept.iter_mut().enumerate() {
        *count = row.get(at)?;
    }
    Ok(Tally(kept) == counted)
}

impl crate::tx::WriteTx {
    /// Counts a change of a task for its board.
    pub(super) fn count(&mut self, before: Option<&Task>, after: Option<&Task>) {
        for (task, by) in [(before, -1), (after, 1)] {
            if let Some(task) = task {
                self.tally(task.board_id).add(task.status, task.assigned_agent_id.is_some(), by);
            }
        }
    }
}
