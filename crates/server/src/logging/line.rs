//! The two forms of a log line.

use std::fmt::Write;

use chrono::{DateTime, Local, SecondsFormat, TimeZone, Utc};
use mc_model::Timestamp;
use serde_json::{Map, Value};
use tracing::Level;

/// The name under which this program logs.
const APP: &str = "mission-control";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One JSON object per line, always in UTC.
    Json,
    /// For people.
    Text {
        /// The zone of the timestamp.
        zone: Zone,
        /// Whether the level is coloured.
        colour: bool,
    },
}

/// The zone of timestamps in text logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// That of the machine.
    Local,
    /// UTC.
    Utc,
}

/// One event, ready to be written.
pub(super) struct Line<'a> {
    pub(super) at: Timestamp,
    pub(super) level: Level,
    pub(super) logger: &'a str,
    pub(super) message: &'a str,
    pub(super) module: Option<&'a str>,
    pub(super) function: Option<&'a str>,
    pub(super) line: Option<u32>,
    pub(super) extras: &'a Map<String, Value>,
}

impl Line<'_> {
    /// The line with its line feed.
    pub(super) fn render(&self, style: Style) -> String {
        let mut text = match style {
            Style::Json => self.json(),
            Style::Text { zone, colour } => self.text(zone, colour),
        };
        text.push('\n');
        text
    }

    fn json(&self) -> String {
        let mut object = Map::new();
        let at: DateTime<Utc> = self.at.naive().and_utc();
        object.insert("timestamp".into(), at.to_rfc3339_opts(SecondsFormat::Micros, false).into());
        object.insert("level".into(), level_name(self.level).into());
        object.insert("logger".into(), self.logger.into());
        object.insert("message".into(), self.message.into());
        object.insert("app".into(), APP.into());
        object.insert("version".into(), VERSION.into());
        object.insert("module".into(), self.module.into());
        object.insert("function".into(), self.function.into());
        object.insert("line".into(), self.line.into());
        for (name, value) in self.extras {
            let name = if object.contains_key(name) { format!("extra.{name}") } else { name.clone() };
            object.insert(name, value.clone());
        }
        Value::Object(object).to_string()
    }

    fn text(&self, zone: Zone, colour: bool) -> String {
        let naive = self.at.naive();
        let mut text = match zone {
            Zone::Utc => naive.and_utc().to_rfc3339_opts(SecondsFormat::Millis, false),
            Zone::Local => Local.from_utc_datetime(&naive).to_rfc3339_opts(SecondsFormat::Millis, false),
        };
        let (start, end) = if colour { (level_colour(self.level), "\u{1b}[0m") } else { ("", "") };
        let _ = write!(text, " {start}{}{end} {} ", level_name(self.level), self.logger);
        push_escaped(&mut text, self.message);
        let _ = write!(text, " app={APP} version={VERSION}");
        for (name, value) in self.extras {
            let _ = write!(text, " {name}=");
            match value {
                Value::String(value) => push_value(&mut text, value),
                other => push_value(&mut text, &other.to_string()),
            }
        }
        text
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::TRACE => "TRACE",
        Level::DEBUG => "DEBUG",
        Level::INFO => "INFO",
        Level::WARN => "WARNING",
        Level::ERROR => "ERROR",
    }
}

fn level_colour(level: Level) -> &'static str {
    match level {
        Level::TRACE | Level::DEBUG => "\u{1b}[2m",
        Level::INFO => "\u{1b}[32m",
        Level::WARN => "\u{1b}[33m",
        Level::ERROR => "\u{1b}[31m",
    }
}

/// A value as it is when that is unambiguous, else in quotes.
fn push_value(text: &mut String, value: &str) {
    let is_plain = !value.is_empty()
        && value.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '"' && c != '=');
    if is_plain {
        text.push_str(value);
        return;
    }
    text.push('"');
    for part in value.split_inclusive('"') {
        match part.strip_suffix('"') {
            Some(part) => {
                push_escaped(text, part);
                text.push_str("\\\"");
            }
            None => push_escaped(text, part),
        }
    }
    text.push('"');
}

/// Control characters become escapes: what a client sends must neither start a new line nor steer a terminal.
fn push_escaped(text: &mut String, value: &str) {
    for c in value.chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
}
