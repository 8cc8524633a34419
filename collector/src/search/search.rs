//! The state machine: what to measure next, and when the answer stands.

use crate::search::outcome::Verdict;
use crate::search::probe::Action;
use crate::search::probe::LogEntry;
use crate::search::probe::Observation;
use crate::search::probe::Probe;
use std::collections::BTreeMap;

use crate::search::exact::{self, Limits, Segment};
use crate::search::noisy;
use crate::search::outcome::{Answer, Estimate, Level, Outcome, Skipped, Step};
use crate::search::range::{Noise, Options, Range, RangeError};
use crate::search::track::Track;

/// Runs at each end before it is known whether runs of one build differ at all.
const LOOK: usize = 2;
/// Runs at each end where they did not differ so far.
const SAME: usize = 3;
/// Runs at each end where they do.
const DIFFER: usize = 5;
/// Exact regime: the change exceeds the spread this many times.
const CLEAR: f64 = 5.0;
/// Range of five gaussian runs, in standard deviations.
const RANGE_OF_FIVE: f64 = 2.33;

/// A search over one range. See the [module](super) for the picture.
#[derive(Clone, Debug)]
pub struct Search {
    options: Options,
    track: Track,
    /// The batch handed out and not yet observed: point → runs.
    pending: BTreeMap<usize, usize>,
}

impl Search {
    /// A search before its first probe.
    ///
    /// # Errors
    /// When the range has fewer than two commits or holds values that are not finite.
    pub fn new(range: &Range, options: Options) -> Result<Self, RangeError> {
        let numbers = [options.min_effect, options.confidence, options.build_cost];
        if numbers.iter().any(|x| !x.is_finite() || *x < 0.0) {
            return Err(RangeError::NotFinite);
        }
        let track = Track::new(range)?;
        Ok(Self {
            options,
            track,
            pending: BTreeMap::new(),
        })
    }

    /// The search after the observations of a log; it goes on where the log ends.
    ///
    /// # Errors
    /// As [`Search::new`].
    pub fn replay(range: &Range, options: Options, log: &[LogEntry]) -> Result<Self, RangeError> {
        let mut search = Self::new(range, options)?;
        for entry in log {
            search.observe(entry.commit, entry.observation.clone());
        }
        Ok(search)
    }

    /// What to do next, with at most `jobs` probes at once.
    ///
    /// While probes of the last batch are unobserved, it asks for those again.
    pub fn next(&mut self, jobs: usize) -> Action {
        if self.pending.is_empty() {
            match self.decide(jobs.max(1)) {
                Decision::Done(outcome) => return Action::Done(outcome),
                Decision::Measure(probes) => self.pending = probes.into_iter().collect(),
            }
        }
        let probe = |(&point, &runs)| Probe {
            commit: self.track.commit(point),
            runs,
        };
        Action::Measure(self.pending.iter().map(probe).collect())
    }

    /// Adds what came of a probe, or of any commit of the range measured otherwise.
    ///
    /// Values that are not finite are dropped; none left counts as a skip. A
    /// commit outside the range is ignored.
    pub fn observe(&mut self, commit: usize, observation: Observation) {
        let Some(point) = self.track.point(commit) else {
            return;
        };
        let index = self.track.slot_index(point);
        self.pending
            .retain(|&p, _| self.track.slot_index(p) != index);
        let slot = self.track.slot_mut(point);
        match observation {
            Observation::Skip(why) => slot.skip = Some(why),
            Observation::Values(values) => {
                let before = slot.values.len();
                slot.values
                    .extend(values.into_iter().filter(|v| v.is_finite()));
                slot.runs += slot.values.len() - before;
                if slot.values.is_empty() {
                    slot.skip = Some("no finite value".to_owned());
                }
            }
        }
    }

    /// The nearest commits to both ends that gave a value, once they are known to be two builds.
    #[must_use]
    pub fn ends(&self) -> Option<(usize, usize)> {
        let (lo, hi) = self.track.ends().ok()?;
        let apart = lo < hi && self.track.slot_index(lo) != self.track.slot_index(hi);
        apart.then(|| (self.track.commit(lo), self.track.commit(hi)))
    }

    /// How many values there are for a commit's build.
    #[must_use]
    pub fn values(&self, commit: usize) -> usize {
        let point = self.track.point(commit);
        point.map_or(0, |p| self.track.slot(p).values.len())
    }

    /// The middle of a commit's values, if its build has any.
    #[must_use]
    pub fn value(&self, commit: usize) -> Option<f64> {
        let point = self.track.point(commit)?;
        let values = &self.track.slot(point).values;
        (!values.is_empty()).then(|| exact::median(values))
    }

    /// How far the search has come.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let (builds_done, runs_done) = (self.builds(), self.runs());
        let depth = |mass_points: usize| (mass_points.max(1) as f64).log2().ceil() as usize;
        let base = Estimate {
            builds_done,
            builds_left: depth(self.track.len().saturating_sub(1)) + 2,
            runs_done,
            runs_left: 0,
            suspect: None,
        };
        let Ok((lo, hi)) = self.track.ends() else {
            let left = base.builds_left.saturating_sub(builds_done).max(2);
            return Estimate {
                builds_left: left,
                runs_left: left * self.first_runs(),
                ..base
            };
        };
        match self.regime(lo, hi) {
            Regime::Exact(spread) => self.estimate_exact(lo, hi, spread, base),
            Regime::Noisy => noisy::estimate(&self.track, &self.options, lo, hi, base),
            Regime::Unknown(_) => Estimate {
                runs_left: base.builds_left,
                ..base
            },
        }
    }

    fn estimate_exact(&self, lo: usize, hi: usize, spread: f64, base: Estimate) -> Estimate {
        let segments = exact::segments(&self.track, lo, hi);
        let limits = self.limits(&segments, spread);
        let open = exact::steps(&segments, limits.must).filter(|s| self.track.divisible(s.a, s.b));
        let left: usize = open
            .map(|s| ((s.b - s.a) as f64).log2().ceil() as usize)
            .sum();
        // A look for further steps has no known end; what it wants next it does want.
        let next = exact::plan(&self.track, &segments, limits, base.builds_done, 1);
        let left = left.max(next.len());
        let sign = self.options.direction.sign();
        let main = segments
            .iter()
            .max_by(|x, y| (x.delta * sign).total_cmp(&(y.delta * sign)));
        let suspect = main.and_then(|s| {
            let first = self.suspects(s.a, s.b).first().copied()?;
            let share = self.track.mass(s.a, s.b).max(f64::MIN_POSITIVE);
            let own = self
                .track
                .point(first)
                .map_or(0.0, |p| self.track.mass(p - 1, p));
            Some((first, own / share))
        });
        Estimate {
            builds_left: left,
            runs_left: left * self.runs_per_probe(spread),
            suspect,
            ..base
        }
    }

    /// The next step as a function of the evidence alone.
    fn decide(&self, jobs: usize) -> Decision {
        let last = self.track.len() - 1;
        if self.track.slot_index(0) == self.track.slot_index(last) {
            return self.degenerate(0, last);
        }
        let (lo, hi) = match self.track.ends() {
            Ok(ends) => ends,
            Err(wanted) => return self.measure(wanted, self.first_runs(), jobs),
        };
        if lo >= hi || self.track.slot_index(lo) == self.track.slot_index(hi) {
            return self.degenerate(lo, hi);
        }
        match self.regime(lo, hi) {
            Regime::Unknown(runs) => self.top_up(&[lo, hi], runs, jobs),
            Regime::Exact(spread) => self.decide_exact(lo, hi, spread, jobs),
            Regime::Noisy => self.decide_noisy(lo, hi, jobs),
        }
    }

    fn decide_noisy(&self, lo: usize, hi: usize, jobs: usize) -> Decision {
        match noisy::decide(&self.track, &self.options, lo, hi, jobs) {
            noisy::Decision::Measure(probes) => Decision::Measure(probes),
            noisy::Decision::Done(verdict) => self.done(lo, hi, verdict, false),
        }
    }

    fn decide_exact(&self, lo: usize, hi: usize, spread: f64, jobs: usize) -> Decision {
        let segments = exact::segments(&self.track, lo, hi);
        let total: f64 = segments.iter().map(|s| s.delta).sum();
        let limits = self.limits(&segments, spread);
        if total * self.options.direction.sign() < limits.may.max(f64::MIN_POSITIVE) {
            let reason = format!("the ends differ by {total} only, in the direction asked for");
            return self.done(lo, hi, Verdict::none(Answer::NotReproduced, reason), true);
        }
        let points = exact::plan(&self.track, &segments, limits, self.builds(), jobs);
        if !points.is_empty() {
            return self.measure(points, self.runs_per_probe(spread), jobs);
        }
        let steps: Vec<Step> = exact::steps(&segments, limits.may)
            .map(|s| self.exact_step(s, total))
            .collect();
        match (steps.is_empty(), spread > 0.0) {
            (false, _) => self.done(lo, hi, Verdict::steps(steps), true),
            // The ends stand clear of the spread and no step inside does: what looked clear is
            // not, and more runs tell.
            (true, true) => self.decide_noisy(lo, hi, jobs),
            (true, false) => {
                let reason = "the change came in steps that are each below the smallest change \
                              of interest; --limit sets a smaller one";
                let verdict = Verdict::none(Answer::Undecided, reason.to_owned());
                self.done(lo, hi, verdict, true)
            }
        }
    }

    /// The exact regime's thresholds, in the metric's unit.
    fn limits(&self, segments: &[Segment], spread: f64) -> Limits {
        let total: f64 = segments.iter().map(|s| s.delta).sum();
        let level = segments
            .first()
            .map_or(0.0, |s| exact::median(&self.track.slot(s.a).values).abs());
        let may = (self.options.min_effect * level)
            .max(CLEAR * spread)
            .max(exact::SMALL * total.abs());
        Limits {
            must: may.max(exact::SHARE * total.abs()),
            may,
            explore: self.options.explore_builds,
            most: self.options.max_builds,
        }
    }

    fn exact_step(&self, s: &Segment, total: f64) -> Step {
        let before = exact::median(&self.track.slot(s.a).values);
        let (before, after) = (Level::exact(before), Level::exact(before + s.delta));
        Step {
            suspects: self.suspects(s.a, s.b),
            last_before: self.track.last_commit(s.a),
            first_after: self.track.commit(s.b),
            before,
            after,
            change: before.change_to(&after),
            share: s.delta / total,
            confidence: 1.0,
        }
    }

    /// The commits that may have made a step between two points, most probable first.
    fn suspects(&self, a: usize, b: usize) -> Vec<usize> {
        noisy::suspects(&self.track, a, b)
    }

    /// Which regime the values call for.
    fn regime(&self, lo: usize, hi: usize) -> Regime {
        let (good, bad) = (&self.track.slot(lo).values, &self.track.slot(hi).values);
        // An end that cannot be run again has as many as it will ever have.
        let fewest = [lo, hi].into_iter().filter(|&p| !self.track.failed(p));
        let fewest = fewest.map(|p| self.track.slot(p).values.len()).min();
        let delta = (exact::median(bad) - exact::median(good)).abs();
        let mut spread = self.spread_within().max(self.spread_between(lo, hi));
        if let Noise::Known {
            residuals, between, ..
        } = &self.options.noise
        {
            let sigma = noisy::scale(residuals);
            spread = spread
                .max(RANGE_OF_FIVE * sigma)
                .max(between.unwrap_or(0.0));
        }
        let enough = match (&self.options.noise, spread > 0.0) {
            (Noise::Exact, false) => 1,
            (Noise::Known { .. }, false) => LOOK,
            (Noise::Unknown, false) => SAME,
            _ if CLEAR * spread >= delta => LOOK,
            _ => DIFFER,
        };
        // Noise that is far below the smallest change of interest is none.
        let level = exact::median(good).abs();
        let clear = CLEAR * spread < delta.max(self.options.min_effect * level);
        match (fewest.is_none_or(|n| n >= enough), clear || spread == 0.0) {
            (false, _) => Regime::Unknown(enough),
            (true, true) => Regime::Exact(spread),
            (true, false) => Regime::Noisy,
        }
    }

    /// The widest spread of runs of one build: their range, or the middle nine
    /// tenths where there are many.
    fn spread_within(&self) -> f64 {
        let spread = |values: &Vec<f64>| {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let cut = sorted.len() / 20;
            let ends = sorted.get(cut).zip(
                sorted
                    .len()
                    .checked_sub(cut + 1)
                    .and_then(|i| sorted.get(i)),
            );
            ends.map_or(0.0, |(low, high)| high - low)
        };
        self.track
            .slots
            .iter()
            .map(|s| spread(&s.values))
            .fold(0.0, f64::max)
    }

    /// What builds of the same code differ by, as far as a saw-tooth along the range shows it.
    ///
    /// Steps and creep go one way; where most neighbouring differences turn
    /// back, they are between-build variance. Twice the median of the smaller of two opposite
    /// neighbours is about the range that such builds show.
    fn spread_between(&self, lo: usize, hi: usize) -> f64 {
        let deltas: Vec<f64> = exact::segments(&self.track, lo, hi)
            .iter()
            .map(|s| s.delta)
            .collect();
        let teeth: Vec<f64> = deltas
            .windows(2)
            .map(|w| {
                if w[0] * w[1] < 0.0 {
                    w[0].abs().min(w[1].abs())
                } else {
                    0.0
                }
            })
            .collect();
        if teeth.len() < 4 {
            0.0
        } else {
            2.0 * exact::median(&teeth)
        }
    }

    fn first_runs(&self) -> usize {
        match self.options.noise {
            Noise::Exact => 1,
            _ => LOOK,
        }
    }

    fn runs_per_probe(&self, spread: f64) -> usize {
        if spread > 0.0 { SAME } else { 1 }
    }

    /// Runs at the ends up to `runs` each, the poorer end first.
    fn top_up(&self, points: &[usize], runs: usize, jobs: usize) -> Decision {
        let mut short: Vec<(usize, usize)> = points
            .iter()
            .filter(|&&p| !self.track.failed(p))
            .map(|&p| (p, runs.saturating_sub(self.track.slot(p).values.len())))
            .filter(|&(_, missing)| missing > 0)
            .collect();
        short.sort_by_key(|&(_, missing)| std::cmp::Reverse(missing));
        short.truncate(jobs);
        Decision::Measure(short)
    }

    fn measure(&self, points: Vec<usize>, runs: usize, jobs: usize) -> Decision {
        Decision::Measure(points.into_iter().take(jobs).map(|p| (p, runs)).collect())
    }

    /// No two distinct commits gave a value.
    fn degenerate(&self, lo: usize, hi: usize) -> Decision {
        let whole = lo == 0 && hi + 1 == self.track.len();
        let verdict = if whole && self.track.slot_index(lo) == self.track.slot_index(hi) {
            Verdict::none(
                Answer::NotReproduced,
                "both ends are the same build".to_owned(),
            )
        } else {
            Verdict::none(
                Answer::Unmeasurable,
                "fewer than two commits gave a value".to_owned(),
            )
        };
        self.done(lo, hi, verdict, true)
    }

    fn done(&self, lo: usize, hi: usize, verdict: Verdict, exact: bool) -> Decision {
        Decision::Done(Box::new(self.conclude(lo, hi, verdict, exact)))
    }

    /// Everything that a report wants to say.
    fn conclude(&self, lo: usize, hi: usize, verdict: Verdict, exact: bool) -> Outcome {
        let sign = self.options.direction.sign();
        let mut steps = verdict.steps;
        steps.sort_by(|x, y| {
            y.share
                .abs()
                .total_cmp(&x.share.abs())
                .then(x.first_after.cmp(&y.first_after))
        });
        let main = steps
            .iter()
            .filter(|s| s.change * sign > 0.0)
            .max_by(|x, y| x.share.abs().total_cmp(&y.share.abs()))
            .cloned();
        let level = |p: usize| Level::exact(exact::median(&self.track.slot(p).values));
        let (good, bad) = verdict.ends.unwrap_or_else(|| (level(lo), level(hi)));
        let answer = match (&main, verdict.answer) {
            (_, Some(answer)) => answer,
            (Some(s), None) if s.suspects.len() == 1 => Answer::Found,
            (Some(_), None) => Answer::Range,
            (None, None) => Answer::Undecided,
        };
        let suspects = main
            .as_ref()
            .map(|s| s.suspects.clone())
            .unwrap_or_default();
        Outcome {
            answer,
            reason: verdict.reason,
            confidence: main.as_ref().map_or(0.0, |s| s.confidence),
            before: main.as_ref().map_or(good, |s| s.before),
            after: main.as_ref().map_or(bad, |s| s.after),
            change: main
                .as_ref()
                .map_or_else(|| good.change_to(&bad), |s| s.change),
            // An empty sum is −0, which would be printed.
            explained: steps.iter().map(|s| s.share).sum::<f64>() + 0.0,
            skipped: self.skipped(main.as_ref()),
            suspects,
            steps,
            good,
            bad,
            ends: (lo < hi).then(|| (self.track.commit(lo), self.track.commit(hi))),
            builds: self.builds(),
            runs: self.runs(),
            reused: self
                .track
                .slots
                .iter()
                .filter(|s| s.stored > 0 && s.runs == 0)
                .count(),
            exact,
        }
    }

    fn skipped(&self, main: Option<&Step>) -> Vec<Skipped> {
        let mut skipped = Vec::new();
        for p in (0..self.track.len()).filter(|&p| self.track.skipped(p)) {
            let commit = self.track.commit(p);
            let touches = main.is_some_and(|s| s.last_before < commit && commit < s.first_after);
            let why = self.track.slot(p).skip.clone().unwrap_or_default();
            skipped.push(Skipped {
                commit,
                why,
                touches,
            });
        }
        skipped
    }

    /// Groups built: measured anew or tried in vain.
    fn builds(&self) -> usize {
        self.track
            .slots
            .iter()
            .filter(|s| s.runs > 0 || s.skip.is_some())
            .count()
    }

    fn runs(&self) -> usize {
        self.track.slots.iter().map(|s| s.runs).sum()
    }
}

/// How the values behave.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Regime {
    /// So many runs at each end are needed to know.
    Unknown(usize),
    /// One run is the truth, up to this spread.
    Exact(f64),
    /// Runs differ by about as much as the change.
    Noisy,
}

/// What the evidence calls for: points and runs, or the end.
enum Decision {
    Measure(Vec<(usize, usize)>),
    Done(Box<Outcome>),
}
