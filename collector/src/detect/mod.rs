//! Judging: points and a policy go in, verdicts and changes come out. Pure.
//!
//! ```text
//! one commit     gate::limit → gate::screen → gate::confirm → gate::benjamini_hochberg
//! a series       classify → finder (noisy) | counts (exact, walk) → Findings
//! over time      replay: what would have been said at each commit, seeing only the past;
//!                tell: how sure it must be, looked at again and again
//! over people    life: one event per commit set, its states; group: many series, one cause
//! any CSV        csv → Finder → document
//! ```
//!
//! A series is a slice of [`Point`]s, strictly ascending by index; [`csv`] makes
//! such slices from rows in any order. Nothing here reads a clock, a file or a
//! global source of randomness.

pub mod classify;
mod counts;
pub mod csv;
pub mod document;
mod drift;
pub mod estimate;
pub mod finder;
pub mod gate;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod gate_tests;
pub mod group;
mod level;
pub mod life;
mod noise;
mod noisy;
pub mod persist;
mod place;
#[cfg(test)]
mod properties;
pub mod proposal;
pub mod replay;
mod segment;
mod shape;
pub mod tell;
mod verify;

pub use classify::Class;
pub use finder::{Change, Direction, Finder, Findings, Kind, Settings};

/// One commit's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The commit's position; may have gaps where commits were not measured.
    pub index: i64,
    /// A finite value.
    pub value: f64,
}
