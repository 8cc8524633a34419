//! Changes over time: what would have been reported when, what becomes of it, and which changes
//! have one cause.
//!
//! ```text
//! replay    what would have been said at each commit, seeing only the past
//! ripe      how sure a change must be, looked at again and again
//! life      one event per commit set, and its states
//! group     many series, one cause
//! ```

pub mod estimate;
pub mod group;
pub mod life;
pub mod persist;
pub mod proposal;
pub mod replay;
pub mod ripe;
