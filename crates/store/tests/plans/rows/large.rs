//! One long chain and one large board beside the rows of the other tests.

use mc_testkit::database::Backend;

use super::{AGENT, BOARD, Sql};

/// How many tasks are in the chain; each waits for the one before it.
pub const CHAIN: u32 = 20_000;
/// How many tasks are on the large board.
const TASKS: u32 = 50_000;

/// The tasks of both.
pub const LARGE_TASK: u32 = 11;
/// The dependencies of the chain.
const EDGE: u32 = 12;
/// The number of the board that both are on.
pub const LARGE_BOARD: u32 = 2;

/// Fills the board with the chain.
pub fn chain(backend: Backend) -> Vec<String> {
    let sql = Sql(backend);
    let (board, moment) = (sql.id(BOARD, &LARGE_BOARD.to_string()), sql.moment());
    let (edge, task, before) = (sql.id(EDGE, "n"), sql.id(LARGE_TASK, "n"), sql.id(LARGE_TASK, "n - 1"));
    let edges = insert(
        1..CHAIN,
        "task_dependencies",
        "id, board_id, task_id, depends_on_task_id, created_at",
        &[&edge, &board, &task, &before, &moment],
    );
    vec![tasks(sql, CHAIN, "'inbox'", "NULL"), counts(sql), edges]
}

/// Fills the board with tasks of every kind, of which those in review are rare.
pub fn board(backend: Backend) -> Vec<String> {
    let sql = Sql(backend);
    let status = "CASE WHEN n % 1000 = 0 THEN 'review' WHEN n % 4 = 0 THEN 'inbox' WHEN n % 4 = 1 THEN 'in_progress' \
                  ELSE 'done' END";
    let assignee = format!("CASE WHEN n % 3 = 0 THEN {} END", sql.id(AGENT, "1"));
    vec![tasks(sql, TASKS, status, &assignee), counts(sql)]
}

fn tasks(sql: Sql, count: u32, status: &str, assignee: &str) -> String {
    let (task, board) = (sql.id(LARGE_TASK, "n"), sql.id(BOARD, &LARGE_BOARD.to_string()));
    let moment = match sql.0 {
        Backend::Sqlite => "datetime('2026-02-01', '+' || n || ' seconds')",
        Backend::Postgres => "CAST('2026-02-01' AS timestamp) + n * interval '1 second'",
    };
    insert(
        0..count,
        "tasks",
        "id, board_id, title, status, priority, assigned_agent_id, auto_created, created_at, updated_at",
        &[&task, &board, "'t'", status, "'medium'", assignee, "false", moment, moment],
    )
}

/// Counts the tasks of the board as its writers would have done.
fn counts(sql: Sql) -> String {
    let mut columns = Vec::new();
    for status in ["inbox", "in_progress", "review", "done"] {
        for (kind, condition) in [("free", "IS NULL"), ("taken", "IS NOT NULL")] {
            columns.push(format!(
                "tasks_{status}_{kind} = (SELECT count(*) FROM tasks t WHERE t.board_id = boards.id \
                 AND t.status = '{status}' AND t.assigned_agent_id {condition})"
            ));
        }
    }
    format!("UPDATE boards SET {} WHERE id = {}", columns.join(", "), sql.id(BOARD, &LARGE_BOARD.to_string()))
}

/// One row for each number `n`.
fn insert(numbers: std::ops::Range<u32>, table: &str, columns: &str, values: &[&str]) -> String {
    let std::ops::Range { start, end } = numbers;
    format!(
        "INSERT INTO {table} ({columns}) WITH RECURSIVE numbers (n) AS \
         (SELECT {start} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {end}) SELECT {} FROM numbers",
        values.join(", ")
    )
}
