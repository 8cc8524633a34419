//! Thresholds for `uptick bisect-step`, the helper of `git bisect run`.
//!
//! They come from the two measured ends, never from a person: the midpoint with
//! a guard band on both sides, inside which a commit is skipped rather than
//! judged, because one wrong word sends `git bisect` astray for good.

use serde::{Deserialize, Serialize};

use crate::search::exact::median;

/// What `git bisect run` is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepVerdict {
    /// As good as the good end: exit code 0.
    Good,
    /// As bad as the bad end: exit code 1.
    Bad,
    /// Between the two: exit code 125.
    Skip,
}

impl StepVerdict {
    /// The exit code that `git bisect run` understands.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Skip => 125,
        }
    }
}

/// Judges one commit by the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepJudge {
    /// The good end's level.
    pub good: f64,
    /// The bad end's level.
    pub bad: f64,
    /// Standard deviation of one run.
    pub sigma: f64,
    /// Runs per commit so that the midpoint is right 999 times in 1000.
    pub runs: usize,
}

/// Two-sided guard: each decision errs once in a thousand.
const Z: f64 = 3.09;

/// More runs than this per commit, and `git bisect run` is the wrong tool.
const MOST_RUNS: usize = 200;

impl StepJudge {
    /// Derives the thresholds; `None` where the ends do not differ by `min_effect`
    /// (a fraction of the good level) in the direction of `sign`, or not clearly.
    #[must_use]
    pub fn new(good: &[f64], bad: &[f64], min_effect: f64, sign: f64) -> Option<Self> {
        if good.is_empty() || bad.is_empty() {
            return None;
        }
        let (g, b) = (median(good), median(bad));
        let delta = (b - g) * sign;
        let sigma = spread(good, g).max(spread(bad, b));
        let error = sigma * (1.0 / good.len() as f64 + 1.0 / bad.len() as f64).sqrt();
        if delta <= 0.0 || delta < min_effect * g.abs() || delta < Z * error {
            return None;
        }
        // The mean of n runs must lie within Δ/2 of its level: n ≥ (2 Z σ / Δ)².
        let runs = (2.0 * Z * sigma / delta).powi(2).ceil() as usize;
        Some(Self {
            good: g,
            bad: b,
            sigma,
            runs: runs.clamp(1, MOST_RUNS),
        })
    }

    /// The verdict on a commit's runs.
    #[must_use]
    pub fn judge(&self, values: &[f64]) -> StepVerdict {
        if values.is_empty() {
            return StepVerdict::Skip;
        }
        let middle = f64::midpoint(self.good, self.bad);
        let away = (median(values) - middle) * (self.bad - self.good).signum();
        // As wide as the error of the mean, but never so wide that a level itself falls in.
        let guard =
            (0.4 * (self.bad - self.good).abs()).min(self.sigma / (values.len() as f64).sqrt());
        match away {
            a if a > guard => StepVerdict::Bad,
            a if a < -guard => StepVerdict::Good,
            _ => StepVerdict::Skip,
        }
    }
}

/// Standard deviation estimated from the median absolute deviation.
fn spread(values: &[f64], centre: f64) -> f64 {
    let deviations: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    1.4826 * median(&deviations)
}
