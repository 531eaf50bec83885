//! Custom fields.

mod routes;
mod wire;

pub(crate) use routes::routes;
