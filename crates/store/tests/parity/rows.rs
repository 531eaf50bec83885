//! One row for every table, made from the schema itself, so that a new table is covered when it appears.

use std::collections::BTreeSet;

use crate::database::{Fresh, Kind, execute};
use crate::shape::{Column, Schema, Table};

/// Fills every column that has no default: foreign keys point at the one row of their parent.
pub async fn fill(fresh: &Fresh, schema: &Schema) {
    let mut done = BTreeSet::new();
    while done.len() < schema.tables.len() {
        let before = done.len();
        for (name, table) in &schema.tables {
            let is_ready = table.foreign_keys.iter().all(|key| done.contains(parent(&key.target)));
            if is_ready && !done.contains(name.as_str()) {
                insert(fresh, name, table, 1).await;
                // A dependency is between two tasks.
                if name == "tasks" {
                    insert(fresh, name, table, 2).await;
                }
                done.insert(name.as_str());
            }
        }
        assert!(done.len() > before, "the foreign keys form a circle: only {done:?} could be filled");
    }
}

async fn insert(fresh: &Fresh, name: &str, table: &Table, number: u8) {
    let columns: Vec<&Column> =
        table.columns.iter().filter(|column| column.default.is_none() && !column.generated).collect();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let values: Vec<String> =
        columns.iter().map(|column| value(fresh.kind, name, table, column, number)).collect();
    execute(&fresh.db, &format!("INSERT INTO {name} ({}) VALUES ({})", names.join(", "), values.join(", ")))
        .await;
}

fn value(kind: Kind, name: &str, table: &Table, column: &Column, number: u8) -> String {
    if let Some(key) = table.foreign_keys.iter().find(|key| key.column == column.name) {
        let which = if column.name == "depends_on_task_id" { 2 } else { 1 };
        return uuid(kind, parent(&key.target), which);
    }
    match column.kind.as_str() {
        "uuid" => uuid(kind, name, number),
        "text" if column.name == "source_url" => "'https://github.com/owner/repository'".to_owned(),
        "text" => format!("'{}'", column.name),
        "timestamp" => "'2026-01-02 03:04:05'".to_owned(),
        "boolean" => "TRUE".to_owned(),
        "json" => "'{}'".to_owned(),
        "integer" | "bigint" | "double" => "1".to_owned(),
        other => panic!("no value for a column of type {other}"),
    }
}

/// The id of a table's row: its name's bytes, shortened or repeated, and the row's number.
fn uuid(kind: Kind, table: &str, number: u8) -> String {
    let mut hash: u128 = u128::from(number);
    for byte in table.bytes() {
        hash = hash.wrapping_mul(0x0100_0000_01b3).wrapping_add(u128::from(byte));
    }
    match kind {
        Kind::Sqlite => format!("X'{hash:032x}'"),
        Kind::Postgres => format!("'{hash:032x}'"),
    }
}

fn parent(target: &str) -> &str {
    target.split('.').next().unwrap_or(target)
}
