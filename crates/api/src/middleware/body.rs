//! How large and how slow a request body may be: 413 beyond the limit, 408 when it stops arriving.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// All of a body must be there within so many times the allowed stall: one byte per stall is no progress.
const WHOLE_BODY_STALLS: u32 = 4;

/// Why a body was not read to its end. Decoders see it as the source of their read error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRefused {
    /// Larger than `HttpSettings::body_limit_bytes`.
    TooLarge,
    /// Nothing came for `HttpSettings::body_timeout`, or the whole took four times that.
    Stalled,
}

impl fmt::Display for BodyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the request body is too large",
            Self::Stalled => "the request body stopped arriving",
        })
    }
}

impl std::error::Error for BodyRefused {}

/// What became of a body; shared by the body and the layer that answers in place of the handler.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict(Arc<AtomicU8>);

impl Verdict {
    pub(super) fn get(&self) -> Option<BodyRefused> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(BodyRefused::TooLarge),
            2 => Some(BodyRefused::Stalled),
            _ => None,
        }
    }

    fn set(&self, refused: BodyRefused) -> BodyRefused {
        self.0.store(if refused == BodyRefused::TooLarge { 1 } else { 2 }, Ordering::Relaxed);
        refused
    }
}

/// Puts a body under guard. A request without one passes untouched, a body that announces more than `limit`
/// bytes is refused before anything of it is read.
pub(super) fn guard(
    request: &mut Request,
    limit: u64,
    stall: Duration,
) -> Result<Option<Verdict>, BodyRefused> {
    if request.body().is_end_stream() {
        return Ok(None);
    }
    if request.body().size_hint().lower() > limit {
        return Err(BodyRefused::TooLarge);
    }
    let verdict = Verdict::default();
    let inner = std::mem::take(request.body_mut());
    let body = GuardedBody { inner, left: limit, stall, end: None, alarm: None, verdict: verdict.clone() };
    *request.body_mut() = Body::new(body);
    Ok(Some(verdict))
}

struct GuardedBody {
    inner: Body,
    left: u64,
    stall: Duration,
    /// When all must be there; counted from the first read.
    end: Option<Instant>,
    /// Set while the reader waits, so a reader that is slow itself is not the client's fault.
    alarm: Option<Pin<Box<Sleep>>>,
    verdict: Verdict,
}

impl HttpBody for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let body = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut body.inner).poll_frame(context) else {
            return body.wait(context);
        };
        body.alarm = None;
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            match body.left.checked_sub(length) {
                Some(left) => body.left = left,
                None => return Poll::Ready(Some(Err(body.refuse(BodyRefused::TooLarge)))),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl GuardedBody {
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, axum::Error>>> {
        let now = Instant::now();
        let end = *self.end.get_or_insert(now + self.stall * WHOLE_BODY_STALLS);
        let until = end.min(now + self.stall);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if alarm.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(self.refuse(BodyRefused::Stalled))))
    }

    fn refuse(&mut self, refused: BodyRefused) -> axum::Error {
        // Nothing more is read: what is still on its way is dropped with the connection.
        self.inner = Body::empty();
        self.alarm = None;
        axum::Error::new(self.verdict.set(refused))
    }
}
