//! The exact regime: values are the truth, builds are the cost.
//!
//! Measured points cut the range into segments. A segment that carries a good
//! part of the change is split until it is one commit long. A range where that
//! turns up several steps may hide more of them (a step up and a step down
//! cancel): what is left of the build allowance then goes to the segments that
//! carry the most, and after that to the longest.

use crate::search::track::Track;

/// A segment that carries at least this share of the total is always split.
pub(crate) const SHARE: f64 = 0.2;

/// A step of less than this share of the total is no part of the story: beside a change of
/// ×15 the smallest change of interest at the good end would be met by every other commit,
/// and cost five builds of six.
pub(crate) const SMALL: f64 = 0.01;

/// Steps that explain less than this share of the total are not the whole story.
pub(crate) const EXPLAINED: f64 = 0.8;

/// Two neighbouring measured points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    /// The point before.
    pub(crate) a: usize,
    /// The point after.
    pub(crate) b: usize,
    /// `value(b) − value(a)`.
    pub(crate) delta: f64,
}

/// What counts as a step, in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// A segment with at least this |Δ| is split, come what may.
    pub(crate) must: f64,
    /// A segment with at least this |Δ| is worth a look once several steps were found.
    pub(crate) may: f64,
    /// Allowance of builds for that look.
    pub(crate) explore: usize,
    /// Allowance of builds for all.
    pub(crate) most: usize,
}

/// The middle value; the mean of the two middle ones for an even count.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    match n {
        0 => 0.0,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The segments between measured points from `lo` to `hi`.
pub(crate) fn segments(track: &Track, lo: usize, hi: usize) -> Vec<Segment> {
    let measured: Vec<usize> = (lo..=hi).filter(|&p| track.measured(p)).collect();
    measured
        .windows(2)
        .map(|w| {
            let delta = median(&track.slot(w[1]).values) - median(&track.slot(w[0]).values);
            Segment {
                a: w[0],
                b: w[1],
                delta,
            }
        })
        .collect()
}

/// The points to measure next, at most `jobs`; empty when the steps stand.
pub(crate) fn plan(
    track: &Track,
    segments: &[Segment],
    limits: Limits,
    builds: usize,
    jobs: usize,
) -> Vec<usize> {
    let left = |allowance: usize| allowance.saturating_sub(builds).min(jobs);
    let must = open(track, segments, limits.must);
    if !must.is_empty() {
        return cuts(track, &must, left(limits.most));
    }
    let several = steps(segments, limits.may).count() > 1;
    if !several && explained(track, segments, limits.must) >= EXPLAINED {
        return Vec::new();
    }
    let may = open(track, segments, limits.may);
    if !may.is_empty() {
        return cuts(track, &may, left(limits.explore));
    }
    // Steps that all go one way leave nothing to hide behind.
    let signs = |up: bool| steps(segments, limits.may).any(|s| (s.delta > 0.0) == up);
    if !(several && signs(true) && signs(false)) {
        return Vec::new();
    }
    let mut longest = open(track, segments, 0.0);
    longest.sort_by(|x, y| track.mass(y.a, y.b).total_cmp(&track.mass(x.a, x.b)));
    cuts(track, &longest, left(limits.explore))
}

/// Segments that are steps: they carry at least `least`.
pub(crate) fn steps(segments: &[Segment], least: f64) -> impl Iterator<Item = &Segment> {
    segments
        .iter()
        .filter(move |s| s.delta.abs() >= least && s.delta != 0.0)
}

/// Share of the total that indivisible steps of at least `least` explain.
fn explained(track: &Track, segments: &[Segment], least: f64) -> f64 {
    let total: f64 = segments.iter().map(|s| s.delta).sum();
    let found = steps(segments, least).filter(|s| !track.divisible(s.a, s.b));
    found.map(|s| s.delta).sum::<f64>() / total
}

/// Divisible segments that carry at least `least`, the heaviest first.
fn open(track: &Track, segments: &[Segment], least: f64) -> Vec<Segment> {
    let mut open: Vec<Segment> = segments
        .iter()
        .filter(|s| s.delta.abs() >= least && track.divisible(s.a, s.b))
        .copied()
        .collect();
    open.sort_by(|x, y| y.delta.abs().total_cmp(&x.delta.abs()).then(x.a.cmp(&y.a)));
    open
}

/// Shares `jobs` probes among the segments: one each, the heaviest first, and
/// further ones as finer quantiles.
fn cuts(track: &Track, segments: &[Segment], jobs: usize) -> Vec<usize> {
    let mut points = Vec::new();
    for (i, s) in segments.iter().enumerate().take(jobs) {
        let share = jobs / segments.len() + usize::from(i < jobs % segments.len());
        for q in 1..=share.max(1) {
            let quantile = q as f64 / (share.max(1) + 1) as f64;
            if let Some(p) = track.cut(s.a, s.b, quantile)
                && !points.contains(&p)
            {
                points.push(p);
            }
        }
    }
    points.truncate(jobs);
    points
}
