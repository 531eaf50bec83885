//! Tests of the whole program and of the application behind it.

mod access_matrix;
mod admin_cli;
mod agents;
mod attacks;
mod audit;
mod bad_input;
mod claims;
mod clerk;
mod contract;
mod crash;
mod custom_fields;
mod everything;
mod issuer_keys;
mod members;
mod oidc;
mod openapi;
mod org_deletion;
mod organizations;
mod process;
mod recorded;
mod server_process;
mod streams;
mod tags;
mod tasks;
mod tokens;
mod users;
