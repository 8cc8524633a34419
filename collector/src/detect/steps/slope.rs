//! A drift told as one change: from the level where it began to the level where it is now.

use crate::detect::Point;
use crate::detect::steps::finder::{Change, Findings, Kind, effect};
use crate::stats;

/// The share of the points at either end that the levels are taken from …
const END: usize = 10;
/// … and the fewest that make a level.
const LEAST: usize = 5;
/// Points on each side of a step that tell its size.
const NEAR: usize = 10;

/// What the drift of a series comes to over all its points, the steps beside it taken out: named
/// by the last point, up to which it goes, and blamed on no commit. `None` where there is none, or
/// there are too few points to say.
#[must_use]
pub fn drifted(points: &[Point], findings: &Findings) -> Option<Change> {
    let last = points.last()?.index;
    let end = (points.len() / END).max(LEAST);
    if findings.drift == 0.0 || points.len() < 2 * end {
        return None;
    }
    let slope = findings.drift * stats::median(&values(points))?;
    let y = without_steps(points, findings, slope);
    // Each end as it would be had the slope stood still there: at the first point, at the last one.
    let tilt = |i: usize| slope * i as f64;
    let left: Vec<f64> = (0..end).map(|i| y[i] - tilt(i)).collect();
    let right: Vec<f64> = (0..end).map(|i| y[y.len() - 1 - i] + tilt(i)).collect();
    let (before, after) = (stats::median(&left)?, stats::median(&right)?);
    let (_, low, high) = effect(&left, &right, before, after);
    let sides = stats::rank_sum(&left, &right);
    let p = if after >= before {
        sides.p_greater
    } else {
        sides.p_less
    };
    Some(Change {
        index: last,
        first: last,
        last,
        before,
        after,
        change: stats::change(before, after),
        low,
        high,
        confidence: 1.0 - p,
        kind: Kind::Drift,
    })
}

/// The values as they would be had no step happened: those before a step are moved by it, so that
/// the last ones are what was measured. What the slope moved meanwhile is no part of a step.
fn without_steps(points: &[Point], findings: &Findings, slope: f64) -> Vec<f64> {
    let mut y = values(points);
    for c in &findings.changes {
        let at = points.partition_point(|p| p.index < c.index);
        let (from, to) = (at.saturating_sub(NEAR), (at + NEAR).min(y.len()));
        let (left, right) = (stats::median(&y[from..at]), stats::median(&y[at..to]));
        let (Some(left), Some(right)) = (left, right) else {
            continue;
        };
        let step = right - left - slope * (to - from) as f64 / 2.0;
        y[..at].iter_mut().for_each(|v| *v += step);
    }
    y
}

fn values(points: &[Point]) -> Vec<f64> {
    points.iter().map(|p| p.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Finder, Settings};
    use crate::stats::SplitMix64;

    fn told(values: impl Iterator<Item = f64>) -> Option<Change> {
        let points: Vec<Point> = (0..)
            .zip(values)
            .map(|(index, value)| Point { index, value })
            .collect();
        drifted(&points, &Finder::new(Settings::default()).find(&points))
    }

    #[test]
    fn a_drift_is_what_lies_between_its_ends_without_the_steps() {
        let mut g = SplitMix64::new(5);
        let mut noise = || 2.0 * (g.next_f64() - 0.5);
        let drift = told((0..200).map(|i| 1000.0 + f64::from(i) + noise()));
        let c = drift.unwrap_or_else(|| panic!("no drift"));
        assert_eq!(
            (c.first, c.index, c.last, c.kind),
            (199, 199, 199, Kind::Drift)
        );
        assert!(
            (c.before - 1000.0).abs() < 2.0 && (c.after - 1199.0).abs() < 2.0,
            "{c:?}"
        );
        assert!(
            c.low < c.change && c.change < c.high && c.confidence > 0.999,
            "{c:?}"
        );
        let mut noise = || 2.0 * (g.next_f64() - 0.5);
        let step = |i: i32| if i < 100 { 0.0 } else { 400.0 };
        let both = told((0..200).map(|i| 1000.0 + f64::from(i) + step(i) + noise()));
        let c = both.unwrap_or_else(|| panic!("no drift"));
        assert!((c.after - c.before - 199.0).abs() < 12.0, "{c:?}");
    }

    #[test]
    fn what_does_not_drift_has_none() {
        let mut g = SplitMix64::new(6);
        assert_eq!(told((0..200).map(|_| 1000.0 + g.next_f64())), None);
        assert_eq!(told((0..6).map(f64::from)), None);
        assert_eq!(told(std::iter::empty()), None);
    }
}
