//! What is compared: a schema as plain values, and as text to read.

use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug)]
pub struct Schema {
    pub tables: BTreeMap<String, Table>,
}

impl Schema {
    /// The tables with the types SQLite cannot tell apart made equal.
    pub fn coarse(mut self) -> BTreeMap<String, Table> {
        for column in self.tables.values_mut().flat_map(|table| &mut table.columns) {
            if column.kind == "bigint" {
                column.kind = "integer".to_owned();
            }
        }
        self.tables
    }
}

#[derive(Debug, Default)]
pub struct Table {
    /// In the order they were made.
    pub columns: Vec<Column>,
    /// How many `CHECK` constraints there are: each database rewrites their text in its own way.
    pub checks: usize,
    /// Sorted by column.
    pub foreign_keys: Vec<ForeignKey>,
    /// Sorted by name; without the primary key.
    pub indexes: Vec<Index>,
}

#[derive(Debug)]
pub struct Column {
    pub name: String,
    /// `uuid`, `text`, `timestamp`, `boolean`, `integer`, `bigint`, `double` or `json`.
    pub kind: String,
    pub nullable: bool,
    pub primary: bool,
    pub generated: bool,
    pub default: Option<String>,
}

#[derive(Debug)]
pub struct ForeignKey {
    pub column: String,
    pub target: String,
    /// `CASCADE` or `SET NULL`.
    pub on_delete: String,
}

#[derive(Debug)]
pub struct Index {
    pub name: String,
    pub unique: bool,
    /// Columns or expressions, with ` DESC` where the order is descending.
    pub terms: Vec<String>,
    pub condition: Option<String>,
}

impl Index {
    /// Whether the rows with a given value of `column` are found with this index.
    pub fn finds(&self, column: &str) -> bool {
        let covers_values =
            self.condition.as_ref().is_none_or(|condition| *condition == format!("{column} IS NOT NULL"));
        covers_values && self.terms.first().is_some_and(|term| term == column)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, table) in &self.tables {
            writeln!(f, "{name}\n{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for column in &self.columns {
            writeln!(f, "  {column}")?;
        }
        if self.checks > 0 {
            writeln!(f, "  checks: {}", self.checks)?;
        }
        for key in &self.foreign_keys {
            writeln!(f, "  {} -> {} on delete {}", key.column, key.target, key.on_delete)?;
        }
        for index in &self.indexes {
            writeln!(f, "  {index}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)?;
        f.write_str(if self.nullable { " null" } else { "" })?;
        f.write_str(if self.primary { " primary key" } else { "" })?;
        f.write_str(if self.generated { " generated" } else { "" })?;
        self.default.as_ref().map_or(Ok(()), |default| write!(f, " default {default}"))
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.unique { "unique" } else { "index" };
        write!(f, "{kind} {} ({})", self.name, self.terms.join(", "))?;
        self.condition.as_ref().map_or(Ok(()), |condition| write!(f, " where {condition}"))
    }
}
