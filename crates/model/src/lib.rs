//! The domain of Mission Control: types, state machines and permission rules as pure functions.
//!
//! Nothing here performs I/O or knows a runtime; every other crate may depend on this one.

pub mod access;
pub mod agent;
pub mod approval;
pub mod board;
pub mod clock;
pub mod custom_field;
pub mod error;
pub mod event;
pub mod ids;
pub mod invite;
pub mod membership;
pub mod organization;
pub mod page;
pub mod secret;
pub mod tag;
pub mod task;
pub mod token;
pub mod user;

pub use clock::{Clock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind, Result};
pub use page::{Page, PageRequest};
