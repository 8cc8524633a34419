//! The evidence, laid out along the range.
//!
//! Neighbouring commits with equal build keys collapse into one *point*; points
//! with the same key anywhere in the range share one *slot* of values (a revert
//! is measured by what it reverts to). All the rest of the search speaks of points.

use std::collections::BTreeMap;

use crate::search::prior;
use crate::search::range::{Range, RangeError};

/// Weight of a suspect that the prior excludes, as a share of the whole: such a
/// commit is still told apart from its neighbours if the change lies there.
const EPSILON: f64 = 1e-7;

/// The measured values of one build key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slot {
    /// Single runs: the store's first, then those observed, in order of arrival.
    pub(crate) values: Vec<f64>,
    /// How many of `values` came from the store.
    pub(crate) stored: usize,
    /// Runs observed.
    pub(crate) runs: usize,
    /// Why it gave no value.
    pub(crate) skip: Option<String>,
}

/// The points of a range and what is known of each.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    first: Vec<usize>,
    slot_of: Vec<usize>,
    point_of: Vec<usize>,
    /// `cumulative[p]` = prior mass of the points 1..=p.
    cumulative: Vec<f64>,
    /// Values per build key.
    pub(crate) slots: Vec<Slot>,
}

impl Track {
    /// Collapses the range into points.
    pub(crate) fn new(range: &Range) -> Result<Self, RangeError> {
        let commits = &range.commits;
        if commits.len() < 2 {
            return Err(RangeError::TooShort);
        }
        let finite = commits
            .iter()
            .all(|c| c.share.is_finite() && c.known.iter().all(|v| v.is_finite()));
        if !finite
            || !range
                .before
                .iter()
                .chain(&range.after)
                .all(|v| v.is_finite())
        {
            return Err(RangeError::NotFinite);
        }
        let mut track = Self {
            first: Vec::new(),
            slot_of: Vec::new(),
            point_of: Vec::new(),
            cumulative: Vec::new(),
            slots: Vec::new(),
        };
        let weights = prior::weights(commits);
        let mut slots: BTreeMap<u64, usize> = BTreeMap::new();
        let mut mass = 0.0;
        for (i, commit) in commits.iter().enumerate() {
            let slot = *slots.entry(commit.group).or_insert_with(|| {
                track.slots.push(Slot::default());
                track.slots.len() - 1
            });
            if track.slot_of.last() != Some(&slot) {
                mass += if i == 0 {
                    0.0
                } else {
                    weights[i].max(EPSILON / commits.len() as f64)
                };
                track.first.push(i);
                track.slot_of.push(slot);
                track.cumulative.push(mass);
            }
            track.point_of.push(track.first.len() - 1);
            track.slots[slot].values.extend_from_slice(&commit.known);
            track.slots[slot].stored += commit.known.len();
        }
        track.seed(0, &range.before);
        track.seed(track.len() - 1, &range.after);
        Ok(track)
    }

    /// Gives an end the values of the history that shares its level.
    fn seed(&mut self, point: usize, values: &[f64]) {
        let slot = self.slot_mut(point);
        slot.values.extend_from_slice(values);
        slot.stored += values.len();
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }

    /// The point of a commit.
    pub(crate) fn point(&self, commit: usize) -> Option<usize> {
        self.point_of.get(commit).copied()
    }

    /// The first commit of a point: the one that made the build key what it is.
    pub(crate) fn commit(&self, point: usize) -> usize {
        self.first[point]
    }

    /// The last commit of a point.
    pub(crate) fn last_commit(&self, point: usize) -> usize {
        self.first
            .get(point + 1)
            .copied()
            .unwrap_or(self.point_of.len())
            - 1
    }

    /// The slot number of a point.
    pub(crate) fn slot_index(&self, point: usize) -> usize {
        self.slot_of[point]
    }

    /// The evidence of a point.
    pub(crate) fn slot(&self, point: usize) -> &Slot {
        &self.slots[self.slot_of[point]]
    }

    /// The evidence of a point, to add to.
    pub(crate) fn slot_mut(&mut self, point: usize) -> &mut Slot {
        &mut self.slots[self.slot_of[point]]
    }

    /// Whether a point has a value.
    pub(crate) fn measured(&self, point: usize) -> bool {
        !self.slot(point).values.is_empty()
    }

    /// Whether a point was tried in vain and has no value.
    pub(crate) fn skipped(&self, point: usize) -> bool {
        self.failed(point) && !self.measured(point)
    }

    /// Whether a point was tried in vain, if only after it gave values: asking again is no use.
    pub(crate) fn failed(&self, point: usize) -> bool {
        self.slot(point).skip.is_some()
    }

    /// Whether a point can be asked for and has no value yet.
    pub(crate) fn open(&self, point: usize) -> bool {
        !self.measured(point) && !self.skipped(point)
    }

    /// Prior mass of the suspects `a+1 ..= b`.
    pub(crate) fn mass(&self, a: usize, b: usize) -> f64 {
        (self.cumulative[b] - self.cumulative[a]).max(0.0)
    }

    /// Whether a point strictly between `a` and `b` can still be measured.
    pub(crate) fn divisible(&self, a: usize, b: usize) -> bool {
        (a + 1..b).any(|p| self.open(p))
    }

    /// The open point strictly between `a` and `b` that best cuts the suspects
    /// at the quantile `q`, away from what was skipped.
    pub(crate) fn cut(&self, a: usize, b: usize, q: f64) -> Option<usize> {
        let mass = self.mass(a, b);
        let holes: Vec<usize> = (a + 1..b).filter(|&p| self.skipped(p)).collect();
        let reach = (holes.len() * holes.len()).max(1) as f64;
        let mut best: Option<(f64, usize)> = None;
        for p in (a + 1..b).filter(|&p| self.open(p)) {
            let miss = (self.mass(a, p) / mass - q).abs() / q.max(1.0 - q);
            let score = (1.0 - miss + 1e-9) * builds(&holes, reach, p);
            // A hair of slack, so that equal cuts go to the earlier commit whatever the rounding.
            if best.is_none_or(|(s, _)| score > s + 1e-9) {
                best = Some((score, p));
            }
        }
        best.map(|(_, p)| p)
    }

    /// The two ends of what can be searched, or the points to measure to find them.
    ///
    /// The first commit that gives a value from either side; steps past holes
    /// grow with the hole, so that a hundred broken commits cost a dozen tries.
    pub(crate) fn ends(&self) -> Result<(usize, usize), Vec<usize>> {
        let n = self.len();
        let left = self.walk((0..n).collect());
        let right = self.walk((0..n).rev().collect());
        match (left, right) {
            (Ok(a), Ok(b)) => Ok((a, b.max(a))),
            (a, b) => {
                let mut wanted: Vec<usize> = [a, b].into_iter().filter_map(Result::err).collect();
                wanted.dedup();
                // Both ends before a walk past holes: what the other end lacks too ends the search.
                wanted.sort_by_key(|&p| p != 0 && p != n - 1);
                Err(wanted)
            }
        }
    }

    /// The nearest point with a value along `order`, or the next one to try.
    fn walk(&self, order: Vec<usize>) -> Result<usize, usize> {
        let last = order.len() - 1;
        let mut at = 0;
        loop {
            let point = order[at];
            if self.measured(point) {
                return Ok(point);
            }
            if !self.skipped(point) {
                // Beyond a hole, a stored value nearby is as good as a new one.
                return Err(point);
            }
            if at == last {
                return Ok(point);
            }
            at = (at + 1 + at / 4).min(last);
        }
    }
}

/// How likely a point builds, judged by its distance from those that did not.
///
/// Neighbours of a broken commit are usually broken too; one hole halves the
/// odds next to it, several push the search away quadratically.
fn builds(holes: &[usize], reach: f64, p: usize) -> f64 {
    let near = holes.iter().map(|&h| h.abs_diff(p)).min();
    near.map_or(1.0, |d| 1.0 - 0.5_f64.powf(d as f64 / reach))
}
