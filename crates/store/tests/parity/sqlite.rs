//! Reads a schema back from SQLite.

use std::collections::BTreeMap;

use sea_orm::{DatabaseConnection, QueryResult};

use crate::database::rows;
use crate::shape::{Column, ForeignKey, Index, Schema, Table};

pub async fn read(db: &DatabaseConnection) -> Schema {
    let query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' \
                 AND name NOT LIKE 'sqlite_%' AND name <> 'seaql_migrations'";
    let mut tables = BTreeMap::new();
    for row in rows(db, query).await {
        let (name, sql) = (text(&row, "name"), text(&row, "sql"));
        tables.insert(name.clone(), table(db, &name, &sql).await);
    }
    Schema { tables }
}

async fn table(db: &DatabaseConnection, name: &str, sql: &str) -> Table {
    let mut table = Table { checks: sql.matches("CHECK (").count(), ..Table::default() };
    let query = format!(
        "SELECT name, lower(type) AS type, \"notnull\" AS required, dflt_value, pk FROM pragma_table_info('{name}')"
    );
    table.columns = rows(db, &query).await.iter().map(|row| column(row, sql)).collect();
    let query = format!(
        "SELECT \"from\", \"table\", \"to\", on_delete FROM pragma_foreign_key_list('{name}') ORDER BY \"from\""
    );
    table.foreign_keys = rows(db, &query).await.iter().map(foreign_key).collect();
    let query = format!(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '{name}' AND sql IS NOT NULL ORDER BY name"
    );
    table.indexes = rows(db, &query).await.iter().map(|row| index(&text(row, "sql"))).collect();
    table
}

fn column(row: &QueryResult, table_sql: &str) -> Column {
    let declared = text(row, "type");
    let primary = number(row, "pk") > 0;
    Column {
        name: text(row, "name"),
        kind: declared.strip_suffix("_text").unwrap_or(&declared).to_owned(),
        nullable: number(row, "required") == 0,
        primary,
        generated: primary && table_sql.contains("AUTOINCREMENT"),
        default: optional_text(row, "dflt_value").map(|default| default.to_lowercase()),
    }
}

fn foreign_key(row: &QueryResult) -> ForeignKey {
    ForeignKey {
        column: text(row, "from"),
        target: format!("{}.{}", text(row, "table"), text(row, "to")),
        on_delete: text(row, "on_delete"),
    }
}

/// SQLite keeps the statement as it was written, and all ours have one form.
fn index(sql: &str) -> Index {
    let (head, tail) = sql.split_once(" ON ").expect("an index is ON a table");
    let (_, definition) = tail.split_once(" (").expect("an index has terms");
    let (terms, condition) = match definition.split_once(") WHERE ") {
        Some((terms, condition)) => (terms, Some(condition.to_owned())),
        None => (definition.strip_suffix(')').expect("the terms end"), None),
    };
    Index {
        name: head.rsplit(' ').next().expect("an index has a name").to_owned(),
        unique: head.starts_with("CREATE UNIQUE"),
        terms: terms.split(", ").map(str::to_owned).collect(),
        condition,
    }
}

fn text(row: &QueryResult, column: &str) -> String {
    row.try_get("", column).unwrap_or_else(|error| panic!("{column}: {error}"))
}

fn optional_text(row: &QueryResult, column: &str) -> Option<String> {
    row.try_get("", column).unwrap_or_else(|error| panic!("{column}: {error}"))
}

fn number(row: &QueryResult, column: &str) -> i32 {
    row.try_get("", column).unwrap_or_else(|error| panic!("{column}: {error}"))
}
