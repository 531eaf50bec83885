//! Versions of what readers see: texts that differ whenever the answers differ.
//!
//! * What lists the contents of a board has as its version the place of the newest event in the log of the board that
//!   may have changed them, and the same of the organization, because tags, custom fields and accounts belong to it. One
//!   statement reads both (`content_seq`; [`mc_model::event::kind::changes_content`] says which events count: signs of
//!   life of agents do not). So every change of what such a list shows must be in one of these two logs, in the
//!   transaction that makes it; a change that belongs to several organizations, such as the end of an account, is
//!   announced in each.
//! * A single task has what it shows as its version. It does not change with its neighbours, so it can stand for "the
//!   task as I saw it" when somebody changes it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mc_model::task::{Task, TaskView};
use mc_model::{Error, ErrorKind, Result, Timestamp};
use mc_store::{self as store, WriteTx};
use serde_json::json;

use crate::Services;
use crate::access::{BoardReader, TaskReader};
use crate::parts_hash::PartsHash;

/// The form in which answers are written. Another build may write the same rows in another way; then nothing that was
/// seen before is current. Count it up together with a change of what the wire types make of unchanged rows.
const FORM: &str = concat!(env!("CARGO_PKG_VERSION"), "/1");
/// How much of the hash is kept, in bytes: two different states never meet by accident.
const KEPT: usize = 16;

/// A version, in quotation marks as clients send it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// The text with its quotation marks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What `task` shows.
    #[must_use]
    pub fn of_task(view: &TaskView) -> Self {
        let TaskView { task, depends_on, blocked_by, tags, custom_field_values } = view;
        let mut parts = Parts::of("task");
        let stamps = [task.due_at, task.in_progress_at, Some(task.created_at), Some(task.updated_at)];
        parts.add(&task.id).add(&task.board_id).add(&task.title).add_if(task.description.as_ref());
        parts.add(&task.status.as_str()).add(&task.priority).add_if(task.assigned_agent_id);
        parts.add_if(task.created_by_user_id);
        for stamp in stamps {
            parts.add_if(stamp.map(Timestamp::micros));
        }
        parts.add_all(depends_on).add_all(blocked_by);
        parts.add(&tags.len());
        for tag in tags {
            parts.add(&tag.id).add(&tag.name).add(&tag.slug).add(&tag.color);
        }
        parts.add(&serde_json::Value::Object(custom_field_values.clone()));
        parts.finish()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What goes into a version.
struct Parts(PartsHash);

impl Parts {
    fn of(what: &str) -> Self {
        let mut parts = Self(PartsHash::default());
        parts.add(&FORM).add(&what);
        parts
    }

    fn add(&mut self, part: &impl fmt::Display) -> &mut Self {
        self.0.add(part.to_string().as_bytes());
        self
    }

    fn add_if(&mut self, part: Option<impl fmt::Display>) -> &mut Self {
        match part {
            Some(part) => self.add(&"1").add(&part),
            None => self.add(&"0"),
        }
    }

    fn add_all(&mut self, parts: &[impl fmt::Display]) -> &mut Self {
        self.add(&parts.len());
        for part in parts {
            self.add(part);
        }
        self
    }

    fn finish(self) -> Version {
        let hash = self.0.finish();
        Version(format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..KEPT])))
    }
}

/// What a caller expects to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there.
    Any,
    /// One of these versions, with their quotation marks.
    OneOf(Vec<String>),
}

impl Expected {
    /// Whether `version` is one of them.
    #[must_use]
    pub fn holds(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(known) => known.contains(&version.0),
        }
    }
}

impl Services {
    /// The version of what `request`, a text that says what is asked for, is answered from the board. Read it before
    /// the answer: then a change in between makes the version too old, never the answer.
    ///
    /// # Errors
    /// 404 when the board is gone; when the database fails.
    pub async fn board_version(&self, on: &BoardReader, request: &str) -> Result<Version> {
        let heads = store::events::content_heads(self.store.reader(), on.board.id).await?;
        let (board, organization) = heads.ok_or_else(|| Error::not_found("There is no such board."))?;
        let mut parts = Parts::of("board");
        parts.add(&on.board.id).add(&board).add(&on.board.organization_id).add(&organization).add(&request);
        Ok(parts.finish())
    }

    /// The task with what belongs to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get_task(&self, on: &TaskReader) -> Result<TaskView> {
        store::tasks::view(self.store.reader(), on.task.clone()).await
    }
}

/// Refuses to change a task that is not as the caller expects it.
pub(crate) async fn check_expected(tx: &WriteTx, task: &Task, expected: Option<&Expected>) -> Result<()> {
    let Some(expected) = expected else { return Ok(()) };
    let current = Version::of_task(&store::tasks::view(tx, task.clone()).await?);
    if expected.holds(&current) {
        return Ok(());
    }
    let message = "The task has changed since you read it. Read it again, then decide anew.";
    let detail = json!({"message": message, "code": "task_changed", "current": current.as_str()});
    Err(Error::object(ErrorKind::PreconditionFailed, detail))
}

#[cfg(test)]
mod tests {
    use super::Parts;

    fn version(parts: &[&str]) -> String {
        let mut hashed = Parts::of("test");
        for part in parts {
            hashed.add(part);
        }
        hashed.finish().0
    }

    #[test]
    fn where_a_part_ends_makes_a_difference() {
        assert_ne!(version(&["ab", "c"]), version(&["a", "bc"]));
        assert_ne!(version(&["a", ""]), version(&["a"]));
        assert_eq!(version(&["a", "b"]), version(&["a", "b"]));
        let text = version(&["a"]);
        assert!(text.starts_with('"') && text.ends_with('"') && text.len() == 24, "{text}");
    }
}
