//! The statements that the store logs.

use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::MutexGuard;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};

/// Where the store logs statements.
const TARGET: &str = "mc_store::sql";

static STATEMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// The log is one for the whole process: tests that share it take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Everything that is logged between its beginning and its end.
pub struct Recording(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Recording {
    /// Waits for its turn and begins.
    pub async fn start() -> Self {
        static SUBSCRIBED: OnceLock<()> = OnceLock::new();
        SUBSCRIBED.get_or_init(|| {
            let wanted = Targets::new().with_target(TARGET, LevelFilter::TRACE);
            let subscriber = tracing_subscriber::registry().with(Recorder.with_filter(wanted));
            tracing::subscriber::set_global_default(subscriber).expect("nobody else subscribes");
        });
        let turn = TURN.lock().await;
        statements().clear();
        Self(turn)
    }

    /// The statements that read or write rows, in order.
    pub fn end(self) -> Vec<String> {
        let is_about_rows = |statement: &String| {
            let first = statement.split_whitespace().next().unwrap_or_default().to_uppercase();
            ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].contains(&first.as_str())
        };
        statements().drain(..).filter(is_about_rows).collect()
    }
}

fn statements() -> std::sync::MutexGuard<'static, Vec<String>> {
    STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Recorder;

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Entry);
    }
}

struct Entry;

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "statement" {
            statements().push(value.trim().to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
