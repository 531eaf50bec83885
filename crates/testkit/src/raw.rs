//! A look into a database past the store, for what no function of the store tells.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, Statement};

/// The first column of the first row of the answer to `sql`, as text; numbers are written out.
///
/// # Panics
/// When the database does not answer with a row.
pub async fn text(url: &str, sql: &str) -> String {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await.unwrap_or_else(|error| panic!("cannot open {url}: {error}"));
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let row = row.unwrap_or_else(|| panic!("{sql}: no row"));
    let text = row
        .try_get_by_index::<String>(0)
        .or_else(|_| row.try_get_by_index::<i64>(0).map(|number| number.to_string()))
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    db.close().await.expect("a connection closes");
    text
}
