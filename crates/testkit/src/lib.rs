//! The test application, its actors and its databases.
//!
//! ```ignore
//! #[db_test]
//! async fn a_stranger_sees_no_board(backend: Backend) {
//!     let app = TestApp::new(backend).await;
//!     let world = app.world().await;
//!     let answer = app.get(&world.stranger, &format!("/api/v1/boards/{}/tasks", world.board.id)).await;
//!     assert_eq!(answer.status, 403, "{answer}");
//! }
//! ```

pub mod actor;
pub mod answer;
pub mod app;
pub mod clock;
pub mod database;
pub mod fixture;
pub mod issuer;
pub mod raw;
pub mod stream;
pub mod world;

pub use actor::Actor;
pub use answer::Answer;
pub use app::{TestApp, TestAppBuilder};
pub use clock::ManualClock;
pub use database::{Backend, TestDatabase};
pub use issuer::{Health, TestIssuer};
pub use mc_testkit_macros::db_test;
pub use stream::{EventStream, SentEvent};
pub use world::{TestAgent, TestUser, World};
