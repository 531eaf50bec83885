//! The `mission-control` program.
fn main() {}
