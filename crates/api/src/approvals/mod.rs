//! Approvals.

mod routes;
mod stream;
pub(crate) mod wire;

pub(crate) use routes::routes;
