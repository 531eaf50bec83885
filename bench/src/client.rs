//! The smallest HTTP/1.1 client that keeps its connection: the load must not cost more than what it measures.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::Outcome;

/// The largest response head we take.
const MAX_HEAD: usize = 16 * 1024;
/// How much is read at once.
const READ: usize = 64 * 1024;
/// A status without a body.
pub const NOT_MODIFIED: u16 = 304;
/// What stands behind a server-sent event, and behind a comment between them.
pub const FRAME_END: &[u8] = b"\r\n\r\n";

/// The bytes of a request.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body.unwrap_or_default());
    text.into_bytes()
}

/// A kept-alive connection.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer; its body stands in the connection until the next exchange.
pub struct Answer<'a> {
    /// Status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
    head: &'a [u8],
}

impl Answer<'_> {
    /// The value of the header `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        headers(std::str::from_utf8(self.head).ok()?)
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// The head of an answer, as far as we care.
struct Head {
    status: u16,
    length: usize,
    content_length: Option<usize>,
    is_chunked: bool,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(READ) })
    }

    /// Sends a request and reads its answer, which must say its length unless it has no body.
    pub async fn exchange(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.received.clear();
        self.stream.write_all(request).await?;
        let head = self.read_head().await?;
        let length = match head.status {
            NOT_MODIFIED => 0,
            _ => head.content_length.ok_or("an answer says no length")?,
        };
        let end = head.length + length;
        while self.received.len() < end {
            self.receive().await?;
        }
        let (head_bytes, body) = self.received[..end].split_at(head.length);
        Ok(Answer { status: head.status, body, head: head_bytes })
    }

    /// Sends a request whose answer never ends; returns the status and the body.
    pub async fn follow(mut self, request: &[u8]) -> Outcome<(u16, EndlessBody)> {
        self.stream.write_all(request).await?;
        let head = self.read_head().await?;
        self.received.drain(..head.length);
        let chunks = head.is_chunked.then(Chunks::default);
        Ok((head.status, EndlessBody { stream: self.stream, chunks, early: self.received }))
    }

    async fn read_head(&mut self) -> Outcome<Head> {
        loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                return Head::parse(&self.received[..end + 4]);
            }
            if self.received.len() > MAX_HEAD {
                return Err("the head of an answer is too long".into());
            }
            self.receive().await?;
        }
    }

    async fn receive(&mut self) -> Outcome<()> {
        self.received.reserve(READ);
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Outcome<Self> {
        let text = std::str::from_utf8(bytes)?;
        let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut head = Self { status, length: bytes.len(), content_length: None, is_chunked: false };
        for (name, value) in headers(text) {
            if name.eq_ignore_ascii_case("content-length") {
                head.content_length = Some(value.parse()?);
            }
            head.is_chunked |= name.eq_ignore_ascii_case("transfer-encoding") && value.contains("chunked");
        }
        Ok(head)
    }
}

/// The headers of an answer, by name.
fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The body of an answer that never ends.
pub struct EndlessBody {
    stream: TcpStream,
    chunks: Option<Chunks>,
    /// What came together with the head.
    early: Vec<u8>,
}

impl EndlessBody {
    /// Waits for more of the body and hands it to `take` in one or several pieces. May be cancelled.
    ///
    /// `buffer` may be shared by many bodies of a thread: it is not held while waiting.
    pub async fn read(
        &mut self,
        buffer: &Mutex<Vec<u8>>,
        mut take: impl FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<()> {
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            return decode(&mut self.chunks, &early, &mut take);
        }
        std::future::poll_fn(|context| {
            let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let mut read = ReadBuf::new(&mut buffer);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
            Poll::Ready(match read.filled() {
                [] => Err("the server closed a stream".into()),
                piece => decode(&mut self.chunks, piece, &mut take),
            })
        })
        .await
    }
}

fn decode(
    chunks: &mut Option<Chunks>,
    piece: &[u8],
    take: &mut impl FnMut(&[u8]) -> Outcome<()>,
) -> Outcome<()> {
    match chunks {
        Some(chunks) => chunks.decode(piece, take),
        None => take(piece),
    }
}

/// Reads server-sent events.
pub struct EventReader {
    body: EndlessBody,
    buffer: Mutex<Vec<u8>>,
    /// Bytes of events that are not complete yet.
    events: Vec<u8>,
}

/// One event with an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its id.
    pub id: i64,
    /// Its data.
    pub data: Vec<u8>,
}

impl EventReader {
    /// Reads the events of `body`.
    pub fn new(body: EndlessBody) -> Self {
        Self { body, buffer: Mutex::new(vec![0; 8 * 1024]), events: Vec::new() }
    }

    /// The events that the next piece of the body completes; comments count for nothing. May be cancelled.
    pub async fn next(&mut self) -> Outcome<Vec<ServerEvent>> {
        let events = &mut self.events;
        let keep = |piece: &[u8]| {
            events.extend_from_slice(piece);
            Ok(())
        };
        self.body.read(&self.buffer, keep).await?;
        let mut found = Vec::new();
        while let Some(end) = find(&self.events, FRAME_END) {
            found.extend(parse_event(&self.events[..end])?);
            self.events.drain(..end + FRAME_END.len());
        }
        Ok(found)
    }
}

/// The event of a frame; none for a comment.
pub fn parse_event(frame: &[u8]) -> Outcome<Option<ServerEvent>> {
    let (mut id, mut data) = (None, None);
    for line in frame.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if let Some(text) = line.strip_prefix(b"id: ") {
            id = Some(std::str::from_utf8(text)?.parse()?);
        } else if let Some(text) = line.strip_prefix(b"data: ") {
            data = Some(text.to_vec());
        }
    }
    Ok(id.zip(data).map(|(id, data)| ServerEvent { id, data }))
}

/// Undoes the chunked transfer coding.
#[derive(Debug, Default)]
struct Chunks {
    /// Bytes of the present chunk still to come, its line end included.
    left: usize,
    size_line: Vec<u8>,
}

const LINE_END: usize = 2;

impl Chunks {
    fn decode(&mut self, mut piece: &[u8], take: &mut impl FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> {
        while !piece.is_empty() {
            if self.left == 0 {
                let (byte, rest) = (piece[0], &piece[1..]);
                piece = rest;
                if byte == b'\n' {
                    let text = std::str::from_utf8(&self.size_line)?.trim();
                    self.left = usize::from_str_radix(text, 16)? + LINE_END;
                    self.size_line.clear();
                } else {
                    self.size_line.push(byte);
                }
                continue;
            }
            let (now, rest) = piece.split_at(piece.len().min(self.left));
            let data = self.left.saturating_sub(LINE_END).min(now.len());
            if data > 0 {
                take(&now[..data])?;
            }
            self.left -= now.len();
            piece = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_wherever_they_are_cut() {
        let body = b"5\r\nhello\r\nc\r\n, dear world\r\n";
        for cut in 0..body.len() {
            let (mut chunks, mut out) = (Chunks::default(), Vec::new());
            let mut take = |piece: &[u8]| {
                out.extend_from_slice(piece);
                Ok(())
            };
            chunks.decode(&body[..cut], &mut take).expect("valid");
            chunks.decode(&body[cut..], &mut take).expect("valid");
            assert_eq!(out, b"hello, dear world", "cut at {cut}");
        }
    }

    #[test]
    fn comments_are_no_events() {
        assert_eq!(parse_event(b": ping - 2026").expect("valid"), None);
        let event = parse_event(b"event: task\r\nid: 7\r\ndata: {}").expect("valid");
        assert_eq!(event, Some(ServerEvent { id: 7, data: b"{}".to_vec() }));
    }

    #[test]
    fn heads_are_read() {
        let head = Head::parse(b"HTTP/1.1 201 Created\r\ncontent-length: 12\r\n\r\n").expect("valid");
        assert_eq!((head.status, head.content_length, head.is_chunked), (201, Some(12), false));
        let head = Head::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").expect("valid");
        assert!(head.is_chunked);
        let answer = Answer { status: 200, body: b"", head: b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\n\r\n" };
        assert_eq!((answer.header("etag"), answer.header("age")), (Some("\"a\""), None));
    }
}
