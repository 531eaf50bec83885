//! What agents call.

mod approvals;
mod routes;
mod tasks;
mod wire;

pub(crate) use routes::routes;
