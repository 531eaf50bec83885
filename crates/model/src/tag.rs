//! Labels for tasks (tasks spec §5.1).

use crate::clock::Timestamp;
use crate::ids::{OrganizationId, TagId};

/// The color of a tag that says none.
pub const DEFAULT_COLOR: &str = "9e9e9e";

/// A tag of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Identifier.
    pub id: TagId,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Name; not unique.
    pub name: String,
    /// Unique in the organization.
    pub slug: String,
    /// Six lower-case hexadecimal digits.
    pub color: String,
    /// Description.
    pub description: Option<String>,
    /// How many tasks carry it.
    pub task_count: i64,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// A tag to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTag {
    /// Name, trimmed.
    pub name: String,
    /// The wanted slug; blank or none takes the name.
    pub slug: Option<String>,
    /// A color as [`color`] gives it.
    pub color: String,
    /// Description.
    pub description: Option<String>,
}

/// Changes to a tag: outer `None` leaves a field, inner `None` is null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagPatch {
    /// New name, trimmed.
    pub name: Option<String>,
    /// New slug; blank or null makes it anew from the name.
    pub slug: Option<Option<String>>,
    /// New color.
    pub color: Option<String>,
    /// New description; null clears it.
    pub description: Option<Option<String>>,
}

impl TagPatch {
    /// Whether no field was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The tag with the changes applied at `now`. A new name alone keeps the slug.
    #[must_use]
    pub fn apply(self, mut tag: Tag, now: Timestamp) -> Tag {
        if let Some(name) = self.name {
            tag.name = name;
        }
        if let Some(wanted) = self.slug {
            tag.slug = slug(wanted.as_deref(), &tag.name);
        }
        if let Some(color) = self.color {
            tag.color = color;
        }
        if let Some(description) = self.description {
            tag.description = description;
        }
        tag.updated_at = now;
        tag
    }
}

/// The slug: of `wanted` unless that is blank, else of `name`. Lower case; runs of anything but ASCII letters and
/// digits become `-`; nothing left becomes `tag`.
#[must_use]
pub fn slug(wanted: Option<&str>, name: &str) -> String {
    let source = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()).unwrap_or(name);
    let lower = source.to_lowercase();
    let words: Vec<_> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "tag".to_owned() } else { words.join("-") }
}

/// Reads a color: trimmed, lower case, without leading `#`, six hexadecimal digits.
#[must_use]
pub fn color(text: &str) -> Option<String> {
    let digits = text.trim().trim_start_matches('#').to_ascii_lowercase();
    let is_color = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_color.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_follow_the_table() {
        for (name, expected) in [
            ("  Bug Fix!! ", "bug-fix"),
            ("日本", "tag"),
            (" Ünï code ", "n-code"),
            ("a__b", "a-b"),
            ("", "tag"),
        ] {
            assert_eq!(slug(None, name), expected, "{name:?}");
            assert_eq!(slug(Some("  "), name), expected, "{name:?}");
        }
        assert_eq!(slug(Some("My Slug"), "name"), "my-slug");
    }

    #[test]
    fn colors_are_six_hexadecimal_digits() {
        assert_eq!(color(" ##FFaa00 ").as_deref(), Some("ffaa00"));
        for wrong in ["", "fff", "ggghhh", "ff00ff0"] {
            assert_eq!(color(wrong), None, "{wrong:?}");
        }
    }
}
