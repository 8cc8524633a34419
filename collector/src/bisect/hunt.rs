//! One search under way, and one that has ended.

use crate::bisect::collectors::Collectors;
use crate::bisect::journal::Journal;
use crate::bisect::line::Line;
use crate::bisect::probe::Asked;
use crate::model::{Commit, Measurement};
use crate::run::{Progress, Runner};
use crate::search::{Answer, Outcome};
use crate::store::Store;
use std::time::Instant;

/// One search under way.
pub(crate) struct Hunt<'a> {
    pub(super) runner: &'a mut Runner,
    pub(super) store: &'a mut Store,
    /// The other runners, for `--jobs`.
    pub(super) others: Vec<(Runner, Store)>,
    /// Who measures in this machine's place.
    pub(super) collectors: Option<&'a dyn Collectors>,
    /// Commits that are looked at at the same time.
    pub(super) jobs: usize,
    pub(super) journal: &'a mut Journal,
    pub(super) progress: &'a dyn Progress,
    pub(super) asked: Asked,
    /// Whether counts of this metric usually repeat.
    pub(super) exact: bool,
    /// Some measurement of the benchmark.
    pub(super) like: Option<Measurement>,
    pub(super) began: Instant,
    /// Commits looked at by this process.
    pub(super) looks: usize,
    pub(super) notes: Vec<String>,
    /// Whether it was told that the culprit stands.
    pub(super) told: bool,
    /// By how much the ends of the range differ, once its search has ended.
    pub(super) whole_change: Option<f64>,
    /// Builds when the culprit stood, and builds after which the look for further steps ends.
    pub(super) settle_at: Option<(usize, usize)>,
}

/// A finished search over one line.
pub(crate) struct Trail {
    pub(super) line: Line,
    pub(super) section: usize,
    pub(super) outcome: Outcome,
}

impl Trail {
    pub(super) fn commit(&self, index: usize) -> &Commit {
        &self.line.commits[index]
    }

    /// The one culprit, with the commit before it in the line.
    pub(super) fn culprit(&self) -> Option<(&Commit, &Commit)> {
        match (self.outcome.answer, self.outcome.suspects.first()) {
            (Answer::Found, Some(&i)) if i > 0 => Some((self.commit(i), self.commit(i - 1))),
            _ => None,
        }
    }

    pub(super) fn delta(&self) -> f64 {
        self.outcome.after.value - self.outcome.before.value
    }
}
