//! Tests of the whole program and of the application behind it.

mod access_matrix;
mod agents;
mod bad_input;
mod claims;
mod contract;
mod crash;
mod openapi;
mod process;
mod server_process;
mod streams;
mod tasks;
mod users;
