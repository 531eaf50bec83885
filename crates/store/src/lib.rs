//! Everything that knows SQL: the schema, the queries, the write transaction, the event log and the job queue.
//!
//! One code path serves SQLite and PostgreSQL. Queries are portable SQL text (see [`dialect`] for the few words that
//! differ) and are grouped by what they touch; each takes the tenant, board or row it is confined to. Nothing outside
//! this crate names a type of the database library.

mod bridge;
mod dialect;
mod lines;
mod neighbours;
mod sql;
mod sqlite;
mod store;
mod tx;
mod writer;

pub mod access;
pub mod activity;
pub mod agents;
pub mod api_tokens;
pub mod approvals;
pub mod boards;
pub mod custom_fields;
pub mod events;
pub mod gateways;
pub mod idempotency;
pub mod identities;
pub mod invites;
pub mod members;
pub mod migration;
pub mod operator;
pub mod organizations;
pub mod queue;
pub mod tags;
pub mod tasks;
pub mod users;

pub use sql::{Conn, Reader};
pub use store::{Committed, Listener, Store, StoreOptions};
pub use tx::{NewJob, WriteTx};

/// How many threads of the runtime may be busy with a statement at one time; it needs more than these to stay
/// responsive. A statement on SQLite runs on the thread that asks: each reader's, and the writer's.
pub const WAITING_THREADS: usize = sqlite::READERS + 1;
