//! What a search says: the culprit or a credible set, every step found, the holes, what is left to
//! do.

use serde::{Deserialize, Serialize};

/// The kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// One commit is the culprit.
    Found,
    /// One of several commits is: skipped commits lie between, or more runs cannot tell.
    Range,
    /// The two ends do not differ by the smallest change of interest in the direction asked for.
    NotReproduced,
    /// The ends differ, but no place in the range can be made responsible for it.
    Undecided,
    /// Too few commits gave a value: nothing builds, or nothing runs.
    Unmeasurable,
}

/// A level with its interval of 95 %, in the metric's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// The value.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Level {
    /// A level without uncertainty.
    pub(crate) const fn exact(value: f64) -> Self {
        Self {
            value,
            low: value,
            high: value,
        }
    }

    /// A level from mean and standard error.
    pub(crate) fn normal(value: f64, error: f64) -> Self {
        Self {
            value,
            low: value - 1.96 * error,
            high: value + 1.96 * error,
        }
    }

    /// `other / self − 1`; 0 where this level is 0.
    #[must_use]
    pub fn change_to(&self, other: &Self) -> f64 {
        if self.value == 0.0 {
            0.0
        } else {
            (other.value - self.value) / self.value.abs()
        }
    }
}

/// One step in the range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The commits that may have made it, most probable first; one where it is certain.
    pub suspects: Vec<usize>,
    /// The last commit measured before the step.
    pub last_before: usize,
    /// The first commit measured after it.
    pub first_after: usize,
    /// The level before.
    pub before: Level,
    /// The level after.
    pub after: Level,
    /// The change as a fraction of the level before.
    pub change: f64,
    /// The step's size as a share of the range's total change; negative if it goes the other way.
    pub share: f64,
    /// Probability that the step lies within `suspects`.
    pub confidence: f64,
}

/// A commit that gave no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Index of the commit.
    pub commit: usize,
    /// Why, in words.
    pub why: String,
    /// Whether it lies among the suspects, so that it might be the culprit.
    pub touches: bool,
}

/// The answer with everything that a report wants to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The kind of answer.
    pub answer: Answer,
    /// Why, in one sentence, where the kind alone does not say it.
    pub reason: String,
    /// The culprit alone, or the credible set, most probable first. Empty unless `Found` or
    /// `Range`.
    pub suspects: Vec<usize>,
    /// Probability that the culprit is among the suspects.
    pub confidence: f64,
    /// The level at the good end.
    pub good: Level,
    /// The level at the bad end.
    pub bad: Level,
    /// The level before the culprit.
    pub before: Level,
    /// The level after the culprit.
    pub after: Level,
    /// The culprit's change as a fraction of the level before it.
    pub change: f64,
    /// All steps found, largest first, the culprit's among them.
    pub steps: Vec<Step>,
    /// Share of the range's total change that the steps explain; 1 is all.
    pub explained: f64,
    /// Commits without a value, in order.
    pub skipped: Vec<Skipped>,
    /// The range that was really searched: the nearest commits to both ends that gave a value.
    pub ends: Option<(usize, usize)>,
    /// Builds asked for (groups of equal build keys measured anew).
    pub builds: usize,
    /// Runs asked for.
    pub runs: usize,
    /// Groups answered by the store.
    pub reused: usize,
    /// Whether the values were treated as exact.
    pub exact: bool,
}

/// How far a search has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Builds done, skipped ones included.
    pub builds_done: usize,
    /// Builds that are probably left.
    pub builds_left: usize,
    /// Runs done.
    pub runs_done: usize,
    /// Runs that are probably left.
    pub runs_left: usize,
    /// The best suspect so far and its probability.
    pub suspect: Option<(usize, f64)>,
}

/// What a regime concludes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// Set where no step is blamed.
    pub(crate) answer: Option<Answer>,
    /// Why.
    pub(crate) reason: String,
    /// The steps found.
    pub(crate) steps: Vec<Step>,
    /// The levels at both ends, where they are better known than by the median.
    pub(crate) ends: Option<(Level, Level)>,
}

impl Verdict {
    pub(crate) fn none(answer: Answer, reason: String) -> Self {
        Self {
            answer: Some(answer),
            reason,
            ..Self::default()
        }
    }

    pub(crate) fn steps(steps: Vec<Step>) -> Self {
        Self {
            steps,
            ..Self::default()
        }
    }
}
