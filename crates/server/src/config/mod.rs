//! Configuration: where values come from, what they mean, and what happens when one is wrong.

pub mod auth;
pub mod load;
pub mod local_token;
pub mod refusal;
pub mod settings;
pub mod sources;
pub mod urls;
pub mod values;
pub mod variables;

#[cfg(test)]
mod tests;

pub use load::{Effective, Rejected};
pub use refusal::{Fault, Faults, Refusal};
pub use settings::Settings;
pub use sources::Sources;
