//! The one error type below the API: what went wrong, what the caller may read, and the private cause.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong; the API maps each kind to one status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request cannot be read at all (400).
    BadRequest,
    /// No caller, or credentials that prove nothing (401).
    Unauthenticated,
    /// The caller may not do this (403).
    Forbidden,
    /// There is no such thing in the caller's reach (404).
    NotFound,
    /// The present state forbids it (409).
    Conflict,
    /// It existed and is switched off for good (410).
    Gone,
    /// A precondition the caller named does not hold (412).
    PreconditionFailed,
    /// The body is larger than allowed (413).
    TooLarge,
    /// The input breaks a rule (422).
    Invalid,
    /// Too many attempts (429).
    RateLimited,
    /// A fault of ours; the cause is logged, the caller learns nothing of it (500).
    Internal,
    /// A system that we asked failed (502).
    BadGateway,
    /// A part the answer needs is not there at the moment (503).
    Unavailable,
}

/// One field error of a 422 answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// The machine code, such as `missing` or `string_type`.
    #[serde(rename = "type")]
    pub code: &'static str,
    /// Where: `["body", "title"]`, list positions as numbers.
    pub loc: Vec<Value>,
    /// One sentence for people.
    pub msg: String,
    /// The value that was sent.
    pub input: Value,
    /// The numbers and texts of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctx: Option<Value>,
}

/// What the caller may read.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// The reason phrase of the status code.
    Reason,
    /// One sentence.
    Text(Cow<'static, str>),
    /// A structured answer, usually with `message` and `code`.
    Object(Value),
    /// The field errors of a 422 answer.
    Problems(Vec<Problem>),
}

/// An error with its public text and its private cause kept apart.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    detail: Detail,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error whose public text is the reason phrase of its status.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, detail: Detail::Reason, retry_after: None, cause: None }
    }

    /// An error with one sentence for the caller.
    #[must_use]
    pub fn text(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: Detail::Text(text.into()), ..Self::new(kind) }
    }

    /// An error with a structured detail for the caller.
    #[must_use]
    pub fn object(kind: ErrorKind, detail: Value) -> Self {
        Self { detail: Detail::Object(detail), ..Self::new(kind) }
    }

    /// Field errors.
    #[must_use]
    pub fn problems(problems: Vec<Problem>) -> Self {
        Self { detail: Detail::Problems(problems), ..Self::new(ErrorKind::Invalid) }
    }

    /// A fault of ours. The cause goes to the log, never to the caller.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(ErrorKind::Internal) }
    }

    /// No or wrong credentials.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(ErrorKind::Unauthenticated)
    }

    /// Not allowed, with a sentence that says what is missing.
    #[must_use]
    pub fn forbidden(text: impl Into<Cow<'static, str>>) -> Self {
        Self::text(ErrorKind::Forbidden, text)
    }

    /// Nothing there in the caller's reach.
    #[must_use]
    pub fn not_found(text: impl Into<Cow<'static, str>>) -> Self {
        Self::text(ErrorKind::NotFound, text)
    }

    /// Attaches a private cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Tells the caller when to try again.
    #[must_use]
    pub fn retry_after(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the caller may read.
    #[must_use]
    pub fn detail(&self) -> &Detail {
        &self.detail
    }

    /// When the caller may try again, if that is known.
    #[must_use]
    pub fn retry_hint(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The private cause.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        match &self.detail {
            Detail::Reason => {}
            Detail::Text(text) => write!(f, ": {text}")?,
            Detail::Object(object) => write!(f, ": {object}")?,
            Detail::Problems(problems) => write!(f, ": {} field errors", problems.len())?,
        }
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as &(dyn std::error::Error + 'static))
    }
}
