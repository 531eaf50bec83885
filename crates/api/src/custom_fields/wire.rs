//! Definitions of custom fields on the wire.

use deserr::{Deserr, IntoValue, Map as _, ValuePointerRef};
use mc_model::custom_field::{CustomField, CustomFieldPatch, FieldType, NewCustomField, Visibility};
use mc_model::ids::BoardId;
use mc_model::task::without_repeats;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

use crate::decode::{
    AnyJson, Field, Flag, List, NonNull, Patch, Problems, Rules, Text, TrimmedText, input, to_schema,
};
use crate::wire::Moment;

/// The longest key, in characters.
const MAX_KEY: usize = 200;
/// The longest label, in characters.
const MAX_LABEL: usize = 200;
/// The longest pattern as sent, in characters.
const MAX_PATTERN: usize = 1_000;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 20_000;
/// The largest default, in bytes of JSON.
const MAX_DEFAULT: usize = 20_000;
/// The most boards a field is bound to.
const MAX_BOARDS: usize = 1_000;

/// A custom field.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "TaskCustomFieldDefinitionRead")]
pub(super) struct TaskCustomFieldDefinitionRead {
    /// Its name in `custom_field_values`; unique in the organization, never changes.
    field_key: String,
    /// Its name for people.
    label: String,
    /// What it holds.
    #[schema(schema_with = field_type_schema, required = true)]
    field_type: &'static str,
    /// When a client shows it. The API never hides a value.
    #[schema(schema_with = visibility_schema, required = true)]
    ui_visibility: &'static str,
    /// What a text must match as a whole.
    validation_regex: Option<String>,
    /// Description.
    description: Option<String>,
    /// Whether a task must have a value.
    #[schema(required = false, default = false)]
    required: bool,
    /// The value of tasks that have none.
    #[schema(schema_with = default_value_schema, required = false)]
    default_value: Value,
    /// Identifier.
    id: Uuid,
    /// The organization.
    organization_id: Uuid,
    /// The boards it is bound to.
    #[schema(required = false)]
    board_ids: Vec<Uuid>,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
}

fn field_type_schema() -> RefOr<Schema> {
    described(FieldType::shape(), "What it holds.")
}

fn visibility_schema() -> RefOr<Schema> {
    described(Visibility::shape(), "When a client shows it. The API never hides a value.")
}

fn default_value_schema() -> RefOr<Schema> {
    described(Option::<AnyJson>::shape(), "The value of tasks that have none.")
}

fn described(mut shape: Value, description: &str) -> RefOr<Schema> {
    shape["description"] = description.into();
    to_schema(&shape)
}

impl From<CustomField> for TaskCustomFieldDefinitionRead {
    fn from(field: CustomField) -> Self {
        Self {
            field_key: field.key,
            label: field.label,
            field_type: field.field_type.as_str(),
            ui_visibility: field.visibility.as_str(),
            validation_regex: field.pattern,
            description: field.description,
            required: field.required,
            default_value: field.default,
            id: field.id.into(),
            organization_id: field.organization_id.into(),
            board_ids: field.board_ids.into_iter().map(Uuid::from).collect(),
            created_at: field.created_at.into(),
            updated_at: field.updated_at.into(),
        }
    }
}

input! {
    /// A custom field to be defined.
    pub(super) struct TaskCustomFieldDefinitionCreate [check = check_create] {
        /// Its name in `custom_field_values`; it can never change.
        pub field_key: TrimmedText<MAX_KEY>,
        /// Its name for people; without it the key.
        pub label: Option<TrimmedText<MAX_LABEL>>,
        /// What it holds.
        pub field_type: FieldType = FieldType::Text,
        /// When a client shows it.
        pub ui_visibility: Visibility = Visibility::Always,
        /// What a text must match as a whole; for text, text_long, date, date_time and url.
        pub validation_regex: Option<Text<MAX_PATTERN>>,
        /// Description.
        pub description: Option<Text<MAX_DESCRIPTION>>,
        /// Whether a task must have a value.
        pub required: Flag = Flag(false),
        /// The value of tasks that have none.
        pub default_value: Option<AnyJson>,
        /// The boards whose tasks get it.
        pub board_ids: List<BoardId, 1, MAX_BOARDS>,
    }
}

fn check_create(create: &TaskCustomFieldDefinitionCreate, rules: &mut Rules<'_>) {
    check_default(create.default_value.as_ref(), rules);
}

fn check_default(value: Option<&AnyJson>, rules: &mut Rules<'_>) {
    if value.is_some_and(|value| value.0.to_string().len() > MAX_DEFAULT) {
        rules.field("default_value", "default_value must not be longer than 20000 bytes of JSON");
    }
}

/// A blank pattern is none.
fn pattern(text: Text<MAX_PATTERN>) -> Option<String> {
    let text = text.0.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl From<TaskCustomFieldDefinitionCreate> for NewCustomField {
    fn from(create: TaskCustomFieldDefinitionCreate) -> Self {
        Self {
            key: create.field_key.0,
            label: create.label.map(|text| text.0),
            field_type: create.field_type,
            visibility: create.ui_visibility,
            pattern: create.validation_regex.and_then(pattern),
            description: create.description.map(|text| text.0),
            required: create.required.0,
            default: create.default_value.map_or(Value::Null, |value| value.0),
            board_ids: without_repeats(create.board_ids.0),
        }
    }
}

input! {
    /// Changes to a custom field. A field that is left out stays; the key never changes.
    pub(super) struct TaskCustomFieldDefinitionUpdate [check = check_update] {
        /// New name for people.
        pub label: NonNull<TrimmedText<MAX_LABEL>>,
        /// New type. Values that tasks have must fit it.
        pub field_type: NonNull<FieldType>,
        /// New visibility.
        pub ui_visibility: NonNull<Visibility>,
        /// New pattern; null clears it. Values that tasks have must fit it.
        pub validation_regex: Patch<Text<MAX_PATTERN>>,
        /// New description; null clears it.
        pub description: Patch<Text<MAX_DESCRIPTION>>,
        /// Whether a task must have a value from now on.
        pub required: NonNull<Flag>,
        /// New default; null clears it.
        pub default_value: Patch<AnyJson>,
        /// The boards whose tasks have it, and no others; null leaves them.
        pub board_ids: Patch<List<BoardId, 0, MAX_BOARDS>>,
    }
}

fn check_update(update: &TaskCustomFieldDefinitionUpdate, rules: &mut Rules<'_>) {
    let is_empty = update.label.0.is_none()
        && update.field_type.0.is_none()
        && update.ui_visibility.0.is_none()
        && !update.validation_regex.is_present()
        && !update.description.is_present()
        && update.required.0.is_none()
        && !update.default_value.is_present()
        && !update.board_ids.is_present();
    if is_empty {
        rules.whole("at least one field must be sent");
    }
    if matches!(&update.board_ids, Patch::Value(boards) if boards.0.is_empty()) {
        rules.field("board_ids", "board_ids must name at least one board");
    }
    if let Patch::Value(value) = &update.default_value {
        check_default(Some(value), rules);
    }
}

impl From<TaskCustomFieldDefinitionUpdate> for CustomFieldPatch {
    fn from(update: TaskCustomFieldDefinitionUpdate) -> Self {
        let default = update.default_value.change();
        Self {
            label: update.label.0.map(|text| text.0),
            field_type: update.field_type.0,
            visibility: update.ui_visibility.0,
            pattern: update.validation_regex.change().map(|text| text.and_then(pattern)),
            description: update.description.map(|text| text.0).change(),
            required: update.required.0.map(|flag| flag.0),
            default: default.map(|value| value.map_or(Value::Null, |value| value.0)),
            board_ids: update.board_ids.value().map(|boards| without_repeats(boards.0)),
        }
    }
}

/// [`TaskCustomFieldDefinitionUpdate`] from a body that does not name the key, which the document leaves out because
/// it cannot change.
#[derive(Debug)]
pub(super) struct KeylessUpdate(pub TaskCustomFieldDefinitionUpdate);

impl Deserr<Problems> for KeylessUpdate {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        const KEY: &str = "field_key";
        let deserr::Value::Map(mut fields) = value else {
            return TaskCustomFieldDefinitionUpdate::deserialize_from_value(value, at).map(Self);
        };
        let key = fields.remove(KEY).map(|_| Problems::rule(at.push_key(KEY), "field_key cannot be changed"));
        // That nothing else was sent needs no sentence of its own.
        let is_rest_empty = fields.len() == 0;
        let rest = deserr::Value::<V>::Map(fields);
        match (key, TaskCustomFieldDefinitionUpdate::deserialize_from_value(rest, at)) {
            (None, update) => update.map(Self),
            (Some(mut problems), Err(found)) if !is_rest_empty => {
                problems.add(found);
                Err(problems)
            }
            (Some(problems), _) => Err(problems),
        }
    }
}
