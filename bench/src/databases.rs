//! The databases of a run: seeded once, copied for each side, gone at the end.

use std::path::{Path, PathBuf};

use mc_model::ids::generate_request_id;
use rusqlite::{Connection as File, OpenFlags};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

use crate::Outcome;

/// The folder of a run. It lies beside the programs, on a disk and not in memory, because a benchmark of durable
/// writes means nothing without one.
pub fn folder() -> Outcome<tempfile::TempDir> {
    let program = std::env::current_exe()?;
    let build = program.parent().ok_or("this program lies nowhere")?;
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(build)?)
}

/// The URL of an SQLite file.
pub fn sqlite_url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

/// Copies the SQLite database `from`, whatever of it is still in its log, to `folder`, which is made.
pub fn copy(from: &Path, folder: &Path) -> Outcome<PathBuf> {
    std::fs::create_dir(folder)?;
    let to = folder.join("mission-control.db");
    let target = to.to_str().ok_or("the folder's name is no text")?;
    let source = File::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.execute("VACUUM INTO ?1", [target])?;
    File::open(&to)?.pragma_update(None, "journal_mode", "WAL")?;
    Ok(to)
}

/// How many rows of `table` belong to `board`.
pub fn rows_of(file: &Path, table: &str, board: uuid::Uuid) -> Outcome<i64> {
    let db = File::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let sql = format!("SELECT count(*) FROM {table} WHERE board_id = ?1");
    Ok(db.query_row(&sql, [board.as_bytes().as_slice()], |row| row.get(0))?)
}

/// A PostgreSQL database that exists for this run.
pub struct Postgres {
    server: PgConnectOptions,
    name: String,
    /// Its URL.
    pub url: String,
}

impl Postgres {
    /// Makes a database on the server at `url`, whose user may make some.
    pub async fn create(url: &str) -> Outcome<Self> {
        let server: PgConnectOptions = url.parse()?;
        let name = format!("mc_bench_{}", generate_request_id());
        let mut admin = server.connect().await?;
        execute(&mut admin, &format!("CREATE DATABASE {name}")).await?;
        admin.close().await?;
        let (before, _) = url.rsplit_once('/').ok_or("the URL names no database")?;
        Ok(Self { server, url: format!("{before}/{name}"), name })
    }

    /// Gives the planner its statistics, which a seeded table lacks until the server finds time.
    pub async fn analyze(&self) -> Outcome<()> {
        let mut db = self.url.parse::<PgConnectOptions>()?.connect().await?;
        execute(&mut db, "VACUUM ANALYZE").await?;
        Ok(db.close().await?)
    }

    /// Removes it.
    pub async fn drop(self) -> Outcome<()> {
        let mut admin = self.server.connect().await?;
        execute(&mut admin, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await?;
        Ok(admin.close().await?)
    }
}

async fn execute(db: &mut PgConnection, sql: &str) -> Outcome<()> {
    // The names in these statements are our own.
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(db).await?;
    Ok(())
}
