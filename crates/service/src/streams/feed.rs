//! The pump of a board and the streams that follow it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mc_model::event::Scope;
use mc_model::ids::BoardId;
use mc_model::{Error, Result};
use mc_store::{self as store, Reader, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Shown, Slice, Start};
use crate::events::{Hub, Subscription};

/// How many events a pump keeps; who is further back reads the database.
const KEPT: usize = 4096;
/// How many log entries are read at once.
const SLICE: u32 = 200;
/// How long a pump trusts the absence of hints.
const TIMER: Duration = Duration::from_secs(3);
/// How long a pump leaves the machine to others after it woke its streams, for each of them: about twice what sending
/// to one costs. What comes meanwhile is sent together. Without the pause a board with thousands of streams and many
/// changes keeps writers and readers waiting behind its streams (docs/performance.md, streams under load).
const PAUSE_PER_STREAM: Duration = Duration::from_micros(50);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Shorter pauses are left out.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// The pumps of all boards that are being watched, for one kind of stream.
pub struct BoardFeeds<E> {
    store: Store,
    hub: Hub,
    shutdown: CancellationToken,
    tracker: TaskTracker,
    feeds: Arc<Mutex<HashMap<BoardId, Weak<Feed<E>>>>>,
}

/// What a pump holds. It ends when the last stream lets go of it.
struct Feed<E> {
    kept: Mutex<Kept<E>>,
    /// The log position up to which the pump has read.
    head: watch::Sender<i64>,
}

/// The newest events, and the position after which they are complete.
struct Kept<E> {
    complete_after: i64,
    events: VecDeque<Arc<E>>,
}

impl<E: Shown> BoardFeeds<E> {
    pub(crate) fn new(store: Store, hub: Hub, shutdown: CancellationToken, tracker: TaskTracker) -> Self {
        Self { store, hub, shutdown, tracker, feeds: Arc::default() }
    }

    pub(super) async fn follow(&self, board: BoardId, start: Start) -> Result<BoardStream<E>> {
        let reader = self.store.reader().clone();
        let feed = self.feed(board).await?;
        let scope = Scope::Board(board);
        let position = match start {
            Start::Now => Some(feed.position()),
            Start::Since(moment) => store::events::position_at(&reader, scope, moment).await?,
            Start::After(seq) => Some(seq.max(0)),
        };
        let position = position.ok_or_else(|| Error::not_found("There is no such board."))?;
        let head = feed.head.subscribe();
        Ok(BoardStream { board, reader, position, head, feed, shutdown: self.shutdown.clone() })
    }

    /// The feed of the board; the first who asks starts its pump.
    async fn feed(&self, board: BoardId) -> Result<Arc<Feed<E>>> {
        if let Some(feed) = self.running(board) {
            return Ok(feed);
        }
        let subscription = self.hub.subscribe(Scope::Board(board));
        let head = store::events::head(self.store.reader(), Scope::Board(board)).await?;
        let head = head.ok_or_else(|| Error::not_found("There is no such board."))?;
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&board).and_then(Weak::upgrade) {
            return Ok(feed);
        }
        let kept = Mutex::new(Kept { complete_after: head, events: VecDeque::new() });
        let feed = Arc::new(Feed { kept, head: watch::Sender::new(head) });
        feeds.retain(|_, feed| feed.strong_count() > 0);
        feeds.insert(board, Arc::downgrade(&feed));
        let pump = pump(Arc::downgrade(&feed), board, self.store.reader().clone(), subscription);
        let shutdown = self.shutdown.clone();
        self.tracker.spawn(async move { shutdown.run_until_cancelled(pump).await });
        Ok(feed)
    }

    fn running(&self, board: BoardId) -> Option<Arc<Feed<E>>> {
        let feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.get(&board).and_then(Weak::upgrade)
    }
}

/// Reads the log of the board for as long as somebody follows.
async fn pump<E: Shown>(feed: Weak<Feed<E>>, board: BoardId, reader: Reader, mut subscription: Subscription) {
    loop {
        let Some(position) = feed.upgrade().map(|feed| feed.position()) else { return };
        let slice = match E::read(&reader, board, position, SLICE).await {
            Ok(slice) => slice,
            Err(error) => {
                tracing::warn!(%error, board.id = %board, "stream.pump.read_failed");
                tokio::time::sleep(TIMER).await;
                continue;
            }
        };
        if slice.read_to > position {
            let Some(feed) = feed.upgrade() else { return };
            // A full slice says that there is more to catch up with.
            let is_behind = slice.read_to - position >= i64::from(SLICE);
            feed.append(slice);
            let pause = feed.pause();
            drop(feed);
            if pause >= SHORTEST_PAUSE && !is_behind {
                tokio::time::sleep(pause).await;
            }
        } else {
            // A timeout is as good as a hint: read again.
            tokio::time::timeout(TIMER, subscription.hint()).await.ok();
        }
    }
}

impl<E: Shown> Feed<E> {
    fn position(&self) -> i64 {
        *self.head.borrow()
    }

    fn pause(&self) -> Duration {
        let streams = u32::try_from(self.head.receiver_count()).unwrap_or(u32::MAX);
        PAUSE_PER_STREAM.saturating_mul(streams).min(LONGEST_PAUSE)
    }

    fn append(&self, slice: Slice<E>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.events.extend(slice.events.into_iter().map(Arc::new));
        while kept.events.len() > KEPT {
            if let Some(oldest) = kept.events.pop_front() {
                kept.complete_after = oldest.seq();
            }
        }
        drop(kept);
        self.head.send_replace(slice.read_to);
    }

    /// The events after `position` and how far they reach, or nothing when it is too far back.
    fn after(&self, position: i64) -> Option<(Vec<Arc<E>>, i64)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if position < kept.complete_after {
            return None;
        }
        let first = kept.events.partition_point(|event| event.seq() <= position);
        let events: Vec<_> = kept.events.range(first..).cloned().collect();
        let read_to = events.last().map_or(position, |event| event.seq());
        Some((events, read_to.max(position)))
    }
}

/// One client's view of the board's log.
pub struct BoardStream<E> {
    board: BoardId,
    reader: Reader,
    position: i64,
    feed: Arc<Feed<E>>,
    head: watch::Receiver<i64>,
    shutdown: CancellationToken,
}

impl<E: Shown> BoardStream<E> {
    /// The next events in order, at least one; none when the server stops or the database fails, after which the
    /// client resumes where it was.
    pub async fn next(&mut self) -> Option<Vec<Arc<E>>> {
        let shutdown = self.shutdown.clone();
        shutdown.run_until_cancelled(self.wait()).await.flatten()
    }

    async fn wait(&mut self) -> Option<Vec<Arc<E>>> {
        loop {
            self.head.mark_unchanged();
            let events = match self.feed.after(self.position) {
                Some((events, read_to)) => {
                    self.position = read_to;
                    events
                }
                None => self.catch_up().await?,
            };
            if !events.is_empty() {
                return Some(events);
            }
            if self.feed.after(self.position).is_some() {
                self.head.changed().await.ok()?;
            }
        }
    }

    /// Reads the database from a position that the pump no longer holds.
    async fn catch_up(&mut self) -> Option<Vec<Arc<E>>> {
        match E::read(&self.reader, self.board, self.position, SLICE).await {
            Ok(slice) => {
                self.position = slice.read_to;
                Some(slice.events.into_iter().map(Arc::new).collect())
            }
            Err(error) => {
                tracing::warn!(%error, board.id = %self.board, "stream.catch_up_failed");
                None
            }
        }
    }
}
