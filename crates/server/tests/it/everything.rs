//! One row in every table, made from what the database says of its own schema: a table that is added later is filled
//! and checked without anybody thinking of it.

use std::collections::{BTreeMap, BTreeSet};

use mc_testkit::{Backend, TestApp};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement};
use uuid::Uuid;

/// Tables whose rows belong to the server, not to an organization. They have no foreign key at all; a new one without
/// any has to be thought about here.
const OF_THE_SERVER: [&str; 2] = ["seaql_migrations", "server_settings"];
/// A table without a foreign key whose rows belong to the organization or board in `scope_id`.
const BY_SCOPE: &str = "idempotency_keys";
/// Columns that cannot hold just anything.
const SPECIAL: [(&str, &str, &str); 2] =
    [("skill_packs", "source_url", "'https://github.com/a/b'"), ("tasks", "status", "'inbox'")];
/// Tables of which an organization has two rows, because one refers to two of them or has a second kind.
const TWICE: [&str; 2] = ["tasks", "agents"];

struct Column {
    name: String,
    kind: String,
    is_required: bool,
    has_default: bool,
    target: Option<String>,
}

/// A database that is looked at past the application.
pub struct Everything {
    db: DatabaseConnection,
    backend: Backend,
    tables: BTreeMap<String, Vec<Column>>,
}

/// The ids of the rows of one organization, by table.
pub type Ids = BTreeMap<String, Vec<Uuid>>;

/// All rows of a table as text.
pub type Rows = BTreeMap<String, BTreeSet<String>>;

impl Everything {
    /// Reads the schema.
    pub async fn of(app: &TestApp) -> Self {
        let db = Database::connect(app.database().url()).await.expect("the database opens");
        let backend = app.database().backend();
        let mut everything = Self { db, backend, tables: BTreeMap::new() };
        let names = match backend {
            Backend::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            Backend::Postgres => {
                "SELECT CAST(table_name AS text) AS name FROM information_schema.tables WHERE table_schema = 'public'"
            }
        };
        for row in everything.query(names).await {
            let table = text(&row, "name");
            let columns = everything.columns(&table).await;
            everything.tables.insert(table, columns);
        }
        everything.check_tables_without_owner();
        everything
    }

    async fn query(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        self.db.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    async fn columns(&self, table: &str) -> Vec<Column> {
        let (columns, keys) = match self.backend {
            Backend::Sqlite => (
                format!(
                    "SELECT name, lower(type) AS kind, \"notnull\" AS required, \
                     (dflt_value IS NOT NULL OR (pk > 0 AND lower(type) LIKE '%int%')) AS defaulted \
                     FROM pragma_table_info('{table}')"
                ),
                format!(
                    "SELECT \"from\" AS name, \"table\" AS target FROM pragma_foreign_key_list('{table}')"
                ),
            ),
            Backend::Postgres => (
                format!(
                    "SELECT CAST(column_name AS text) AS name, CAST(data_type AS text) AS kind, \
                     CASE WHEN is_nullable = 'NO' THEN 1 ELSE 0 END AS required, \
                     CASE WHEN column_default IS NOT NULL OR is_identity = 'YES' THEN 1 ELSE 0 END AS defaulted \
                     FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
                ),
                format!(
                    "SELECT CAST(a.attname AS text) AS name, CAST(CAST(c.confrelid AS regclass) AS text) AS target \
                     FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
                     WHERE c.contype = 'f' AND c.conrelid = CAST('{table}' AS regclass)"
                ),
            ),
        };
        let keys = self.query(&keys).await;
        let target = |name: &str| {
            let key = keys.iter().find(|key| text(key, "name") == name)?;
            Some(text(key, "target"))
        };
        self.query(&columns)
            .await
            .iter()
            .map(|row| {
                let name = text(row, "name");
                Column {
                    target: target(&name),
                    kind: text(row, "kind"),
                    is_required: number(row, "required") > 0,
                    has_default: number(row, "defaulted") > 0,
                    name,
                }
            })
            .collect()
    }

    fn check_tables_without_owner(&self) {
        for (table, columns) in &self.tables {
            let is_owned = columns.iter().any(|column| column.target.is_some());
            let is_known =
                OF_THE_SERVER.contains(&table.as_str()) || [BY_SCOPE, "organizations"].contains(&&**table);
            assert!(
                is_owned || is_known,
                "{table} belongs to nobody: say in everything.rs who deletes its rows"
            );
        }
    }

    /// Fills every table for the organization whose own rows are in `ids`, with its name in every text.
    pub async fn fill(&self, label: &str, ids: Ids) -> Ids {
        self.fill_but(label, ids, &[]).await
    }

    /// Fills every table but those of `without`.
    pub async fn fill_but(&self, label: &str, mut ids: Ids, without: &[&str]) -> Ids {
        let is_left_out = |table: &str| OF_THE_SERVER.contains(&table) || without.contains(&table);
        loop {
            let next = self.tables.iter().find(|(table, columns)| {
                !ids.contains_key(*table)
                    && !is_left_out(table)
                    && columns
                        .iter()
                        .all(|column| column.target.as_ref().is_none_or(|target| ids.contains_key(target)))
                    && (*table != BY_SCOPE || ids.contains_key("boards"))
            });
            let Some((table, columns)) = next else { break };
            let rows = if TWICE.contains(&table.as_str()) || table == BY_SCOPE { 2 } else { 1 };
            let mut made = Vec::new();
            for nth in 0..rows {
                let id = Uuid::from_u128(fresh());
                self.insert(table, columns, label, &ids, id, nth).await;
                made.push(id);
            }
            ids.insert(table.clone(), made);
        }
        let empty: Vec<_> =
            self.tables.keys().filter(|table| !ids.contains_key(*table) && !is_left_out(table)).collect();
        assert!(empty.is_empty(), "nothing could be put into {empty:?}");
        ids
    }

    async fn insert(&self, table: &str, columns: &[Column], label: &str, ids: &Ids, id: Uuid, nth: usize) {
        let mut names = Vec::new();
        let mut values = Vec::new();
        let mut targets_seen: BTreeMap<&str, usize> = BTreeMap::new();
        for column in columns.iter().filter(|column| !column.has_default) {
            let value = if column.name == "id" {
                self.uuid(id)
            } else if let Some(target) = &column.target {
                // A second reference to the same table means another row of it.
                let seen = targets_seen.entry(target.as_str()).or_default();
                let rows = &ids[target];
                let row = rows[*seen % rows.len()];
                *seen += 1;
                // The second agent is the gateway's own: it has no board.
                if table == "agents" && nth == 1 && column.name == "board_id" {
                    "NULL".into()
                } else {
                    self.uuid(row)
                }
            } else if column.name == "scope_id" {
                let owner = if nth == 0 { "boards" } else { "organizations" };
                self.uuid(ids[owner][0])
            } else {
                self.literal(table, column, &format!("{label} {table} {} {nth}", column.name), ids)
            };
            names.push(format!("\"{}\"", column.name));
            values.push(value);
        }
        let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(","), values.join(","));
        self.db.execute_unprepared(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn literal(&self, table: &str, column: &Column, unique: &str, ids: &Ids) -> String {
        let special = SPECIAL.iter().find(|(of, name, _)| *of == table && *name == column.name);
        if let Some((_, _, value)) = special {
            return (*value).to_owned();
        }
        let kind = column.kind.as_str();
        let is = |part: &str| kind.contains(part);
        if is("uuid") {
            // A mention without a foreign key: of the task, so that it is looked for afterwards.
            self.uuid(ids.get("tasks").map_or_else(|| ids["organizations"][0], |tasks| tasks[0]))
        } else if is("bool") {
            match self.backend {
                Backend::Sqlite => "0".to_owned(),
                Backend::Postgres => "FALSE".to_owned(),
            }
        } else if is("timestamp") {
            "'2026-01-01 00:00:00'".to_owned()
        } else if is("json") {
            "'{}'".to_owned()
        } else if is("int") || is("double") {
            "1".to_owned()
        } else {
            assert!(is("text") || !column.is_required, "{table}.{} has the type {kind}", column.name);
            format!("'{unique}'")
        }
    }

    fn uuid(&self, id: Uuid) -> String {
        match self.backend {
            Backend::Sqlite => format!("X'{}'", id.simple()),
            Backend::Postgres => format!("'{id}'"),
        }
    }

    /// All rows of all tables, each as one text in which ids have 32 small hexadecimal digits.
    pub async fn rows(&self) -> Rows {
        let mut all = Rows::new();
        for (table, columns) in &self.tables {
            let shown = |column: &Column| match self.backend {
                Backend::Sqlite => format!("quote(\"{}\")", column.name),
                Backend::Postgres => format!("COALESCE(CAST(\"{}\" AS text), 'NULL')", column.name),
            };
            let cells: Vec<_> = columns.iter().map(shown).collect();
            let sql = format!("SELECT {} AS cells FROM {table}", cells.join(" || '|' || "));
            let rows = self.query(&sql).await;
            let shown = rows.iter().map(|row| normal(&text(row, "cells")));
            all.insert(table.clone(), shown.collect());
        }
        all
    }
}

/// The rows that mention any of `ids`, with their tables.
pub fn mentioning(rows: &Rows, ids: impl IntoIterator<Item = Uuid>) -> Vec<(String, String)> {
    let ids: Vec<_> = ids.into_iter().map(|id| id.simple().to_string()).collect();
    let mut found = Vec::new();
    for (table, rows) in rows {
        for row in rows.iter().filter(|row| ids.iter().any(|id| row.contains(id))) {
            found.push((table.clone(), row.clone()));
        }
    }
    found
}

fn normal(cells: &str) -> String {
    cells.to_lowercase().replace('-', "")
}

/// Numbers that no row has yet.
fn fresh() -> u128 {
    mc_model::ids::TaskId::generate().0.as_u128()
}

fn text(row: &QueryResult, column: &str) -> String {
    row.try_get("", column).unwrap_or_else(|error| panic!("{column}: {error}"))
}

fn number(row: &QueryResult, column: &str) -> i32 {
    row.try_get("", column).unwrap_or_else(|error| panic!("{column}: {error}"))
}
