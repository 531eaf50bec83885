//! Tests of the whole program and of the application behind it.

mod process;
mod server_process;
