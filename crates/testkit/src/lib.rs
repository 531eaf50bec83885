//! The test application, its actors and its databases.

pub mod clock;
pub mod database;

pub use clock::ManualClock;
pub use database::{Backend, TestDatabase};
pub use mc_testkit_macros::db_test;
