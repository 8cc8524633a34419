//! The gate: did one commit move one benchmark further than it may?
//!
//! Three steps, each a function: [`limit`] says how far a value may move and
//! why; [`screen`] compares one sample of head with its base and only ever
//! raises a suspicion; [`confirm`] decides on fresh interleaved runs of both
//! sides against the history across commits. One sample is never proof: with n
//! points of history and k new ones the least rank p is 1/C(n+k, k), which at
//! n = 50 is 2e-2 for k = 1 and 3e-7 for k = 5.
//!
//! Answers to odd input: a value that is NaN or infinite is unusable and never
//! passes as unchanged; against a base of 0 only the absolute floor counts;
//! negative values are compared by their distance, relative to |base|; an empty
//! history leaves the floors, and a confirmation without enough runs says
//! [`Decision::CannotTell`].

mod confirm;
mod fdr;
mod level;
mod limit;
mod policy;
mod ruling;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use confirm::{Confirmation, Decision, confirm, confirm_in_rounds};
pub use fdr::benjamini_hochberg;
pub use level::{Past, Varies};
pub use limit::{Limit, expected, limit, limit_of};
pub use policy::Policy;
pub use ruling::{Rule, Ruling};

use serde::{Deserialize, Serialize};

use crate::model::Better;
use crate::stats::change;

/// What one sample says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// Not further than its limit.
    Within,
    /// Higher by more than its limit: measure again.
    SuspectUp,
    /// Lower by more than its limit: measure again.
    SuspectDown,
    /// One of the two is no number.
    Unusable,
}

/// Compares one value of head with its base.
#[must_use]
pub fn screen(base: f64, head: f64, limit: &Limit) -> Screen {
    if !base.is_finite() || !head.is_finite() {
        return Screen::Unusable;
    }
    let moved = head - base;
    if moved.abs() <= limit.units {
        Screen::Within
    } else if moved > 0.0 {
        Screen::SuspectUp
    } else {
        Screen::SuspectDown
    }
}

/// How much of the budget since a release is spent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cumulative {
    /// Relative change since the release.
    pub change: f64,
    /// The change that is allowed (fraction).
    pub budget: f64,
    /// Whether it is worse by more than that.
    pub exceeded: bool,
}

/// Judges the creep since a release, which no single commit shows: 20 × 0.2 % is 4.1 %.
///
/// Only what is worse counts. `None` when one of the values is no number or the budget
/// is not a number ≥ 0. From a release value of 0 any cost above `absolute_floor` exceeds it.
#[must_use]
pub fn cumulative(
    policy: &Policy,
    better: Better,
    release: f64,
    head: f64,
    budget: f64,
) -> Option<Cumulative> {
    if !release.is_finite() || !head.is_finite() || budget.is_nan() || budget < 0.0 {
        return None;
    }
    let allowed = (budget * release.abs()).max(policy.absolute_floor);
    Some(Cumulative {
        change: change(release, head),
        budget,
        exceeded: (head - release) * better.sign() > allowed,
    })
}
