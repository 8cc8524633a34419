//! The `uptick` command.
fn main() {}
