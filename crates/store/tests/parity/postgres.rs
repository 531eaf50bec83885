//! Reads a schema back from PostgreSQL's catalogue.

use std::collections::BTreeMap;

use sea_orm::{DatabaseConnection, QueryResult};

use crate::database::rows;
use crate::shape::{Column, ForeignKey, Index, Schema, Table};

pub async fn read(db: &DatabaseConnection) -> Schema {
    let query = "SELECT relname::text AS name FROM pg_class \
                 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'seaql_migrations'";
    let mut tables = BTreeMap::new();
    for row in rows(db, query).await {
        let name: String = get(&row, "name");
        tables.insert(name.clone(), table(db, &name).await);
    }
    Schema { tables }
}

async fn table(db: &DatabaseConnection, name: &str) -> Table {
    let checks =
        format!("SELECT oid FROM pg_constraint WHERE conrelid = '{name}'::regclass AND contype = 'c'");
    Table {
        columns: columns(db, name).await,
        checks: rows(db, &checks).await.len(),
        foreign_keys: foreign_keys(db, name).await,
        indexes: indexes(db, name).await,
    }
}

async fn columns(db: &DatabaseConnection, table: &str) -> Vec<Column> {
    let query = format!(
        "SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, \
                a.attidentity <> '' AS generated, pg_get_expr(d.adbin, d.adrelid) AS default_value, \
                EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary \
                        AND a.attnum = ANY (i.indkey)) AS primary_key \
         FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    );
    rows(db, &query).await.iter().map(column).collect()
}

fn column(row: &QueryResult) -> Column {
    let declared: String = get(row, "type");
    let kind = match declared.as_str() {
        "timestamp without time zone" => "timestamp",
        "double precision" => "double",
        other => other,
    };
    let required: bool = get(row, "required");
    let default: Option<String> = get(row, "default_value");
    Column {
        name: get(row, "name"),
        kind: kind.to_owned(),
        nullable: !required,
        primary: get(row, "primary_key"),
        generated: get(row, "generated"),
        default: default.map(|text| without_casts(&text)),
    }
}

async fn foreign_keys(db: &DatabaseConnection, table: &str) -> Vec<ForeignKey> {
    let query = format!(
        "SELECT a.attname::text AS from_column, c.confrelid::regclass::text AS target, \
                t.attname::text AS to_column, c.confdeltype::text AS on_delete \
         FROM pg_constraint c \
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
         JOIN pg_attribute t ON t.attrelid = c.confrelid AND t.attnum = c.confkey[1] \
         WHERE c.contype = 'f' AND c.conrelid = '{table}'::regclass ORDER BY a.attname::text COLLATE \"C\""
    );
    rows(db, &query).await.iter().map(foreign_key).collect()
}

fn foreign_key(row: &QueryResult) -> ForeignKey {
    let (target, column): (String, String) = (get(row, "target"), get(row, "to_column"));
    let action: String = get(row, "on_delete");
    let on_delete = match action.as_str() {
        "c" => "CASCADE",
        "n" => "SET NULL",
        "a" => "NO ACTION",
        other => other,
    };
    ForeignKey {
        column: get(row, "from_column"),
        target: format!("{target}.{column}"),
        on_delete: on_delete.to_owned(),
    }
}

async fn indexes(db: &DatabaseConnection, table: &str) -> Vec<Index> {
    let query = format!(
        "SELECT c.relname::text AS name, i.indisunique AS uniq, pg_get_expr(i.indpred, i.indrelid, true) AS cond, \
                (SELECT string_agg(pg_get_indexdef(i.indexrelid, k, true) \
                        || CASE WHEN i.indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE '' END, ', ' ORDER BY k) \
                 FROM generate_series(1, i.indnkeyatts) AS k) AS terms \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE i.indrelid = '{table}'::regclass AND NOT i.indisprimary ORDER BY c.relname::text COLLATE \"C\""
    );
    rows(db, &query).await.iter().map(index).collect()
}

/// PostgreSQL quotes the names that are key words (`"position"`); we never do.
fn index(row: &QueryResult) -> Index {
    let terms: String = get(row, "terms");
    let condition: Option<String> = get(row, "cond");
    Index {
        name: get(row, "name"),
        unique: get(row, "uniq"),
        terms: terms.split(", ").map(|term| term.replace('"', "")).collect(),
        condition: condition.map(|text| without_casts(&text)),
    }
}

/// PostgreSQL shows a literal with its type: `'main'::text`.
fn without_casts(expression: &str) -> String {
    expression.replace("::text", "").replace("::json", "")
}

fn get<T: sea_orm::TryGetable>(row: &QueryResult, column: &str) -> T {
    row.try_get("", column).unwrap_or_else(|error| panic!("{column}: {error:?}"))
}
