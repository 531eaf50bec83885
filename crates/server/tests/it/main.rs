//! Tests of the whole program and of the application behind it.

mod access_matrix;
mod bad_input;
mod contract;
mod openapi;
mod process;
mod server_process;
