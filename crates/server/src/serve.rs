//! The connection loop: accept, serve HTTP/1.1, and stop without cutting anybody off before time.
//!
//! axum's own `serve` has neither a read time-out for request heads nor a bound on its graceful shutdown; a slow
//! client could hold a connection, and the process, forever.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::Extensions;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// How long the loop rests when the system has no socket to give, so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections are served.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// How long a client may take to send a request head, counted from when the connection is idle; above zero.
    pub header_timeout: Duration,
    /// How long a client may leave an answer or a stream unread before its connection is closed. Nothing is kept for
    /// it; it resumes its stream where it was.
    pub write_timeout: Duration,
    /// How long open requests and streams may go on after [`Shutdown::stop`].
    pub grace: Duration,
    /// Tells the application who is at the other end of the connection.
    pub mark_peer: fn(&mut Extensions, SocketAddr),
}

/// The two steps of stopping. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Stop accepting, end streams, finish what is in flight. Streams and workers watch this one too.
    pub stop: CancellationToken,
    /// Do not wait any longer.
    pub now: CancellationToken,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every connection was finished.
    Drained,
    /// So many connections were cut off, because the grace period was over or [`Shutdown::now`] said so.
    CutOff(usize),
}

/// Serves `app` on `listener` until `shutdown` says stop, then waits for open connections within the grace period.
pub async fn serve(listener: TcpListener, app: Router, options: ServeOptions, shutdown: &Shutdown) -> Ended {
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = Connection { app: app.clone(), options, stop: shutdown.stop.clone() };
                let abort = abort.clone();
                connections.spawn(async move {
                    tokio::select! {
                        () = connection.serve(stream, peer) => {}
                        () = abort.cancelled() => {}
                    }
                });
            }
            Err(error) => rest_after(&error).await,
        }
    }
    drop(listener);
    connections.close();
    tokio::select! {
        () = connections.wait() => return Ended::Drained,
        () = tokio::time::sleep(options.grace) => {}
        () = shutdown.now.cancelled() => {}
    }
    let left = connections.len();
    abort.cancel();
    connections.wait().await;
    if left == 0 { Ended::Drained } else { Ended::CutOff(left) }
}

/// A connection that died before it was accepted is nobody's problem; anything else is the system's, and passes.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "app.accept.failed");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

struct Connection {
    app: Router,
    options: ServeOptions,
    stop: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        // Small answers must not wait for the peer's acknowledgement; without the option they are only slower.
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request: Request<Incoming>| {
            let (app, mut request) = (self.app.clone(), request);
            (self.options.mark_peer)(request.extensions_mut(), peer);
            async move { Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|never| match never {})) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.options.header_timeout);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.options.write_timeout));
        let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, peer = %peer, "http.connection.ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    use super::*;

    const AGES: Duration = Duration::from_secs(3600);
    const MOMENT: Duration = Duration::from_millis(50);

    #[derive(Clone)]
    struct SeenPeer(SocketAddr);

    struct Running {
        address: SocketAddr,
        shutdown: Shutdown,
        ended: JoinHandle<Ended>,
    }

    async fn run(app: Router, header_timeout: Duration, grace: Duration) -> Running {
        run_with(app, header_timeout, grace, Shutdown::default()).await
    }

    async fn run_with(app: Router, header_timeout: Duration, grace: Duration, shutdown: Shutdown) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mark_peer = |extensions: &mut Extensions, peer| {
            extensions.insert(SeenPeer(peer));
        };
        let options = ServeOptions { header_timeout, write_timeout: MOMENT, grace, mark_peer };
        let server = shutdown.clone();
        let ended = tokio::spawn(async move { serve(listener, app, options, &server).await });
        Running { address, shutdown, ended }
    }

    impl Running {
        /// A connection on which a request for `path` was sent.
        async fn send(&self, path: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.expect("connected");
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("sent");
            stream
        }

        async fn end(self) -> Ended {
            self.ended.await.expect("no panic")
        }
    }

    /// All bytes until the server closes the connection.
    async fn rest(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("read");
        text
    }

    /// Reads until `part` has come.
    async fn read_until(stream: &mut TcpStream, part: &str) -> String {
        let mut text = String::new();
        while !text.contains(part) {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.expect("read");
            assert!(count > 0, "closed after {text:?}");
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        text
    }

    #[tokio::test]
    async fn a_head_that_never_ends_closes_the_connection() {
        let running = run(Router::new(), MOMENT, AGES).await;
        for start in ["", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
            let mut stream = TcpStream::connect(running.address).await.expect("connected");
            stream.write_all(start.as_bytes()).await.expect("sent");
            let answer = rest(stream).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
        running.shutdown.stop.cancel();
        assert_eq!(running.end().await, Ended::Drained);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_let_go() {
        let ended = CancellationToken::new();
        let guard = ended.clone();
        let flood = move || {
            // Dropped with the answer, when the connection is closed.
            let guard = guard.clone().drop_guard();
            let piece = vec![0_u8; 1 << 16];
            async move {
                let pieces = futures_util::stream::repeat_with(move || {
                    let _kept = &guard;
                    Ok::<_, Infallible>(piece.clone())
                });
                axum::body::Body::from_stream(pieces)
            }
        };
        let running = run(Router::new().route("/", get(flood)), AGES, AGES).await;
        let stream = running.send("/").await;
        ended.cancelled().await;
        drop(stream);
        running.shutdown.stop.cancel();
        assert_eq!(running.end().await, Ended::Drained);
    }

    #[tokio::test]
    async fn a_request_in_flight_is_finished_and_no_other_is_accepted() {
        let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (inside, gate) = (entered.clone(), release.clone());
        let handler = move || async move {
            inside.notify_one();
            gate.notified().await;
            "done"
        };
        let running = run(Router::new().route("/", get(handler)), AGES, AGES).await;
        let stream = running.send("/").await;
        entered.notified().await;

        running.shutdown.stop.cancel();
        let address = running.address;
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!running.ended.is_finished());
        release.notify_one();

        let answer = rest(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("done"), "{answer}");
        assert_eq!(running.end().await, Ended::Drained);
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_up_the_stop() {
        let running = run(Router::new().route("/", get(|| async { "ok" })), AGES, AGES).await;
        let mut stream = running.send("/").await;
        read_until(&mut stream, "ok").await;
        running.shutdown.stop.cancel();
        assert_eq!(rest(stream).await, "");
        assert_eq!(running.end().await, Ended::Drained);
    }

    fn stream_that_ends_with(token: CancellationToken) -> Router {
        let handler = move || async move {
            let first = futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from("event"))]);
            let end = async move { token.cancelled().await };
            Body::from_stream(first.chain(futures_util::stream::pending()).take_until(end))
        };
        Router::new().route("/", get(handler))
    }

    #[tokio::test]
    async fn an_open_stream_that_watches_the_token_is_ended_properly() {
        let shutdown = Shutdown::default();
        let app = stream_that_ends_with(shutdown.stop.clone());
        let running = run_with(app, AGES, AGES, shutdown).await;
        let mut stream = running.send("/").await;
        read_until(&mut stream, "event").await;

        running.shutdown.stop.cancel();

        let tail = rest(stream).await;
        assert!(tail.ends_with("0\r\n\r\n"), "the last chunk of a whole body: {tail:?}");
        assert_eq!(running.end().await, Ended::Drained);
    }

    #[tokio::test]
    async fn a_stream_that_goes_on_is_cut_off_after_the_grace_period() {
        let app = stream_that_ends_with(CancellationToken::new());
        let running = run(app, AGES, MOMENT).await;
        let mut stream = running.send("/").await;
        read_until(&mut stream, "event").await;
        running.shutdown.stop.cancel();
        assert_eq!(running.end().await, Ended::CutOff(1));
    }

    #[tokio::test]
    async fn the_second_step_does_not_wait_for_the_grace_period() {
        let app = stream_that_ends_with(CancellationToken::new());
        let running = run(app, AGES, AGES).await;
        let mut stream = running.send("/").await;
        read_until(&mut stream, "event").await;
        running.shutdown.stop.cancel();
        running.shutdown.now.cancel();
        assert_eq!(running.end().await, Ended::CutOff(1));
    }

    #[tokio::test]
    async fn the_application_knows_the_peer_and_serves_many_requests_per_connection() {
        let handler = |request: Request| async move {
            let peer = request.extensions().get::<SeenPeer>().expect("marked").0;
            format!("peer={peer};")
        };
        let running = run(Router::new().route("/", get(handler)), AGES, AGES).await;
        let mut stream = running.send("/").await;
        let own = format!("peer={};", stream.local_addr().expect("connected"));
        read_until(&mut stream, &own).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        read_until(&mut stream, &own).await;
        running.shutdown.stop.cancel();
        assert_eq!(running.end().await, Ended::Drained);
    }
}
