//! The server program: its command line, configuration, log and life cycle.

pub mod admin;
pub mod cli;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod http_settings;
pub mod logging;
pub mod serve;
mod sign_in;
pub mod signals;
pub mod start;
