//! Opening the database, reading and writing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mc_model::event::Scope;
use mc_model::{Clock, Error, ErrorKind, Result};
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnectOptions, Database, DatabaseConnection, TransactionTrait};

use crate::bridge::{self, Outbound};
use crate::lines::Lines;
use crate::sql::{self, Reader, Source, failure};
use crate::sqlite::Readers;
use crate::tx::{Transaction, WriteTx};
use crate::writer::Writer;
use crate::{Conn, migration, neighbours};

/// Connections to PostgreSQL for reading, and as many again for writing.
const POSTGRES_CONNECTIONS: u32 = 15;
/// How often a transaction is run again after a deadlock or a serialization failure.
const MAX_RETRIES: u32 = 6;

/// Where the database is.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://path`, `postgres://…`, `postgresql://…` or `postgresql+psycopg://…`.
    pub url: String,
}

/// What a commit has to be announced for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The scopes that have new events.
    pub scopes: Vec<Scope>,
    /// Whether background work was added.
    pub has_jobs: bool,
    /// Whether what the access checks find out may have changed.
    pub changes_access: bool,
}

/// Hears of every commit of this process, after it is durable. Must not block.
pub trait Listener: Send + Sync + 'static {
    /// `committed` became visible.
    fn committed(&self, committed: &Committed);
    /// Another node says that this scope has new events.
    fn remote(&self, scope: uuid::Uuid);
    /// Another node says that what the access checks find out may have changed.
    fn access_changed_elsewhere(&self);
    /// Something changed elsewhere, or word from other nodes may have been lost.
    fn missed(&self);
}

/// Where commits are announced; the listener is set once, when the services start.
#[derive(Clone, Default)]
pub(crate) struct Announcer {
    listener: Arc<OnceLock<Arc<dyn Listener>>>,
    outbound: Option<Outbound>,
}

impl Announcer {
    pub(crate) fn announce<'a>(&self, commits: impl Iterator<Item = &'a Committed>) {
        for committed in commits {
            if let Some(listener) = self.listener.get() {
                listener.committed(committed);
            }
            if let Some(outbound) = &self.outbound {
                outbound.add(committed);
            }
        }
    }

    pub(crate) fn remote(&self, scope: uuid::Uuid) {
        if let Some(listener) = self.listener.get() {
            listener.remote(scope);
        }
    }

    pub(crate) fn access_changed_elsewhere(&self) {
        if let Some(listener) = self.listener.get() {
            listener.access_changed_elsewhere();
        }
    }

    pub(crate) fn missed(&self) {
        if let Some(listener) = self.listener.get() {
            listener.missed();
        }
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    reader: Reader,
    writers: Writers,
    announcer: Announcer,
    clock: Arc<dyn Clock>,
}

enum Writers {
    /// One connection, shared commits.
    Single { writer: Writer, file: PathBuf },
    /// A pool; writers of one scope wait in its line, then for its row.
    Parallel { pool: DatabaseConnection, lines: Lines },
}

impl Store {
    /// Opens the database; an SQLite file is made when it is not there.
    ///
    /// # Errors
    /// When the URL is not understood or the database cannot be reached.
    pub async fn open(options: &StoreOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut announcer = Announcer::default();
        let (source, writers) = match parse_url(&options.url)? {
            Location::Sqlite(file) => {
                // The writer first: it makes the file.
                let writer = Writer::open(&file, announcer.clone())?;
                let source = Source::Sqlite(Readers::open(&file)?);
                (source, Writers::Single { writer, file })
            }
            Location::Postgres(url) => {
                let read = postgres_pool(&url).await?;
                let write = postgres_pool(&url).await?;
                announcer.outbound = Some(Outbound::default());
                (Source::Postgres(read), Writers::Parallel { pool: write, lines: Lines::default() })
            }
        };
        let reader = Reader(source);
        Ok(Self { inner: Arc::new(Inner { reader, writers, announcer, clock }) })
    }

    /// Brings the schema up to date. Several nodes may start at once.
    ///
    /// # Errors
    /// When a migration fails; nothing is served then.
    pub async fn migrate(&self) -> Result<()> {
        let pool = self.pool_for_migration().await?;
        migration::run(&pool).await.map_err(failure)
    }

    /// How many migrations this database still lacks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pending_migrations(&self) -> Result<usize> {
        let pool = self.pool_for_migration().await?;
        migration::pending(&pool).await.map_err(failure)
    }

    /// Migrations have a driver of their own, which knows both databases.
    async fn pool_for_migration(&self) -> Result<DatabaseConnection> {
        match &self.inner.writers {
            Writers::Single { file, .. } => sqlite_pool(file).await,
            Writers::Parallel { pool, .. } => Ok(pool.clone()),
        }
    }

    /// The clock that stamps what is written.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// Who hears of commits. Only the first call counts.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        if self.inner.announcer.listener.set(listener).is_err() {
            tracing::warn!("store.listener.already_set");
        }
    }

    /// Hears of commits of other processes until it is dropped: of nodes on the same PostgreSQL, or of a command that
    /// works on the same SQLite file.
    pub async fn hear_neighbours(&self) {
        let announcer = self.inner.announcer.clone();
        match (&self.inner.writers, &self.inner.reader.0, announcer.outbound.clone()) {
            // The readers' connections: word of a change must not wait behind other changes.
            (_, Source::Postgres(pool), Some(outbound)) => {
                bridge::run(pool.get_postgres_connection_pool().clone(), outbound, announcer).await;
            }
            (Writers::Single { writer, .. }, ..) => neighbours::watch(writer, &announcer).await,
            (Writers::Parallel { .. }, ..) => {}
        }
    }

    /// The connection for reads.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.inner.reader
    }

    /// Whether the database answers within `deadline`.
    ///
    /// # Errors
    /// 503 when it does not.
    pub async fn ping(&self, deadline: Duration) -> Result<()> {
        let link = self.inner.reader.link();
        let ask = link.row("SELECT 1", Vec::new());
        match tokio::time::timeout(deadline, ask).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(Error::text(ErrorKind::Unavailable, "The database does not answer.")),
        }
    }

    /// Runs `work` as one transaction on `scope`: all of it happens, or nothing.
    ///
    /// Without a scope nothing is locked and nothing may be announced, unless the work makes a scope and enters it.
    /// Writers of one scope run one after another, so what `work` reads stays true until it is committed. `work` may
    /// be run again after a deadlock, on a clone; it must have no effect but through the transaction. When this returns `Ok` the
    /// change is durable and announced.
    ///
    /// # Errors
    /// What `work` returns; 404 when the scope does not exist; 503 when the change could not be saved.
    pub async fn write<T, F>(
        &self,
        scope: impl Into<Option<Scope>>,
        request_id: Option<&str>,
        work: F,
    ) -> Result<T>
    where
        F: AsyncFnOnce(&mut WriteTx) -> Result<T> + Clone,
    {
        let scope = scope.into();
        match &self.inner.writers {
            Writers::Single { writer, .. } => {
                let turn = Transaction::Sqlite(writer.turn().await?);
                self.attempt(turn, scope, request_id, &work).await
            }
            Writers::Parallel { pool, lines } => {
                let _place = match scope {
                    Some(scope) => Some(lines.place(scope.id()).await?),
                    None => None,
                };
                self.write_in_parallel(pool, scope, request_id, work).await
            }
        }
    }

    async fn write_in_parallel<T, F>(
        &self,
        pool: &DatabaseConnection,
        scope: Option<Scope>,
        request_id: Option<&str>,
        work: F,
    ) -> Result<T>
    where
        F: AsyncFnOnce(&mut WriteTx) -> Result<T> + Clone,
    {
        let mut retry = 0;
        loop {
            let result = self.try_in_parallel(pool, scope, request_id, &work).await;
            match result {
                Err(error) if retry < MAX_RETRIES && sql::is_transient(&error) => {
                    tracing::debug!(retry, %error, "store.write.retried");
                    tokio::time::sleep(backoff(retry)).await;
                    retry += 1;
                }
                other => return other,
            }
        }
    }

    async fn try_in_parallel<T, F>(
        &self,
        pool: &DatabaseConnection,
        scope: Option<Scope>,
        request_id: Option<&str>,
        work: &F,
    ) -> Result<T>
    where
        F: AsyncFnOnce(&mut WriteTx) -> Result<T> + Clone,
    {
        let transaction = Transaction::Postgres(pool.begin().await.map_err(failure)?);
        self.attempt(transaction, scope, request_id, work).await
    }

    /// Runs `work` in `transaction`, which is then committed or rolled back.
    async fn attempt<T, F>(
        &self,
        transaction: Transaction,
        scope: Option<Scope>,
        request_id: Option<&str>,
        work: &F,
    ) -> Result<T>
    where
        F: AsyncFnOnce(&mut WriteTx) -> Result<T> + Clone,
    {
        let request_id = request_id.map(str::to_owned);
        let mut tx = WriteTx::start(transaction, scope, &*self.inner.clock, request_id).await?;
        let outcome = match work.clone()(&mut tx).await {
            Ok(value) => tx.flush().await.map(|committed| (value, committed)),
            Err(error) => Err(error),
        };
        let transaction = tx.into_transaction();
        match outcome {
            Ok((value, committed)) => {
                transaction.commit(committed, &self.inner.announcer).await?;
                Ok(value)
            }
            Err(error) if sql::is_transient(&error) => Err(error),
            Err(error) => match transaction.roll_back().await {
                // The first thing that went wrong says more than what followed from it.
                Err(_) if error.kind() == ErrorKind::Unavailable => Err(error),
                undone => undone.and(Err(error)),
            },
        }
    }
}

/// A pause before the next try: doubled each time, with jitter so that rivals part.
fn backoff(retry: u32) -> Duration {
    let base = Duration::from_millis(5 << retry);
    base + mc_model::clock::jitter(base)
}

enum Location {
    Sqlite(PathBuf),
    Postgres(String),
}

fn parse_url(url: &str) -> Result<Location> {
    if let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
        let path = path.split('?').next().unwrap_or(path);
        return Ok(Location::Sqlite(PathBuf::from(path)));
    }
    for prefix in ["postgresql+psycopg://", "postgresql://", "postgres://"] {
        if let Some(rest) = url.strip_prefix(prefix) {
            return Ok(Location::Postgres(format!("postgres://{rest}")));
        }
    }
    Err(Error::text(ErrorKind::Invalid, "DATABASE_URL must start with sqlite:// or postgres://"))
}

async fn sqlite_pool(file: &Path) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new("sqlite::memory:");
    let file = file.to_owned();
    options.max_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(move |_| {
        SqliteConnectOptions::new().filename(&file).busy_timeout(Duration::from_secs(5)).foreign_keys(true)
    });
    Database::connect(options).await.map_err(failure)
}

async fn postgres_pool(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire_if_idle_for(Duration::from_secs(5))
        .sqlx_logging(false);
    Database::connect(options).await.map_err(failure)
}
