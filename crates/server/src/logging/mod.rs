//! The log: one line per event on standard output, as text or JSON (platform spec §13, docs/logging.md).

mod layer;
mod line;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use mc_model::SystemClock;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::settings::LogSettings;

pub use layer::LineLayer;
pub use line::{Style, Zone};

/// Libraries that speak HTTP or WebSocket; their chatter stays out below WARNING whatever the level.
const QUIET: [&str; 8] =
    ["h2", "hyper", "hyper_util", "reqwest", "rustls", "tokio_tungstenite", "tower", "tungstenite"];
/// Libraries that log SQL; they are heard at TRACE only, but for their warnings. The store logs its statements itself,
/// at TRACE.
const SQL: [&str; 3] = ["sea_orm", "sea_orm_migration", "sqlx"];

/// The threshold that `LOG_LEVEL` names: a name in any case, or a number as in Python's logging.
///
/// What is neither is `INFO`. There is nothing above `ERROR` here, so `CRITICAL` shows errors.
#[must_use]
pub fn level(text: &str) -> LevelFilter {
    let text = text.trim().to_uppercase();
    if let Ok(number) = text.parse::<u32>() {
        return match number {
            0..=5 => LevelFilter::TRACE,
            6..=10 => LevelFilter::DEBUG,
            11..=20 => LevelFilter::INFO,
            21..=30 => LevelFilter::WARN,
            _ => LevelFilter::ERROR,
        };
    }
    match text.as_str() {
        "TRACE" | "NOTSET" => LevelFilter::TRACE,
        "DEBUG" => LevelFilter::DEBUG,
        "WARN" | "WARNING" => LevelFilter::WARN,
        "ERROR" | "CRITICAL" | "FATAL" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}

/// Which events are logged at `level`.
#[must_use]
pub fn filter(level: LevelFilter) -> Targets {
    let at_most = |ceiling: LevelFilter| level.min(ceiling);
    let mut targets = Targets::new().with_default(level);
    targets = targets.with_targets(QUIET.map(|library| (library, at_most(LevelFilter::WARN))));
    if level < LevelFilter::TRACE {
        targets = targets.with_targets(SQL.map(|library| (library, at_most(LevelFilter::WARN))));
    }
    targets
}

/// Sends all events of this process to standard output from now on.
///
/// # Errors
/// When the log was started before.
pub fn start(settings: &LogSettings) -> Result<(), tracing_subscriber::util::TryInitError> {
    let level = level(&settings.log_level);
    let stdout = std::io::stdout();
    let style = if settings.log_format.trim().eq_ignore_ascii_case("json") {
        Style::Json
    } else {
        let zone = if settings.log_use_utc { Zone::Utc } else { Zone::Local };
        Style::Text { zone, colour: stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    };
    let write = move |line: &[u8]| {
        // A log that nobody reads any more (a closed pipe) must not stop the server.
        let _ = stdout.lock().write_all(line);
    };
    let layer = LineLayer::new(style, Arc::new(SystemClock), write);
    tracing_subscriber::registry().with(filter(level)).with(layer).try_init()?;
    let format = if style == Style::Json { "json" } else { "text" };
    tracing::info!(log.level = %level, log.format = format, "logging.configured");
    Ok(())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn levels_have_names_numbers_and_a_default() {
        for (text, expected) in [
            ("trace", LevelFilter::TRACE),
            ("5", LevelFilter::TRACE),
            ("Debug", LevelFilter::DEBUG),
            ("10", LevelFilter::DEBUG),
            ("INFO", LevelFilter::INFO),
            ("", LevelFilter::INFO),
            ("verbose", LevelFilter::INFO),
            ("-5", LevelFilter::INFO),
            ("warning", LevelFilter::WARN),
            ("WARN", LevelFilter::WARN),
            ("25", LevelFilter::WARN),
            ("error", LevelFilter::ERROR),
            ("CRITICAL", LevelFilter::ERROR),
            ("50", LevelFilter::ERROR),
        ] {
            assert_eq!(level(text), expected, "{text:?}");
        }
    }

    #[test]
    fn statements_are_logged_at_trace_only_and_http_libraries_stay_quiet() {
        let debug = filter(LevelFilter::DEBUG);
        assert!(debug.would_enable("mc_api", &Level::DEBUG));
        assert!(!debug.would_enable("mc_store::sql", &Level::TRACE));
        assert!(!debug.would_enable("sqlx::pool", &Level::DEBUG));
        assert!(debug.would_enable("sqlx::pool", &Level::WARN));
        assert!(!debug.would_enable("hyper::proto", &Level::INFO));
        let trace = filter(LevelFilter::TRACE);
        assert!(trace.would_enable("mc_store::sql", &Level::TRACE));
        assert!(!trace.would_enable("hyper::proto", &Level::INFO));
        assert!(!filter(LevelFilter::ERROR).would_enable("hyper", &Level::WARN));
    }
}
