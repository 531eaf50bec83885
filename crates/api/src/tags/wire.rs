//! Tags on the wire.

use deserr::{Deserr, IntoValue, ValuePointerRef};
use mc_model::tag::{DEFAULT_COLOR, NewTag, Tag, TagPatch, color};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::decode::{Field, NonNull, Patch, Problems, Rules, Text, TrimmedText, input};
use crate::page::Page;
use crate::wire::Moment;

/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// The longest wanted slug, in characters.
const MAX_SLUG: usize = 200;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 20_000;
/// The longest color as sent, in characters: room for blanks and `#` around six digits.
const MAX_COLOR: usize = 100;

/// A page of tags.
pub(super) type TagPage = Page<TagRead>;

/// A tag.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "TagRead")]
pub(super) struct TagRead {
    /// Name; several tags may have the same.
    name: String,
    /// Unique in the organization.
    slug: String,
    /// Six lower-case hexadecimal digits.
    #[schema(required = false, default = "9e9e9e")]
    color: String,
    /// Description.
    description: Option<String>,
    /// Identifier.
    id: Uuid,
    /// The organization.
    organization_id: Uuid,
    /// How many tasks have it.
    #[schema(required = false, default = 0)]
    task_count: i64,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
    /// Time of the last change.
    #[schema(inline)]
    updated_at: Moment,
}

impl From<Tag> for TagRead {
    fn from(tag: Tag) -> Self {
        Self {
            name: tag.name,
            slug: tag.slug,
            color: tag.color,
            description: tag.description,
            id: tag.id.into(),
            organization_id: tag.organization_id.into(),
            task_count: tag.task_count,
            created_at: tag.created_at.into(),
            updated_at: tag.updated_at.into(),
        }
    }
}

/// Six hexadecimal digits, in whatever case, with blanks and `#` before them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Color(String);

impl Deserr<Problems> for Color {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let text = Text::<MAX_COLOR>::deserialize_from_value(value, at)?;
        let read = color(&text).map(Self);
        read.ok_or_else(|| Problems::rule(at, "color must be 6 hexadecimal digits such as ff8800"))
    }
}

impl Field for Color {
    fn shape() -> Value {
        json!({ "type": "string" })
    }

    fn shown(&self) -> Option<Value> {
        Some(self.0.as_str().into())
    }
}

input! {
    /// A tag to be made.
    pub(super) struct TagCreate {
        /// Name.
        pub name: TrimmedText<MAX_NAME>,
        /// The wanted slug, which is brought into form; without it the name is used.
        pub slug: Option<Text<MAX_SLUG>>,
        /// Six hexadecimal digits.
        pub color: Color = Color(DEFAULT_COLOR.to_owned()),
        /// Description.
        pub description: Option<Text<MAX_DESCRIPTION>>,
    }
}

impl From<TagCreate> for NewTag {
    fn from(create: TagCreate) -> Self {
        Self {
            name: create.name.0,
            slug: create.slug.map(|text| text.0),
            color: create.color.0,
            description: create.description.map(|text| text.0),
        }
    }
}

input! {
    /// Changes to a tag. A field that is left out stays.
    pub(super) struct TagUpdate [check = check_update] {
        /// New name. The slug stays.
        pub name: NonNull<TrimmedText<MAX_NAME>>,
        /// New slug; blank or null makes it anew from the name.
        pub slug: Patch<Text<MAX_SLUG>>,
        /// New color.
        pub color: NonNull<Color>,
        /// New description; null clears it.
        pub description: Patch<Text<MAX_DESCRIPTION>>,
    }
}

fn check_update(update: &TagUpdate, rules: &mut Rules<'_>) {
    let has_value = update.name.0.is_some() || update.color.0.is_some();
    if !has_value && !update.slug.is_present() && !update.description.is_present() {
        rules.whole("at least one of name, slug, color and description must be sent");
    }
}

impl From<TagUpdate> for TagPatch {
    fn from(update: TagUpdate) -> Self {
        Self {
            name: update.name.0.map(|text| text.0),
            slug: update.slug.map(|text| text.0).change(),
            color: update.color.0.map(|color| color.0),
            description: update.description.map(|text| text.0).change(),
        }
    }
}
