//! Running portable SQL text on a connection or inside a write transaction.

use std::sync::atomic::{AtomicBool, Ordering};

use mc_model::task::SortDirection;
use mc_model::{Error, ErrorKind, Result, Timestamp};
use rusqlite::types::FromSql;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    Statement, TryGetable, Value,
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::dialect::{self, Dialect};
use crate::sqlite::{self, Cells, Readers};
use crate::writer::Turn;

/// Something queries run on: [`Reader`] or [`crate::WriteTx`].
pub trait Conn: Sync {
    #[doc(hidden)]
    fn link(&self) -> Link<'_>;
}

/// A connection as the queries of this crate see it.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) target: Target<'a>,
    /// Set by a statement that may change what the access checks find out.
    pub(crate) changes_access: Option<&'a AtomicBool>,
}

#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    SqliteReaders(&'a Readers),
    SqliteWriter(&'a Turn),
    PostgresPool(&'a DatabaseConnection),
    PostgresTransaction(&'a DatabaseTransaction),
}

/// The connections for reads.
#[derive(Clone)]
pub struct Reader(pub(crate) Source);

#[derive(Clone)]
pub(crate) enum Source {
    Sqlite(Readers),
    Postgres(DatabaseConnection),
}

impl Conn for Reader {
    fn link(&self) -> Link<'_> {
        let (dialect, target) = match &self.0 {
            Source::Sqlite(readers) => (Dialect::Sqlite, Target::SqliteReaders(readers)),
            Source::Postgres(pool) => (Dialect::Postgres, Target::PostgresPool(pool)),
        };
        Link { dialect, target, changes_access: None }
    }
}

impl Link<'_> {
    pub(crate) async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<Row>> {
        let sql = self.noted(sql.into());
        let rows = match self.target {
            Target::SqliteReaders(readers) => {
                return readers.with(|reader| found(reader, &sql, &values, usize::MAX)).await;
            }
            Target::SqliteWriter(turn) => return found(turn.writer()?, &sql, &values, usize::MAX),
            Target::PostgresPool(pool) => pool.query_all_raw(postgres(sql, values)).await,
            Target::PostgresTransaction(transaction) => {
                transaction.query_all_raw(postgres(sql, values)).await
            }
        };
        Ok(rows.map_err(failure)?.into_iter().map(Row::Postgres).collect())
    }

    pub(crate) async fn row(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Option<Row>> {
        let sql = self.noted(sql.into());
        let row = match self.target {
            Target::SqliteReaders(readers) => {
                return Ok(readers.with(|reader| found(reader, &sql, &values, 1)).await?.pop());
            }
            Target::SqliteWriter(turn) => return Ok(found(turn.writer()?, &sql, &values, 1)?.pop()),
            Target::PostgresPool(pool) => pool.query_one_raw(postgres(sql, values)).await,
            Target::PostgresTransaction(transaction) => {
                transaction.query_one_raw(postgres(sql, values)).await
            }
        };
        Ok(row.map_err(failure)?.map(Row::Postgres))
    }

    /// Runs a statement and says how many rows it touched.
    pub(crate) async fn run(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64> {
        let sql = self.noted(sql.into());
        let done = match self.target {
            Target::SqliteReaders(readers) => return readers.with(|reader| reader.run(&sql, &values)).await,
            Target::SqliteWriter(turn) => return turn.writer()?.run(&sql, &values),
            Target::PostgresPool(pool) => pool.execute_raw(postgres(sql, values)).await,
            Target::PostgresTransaction(transaction) => transaction.execute_raw(postgres(sql, values)).await,
        };
        done.map_err(failure).map(|done: ExecResult| done.rows_affected())
    }

    /// Logs a statement and notes what it may change.
    fn noted(&self, sql: String) -> String {
        tracing::trace!(statement = sql, "store.statement");
        if let Some(flag) = self.changes_access
            && may_change_access(&sql)
        {
            flag.store(true, Ordering::Relaxed);
        }
        sql
    }
}

fn found(on: &sqlite::Connection, sql: &str, values: &[Value], limit: usize) -> Result<Vec<Row>> {
    Ok(on.rows(sql, values, limit)?.into_iter().map(Row::Sqlite).collect())
}

fn postgres(sql: String, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// Whether a statement writes to a table that the access checks read: who somebody is, what is granted, which board
/// belongs where, which token works. Counting a scope forward and the mark that a token is in use are the exceptions.
fn may_change_access(sql: &str) -> bool {
    const TABLES: [&str; 7] = [
        "users",
        "organizations",
        "organization_members",
        "organization_board_access",
        "boards",
        "gateways",
        "api_tokens",
    ];
    const HARMLESS: [Option<&str>; 2] = [Some("event_seq"), Some("last_used_at")];
    let mut words = sql.split_whitespace();
    let (table, first_column) = match words.next() {
        Some("UPDATE") => (words.next(), words.nth(1)),
        Some("INSERT" | "DELETE") => (words.nth(1), None),
        Some("SELECT") => return false,
        // A statement that begins in another way is rare; it costs a look-up to be careful.
        _ => return true,
    };
    !HARMLESS.contains(&first_column) && table.is_some_and(|table| TABLES.contains(&table))
}

/// Turns a database error into ours: what can be tried again later becomes 503, the rest is a fault of
/// ours with its cause.
pub(crate) fn failure(error: DbErr) -> Error {
    let kind = if dialect::is_unreachable(&error) { ErrorKind::Unavailable } else { ErrorKind::Internal };
    let plain = match kind {
        ErrorKind::Unavailable => Error::text(kind, "The database does not answer. Try again in a moment.")
            .retry_after(std::time::Duration::from_secs(1)),
        _ => Error::new(kind),
    };
    plain.because(error)
}

fn database_cause(error: &Error) -> Option<&DbErr> {
    error.cause()?.downcast_ref::<DbErr>()
}

/// Whether `error` comes from a transaction that may succeed when run again.
pub(crate) fn is_transient(error: &Error) -> bool {
    database_cause(error).is_some_and(dialect::is_transient)
}

/// One row of a result.
pub(crate) enum Row {
    Sqlite(Cells),
    Postgres(QueryResult),
}

impl Row {
    /// The column at `index`, from 0.
    pub(crate) fn get<T: TryGetable + FromSql>(&self, index: usize) -> Result<T> {
        match self {
            Self::Sqlite(cells) => cells.get(index),
            Self::Postgres(row) => row.try_get_by_index(index).map_err(failure),
        }
    }

    /// An identifier.
    pub(crate) fn id<T: From<Uuid>>(&self, index: usize) -> Result<T> {
        self.get::<Uuid>(index).map(T::from)
    }

    /// An identifier that may be null.
    pub(crate) fn opt_id<T: From<Uuid>>(&self, index: usize) -> Result<Option<T>> {
        Ok(self.get::<Option<Uuid>>(index)?.map(T::from))
    }

    /// A moment.
    pub(crate) fn time(&self, index: usize) -> Result<Timestamp> {
        self.opt_time(index)?.ok_or_else(|| Error::internal("a moment is missing"))
    }

    /// A moment that may be null.
    pub(crate) fn opt_time(&self, index: usize) -> Result<Option<Timestamp>> {
        let stored = match self {
            Self::Sqlite(cells) => cells.text(index).and_then(dialect::stored_moment),
            Self::Postgres(_) => None,
        };
        let moment = match stored {
            Some(moment) => Some(moment),
            None => self.get::<Option<_>>(index)?,
        };
        Ok(moment.map(Timestamp::from_naive))
    }

    /// A JSON object; null, JSON null and anything that is no object read as none.
    pub(crate) fn opt_object(&self, index: usize) -> Result<Option<Map<String, Json>>> {
        Ok(match self.get::<Option<Json>>(index)? {
            Some(Json::Object(map)) => Some(map),
            _ => None,
        })
    }
}

/// The number of the `count(*)` in the first column of `row`.
pub(crate) fn count(row: Option<Row>) -> Result<i64> {
    row.map_or(Ok(0), |row| row.get(0))
}

/// A database parameter.
pub(crate) fn time(at: Timestamp) -> Value {
    at.naive().into()
}

/// A database parameter that may be null.
pub(crate) fn opt_time(at: Option<Timestamp>) -> Value {
    at.map(Timestamp::naive).into()
}

/// An identifier as a database parameter.
pub(crate) fn id(id: impl Into<Uuid>) -> Value {
    id.into().into()
}

/// An identifier that may be null as a database parameter.
pub(crate) fn opt_id(id: Option<impl Into<Uuid>>) -> Value {
    id.map(Into::into).into()
}

/// JSON as a database parameter; see [`Dialect::json`].
pub(crate) fn json(value: Option<&impl serde::Serialize>) -> Result<Value> {
    let text = value.map(serde_json::to_string).transpose().map_err(Error::internal)?;
    Ok(text.into())
}

/// How a direction is written behind a column in `ORDER BY`.
pub(crate) fn way(direction: SortDirection) -> &'static str {
    match direction {
        SortDirection::Ascending => "ASC",
        SortDirection::Descending => "DESC",
    }
}

/// `$3,$4,$5` for three parameters from position 3.
pub(crate) fn marks(first: usize, count: usize) -> String {
    (first..first + count).map(|position| format!("${position}")).collect::<Vec<_>>().join(",")
}

/// `($1,$2),($3,$4)` for `rows` rows of the given columns; a column is written by `cell`, which gets its position.
pub(crate) fn tuples(rows: usize, columns: usize, cell: impl Fn(usize, usize) -> String) -> String {
    let row = |row: usize| {
        let cells: Vec<_> = (0..columns).map(|column| cell(column, row * columns + column + 1)).collect();
        format!("({})", cells.join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::may_change_access;

    #[test]
    fn writes_to_what_access_depends_on_are_noticed() {
        for sql in [
            "UPDATE users SET name = $1",
            "INSERT INTO organization_members (id) VALUES ($1)",
            "DELETE FROM boards WHERE id = $1",
            "UPDATE api_tokens SET revoked_at = $3",
            "UPDATE boards SET name = $1, event_seq = 1",
            "WITH x AS (SELECT 1) UPDATE users SET name = $1",
        ] {
            assert!(may_change_access(sql), "{sql}");
        }
        for sql in [
            "UPDATE boards SET event_seq = event_seq + $1",
            "UPDATE api_tokens SET last_used_at = $2",
            "UPDATE tasks SET title = $1",
            "SELECT 1 FROM users FOR UPDATE",
            "INSERT INTO events (id) VALUES ($1)",
        ] {
            assert!(!may_change_access(sql), "{sql}");
        }
    }
}
