//! What is no step although two levels differ: drift, a walk's wandering, a machine's moods.

use crate::detect::steps::modes::Modes;
use crate::detect::steps::pieces::pieces;
use crate::stats;

/// Points on each side that a line is laid through.
const LINE: usize = 60;
/// How many times its share of what a line leaves over a step must explain beside the line: F
/// with one degree of freedom, p of 3e-3.
const LINE_F: f64 = 9.0;
/// The variance of differences over two steps against that over one, and over four against two:
/// 2 and 2 for a walk, 1.9 and 1.8 for AR(1) noise with ρ = 0.9, 1.7 and 1.5 with 0.7.
const WALKS: (f64, f64) = (1.8, 1.7);
/// With fewer points that is chance.
const WALKS_LEAST: usize = 48;
/// Points on each side of a leap.
const LEAP: usize = 3;
/// Flips from one mode to the other and back that are a machine's moods and no steps.
const MOODS: usize = 5;
/// A piece of which so many points are of one mode is of that mode.
const PURE: f64 = 0.85;

/// The boundaries that a line through both sides does not explain as well.
pub(crate) fn not_drift(x: &[f64], kept: &[(usize, f64)], tau: f64) -> Vec<(usize, f64)> {
    let mut kept = kept.to_vec();
    let mut i = 0;
    while i < kept.len() {
        let from = if i == 0 { 0 } else { kept[i - 1].0 };
        let to = kept.get(i + 1).map_or(x.len(), |k| k.0);
        let at = kept[i].0;
        let left = &x[from.max(at.saturating_sub(LINE))..at];
        let right = &x[at..to.min(at + LINE)];
        if step_beside_line(left, right) < std::env::var("LF").map_or(LINE_F,|v| v.parse().unwrap()) * tau.powf(std::env::var("LT").map_or(1.0,|v| v.parse().unwrap())) {
            kept.remove(i);
            i = i.saturating_sub(1);
        } else {
            i += 1;
        }
    }
    kept
}

/// F of a step beside a line through both sides (analysis of covariance: Scheffé 1959, §6.5),
/// outliers clipped to what the sides hold besides.
fn step_beside_line(left: &[f64], right: &[f64]) -> f64 {
    let n = left.len() + right.len();
    if n < 5 {
        return f64::INFINITY;
    }
    let y: Vec<f64> = winsorised(left).into_iter().chain(winsorised(right)).collect();
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
    let variance = |lag: usize| {
        let mut d: Vec<f64> = x.iter().zip(&x[lag..]).map(|(a, b)| (b - a).abs()).collect();
        stats::median_in_place(&mut d).unwrap_or(0.0).powi(2)
    };
    let (one, two) = (variance(1), variance(2));
    one > 0.0 && two >= WALKS.0 * one && variance(4) >= WALKS.1 * two
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
    let others: Vec<f64> = (LEAP..x.len() - LEAP).filter(|at| !near(*at)).map(leap).collect();
    let v = stats::sorted(&others);
    if v.len() < WALKS_LEAST / 2 {
        return kept.to_vec();
    }
    let (q1, q3) = (v[v.len() / 4], v[v.len() * 3 / 4]);
    let fence = q3 + 3.0 * (q3 - q1);
    let largest = |at: usize| (at.saturating_sub(1).max(1)..=(at + 1).min(x.len() - 1)).map(leap).fold(0.0, f64::max);
    kept.iter().filter(|k| largest(k.0) > fence).copied().collect()
}

/// The boundaries without those at which a machine of two moods turns from one to the other, if
/// it does so again and again.
pub(crate) fn not_moods(n: usize, modes: &Modes, kept: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let at: Vec<usize> = kept.iter().map(|k| k.0).collect();
    let mood: Vec<i32> = pieces(&at, n)
        .map(|(from, to)| match modes.share(from, to) {
            s if s >= PURE => 1,
            s if s <= 1.0 - PURE => -1,
            _ => 0,
        })
        .collect();
    let flips = |i: usize| mood[i] * mood[i + 1] < 0;
    if (0..kept.len()).filter(|i| flips(*i)).count() < MOODS {
        return kept.to_vec();
    }
    (0..kept.len()).filter(|i| !flips(*i)).map(|i| kept[i]).collect()
}
