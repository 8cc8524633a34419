//! Judging: points and a policy go in, verdicts and changes come out. Pure.

pub mod gate;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod gate_tests;
mod level;
