//! A fresh, migrated database for each test.
//!
//! Migrating takes far longer than copying, so each kind is migrated once, under a name made from
//! [`migration::fingerprint`], and copied: an SQLite file by copying the file, a PostgreSQL database by
//! `CREATE DATABASE … TEMPLATE`. Tests run in processes of their own, so both templates are made race-free.

use std::path::{Path, PathBuf};

use mc_store::migration;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use tempfile::TempDir;

/// The variable that names a PostgreSQL whose user may create databases.
const POSTGRES_VARIABLE: &str = "TEST_DATABASE_URL";

/// The PostgreSQL advisory lock under which the template is made. Any number does, if nothing else uses it.
const TEMPLATE_LOCK: i64 = i64::from_be_bytes(*b"mctmplte");

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// An SQLite file in a temporary folder.
    Sqlite,
    /// A database of its own on the server of `TEST_DATABASE_URL`.
    Postgres,
}

/// A migrated database without rows, gone when this value is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    backend: Backend,
    url: String,
    _home: Home,
}

/// What keeps the database alive.
#[derive(Debug)]
enum Home {
    Folder { _folder: TempDir },
    Server { _database: ServerDatabase },
}

impl TestDatabase {
    /// A new database on `backend`.
    ///
    /// # Panics
    /// When it cannot be made. In particular, a PostgreSQL test without `TEST_DATABASE_URL` fails rather than
    /// passing unseen.
    pub async fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::sqlite().await,
            Backend::Postgres => Self::postgres().await,
        }
    }

    async fn sqlite() -> Self {
        let template = sqlite_template().await;
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let path = folder.path().join("test.sqlite");
        std::fs::copy(template, &path).expect("the template can be copied");
        Self { backend: Backend::Sqlite, url: sqlite_url(&path), _home: Home::Folder { _folder: folder } }
    }

    async fn postgres() -> Self {
        let server = server_url();
        let admin = connect(&server).await;
        let template = postgres_template(&server, &admin).await;
        let name = format!("mc_test_{}", mc_model::ids::generate_request_id());
        execute(&admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        close(admin).await;
        let url = with_database(&server, &name);
        let database = ServerDatabase { server, name };
        Self { backend: Backend::Postgres, url, _home: Home::Server { _database: database } }
    }

    /// Where the database is, in the form `DATABASE_URL` takes.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which kind it is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }
}

/// Runs the body of a test on a runtime of several threads; what `#[db_test]` calls.
///
/// # Panics
/// When the body does, or the runtime cannot start.
pub fn run(body: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the runtime starts")
        .block_on(body);
}

// ---- SQLite ---------------------------------------------------------------------------------------------------

/// A migrated file that nobody opens: made under another name and then renamed, so whoever sees it sees it whole.
async fn sqlite_template() -> PathBuf {
    let folder = template_folder();
    let template = folder.join(format!("mc-template-{}.sqlite", migration::fingerprint()));
    if template.exists() {
        return template;
    }
    std::fs::create_dir_all(&folder).expect("the folder for templates can be made");
    let workshop = tempfile::tempdir_in(&folder).expect("the folder for templates is writable");
    let draft = workshop.path().join("draft.sqlite");
    let db = connect(&format!("{}?mode=rwc", sqlite_url(&draft))).await;
    // The mode is kept in the file; with it in the template, no test pays for the change.
    execute(&db, "PRAGMA journal_mode = WAL").await;
    migration::run(&db).await.expect("the migrations apply to SQLite");
    close(db).await;
    std::fs::rename(&draft, &template).expect("a file can be renamed within its file system");
    template
}

/// `tmp` in cargo's target folder, which is where this program lies; else the system's temporary folder.
fn template_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.map_or_else(std::env::temp_dir, |folder| folder.join("tmp"))
}

fn sqlite_url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

// ---- PostgreSQL -----------------------------------------------------------------------------------------------

/// A database on the test server, dropped with this value as far as that is possible.
#[derive(Debug)]
struct ServerDatabase {
    server: String,
    name: String,
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        let server = self.server.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A drop may happen inside a runtime, which must not be blocked by another: hence the thread.
        let dropped = std::thread::spawn(move || drop_database(&server, &statement)).join();
        if !matches!(dropped, Ok(Ok(()))) {
            eprintln!("the test database {} stays behind: {dropped:?}", self.name);
        }
    }
}

fn drop_database(server: &str, statement: &str) -> Result<(), DbErr> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| DbErr::Custom(error.to_string()))?.block_on(async {
        let admin = Database::connect(connection_options(server)).await?;
        admin.execute_unprepared(statement).await?;
        admin.close().await
    })
}

/// The name of a migrated database nobody is connected to. Made under another name and then renamed, one process at
/// a time, so that a process killed half-way leaves nothing that looks finished.
async fn postgres_template(server: &str, admin: &DatabaseConnection) -> String {
    let template = format!("mc_template_{}", migration::fingerprint());
    if database_exists(admin, &template).await {
        return template;
    }
    execute(admin, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    if !database_exists(admin, &template).await {
        let draft = format!("{template}_draft");
        execute(admin, &format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        execute(admin, &format!("CREATE DATABASE {draft}")).await;
        let db = connect(&with_database(server, &draft)).await;
        migration::run(&db).await.expect("the migrations apply to PostgreSQL");
        close(db).await;
        execute(admin, &format!("ALTER DATABASE {draft} RENAME TO {template}")).await;
    }
    execute(admin, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    template
}

async fn database_exists(admin: &DatabaseConnection, name: &str) -> bool {
    let query = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    let statement = sea_orm::Statement::from_string(admin.get_database_backend(), query);
    admin.query_one_raw(statement).await.expect("the server lists its databases").is_some()
}

fn server_url() -> String {
    std::env::var(POSTGRES_VARIABLE).ok().filter(|url| !url.trim().is_empty()).unwrap_or_else(|| {
        panic!(
            "{POSTGRES_VARIABLE} is not set, and a test on PostgreSQL is never skipped. Run `make test`, or put \
             `scripts/with-services` before your command: both start a private PostgreSQL."
        )
    })
}

/// `url` with another database, everything else kept.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (url, String::new()),
    };
    let host_start = address.find("://").map_or(0, |at| at + "://".len());
    let host_end = address[host_start..].find('/').map_or(address.len(), |at| host_start + at);
    format!("{}/{name}{query}", &address[..host_end])
}

// ---- both -----------------------------------------------------------------------------------------------------

/// One connection, so that a session's lock stays with it.
fn connection_options(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    options
}

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(connection_options(url))
        .await
        .unwrap_or_else(|error| panic!("cannot open the test database server: {error}"))
}

async fn execute(db: &DatabaseConnection, sql: &str) {
    db.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn close(db: DatabaseConnection) {
    db.close().await.expect("a connection closes");
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn with_database_replaces_only_the_database() {
        let cases = [
            ("postgres://u:p@h:5/old", "postgres://u:p@h:5/new"),
            ("postgres://u@h/old?sslmode=disable", "postgres://u@h/new?sslmode=disable"),
            ("postgres://u@h", "postgres://u@h/new"),
        ];
        for (url, wanted) in cases {
            assert_eq!(with_database(url, "new"), wanted);
        }
    }
}
