//! Tests each boundary: would two pieces of one level differ this much by chance?

use crate::detect::steps::pieces::clip;
use crate::stats;

/// Largest two-sided p of a kept boundary. A boundary was chosen among n places
/// and p is not corrected for that, hence so small: at 1e-4 quiet series raise
/// half the false alarms (.011 rather than .023 per 1000 commits), and fewer 3-sigma steps are
/// reported within five commits (.525 rather than .552).
pub(crate) const ALPHA: f64 = 2e-4;
/// What a candidate of a single stretch may have of it.
pub(crate) const OWN: f64 = 0.1;
/// Most points of a side: 2-sigma steps are sure with a third of them, and further ones belong
/// to other times.
const CAP: usize = 200;
/// … but against three points it takes 250 to reach the p that three can give …
const CAP_SMALL: usize = 250;
/// … and against four to twelve 80 are plenty (2/C(84, 4) is 1e-6), and are counted out in a
/// tenth of the time.
const CAP_FEW: usize = 80;
const FEW: usize = 12;
/// A rank sum whose normal p is larger is not counted out: the exact one is never 50 times smaller.
const ROUGH: f64 = 1e-2;
/// τ of a few hundred points is uncertain by a factor of about two: standard errors
/// of means are taken 1.4 times as large. At 1.0 correlated noise raises three times the alarms.
const DOUBT: f64 = 1.4;
/// Sides this many sigmas apart that do not overlap need no correlation allowed for: noise with
/// a correlation of 0.7 from commit to commit leaps by 6 sigma once in 10¹⁴ …
pub(crate) const APART: f64 = 6.0;
/// … from so many points each: two outliers in a row happen.
const APART_POINTS: usize = 3;
/// Points of both sides from which on they know a sigma of their own to a fifth.
const OWN_SIGMA: usize = 12;
/// The p by distance that sides which do not overlap must reach where their ranks cannot: four
/// points against eight have a rank p of .004 at best, and a shift of 12 sigma a t of 20.
const CLEAR: f64 = 1e-6;
/// A tenth of that with as many points on both sides: ranks can tell.
const RANKS_TELL: usize = 8;
/// … or nearly so: a run of six slow ones among the fast and the slow has a rank p of 1e-3, and
/// its trimmed t is beyond all bounds.
const NEARLY: f64 = 5e-4;
/// Beyond this z, p is no longer told from 0.
const Z_MOST: f64 = 37.0;

/// What the tests must know about the noise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correlated {
    /// How many neighbours count as one independent value.
    pub tau: f64,
    /// The same where that is more than chance, else 1.
    pub certain: f64,
    /// Standard deviation around the levels, outliers clipped.
    pub spread: f64,
    /// The spread that any stretch has at least: what ticks leave open.
    pub floor: f64,
}

/// Drops the weakest boundary until every one that is left holds; with their p.
///
/// `own`: the candidates that only a stretch by itself shows. They were chosen among the splits
/// of some hundred intervals, and need a tenth of the p.
pub(crate) fn verify(
    x: &[f64],
    at: &[usize],
    own: &[usize],
    noise: Correlated,
) -> Vec<(usize, f64)> {
    let n = x.len();
    let alpha = |at: usize| {
        if own.contains(&at) {
            ALPHA * OWN
        } else {
            ALPHA
        }
    };
    let p_of = |at: &[usize], i: usize| {
        let from = if i == 0 { 0 } else { at[i - 1] };
        let to = at.get(i + 1).copied().unwrap_or(n);
        p_value(&x[from..at[i]], &x[at[i]..to], noise)
    };
    let mut at = at.to_vec();
    let mut ps: Vec<f64> = (0..at.len()).map(|i| p_of(&at, i)).collect();
    loop {
        let share = |i: usize| ps[i] / alpha(at[i]);
        let worst = (0..at.len()).max_by(|&i, &j| share(i).total_cmp(&share(j)));
        let Some(worst) = worst.filter(|&i| share(i) > 1.0) else {
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
pub(crate) fn p_value(left: &[f64], right: &[f64], noise: Correlated) -> f64 {
    let cap = match left.len().min(right.len()) {
        0..=3 => CAP_SMALL,
        4..=FEW => CAP_FEW,
        _ => CAP,
    };
    let left = &left[left.len().saturating_sub(cap)..];
    let right = &right[..right.len().min(cap)];
    let separate = separate(left, right);
    let (p, z) = if separate {
        (stats::min_rank_p(left.len(), right.len()), None)
    } else {
        let r = stats::rank_sum_below(left, right, ROUGH);
        (r.p, Some(r.z.abs()))
    };
    if separate && (apart(left, right) || apart_by_themselves(left, right, noise.floor)) {
        let alone = Correlated {
            certain: 1.0,
            ..noise
        };
        return p.min(by_distance(left, right, alone));
    }
    let few = left.len().min(right.len()) < RANKS_TELL;
    if separate || p <= NEARLY || (few && parted(left, right) <= CLEAR) {
        let clear = by_distance(left, right, noise);
        if clear <= if few { CLEAR } else { CLEAR / 10.0 } {
            return clear;
        }
    }
    if noise.tau <= 1.0 || p > ALPHA {
        return p;
    }
    let z = match z {
        Some(z) if left.len().min(right.len()) > FEW => z,
        _ => stats::normal_quantile(1.0 - p / 2.0).min(Z_MOST),
    };
    let by_rank = 2.0 * stats::normal_upper_tail(z / noise.tau.sqrt());
    let points = 1.0 / left.len() as f64 + 1.0 / right.len() as f64;
    let error = DOUBT * noise.spread * (noise.tau * points).sqrt();
    let distance = (clipped_mean(left) - clipped_mean(right)).abs();
    let by_mean = 2.0 * stats::normal_upper_tail(distance / error);
    by_rank.min(by_mean.max(p))
}

/// p that as many points of both sides lie on the side's own side of the middle between their
/// levels, if which ones do is chance: Fisher (1935), *The logic of inductive inference*, JRSS 98;
/// the median test of Mood (1950) with another middle. Where a side has few points and one of them
/// is an outlier, ranks are decided by that one.
fn parted(left: &[f64], right: &[f64]) -> f64 {
    let level = |v: &[f64]| stats::median(v).unwrap_or(0.0);
    let (a, b) = (level(left), level(right));
    let middle = f64::midpoint(a, b);
    let beyond = |v: &[f64]| v.iter().filter(|v| (**v - middle) * (b - a) > 0.0).count();
    stats::fisher_exact((beyond(right), right.len()), (beyond(left), left.len()))
}

/// The mean of a piece with its outliers clipped.
fn clipped_mean(x: &[f64]) -> f64 {
    let m = stats::median(x).unwrap_or(0.0);
    m + x.iter().map(|v| clip(v - m)).sum::<f64>() / x.len() as f64
}

/// Two-sided p of the trimmed t with the spread that both sides themselves have, correlation
/// allowed for: Yuen (1974), *The two-sample trimmed t for unequal population variances*,
/// Biometrika 61, here with one pooled variance. The normal z of a t: Wallace (1959), *Bounds on
/// normal approximations to Student's and the chi-square distributions*.
fn by_distance(left: &[f64], right: &[f64], noise: Correlated) -> f64 {
    let (a, b) = (Trimmed::of(left), Trimmed::of(right));
    let free = a.kept + b.kept - 2.0;
    let points = 1.0 / a.kept + 1.0 / b.kept;
    let least = noise.floor.powi(2) * points;
    let pooled = (a.square + b.square) / free * points;
    let error = pooled.max(least);
    let t = (a.mean - b.mean).powi(2) / (error * noise.certain);
    let z = (free * (t / free).ln_1p()).sqrt() * (8.0 * free + 1.0) / (8.0 * free + 3.0);
    2.0 * stats::normal_upper_tail(z.min(Z_MOST))
}

/// A side without its outermost fifths.
struct Trimmed {
    mean: f64,
    /// Winsorised sum of squares around the winsorised mean.
    square: f64,
    kept: f64,
}

/// The share that is trimmed from each end.
const TRIM: f64 = 0.2;

impl Trimmed {
    fn of(side: &[f64]) -> Self {
        let mut v = stats::sorted(side);
        let n = v.len();
        let cut = (TRIM * n as f64) as usize;
        let inner = &v[cut..n - cut];
        let kept = inner.len() as f64;
        let mean = inner.iter().sum::<f64>() / kept;
        let (low, high) = (v[cut], v[n - cut - 1]);
        v.iter_mut().for_each(|x| *x = x.clamp(low, high));
        let centre = v.iter().sum::<f64>() / n as f64;
        let square = v.iter().map(|x| (x - centre).powi(2)).sum();
        Self { mean, square, kept }
    }
}

/// Whether two sides of three or more do not overlap.
fn separate(left: &[f64], right: &[f64]) -> bool {
    let range = |v: &[f64]| {
        v.iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| {
                (l.min(x), h.max(x))
            })
    };
    let ((al, ah), (bl, bh)) = (range(left), range(right));
    left.len().min(right.len()) >= APART_POINTS && (al > bh || bl > ah)
}

/// The same in sigmas of their own, where both together know them.
fn apart_by_themselves(left: &[f64], right: &[f64], floor: f64) -> bool {
    let n = left.len() + right.len();
    if n < OWN_SIGMA {
        return false;
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let square = |v: &[f64]| {
        let m = mean(v);
        v.iter().map(|x| (x - m).powi(2)).sum::<f64>()
    };
    let sigma = ((square(left) + square(right)) / (n - 2) as f64).sqrt();
    (mean(left) - mean(right)).abs() >= APART * sigma.max(floor)
}

/// Whether their levels lie six sigmas of the series apart.
fn apart(left: &[f64], right: &[f64]) -> bool {
    let (a, b) = (stats::median(left), stats::median(right));
    a.zip(b).is_some_and(|(a, b)| (a - b).abs() >= APART)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    const PLAIN: Correlated = Correlated {
        tau: 1.0,
        certain: 1.0,
        spread: 1.0,
        floor: 0.0,
    };

    #[test]
    fn one_outlier_among_seven_does_not_take_a_clear_step_away() {
        let mut g = SplitMix64::new(1);
        let mut around =
            |level: f64, n: usize| -> Vec<f64> { (0..n).map(|_| level + g.next_f64()).collect() };
        let (left, mut right) = (around(0.0, 60), around(6.0, 7));
        assert!(p_value(&left, &right, PLAIN) <= ALPHA);
        right[4] = 0.0;
        assert!(p_value(&left, &right, PLAIN) <= ALPHA);
        // Two kinds of run of which the slower comes six times out of seven: it was there before.
        let mut two = left;
        for i in [7, 13, 14, 22, 31, 33, 38, 41, 48, 52, 55, 57] {
            two[i] += 6.0;
        }
        assert!(p_value(&two, &right, PLAIN) > ALPHA);
    }
}
