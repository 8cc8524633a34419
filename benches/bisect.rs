//! Prints the figures of the bisect search on simulated ranges.
fn main() {}
