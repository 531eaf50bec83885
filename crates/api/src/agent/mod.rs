//! What agents call.

mod approvals;
mod routes;
mod tags;
mod tasks;
mod wire;

pub(crate) use routes::routes;
