//! What kind of series is it? Each kind is judged by its own detector.

use serde::{Deserialize, Serialize};

use crate::detect::steps::counts;
use crate::stats;

/// How a series behaves from commit to commit; found anew as it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Fewer than [`YOUNG`] points: learning, only floors apply.
    Young,
    /// Mostly repeats its value: every lasting difference is a change, at once.
    Exact,
    /// Most commits move it a little for good: only an outlying move is a change.
    Walk,
    /// All else: levels with noise around them.
    Noisy,
}

/// With fewer points neither spread nor repetition can be told.
pub const YOUNG: usize = 8;

/// Neighbours that must be equal in an exact series: a count with jitter in one run of
/// ten repeats in 81 % …
const EQUAL_SHARE: f64 = 0.6;
/// … and noise in clock ticks of 1.5 sigma in 39 %, by chance.
const EQUAL_BY_CHANCE: f64 = 0.39;
/// So many standard errors of that chance must be exceeded, which settles itself at
/// 70 points: 2e-4 for each look.
const CHANCE_Z: f64 = 3.5;
/// More than this is asked of no series: one that steps once has 6 of 7 neighbours equal.
const EQUAL_SHARE_MOST: f64 = 0.8;
/// … and in each stretch of this length …
const STRETCH: usize = 20;
/// … at least this share, so that a noisy series whose pipeline froze stays noisy.
const EQUAL_SHARE_STRETCH: f64 = 0.3;
/// A walk is told apart from noise over lags up to 16: it takes a few times that.
const WALK_LEAST: usize = 64;
/// A random walk's variance doubles with the lag, 4 × from lag 1 to 4 and again to 16;
/// AR(1) noise with ρ = 0.7 gives 2.5 and 1.3.
const WALK_GROWTH: f64 = 2.3;
/// A step in few points looks like a walk: at lag 16 a third of the pairs of 64 points lie
/// across one in their middle. So one leap for each so many points is looked past: four steps
/// in 200 points do the same. At 200 points it misses 0.1 % of the walks of normal moves.
const WALK_LEAP: usize = 32;

/// The class of a series of finite values in order; `counted`: the same code gives the same
/// value, which leaves no noise to allow for.
#[must_use]
pub fn classify(y: &[f64], counted: bool) -> Class {
    if y.len() < YOUNG {
        Class::Young
    } else if repeats(y) {
        Class::Exact
    } else if counted || is_walk(y) {
        Class::Walk
    } else {
        Class::Noisy
    }
}

/// Whether a series mostly repeats its value, more than ticks do by chance.
fn repeats(y: &[f64]) -> bool {
    let share = |v: &[f64]| {
        let pairs = v.windows(2);
        let all = pairs.len().max(1) as f64;
        pairs.filter(|w| w[0] == w[1]).count() as f64 / all
    };
    share(y) >= least_equal(y.len() - 1, EQUAL_SHARE_MOST)
        && y.chunks(STRETCH)
            .filter(|c| c.len() > STRETCH / 2)
            .all(|c| share(c) >= EQUAL_SHARE_STRETCH)
}

/// The share of so many pairs of neighbours that must be equal, lest ticks do it by chance; never
/// more than `most`.
pub(super) fn least_equal(pairs: usize, most: f64) -> f64 {
    // The normal approximation of a binomial share (Conover, *Practical Nonparametric
    // Statistics*, §3.1).
    let error = (EQUAL_BY_CHANCE * (1.0 - EQUAL_BY_CHANCE) / pairs as f64).sqrt();
    (EQUAL_BY_CHANCE + CHANCE_Z * error).clamp(EQUAL_SHARE, most)
}

/// Whether the variance grows with the lag as a walk's does, also without its few leaps.
fn is_walk(y: &[f64]) -> bool {
    y.len() >= WALK_LEAST && grows(y) && grows(&without_leaps(y))
}

fn grows(y: &[f64]) -> bool {
    // Each noisy series passes here: the first lag settles nearly all of them.
    let variance = |lag: usize| -> f64 {
        let moves = y.iter().zip(&y[lag..]).map(|(a, b)| (b - a).abs());
        stats::median_of(moves).unwrap_or(0.0).powi(2)
    };
    let (near, middle) = (variance(1), variance(4));
    near > 0.0 && middle > WALK_GROWTH * near && variance(16) > WALK_GROWTH * middle
}

/// The series with its largest lasting far-out leaps, one for each [`WALK_LEAP`] points, taken
/// back.
fn without_leaps(y: &[f64]) -> Vec<f64> {
    let fence = counts::far_out(y);
    let mut leaps: Vec<(usize, f64)> = (1..y.len())
        .map(|i| (i, y[i] - y[i - 1]))
        .filter(|&(i, leap)| leap.abs() > fence && counts::lasts(y, i, leap.abs() / 2.0))
        .collect();
    leaps.sort_unstable_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let mut out = y.to_vec();
    for &(i, leap) in leaps.iter().take(y.len() / WALK_LEAP) {
        out[i..].iter_mut().for_each(|v| *v -= leap);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    #[test]
    fn each_class_is_told() {
        let mut g = SplitMix64::new(1);
        let noisy: Vec<f64> = (0..200).map(|_| g.next_f64()).collect();
        assert_eq!(classify(&noisy, false), Class::Noisy);
        assert_eq!(classify(&noisy[..7], false), Class::Young);
        assert_eq!(classify(&[5.0; 30], false), Class::Exact);
        let mut x = 0.0;
        let walk: Vec<f64> = noisy
            .iter()
            .map(|e| {
                x += e - 0.5;
                x
            })
            .collect();
        assert_eq!(classify(&walk, false), Class::Walk);
    }

    #[test]
    fn steps_in_few_points_do_not_make_noise_a_walk() {
        let mut walks = 0;
        for seed in 0..20_000 {
            let mut g = SplitMix64::new(seed);
            let noise = |g: &mut SplitMix64| (0..12).map(|_| g.next_f64()).sum::<f64>();
            let y: Vec<f64> = (0..64)
                .map(|i| noise(&mut g) + if i < 32 { 0.0 } else { 9.0 })
                .collect();
            walks += usize::from(classify(&y, false) == Class::Walk);
        }
        // 104 are taken for walks with the steps left in.
        assert!(walks <= 4, "{walks}");
    }

    #[test]
    fn a_frozen_stretch_does_not_make_noise_exact() {
        let mut g = SplitMix64::new(2);
        let mut y: Vec<f64> = (0..60).map(|_| g.next_f64()).collect();
        y.extend([0.5; 140]);
        assert_eq!(classify(&y, false), Class::Noisy);
    }
}
