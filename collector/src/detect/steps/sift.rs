//! What is no step although two levels differ: drift, a walk's wandering, a machine's moods.

use crate::detect::steps::modes::Modes;
use crate::detect::steps::pieces::pieces;
use crate::stats;

/// Points on each side that a line is laid through.
const LINE: usize = 60;
/// The longest ramp, in commits.
const RAMP: usize = 30;
/// The share of a piece's variance, and of the way between the levels beside it, that a line
/// through it must explain to be the ramp between them.
const CLIMB: f64 = 0.5;
/// … and the share of the distance of two levels that their own slopes must leave of it.
const LEADS: f64 = 0.5;
/// How many times its share of what a line leaves over a step must explain beside the line: F
/// with one degree of freedom, p of 3e-3.
const LINE_F: f64 = 9.0;
/// The variance of differences over two steps against that over one, and over eight: 2 and 8
/// for a walk, 1.9 and 5.7 for AR(1) noise with ρ = 0.9, 1.7 and 3.1 with 0.7.
const WALKS: (f64, f64) = (1.5, 4.2);
/// How much the square of the 0.8 quantile of differences must grow over eight steps: 5.0 and more
/// in 19 of 20 walks, 4.4 with ρ = 0.9. Of two modes that alternate, each of which hardly varies,
/// the median grows as a walk's does, and this stays at 1.
const WALKS_LOUD: f64 = 2.5;
const LOUD: f64 = 0.8;
/// With fewer points that is chance.
const WALKS_LEAST: usize = 48;
/// Points on each side of a leap.
const LEAP: usize = 3;
/// A run of one mode so many times as long as usual is none of its moods: e⁻⁷ is 1e-3 …
const MOOD: f64 = 7.0;
/// … nor is one of which less than this would be expected among all runs of that mode, …
const MOOD_LEAST: f64 = 1e-3;
/// … or among those beside it.
const AMID_LEAST: f64 = 1e-2;
/// A stretch in which either mode has this share has both.
const MIXED: f64 = 0.1;
/// A piece of which so many points are of one mode is of that mode.
const PURE: f64 = 0.85;

/// The boundaries that a line through both sides does not explain as well.
pub(crate) fn not_drift(x: &[f64], kept: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let mut kept = kept.to_vec();
    let mut i = 0;
    while i < kept.len() {
        let from = if i == 0 { 0 } else { kept[i - 1].0 };
        let to = kept.get(i + 1).map_or(x.len(), |k| k.0);
        let at = kept[i].0;
        let left = &x[from.max(at.saturating_sub(LINE))..at];
        let right = &x[at..to.min(at + LINE)];
        if leads_over(left, right) && step_beside_line(left, right) < LINE_F {
            kept.remove(i);
            i = i.saturating_sub(1);
        } else {
            i += 1;
        }
    }
    kept
}

/// The boundaries with the two ends of a ramp made one: a change that takes some commits to
/// arrive is one change.
pub(crate) fn not_twice(x: &[f64], kept: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let mut out: Vec<(usize, f64)> = Vec::with_capacity(kept.len());
    let middle = |v: &[f64]| stats::median(v).unwrap_or(0.0);
    for (i, &(at, p)) in kept.iter().enumerate() {
        let to = kept.get(i + 1).map_or(x.len(), |k| k.0);
        let Some(last) = out.last().copied().filter(|l| at - l.0 <= RAMP) else {
            out.push((at, p));
            continue;
        };
        let from = if out.len() > 1 {
            out[out.len() - 2].0
        } else {
            0
        };
        let before = middle(&x[from.max(last.0.saturating_sub(RAMP))..last.0]);
        let after = middle(&x[at..to.min(at + RAMP)]);
        if climbs(&x[last.0..at], before, after) {
            let n = out.len() - 1;
            out[n] = (usize::midpoint(last.0, at), last.1.min(p));
        } else {
            out.push((at, p));
        }
    }
    out
}

/// Whether a piece leads in a line from one level to the other rather than lying between them.
fn climbs(piece: &[f64], before: f64, after: f64) -> bool {
    let n = piece.len() as f64;
    if n < 3.0 {
        return false;
    }
    let mean = piece.iter().sum::<f64>() / n;
    let centre = (n - 1.0) / 2.0;
    let (mut tt, mut ty, mut yy) = (0.0, 0.0, 0.0);
    for (i, v) in piece.iter().enumerate() {
        let dt = i as f64 - centre;
        tt += dt * dt;
        ty += dt * (v - mean);
        yy += (v - mean).powi(2);
    }
    let rise = ty / tt * n;
    let whole = after - before;
    // The line explains most of the piece, and goes most of the way.
    whole != 0.0
        && ty * ty / tt >= CLIMB * yy
        && (CLIMB..=2.0 - CLIMB / 2.0).contains(&(rise / whole))
}

/// Whether the lines through both sides come closer to each other at the boundary than the
/// sides are on the whole: Tukey's resistant line (*Exploratory Data Analysis*, 1977, §10).
fn leads_over(left: &[f64], right: &[f64]) -> bool {
    let middle = |v: &[f64]| stats::median(v).unwrap_or(0.0);
    // The level, and what the slope adds from there to the end.
    let line = |v: &[f64]| {
        let third = (v.len() / 3).max(1);
        let rise = middle(&v[v.len() - third..]) - middle(&v[..third]);
        (middle(v), rise * 0.75)
    };
    let ((a, rise), (b, back)) = (line(left), line(right));
    let (apart, at_the_edge) = (b - a, (b - back) - (a + rise));
    at_the_edge * apart.signum() < LEADS * apart.abs()
}

/// F of a step beside a line through both sides (analysis of covariance: Scheffé 1959, §6.5),
/// outliers clipped to what the sides hold besides.
fn step_beside_line(left: &[f64], right: &[f64]) -> f64 {
    let n = left.len() + right.len();
    if n < 5 {
        return f64::INFINITY;
    }
    let y: Vec<f64> = winsorised(left)
        .into_iter()
        .chain(winsorised(right))
        .collect();
    let k = left.len();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
    // Sums of squares and products around one mean, and around one for each side.
    let sums = |y: &[f64], first: usize| {
        let (m, c) = (mean(y), first as f64 + (y.len() as f64 - 1.0) / 2.0);
        y.iter().enumerate().fold((0.0, 0.0, 0.0), |s, (i, v)| {
            let (dt, dv) = ((first + i) as f64 - c, v - m);
            (s.0 + dt * dt, s.1 + dt * dv, s.2 + dv * dv)
        })
    };
    let whole = sums(&y, 0);
    let (a, b) = (sums(&y[..k], 0), sums(&y[k..], k));
    let line = whole.2 - whole.1 * whole.1 / whole.0;
    let (tt, ty, yy) = (a.0 + b.0, a.1 + b.1, a.2 + b.2);
    let both = (yy - if tt > 0.0 { ty * ty / tt } else { 0.0 }).max(f64::MIN_POSITIVE);
    (line - both) / both * (n as f64 - 3.0)
}

/// The values with the outermost tenths moved in.
fn winsorised(side: &[f64]) -> Vec<f64> {
    let sorted = stats::sorted(side);
    let cut = side.len() / 10;
    let (low, high) = (sorted[cut], sorted[side.len() - 1 - cut]);
    side.iter().map(|v| v.clamp(low, high)).collect()
}

/// Whether the noise wanders as a walk does, whatever steps it has: the variance of differences
/// grows with their lag (the variogram of Matheron 1963).
pub(crate) fn wanders(x: &[f64]) -> bool {
    if x.len() < WALKS_LEAST {
        return false;
    }
    let moves = |lag: usize| -> Vec<i64> {
        let pairs = x.iter().zip(&x[lag..]);
        pairs.map(|(a, b)| stats::key((b - a).abs())).collect()
    };
    let variance = |lag: usize| {
        let median = stats::middle(&mut moves(lag));
        median.unwrap_or(0.0).powi(2)
    };
    let loud = |lag: usize| {
        let mut d = moves(lag);
        let k = ((d.len() - 1) as f64 * LOUD) as usize;
        stats::nth(&mut d, k).powi(2)
    };
    let (one, two) = (variance(1), variance(2));
    one > 0.0
        && two >= WALKS.0 * one
        && variance(8) >= WALKS.1 * one
        && loud(8) >= WALKS_LOUD * loud(1)
}

/// Of a series that wanders, the boundaries at which it leaps further than it wanders: Tukey's
/// far-out fence (*Exploratory Data Analysis*, 1977, §2D) of the leaps elsewhere.
pub(crate) fn leaps(x: &[f64], kept: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let middle = |v: &[f64]| stats::median(v).unwrap_or(0.0);
    let leap = |at: usize| {
        let before = &x[at.saturating_sub(LEAP)..at];
        (middle(&x[at..(at + LEAP).min(x.len())]) - middle(before)).abs()
    };
    let near = |at: usize| kept.iter().any(|k| k.0.abs_diff(at) <= LEAP);
    let others: Vec<f64> = (LEAP..x.len() - LEAP)
        .filter(|at| !near(*at))
        .map(leap)
        .collect();
    let v = stats::sorted(&others);
    if v.len() < WALKS_LEAST / 2 {
        return kept.to_vec();
    }
    let (q1, q3) = (v[v.len() / 4], v[v.len() * 3 / 4]);
    let fence = q3 + 3.0 * (q3 - q1);
    let largest = |at: usize| {
        (at.saturating_sub(1).max(1)..=(at + 1).min(x.len() - 1))
            .map(leap)
            .fold(0.0, f64::max)
    };
    kept.iter()
        .filter(|k| largest(k.0) > fence)
        .copied()
        .collect()
}

/// The boundaries without those at which a machine of two moods only turns from one to the
/// other, for no longer than it does again and again.
pub(crate) fn not_moods(n: usize, modes: &Modes, kept: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let at: Vec<usize> = kept.iter().map(|k| k.0).collect();
    let moods = Moods {
        modes,
        spans: pieces(&at, n).map(|(from, to)| from..to).collect(),
    };
    let is_mood: Vec<Option<bool>> = (0..=at.len()).map(|i| moods.mood(i)).collect();
    let amid: Vec<bool> = (0..=at.len()).map(|i| moods.is_amid(i)).collect();
    let turns = |i: usize| is_mood[i].zip(is_mood[i + 1]).is_some_and(|(a, b)| a != b);
    (0..kept.len())
        .filter(|i| !turns(*i) && !amid[*i] && !amid[i + 1])
        .map(|i| kept[i])
        .collect()
}

/// The pieces of a series with two modes.
struct Moods<'a> {
    modes: &'a Modes,
    spans: Vec<std::ops::Range<usize>>,
}

impl Moods<'_> {
    /// The mode of a piece that is of one.
    fn pure(&self, i: usize) -> Option<bool> {
        match self.modes.share(self.spans[i].start, self.spans[i].end) {
            share if share >= PURE => Some(true),
            share if share <= 1.0 - PURE => Some(false),
            _ => None,
        }
    }

    /// The mode of a piece that is of one for no longer than usual in the whole.
    fn mood(&self, i: usize) -> Option<bool> {
        let (run, n) = (&self.spans[i], self.modes.mood.len());
        let others = [0..run.start, run.end..n];
        self.pure(i)
            .filter(|upper| self.expected(*upper, run.len(), others) > MOOD_LEAST)
    }

    /// Whether a piece is of one mode amid such as have both, for no longer than they change places
    /// there.
    fn is_amid(&self, i: usize) -> bool {
        let before = i.checked_sub(1).map_or(0..0, |b| self.spans[b].clone());
        let after = self.spans.get(i + 1).map_or(0..0, Clone::clone);
        let has_both = |s: &std::ops::Range<usize>| {
            let share = self.modes.share(s.start, s.end);
            s.is_empty() || (MIXED..=1.0 - MIXED).contains(&share)
        };
        let length = self.spans[i].len();
        has_both(&before)
            && has_both(&after)
            && self
                .pure(i)
                .is_some_and(|upper| self.expected(upper, length, [before, after]) > AMID_LEAST)
    }

    /// How many runs of a mode at least as long are to be expected among those of some stretches;
    /// none where it is long by the median of all its runs, which a few that last do not move.
    fn expected(&self, upper: bool, length: usize, among: [std::ops::Range<usize>; 2]) -> f64 {
        if length as f64 > MOOD * self.modes.dwell(upper) {
            return 0.0;
        }
        let (stays, runs) = self.modes.stays(upper, among);
        let more = i32::try_from(length).unwrap_or(i32::MAX) - 1;
        stays.powi(more) * runs.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    fn bell(g: &mut SplitMix64) -> f64 {
        (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0
    }

    #[test]
    fn a_walk_wanders_and_two_narrow_modes_do_not() {
        let (mut walks, mut modes) = (0, 0);
        for seed in 0..40 {
            let mut g = SplitMix64::new(seed);
            let mut at = 0.0;
            let walk: Vec<f64> = (0..200)
                .map(|_| {
                    at += bell(&mut g);
                    at
                })
                .collect();
            walks += usize::from(wanders(&walk));
            // Each mode moves a little for good, as counts do.
            let mut level = 0.0;
            let two: Vec<f64> = (0..200)
                .map(|_| {
                    level += bell(&mut g);
                    level + 100.0 * g.below(2) as f64
                })
                .collect();
            modes += usize::from(wanders(&two));
        }
        assert!(walks >= 32 && modes == 0, "{walks} {modes}");
    }

    fn two_modes(mood: Vec<bool>) -> Modes {
        Modes {
            upper: mood.clone(),
            mood,
            distance: 1.0,
        }
    }

    #[test]
    fn a_few_points_of_one_mode_amid_both_are_no_step_and_many_are() {
        let steps = |run: std::ops::Range<usize>| {
            let mut g = SplitMix64::new(3);
            let draw = |i: usize| g.below(4) > 0 && !run.contains(&i);
            let modes = two_modes((0..200).map(draw).collect());
            not_moods(200, &modes, &[(run.start, 0.0), (run.end, 0.0)]).len()
        };
        assert_eq!((steps(101..104), steps(101..130)), (0, 2));
    }

    #[test]
    fn a_mode_that_was_rare_and_lasts_is_a_step_and_one_as_long_as_others_is_none() {
        let kept = |mood: &dyn Fn(usize) -> bool, at: usize| {
            let modes = two_modes((0..90).map(mood).collect());
            not_moods(90, &modes, &[(at, 0.0)]).len()
        };
        // Now and then a point of the upper mode, and twenty in a row in the end.
        let rare = |i: usize| [9, 23, 24, 40, 55].contains(&i) || i >= 70;
        let sticks = |i: usize| i / 18 % 2 == 1;
        assert_eq!((kept(&rare, 70), kept(&sticks, 72)), (1, 0));
    }
}
