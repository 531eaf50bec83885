//! Ten thousand rows in every table that a hot query reads, made by the database itself.

pub mod large;

use mc_testkit::database::Backend;
use uuid::Uuid;

/// How many rows each table gets.
pub const ROWS: u32 = 10_000;

/// The tables that are filled.
pub const TABLES: [&str; 9] = [
    "organizations",
    "users",
    "organization_members",
    "boards",
    "agents",
    "tasks",
    "activity_events",
    "events",
    "jobs",
];

/// Organizations have ids of this kind.
pub const ORGANIZATION: u32 = 1;
/// People.
pub const USER: u32 = 2;
/// Memberships.
const MEMBER: u32 = 3;
/// Gateways.
pub const GATEWAY: u32 = 4;
/// Boards.
pub const BOARD: u32 = 5;
/// Agents.
pub const AGENT: u32 = 6;
/// Tasks; the task `n` is on board `n % 100`.
pub const TASK: u32 = 7;
/// Comments; the comment `n` is on task `n % 100`.
const ACTIVITY: u32 = 8;
/// Jobs.
const JOB: u32 = 9;
/// Dependencies.
const DEPENDENCY: u32 = 10;

const KIND: u32 = 1_000_000;
const MOMENT: &str = "'2026-01-02 03:04:05.000006'";

/// The id of the row `number` of a kind.
pub fn id<T: From<Uuid>>(kind: u32, number: u32) -> T {
    Uuid::from_u128(u128::from(kind * KIND + number)).into()
}

/// What differs between the two databases when rows are made from numbers.
#[derive(Clone, Copy)]
struct Sql(Backend);

impl Sql {
    /// The id of the row whose number is the expression `number`.
    fn id(self, kind: u32, number: &str) -> String {
        let number = format!("({} + {number})", kind * KIND);
        match self.0 {
            Backend::Sqlite => format!("unhex(printf('%032x', {number}))"),
            Backend::Postgres => format!("CAST(lpad(to_hex({number}), 32, '0') AS uuid)"),
        }
    }

    fn moment(self) -> String {
        match self.0 {
            Backend::Sqlite => MOMENT.to_owned(),
            Backend::Postgres => format!("CAST({MOMENT} AS timestamp)"),
        }
    }

    fn json(self) -> &'static str {
        match self.0 {
            Backend::Sqlite => "'{}'",
            Backend::Postgres => "CAST('{}' AS json)",
        }
    }

    /// One row for each number `n`.
    fn insert(self, table: &str, columns: &str, values: &[&str]) -> String {
        format!(
            "INSERT INTO {table} ({columns}) WITH RECURSIVE numbers (n) AS \
             (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {ROWS}) \
             SELECT {} FROM numbers",
            values.join(", ")
        )
    }
}

/// What fills a fresh database.
pub fn statements(backend: Backend) -> Vec<String> {
    let sql = Sql(backend);
    let now = &*sql.moment();
    let few = |kind: u32| sql.id(kind, "n % 100");
    let each = |kind: u32| sql.id(kind, "n");
    let mut statements = vec![
        sql.insert(
            "organizations",
            "id, name, event_seq, content_seq, is_demo, created_at, updated_at",
            &[&each(ORGANIZATION), "'o' || n", "0", "0", "false", now, now],
        ),
        sql.insert("users", "id, clerk_user_id, is_super_admin", &[&each(USER), "'user ' || n", "false"]),
        sql.insert(
            "organization_members",
            "id, organization_id, user_id, role, all_boards_read, all_boards_write, created_at, updated_at",
            &[&each(MEMBER), &few(ORGANIZATION), &each(USER), "'member'", "true", "false", now, now],
        ),
        sql.insert(
            "gateways",
            "id, organization_id, name, url, workspace_root, disable_device_pairing, allow_insecure_tls, created_at, \
             updated_at",
            &[&each(GATEWAY), &few(ORGANIZATION), "'g'", "'ws://g'", "'/w'", "false", "false", now, now],
        ),
        sql.insert("boards", BOARD_COLUMNS, &board_values(&each(BOARD), &few(ORGANIZATION), &few(GATEWAY), now)),
        sql.insert(
            "agents",
            "id, board_id, gateway_id, name, status, agent_token_hash, lifecycle_generation, wake_attempts, \
             is_board_lead, created_at, updated_at",
            &[
                &each(AGENT), &few(BOARD), &few(GATEWAY), "'a'", "'online'", "'sha256$' || n", "0", "0", "false", now,
                now,
            ],
        ),
    ];
    statements.extend(board_rows(sql, now));
    statements
}

const BOARD_COLUMNS: &str = "id, organization_id, gateway_id, name, slug, description, board_type, goal_confirmed, \
     max_agents, event_seq, content_seq, tasks_inbox_free, tasks_inbox_taken, tasks_in_progress_free, \
     tasks_in_progress_taken, tasks_review_free, tasks_review_taken, tasks_done_free, tasks_done_taken, created_at, \
     updated_at";

fn board_values<'a>(id: &'a str, organization: &'a str, gateway: &'a str, now: &'a str) -> Vec<&'a str> {
    let mut values = vec![id, organization, gateway, "'b' || n", "'b'", "''", "'general'", "false"];
    // The most agents, both places in the log and the eight counts of tasks.
    values.extend(["0"; 11]);
    values.extend([now, now]);
    values
}

/// What is on the boards.
fn board_rows(sql: Sql, now: &str) -> Vec<String> {
    let few = |kind: u32| sql.id(kind, "n % 100");
    let each = |kind: u32| sql.id(kind, "n");
    let status =
        "CASE n / 100 % 4 WHEN 0 THEN 'inbox' WHEN 1 THEN 'in_progress' WHEN 2 THEN 'review' ELSE 'done' END";
    vec![
        sql.insert(
            "tasks",
            "id, board_id, title, status, priority, assigned_agent_id, auto_created, created_at, updated_at",
            &[&each(TASK), &few(BOARD), "'t'", status, "'medium'", &each(AGENT), "false", now, now],
        ),
        sql.insert(
            "activity_events",
            "id, organization_id, board_id, task_id, event_type, message, agent_id, created_at",
            &[
                &each(ACTIVITY), &few(ORGANIZATION), &few(BOARD), &few(TASK), "'task.comment'", "'m'", &each(AGENT),
                now,
            ],
        ),
        sql.insert(
            "events",
            "txid, scope_id, seq, organization_id, board_id, kind, activity_id, task_id, created_at",
            &["0", &few(BOARD), "n / 100 + 1", &few(ORGANIZATION), &few(BOARD), "'task.comment'", &each(ACTIVITY),
                &few(TASK), now],
        ),
        sql.insert(
            "jobs",
            "id, kind, payload, organization_id, board_id, run_at, attempt, max_attempts, created_at, updated_at",
            &[&each(JOB), "'mail'", sql.json(), &few(ORGANIZATION), &few(BOARD), now, "0", "3", now, now],
        ),
    ]
}

/// Makes each task of board 1 depend on the first one of it.
pub fn dependencies(backend: Backend) -> String {
    let sql = Sql(backend);
    format!(
        "INSERT INTO task_dependencies (id, board_id, task_id, depends_on_task_id, created_at) \
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 99) \
         SELECT {}, {}, {}, {}, {} FROM numbers",
        sql.id(DEPENDENCY, "n"),
        sql.id(BOARD, "1"),
        sql.id(TASK, "n * 100 + 1"),
        sql.id(TASK, "1"),
        sql.moment()
    )
}
