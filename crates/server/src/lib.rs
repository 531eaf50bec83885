//! The server program: its command line, configuration, log and life cycle.

pub mod cli;
pub mod config;
