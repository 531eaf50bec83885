//! `#[db_test]` and `TestDatabase` do what every other test relies on.

use mc_testkit::database::{Backend, TestDatabase};
use mc_testkit_macros::db_test;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement};

#[db_test]
async fn backend_is_the_one_named_by_the_test(backend: Backend) {
    let database = TestDatabase::new(backend).await;
    let name = std::thread::current().name().expect("a test's thread has its name").to_owned();
    let wanted = if name.ends_with("::sqlite") { Backend::Sqlite } else { Backend::Postgres };
    assert_eq!((backend, database.backend()), (wanted, wanted));
    let found = connect(database.url()).await.expect("the database can be opened").get_database_backend();
    assert_eq!(found == DbBackend::Sqlite, backend == Backend::Sqlite);
}

#[db_test]
async fn database_is_migrated_and_empty(backend: Backend) {
    let database = TestDatabase::new(backend).await;
    let db = connect(database.url()).await.expect("the database can be opened");
    assert_eq!(mc_store::migration::pending(&db).await.expect("it can be asked"), 0);
    assert_eq!(count(&db, "server_settings").await, 0);
}

#[db_test]
async fn databases_share_nothing(backend: Backend) {
    let (one, two) = (TestDatabase::new(backend).await, TestDatabase::new(backend).await);
    assert_ne!(one.url(), two.url());
    let (left, right) = (connect(one.url()).await, connect(two.url()).await);
    let (left, right) = (left.expect("one can be opened"), right.expect("two can be opened"));
    let insert =
        "INSERT INTO server_settings (key, value, updated_at) VALUES ('k', 'v', '2026-01-01 00:00:00')";
    left.execute_unprepared(insert).await.expect("a row can be added");
    assert_eq!((count(&left, "server_settings").await, count(&right, "server_settings").await), (1, 0));
}

#[db_test]
async fn dropped_database_is_gone_though_still_in_use(backend: Backend) {
    let database = TestDatabase::new(backend).await;
    let url = database.url().to_owned();
    let _still_open = connect(&url).await.expect("the database can be opened");
    drop(database);
    assert!(connect(&url).await.is_err(), "the database is still there");
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    Database::connect(url).await
}

async fn count(db: &DatabaseConnection, table: &str) -> i64 {
    let query =
        Statement::from_string(db.get_database_backend(), format!("SELECT count(*) AS n FROM {table}"));
    let row = db.query_one_raw(query).await.expect("the table is there").expect("a count has a row");
    row.try_get("", "n").expect("a count is a number")
}
