//! A person's eyes on the board: its event streams, followed across interruptions.

use std::time::Duration;

use mc_model::ids::BoardId;
use serde_json::Value;
use tokio::sync::mpsc;

use super::client::{Api, Failure, Matter, reason};

/// How long the watcher waits before it opens the stream again.
const PAUSE: Duration = Duration::from_secs(1);
/// How many events may wait to be shown.
const WAITING: usize = 256;
/// The longest event that is read, in bytes; a longer one is a fault of the server.
const LONGEST: usize = 4 * 1024 * 1024;

/// The events of the board's tasks and approvals from now on. It ends when the receiver is dropped.
pub(super) async fn watch(api: Api, board: BoardId) -> Result<mpsc::Receiver<Value>, Failure> {
    let (sender, receiver) = mpsc::channel(WAITING);
    for what in [Matter::Tasks, Matter::Approvals] {
        let first = api.stream(board, what, None).await?;
        tokio::spawn(follow(api.clone(), board, what, first, sender.clone()));
    }
    Ok(receiver)
}

async fn follow(
    api: Api,
    board: BoardId,
    what: Matter,
    first: reqwest::Response,
    sender: mpsc::Sender<Value>,
) {
    let mut frames = Frames::default();
    let mut stream = Some(first);
    loop {
        if let Some(open) = stream.take()
            && !pass_on(open, &mut frames, &sender).await
        {
            return;
        }
        tokio::select! {
            () = sender.closed() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        stream = api.stream(board, what, frames.last_id.as_deref()).await.ok();
    }
}

/// Reads until the stream breaks off. False when nobody listens any more.
async fn pass_on(mut stream: reqwest::Response, frames: &mut Frames, sender: &mpsc::Sender<Value>) -> bool {
    frames.start_over();
    loop {
        let chunk = tokio::select! {
            () = sender.closed() => return false,
            chunk = stream.chunk() => chunk,
        };
        match chunk {
            Ok(Some(chunk)) => {
                for data in frames.take(&chunk) {
                    if sender.send(data).await.is_err() {
                        return false;
                    }
                }
            }
            Ok(None) => return true,
            Err(error) => {
                tracing::debug!(error = reason(&error), "demo.stream.broken");
                return true;
            }
        }
    }
}

/// Cuts a stream into events, as far as the server writes them: one `data` line each.
#[derive(Default)]
struct Frames {
    rest: Vec<u8>,
    id: Option<String>,
    /// The id of the last whole event.
    last_id: Option<String>,
}

impl Frames {
    /// Forgets half an event: a new stream sends it again.
    fn start_over(&mut self) {
        self.rest.clear();
        self.id = None;
    }

    fn take(&mut self, chunk: &[u8]) -> Vec<Value> {
        self.rest.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(id) = line.strip_prefix("id: ") {
                self.id = Some(id.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                events.extend(serde_json::from_str::<Value>(data));
                self.last_id = self.id.take().or(self.last_id.take());
            }
        }
        if self.rest.len() > LONGEST {
            self.rest.clear();
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_whole_however_the_bytes_come() {
        let text = "event: task\r\nid: 7\r\ndata: {\"n\":1}\r\n\r\n: ping\r\n\r\nevent: task\r\nid: 8\r\ndata: {\"n\":2}\r\n\r\n";
        for size in [1, 3, 10, text.len()] {
            let mut frames = Frames::default();
            let events: Vec<Value> =
                text.as_bytes().chunks(size).flat_map(|chunk| frames.take(chunk)).collect();
            assert_eq!(events, [json!({"n": 1}), json!({"n": 2})], "pieces of {size}");
            assert_eq!(frames.last_id.as_deref(), Some("8"));
        }
    }

    #[test]
    fn half_an_event_is_not_counted_as_seen() {
        let mut frames = Frames::default();
        assert_eq!(frames.take(b"id: 7\r\ndata: {}\r\n\r\nevent: task\r\nid: 8\r\ndata: {\"n").len(), 1);
        frames.start_over();
        assert_eq!(frames.last_id.as_deref(), Some("7"));
        assert_eq!(frames.take(b"id: 8\r\ndata: {\"n\":2}\r\n\r\n"), [json!({"n": 2})]);
    }
}
