//! A collector: takes a job, measures its commit through the same [`crate::run`] as the command
//! line, hands the report in.
//!
//! ```text
//! claim ─▶ lease ─▶ child process: fetch, check out, build, measure, store ─▶ parcel ─▶ finish
//!            └─ heartbeat, from a thread of its own ─ lost, cancelled ─▶ the child is killed
//! ```
//!
//! Its own store is its spool: what was measured is stored before it is handed in, so that a job
//! which comes again after a crash is answered at once. The child sees no token.
//!
//! ```text
//! DIR/lock                          held by the one collector that uses the directory
//! DIR/projects/NAME/clone/          the clone, with `.uptick/` as in any repository
//! DIR/projects/NAME/uptick.db       what was measured here
//! DIR/pulls/NAME/                   both once more, for one pull request after another
//! DIR/pulls/NAME/pull               whose builds and reports these are: no other one builds upon them
//! DIR/work/{lease,parcel,stage}     the job under way
//! ```

mod heart;
mod measure;
mod on_demand;
mod turn;

pub use measure::{Outcome, measure};
pub use on_demand::{Asked, OnDemand};
pub use turn::{Collector, Confined, Said, Turn};
