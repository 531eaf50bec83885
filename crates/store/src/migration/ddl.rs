//! The few words our tables are written in.
//!
//! A table is a value: its columns, its foreign keys with their delete rule, its indexes. Tables and columns go
//! through the SeaORM schema builder, which knows the type names of both databases; indexes are plain SQL, because
//! the builder has no partial and no expression index that reads the same on SQLite and PostgreSQL.

use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::sea_query::{
    ColumnDef, Expr, ForeignKey, ForeignKeyAction, Table as TableStatement, TableCreateStatement,
};

/// One table to create, with its indexes.
pub(super) struct Table {
    name: &'static str,
    create: TableCreateStatement,
    indexes: Vec<String>,
}

impl Table {
    /// A table without columns yet, for the few whose key is not an application-made id.
    pub(super) fn new(name: &'static str) -> Self {
        let create = TableStatement::create().table(name).take();
        Self { name, create, indexes: Vec::new() }
    }

    /// A table whose key is the uuid `id`, made by the application.
    pub(super) fn with_id(name: &'static str) -> Self {
        Self::new(name).column(ColumnDef::new("id").uuid().not_null().primary_key())
    }

    /// A column given in the builder's own words.
    pub(super) fn column(mut self, column: &mut ColumnDef) -> Self {
        self.create.col(column.take());
        self
    }

    pub(super) fn uuid(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).uuid().not_null())
    }

    pub(super) fn uuid_null(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).uuid().null())
    }

    pub(super) fn text(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).text().not_null())
    }

    pub(super) fn text_null(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).text().null())
    }

    /// Text with a default in the database; only where a spec names one.
    pub(super) fn text_default(self, name: &'static str, default: &'static str) -> Self {
        self.column(ColumnDef::new(name).text().not_null().default(default))
    }

    pub(super) fn flag(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).boolean().not_null())
    }

    /// A flag with a default in the database; only where a spec names one.
    pub(super) fn flag_default(self, name: &'static str, default: bool) -> Self {
        self.column(ColumnDef::new(name).boolean().not_null().default(default))
    }

    pub(super) fn int(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).integer().not_null())
    }

    pub(super) fn int_null(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).integer().null())
    }

    pub(super) fn bigint(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).big_integer().not_null())
    }

    pub(super) fn double(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).double().not_null())
    }

    /// JSON kept as it was written: `json`, not `jsonb`, so key order and big integers survive.
    pub(super) fn json(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).json().not_null())
    }

    pub(super) fn json_null(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).json().null())
    }

    /// A JSON object that is `{}` unless the row says otherwise; only where a spec names that default.
    pub(super) fn json_object_default(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).json().not_null().default("{}"))
    }

    /// A moment in UTC, without a time zone.
    pub(super) fn at(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).timestamp().not_null())
    }

    pub(super) fn at_null(self, name: &'static str) -> Self {
        self.column(ColumnDef::new(name).timestamp().null())
    }

    pub(super) fn created(self) -> Self {
        self.at("created_at")
    }

    pub(super) fn created_and_updated(self) -> Self {
        self.at("created_at").at("updated_at")
    }

    /// A row that exists only within its parent and is deleted with it.
    pub(super) fn owned_by(self, column: &'static str, parent: &'static str) -> Self {
        self.uuid(column).foreign_key(column, parent, ForeignKeyAction::Cascade)
    }

    /// Like [`Table::owned_by`], for a parent that a row may lack.
    pub(super) fn owned_by_null(self, column: &'static str, parent: &'static str) -> Self {
        self.uuid_null(column).foreign_key(column, parent, ForeignKeyAction::Cascade)
    }

    /// A mention of another row: it is forgotten when that row goes, and this row stays.
    pub(super) fn refers_to(self, column: &'static str, other: &'static str) -> Self {
        self.uuid_null(column).foreign_key(column, other, ForeignKeyAction::SetNull)
    }

    fn foreign_key(
        mut self,
        column: &'static str,
        parent: &'static str,
        on_delete: ForeignKeyAction,
    ) -> Self {
        let mut key = ForeignKey::create();
        key.name(format!("fk_{}_{column}", self.name))
            .from(self.name, column)
            .to(parent, "id")
            .on_delete(on_delete);
        self.create.foreign_key(&mut key);
        self
    }

    /// A condition every row meets, in SQL that reads the same on both databases.
    pub(super) fn check(mut self, condition: &'static str) -> Self {
        self.create.check(Expr::cust(condition));
        self
    }

    /// A named unique index.
    pub(super) fn unique(mut self, name: &str, columns: &[&str]) -> Self {
        self.indexes.push(format!("CREATE UNIQUE INDEX {name} ON {} ({})", self.name, columns.join(", ")));
        self
    }

    /// A named unique index over the rows that meet `condition`.
    pub(super) fn unique_where(mut self, name: &str, columns: &[&str], condition: &str) -> Self {
        self = self.unique(name, columns);
        self.restrict_last_index(condition)
    }

    /// An index, named after its table and terms. A term is a column, an expression, or either with ` DESC`.
    pub(super) fn index(self, terms: &[&str]) -> Self {
        let name = index_name(self.name, terms);
        self.named_index(&name, terms)
    }

    /// A named index over the rows that meet `condition`.
    ///
    /// A query uses it only if the planner sees the condition in the query's text: `IS NULL` and comparisons of the
    /// indexed column imply `IS NOT NULL`, but a bound parameter proves nothing about a literal.
    pub(super) fn index_where(self, name: &str, terms: &[&str], condition: &str) -> Self {
        self.named_index(name, terms).restrict_last_index(condition)
    }

    /// An index on a column that is mostly null: it costs nothing for the rows without a value.
    pub(super) fn sparse_index(self, column: &'static str) -> Self {
        self.index(&[column]).restrict_last_index(&format!("{column} IS NOT NULL"))
    }

    fn named_index(mut self, name: &str, terms: &[&str]) -> Self {
        self.indexes.push(format!("CREATE INDEX {name} ON {} ({})", self.name, terms.join(", ")));
        self
    }

    fn restrict_last_index(mut self, condition: &str) -> Self {
        if let Some(index) = self.indexes.last_mut() {
            index.push_str(" WHERE ");
            index.push_str(condition);
        }
        self
    }

    /// Creates the table and then its indexes.
    pub(super) async fn create(self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        manager.create_table(self.create).await?;
        for index in self.indexes {
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }
}

/// `ix_<table>_<terms>`: letters, digits and underscores only.
fn index_name(table: &str, terms: &[&str]) -> String {
    let mut name = format!("ix_{table}");
    for term in terms {
        name.push('_');
        let bare = term.trim_end_matches(" DESC");
        name.extend(bare.chars().filter_map(|c| match c {
            '(' => Some('_'),
            ')' => None,
            other => Some(other),
        }));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::index_name;

    #[test]
    fn index_name_drops_direction_and_brackets() {
        assert_eq!(
            index_name("boards", &["organization_id", "lower(name)", "created_at DESC"]),
            "ix_boards_organization_id_lower_name_created_at"
        );
    }
}
