//! An open store with one organization, a gateway and a few boards; and a second way in, past the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mc_model::event::{Event, NewActivity, Scope, kind};
use mc_model::ids::{BoardId, GatewayId, OrganizationId, UserId};
use mc_model::organization::Organization;
use mc_model::task::{NewTask, Task};
use mc_model::user::User;
use mc_model::{Clock, Result, Timestamp};
use mc_store::{self as store, Store, StoreOptions, WriteTx};
use mc_testkit::database::{Backend, TestDatabase};
use mc_testkit::fixture;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

/// How long something that must happen may take; only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// 2026-01-02T03:04:05.000006, in microseconds since 1970: the fraction makes a lost digit visible.
const START: i64 = 1_767_323_045_000_006;

/// A clock that stands still until a test moves it. Clones share it.
#[derive(Clone)]
pub struct StoppedClock(Arc<AtomicI64>);

impl StoppedClock {
    /// Moves time forward.
    pub fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).expect("no test waits that long");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).expect("a moment that can be written")
    }
}

/// The store under test and what is in it.
pub struct World {
    /// The store.
    pub store: Store,
    /// Its clock.
    pub clock: StoppedClock,
    /// The only organization.
    pub organization: OrganizationId,
    /// Its gateway.
    pub gateway: GatewayId,
    /// Its boards.
    pub boards: Vec<BoardId>,
    /// A connection of our own to the same database.
    pub raw: DatabaseConnection,
    // The last field: the database goes after its connections.
    _database: TestDatabase,
}

impl World {
    /// A fresh database with `boards` boards.
    pub async fn new(backend: Backend, boards: usize) -> Self {
        let database = TestDatabase::new(backend).await;
        let clock = StoppedClock(Arc::new(AtomicI64::new(START)));
        let options = StoreOptions { url: database.url().to_owned() };
        let store = Store::open(&options, Arc::new(clock.clone())).await.expect("the store opens");
        let mut options = ConnectOptions::new(database.url());
        options.max_connections(1).sqlx_logging(false);
        let raw = Database::connect(options).await.expect("the database takes another connection");
        let organization = add_organization(&store, "Acme").await;
        let gateway = add_gateway(&store, organization).await;
        let mut world =
            Self { store, clock, organization, gateway, boards: Vec::new(), raw, _database: database };
        for number in 0..boards {
            let board = world.add_board(number).await;
            world.boards.push(board);
        }
        world
    }

    /// The scope of the board with this number.
    pub fn scope(&self, board: usize) -> Scope {
        Scope::Board(self.boards[board])
    }

    /// All events of the board with this number, in order.
    pub async fn log(&self, board: usize) -> Vec<Event> {
        store::events::of_scope(self.store.reader(), self.scope(board), 0, 100_000)
            .await
            .expect("the log can be read")
    }

    /// The number in the first column of the first row.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.raw.get_database_backend(), sql);
        let row = self.raw.query_one_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let row = row.unwrap_or_else(|| panic!("{sql}: no row"));
        row.try_get_by_index(0).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// How many rows the table has.
    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}")).await
    }

    /// Runs statements past the store.
    pub async fn execute(&self, sql: &str) {
        self.raw.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// A person with an account.
    pub async fn add_user(&self, name: &str) -> UserId {
        let user = User {
            id: UserId::generate(),
            external_id: name.to_owned(),
            email: None,
            name: None,
            preferred_name: None,
            pronouns: None,
            timezone: None,
            notes: None,
            context: None,
            is_super_admin: false,
            active_organization_id: None,
        };
        let insert = async |tx: &mut WriteTx| store::users::insert_if_absent(tx, &user, tx.now()).await;
        self.store.write(None, None, insert).await.expect("the row is valid");
        user.id
    }

    async fn add_board(&self, number: usize) -> BoardId {
        let name = format!("Board {number}");
        let board = fixture::board(self.organization, self.gateway, &name, self.clock.now());
        let insert = async |tx: &mut WriteTx| store::boards::insert(tx, &board).await;
        self.store.write(None, None, insert).await.expect("the row is valid");
        board.id
    }
}

async fn add_organization(store: &Store, name: &str) -> OrganizationId {
    let now = store.clock().now();
    let organization = Organization {
        id: OrganizationId::generate(),
        name: name.to_owned(),
        is_demo: false,
        created_at: now,
        updated_at: now,
    };
    let insert = async |tx: &mut WriteTx| store::organizations::insert(tx, &organization).await;
    store.write(None, None, insert).await.expect("the row is valid");
    organization.id
}

async fn add_gateway(store: &Store, organization: OrganizationId) -> GatewayId {
    let gateway = fixture::gateway(organization);
    let insert = async |tx: &mut WriteTx| store::gateways::insert(tx, &gateway).await;
    store.write(None, None, insert).await.expect("the row is valid");
    gateway.id
}

/// A task in the inbox of `board`.
pub fn new_task(board: BoardId, title: &str, now: Timestamp) -> Task {
    let new = NewTask { title: title.to_owned(), ..NewTask::default() };
    new.into_task(board, None, now)
}

/// Inserts a task with its activity, as a use case does.
pub async fn create_task(tx: &mut WriteTx, board: BoardId, title: &str) -> Result<Task> {
    let task = new_task(board, title, tx.now());
    store::tasks::insert(tx, &task).await?;
    tx.activity(NewActivity::new(kind::TASK_CREATED, title).task(task.id));
    Ok(task)
}

/// Waits until `is_true` says yes.
pub async fn eventually(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_true().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("it never came to pass: {what}"));
}

/// The outcome of `work`, which must come.
pub async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("it hangs: {what}"))
}
