//! An empty or freshly migrated database of either kind, made without any template.

use mc_store::migration;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, QueryResult, Statement,
};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

pub struct Fresh {
    pub kind: Kind,
    pub db: DatabaseConnection,
    url: String,
    home: Home,
}

enum Home {
    Folder(TempDir),
    Server { url: String, name: String },
}

impl Fresh {
    pub async fn migrated(kind: Kind) -> Self {
        let fresh = Self::empty(kind).await;
        migration::run(&fresh.db).await.expect("the migrations apply to an empty database");
        fresh
    }

    pub async fn empty(kind: Kind) -> Self {
        let (url, home) = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("the temporary folder is writable");
                (
                    format!("sqlite://{}?mode=rwc", folder.path().join("parity.sqlite").display()),
                    Home::Folder(folder),
                )
            }
            Kind::Postgres => {
                let server = server_url();
                let name = format!("mc_parity_{}", mc_model::ids::generate_node_name());
                let admin = connect(&server).await;
                execute(&admin, &format!("CREATE DATABASE {name}")).await;
                admin.close().await.expect("a connection closes");
                let (address, _) = server.rsplit_once('/').expect("the URL names a database");
                (format!("{address}/{name}"), Home::Server { url: server.clone(), name })
            }
        };
        Self { kind, db: connect(&url).await, url, home }
    }

    /// Another connection to the same database, as a second node would have.
    pub async fn connect_again(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    pub async fn remove(self) {
        self.db.close().await.expect("a connection closes");
        match self.home {
            Home::Folder(folder) => folder.close().expect("the folder can be removed"),
            Home::Server { url, name } => {
                let admin = connect(&url).await;
                execute(&admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
                admin.close().await.expect("a connection closes");
            }
        }
    }
}

fn server_url() -> String {
    std::env::var("TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "TEST_DATABASE_URL is not set: run `make test`, or put scripts/with-services before the command"
        )
    })
}

/// One connection, so that a `BEGIN` sent as text stays with it.
async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap_or_else(|error| panic!("cannot open the database: {error}"))
}

pub async fn execute(db: &DatabaseConnection, sql: &str) {
    db.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let backend: DbBackend = db.get_database_backend();
    let found = db.query_all_raw(Statement::from_string(backend, sql)).await;
    found.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

pub async fn count(db: &DatabaseConnection, table: &str) -> i64 {
    let found = rows(db, &format!("SELECT count(*) AS n FROM {table}")).await;
    found[0].try_get("", "n").expect("a count is a number")
}
