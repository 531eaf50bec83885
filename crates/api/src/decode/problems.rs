//! The error of decoding: every fault of an input at once, located, explained, and with secrets left out.

use std::borrow::Cow;
use std::ops::ControlFlow;

use deserr::{DeserializeError, ErrorKind, IntoValue, MergeWithError, Value, ValueKind, ValuePointerRef};
use mc_model::error::Problem;
use serde_json::{Value as Json, json};

/// How many problems one answer lists; a body of a million wrong items must not become a huge answer.
pub const MAX_PROBLEMS: usize = 100;

/// The largest `input` that is sent back, in bytes of an estimate; a larger one is replaced by a remark.
const MAX_ECHO: usize = 32 * 1024;

/// One step from a value to a value inside it.
#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// What stands in place of a value that must not be repeated.
const REDACTED: &str = "[redacted]";

/// What stands in place of a value that is too large to repeat.
const TOO_LARGE: &str = "[too large to repeat]";

/// Everything that is wrong with one input.
///
/// Faults carry their place, not the value found there: [`Problems::located`] looks the values up in the input at
/// the end, so that decoding a good input copies nothing for errors that never happen.
#[derive(Debug, Default)]
pub struct Problems {
    faults: Vec<Fault>,
}

#[derive(Debug)]
struct Fault {
    code: &'static str,
    path: Vec<Step>,
    msg: Cow<'static, str>,
    ctx: Option<Json>,
    /// The path ends with a field that is not there: the input to show is what should have had it.
    absent: bool,
}

impl Problems {
    /// No problem yet.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One problem with a code of platform spec §3 and a sentence.
    #[must_use]
    pub fn one(code: &'static str, at: ValuePointerRef<'_>, msg: impl Into<Cow<'static, str>>) -> Self {
        let fault = Fault { code, path: steps(at), msg: msg.into(), ctx: None, absent: false };
        Self { faults: vec![fault] }
    }

    /// The same with `ctx` for the (only) problem.
    #[must_use]
    pub fn with(mut self, ctx: Json) -> Self {
        if let Some(fault) = self.faults.last_mut() {
            fault.ctx = Some(ctx);
        }
        self
    }

    /// A broken rule of ours (`value_error`).
    #[must_use]
    pub fn rule(at: ValuePointerRef<'_>, reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        Self::one("value_error", at, format!("Value error, {reason}")).with(json!({ "error": reason }))
    }

    /// A required field that is not there.
    #[must_use]
    pub fn missing(at: ValuePointerRef<'_>, field: &str) -> Self {
        let mut problems = Self::one("missing", at.push_key(field), "Field required");
        problems.faults[0].absent = true;
        problems
    }

    /// A value of the wrong kind; a whole body of `null` counts as no body.
    #[must_use]
    pub fn kind<V: IntoValue>(code: &'static str, at: ValuePointerRef<'_>, actual: &Value<V>) -> Self {
        if at.is_origin() && matches!(actual, Value::Null) {
            return Self::one("missing", at, "Field required");
        }
        Self::one(code, at, kind_message(code))
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Takes the problems of another part of the same input, up to [`MAX_PROBLEMS`].
    pub fn add(&mut self, other: Self) {
        let room = MAX_PROBLEMS.saturating_sub(self.faults.len());
        self.faults.extend(other.faults.into_iter().take(room));
    }

    /// The wire form: `place` (`body`, `query`) before each path, and the value found there in `root`.
    #[must_use]
    pub fn located(self, place: &'static str, root: &Json) -> Vec<Problem> {
        self.faults.into_iter().map(|fault| fault.located(place, root)).collect()
    }
}

fn steps(at: ValuePointerRef<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut here = &at;
    loop {
        match here {
            ValuePointerRef::Origin => break,
            ValuePointerRef::Key { key, prev } => {
                steps.push(Step::Key((*key).to_owned()));
                here = prev;
            }
            ValuePointerRef::Index { index, prev } => {
                steps.push(Step::Index(*index));
                here = prev;
            }
        }
    }
    steps.reverse();
    steps
}

impl Fault {
    fn located(self, place: &'static str, root: &Json) -> Problem {
        let shown = if self.absent { &self.path[..self.path.len() - 1] } else { &self.path[..] };
        let input = echo(shown, root);
        let mut loc = vec![Json::from(place)];
        loc.extend(self.path.into_iter().map(|step| match step {
            Step::Key(key) => Json::from(key),
            Step::Index(index) => Json::from(index),
        }));
        Problem { code: self.code, loc, msg: self.msg.into_owned(), input, ctx: self.ctx }
    }
}

impl MergeWithError<Self> for Problems {
    fn merge(earlier: Option<Self>, later: Self, _at: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut all = earlier.unwrap_or_default();
        all.add(later);
        if all.faults.len() < MAX_PROBLEMS { ControlFlow::Continue(all) } else { ControlFlow::Break(all) }
    }
}

impl DeserializeError for Problems {
    fn error<V: IntoValue>(
        earlier: Option<Self>,
        error: ErrorKind<'_, V>,
        at: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let found = match error {
            ErrorKind::IncorrectValueKind { actual, accepted } => Self::kind(code_of(accepted), at, &actual),
            ErrorKind::MissingField { field } => Self::missing(at, field),
            ErrorKind::UnknownKey { key, .. } => {
                Self::one("extra_forbidden", at.push_key(key), "Extra inputs are not permitted")
            }
            ErrorKind::UnknownValue { accepted, .. } => not_one_of(at, accepted),
            ErrorKind::BadSequenceLen { expected, .. } => {
                Self::rule(at, format!("the list must have {expected} items"))
            }
            ErrorKind::Unexpected { msg } => Self::rule(at, msg),
        };
        Self::merge(earlier, found, at)
    }
}

/// A value outside a closed set of texts (`literal_error`).
pub(crate) fn not_one_of(at: ValuePointerRef<'_>, accepted: &[&str]) -> Problems {
    let expected = alternatives(accepted);
    Problems::one("literal_error", at, format!("Input should be {expected}"))
        .with(json!({ "expected": expected }))
}

/// `'a', 'b' or 'c'`.
fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

fn code_of(accepted: &[ValueKind]) -> &'static str {
    let takes = |kind| accepted.contains(&kind);
    if takes(ValueKind::Map) {
        "model_attributes_type"
    } else if takes(ValueKind::Sequence) {
        "list_type"
    } else if takes(ValueKind::String) {
        "string_type"
    } else if takes(ValueKind::Boolean) {
        "bool_type"
    } else if takes(ValueKind::Float) {
        "float_type"
    } else {
        "int_type"
    }
}

fn kind_message(code: &str) -> &'static str {
    match code {
        "model_attributes_type" => "Input should be an object with the fields of this schema",
        "list_type" => "Input should be a list",
        "string_type" => "Input should be a string",
        "bool_type" => "Input should be true or false",
        "float_type" => "Input should be a number",
        "int_type" => "Input should be an integer",
        "dict_type" => "Input should be an object",
        "uuid_type" => "Input should be a UUID as text",
        "datetime_type" => "Input should be a date and time",
        _ => "Input has the wrong type",
    }
}

/// The value at `path`, without secrets and not larger than [`MAX_ECHO`].
fn echo(path: &[Step], root: &Json) -> Json {
    let mut value = root;
    for step in path {
        let next = match step {
            Step::Key(key) if is_secret(key) => return REDACTED.into(),
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        };
        match next {
            Some(next) => value = next,
            None => return Json::Null,
        }
    }
    let mut room = MAX_ECHO;
    copy(value, &mut room).unwrap_or_else(|| TOO_LARGE.into())
}

/// Copies a value with its secrets replaced, or gives up when it is larger than `room`.
fn copy(value: &Json, room: &mut usize) -> Option<Json> {
    let cost = value.as_str().map_or(8, str::len);
    *room = room.checked_sub(cost)?;
    Some(match value {
        Json::Array(items) => Json::Array(items.iter().map(|item| copy(item, room)).collect::<Option<_>>()?),
        Json::Object(fields) => {
            let mut copied = serde_json::Map::new();
            for (key, field) in fields {
                *room = room.checked_sub(key.len())?;
                let shown = if is_secret(key) { REDACTED.into() } else { copy(field, room)? };
                copied.insert(key.clone(), shown);
            }
            Json::Object(copied)
        }
        other => other.clone(),
    })
}

/// Whether a field of this name holds something that no answer may repeat (platform spec §16, 15).
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "api_key"].iter().any(|word| name.ends_with(word))
}

/// Whether text that is no JSON at all seems to name a secret, such as a form with `password=…`.
pub(crate) fn mentions_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["token", "secret", "password", "api_key"].iter().any(|word| text.contains(word))
}

/// The value to show for a body that is not JSON.
pub(crate) fn raw_text(text: &str) -> Json {
    if mentions_secret(text) { REDACTED.into() } else { text.into() }
}
