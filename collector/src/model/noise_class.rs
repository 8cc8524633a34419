//! Why values may vary when nothing about the commit does.

use serde::{Deserialize, Serialize};

/// What makes a benchmark's value vary when nothing about the commit does.
///
/// Found by calibration when a benchmark is first seen on a testbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseClass {
    /// The same value every time: one run is the truth.
    Exact,
    /// Depends on the random seed, which is pinned; judged over several seeds.
    Seeded,
    /// Depends on addresses (hashers seeded from the stack, alignment); judged over several layouts.
    Layout,
    /// Differs between identical runs: threads, timers, the outside world.
    Threaded,
    /// A sampled quantity such as time: always noisy.
    Sampled,
}

impl NoiseClass {
    /// The word shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Seeded => "seeded",
            Self::Layout => "layout",
            Self::Threaded => "threaded",
            Self::Sampled => "sampled",
        }
    }

    /// Whether the same code gives the same value every time.
    #[must_use]
    pub const fn repeats(self) -> bool {
        matches!(self, Self::Exact)
    }
}

/// The class of that name; an unknown one is judged as the most careful.
#[must_use]
pub fn class_from_name(name: &str) -> NoiseClass {
    let all = [
        NoiseClass::Exact,
        NoiseClass::Seeded,
        NoiseClass::Layout,
        NoiseClass::Threaded,
    ];
    all.into_iter()
        .find(|c| c.name() == name)
        .unwrap_or(NoiseClass::Sampled)
}
