//! What is said of one measurement against its baseline.

use crate::model::metric::Metric;
use serde::{Deserialize, Serialize};

/// What is said of one measurement against its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within its limit.
    Unchanged,
    /// Worse by more than its limit: an exact count, or confirmed by further runs.
    Regressed,
    /// Better by more than its limit: an exact count, or confirmed by further runs.
    Improved,
    /// Moved, and nothing has confirmed it: never red, and fails nothing.
    Suspect,
    /// The total is the same, but cost moved between functions.
    Shifted,
    /// The baseline does not have this benchmark.
    New,
    /// The baseline has this benchmark and the head does not.
    Vanished,
    /// Measured on different testbeds or by different counters.
    Incomparable,
    /// There is nothing to compare with.
    NoBaseline,
}

impl Verdict {
    /// What is said of a move that holds.
    #[must_use]
    pub fn of_move(metric: &Metric, moved: f64) -> Self {
        if metric.is_worse(moved) {
            Self::Regressed
        } else {
            Self::Improved
        }
    }

    /// What moved, in the order in which it is shown.
    pub const MOVED: [Self; 4] = [
        Self::Regressed,
        Self::Improved,
        Self::Suspect,
        Self::Shifted,
    ];

    /// The word used in JSON and shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::Suspect => "suspect",
            Self::Shifted => "shifted",
            Self::New => "new",
            Self::Vanished => "vanished",
            Self::Incomparable => "incomparable",
            Self::NoBaseline => "no_baseline",
        }
    }
}
