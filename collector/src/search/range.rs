//! What a search is given: the commits of the range, what is known of them, and the options.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One commit of the range, good first and bad last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Commits with equal build keys carry the same number: one measurement
    /// answers for all of them.
    pub group: u64,
    /// Share (0 to 1) of the range's |Δcost| that lies in files which this
    /// commit touches; 0 for all where nothing is known.
    #[serde(default)]
    pub share: f64,
    /// Whether the commit changes anything that the build reads. A commit that
    /// does not is never a suspect.
    pub changes_build: bool,
    /// Values that the store already holds for this commit, single runs in the
    /// order taken.
    #[serde(default)]
    pub known: Vec<f64>,
}

/// The commits from good to bad and what the store knows about their surroundings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Commits in first-parent order; the first is good, the last is bad.
    pub commits: Vec<Candidate>,
    /// Stored values of commits before good that lie on good's level.
    #[serde(default)]
    pub before: Vec<f64>,
    /// Stored values of commits after bad that lie on bad's level.
    #[serde(default)]
    pub after: Vec<f64>,
}

/// Which way the change that is looked for goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The commit that made the value larger.
    #[default]
    Up,
    /// The commit that made it smaller (`--fixed`).
    Down,
}

impl Direction {
    /// +1 for up, −1 for down.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Up => 1.0,
            Self::Down => -1.0,
        }
    }
}

/// What is known about the noise before the first run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Two runs of one build give the same value: one run is the truth.
    Exact,
    /// Nothing is known; a few runs at both ends tell.
    #[default]
    Unknown,
    /// Stored residuals (value − level of its commit), in the metric's unit,
    /// and the standard deviation between builds of equal code where it is known.
    Known {
        /// Run-to-run residuals; their shape and scale are used.
        residuals: Vec<f64>,
        /// Between-build standard deviation.
        between: Option<f64>,
        /// Runs of stored builds of equal code, a list each, as deviations from the level that
        /// they share: they tell noise and, where `between` is not known, what builds differ by.
        #[serde(default)]
        builds: Vec<Vec<f64>>,
    },
}

/// How sure, how small, how dear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Which way the change goes.
    pub direction: Direction,
    /// The smallest change of interest, as a fraction of the good level.
    pub min_effect: f64,
    /// Stop when one suspect (or a set that cannot shrink) has this probability; where levels and
    /// noise come from the search's own runs, it goes on until an eighth less may be amiss.
    pub confidence: f64,
    /// What is known about the noise.
    pub noise: Noise,
    /// What one build costs, in runs; the driver knows both times.
    pub build_cost: f64,
    /// Give up refining after this many builds.
    pub max_builds: usize,
    /// Where one range holds several steps, look for hidden ones up to this many builds.
    pub explore_builds: usize,
    /// Give up after this many runs; noisy regime only.
    pub max_runs: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            direction: Direction::Up,
            min_effect: 0.002,
            confidence: 0.96,
            noise: Noise::Unknown,
            build_cost: 20.0,
            max_builds: 64,
            explore_builds: 32,
            max_runs: 4000,
        }
    }
}

/// Why a range cannot be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeError {
    /// Fewer than two commits.
    TooShort,
    /// A known value, share or option is not a finite number in its bounds.
    NotFinite,
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "a range needs a good and a bad commit that differ",
            Self::NotFinite => "a known value, a share or an option is not a finite number",
        })
    }
}

impl std::error::Error for RangeError {}
