//! Fields that an organization adds to the tasks of its boards (tasks spec §5.2, §5.3).

mod change;
mod dates;
mod pattern;
mod value;

pub use change::{CustomFieldPatch, NewCustomField, ValueCheck};
pub use pattern::Pattern;
pub use value::{check_value, effective_values, merge_values};

use serde_json::Value;

use crate::clock::Timestamp;
use crate::ids::{BoardId, CustomFieldId, OrganizationId};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// One line.
    Text,
    /// Several lines.
    TextLong,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// Yes or no.
    Boolean,
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// An http or https address.
    Url,
    /// An object or a list.
    Json,
}

impl FieldType {
    /// All types, in the order of the contract.
    pub const ALL: [Self; 9] = [
        Self::Text,
        Self::TextLong,
        Self::Integer,
        Self::Decimal,
        Self::Boolean,
        Self::Date,
        Self::DateTime,
        Self::Url,
        Self::Json,
    ];

    /// The stored and shown name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextLong => "text_long",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::DateTime => "date_time",
            Self::Url => "url",
            Self::Json => "json",
        }
    }

    /// The type with this name or alias, whatever its case and surrounding blanks.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        match name.as_str() {
            "text (long)" | "long_text" => Some(Self::TextLong),
            "true/false" => Some(Self::Boolean),
            "date & time" | "datetime" => Some(Self::DateTime),
            name => Self::ALL.into_iter().find(|kind| kind.as_str() == name),
        }
    }

    /// Whether a pattern may narrow the type.
    #[must_use]
    pub fn takes_pattern(self) -> bool {
        matches!(self, Self::Text | Self::TextLong | Self::Date | Self::DateTime | Self::Url)
    }
}

/// When a client shows a field. The API never hides one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Always.
    Always,
    /// When it has a value.
    IfSet,
    /// Never.
    Hidden,
}

impl Visibility {
    /// All, in the order of the contract.
    pub const ALL: [Self; 3] = [Self::Always, Self::IfSet, Self::Hidden];

    /// The stored and shown name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::IfSet => "if_set",
            Self::Hidden => "hidden",
        }
    }

    /// The visibility with this name or alias, whatever its case and surrounding blanks.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        match name.as_str() {
            "if set" => Some(Self::IfSet),
            name => Self::ALL.into_iter().find(|one| one.as_str() == name),
        }
    }
}

/// The definition of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomField {
    /// Identifier.
    pub id: CustomFieldId,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Name in `custom_field_values`; unique in the organization, never changes.
    pub key: String,
    /// Name for people.
    pub label: String,
    /// What it holds.
    pub field_type: FieldType,
    /// When a client shows it.
    pub visibility: Visibility,
    /// What a text must match as a whole.
    pub pattern: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Whether a task must have a value.
    pub required: bool,
    /// The value of tasks that have none; null for none.
    pub default: Value,
    /// The boards it is bound to.
    pub board_ids: Vec<BoardId>,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

impl CustomField {
    /// Checks that type, pattern and default fit together.
    ///
    /// # Errors
    /// One sentence with the reason.
    pub fn check(&self) -> Result<(), String> {
        if let Some(pattern) = &self.pattern {
            if !self.field_type.takes_pattern() {
                return Err(format!(
                    "A field of type {} takes no validation_regex.",
                    self.field_type.as_str()
                ));
            }
            Pattern::compile(pattern)?;
        }
        check_value(self, &self.default).map_err(|reason| format!("default_value: {reason}"))
    }
}
