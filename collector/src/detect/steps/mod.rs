//! The changes of one series: what kind of series it is, where it steps, how sure that is.
//!
//! ```text
//! classify → noisy: cut, take drift out, test, place | counts: exact and walking series → Findings
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
mod ticks;
pub(crate) mod verify;

pub use classify::Class;
pub use finder::{Change, Direction, Finder, Findings, Kind, Settings};
