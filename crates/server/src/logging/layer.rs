//! From an event and the spans around it to one written line.

use std::fmt;
use std::sync::Arc;

use mc_model::Clock;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::line::{Line, Style};

/// Writes each event with the fields of its spans, in one call per line so that lines never mix.
pub struct LineLayer<W> {
    style: Style,
    clock: Arc<dyn Clock>,
    write: W,
}

impl<W: Fn(&[u8])> LineLayer<W> {
    /// A layer that hands finished lines to `write`.
    pub fn new(style: Style, clock: Arc<dyn Clock>, write: W) -> Self {
        Self { style, clock, write }
    }
}

/// The fields of a span, kept with it until it closes.
struct Fields(Map<String, Value>);

impl<S, W> Layer<S> for LineLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&[u8]) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut collector = Collector::default();
        attributes.record(&mut collector);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Fields(collector.fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(Fields(fields)) = extensions.get_mut::<Fields>() {
            let mut collector = Collector { fields: std::mem::take(fields), message: String::new() };
            values.record(&mut collector);
            *fields = collector.fields;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut collector = Collector::default();
        let mut function = None;
        for span in
            context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            function = Some(span.name());
            if let Some(Fields(fields)) = span.extensions().get::<Fields>() {
                collector.fields.extend(fields.clone());
            }
        }
        event.record(&mut collector);
        let metadata = event.metadata();
        let line = Line {
            at: self.clock.now(),
            level: *metadata.level(),
            logger: metadata.target(),
            message: &collector.message,
            module: metadata.module_path(),
            function,
            line: metadata.line(),
            extras: &collector.fields,
        };
        (self.write)(line.render(self.style).as_bytes());
    }
}

#[derive(Default)]
struct Collector {
    message: String,
    fields: Map<String, Value>,
}

impl Collector {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn put_text(&mut self, field: &Field, text: String) {
        if field.name() == "message" { self.message = text } else { self.put(field, text) }
    }
}

impl Visit for Collector {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.put_text(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use mc_model::Timestamp;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::line::Zone;
    use super::*;

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::parse_iso("2026-01-02T03:04:05.123456").expect("a moment")
        }
    }

    /// What `work` logs.
    fn logged(style: Style, work: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let write = move |line: &[u8]| {
            let line = String::from_utf8(line.to_vec()).expect("UTF-8");
            sink.lock().expect("unpoisoned").push(line);
        };
        let layer = LineLayer::new(style, Arc::new(Fixed), write);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let lines = lines.lock().expect("unpoisoned");
        lines.clone()
    }

    const TEXT: Style = Style::Text { zone: Zone::Utc, colour: false };

    fn one_request() {
        let span = tracing::error_span!(
            "http.request",
            request_id = "abc",
            path = "/x",
            http.route = tracing::field::Empty
        );
        let _entered = span.enter();
        span.record("http.route", "/{id}");
        tracing::warn!(target: "mc_api::access", status_code = 404_u16, path = "/y", "http.request.complete");
    }

    #[test]
    fn text_lines_have_the_documented_order_and_the_fields_of_the_span() {
        assert_eq!(
            logged(TEXT, one_request),
            [format!(
                "2026-01-02T03:04:05.123+00:00 WARNING mc_api::access http.request.complete app=mission-control \
                 version={} request_id=abc path=/y http.route=/{{id}} status_code=404\n",
                env!("CARGO_PKG_VERSION")
            )]
        );
    }

    #[test]
    fn json_lines_are_one_compact_object_with_typed_extras() {
        let lines = logged(Style::Json, one_request);
        assert_eq!(lines.len(), 1);
        let object: Map<String, Value> = serde_json::from_str(&lines[0]).expect("JSON");
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "timestamp",
                "level",
                "logger",
                "message",
                "app",
                "version",
                "module",
                "function",
                "line",
                "request_id",
                "path",
                "http.route",
                "status_code"
            ]
        );
        assert_eq!(object["timestamp"], "2026-01-02T03:04:05.123456+00:00");
        assert_eq!(object["level"], "WARNING");
        assert_eq!(object["function"], "http.request");
        assert_eq!(object["status_code"], 404);
        assert!(lines[0].ends_with("}\n") && !lines[0].contains(": "), "{}", lines[0]);
    }

    #[test]
    fn no_value_can_forge_a_line_or_a_field() {
        let work = || tracing::info!(target: "t", a = "x\ny=1 \u{1b}[31m", b = "", c = "k=v", d = "p\u{9b}q", "one\ntwo");
        let lines = logged(TEXT, work);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].matches('\n').count(), 1, "{lines:?}");
        assert!(lines[0].contains(r#"t one\ntwo app="#), "{lines:?}");
        assert!(
            lines[0].ends_with("a=\"x\\ny=1 \\u{1b}[31m\" b=\"\" c=\"k=v\" d=\"p\\u{9b}q\"\n"),
            "{lines:?}"
        );
    }

    #[test]
    fn an_extra_cannot_replace_a_standard_field() {
        let lines = logged(Style::Json, || tracing::info!(target: "t", level = "x", app = "y", "m"));
        let object: Map<String, Value> = serde_json::from_str(&lines[0]).expect("JSON");
        assert_eq!(
            (&object["level"], &object["app"]),
            (&Value::from("INFO"), &Value::from("mission-control"))
        );
        assert_eq!((&object["extra.level"], &object["extra.app"]), (&Value::from("x"), &Value::from("y")));
    }

    #[test]
    fn errors_are_shown_with_their_causes() {
        let cause = std::io::Error::other("disk full");
        let error = mc_model::Error::internal(cause);
        let lines = logged(TEXT, || {
            tracing::error!(target: "t", error = &error as &(dyn std::error::Error + 'static), "m");
        });
        assert!(lines[0].contains("disk full"), "{lines:?}");
    }
}
