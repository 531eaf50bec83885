//! Live streams, pushed from the event log.
//!
//! One pump per board reads each new event once, for all streams of the board, and keeps the newest ones. A stream is
//! a position in the log: it takes what the pump holds, and reads the database itself only while it is further back.
//! Nothing is buffered per client, so a slow one costs no memory, and any position can be resumed.

mod approval_events;
mod feed;
mod task_events;

pub use approval_events::ApprovalEvent;
pub use feed::{BoardFeeds, BoardStream};
pub use task_events::{TaskEvent, TaskEventBody};

use std::future::Future;

use mc_model::ids::BoardId;
use mc_model::{Result, Timestamp};
use mc_store::Reader;

use crate::Services;
use crate::access::BoardReader;

/// A stream of changes of tasks.
pub type TaskStream = BoardStream<TaskEvent>;
/// A stream of changes of approvals.
pub type ApprovalStream = BoardStream<ApprovalEvent>;

/// Where a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next event.
    Now,
    /// With the first event at or after this moment.
    Since(Timestamp),
    /// After the event with this sequence number.
    After(i64),
}

/// One kind of event as a stream shows it.
pub trait Shown: Send + Sync + Sized + 'static {
    /// Position in the board's log.
    fn seq(&self) -> i64;

    /// Reads at most `limit` log entries of the board after `after`, and what the events of this kind among them show.
    fn read(
        db: &Reader,
        board: BoardId,
        after: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Slice<Self>>> + Send;
}

/// A part of the log: the events a stream shows, and how far the log was read for them.
pub struct Slice<E> {
    /// The events, in order.
    pub events: Vec<E>,
    /// The position of the last entry that was read.
    pub read_to: i64,
}

impl Services {
    /// Follows the tasks of the board.
    ///
    /// # Errors
    /// 404 when the board was deleted meanwhile.
    pub async fn follow_tasks(&self, on: &BoardReader, start: Start) -> Result<TaskStream> {
        self.task_feeds.follow(on.board.id, start).await
    }

    /// Follows the approvals of the board.
    ///
    /// # Errors
    /// 404 when the board was deleted meanwhile.
    pub async fn follow_approvals(&self, on: &BoardReader, start: Start) -> Result<ApprovalStream> {
        self.approval_feeds.follow(on.board.id, start).await
    }
}
