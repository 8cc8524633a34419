//! What is said of one measurement against its baseline.

use serde::{Deserialize, Serialize};

/// What is said of one measurement against its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within its limit.
    Unchanged,
    /// Dearer by more than its limit, confirmed.
    Regressed,
    /// Cheaper by more than its limit, confirmed.
    Improved,
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
    /// The word used in JSON and shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::Shifted => "shifted",
            Self::New => "new",
            Self::Vanished => "vanished",
            Self::Incomparable => "incomparable",
            Self::NoBaseline => "no_baseline",
        }
    }
}
