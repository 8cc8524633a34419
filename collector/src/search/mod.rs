//! From "it got slower" to the commit: which commit to measure next, when to stop, how sure.
//!
//! Everything here is pure. It runs no git, builds nothing, reads no clock and no random
//! numbers: the driver ([`crate::bisect`]) asks [`Search::next`] what to measure, measures
//! it, and hands the values to [`Search::observe`]. The whole state is the
//! evidence, so that a log of observations replays to the same search, and the
//! order in which the probes of one batch finish does not matter.
//!
//! ```text
//! Range + Options ─▶ Search ──next(jobs)──▶ Measure [commit × runs …] ─▶ driver: git, build, run
//!                      ▲                                                   │
//!                      └───────────────── observe(commit, values | skip) ──┘
//!                      └──▶ Done(Outcome): culprit or credible set, all steps, holes
//! ```
//!
//! Two regimes, chosen by the values themselves:
//!
//! * **exact** (5 × spread < |Δ|): one run is the truth and builds are the
//!   cost. Every segment that still carries a good part of the change is split
//!   at the weighted median of the prior ([`prior`]), until the steps are single
//!   commits.
//! * **noisy**: Bayes on the values, with the two levels integrated out, the
//!   noise shape learned, and a between-build variance beside the run-to-run
//!   one; the next probe is where information per cost is greatest.

mod exact;
pub mod finding;
mod narrow;
mod noisy;
mod outcome;
pub mod prior;
mod probe;
mod range;
#[expect(
    clippy::module_inception,
    reason = "the state machine that the folder is about"
)]
mod search;
pub mod simulate;
mod step;
#[cfg(test)]
mod tests;
mod track;

pub use narrow::narrow;
pub use outcome::{Answer, Estimate, Level, Outcome, Skipped, Step};
pub use probe::{Action, LogEntry, Observation, Probe};
pub use range::{Candidate, Direction, Noise, Options, Range, RangeError};
pub use search::Search;
pub use step::{StepJudge, StepVerdict};
