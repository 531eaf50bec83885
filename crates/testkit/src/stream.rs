//! Reading server-sent events.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

/// How long an expected event may take. Only a test that fails ever waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// One event as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SentEvent {
    /// The `event:` line.
    pub event: String,
    /// The `id:` line.
    pub id: Option<String>,
    /// The `data:` line, which is JSON everywhere in this API.
    pub data: Value,
}

/// An open stream.
#[derive(Debug)]
pub struct EventStream {
    /// The status of the response.
    pub status: StatusCode,
    /// The headers of the response.
    pub headers: HeaderMap,
    body: Body,
    unread: Vec<u8>,
}

impl EventStream {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Body) -> Self {
        Self { status, headers, body, unread: Vec::new() }
    }

    /// The next event; pings are passed over.
    ///
    /// # Panics
    /// When none comes within a minute, or the stream ends.
    pub async fn next(&mut self) -> SentEvent {
        match tokio::time::timeout(PATIENCE, self.next_or_end()).await {
            Ok(Some(event)) => event,
            Ok(None) => panic!("the stream ended; an event was expected"),
            Err(_) => panic!("no event came within {PATIENCE:?}"),
        }
    }

    /// The next `count` events.
    ///
    /// # Panics
    /// As [`EventStream::next`].
    pub async fn take(&mut self, count: usize) -> Vec<SentEvent> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            events.push(self.next().await);
        }
        events
    }

    /// Waits for the end of the stream and returns what came before it.
    ///
    /// # Panics
    /// When it does not end within a minute.
    pub async fn rest(&mut self) -> Vec<SentEvent> {
        let collect = async {
            let mut events = Vec::new();
            while let Some(event) = self.next_or_end().await {
                events.push(event);
            }
            events
        };
        tokio::time::timeout(PATIENCE, collect)
            .await
            .unwrap_or_else(|_| panic!("the stream did not end within {PATIENCE:?}"))
    }

    /// The next bytes as sent, for tests of the form itself; empty at the end.
    ///
    /// # Panics
    /// When nothing comes within a minute, or the stream breaks.
    pub async fn raw(&mut self) -> Vec<u8> {
        if !self.unread.is_empty() {
            return std::mem::take(&mut self.unread);
        }
        let read = tokio::time::timeout(PATIENCE, self.read());
        let more = read.await.unwrap_or_else(|_| panic!("nothing came within {PATIENCE:?}"));
        if more { std::mem::take(&mut self.unread) } else { Vec::new() }
    }

    async fn next_or_end(&mut self) -> Option<SentEvent> {
        loop {
            while let Some(block) = self.block() {
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
            }
            if !self.read().await {
                assert!(self.unread.is_empty(), "the stream ended inside an event: {:?}", self.unread);
                return None;
            }
        }
    }

    /// Takes what stands before the next blank line.
    fn block(&mut self) -> Option<String> {
        const END: &[u8] = b"\r\n\r\n";
        let end = self.unread.windows(END.len()).position(|window| window == END)?;
        let block: Vec<u8> = self.unread.drain(..end + END.len()).collect();
        Some(String::from_utf8(block).expect("a stream is UTF-8"))
    }

    /// Whether there was more.
    async fn read(&mut self) -> bool {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.expect("a stream does not break");
            if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
                self.unread.extend_from_slice(data);
                return true;
            }
        }
        false
    }
}

/// `None` for a block of comments.
fn parse(block: &str) -> Option<SentEvent> {
    let mut event = SentEvent { event: "message".to_owned(), id: None, data: Value::Null };
    let mut has_data = false;
    for line in block.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with(':')) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event.event = value.to_owned(),
            "id" => event.id = Some(value.to_owned()),
            "data" => {
                has_data = true;
                event.data = serde_json::from_str(value)
                    .unwrap_or_else(|error| panic!("an event's data is not JSON ({error}): {block}"));
            }
            _ => panic!("an event with an unknown field {field:?}: {block}"),
        }
    }
    has_data.then_some(event)
}
