//! Twenty thousand tasks in one chain, and fifty thousand on one board, on both databases. That the plans stay the same
//! is tested beside the store (`crates/store/tests/plans`); here the answers must be right.

use axum::http::StatusCode;
use mc_model::ids::{AgentId, BoardId, TaskId};
use mc_store as store;
use mc_testkit::{Answer, Backend, TestApp, World, db_test};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::tasks::{assert_coded, task_of, tasks_of};

/// How long the chain is.
const CHAIN: u32 = 20_000;
/// How many tasks the large board has.
const BOARD: u32 = 50_000;

/// The id of the task with this number.
fn task(number: u32) -> TaskId {
    Uuid::from_u128(u128::from(number) + 1).into()
}

/// What differs between the two databases when rows are made from numbers `n`.
struct Sql(Backend);

impl Sql {
    /// The id whose number is the expression.
    fn id(&self, number: &str) -> String {
        match self.0 {
            Backend::Sqlite => format!("unhex(printf('%032x', {number}))"),
            Backend::Postgres => format!("CAST(lpad(to_hex({number}), 32, '0') AS uuid)"),
        }
    }

    fn literal(&self, id: impl Into<Uuid>) -> String {
        let id: Uuid = id.into();
        match self.0 {
            Backend::Sqlite => format!("unhex('{}')", id.simple()),
            Backend::Postgres => format!("CAST('{id}' AS uuid)"),
        }
    }

    /// A moment, one second after the other.
    fn moment(&self) -> &'static str {
        match self.0 {
            Backend::Sqlite => "datetime('2026-01-01', '+' || n || ' seconds')",
            Backend::Postgres => "CAST('2026-01-01' AS timestamp) + n * interval '1 second'",
        }
    }

    fn insert(&self, count: u32, first: u32, table: &str, columns: &str, values: &[&str]) -> String {
        format!(
            "INSERT INTO {table} ({columns}) WITH RECURSIVE numbers (n) AS \
             (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count}) \
             SELECT {} FROM numbers",
            values.join(", ")
        )
    }

    fn tasks(&self, count: u32, board: BoardId, status: &str, assignee: &str) -> String {
        let (id, board, moment) = (self.id("n + 1"), self.literal(board), self.moment());
        self.insert(
            count,
            0,
            "tasks",
            "id, board_id, title, status, priority, assigned_agent_id, auto_created, created_at, updated_at",
            &[&id, &board, "'t' || n", status, "'medium'", assignee, "false", moment, moment],
        )
    }

    /// Each task but the first waits for the one before it.
    fn chain(&self, board: BoardId) -> String {
        let (id, board) = (self.id("n + 1"), self.literal(board));
        let values = [&*id, &*board, &*id, &*self.id("n"), self.moment()];
        let columns = "id, board_id, task_id, depends_on_task_id, created_at";
        self.insert(CHAIN, 1, "task_dependencies", columns, &values)
    }

    /// All tasks but the first wait for the first.
    fn star(&self, board: BoardId, waiting: u32) -> String {
        let (id, board) = (self.id("n + 1"), self.literal(board));
        let values = [&*id, &*board, &*id, &*self.id("1"), self.moment()];
        let columns = "id, board_id, task_id, depends_on_task_id, created_at";
        self.insert(waiting + 1, 1, "task_dependencies", columns, &values)
    }

    /// Counts the tasks of the board as its writers would have done.
    fn counts(&self, board: BoardId) -> String {
        let board = self.literal(board);
        let mut columns = Vec::new();
        for status in ["inbox", "in_progress", "review", "done"] {
            for (kind, condition) in [("free", "IS NULL"), ("taken", "IS NOT NULL")] {
                columns.push(format!(
                    "tasks_{status}_{kind} = (SELECT count(*) FROM tasks t WHERE t.board_id = boards.id \
                     AND t.status = '{status}' AND t.assigned_agent_id {condition})"
                ));
            }
        }
        format!("UPDATE boards SET {} WHERE id = {board}", columns.join(", "))
    }
}

async fn run(app: &TestApp, statements: &[String]) {
    let db = Database::connect(app.database().url()).await.expect("the database opens");
    for statement in statements {
        db.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    db.execute_unprepared("ANALYZE").await.expect("statistics can be taken");
    db.close().await.expect("a connection closes");
}

/// How many events the board has had.
async fn head(app: &TestApp, board: BoardId) -> i64 {
    let scope = mc_model::event::Scope::Board(board);
    store::events::head(app.store().reader(), scope).await.expect("readable").expect("a board")
}

async fn counts_are_right(app: &TestApp, board: BoardId) -> bool {
    store::tasks::counts_are_right(app.store().reader(), board).await.expect("the counts can be read")
}

// ---- a chain ----------------------------------------------------------------------------------------------------

async fn chain(backend: Backend) -> (TestApp, World, BoardId) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = app.add_board(world.organization.id, world.gateway, "Long").await.id;
    let sql = Sql(backend);
    run(&app, &[sql.tasks(CHAIN, board, "'inbox'", "NULL"), sql.chain(board), sql.counts(board)]).await;
    (app, world, board)
}

async fn depend(app: &TestApp, world: &World, board: BoardId, number: u32, on: &[u32]) -> Answer {
    let on: Vec<_> = on.iter().map(|number| task(*number)).collect();
    app.patch(&world.owner, &task_of(board, task(number)), json!({"depends_on_task_ids": on})).await
}

#[db_test]
async fn a_chain_of_twenty_thousand_can_be_edited_at_its_ends(backend: Backend) {
    const LAST: u32 = CHAIN - 1;
    let (app, world, board) = chain(backend).await;
    let closes = async || {
        let answer = depend(&app, &world, board, 0, &[LAST]).await;
        assert_coded(&answer, StatusCode::CONFLICT, "task_dependency_cycle");
    };
    closes().await;
    // From the middle as well, in both directions.
    let answer = depend(&app, &world, board, CHAIN / 2, &[LAST]).await;
    assert_coded(&answer, StatusCode::CONFLICT, "task_dependency_cycle");
    let body = json!({"title": "the end", "depends_on_task_ids": [task(LAST)]});
    let end = app.post(&world.owner, &tasks_of(board), body).await.ok();
    assert_eq!(end["blocked_by_task_ids"], json!([task(LAST)]));
    let start = app.post(&world.owner, &tasks_of(board), json!({"title": "the start"})).await.ok();
    let path = task_of(board, task(0));
    let body = json!({"depends_on_task_ids": [start["id"]]});
    assert_eq!(app.patch(&world.owner, &path, body).await.ok()["is_blocked"], true);
    let path = task_of(board, start["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"));
    let answer = app.patch(&world.owner, &path, json!({"depends_on_task_ids": [end["id"]]})).await;
    assert_coded(&answer, StatusCode::CONFLICT, "task_dependency_cycle");
    depend(&app, &world, board, 0, &[]).await.ok();
    let shortcut = depend(&app, &world, board, LAST, &[LAST - 1, 0]).await.ok();
    assert_eq!(shortcut["depends_on_task_ids"], json!([task(LAST - 1), task(0)]));
    depend(&app, &world, board, LAST, &[LAST - 1]).await.ok();
    closes().await;
    // Where the chain is cut, its ends may meet.
    app.delete(&world.owner, &task_of(board, task(CHAIN / 2))).await.ok();
    depend(&app, &world, board, 0, &[LAST]).await.ok();
    assert!(counts_are_right(&app, board).await);
}

#[db_test]
async fn finishing_and_reopening_the_start_of_a_chain_touches_the_next_only(backend: Backend) {
    let (app, world, board) = chain(backend).await;
    let path = task_of(board, task(0));
    for (status, is_blocked) in [("done", false), ("inbox", true)] {
        let before = head(&app, board).await;
        app.patch(&world.owner, &path, json!({"status": status})).await.ok();
        assert_eq!(head(&app, board).await - before, 2, "{status}: the start and the one that waits for it");
        let list =
            app.get(&world.owner, &format!("{}?limit=3&offset={}", tasks_of(board), CHAIN - 3)).await.ok();
        let blocked: Vec<_> =
            list["items"].as_array().expect("items").iter().map(|task| task["is_blocked"].clone()).collect();
        assert_eq!(blocked, [json!(true), json!(is_blocked), json!(false)], "{status}");
    }
    assert!(counts_are_right(&app, board).await);
}

/// A change that thousands of tasks hear of is one change: more rows than one statement can take parameters for.
#[db_test]
async fn thousands_may_wait_for_one_task(backend: Backend) {
    const WAITING: u32 = 4_000;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = app.add_board(world.organization.id, world.gateway, "Star").await.id;
    let sql = Sql(backend);
    run(
        &app,
        &[sql.tasks(WAITING + 1, board, "'inbox'", "NULL"), sql.star(board, WAITING), sql.counts(board)],
    )
    .await;
    let path = task_of(board, task(0));
    for status in ["done", "inbox"] {
        let before = head(&app, board).await;
        app.patch(&world.owner, &path, json!({"status": status})).await.ok();
        assert_eq!(head(&app, board).await - before, i64::from(WAITING) + 1, "{status}");
    }
    let last = app.get(&world.owner, &task_of(board, task(WAITING))).await.ok();
    assert_eq!(last["blocked_by_task_ids"], json!([task(0)]));
    assert!(counts_are_right(&app, board).await);
}

// ---- a board ----------------------------------------------------------------------------------------------------

/// The state of a task of the large board; review is rare.
fn status(number: u32) -> &'static str {
    match number {
        n if n % 1_000 == 0 => "review",
        n if n % 4 == 0 => "inbox",
        n if n % 4 == 1 => "in_progress",
        _ => "done",
    }
}

const STATUS: &str = "CASE WHEN n % 1000 = 0 THEN 'review' WHEN n % 4 = 0 THEN 'inbox' \
     WHEN n % 4 = 1 THEN 'in_progress' ELSE 'done' END";

/// Whether a task of the large board is the worker's.
fn is_taken(number: u32) -> bool {
    number.is_multiple_of(3)
}

async fn large_board(backend: Backend) -> (TestApp, World, BoardId) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = app.add_board(world.organization.id, world.gateway, "Large").await.id;
    let sql = Sql(backend);
    let worker: AgentId = world.worker.agent.id;
    let assignee = format!("CASE WHEN n % 3 = 0 THEN {} END", sql.literal(worker));
    run(&app, &[sql.tasks(BOARD, board, STATUS, &assignee), sql.counts(board)]).await;
    (app, world, board)
}

/// The ids of a page.
fn ids(page: &Value) -> Vec<Value> {
    page["items"].as_array().expect("items").iter().map(|task| task["id"].clone()).collect()
}

#[db_test]
async fn a_board_of_fifty_thousand_answers_every_filter_rightly(backend: Backend) {
    const LIMIT: usize = 50;
    let (app, world, board) = large_board(backend).await;
    let worker = world.worker.agent.id;
    type Keep = fn(u32) -> bool;
    let cases: [(String, Keep); 9] = [
        (String::new(), |_| true),
        ("status=review".into(), |n| status(n) == "review"),
        ("status=inbox".into(), |n| status(n) == "inbox"),
        ("status=inbox,review".into(), |n| matches!(status(n), "inbox" | "review")),
        ("status=review,in_progress,done".into(), |n| status(n) != "inbox"),
        ("unassigned=true".into(), |n| !is_taken(n)),
        (format!("assigned_agent_id={worker}"), is_taken),
        ("status=review,inbox&unassigned=true".into(), |n| {
            matches!(status(n), "inbox" | "review") && !is_taken(n)
        }),
        (format!("status=review,done&assigned_agent_id={worker}"), |n| {
            matches!(status(n), "review" | "done") && is_taken(n)
        }),
    ];
    for (query, keep) in cases {
        let wanted: Vec<Value> = (0..BOARD).rev().filter(|n| keep(*n)).map(|n| json!(task(n))).collect();
        let middle = wanted.len() / 2;
        for offset in [0, middle, wanted.len() - 1, wanted.len()] {
            let path = format!("{}?limit={LIMIT}&offset={offset}&{query}", tasks_of(board));
            let page = app.get(&world.owner, &path).await.ok();
            let end = wanted.len().min(offset + LIMIT);
            assert_eq!(page["total"], wanted.len(), "{query} {offset}");
            assert_eq!(ids(&page), wanted[offset..end], "{query} {offset}");
        }
    }
    assert!(counts_are_right(&app, board).await);
}

#[db_test]
async fn totals_of_a_large_board_follow_every_change(backend: Backend) {
    let (app, world, board) = large_board(backend).await;
    let total = async |query: &str| {
        let path = format!("{}?limit=1&{query}", tasks_of(board));
        app.get(&world.owner, &path).await.ok()["total"].as_i64().expect("a number")
    };
    let (inbox, review) = (total("status=inbox").await, total("status=review").await);
    let (free, all) = (total("unassigned=true").await, total("").await);
    let created = app.post(&world.owner, &tasks_of(board), json!({"title": "one more"})).await.ok();
    let path = task_of(board, created["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"));
    assert_eq!((total("status=inbox").await, total("unassigned=true").await), (inbox + 1, free + 1));
    let body = json!({"status": "review", "assigned_agent_id": world.main.agent.id});
    app.patch(&world.owner, &path, body).await.ok();
    assert_eq!((total("status=inbox").await, total("status=review").await), (inbox, review + 1));
    assert_eq!(total("unassigned=true").await, free);
    assert_eq!(total("status=inbox,review").await, inbox + review + 1);
    app.delete(&world.owner, &path).await.ok();
    app.delete(&world.owner, &task_of(board, task(1_000))).await.ok();
    assert_eq!((total("").await, total("status=review").await), (all - 1, review - 1));
    assert!(counts_are_right(&app, board).await);
}
