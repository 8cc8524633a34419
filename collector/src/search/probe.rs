//! What a search asks for and is told: probes, observations, the log that replays.

use crate::search::outcome::Outcome;
use serde::{Deserialize, Serialize};

/// One commit to build (unless its binary is at hand) and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Index of the commit in the range.
    pub commit: usize,
    /// How many runs to take.
    pub runs: usize,
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// One value per run, in order; fewer than asked for are accepted.
    Values(Vec<f64>),
    /// The commit gave no value: it does not build, does not run, or lacks the benchmark.
    Skip(String),
}

/// One line of the log that replays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Index of the commit in the range.
    pub commit: usize,
    /// What came of it.
    pub observation: Observation,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Measure these commits, in any order or at once, and observe all of them.
    Measure(Vec<Probe>),
    /// The answer stands.
    Done(Box<Outcome>),
}
