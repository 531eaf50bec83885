//! The schema is the same on SQLite and PostgreSQL, is the one written down in `schema.txt`, and keeps our rules.
//!
//! After a deliberate change, write the file anew and read its diff:
//!
//! ```text
//! UPDATE_SCHEMA=1 scripts/with-services cargo nextest run -p mc-store --test parity
//! ```

mod database;
mod postgres;
mod rows;
mod shape;
mod sqlite;

use std::collections::BTreeSet;
use std::path::Path;

use database::{Fresh, Kind, count};
use mc_store::migration;
use sea_orm::ConnectionTrait;
use shape::{Schema, Table};

async fn schema_of(fresh: &Fresh) -> Schema {
    match fresh.kind {
        Kind::Sqlite => sqlite::read(&fresh.db).await,
        Kind::Postgres => postgres::read(&fresh.db).await,
    }
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let sqlite = Fresh::migrated(Kind::Sqlite).await;
    let postgres = Fresh::migrated(Kind::Postgres).await;
    let (left, right) = (schema_of(&sqlite).await.coarse(), schema_of(&postgres).await.coarse());
    assert_eq!(
        left.keys().collect::<Vec<_>>(),
        right.keys().collect::<Vec<_>>(),
        "the tables differ (left: SQLite, right: PostgreSQL)"
    );
    for (name, table) in &left {
        assert_eq!(
            table.to_string(),
            right[name].to_string(),
            "table {name} (left: SQLite, right: PostgreSQL)"
        );
    }
    sqlite.remove().await;
    postgres.remove().await;
}

#[tokio::test]
async fn schema_is_the_one_written_down() {
    let fresh = Fresh::migrated(Kind::Postgres).await;
    let text = schema_of(&fresh).await.to_string();
    fresh.remove().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema.txt");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = golden.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        golden == text,
        "tests/schema.txt is out of date, first at {difference:?}; if the change is meant, run \
         UPDATE_SCHEMA=1 scripts/with-services cargo nextest run -p mc-store --test parity"
    );
}

#[tokio::test]
async fn no_index_is_the_beginning_of_another() {
    let fresh = Fresh::migrated(Kind::Sqlite).await;
    let schema = schema_of(&fresh).await;
    let wasted: Vec<String> = schema.tables.values().flat_map(indexes_contained_in_others).collect();
    assert!(wasted.is_empty(), "drop these, another index serves: {wasted:?}");
    fresh.remove().await;
}

fn indexes_contained_in_others(table: &Table) -> Vec<String> {
    let is_contained = |short: &shape::Index| {
        table.indexes.iter().any(|long| {
            long.name != short.name
                && long.condition == short.condition
                && long.terms.starts_with(&short.terms)
        })
    };
    table
        .indexes
        .iter()
        .filter(|index| !index.unique && is_contained(index))
        .map(|i| i.name.clone())
        .collect()
}

#[tokio::test]
async fn every_foreign_key_leads_an_index() {
    let fresh = Fresh::migrated(Kind::Sqlite).await;
    let schema = schema_of(&fresh).await;
    let mut bare = Vec::new();
    for (name, table) in &schema.tables {
        for key in &table.foreign_keys {
            if !table.indexes.iter().any(|index| index.finds(&key.column)) {
                bare.push(format!("{name}.{}", key.column));
            }
        }
    }
    assert!(bare.is_empty(), "deleting a parent would scan: {bare:?}");
    fresh.remove().await;
}

#[tokio::test]
async fn names_fit_postgres() {
    let fresh = Fresh::migrated(Kind::Sqlite).await;
    let schema = schema_of(&fresh).await;
    let mut seen = BTreeSet::new();
    for index in schema.tables.values().flat_map(|table| &table.indexes) {
        assert!(index.name.len() <= 63, "{} would be cut short", index.name);
        assert!(seen.insert(index.name.clone()), "{} is there twice", index.name);
    }
    assert!(seen.len() > 100, "only {} indexes were read back", seen.len());
    fresh.remove().await;
}

#[tokio::test]
async fn migrating_twice_at_once_and_again_changes_nothing_sqlite() {
    migrating_twice_at_once_and_again_changes_nothing(Kind::Sqlite).await;
}

#[tokio::test]
async fn migrating_twice_at_once_and_again_changes_nothing_postgres() {
    migrating_twice_at_once_and_again_changes_nothing(Kind::Postgres).await;
}

async fn migrating_twice_at_once_and_again_changes_nothing(kind: Kind) {
    let fresh = Fresh::empty(kind).await;
    let all = migration::pending(&fresh.db).await.expect("an empty database can be asked");
    assert!(all > 0, "an empty database lacks every migration");
    let (one, two) = (fresh.connect_again().await, fresh.connect_again().await);
    let (first, second) = tokio::join!(migration::run(&one), migration::run(&two));
    first.expect("one node migrates");
    second.expect("the other waits and finds nothing to do");
    let before = schema_of(&fresh).await.to_string();
    migration::run(&fresh.db).await.expect("a third run finds nothing to do");
    assert_eq!(migration::pending(&fresh.db).await.expect("a migrated database can be asked"), 0);
    assert_eq!(schema_of(&fresh).await.to_string(), before);
    for connection in [one, two] {
        connection.close().await.expect("a connection closes");
    }
    fresh.remove().await;
}

#[tokio::test]
async fn deleting_owners_deletes_what_they_own_sqlite() {
    deleting_owners_deletes_what_they_own(Kind::Sqlite).await;
}

#[tokio::test]
async fn deleting_owners_deletes_what_they_own_postgres() {
    deleting_owners_deletes_what_they_own(Kind::Postgres).await;
}

/// One row in every table; then an owner goes, and the tables that are empty afterwards are the ones it owned.
async fn deleting_owners_deletes_what_they_own(kind: Kind) {
    const OF_TASK: &[&str] = &[
        "activity_events",
        "approval_task_links",
        "tag_assignments",
        "task_comment_mentions",
        "task_custom_field_values",
        "task_dependencies",
        "task_fingerprints",
        "tasks",
    ];
    const OF_USER: &[&str] = &["api_tokens", "organization_board_access", "organization_members", "users"];
    const OF_AGENT: &[&str] = &["agents", "task_comment_mentions"];
    const OF_GATEWAY: &[&str] = &["agents", "gateway_installed_skills", "gateways", "task_comment_mentions"];
    const OF_TAG: &[&str] = &["tag_assignments", "tags"];
    const NOT_OF_ORGANIZATION: &[&str] = &["idempotency_keys", "server_settings", "users"];

    let fresh = Fresh::migrated(kind).await;
    let schema = schema_of(&fresh).await;
    rows::fill(&fresh, &schema).await;
    assert_eq!(empty_tables(&fresh, &schema).await, BTreeSet::new(), "every table has a row to lose");

    for (owner, owned) in [
        ("tasks", OF_TASK),
        ("users", OF_USER),
        ("agents", OF_AGENT),
        ("gateways", OF_GATEWAY),
        ("tags", OF_TAG),
    ] {
        let undo = "ROLLBACK";
        fresh.db.execute_unprepared("BEGIN").await.expect("a transaction begins");
        delete_all(&fresh, owner).await;
        assert_eq!(empty_tables(&fresh, &schema).await, named(owned), "after deleting {owner}");
        fresh.db.execute_unprepared(undo).await.expect("a transaction ends");
    }

    delete_all(&fresh, "organizations").await;
    let left: BTreeSet<String> = schema.tables.keys().cloned().collect();
    let left = left.difference(&empty_tables(&fresh, &schema).await).cloned().collect();
    assert_eq!(named(NOT_OF_ORGANIZATION), left, "after deleting the organization");
    fresh.remove().await;
}

async fn delete_all(fresh: &Fresh, table: &str) {
    let result = fresh.db.execute_unprepared(&format!("DELETE FROM {table}")).await;
    result.unwrap_or_else(|error| panic!("deleting {table}: {error}"));
}

async fn empty_tables(fresh: &Fresh, schema: &Schema) -> BTreeSet<String> {
    let mut empty = BTreeSet::new();
    for name in schema.tables.keys() {
        if count(&fresh.db, name).await == 0 {
            empty.insert(name.clone());
        }
    }
    empty
}

fn named(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
