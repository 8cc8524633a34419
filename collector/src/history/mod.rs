//! The series of a store along the main line, and the changes in them.

mod before;
mod causes;
mod drifts;
mod floor;
pub mod health;
mod lasting;
mod mainline;
mod narrowing;
mod refresh;
pub mod replay;
pub mod retention;
mod snoozed;
pub mod steps;
mod stored;
pub mod watch;

pub use before::{Before, left};
pub use causes::{Cause, Caused, causes, grouped};
pub use drifts::{open_among, open_drift};
pub use floor::Floor;
pub use lasting::{between, harm};
pub use mainline::{Fact, MainLine, TestbedChange, Track, tracks};
pub use narrowing::{Wanted, narrowing};
pub use refresh::{Whose, fork, line_of, refresh, set_line};
pub use snoozed::{moment, snoozed};
pub use stored::{Stored, untold_note};
