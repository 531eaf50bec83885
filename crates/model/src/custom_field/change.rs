//! Making and changing the definition of a field.

use serde_json::Value;

use super::{CustomField, FieldType, Pattern, Visibility, check_value};
use crate::clock::Timestamp;
use crate::ids::{BoardId, CustomFieldId, OrganizationId};

/// A field to be defined.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCustomField {
    /// Name in `custom_field_values`, trimmed.
    pub key: String,
    /// Name for people; none takes the key.
    pub label: Option<String>,
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
    /// The boards to bind it to, each once.
    pub board_ids: Vec<BoardId>,
}

impl NewCustomField {
    /// The field as it is at `now`, with an id of its own.
    #[must_use]
    pub fn define(self, organization_id: OrganizationId, now: Timestamp) -> CustomField {
        CustomField {
            id: CustomFieldId::generate(),
            organization_id,
            label: self.label.unwrap_or_else(|| self.key.clone()),
            key: self.key,
            field_type: self.field_type,
            visibility: self.visibility,
            pattern: self.pattern,
            description: self.description,
            required: self.required,
            default: self.default,
            board_ids: self.board_ids,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Changes to a definition: outer `None` leaves a part, inner `None` is null. The key never changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomFieldPatch {
    /// New name for people.
    pub label: Option<String>,
    /// New type.
    pub field_type: Option<FieldType>,
    /// New visibility.
    pub visibility: Option<Visibility>,
    /// New pattern; null clears it.
    pub pattern: Option<Option<String>>,
    /// New description; null clears it.
    pub description: Option<Option<String>>,
    /// Whether a task must have a value from now on.
    pub required: Option<bool>,
    /// New default; null clears it.
    pub default: Option<Value>,
    /// The boards it shall be bound to, and no others; each once.
    pub board_ids: Option<Vec<BoardId>>,
}

impl CustomFieldPatch {
    /// The field with the changes applied at `now`.
    #[must_use]
    pub fn apply(self, mut field: CustomField, now: Timestamp) -> CustomField {
        field.label = self.label.unwrap_or(field.label);
        field.field_type = self.field_type.unwrap_or(field.field_type);
        field.visibility = self.visibility.unwrap_or(field.visibility);
        field.pattern = self.pattern.unwrap_or(field.pattern);
        field.description = self.description.unwrap_or(field.description);
        field.required = self.required.unwrap_or(field.required);
        field.default = self.default.unwrap_or(field.default);
        field.board_ids = self.board_ids.unwrap_or(field.board_ids);
        field.updated_at = now;
        field
    }
}

impl CustomField {
    /// Whether a value that fits `before` may not fit this definition.
    #[must_use]
    pub fn may_refuse_values_of(&self, before: &Self) -> bool {
        self.field_type != before.field_type || (self.pattern.is_some() && self.pattern != before.pattern)
    }

    /// Whether this definition leaves tasks without a required value that `before` did not leave so.
    #[must_use]
    pub fn may_leave_unset(&self, before: &Self) -> bool {
        let asks = |field: &Self| field.required && field.default.is_null();
        let is_bound_further = self.board_ids.iter().any(|board| !before.board_ids.contains(board));
        asks(self) && (!asks(before) || is_bound_further)
    }
}

/// A definition against which many values are checked.
pub struct ValueCheck {
    /// The definition without its pattern, which is compiled once.
    plain: CustomField,
    pattern: Option<Pattern>,
}

impl ValueCheck {
    /// Prepares the check.
    ///
    /// # Errors
    /// One sentence, when the pattern does not compile.
    pub fn new(field: &CustomField) -> Result<Self, String> {
        let pattern = field.pattern.as_deref().map(Pattern::compile).transpose()?;
        Ok(Self { plain: CustomField { pattern: None, ..field.clone() }, pattern })
    }

    /// Whether the value would be accepted. Null always is; a text that takes the pattern too many steps is not.
    #[must_use]
    pub fn fits(&self, value: &Value) -> bool {
        let matches = match (&self.pattern, value.as_str()) {
            (Some(pattern), Some(text)) => pattern.matches(text).unwrap_or(false),
            _ => true,
        };
        matches && check_value(&self.plain, value).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(field_type: FieldType, pattern: Option<&str>) -> CustomField {
        let new = NewCustomField {
            key: "k".to_owned(),
            label: None,
            field_type,
            visibility: Visibility::Always,
            pattern: pattern.map(str::to_owned),
            description: None,
            required: false,
            default: Value::Null,
            board_ids: Vec::new(),
        };
        new.define(OrganizationId::generate(), Timestamp::from_micros(0).expect("1970"))
    }

    #[test]
    fn a_label_that_is_not_given_is_the_key() {
        assert_eq!(field(FieldType::Text, None).label, "k");
    }

    #[test]
    fn checks_agree_with_single_values() {
        let patterned = field(FieldType::Text, Some("[A-Z]+"));
        let check = ValueCheck::new(&patterned).expect("a pattern");
        for value in [json!("ABC"), json!("abc"), json!(1), json!(null), json!("")] {
            assert_eq!(check.fits(&value), check_value(&patterned, &value).is_ok(), "{value}");
        }
        assert!(ValueCheck::new(&field(FieldType::Text, Some("("))).is_err());
    }

    #[test]
    fn only_a_tighter_definition_asks_for_stored_values() {
        let (text, patterned) = (field(FieldType::Text, None), field(FieldType::Text, Some("a+")));
        assert!(patterned.may_refuse_values_of(&text));
        assert!(!text.may_refuse_values_of(&patterned), "a pattern less refuses nothing");
        assert!(field(FieldType::Integer, None).may_refuse_values_of(&text));
        assert!(!CustomField { required: true, ..text.clone() }.may_refuse_values_of(&text));
    }

    #[test]
    fn tasks_are_left_unset_by_required_default_and_boards() {
        let free = field(FieldType::Text, None);
        let asking = CustomField { required: true, ..free.clone() };
        let with_default = CustomField { default: json!("x"), ..asking.clone() };
        let further = CustomField { board_ids: vec![BoardId::generate()], ..asking.clone() };
        for (after, before, expected) in [
            (&asking, &free, true),
            (&asking, &with_default, true),
            (&further, &asking, true),
            (&asking, &asking, false),
            (&asking, &further, false),
            (&with_default, &free, false),
        ] {
            assert_eq!(after.may_leave_unset(before), expected, "{after:?} after {before:?}");
        }
    }
}
