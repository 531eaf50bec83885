//! One's own account.

mod routes;
mod tokens;
mod wire;

pub(crate) use routes::routes;
