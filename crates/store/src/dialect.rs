//! The only place that tells the two databases apart.
//!
//! All other SQL in this crate is portable text with `$n` placeholders, which both drivers understand.

use sea_orm::prelude::{ChronoDate as NaiveDate, ChronoDateTime as NaiveDateTime};
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, RuntimeErr};

/// Which database the store runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Embedded, one machine.
    Sqlite,
    /// A server, several nodes.
    Postgres,
}

impl Dialect {
    /// Whether several processes may write at the same time.
    pub(crate) fn has_parallel_writers(self) -> bool {
        self == Self::Postgres
    }

    /// A JSON parameter. It travels as text: `jsonb`, which the driver would choose, forgets the order of keys.
    pub(crate) fn json(self, position: usize) -> String {
        match self {
            Self::Sqlite => format!("${position}"),
            Self::Postgres => format!("CAST(CAST(${position} AS text) AS json)"),
        }
    }

    /// Locks the selected row against other writers without blocking foreign key checks that point at it.
    pub(crate) fn lock_row(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR NO KEY UPDATE",
        }
    }

    /// Locks the selected row also against foreign keys that point at it, because it is about to go.
    pub(crate) fn lock_row_to_delete(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// Keeps the selected rows from being deleted, so that foreign keys may point at them.
    pub(crate) fn keep_rows(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR KEY SHARE",
        }
    }

    /// Waits until no other open transaction has taken the same text `$1`, and takes it. Nothing to do with one
    /// writer.
    pub(crate) fn take_name(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT pg_advisory_xact_lock(hashtextextended($1, 0)) IS NULL"),
        }
    }

    /// Makes PostgreSQL compare, sort and fold a text as SQLite does: byte by byte, knowing the case of ASCII letters
    /// only, whatever the locale of the database.
    pub(crate) fn byte_wise(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " COLLATE \"C\"",
        }
    }

    /// Leaves out rows that another worker is claiming at this moment.
    pub(crate) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// What stands in `events.txid` of a new event of the scope `$1`, whose first new sequence number is `$2`: the
    /// running transaction's number, but no less than that of the scope's last event. A transaction gets its number
    /// before it waits for the row of its scope, so numbers alone may run against the order of the commits.
    pub(crate) fn transaction_number(self) -> &'static str {
        match self {
            Self::Sqlite => "0",
            Self::Postgres => {
                "GREATEST(CAST(CAST(pg_current_xact_id() AS text) AS bigint), COALESCE((SELECT e.txid \
                 FROM events e WHERE e.scope_id = $1 AND e.seq < $2 ORDER BY e.seq DESC LIMIT 1), 0))"
            }
        }
    }

    /// The number of the oldest transaction still open: whatever is below it can no longer change. SQLite's only
    /// writer commits in the order of `events.id`, so there everything is settled.
    pub(crate) fn oldest_open_transaction(self) -> &'static str {
        match self {
            Self::Sqlite => "1",
            Self::Postgres => "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)",
        }
    }
}

/// Whether the same transaction may succeed when run again: a deadlock, a serialization failure, or a row that was
/// referred to and then deleted by a neighbour, which the transaction sees when it looks again.
pub(crate) fn is_transient(error: &DbErr) -> bool {
    const SERIALIZATION_FAILURE: &str = "40001";
    const DEADLOCK: &str = "40P01";
    const FOREIGN_KEY: &str = "23503";
    database_error(error)
        .and_then(|error| error.code())
        .is_some_and(|code| [SERIALIZATION_FAILURE, DEADLOCK, FOREIGN_KEY].contains(&&*code))
}

/// Whether the database could not be reached at all.
pub(crate) fn is_unreachable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            use sea_orm::sqlx::Error;
            match &**error {
                Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => true,
                // Class 57P: the server is shutting down or starting; class 08: the connection is gone.
                Error::Database(error) => {
                    error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn database_error(error: &DbErr) -> Option<&dyn DatabaseError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            error.as_database_error()
        }
        _ => None,
    }
}

/// Reads `2026-01-02 03:04:05` with up to nine digits of a fraction, the form in which SQLite's moments are stored.
/// The driver tries one format description after another instead, which takes a tenth of the time of a list.
pub(crate) fn stored_moment(text: &str) -> Option<NaiveDateTime> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| {
        bytes
            .get(from..to)?
            .iter()
            .try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
    };
    let at = |index: usize| bytes.get(index).copied();
    let marks = [at(4), at(7), at(10), at(13), at(16)];
    if marks != [Some(b'-'), Some(b'-'), Some(b' '), Some(b':'), Some(b':')] {
        return None;
    }
    let nanos = match bytes.len() {
        19 => 0,
        length @ 21..=29 if at(19) == Some(b'.') => {
            number(20, length)?.checked_mul(10_u32.pow(29 - u32::try_from(length).ok()?))?
        }
        _ => return None,
    };
    let year = i32::try_from(number(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?)?;
    date.and_hms_nano_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_moments_read_as_the_driver_reads_them() {
        for text in [
            "2026-01-02 03:04:05",
            "2026-01-02 03:04:05.1",
            "2026-01-02 03:04:05.123",
            "2026-01-02 03:04:05.123456",
            "2026-01-02 03:04:05.000006",
            "2024-02-29 23:59:59.999999999",
            "0001-01-01 00:00:00",
        ] {
            let expected = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok();
            assert!(expected.is_some(), "{text}");
            assert_eq!(stored_moment(text), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_left_to_the_driver() {
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02 03:04:05.",
            "2026-01-02 03:04:05Z",
            "2026-01-02 03:04:05+01:00",
            "2026-01-02 03:04:05.1234567890",
            "2026-02-29 00:00:00",
            "2026-01-02 24:00:00",
            "2026-01-0\u{e9} 3:04:05",
            "+026-01-02 03:04:05",
        ] {
            assert_eq!(stored_moment(text), None, "{text}");
        }
    }
}
