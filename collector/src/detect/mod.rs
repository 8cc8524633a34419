//! Judging: points and a policy go in, verdicts and changes come out. Pure.
//!
//! ```text
//! one commit     gate::limit → gate::screen → gate::confirm → gate::benjamini_hochberg
//! a series       steps: stretches that repeat, noisy stretches, counts → Findings
//! over time      alerts: what is reported when, what becomes of it, what has one cause
//! any CSV        csv → Finder → document
//! ```
//!
//! A series is a slice of [`Point`]s, strictly ascending by index; [`csv`] makes
//! such slices from rows in any order. Nothing here reads a clock, a file or a
//! global source of randomness.

pub mod alerts;
pub mod csv;
pub mod gate;
#[cfg(test)]
mod properties;
pub mod steps;

pub use steps::{Change, Class, Direction, Finder, Findings, Kind, Settings, Silence, drifted};

/// One commit's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The commit's position; may have gaps where commits were not measured.
    pub index: i64,
    /// A finite value.
    pub value: f64,
}
