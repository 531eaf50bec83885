//! Server-sent events on the wire: CRLF line ends, a comment every fifteen seconds, one-line data.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use mc_model::Timestamp;
use mc_service::Services;
use mc_service::access::BoardReader;
use mc_service::streams::Start;

use crate::decode::{Text, input};

const LAST_EVENT_ID: &str = "last-event-id";
/// How often a silent stream says that it lives.
const PING: Duration = Duration::from_secs(15);

/// One event. `id` lets the client resume with `Last-Event-ID`.
pub(crate) fn frame(event: &str, id: i64, data: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(event.len() + data.len() + 48);
    frame.put_slice(b"event: ");
    frame.put_slice(event.as_bytes());
    frame.put_slice(b"\r\nid: ");
    frame.put_slice(id.to_string().as_bytes());
    frame.put_slice(b"\r\ndata: ");
    frame.put_slice(data);
    frame.put_slice(b"\r\n\r\n");
    frame.freeze()
}

/// Several frames as one piece.
pub(crate) fn join(frames: impl ExactSizeIterator<Item = Bytes>) -> Bytes {
    let mut frames = frames.peekable();
    if frames.len() == 1
        && let Some(only) = frames.next()
    {
        return only;
    }
    let mut piece = BytesMut::new();
    frames.for_each(|frame| piece.extend_from_slice(&frame));
    piece.freeze()
}

/// The data of an event.
pub(crate) fn data(value: &impl serde::Serialize) -> Vec<u8> {
    // What streams show holds nothing that cannot be written as JSON.
    serde_json::to_vec(value).unwrap_or_default()
}

input! {
    /// Where a stream begins.
    pub(crate) struct StreamQuery {
        /// ISO date-time; events at or after it are sent first. Without one, or with one that cannot be read, the
        /// stream begins now. `Last-Event-ID` wins.
        pub since: Option<Text>,
    }
}

impl StreamQuery {
    /// Where the client wants to begin: after the event it saw last, else at a time, else now.
    pub(crate) fn start(&self, headers: &HeaderMap) -> Start {
        let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.trim().parse().ok());
        let since = || self.since.as_ref().and_then(|since| Timestamp::parse_iso(&since.0));
        match last {
            Some(seq) => Start::After(seq),
            None => since().map_or(Start::Now, Start::Since),
        }
    }
}

/// A source of frames.
pub(crate) trait Frames: Send + 'static {
    /// The next frames as one piece; none at the end. May be cancelled and called again.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
}

/// The response that sends what `frames` gives, with pings in between, for as long as its reader may read the board.
pub(crate) fn respond(frames: impl Frames, services: Services, on: BoardReader) -> Response {
    let mut response = Response::new(Body::from_stream(pieces(frames, services, on)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn pieces(
    frames: impl Frames,
    services: Services,
    on: BoardReader,
) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send {
    stream::unfold((frames, services, on), |(mut frames, services, on)| async move {
        let piece = match tokio::time::timeout(PING, frames.next()).await {
            Ok(piece) => piece?,
            Err(_) => Bytes::from(format!(": ping - {}\r\n\r\n", services.now())),
        };
        // A stream outlives the check that opened it: whoever lost access gets nothing more.
        services.still_reads(&on).await.then_some((Ok(piece), (frames, services, on)))
    })
}
