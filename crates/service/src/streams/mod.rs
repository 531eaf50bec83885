//! Live streams, pushed from the event log.
//!
//! One pump per board reads each new event once, for all streams of the board, and keeps the newest ones. A stream is
//! a position in the log: it takes what the pump holds, and reads the database itself only while it is further back.
//! Nothing is buffered per client, so a slow one costs no memory, and any position can be resumed.

mod feed;
mod task_events;

pub use feed::{BoardFeeds, TaskStream};
pub use task_events::{TaskEvent, TaskEventBody};

use mc_model::Timestamp;

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
