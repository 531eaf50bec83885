//! What agents call.

mod routes;
mod tasks;
mod wire;

pub(crate) use routes::routes;
