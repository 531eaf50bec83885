//! What a request writes into the log (platform spec §13).

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while held").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Captured {
    fn start() -> (Self, DefaultGuard) {
        let captured = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(captured.clone())
            .finish();
        (captured, tracing::subscriber::set_default(subscriber))
    }

    /// The lines of the access log.
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().expect("no panic while held").clone()).expect("text");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
        lines.filter(|line| message(line).starts_with("http.request")).collect()
    }
}

fn message(line: &Value) -> &str {
    line["fields"]["message"].as_str().unwrap_or_default()
}

fn summary(lines: &[Value]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (message(line), line["level"].as_str().expect("a level"))).collect()
}

#[tokio::test]
async fn each_request_is_one_start_and_one_end_with_its_fields() {
    for (path, status, level) in [
        ("/api/v1/things/7?secret=1", 200, "DEBUG"),
        ("/nothing", 404, "WARN"),
        ("/api/v1/panic", 500, "ERROR"),
    ] {
        let (log, _guard) = Captured::start();
        let request = from_peer(request("GET", path, &[("x-request-id", "r-9")]), "198.51.100.3:55");
        send(&HttpSettings::default(), request).await;
        let lines = log.lines();
        let expected = [("http.request.start", "TRACE"), ("http.request.complete", level)];
        assert_eq!(summary(&lines), expected, "{path}");
        let (fields, span) = (&lines[1]["fields"], &lines[1]["span"]);
        assert_eq!(fields["status_code"], status);
        assert_eq!(fields["method"], "GET");
        assert_eq!(fields["path"], path.split('?').next().expect("a path"));
        assert_eq!(fields["client_ip"], "198.51.100.3");
        assert!(fields["duration_ms"].is_u64());
        assert_eq!(span["request_id"], "r-9");
        if status == 200 {
            assert_eq!(span["http.route"], "/api/v1/things/{id}");
        }
    }
}

#[tokio::test]
async fn health_checks_are_silent_unless_wanted() {
    let (log, _guard) = Captured::start();
    ask("GET", "/health", &[]).await;
    ask("GET", "/readyz", &[]).await;
    assert!(log.lines().is_empty());
    let settings = HttpSettings { log_health: true, ..Default::default() };
    send(&settings, request("GET", "/health", &[])).await;
    assert_eq!(log.lines().len(), 2);
}

#[tokio::test]
async fn slow_requests_are_reported_once_more() {
    let (log, _guard) = Captured::start();
    let settings = HttpSettings { slow_after: Duration::from_nanos(1), ..Default::default() };
    send(&settings, request("GET", "/api/v1/things", &[])).await;
    let lines = log.lines();
    assert_eq!(summary(&lines).last(), Some(&("http.request.slow", "WARN")));
    assert!(lines.last().expect("a line")["fields"]["slow_threshold_ms"].is_u64());

    let (log, _guard) = Captured::start();
    let off = HttpSettings { slow_after: Duration::ZERO, ..Default::default() };
    send(&off, request("GET", "/api/v1/things", &[])).await;
    assert_eq!(summary(&log.lines()).last(), Some(&("http.request.complete", "DEBUG")));
}

#[tokio::test]
async fn a_client_that_goes_away_is_reported() {
    let (log, _guard) = Captured::start();
    let routes = Router::new().route("/wait", get(async || std::future::pending::<&str>().await));
    let router = wrap(routes, &HttpSettings::default());
    let mut answer = Box::pin(router.oneshot(request("GET", "/wait", &[])));
    let polled = std::future::poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_pending()));
    assert!(polled.await);
    drop(answer);
    assert_eq!(summary(&log.lines()).last(), Some(&("http.request.incomplete", "WARN")));
}
