//! One's own account.

mod routes;
mod wire;

pub(crate) use routes::routes;
