//! SQLite through rusqlite.
//!
//! A statement runs on the thread that asks for it. Most take a few microseconds, less than it costs to hand one to
//! another thread and to wait for its answer. A long one keeps its thread: it wakes another one of the runtime to go on
//! with everything else, so the runtime must have more threads than there are connections; see
//! [`crate::WAITING_THREADS`].

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mc_model::{Error, ErrorKind, Result};
use rusqlite::types::{FromSql, FromSqlError, ToSql, ToSqlOutput, Value as Cell, ValueRef};
use rusqlite::{CachedStatement, ErrorCode};
use sea_orm::Value;
use tokio::sync::Semaphore;

/// Connections for reading; each statement that reads has one for itself.
pub(crate) const READERS: usize = 4;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 500;
/// How long opening the file waits for a process that has it to itself.
const BUSY: Duration = Duration::from_secs(5);
/// The pause before asking again for a file that another process has to itself, and how often to ask: five seconds.
/// Readers find it so for moments only, while it is brought in order after a crash.
pub(crate) const BUSY_PAUSE: Duration = Duration::from_millis(5);
pub(crate) const BUSY_TRIES: usize = 1_000;
/// After how many steps of SQLite's machine a statement counts as long: less than a millisecond.
const LONG: i32 = 10_000;

/// A connection to the file.
pub(crate) struct Connection(Mutex<rusqlite::Connection>);

impl Connection {
    /// Opens the file, which is made when it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::prepared(path).map(|connection| Self(Mutex::new(connection))).map_err(failure)
    }

    fn prepared(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
        let connection = rusqlite::Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // From here on nothing waits for another process on a thread of the runtime: see `is_busy`.
        connection.busy_timeout(Duration::ZERO)?;
        connection.progress_handler(
            LONG,
            Some(|| {
                wake_another_thread();
                false
            }),
        )?;
        Ok(connection)
    }

    // A panic between two statements leaves the connection as good as it was.
    fn get(&self) -> MutexGuard<'_, rusqlite::Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no transaction is open: SQLite ends one by itself when it cannot go on, for instance without space.
    pub(crate) fn is_idle(&self) -> bool {
        self.get().is_autocommit()
    }

    /// Runs a statement without parameters or rows.
    pub(crate) fn command(&self, sql: &str) -> Result<()> {
        let connection = self.get();
        let run = || connection.prepare_cached(sql)?.raw_execute().map(drop);
        run().map_err(failure)
    }

    /// A number that differs whenever another connection has committed.
    pub(crate) fn data_version(&self) -> Result<i64> {
        self.get().pragma_query_value(None, "data_version", |row| row.get(0)).map_err(failure)
    }

    /// At most `limit` rows of the result; a statement that writes is done with the first.
    pub(crate) fn rows(&self, sql: &str, values: &[Value], limit: usize) -> Result<Vec<Cells>> {
        let connection = self.get();
        let read = || {
            let mut statement = connection.prepare_cached(sql)?;
            bind(&mut statement, values)?;
            let columns = statement.column_count();
            let mut rows = statement.raw_query();
            let mut found = Vec::new();
            while found.len() < limit
                && let Some(row) = rows.next()?
            {
                let cells = (0..columns).map(|index| row.get(index));
                found.push(Cells(cells.collect::<rusqlite::Result<_>>()?));
            }
            Ok(found)
        };
        read().map_err(failure)
    }

    /// Runs a statement to its end and says how many rows it touched.
    pub(crate) fn run(&self, sql: &str, values: &[Value]) -> Result<u64> {
        let connection = self.get();
        let run = || {
            let mut statement = connection.prepare_cached(sql)?;
            bind(&mut statement, values)?;
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
            Ok(connection.changes())
        };
        run().map_err(failure)
    }
}

/// A thread of the runtime that comes back from waiting for the network with a single task wakes no other one, and while
/// that task is in a statement nobody would look at the network or at the time. Of two more tasks it can only keep one
/// for itself; another thread is woken for the other.
fn wake_another_thread() {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        for _ in 0..2 {
            runtime.spawn(async {});
        }
    }
}

/// To SQLite `$2` is a name, so each parameter of a statement is asked which value it wants.
fn bind(statement: &mut CachedStatement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for parameter in 1..=statement.parameter_count() {
        let position =
            statement.parameter_name(parameter).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = position.and_then(|position| values.get(position.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(parameter, values.len()))?;
        statement.raw_bind_parameter(parameter, Parameter(value))?;
    }
    Ok(())
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self.0 {
            Value::Bool(value) => value.to_sql(),
            Value::Int(value) => value.to_sql(),
            Value::BigInt(value) => value.to_sql(),
            Value::Double(value) => value.to_sql(),
            Value::String(value) => value.to_sql(),
            Value::Bytes(value) => value.to_sql(),
            Value::Uuid(value) => value.to_sql(),
            Value::ChronoDateTime(value) => value.to_sql(),
            other => Err(rusqlite::Error::ToSqlConversionFailure(format!("{other:?}").into())),
        }
    }
}

/// One row of a result.
pub(crate) struct Cells(Vec<Cell>);

impl Cells {
    pub(crate) fn get<T: FromSql>(&self, index: usize) -> Result<T> {
        let cell = self.0.get(index).ok_or_else(|| failure(rusqlite::Error::InvalidColumnIndex(index)))?;
        T::column_result(ValueRef::from(cell)).map_err(|error| unreadable(index, cell, error))
    }

    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        match self.0.get(index) {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        }
    }
}

fn unreadable(index: usize, cell: &Cell, error: FromSqlError) -> Error {
    failure(rusqlite::Error::FromSqlConversionFailure(index, cell.data_type(), error.into()))
}

/// The connections for reading.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Inner>);

struct Inner {
    idle: Mutex<Vec<Connection>>,
    turns: Semaphore,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let idle = (0..READERS).map(|_| Connection::open(path)).collect::<Result<Vec<_>>>()?;
        Ok(Self(Arc::new(Inner { idle: Mutex::new(idle), turns: Semaphore::new(READERS) })))
    }

    /// Runs `read` on a connection of its own, when one is free.
    pub(crate) async fn with<T>(&self, read: impl Fn(&Connection) -> Result<T>) -> Result<T> {
        let _turn = self.0.turns.acquire().await.map_err(Error::internal)?;
        let lent = Lent { readers: self, connection: self.idle().pop() };
        let connection = lent.connection.as_ref().ok_or_else(|| Error::internal("a reader is missing"))?;
        for _ in 1..BUSY_TRIES {
            match read(connection) {
                Err(error) if is_busy(&error) => tokio::time::sleep(BUSY_PAUSE).await,
                outcome => return outcome,
            }
        }
        read(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that goes back when the reading ends, in whatever way.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.readers.idle().extend(self.connection.take());
    }
}

/// Whether another process has the file to itself at this moment: ask again a little later.
pub(crate) fn is_busy(error: &Error) -> bool {
    let code = error.cause().and_then(|cause| cause.downcast_ref::<rusqlite::Error>()?.sqlite_error_code());
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Turns an error of SQLite into ours: what can be tried again later becomes 503, the rest is a fault of ours.
pub(crate) fn failure(error: rusqlite::Error) -> Error {
    let text = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "The database is in use by another process. Try again in a moment."
        }
        Some(ErrorCode::DiskFull) => "The disk of the database is full. Make room and try again.",
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
            "The file of the database cannot be used. Check its folder and its disk, then try again."
        }
        _ => return Error::new(ErrorKind::Internal).because(error),
    };
    Error::text(ErrorKind::Unavailable, text).retry_after(Duration::from_secs(1)).because(error)
}

#[cfg(test)]
mod tests {
    use mc_model::ids::BoardId;
    use sea_orm::prelude::{ChronoDateTime, Uuid};
    use serde_json::json;

    use super::*;

    fn connection() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = Connection::open(&folder.path().join("test.db")).expect("a file");
        (folder, connection)
    }

    #[test]
    fn values_come_back_as_they_went_in() {
        let (_folder, db) = connection();
        let (id, at) =
            (BoardId::generate().0, ChronoDateTime::parse_from_str("2026-01-02 03:04:05.000678", "%F %T%.f"));
        let at = at.expect("a moment");
        let values: Vec<Value> = vec![
            "a 'quoted' \u{1f600} text".into(),
            id.into(),
            at.into(),
            true.into(),
            7_i32.into(),
            (-9_i64).into(),
            0.5_f64.into(),
            vec![0_u8, 255].into(),
            r#"{"b":1,"a":2}"#.into(),
            None::<String>.into(),
        ];
        let row =
            db.rows("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10", &values, 1).expect("a row").remove(0);
        assert_eq!(row.get::<String>(0).ok(), Some("a 'quoted' \u{1f600} text".to_owned()));
        assert_eq!(row.get::<Uuid>(1).ok(), Some(id));
        assert_eq!((row.text(2), row.get(2).ok()), (Some("2026-01-02 03:04:05.000678"), Some(at)));
        assert_eq!(
            (row.get(3).ok(), row.get(4).ok(), row.get(5).ok()),
            (Some(true), Some(7_i32), Some(-9_i64))
        );
        assert_eq!((row.get(6).ok(), row.get(7).ok()), (Some(0.5), Some(vec![0_u8, 255])));
        assert_eq!(row.get(8).ok(), Some(json!({ "b": 1, "a": 2 })));
        assert_eq!(row.get::<Option<String>>(9).ok(), Some(None));
        assert!(row.get::<String>(9).is_err() && row.get::<i64>(0).is_err() && row.get::<i64>(10).is_err());
    }

    #[test]
    fn parameters_are_found_by_their_number() {
        let (_folder, db) = connection();
        let values = vec![1_i64.into(), 2_i64.into()];
        let row = db.rows("SELECT $2, $1, $2 + $1", &values, 1).expect("a row").remove(0);
        assert_eq!([row.get(0).ok(), row.get(1).ok(), row.get(2).ok()], [Some(2), Some(1), Some(3)]);
        assert!(db.rows("SELECT $3", &values, 1).is_err(), "a value is missing");
    }

    #[test]
    fn what_can_be_tried_again_is_told_from_faults() {
        let (folder, db) = connection();
        let run = |sql: &str| db.run(sql, &[]);
        run("CREATE TABLE t (x TEXT NOT NULL)").expect("a table");
        let fault = run("INSERT INTO t VALUES (NULL)").expect_err("a null");
        assert_eq!(fault.kind(), ErrorKind::Internal);

        let other = Connection::open(&folder.path().join("test.db")).expect("the file");
        run("BEGIN IMMEDIATE").expect("the file for itself");
        let busy = other.run("INSERT INTO t VALUES ('a')", &[]).expect_err("another writer");
        assert!(busy.kind() == ErrorKind::Unavailable && is_busy(&busy));
        run("COMMIT").expect("an end");

        db.rows("PRAGMA max_page_count = 3", &[], 1).expect("a limit");
        let full =
            (0..100).find_map(|_| db.run("INSERT INTO t VALUES ($1)", &["x".repeat(1_000).into()]).err());
        assert_eq!(full.expect("an end of the room").kind(), ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn readers_are_lent_and_come_back() {
        let (folder, _db) = connection();
        let readers = Readers::open(&folder.path().join("test.db")).expect("readers");
        for _ in 0..3 * READERS {
            let read = async || readers.with(|db| Ok(db.rows("SELECT 1", &[], 1)?.len())).await;
            let (one, two, three) = tokio::join!(read(), read(), read());
            assert_eq!((one.ok(), two.ok(), three.ok()), (Some(1), Some(1), Some(1)));
            let refused: Result<()> = readers.with(|_| Err(Error::new(ErrorKind::Invalid))).await;
            assert!(refused.is_err());
        }
        assert_eq!(readers.idle().len(), READERS);
    }

    /// The runtime is idle but for a statement that would never end. Whether others are served meanwhile is for a
    /// plain thread to find out; it ends the statement when it has its answer.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_long_statement_keeps_nobody_else_waiting() {
        use std::io::Read;
        use tokio::io::AsyncWriteExt;

        const ENDLESS: &str =
            "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
        const PATIENCE: Duration = Duration::from_secs(60);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut caller, _)) = listener.accept().await {
                caller.write_all(b"served").await.ok();
            }
        });
        let (_folder, db) = connection();
        let stop = db.get().get_interrupt_handle();
        let (begin, begun) = tokio::sync::oneshot::channel::<()>();
        let statement = tokio::spawn(async move {
            // Woken by the clock, as a request is by the network: alone.
            tokio::time::sleep(Duration::from_millis(20)).await;
            begin.send(()).ok();
            db.rows(ENDLESS, &[], 1).map(drop)
        });
        let caller = std::thread::spawn(move || {
            begun.blocking_recv().expect("a beginning");
            let mut answer = String::new();
            let asked = std::net::TcpStream::connect(address).and_then(|mut stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.read_to_string(&mut answer)
            });
            stop.interrupt();
            asked.map(|_| answer)
        });
        assert!(statement.await.expect("no panic").is_err(), "it was ended from outside");
        let answer = caller.join().expect("no panic");
        assert_eq!(answer.expect("an answer while the statement runs"), "served");
    }
}
