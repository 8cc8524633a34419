//! Order statistics, intervals and rank tests: what every judgement rests on.
//!
//! Pure functions over `f64` slices. Nothing here assumes a normal
//! distribution, since benchmark noise is skewed, bimodal and heavy-tailed.
//! Values are expected to be finite; [`finite`] filters what comes from outside.
//! Each function names the source of its formula.

mod logs;
mod order;
mod rank;

pub use logs::{log_phi, log_sum};
pub use order::{ascending, key, middle, nth, sorted, unkey};
pub use rank::{
    RankSum, Shift, fisher_exact, hodges_lehmann, min_rank_p, normal_quantile, normal_upper_tail,
    rank_sum, rank_sum_below,
};

/// MAD × this = the standard deviation of a normal distribution: 1 / Φ⁻¹(3/4).
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// The relative change from `base` to `head`: 0 between equal values, ±∞ from 0, NaN without numbers.
#[must_use]
pub fn change(base: f64, head: f64) -> f64 {
    if base == head {
        0.0
    } else {
        (head - base) / base.abs()
    }
}

/// The finite values of a slice, in order.
#[must_use]
pub fn finite(xs: &[f64]) -> Vec<f64> {
    xs.iter().copied().filter(|x| x.is_finite()).collect()
}

/// The median; the mean of the middle two for an even count. `None` when empty.
#[must_use]
pub fn median(xs: &[f64]) -> Option<f64> {
    // The pieces of young series are so short that memory for them takes longer than the median.
    let mut few = [0; FEW];
    match few.get_mut(..xs.len()) {
        Some(few) => {
            few.iter_mut().zip(xs).for_each(|(k, x)| *k = key(*x));
            middle(few)
        }
        None => median_of(xs.iter().copied()),
    }
}

/// So many keys fit beside the code that works on them.
const FEW: usize = 32;

/// [`median`] of values that nobody needs in a slice. O(n).
#[must_use]
pub fn median_of(xs: impl Iterator<Item = f64>) -> Option<f64> {
    middle(&mut xs.map(key).collect::<Vec<_>>())
}

/// The median of values with weights ≥ 0: the least value at which half of the weight is reached.
///
/// Source: Edgeworth (1888); as in Cormen et al., *Introduction to Algorithms*, problem 9-2.
/// `None` when empty or when no weight is positive.
#[must_use]
pub fn weighted_median(pairs: &[(f64, f64)]) -> Option<f64> {
    let mut v: Vec<(f64, f64)> = pairs.iter().copied().filter(|p| p.1 > 0.0).collect();
    v.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = v.iter().map(|p| p.1).sum::<f64>() / 2.0;
    let mut seen = 0.0;
    v.iter().find_map(|&(x, w)| {
        seen += w;
        (seen >= half).then_some(x)
    })
}

/// The median absolute deviation from the median. `None` when empty.
///
/// Source: Hampel (1974), *The influence curve and its role in robust estimation*.
#[must_use]
pub fn mad(xs: &[f64]) -> Option<f64> {
    let centre = median(xs)?;
    median_of(xs.iter().map(|x| (x - centre).abs()))
}

/// Spread as a standard deviation, robust against up to half of the values: 1.4826 × MAD.
#[must_use]
pub fn robust_sigma(xs: &[f64]) -> Option<f64> {
    mad(xs).map(|m| m * MAD_TO_SIGMA)
}

/// Spread from neighbour to neighbour: 1.4826 × median |xᵢ₊₁ − xᵢ| / √2.
///
/// Steps touch only one difference each, so that they do not widen it. After
/// von Neumann et al. (1941), *The mean square successive difference*, with the
/// median in place of the mean. `None` with fewer than two values.
#[must_use]
pub fn difference_sigma(xs: &[f64]) -> Option<f64> {
    let moves = xs.windows(2).map(|w| (w[1] - w[0]).abs());
    median_of(moves).map(|m| m * MAD_TO_SIGMA / std::f64::consts::SQRT_2)
}

/// Spread as a standard deviation around 0, outliers clipped: for residuals of any shape.
///
/// The root of the mean square with |x| clipped at three times their 0.8
/// quantile / 1.2816 (Winsorised deviation; Wilcox, *Introduction to Robust
/// Estimation*, §3.2). Unlike the MAD it sees the slow mode of bimodal noise,
/// and unlike the plain deviation no spike. `None` when empty.
#[must_use]
pub fn clipped_sigma(residuals: &[f64]) -> Option<f64> {
    let mut v: Vec<i64> = residuals.iter().map(|r| key(r.abs())).collect();
    if v.is_empty() {
        return None;
    }
    let k = ((v.len() - 1) as f64 * 0.8).round() as usize;
    let clip = 3.0 * (nth(&mut v, k) / NORMAL_Q90);
    let square = |r: &i64| unkey(*r).min(clip).powi(2);
    let mean = v.iter().map(square).sum::<f64>() / v.len() as f64;
    Some(mean.sqrt())
}

/// Φ⁻¹(0.975), to the last bit as [`normal_quantile`] bisects it: 95 % of the standard normal
/// distribution lie within it of 0.
pub const NORMAL_Q975: f64 = 1.959_963_984_540_050_7;

/// Φ⁻¹(0.9): the 0.8 quantile of |Z| of the standard normal distribution.
pub const NORMAL_Q90: f64 = 1.281_551_565_544_600_4;

/// An interval and the probability with which it covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The probability that it covers the truth; below what was asked for when there are few values.
    pub coverage: f64,
}

/// The interval of a median between two order statistics, free of any distribution.
///
/// The k-th smallest of n values lies below the median with probability
/// P(Binomial(n, ½) ≥ k). Source: Conover, *Practical Nonparametric
/// Statistics*, §3.2. With too few values (n < 6 for 95 %) it is the whole
/// range, and `coverage` says how little that is worth. `None` when empty.
#[must_use]
pub fn median_interval(xs: &[f64], confidence: f64) -> Option<Interval> {
    let v = sorted(xs);
    let n = v.len();
    let (first, last) = (*v.first()?, *v.last()?);
    let tail = (1.0 - confidence) / 2.0;
    let mut term = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    if term == 0.0 {
        return Some(normal_median_interval(&v, confidence));
    }
    let (mut below, mut k) = (term, 0);
    let mut best = Interval {
        low: first,
        high: last,
        coverage: (1.0 - 2.0 * below).max(0.0),
    };
    while k + 1 < n / 2 {
        term *= (n - k) as f64 / (k + 1) as f64;
        if below + term > tail {
            break;
        }
        below += term;
        k += 1;
        best = Interval {
            low: v[k],
            high: v[n - 1 - k],
            coverage: 1.0 - 2.0 * below,
        };
    }
    Some(best)
}

/// [`median_interval`] of more than about 1,000 values, where ½ⁿ underflows.
fn normal_median_interval(v: &[f64], confidence: f64) -> Interval {
    let n = v.len();
    let half = normal_quantile(0.5 + confidence / 2.0) * (n as f64).sqrt() / 2.0;
    let k = (n as f64 / 2.0 - half).floor().max(0.0) as usize;
    Interval {
        low: v[k],
        high: v[n - 1 - k],
        coverage: confidence,
    }
}

/// How many neighbours count as one independent value: 1 + 2 Σ ρ(k), at least 1.
///
/// Lags 1 ..= `max_lag`, up to the first pair of lags whose sum is not positive
/// (Geyer 1992, *Practical Markov chain Monte Carlo*, initial positive
/// sequence). Input: residuals around `levels` fitted levels, each of which takes
/// about τ/n off every ρ(k) (Kendall 1954 for one level); this is put back.
/// 1 for fewer than 8 values.
#[must_use]
pub fn autocorrelation_time(residuals: &[f64], levels: usize, max_lag: usize) -> f64 {
    let n = residuals.len();
    let power: f64 = residuals.iter().map(|r| r * r).sum();
    if n < 8 || power <= 0.0 {
        return 1.0;
    }
    let lags = max_lag.min(n / 2);
    let rho: Vec<f64> = (1..=lags)
        .map(|k| {
            residuals
                .iter()
                .zip(&residuals[k..])
                .map(|(a, b)| a * b)
                .sum::<f64>()
                / power
        })
        .collect();
    let bias = levels as f64 / n as f64;
    (0..BIAS_ROUNDS).fold(1.0, |tau, _| initial_positive(&rho, tau * bias))
}

/// The bias depends on τ, and τ on the bias: three rounds settle it to a few percent.
const BIAS_ROUNDS: usize = 3;

fn initial_positive(rho: &[f64], bias: f64) -> f64 {
    let pairs = rho
        .chunks(2)
        .map(|c| c.iter().map(|r| r + bias).sum::<f64>());
    let sum: f64 = pairs.take_while(|p| *p > 0.0).sum();
    f64::max(1.0 + 2.0 * sum, 1.0)
}

/// Correlation of neighbours that neither outliers nor skew nor two modes can spoil, in −1 ..= 1.
///
/// Spearman's rank correlation r of (xₜ, xₜ₊₁), as the ρ = 2 sin(π r / 6)
/// of a normal process (Pearson 1907). A MAD of sums and differences would
/// take independent bimodal noise for correlated. 0 for fewer than 8 values.
#[must_use]
pub fn robust_ar1(residuals: &[f64]) -> f64 {
    ar1_of_ranks(&centred_ranks(residuals))
}

/// [`robust_ar1`] of values whose [`centred_ranks`] are known.
#[must_use]
pub fn ar1_of_ranks(r: &[f64]) -> f64 {
    if r.len() < 8 {
        return 0.0;
    }
    let power: f64 = r.iter().map(|x| x * x).sum();
    let lagged: f64 = r.windows(2).map(|w| w[0] * w[1]).sum();
    if power > 0.0 {
        2.0 * (std::f64::consts::PI * lagged / power / 6.0).sin()
    } else {
        0.0
    }
}

/// The rank of each value less the mean rank; equal values share theirs.
#[must_use]
pub fn centred_ranks(xs: &[f64]) -> Vec<f64> {
    let order = ascending(xs);
    let mut out = vec![0.0; xs.len()];
    let mean = (xs.len() as f64 - 1.0) / 2.0;
    let mut start = 0;
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = f64::from(start) + (same.len() as f64 - 1.0) / 2.0 - mean;
        same.iter().for_each(|o| out[o.1 as usize] = rank);
        start += same.len() as u32;
    }
    out
}

/// A small generator for shuffles; the seed is the caller's.
///
/// Source: Steele, Lea & Flood (2014), *Fast splittable pseudorandom number generators*.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator that yields the same numbers for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in 0 ≤ x < 1.
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An index below `n` (0 when `n` is 0). Bias below n / 2⁶⁴.
    pub const fn below(&mut self, n: usize) -> usize {
        ((self.next_u64() as u128 * n as u128) >> 64) as usize
    }

    /// Puts a slice in random order (Fisher & Yates, as in Knuth, TAOCP 3.4.2 P).
    pub fn shuffle<T>(&mut self, xs: &mut [T]) {
        for i in (1..xs.len()).rev() {
            let j = self.below(i + 1);
            xs.swap(i, j);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn medians_of_nothing_one_and_even() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX));
        assert_eq!(mad(&[1.0, 2.0, 3.0, 4.0, 100.0]), Some(1.0));
    }

    #[test]
    fn weighted_median_follows_the_weight() {
        assert_eq!(
            weighted_median(&[(1.0, 1.0), (2.0, 1.0), (9.0, 5.0)]),
            Some(9.0)
        );
        assert_eq!(weighted_median(&[(1.0, 0.0)]), None);
    }

    #[test]
    fn median_interval_is_the_binomial_one() {
        // n = 10: ranks 2 and 9 cover 97.9 %, ranks 3 and 8 only 89.1 % (Conover, table A3).
        let v: Vec<f64> = (1..=10).map(f64::from).collect();
        let i = median_interval(&v, 0.95).unwrap();
        assert_eq!((i.low, i.high), (2.0, 9.0));
        assert!((i.coverage - 0.978_515_625).abs() < 1e-12);
        let few = median_interval(&[1.0, 2.0], 0.95).unwrap();
        assert!((few.coverage - 0.5).abs() < 1e-12);
        let many: Vec<f64> = (0..4001).map(f64::from).collect();
        let i = median_interval(&many, 0.95).unwrap();
        assert!(
            (i.low - 1938.0).abs() < 2.0 && (i.high - 2062.0).abs() < 2.0,
            "{i:?}"
        );
    }

    #[test]
    fn correlation_is_seen_and_its_absence_too() {
        let mut g = SplitMix64::new(7);
        let white: Vec<f64> = (0..4000).map(|_| g.next_f64() - 0.5).collect();
        assert!(autocorrelation_time(&white, 1, 8) < 1.2);
        assert!(robust_ar1(&white).abs() < 0.1);
        let mut x = 0.0;
        let red: Vec<f64> = white
            .iter()
            .map(|e| {
                x = 0.7 * x + e;
                x
            })
            .collect();
        assert!((robust_ar1(&red) - 0.7).abs() < 0.1);
        assert!(autocorrelation_time(&red, 1, 20) > 4.0);
    }

    #[test]
    fn shuffles_keep_every_element_and_repeat_with_the_seed() {
        let mut a: Vec<u32> = (0..100).collect();
        let mut b = a.clone();
        SplitMix64::new(1).shuffle(&mut a);
        SplitMix64::new(1).shuffle(&mut b);
        assert_eq!(a, b);
        assert_ne!(a, (0..100).collect::<Vec<_>>());
        b.sort_unstable();
        assert_eq!(b, (0..100).collect::<Vec<_>>());
    }
}
