//! The promises of the store, on both databases: writes, the event log, the job queue.

mod events;
mod queue;
mod world;
mod writes;
