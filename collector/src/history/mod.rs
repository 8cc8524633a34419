//! The series of a store along the main line, and the changes in them.

mod mainline;
pub mod steps;
pub mod trial;
pub mod watch;

pub use mainline::{Fact, MainLine, Seam, Track, tracks};
