//! The changes of one series: what kind of series it is, where it steps, how sure that is.
//!
//! ```text
//! repeats: stretches that repeat a value, at once ─┐
//! noisy:   season, drift → segment, seeded → verify → sift → place; again in each piece ─┴▶ Findings
//! counts:  young and walking counts
//! ```

pub mod classify;
pub(crate) mod counts;
mod drift;
pub mod finder;
mod modes;
mod noise;
mod noisy;
mod pieces;
pub(crate) mod place;
mod repeats;
mod season;
pub(crate) mod seeded;
mod segment;
mod shape;
mod sift;
pub mod silence;
mod slope;
mod smallest;
mod stretches;
mod ticks;
pub(crate) mod verify;

pub use classify::Class;
pub use finder::{Change, Direction, Finder, Findings, Kind, Settings};
pub use silence::Silence;
pub use slope::drifted;
pub use smallest::{LASTING, smallest_step};
