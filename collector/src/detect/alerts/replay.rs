//! What would have been said at each commit, seeing only the points up to it.
//!
//! The same object appends live points: one search over the last
//! [`WINDOW`] points per commit, and a memory of what was already said.

use serde::{Deserialize, Serialize};

use crate::detect::alerts::{life, ripe};
use crate::detect::steps::finder::{Change, Direction, Finder, Settings};
use crate::detect::{Class, Point};

/// Points that a new commit is judged with. More find no smaller steps that
/// matter (2 sigma are sure with 60), and the noise of last year is not today's.
pub const WINDOW: usize = 500;

/// Part of a window's beginning in which nothing new is believed once the window
/// moves: a boundary that was settled with more points on its left may wander there.
const STALE: usize = WINDOW / 10;

/// The moment at which a change is reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// The commit at which it would have been reported.
    pub at: i64,
    /// The commit that is blamed (`index ≤ at`).
    pub index: i64,
    /// First commit of the set that is blamed.
    pub first: i64,
    /// Last commit of the set that is blamed.
    pub last: i64,
    /// Which way.
    pub direction: Direction,
    /// Relative change as seen at that moment.
    pub change: f64,
    /// How far the value could have moved without a word, as a fraction.
    pub limit: f64,
}

/// One series as it grows.
#[derive(Debug, Default)]
pub struct Replay {
    settings: Settings,
    window: Vec<Point>,
    moved: bool,
    reported: Vec<Change>,
    /// What the last looks saw and did not tell yet, and how many looks in a row.
    seen: Vec<(Change, usize)>,
}

impl Replay {
    /// An empty series.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Appends the next commit and says what is new. The finder may serve many series.
    ///
    /// An index that is not above the last one is ignored: a series is replayed
    /// in the order of its commits, whatever the order of arrival was.
    pub fn push(&mut self, finder: &mut Finder, point: Point) -> Vec<Flag> {
        if self.window.last().is_some_and(|l| l.index >= point.index) || !point.value.is_finite() {
            return Vec::new();
        }
        self.window.push(point);
        if self.window.len() > WINDOW + STALE {
            // In strides, so that appending stays cheap.
            self.window.drain(..STALE);
            self.moved = true;
        }
        let found = finder.find(&self.window);
        let fresh = if self.moved {
            self.window[STALE].index
        } else {
            i64::MIN
        };
        let limit = limit(&self.settings, found.class, found.noise);
        let mut flags = Vec::new();
        self.seen = seen_again(&self.seen, &found.changes);
        for (i, c) in found.changes.iter().enumerate() {
            let ripe = ripe::is_ripe(c, &found, &self.window)
                && ripe::stands(c, &found, &self.window, self.seen[i].1);
            if c.index >= fresh && !self.known(c) && ripe {
                flags.push(flag(point.index, c, limit));
                self.reported.push(c.clone());
            }
        }
        flags
    }

    /// Begins with points that were judged before; what is ripe among them counts as reported.
    ///
    /// This is how a live series resumes from the store without replaying its past.
    pub fn fill(&mut self, finder: &mut Finder, points: &[Point]) {
        let from = points.len().saturating_sub(WINDOW);
        self.window.clear();
        self.window.extend_from_slice(&points[from..]);
        self.moved = from > 0;
        let found = finder.find(&self.window);
        let ripe = |c: &&Change| ripe::is_ripe(c, &found, &self.window);
        self.reported = found.changes.iter().filter(ripe).cloned().collect();
    }

    /// What was reported and still stands: found again, or not yet refuted by a second look.
    ///
    /// Opening takes p ≤ 2e-4 and closing p > 1e-2, so that an alarm does not flicker.
    #[must_use]
    pub fn standing(&self) -> Vec<&Change> {
        let begin = self.window.first().map_or(i64::MAX, |p| p.index);
        let stands = |c: &&Change| c.index <= begin || life::still_seen(&self.window, c);
        self.reported.iter().filter(stands).collect()
    }

    /// Whether this change was reported: the same way, at an overlapping or neighbouring set.
    fn known(&mut self, c: &Change) -> bool {
        let same = self.reported.iter_mut().find(|t| life::is_same(t, c));
        match same {
            // A boundary that moved takes its set along.
            Some(t) => {
                t.clone_from(c);
                true
            }
            None => false,
        }
    }
}

/// The changes with the number of looks in a row that saw them.
fn seen_again(before: &[(Change, usize)], now: &[Change]) -> Vec<(Change, usize)> {
    let looks = |c: &Change| {
        let same = before.iter().find(|b| life::is_same(&b.0, c));
        same.map_or(0, |b| b.1)
    };
    now.iter().map(|c| (c.clone(), looks(c) + 1)).collect()
}

/// How far a value may lie off without being reported.
fn limit(settings: &Settings, class: Class, noise: f64) -> f64 {
    let least = match class {
        Class::Exact | Class::Young => crate::detect::steps::counts::SAME_RELATIVE,
        Class::Walk | Class::Noisy => noise,
    };
    settings.relative_floor.max(least)
}

fn flag(at: i64, c: &Change, limit: f64) -> Flag {
    let (index, first, last) = (c.index, c.first, c.last);
    Flag {
        at,
        index,
        first,
        last,
        direction: c.direction(),
        change: c.change,
        limit,
    }
}
