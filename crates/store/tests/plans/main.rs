//! The hot queries reach their rows by index, and a longer page costs no more statements.
//!
//! Each query is run through the store's own function while the driver's log is recorded; what was really sent is then
//! explained. SQLite plans by the schema alone; PostgreSQL by tables of ten thousand rows and fresh statistics.

mod orders;
mod recorder;
mod rows;
mod scale;

use std::sync::Arc;
use std::time::Duration;

use mc_model::ids::{AgentId, BoardId, GatewayId, OrganizationId, TaskId, UserId};
use mc_model::task::{SortDirection, TaskFilter, TaskStatus};
use mc_model::{PageRequest, Result, SystemClock};
use mc_store::{self as store, Reader, Store, StoreOptions, WriteTx, queue};
use mc_testkit::database::{Backend, TestDatabase};
use mc_testkit::db_test;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

use recorder::Recording;
use rows::{ROWS, id};

/// The store under test, full of rows, and a connection of our own.
struct Full {
    store: Store,
    raw: DatabaseConnection,
    backend: Backend,
    /// The tables that are full enough for a scan to count.
    tables: Vec<&'static str>,
    // Last: the database goes after its connections.
    _database: TestDatabase,
}

impl Full {
    async fn new(backend: Backend) -> Self {
        Self::filled(backend, Vec::new(), &[]).await
    }

    /// As [`Full::new`], with further rows, which fill these tables too.
    async fn filled(backend: Backend, more: Vec<String>, tables: &[&'static str]) -> Self {
        let database = TestDatabase::new(backend).await;
        let mut options = ConnectOptions::new(database.url());
        options.max_connections(1).sqlx_logging(false);
        let raw = Database::connect(options).await.expect("the database opens");
        let statistics = std::iter::once("ANALYZE".to_owned());
        for statement in rows::statements(backend).into_iter().chain(more).chain(statistics) {
            raw.execute_unprepared(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        let options = StoreOptions { url: database.url().to_owned() };
        let store = Store::open(&options, Arc::new(SystemClock)).await.expect("the store opens");
        let tables = [&rows::TABLES, tables].concat();
        Self { store, raw, backend, tables, _database: database }
    }

    /// Runs `query` and checks the plan of every statement it sends.
    async fn check<T>(&self, what: &str, query: impl AsyncFnOnce(&Reader) -> Result<T>) {
        let recording = Recording::start().await;
        let outcome = query(self.store.reader()).await;
        let statements = recording.end();
        outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!statements.is_empty(), "{what}: nothing was recorded");
        for statement in statements {
            let plan = self.explain(&statement).await;
            let scans: Vec<_> = plan.iter().filter(|line| self.is_scan(line)).collect();
            assert!(
                scans.is_empty(),
                "{what} walks a whole table: {scans:?}\n\n{statement}\n\n{}",
                plan.join("\n")
            );
        }
    }

    async fn explain(&self, statement: &str) -> Vec<String> {
        let (explained, column) = match self.backend {
            Backend::Sqlite => (format!("EXPLAIN QUERY PLAN {statement}"), 3),
            Backend::Postgres => (self.prepare(statement).await, 0),
        };
        let explained = Statement::from_string(self.raw.get_database_backend(), explained);
        let lines = self.raw.query_all_raw(explained).await;
        let lines = lines.unwrap_or_else(|error| panic!("{statement}: {error}"));
        if self.backend == Backend::Postgres {
            self.raw.execute_unprepared("DEALLOCATE p").await.expect("it was prepared");
        }
        lines.iter().map(|line| line.try_get_by_index(column).expect("a line of a plan")).collect()
    }

    /// Prepares the statement and gives the one that explains it for values that are not known.
    async fn prepare(&self, statement: &str) -> String {
        let parameters = (1..).take_while(|number| statement.contains(&format!("${number}"))).count();
        let nulls = vec!["NULL"; parameters].join(", ");
        let values = if parameters == 0 { String::new() } else { format!("({nulls})") };
        let prepare = format!("SET plan_cache_mode = force_generic_plan; PREPARE p AS {statement}");
        self.raw.execute_unprepared(&prepare).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        format!("EXPLAIN EXECUTE p{values}")
    }

    /// Whether a line of a plan says that all rows of a table are looked at.
    fn is_scan(&self, line: &str) -> bool {
        match self.backend {
            // What a statement itself has just collected may be walked through; and the waiting jobs in their order,
            // of which a statement takes the first ones.
            Backend::Sqlite => {
                let own = [
                    "SCAN CONSTANT ROW",
                    "SCAN (subquery",
                    "SCAN due",
                    "SCAN first_",
                    "SCAN earliest",
                    "SCAN r",
                    "SCAN jobs USING INDEX ix_jobs_",
                ];
                line.starts_with("SCAN ") && !own.iter().any(|start| line.starts_with(start))
            }
            // A small table is walked through rightly, so only the filled ones count.
            Backend::Postgres => self.tables.iter().any(|table| {
                line.contains("Seq Scan")
                    && line.split_whitespace().skip_while(|word| *word != "on").nth(1) == Some(table)
            }),
        }
    }
}

fn page(limit: u32, offset: i64) -> PageRequest {
    PageRequest { limit, offset }
}

#[db_test]
async fn lists_of_tasks_use_indexes(backend: Backend) {
    use TaskStatus::{Done, InProgress, Inbox, Review};
    let full = Full::new(backend).await;
    let board: BoardId = id(rows::BOARD, 1);
    let agent: AgentId = id(rows::AGENT, 1);
    let all = TaskFilter::default();
    for (what, filter) in [
        ("all tasks", all.clone()),
        ("one state", TaskFilter { statuses: vec![Inbox], ..all.clone() }),
        ("two states", TaskFilter { statuses: vec![InProgress, Review], ..all.clone() }),
        ("every state", TaskFilter { statuses: vec![Inbox, InProgress, Review, Done], ..all.clone() }),
        ("of an agent", TaskFilter { assigned_agent_id: Some(agent), ..all.clone() }),
        ("of nobody", TaskFilter { unassigned: true, ..all.clone() }),
        ("free in inbox", TaskFilter { statuses: vec![Inbox], unassigned: true, ..all.clone() }),
        (
            "two states of an agent",
            TaskFilter { statuses: vec![InProgress, Review], assigned_agent_id: Some(agent), ..all.clone() },
        ),
    ] {
        for request in [page(50, 0), page(200, 100), page(50, 1_000_000)] {
            let what = format!("{what}, {request:?}");
            full.check(&what, async |db| store::tasks::list(db, board, &filter, request).await).await;
        }
    }
    full.check("a task", async |db| store::tasks::on_board(db, board, id(rows::TASK, 1)).await).await;
    let tasks: Vec<TaskId> = (0..20).map(|number| id(rows::TASK, number * 100)).collect();
    full.check("tasks by id", async |db| store::tasks::views(db, board, &tasks).await).await;
    full.check("approvals", async |db| store::tasks::approval_state(db, board, tasks[0]).await).await;
}

#[db_test]
async fn comments_and_the_look_back_at_a_task_use_indexes(backend: Backend) {
    let full = Full::new(backend).await;
    let (task, agent): (TaskId, AgentId) = (id(rows::TASK, 1), id(rows::AGENT, 1));
    let now = full.store.clock().now();
    for direction in SortDirection::ALL {
        let what = format!("comments, {direction:?}");
        full.check(&what, async |db| store::activity::comments(db, task, direction, page(50, 50)).await)
            .await;
    }
    let since = now.before(Duration::from_secs(60));
    full.check("a worker's comment", async |db| {
        store::activity::has_comment_since(db, task, agent, since).await
    })
    .await;
    let board = id(rows::BOARD, 1);
    full.check("the last worker", async |db| store::activity::last_worker(db, task, board, agent).await)
        .await;
    full.check("a mention", async |db| store::activity::is_mentioned(db, task, agent).await).await;
}

#[db_test]
async fn finding_the_caller_uses_indexes(backend: Backend) {
    let full = Full::new(backend).await;
    let (board, user): (BoardId, UserId) = (id(rows::BOARD, 1), id(rows::USER, 1));
    let found = store::access::agent_by_token_hash(full.store.reader(), "sha256$7").await.expect("readable");
    assert!(found.is_some(), "the rows are there");
    full.check("an agent", async |db| store::access::agent_by_token_hash(db, "sha256$7").await).await;
    full.check("imported agents", async |db| store::access::agents_with_imported_hash(db).await).await;
    full.check("a person", async |db| store::users::with_active_membership(db, "user 7").await).await;
    full.check("a board for a person", async |db| store::access::board_for_user(db, board, user).await).await;
    full.check("a board", async |db| store::access::board(db, board).await).await;
    full.check("the lead", async |db| store::agents::lead_of(db, board).await).await;
    full.check("mentionable agents", async |db| store::agents::mentionable(db, board).await).await;
    let (organization, agent): (OrganizationId, AgentId) = (id(rows::ORGANIZATION, 1), id(rows::AGENT, 1));
    full.check("a candidate", async |db| store::agents::candidate(db, organization, agent).await).await;
    full.check("a member", async |db| store::users::is_member(db, organization, user).await).await;
    full.check("memberships", async |db| store::organizations::of_user(db, user, None).await).await;
    full.check("the first one", async |db| store::organizations::oldest_membership(db, user).await).await;
    let gateway: GatewayId = id(rows::GATEWAY, 1);
    full.check("boards of a gateway", async |db| {
        store::boards::of_gateway(db, organization, gateway, page(50, 0)).await
    })
    .await;
}

#[db_test]
async fn members_and_invites_use_indexes(backend: Backend) {
    let full = Full::new(backend).await;
    let (organization, user): (OrganizationId, UserId) = (id(rows::ORGANIZATION, 1), id(rows::USER, 1));
    full.check("a membership", async |db| store::members::of_user(db, organization, user).await).await;
    full.check("the owners", async |db| store::members::head_count(db, organization).await).await;
    full.check("an address", async |db| store::members::has_email(db, organization, "a@x.com").await).await;
    let now = full.store.clock().now();
    full.check("invites", async |db| store::invites::pending(db, organization, now, page(50, 0)).await).await;
    full.check("a token", async |db| store::invites::by_token_hash(db, "sha256$7").await).await;
    full.check("an invited person", async |db| store::invites::oldest_pending_for(db, "a@x.com", now).await)
        .await;
    full.check("a name", async |_| {
        let work = async |tx: &mut WriteTx| store::organizations::take_name(tx, "Name", user).await;
        full.store.write(None, None, work).await
    })
    .await;
}

#[db_test]
async fn the_event_log_uses_indexes(backend: Backend) {
    let full = Full::new(backend).await;
    let scope = mc_model::event::Scope::Board(id(rows::BOARD, 1));
    full.check("a slice", async |db| store::events::of_scope(db, scope, 40, 200).await).await;
    full.check("the head", async |db| store::events::head(db, scope).await).await;
    let moment = full.store.clock().now();
    full.check("a moment", async |db| store::events::position_at(db, scope, moment).await).await;
    full.check("all scopes", async |db| store::events::settled_after(db, Default::default(), 200).await)
        .await;
}

#[db_test]
async fn claiming_and_settling_jobs_uses_indexes(backend: Backend) {
    let full = Full::new(backend).await;
    let store = &full.store;
    full.check("claim, finish and fail", async |_| {
        let work = async |tx: &mut WriteTx| {
            let jobs = queue::claim(tx, "worker", &["mail", "wake"], Duration::from_secs(60), 8).await?;
            assert_eq!(jobs.len(), 8, "the rows are there");
            queue::finish(tx, "worker", jobs[0].id).await?;
            let backoff = queue::Backoff { base: Duration::from_secs(1), max: Duration::from_secs(2) };
            queue::fail(tx, "worker", &jobs[1], "why", backoff).await
        };
        store.write(None, None, work).await
    })
    .await;
    full.check("the next one", async |db| queue::next_due(db, &["mail", "wake"]).await).await;
    full.check("dead ones", async |db| queue::dead(db, 50).await).await;
}

#[db_test]
async fn a_longer_page_costs_no_more_statements(backend: Backend) {
    let full = Full::new(backend).await;
    let board: BoardId = id(rows::BOARD, 1);
    // Dependencies make every task of the page ask for more.
    full.raw.execute_unprepared(&rows::dependencies(backend)).await.expect("the rows are valid");
    let statements = async |limit: u32, filter: &TaskFilter| {
        let recording = Recording::start().await;
        let list = store::tasks::list(full.store.reader(), board, filter, page(limit, 0)).await;
        let sent = recording.end().len();
        let list = list.expect("readable");
        assert_eq!(list.items.len(), limit as usize, "the rows are there");
        assert!(list.items.iter().any(|task| !task.depends_on.is_empty()));
        sent
    };
    let recent =
        TaskFilter { statuses: vec![TaskStatus::Inbox, TaskStatus::Review], ..TaskFilter::default() };
    for filter in [TaskFilter::default(), recent] {
        let one = statements(1, &filter).await;
        assert_eq!(statements(50, &filter).await, one, "{filter:?}");
        assert!(one <= 2, "{one} statements for a page of {filter:?}");
    }
    let comments = async |limit: u32| {
        let recording = Recording::start().await;
        let list = store::activity::comments(
            full.store.reader(),
            id(rows::TASK, 1),
            SortDirection::Descending,
            page(limit, 0),
        )
        .await;
        let sent = recording.end().len();
        assert_eq!(list.expect("readable").items.len(), limit as usize, "the rows are there");
        sent
    };
    assert_eq!(comments(1).await, comments(100).await);
    assert_eq!(ROWS % 100, 0, "the numbers above count on it");
}
