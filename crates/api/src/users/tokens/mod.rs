//! The caller's API tokens. Additive: the contract has none.

mod routes;
mod wire;

pub(super) use routes::routes;
