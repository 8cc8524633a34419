//! The changes of one series: which commits, how much, how sure.

use serde::{Deserialize, Serialize};

use crate::detect::Point;
use crate::detect::steps::classify::{Class, YOUNG, classify};
use crate::detect::steps::noisy::Scratch;
use crate::detect::steps::pieces::Boundary;
use crate::detect::steps::place::NEAR;
pub use crate::detect::steps::repeats::STUCK;
use crate::detect::steps::silence::Silence;
use crate::detect::steps::{counts, repeats, stretches};
use crate::stats;

/// What is worth reporting.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// Changes below this fraction of the level before are left out.
    pub relative_floor: f64,
    /// The values are counts that repeat: the same code gives the same value, so that every
    /// move is the code's own, however young the series is and however often it moves.
    pub counted: bool,
}

impl Settings {
    /// The same for a series whose values do or do not repeat.
    #[must_use]
    pub const fn counted(self, counted: bool) -> Self {
        Self { counted, ..self }
    }
}

/// Which way a value went; whether that is worse is up to its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It rose.
    Up,
    /// It fell.
    Down,
}

/// What a change is blamed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A new level from one commit on.
    Step,
    /// The testbed changed within the commit set: no commit is blamed.
    Environment,
    /// A slope over many commits, which somebody opened as a change: no commit is blamed. It is
    /// named by the commit up to which it went then.
    Drift,
}

/// A step in a series that lasted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Change {
    /// The likeliest first commit of the new level (a measured one).
    pub index: i64,
    /// The first commit that may have caused it; commits without a measurement count.
    pub first: i64,
    /// The last commit that may have caused it: the set holds the cause with 95 %.
    pub last: i64,
    /// Median level before.
    pub before: f64,
    /// Median level after.
    pub after: f64,
    /// Relative change from the one level to the other (0.05 = +5 %); infinite from a level of 0,
    /// which JSON writes as `null`.
    pub change: f64,
    /// Lower end of an interval that holds it, and its true size with 95 %.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// 1 − p of the test that confirmed it, autocorrelation allowed for.
    pub confidence: f64,
    /// What it is blamed on.
    pub kind: Kind,
}

/// A change as JSON has it, which knows no infinity: a change from 0 is `null` there.
#[derive(Deserialize)]
struct Written {
    index: i64,
    first: i64,
    last: i64,
    before: f64,
    after: f64,
    change: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    confidence: f64,
    kind: Kind,
}

impl From<Written> for Change {
    fn from(w: Written) -> Self {
        let from_levels = stats::change(w.before, w.after);
        Self {
            index: w.index,
            first: w.first,
            last: w.last,
            before: w.before,
            after: w.after,
            change: w.change.unwrap_or(from_levels),
            low: w.low.unwrap_or(from_levels),
            high: w.high.unwrap_or(from_levels),
            confidence: w.confidence,
            kind: w.kind,
        }
    }
}

impl Change {
    /// Which way it went.
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.after >= self.before {
            Direction::Up
        } else {
            Direction::Down
        }
    }

    /// The same with its size by its levels, which stand beside it wherever it is shown. An estimate
    /// of another kind, as stores have it that were written before, stays within the interval.
    #[must_use]
    pub fn by_levels(self) -> Self {
        let change = stats::change(self.before, self.after);
        Self {
            change,
            low: self.low.min(change),
            high: self.high.max(change),
            ..self
        }
    }

    /// Whether two commit sets have a commit in common.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Blames the testbed when it changed at one of `environment`'s positions within the set.
    pub fn mark_environment(&mut self, environment: &[i64]) {
        if environment
            .iter()
            .any(|e| (self.first..=self.last).contains(e))
        {
            self.kind = Kind::Environment;
        }
    }
}

/// Everything that is said about one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// What kind of series it is.
    pub class: Class,
    /// How much it varies from commit to commit around its levels (fraction of the level).
    pub noise: f64,
    /// A drift that goes through the whole series, per point (fraction of the level); 0 for none.
    pub drift: f64,
    /// The longest run of identical values in a noisy series: from 20 on, the pipeline is stuck.
    pub stuck: usize,
    /// Its changes, ascending.
    pub changes: Vec<Change>,
    /// Why it shows none, if it shows none.
    pub silence: Option<Silence>,
    /// As in [`Settings::counted`].
    pub counted: bool,
}

/// Finds changes; keeps its scratch space between series.
#[derive(Debug, Default)]
pub struct Finder {
    settings: Settings,
    scratch: Scratch,
    values: Vec<f64>,
}

/// Whole numbers from this size on are counts of something: a fifty-thousandth of them is two.
const WHOLE_FROM: f64 = 1e5;

/// Points on each side that an effect is measured over: as many as give a median
/// to a tenth of the noise; more would only bring in drift.
const EFFECT_POINTS: usize = 60;

impl Finder {
    /// A finder with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Everything that can be said about a series, strictly ascending by index, of finite values.
    pub fn find(&mut self, points: &[Point]) -> Findings {
        self.values.clear();
        self.values.extend(points.iter().map(|p| p.value));
        let y = &self.values;
        let class = classify(y, self.settings.counted);
        let mut search = Search {
            counted: self.settings.counted,
            scratch: &mut self.scratch,
        };
        let (found, drift) = match class {
            Class::Young if self.settings.counted => (counts::leaps(y), 0.0),
            Class::Young => (Vec::new(), 0.0),
            Class::Walk if self.settings.counted => {
                let (levels, drift) = search.part(y);
                (united(counts::walk(y), levels), drift)
            }
            Class::Exact | Class::Walk | Class::Noisy => search.steps(y),
        };
        let floor = self.settings.relative_floor.max(layout(y));
        // By the shift, and not by the levels: a median jumps from one mode to the other.
        let is_news = |(c, shift): &(Change, f64)| shift.abs() >= floor && c.before != c.after;
        let changes: Vec<Change> = (0..found.len())
            .map(|i| describe(points, y, &found, i))
            .filter(is_news)
            .map(|(change, _)| change)
            .collect();
        let level = stats::median(y).unwrap_or(0.0).abs();
        let relative = |x: f64| if level > 0.0 { x / level } else { 0.0 };
        let sigma = residual_sigma(y, &found, drift);
        let stuck = if class == Class::Noisy {
            longest_run(y)
        } else {
            0
        };
        let (noise, drift) = (relative(sigma), relative(drift));
        let silence = if changes.is_empty() {
            Silence::of(y, class, (noise, drift), self.settings.relative_floor)
        } else {
            None
        };
        Findings {
            class,
            noise,
            drift,
            stuck,
            changes,
            silence,
            counted: self.settings.counted,
        }
    }
}

/// What nobody need have changed for large whole numbers to move, as a fraction: layout alone.
fn layout(y: &[f64]) -> f64 {
    if y.iter().all(|v| v.fract() == 0.0 && v.abs() >= WHOLE_FROM) {
        counts::SAME_RELATIVE
    } else {
        0.0
    }
}

/// The leaps of a walk, and the levels that it has beside them.
fn united(mut leaps: Vec<Boundary>, levels: Vec<Boundary>) -> Vec<Boundary> {
    let new = |b: &Boundary| leaps.iter().all(|l| l.at.abs_diff(b.at) > NEAR);
    let levels: Vec<Boundary> = levels.into_iter().filter(new).collect();
    leaps.extend(levels);
    leaps.sort_unstable_by_key(|b| b.at);
    leaps
}

/// Searches a series stretch by stretch.
struct Search<'a> {
    counted: bool,
    scratch: &'a mut Scratch,
}

impl Search<'_> {
    /// The boundaries of a series, and the drift per point of its longest stretch.
    ///
    /// What stretches of repeated values show is certain and parts the series; each part is
    /// judged by its own noise.
    fn steps(&mut self, y: &[f64]) -> (Vec<Boundary>, f64) {
        let certain = repeats::steps(y, self.counted);
        let mut out = Vec::with_capacity(certain.len());
        let (mut drift, mut longest) = (0.0, 0);
        let ends = certain.iter().map(|b| Some(*b)).chain([None]);
        let mut from = 0;
        for end in ends {
            let to = end.map_or(y.len(), |b| b.at);
            let (found, slope) = self.part(&y[from..to]);
            if to - from > longest {
                (drift, longest) = (slope, to - from);
            }
            out.extend(found.into_iter().map(|b| b.moved(from)));
            out.extend(end);
            from = to;
        }
        (out, drift)
    }

    /// The boundaries of a stretch that differs by noise, ticks or modes.
    fn part(&mut self, y: &[f64]) -> (Vec<Boundary>, f64) {
        if y.len() < YOUNG || repeats::is_plain(y) {
            return (Vec::new(), 0.0);
        }
        let Some(keep) = repeats::thawed(y) else {
            return stretches::boundaries(y, self.scratch);
        };
        let kept: Vec<f64> = keep.iter().map(|i| y[*i]).collect();
        let (found, drift) = stretches::boundaries(&kept, self.scratch);
        let back = |b: Boundary| Boundary {
            at: keep[b.at],
            range: (keep[b.range.0], keep[b.range.1]),
            ..b
        };
        (found.into_iter().map(back).collect(), drift)
    }
}

/// Spread around the levels of all pieces, which a drift tilts: what a slope moves is no noise.
fn residual_sigma(y: &[f64], found: &[Boundary], drift: f64) -> f64 {
    let flat: Vec<f64> = y
        .iter()
        .zip(0_u32..)
        .map(|(v, t)| v - drift * f64::from(t))
        .collect();
    let mut out = Vec::with_capacity(y.len());
    let ends = found.iter().map(|b| b.at).chain(std::iter::once(y.len()));
    let mut from = 0;
    for to in ends {
        let m = stats::median(&flat[from..to]).unwrap_or(0.0);
        out.extend(flat[from..to].iter().map(|v| v - m));
        from = to;
    }
    stats::clipped_sigma(&out).unwrap_or(0.0)
}

fn longest_run(y: &[f64]) -> usize {
    y.chunk_by(|a, b| a == b)
        .map(<[f64]>::len)
        .max()
        .unwrap_or(0)
}

/// One boundary as people and documents want it, and the relative shift there.
fn describe(points: &[Point], y: &[f64], found: &[Boundary], i: usize) -> (Change, f64) {
    let b = found[i];
    let from = if i == 0 { 0 } else { found[i - 1].at };
    let to = found.get(i + 1).map_or(y.len(), |n| n.at);
    let left = &y[from.max(b.at.saturating_sub(EFFECT_POINTS))..b.at];
    let right = &y[b.at..to.min(b.at + EFFECT_POINTS)];
    let before = stats::median(left).unwrap_or(0.0);
    let after = stats::median(right).unwrap_or(0.0);
    let (shift, low, high) = effect(left, right, before, after);
    let first = match b.range.0.checked_sub(1) {
        Some(previous) => points[previous].index + 1,
        None => points[0].index,
    };
    let change = Change {
        index: points[b.at].index,
        first,
        last: points[b.range.1].index,
        before,
        after,
        change: stats::change(before, after),
        low,
        high,
        confidence: 1.0 - b.p,
        kind: Kind::Step,
    };
    (change, shift)
}

/// The relative shift with its interval, on the log scale where all values are positive: errors of
/// time and counts are relative, and +100 % undoes −50 %. The interval holds the change from the one
/// level to the other, too, which is what is told: where two modes alternate the shift of Hodges and
/// Lehmann is another number than the levels beside it say.
pub(super) fn effect(left: &[f64], right: &[f64], before: f64, after: f64) -> (f64, f64, f64) {
    let exact = stats::change(before, after);
    let repeat = |v: &[f64]| v.iter().all(|x| *x == v[0]);
    if repeat(left) && repeat(right) {
        return (exact, exact, exact);
    }
    let positive = left.iter().chain(right).all(|v| *v > 0.0);
    let shift = if positive {
        let ln = |v: &[f64]| v.iter().map(|x| x.ln()).collect::<Vec<_>>();
        stats::hodges_lehmann(&ln(left), &ln(right), 0.95)
            .map(|s| (s.estimate.exp_m1(), s.low.exp_m1(), s.high.exp_m1()))
    } else if before != 0.0 {
        let scale = before.abs();
        stats::hodges_lehmann(left, right, 0.95)
            .map(|s| (s.estimate / scale, s.low / scale, s.high / scale))
    } else {
        None
    };
    let (shift, low, high) = shift.unwrap_or((exact, exact, exact));
    (shift, low.min(exact), high.max(exact))
}
