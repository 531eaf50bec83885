//! Cleaning up: the database is afterwards what it was before, row by row, whatever tables there are.

use std::collections::BTreeMap;

use mc_testkit::{Backend, TestDatabase, db_test};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement};

use super::super::seed;
use super::{Place, has_status};

#[db_test]
async fn two_demos_and_a_removal_leave_the_rows_of_others_alone_and_none_behind(backend: Backend) {
    let database = TestDatabase::new(backend).await;
    let db = Database::connect(database.url()).await.expect("it can be opened");
    let place = Place::on(&database, "0");
    // Somebody else's organization with a board, agents, tasks, events and jobs: a demo that is none.
    let other = seed::seed(&place.settings).await.expect("seeded");
    db.execute_unprepared("UPDATE organizations SET is_demo = FALSE").await.expect("updated");
    let before = dump(&db, backend).await;

    let first = seed::seed(&place.settings).await.expect("seeded");
    let second = seed::seed(&place.settings).await.expect("seeded again");
    assert_eq!((other.replaced, first.replaced, second.replaced), (0, 0, 1));
    assert_eq!(active_organization(&db).await, second.organization_id.0);
    let server = place.serve().await;
    let (played, _) = place.play_until(&server.url, &second, has_status("done")).await;
    played.expect("it goes well");
    server.stop().await;
    for (table, rows) in dump(&db, backend).await {
        assert!(rows.len() >= before[&table].len(), "{table} lost rows to a demo");
    }

    let removed = seed::clean(&place.settings).await.expect("cleaned").removed_organizations;
    let again = seed::clean(&place.settings).await.expect("cleaned again").removed_organizations;

    assert_eq!((removed, again), (1, 0));
    let after = dump(&db, backend).await;
    for (table, rows) in &before {
        assert_eq!(&after[table], rows, "{table}");
    }
    assert_eq!(active_organization(&db).await, other.organization_id.0);
}

/// The first demo of a fresh server makes the account; it survives, and its next sign-in finds it a home.
#[db_test]
async fn the_account_survives_the_only_organization_it_had(backend: Backend) {
    let database = TestDatabase::new(backend).await;
    let place = Place::on(&database, "0");
    let server = place.serve().await;
    seed::seed(&place.settings).await.expect("seeded");
    assert_eq!(organizations(&place, &server.url).await, ["Demo"]);

    seed::clean(&place.settings).await.expect("cleaned");

    // The server remembers for a moment who somebody is; word from other processes may take that long.
    let personal = async {
        while organizations(&place, &server.url).await != ["Personal"] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), personal).await.expect("a home is found");
    server.stop().await;
}

/// The names of the caller's organizations, over HTTP.
async fn organizations(place: &Place, url: &str) -> Vec<String> {
    use secrecy::ExposeSecret;

    let token = crate::start::obtain_token(&place.settings).expect("a token").token;
    let client = reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(60)).build();
    let request = client.expect("a client").get(format!("{url}/api/v1/organizations/me/list"));
    let answer = request.bearer_auth(token.expose_secret()).send().await.expect("an answer");
    let list: Vec<serde_json::Value> = answer.json().await.expect("a list");
    list.iter().map(|one| one["name"].as_str().expect("text").to_owned()).collect()
}

async fn active_organization(db: &DatabaseConnection) -> sea_orm::prelude::Uuid {
    let found = rows(db, "SELECT active_organization_id FROM users").await;
    found[0].try_get_by_index(0).expect("an organization")
}

/// Every row of every table as text.
async fn dump(db: &DatabaseConnection, backend: Backend) -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    for table in table_names(db, backend).await {
        let row = match backend {
            Backend::Sqlite => {
                let columns = texts(db, &format!("SELECT name FROM pragma_table_info('{table}')")).await;
                let quoted: Vec<String> =
                    columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
                quoted.join(" || ',' || ")
            }
            Backend::Postgres => format!("CAST(\"{table}\" AS text)"),
        };
        let rows = texts(db, &format!("SELECT {row} FROM \"{table}\" ORDER BY 1")).await;
        tables.insert(table, rows);
    }
    assert!(tables.len() > 20, "all tables are looked at: {:?}", tables.keys());
    tables
}

async fn table_names(db: &DatabaseConnection, backend: Backend) -> Vec<String> {
    texts(
        db,
        match backend {
            Backend::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            Backend::Postgres => {
                "SELECT CAST(table_name AS text) FROM information_schema.tables WHERE table_schema = 'public'"
            }
        },
    )
    .await
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    rows(db, sql).await.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
}

async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}
