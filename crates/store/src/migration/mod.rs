//! The schema, as one ordered set of migrations that is the same for SQLite and PostgreSQL.
//!
//! Conventions (house style §5): ids are made by the application; moments are UTC without a time zone; no column has
//! a default in the database unless a spec names one; an owner's rows go with it (`CASCADE`) and a mention of a
//! deleted row becomes null (`SET NULL`); every foreign key leads an index; every list has an index in its order,
//! with `id` as the tie-break. After the first release a migration that has shipped is never edited.

mod ddl;
mod m0001_identity;
mod m0002_boards;
mod m0003_agents;
mod m0004_tasks;
mod m0005_governance;
mod m0006_activity;
mod m0007_webhooks;
mod m0008_skills;
mod m0009_onboarding;
mod m0010_log;
mod m0011_tokens;

use std::hash::{DefaultHasher, Hash, Hasher};

use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

use ddl::Table;

/// The key of the PostgreSQL advisory lock under which migrations run. Any number does; it spells `mcmigrat`.
const ADVISORY_LOCK: i64 = i64::from_be_bytes(*b"mcmigrat");

/// The text of every file the schema is made from; see [`fingerprint`].
const SOURCES: [&str; 12] = [
    include_str!("ddl.rs"),
    include_str!("m0001_identity.rs"),
    include_str!("m0002_boards.rs"),
    include_str!("m0003_agents.rs"),
    include_str!("m0004_tasks.rs"),
    include_str!("m0005_governance.rs"),
    include_str!("m0006_activity.rs"),
    include_str!("m0007_webhooks.rs"),
    include_str!("m0008_skills.rs"),
    include_str!("m0009_onboarding.rs"),
    include_str!("m0010_log.rs"),
    include_str!("m0011_tokens.rs"),
];

/// All migrations, in the order they apply.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(CreateTables::new("m0001_identity", m0001_identity::tables)),
            Box::new(CreateTables::new("m0002_boards", m0002_boards::tables)),
            Box::new(CreateTables::new("m0003_agents", m0003_agents::tables)),
            Box::new(CreateTables::new("m0004_tasks", m0004_tasks::tables)),
            Box::new(CreateTables::new("m0005_governance", m0005_governance::tables)),
            Box::new(CreateTables::new("m0006_activity", m0006_activity::tables)),
            Box::new(CreateTables::new("m0007_webhooks", m0007_webhooks::tables)),
            Box::new(CreateTables::new("m0008_skills", m0008_skills::tables)),
            Box::new(CreateTables::new("m0009_onboarding", m0009_onboarding::tables)),
            Box::new(CreateTables::new("m0010_log", m0010_log::tables)),
            Box::new(CreateTables::new("m0011_tokens", m0011_tokens::tables)),
        ]
    }
}

/// A migration that only creates tables.
struct CreateTables {
    name: &'static str,
    tables: fn() -> Vec<Table>,
}

impl CreateTables {
    fn new(name: &'static str, tables: fn() -> Vec<Table>) -> Self {
        Self { name, tables }
    }
}

impl MigrationName for CreateTables {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait]
impl MigrationTrait for CreateTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in (self.tables)() {
            table.create(manager).await?;
        }
        Ok(())
    }
}

/// Brings the database to the newest schema, or leaves it as it was.
///
/// Several servers may start at once on one database, so the whole run is one transaction that first takes the
/// write side for itself: an advisory lock on PostgreSQL, `BEGIN IMMEDIATE` on SQLite. Whoever comes second waits,
/// then finds nothing to do.
///
/// # Errors
/// What the database says, and an error if it holds a migration this program does not know (a newer server has
/// used it).
pub async fn run(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = begin_exclusive(db).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}

async fn begin_exclusive(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        let transaction = db.begin().await?;
        let lock = format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})");
        transaction.execute_unprepared(&lock).await?;
        return Ok(transaction);
    }
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    db.begin_with_options(options).await
}

/// How many migrations the database still lacks; changes nothing in it.
///
/// # Errors
/// As [`run`].
pub async fn pending(db: &DatabaseConnection) -> Result<usize, DbErr> {
    let pending = Migrator::get_pending_migrations_read_only(db).await?;
    Ok(pending.len())
}

/// Sixteen hexadecimal digits that change whenever a migration does, also one that has not shipped yet: the name
/// under which tests keep a migrated template database.
#[must_use]
pub fn fingerprint() -> String {
    let mut hasher = DefaultHasher::new();
    SOURCES.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_covers_every_file_of_the_set() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/migration");
        for entry in std::fs::read_dir(folder).expect("the sources are there when tests run") {
            let path = entry.expect("the folder can be listed").path();
            if path.ends_with("mod.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source file is text");
            assert!(SOURCES.contains(&text.as_str()), "{} is not in SOURCES", path.display());
        }
    }

    #[test]
    fn migrations_are_numbered_in_order() {
        let names: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
        for (index, name) in names.iter().enumerate() {
            assert!(name.starts_with(&format!("m{:04}_", index + 1)), "{name} is out of order");
        }
    }
}
