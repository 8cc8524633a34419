//! Tests each boundary: would two pieces of one level differ this much by chance?

use crate::detect::steps::pieces::clip;
use crate::stats;

/// Largest two-sided p of a kept boundary. A boundary was chosen among n places
/// and p is not corrected for that, hence so small: at 1e-4 quiet series raise
/// half the false alarms (.011 rather than .023 per 1000 commits), and fewer 3-sigma steps are
/// told within five commits (.525 rather than .552).
pub(crate) const ALPHA: f64 = 2e-4;
/// Most points of a side: 2-sigma steps are sure with a third of them, and further ones belong
/// to other times.
const CAP: usize = 200;
/// … but against three points it takes 250 to reach the p that three can give.
const CAP_SMALL: usize = 250;
/// τ of a few hundred points is uncertain by a factor of about two: standard errors
/// of means are taken 1.4 times as large. At 1.0 correlated noise raises three times the alarms.
const DOUBT: f64 = 1.4;
/// Sides this many sigmas apart that do not overlap need no correlation allowed for: noise with
/// a correlation of 0.7 from commit to commit leaps by 6 sigma once in 10¹⁴ …
pub(crate) const APART: f64 = 6.0;
/// … from so many points each: two outliers in a row happen.
const APART_POINTS: usize = 3;
/// Beyond this z, p is no longer told from 0.
const Z_MOST: f64 = 37.0;

/// What the tests must know about the noise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correlated {
    /// How many neighbours count as one independent value.
    pub tau: f64,
    /// Standard deviation around the levels, outliers clipped.
    pub spread: f64,
}

/// Drops the weakest boundary until every one that is left holds; with their p.
pub(crate) fn verify(x: &[f64], at: &[usize], noise: Correlated) -> Vec<(usize, f64)> {
    let n = x.len();
    let p_of = |at: &[usize], i: usize| {
        let from = if i == 0 { 0 } else { at[i - 1] };
        let to = at.get(i + 1).copied().unwrap_or(n);
        p_value(&x[from..at[i]], &x[at[i]..to], noise)
    };
    let mut at = at.to_vec();
    let mut ps: Vec<f64> = (0..at.len()).map(|i| p_of(&at, i)).collect();
    loop {
        let worst = (0..at.len()).max_by(|&i, &j| ps[i].total_cmp(&ps[j]));
        let Some(worst) = worst.filter(|&i| ps[i] > ALPHA) else {
            return at.into_iter().zip(ps).collect();
        };
        at.remove(worst);
        ps.remove(worst);
        let neighbours = worst.saturating_sub(1)..(worst + 1).min(at.len());
        neighbours.for_each(|i| ps[i] = p_of(&at, i));
    }
}

/// Two-sided p that two neighbouring pieces have one level.
///
/// The rank-sum z divided by √τ is safe but saturates: 80 points against 30
/// that do not overlap at all reach no more than z = 7.9, which τ = 5.7 makes
/// 3.3. So the distance of the means, in standard errors √τ times as large,
/// may speak as well, as long as ranks alone agree.
fn p_value(left: &[f64], right: &[f64], noise: Correlated) -> f64 {
    let cap = if left.len().min(right.len()) <= 3 {
        CAP_SMALL
    } else {
        CAP
    };
    let left = &left[left.len().saturating_sub(cap)..];
    let right = &right[..right.len().min(cap)];
    if separate(left, right) {
        return stats::min_rank_p(left.len(), right.len());
    }
    let p = stats::rank_sum(left, right).p;
    if noise.tau <= 1.0 {
        return p;
    }
    let z = stats::normal_quantile(1.0 - p / 2.0).min(Z_MOST);
    let by_rank = 2.0 * stats::normal_upper_tail(z / noise.tau.sqrt());
    let points = 1.0 / left.len() as f64 + 1.0 / right.len() as f64;
    let error = DOUBT * noise.spread * (noise.tau * points).sqrt();
    let distance = (clipped_mean(left) - clipped_mean(right)).abs();
    let by_mean = 2.0 * stats::normal_upper_tail(distance / error);
    by_rank.min(by_mean.max(p))
}

/// The mean of a piece with its outliers clipped.
fn clipped_mean(x: &[f64]) -> f64 {
    let m = stats::median(x).unwrap_or(0.0);
    m + x.iter().map(|v| clip(v - m)).sum::<f64>() / x.len() as f64
}

/// Whether two sides of three or more do not overlap and lie six sigmas apart.
fn separate(left: &[f64], right: &[f64]) -> bool {
    let range = |v: &[f64]| {
        v.iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| {
                (l.min(x), h.max(x))
            })
    };
    let ((al, ah), (bl, bh)) = (range(left), range(right));
    left.len().min(right.len()) >= APART_POINTS && (al > bh || bl > ah) && {
        let (a, b) = (stats::median(left), stats::median(right));
        a.zip(b).is_some_and(|(a, b)| (a - b).abs() >= APART)
    }
}
