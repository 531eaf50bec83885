//! Why a value cannot be used, and what to set instead.

use std::fmt;

/// A value that breaks its variable's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with it, to be read after "VARIABLE ".
    pub problem: String,
    /// What to set instead, as one sentence.
    pub fix: String,
}

impl Refusal {
    /// A refusal with its remedy.
    #[must_use]
    pub fn new(problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { problem: problem.into(), fix: fix.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. Fix: {}", self.problem, self.fix)
    }
}

impl std::error::Error for Refusal {}

/// One variable that stops the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The variable's name.
    pub variable: String,
    /// Where its value came from, such as `the environment` or `.env`; nothing when it is missing or comes from a flag.
    pub source: Option<String>,
    /// The value, unless it is a secret or there is none.
    pub value: Option<String>,
    /// What is wrong.
    pub refusal: Refusal,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.variable)?;
        if let Some(value) = &self.value {
            write!(f, "={value:?}")?;
        }
        if let Some(source) = &self.source {
            write!(f, " (from {source})")?;
        }
        write!(f, " {}\n    fix: {}", self.refusal.problem, self.refusal.fix)
    }
}

/// All variables that stop the start, shown together so that one round of corrections is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let (noun, verb) = if count == 1 { ("setting", "stops") } else { ("settings", "stop") };
        writeln!(f, "{count} {noun} {verb} the start:")?;
        for fault in &self.0 {
            write!(f, "\n  {fault}\n")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}
