//! The series of a store along the main line, and the changes in them.

mod causes;
mod mainline;
mod refresh;
pub mod steps;
pub mod trial;
pub mod watch;

pub use causes::causes;
pub use mainline::{Fact, MainLine, Seam, Track, tracks};
pub use refresh::{line_of, refresh};
