//! The rank-sum test, the shift that belongs to it, and the normal tail.

use super::order::midpoint;
use super::{NORMAL_Q975, key, nth, sorted};

/// Up to this many points in the smaller sample the distribution is counted out …
const EXACT_SMALLER: usize = 12;
/// … as long as both samples together have no more than this: 12 × 260 × 6,240
/// additions take about 10 ms; beyond it the normal approximation is off by less
/// than 3 % of p at 1e-4.
const EXACT_TOTAL: usize = 260;
/// More pairs than this are thinned before a Hodges–Lehmann estimate.
const PAIRS_PER_SIDE: usize = 64;

/// The outcome of a rank-sum test of `a` against `b`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankSum {
    /// The probability of ranks at least this far from even, either way, if nothing changed.
    pub p: f64,
    /// The probability of `b` ranking at least this high if nothing changed.
    pub p_greater: f64,
    /// The probability of `b` ranking at least this low if nothing changed.
    pub p_less: f64,
    /// Standardised rank sum of `b`, corrected for ties; positive when `b` is greater.
    pub z: f64,
}

/// No evidence at all: what empty or constant samples give.
const NOTHING: RankSum = RankSum {
    p: 1.0,
    p_greater: 1.0,
    p_less: 1.0,
    z: 0.0,
};

/// Wilcoxon's rank-sum test with midranks for ties.
///
/// Sources: Wilcoxon (1945); exact conditional distribution under ties by
/// counting subsets of the midranks (Lehmann, *Nonparametrics*, §1.4); normal
/// approximation with tie and continuity correction (Lehmann, §1.5 and A.2).
/// The exact one is used when the smaller sample is small, where tails matter.
#[must_use]
pub fn rank_sum(a: &[f64], b: &[f64]) -> RankSum {
    rank_sum_below(a, b, 1.0)
}

/// The same where only a small p matters: the exact distribution is counted out only if the
/// normal approximation of p is below `most`. It may take milliseconds.
#[must_use]
pub fn rank_sum_below(a: &[f64], b: &[f64], most: f64) -> RankSum {
    if a.is_empty() || b.is_empty() {
        return NOTHING;
    }
    let (ranks2, mark, ties) = doubled_midranks(a, b);
    let (n, m) = (ranks2.len(), b.len());
    let sum_b: u64 = ranks2
        .iter()
        .zip(&mark)
        .filter(|(_, is_b)| **is_b)
        .map(|(r, _)| r)
        .sum();
    let (nf, mf, af) = (n as f64, m as f64, a.len() as f64);
    let mean2 = mf * (nf + 1.0);
    // Var(2W) = 4 · am/12 · (n + 1 − Σ(t³−t)/(n(n−1)))
    let variance2 = af * mf / 3.0 * (nf + 1.0 - ties / (nf * (nf - 1.0)));
    if variance2 <= 0.0 {
        return NOTHING;
    }
    let off = sum_b as f64 - mean2;
    let z = off / variance2.sqrt();
    let rough = 2.0 * normal_upper_tail(z.abs());
    if a.len().min(m) <= EXACT_SMALLER && n <= EXACT_TOTAL && rough <= most {
        let (less, greater) = exact_tails(&ranks2, &mark, m <= a.len());
        let p = (2.0 * less.min(greater)).min(1.0);
        return RankSum {
            p,
            p_greater: greater,
            p_less: less,
            z,
        };
    }
    // A unit of W is 2 in doubled ranks: half a unit of continuity is 1.
    let upper = normal_upper_tail((off - 1.0) / variance2.sqrt());
    let lower = normal_upper_tail((-off - 1.0) / variance2.sqrt());
    RankSum {
        p: (2.0 * upper.min(lower)).min(1.0),
        p_greater: upper,
        p_less: lower,
        z,
    }
}

/// Twice the midranks in ascending order of value, whether each belongs to `b`, and Σ(t³ − t).
fn doubled_midranks(a: &[f64], b: &[f64]) -> (Vec<u64>, Vec<bool>, f64) {
    // −0 equals 0 and has another key: to add 0 makes it 0.
    let marked = |v: &[f64], is_b: bool| -> Vec<(i64, bool)> {
        v.iter().map(|x| (key(x + 0.0), is_b)).collect()
    };
    let mut all = [marked(a, false), marked(b, true)].concat();
    all.sort_unstable_by_key(|x| x.0);
    let mut ranks2 = Vec::with_capacity(all.len());
    let mut ties = 0.0;
    let mut start = 0;
    for same in all.chunk_by(|x, y| x.0 == y.0).map(<[_]>::len) {
        // Ranks start+1 ..= start+same: twice their mean is 2·start + same + 1.
        ranks2.extend(std::iter::repeat_n((2 * start + same + 1) as u64, same));
        ties += (same as f64).powi(3) - same as f64;
        start += same;
    }
    let mark = all.iter().map(|x| x.1).collect();
    (ranks2, mark, ties)
}

/// P(W ≤ w) and P(W ≥ w) for the rank sum W of `b`, over all ways to choose its points.
fn exact_tails(ranks2: &[u64], mark: &[bool], b_is_smaller: bool) -> (f64, f64) {
    let chosen: Vec<u64> = ranks2
        .iter()
        .zip(mark)
        .filter(|(_, is_b)| **is_b == b_is_smaller)
        .map(|(r, _)| *r)
        .collect();
    let k = chosen.len();
    let target = chosen.iter().sum::<u64>() as usize;
    if let Some(all) = ways_to_choose(ranks2.len(), k) {
        let (low, high) = tails_of_few(ranks2, k, target, all);
        return if b_is_smaller {
            (low, high)
        } else {
            (high, low)
        };
    }
    let top: usize = ranks2.iter().rev().take(k).sum::<u64>() as usize;
    let width = top + 1;
    // ways[j·width + s]: subsets of j ranks that sum to s. As f64: C(260, 12) fits with ease.
    let mut ways = vec![0.0_f64; (k + 1) * width];
    ways[0] = 1.0;
    let mut reach = 0;
    for (i, &r) in ranks2.iter().enumerate() {
        let r = r as usize;
        reach = (reach + r).min(top);
        for j in (1..=k.min(i + 1)).rev() {
            let (lower, upper) = ways.split_at_mut(j * width);
            let from = &lower[(j - 1) * width..];
            for (to, x) in upper[r..=reach.max(r)].iter_mut().zip(from) {
                *to += x;
            }
        }
    }
    let row = &ways[k * width..];
    let total: f64 = row.iter().sum();
    let low: f64 = row[..=target].iter().sum::<f64>() / total;
    let high: f64 = row[target..].iter().sum::<f64>() / total;
    if b_is_smaller {
        (low, high)
    } else {
        (high, low)
    }
}

/// How many ways there are to choose `k` of `n`, where an `f64` counts them to the last one.
fn ways_to_choose(n: usize, k: usize) -> Option<f64> {
    let (n, k) = (n as u128, k as u128);
    let all = (1..=k).fold(1, |ways, i| ways * (n - k + i) / i);
    (all < 1 << f64::MANTISSA_DIGITS).then_some(all as f64)
}

/// The same from the tail that has fewer ways: numbers that are counted to the last one add up to
/// the same in any order, and the other tail is what is left of `all`.
fn tails_of_few(ranks2: &[u64], k: usize, target: usize, all: f64) -> (f64, f64) {
    let ranks = ranks2.iter().map(|r| *r as usize);
    // Seen from the other end the rank r is n + 1 − r.
    let whole = 2 * (ranks2.len() + 1);
    let mirrored = k * whole - target;
    if target <= mirrored {
        let (up_to, at) = sets_up_to(ranks, k, target);
        (up_to / all, (all - up_to + at) / all)
    } else {
        let (up_to, at) = sets_up_to(ranks.rev().map(|r| whole - r), k, mirrored);
        ((all - up_to + at) / all, up_to / all)
    }
}

/// How many sets of `k` ascending ranks sum to `target` or less, and how many to `target`.
fn sets_up_to(ranks: impl Iterator<Item = usize>, k: usize, target: usize) -> (f64, f64) {
    let width = target + 1;
    // ways[j·width + s]: sets of j ranks that sum to s.
    let mut ways = vec![0.0_f64; (k + 1) * width];
    ways[0] = 1.0;
    for (i, r) in ranks.enumerate().take_while(|r| r.1 <= target) {
        for j in (1..=k.min(i + 1)).rev() {
            // The ranks to come are no smaller: a sum that they lift above the target is none.
            let Some(most) = target.checked_sub((k - j) * r).filter(|most| *most >= r) else {
                break;
            };
            let (lower, upper) = ways.split_at_mut(j * width);
            let from = &lower[(j - 1) * width..];
            for (to, x) in upper[r..=most].iter_mut().zip(from) {
                *to += x;
            }
        }
    }
    let row = &ways[k * width..];
    (row.iter().sum(), row[target])
}

/// The smallest two-sided p that `n` points against `k` can ever give: 2 / C(n + k, k).
#[must_use]
pub fn min_rank_p(n: usize, k: usize) -> f64 {
    if n == 0 || k == 0 {
        return 1.0;
    }
    let small = n.min(k);
    let large = n.max(k);
    let ways = (1..=small).fold(1.0, |w, i| w * (large + i) as f64 / i as f64);
    (2.0 / ways).min(1.0)
}

/// One-sided p of Fisher's exact test (1935, *The logic of inductive inference*, JRSS 98): as many
/// of `a` or more of all that are marked, if which ones are is chance. Both are (marked, all).
#[must_use]
pub fn fisher_exact(a: (usize, usize), b: (usize, usize)) -> f64 {
    let ways = |n: usize, k: usize| (1..=k).fold(1.0, |w, i| w * (n - k + i) as f64 / i as f64);
    let marked = a.0 + b.0;
    let all = ways(a.1 + b.1, marked);
    let with = |k: usize| ways(a.1, k) * ways(b.1, marked - k) / all;
    (a.0..=a.1.min(marked)).map(with).sum()
}

/// How far `b` lies above `a`, with an interval from ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The median of all differences b − a.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The Hodges–Lehmann shift with the interval that inverts the rank-sum test.
///
/// Sources: Hodges & Lehmann (1963); interval between the (C+1)-th smallest
/// and largest difference with C = mn/2 − z √(mn(m+n+1)/12): Moses, in
/// Hollander & Wolfe, *Nonparametric Statistical Methods*, §4.3. Samples above
/// 64 points are thinned to 64 of their quantiles (the interval still uses the
/// true counts). With too few points for the confidence the interval is the
/// whole range of differences. `None` when a sample is empty.
#[must_use]
pub fn hodges_lehmann(a: &[f64], b: &[f64], confidence: f64) -> Option<Shift> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let d = Differences {
        a: thinned(a),
        b: thinned(b),
    };
    let estimate = d.median();
    let (m, n) = (a.len() as f64, b.len() as f64);
    let z = if confidence == 0.95 {
        NORMAL_Q975
    } else {
        normal_quantile(0.5 + confidence / 2.0)
    };
    let share = 0.5 - z * ((m + n + 1.0) / (12.0 * m * n)).sqrt();
    let last = d.len() - 1;
    let k = ((share * d.len() as f64).floor().max(0.0) as usize).min(last);
    Some(Shift {
        estimate,
        low: d.nth(k).min(estimate),
        high: d.nth(last - k).max(estimate),
    })
}

/// At most 64 evenly spaced order statistics, ascending.
fn thinned(xs: &[f64]) -> Vec<f64> {
    let v = sorted(xs);
    if v.len() <= PAIRS_PER_SIDE {
        return v;
    }
    let step = v.len() as f64 / PAIRS_PER_SIDE as f64;
    (0..PAIRS_PER_SIDE)
        .map(|i| v[((i as f64 + 0.5) * step) as usize])
        .collect()
}

/// All differences b − a of two sorted samples, of which few are ever looked at: in a table with
/// a row for each a they ascend along the rows and descend along the columns.
struct Differences {
    a: Vec<f64>,
    b: Vec<f64>,
}

/// So many differences are sooner selected from than searched.
const FEW_PAIRS: usize = 256;

impl Differences {
    const fn len(&self) -> usize {
        self.a.len() * self.b.len()
    }

    /// The median of at least one difference.
    fn median(&self) -> f64 {
        let half = self.len() / 2;
        let upper = self.nth(half);
        if self.len() % 2 == 1 {
            upper
        } else {
            midpoint(self.before(upper, half), upper)
        }
    }

    /// The one before the `k`-th smallest, which is `next`.
    fn before(&self, next: f64, k: usize) -> f64 {
        let below = self.counts(|d| d < key(next));
        if below.iter().sum::<usize>() < k {
            return next;
        }
        let rows = self.a.iter().zip(below).filter(|r| r.1 > 0);
        let largest = rows.map(|(x, n)| key(self.b[n - 1] - x)).max();
        largest.map_or(next, super::unkey)
    }

    /// The `k`-th smallest, from 0: Johnson & Mizoguchi (1978), *Selecting the Kth element in
    /// X + Y*, SIAM Journal on Computing 7, with the middle one of those left as the pivot.
    fn nth(&self, k: usize) -> f64 {
        // Of each row the part that may hold it.
        let mut open = vec![(0, self.b.len()); self.a.len()];
        loop {
            let left: usize = open.iter().map(|o| o.1 - o.0).sum();
            if left <= FEW_PAIRS {
                return self.nth_of_few(&open, k);
            }
            let pivot = self.middle(&open, left / 2);
            let below = self.counts(|d| d < pivot);
            if k < below.iter().sum() {
                open.iter_mut()
                    .zip(&below)
                    .for_each(|(o, n)| o.1 = o.1.min(*n));
                continue;
            }
            let up_to = self.counts(|d| d <= pivot);
            if k < up_to.iter().sum() {
                return super::unkey(pivot);
            }
            open.iter_mut()
                .zip(&up_to)
                .for_each(|(o, n)| o.0 = o.0.max(*n));
        }
    }

    fn nth_of_few(&self, open: &[(usize, usize)], k: usize) -> f64 {
        let below: usize = open.iter().map(|o| o.0).sum();
        let mut keys = Vec::with_capacity(FEW_PAIRS);
        for (x, o) in self.a.iter().zip(open) {
            keys.extend(self.b[o.0..o.1].iter().map(|y| key(y - x)));
        }
        nth(&mut keys, k - below)
    }

    /// The key of the `i`-th difference of those left, row by row.
    fn middle(&self, open: &[(usize, usize)], mut i: usize) -> i64 {
        for (x, o) in self.a.iter().zip(open) {
            if i < o.1 - o.0 {
                return key(self.b[o.0 + i] - x);
            }
            i -= o.1 - o.0;
        }
        key(0.0)
    }

    /// How many of each row are small, in one walk down the table's stairs.
    fn counts(&self, is_small: impl Fn(i64) -> bool) -> Vec<usize> {
        let mut n = 0;
        let mut count = |x: &f64| {
            while n < self.b.len() && is_small(key(self.b[n] - x)) {
                n += 1;
            }
            n
        };
        self.a.iter().map(&mut count).collect()
    }
}

/// P(Z > z) of the standard normal distribution, to about 1e-14 relative.
///
/// Series near the middle, continued fraction in the tail: Abramowitz & Stegun 26.2.11 and 26.2.14.
#[must_use]
pub fn normal_upper_tail(z: f64) -> f64 {
    if z.is_nan() {
        return 1.0;
    }
    if z < 0.0 {
        return 1.0 - normal_upper_tail(-z);
    }
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if z < 3.0 {
        let (mut term, mut sum, mut k) = (z, z, 1.0);
        while term > sum * 1e-17 {
            k += 2.0;
            term *= z * z / k;
            sum += term;
        }
        return 0.5 - density * sum;
    }
    let fraction = (1..=60).rev().fold(z, |f, k| z + f64::from(k) / f);
    density / fraction
}

/// The z with P(Z ≤ z) = `p`, by bisection; ±∞ at 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    if p < 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if normal_upper_tail(middle) > 1.0 - p {
            low = middle
        } else {
            high = middle
        }
    }
    low
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn tails_of_the_normal_are_the_tables() {
        assert!((normal_upper_tail(1.959_963_984_540_054) - 0.025).abs() < 1e-15);
        assert!((normal_upper_tail(5.0) / 2.866_515_718_791_945e-7 - 1.0).abs() < 1e-12);
        assert!((normal_upper_tail(-1.0) - 0.841_344_746_068_543).abs() < 1e-14);
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-10);
        assert!((normal_quantile(0.025) + 1.959_963_984_540_054).abs() < 1e-10);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert_eq!(normal_quantile(0.5 + 0.95 / 2.0), NORMAL_Q975);
    }

    #[test]
    fn separated_samples_have_the_least_p() {
        let a: Vec<f64> = (0..10).map(f64::from).collect();
        let b = [20.0, 21.0, 22.0];
        let r = rank_sum(&a, &b);
        assert!((r.p_greater - 1.0 / 286.0).abs() < 1e-12);
        assert!((r.p - min_rank_p(10, 3)).abs() < 1e-12);
        let back = rank_sum(&b, &a);
        assert!((back.p_less - r.p_greater).abs() < 1e-12 && (back.z + r.z).abs() < 1e-12);
    }

    #[test]
    fn the_lady_tastes_tea() {
        // Of eight cups, four with the milk first: three of them named rightly, or all.
        assert!((fisher_exact((3, 4), (1, 4)) - 17.0 / 70.0).abs() < 1e-12);
        assert!((fisher_exact((4, 4), (0, 4)) - 1.0 / 70.0).abs() < 1e-12);
        assert!((fisher_exact((0, 3), (0, 250)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn exact_agrees_with_every_subset_under_ties() {
        let a = [1.0, 2.0, 2.0, 3.0];
        let b = [2.0, 3.0, 3.0];
        let ranks = [1.0, 3.0, 3.0, 3.0, 6.0, 6.0, 6.0];
        let observed = 3.0 + 6.0 + 6.0;
        let (mut at_least, mut all) = (0.0, 0.0);
        for bits in 0_u32..128 {
            if bits.count_ones() == 3 {
                let w: f64 = (0..7)
                    .filter(|i| bits >> i & 1 == 1)
                    .map(|i| ranks[i])
                    .sum();
                all += 1.0;
                at_least += f64::from(u8::from(w >= observed));
            }
        }
        let r = rank_sum(&a, &b);
        assert!((r.p_greater - at_least / all).abs() < 1e-12, "{r:?}");
    }

    #[test]
    fn normal_and_exact_agree_where_both_hold() {
        let a: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 41)).collect();
        let b: Vec<f64> = (0..12)
            .map(|i| f64::from(i * 5 % 13) * 2.0 + 14.5)
            .collect();
        let exact = rank_sum(&a, &b);
        let variance = 40.0 * 12.0 * 53.0 / 12.0;
        let approximate = 2.0 * normal_upper_tail(exact.z - 0.5 / f64::sqrt(variance));
        assert!(
            (exact.p / approximate - 1.0).abs() < 0.1,
            "{exact:?} {approximate}"
        );
    }

    #[test]
    fn constants_and_nothing_are_no_evidence() {
        assert_eq!(rank_sum(&[], &[1.0]), NOTHING);
        assert_eq!(rank_sum(&[1.0, 1.0], &[1.0]), NOTHING);
        assert_eq!(min_rank_p(0, 3), 1.0);
    }

    #[test]
    fn searched_differences_are_the_sorted_ones() {
        let mut g = super::super::SplitMix64::new(8);
        for round in 0..40 {
            // Ties in one half of the rounds, an outlier in each.
            let mut draw = |n: usize| -> Vec<f64> {
                let mut one = |i: usize| match (i, round % 2) {
                    (0, _) => 1e3 * g.next_f64(),
                    (_, 0) => g.next_f64() - 0.5,
                    _ => g.below(7) as f64,
                };
                (0..=n).map(&mut one).collect()
            };
            let d = Differences {
                a: sorted(&draw(1 + round)),
                b: sorted(&draw(60 - round)),
            };
            let pairs = d.b.iter().flat_map(|y| d.a.iter().map(move |x| y - x));
            let all = sorted(&pairs.collect::<Vec<_>>());
            for k in (0..all.len()).step_by(17) {
                assert_eq!(d.nth(k).to_bits(), all[k].to_bits(), "{round} {k}");
            }
        }
    }

    #[test]
    fn shift_of_a_shifted_sample_is_the_shift() {
        let a: Vec<f64> = (0..50).map(|i| f64::from(i * 17 % 50)).collect();
        let b: Vec<f64> = a.iter().map(|x| x + 30.0).collect();
        let s = hodges_lehmann(&a, &b, 0.95).unwrap();
        assert!(
            (s.estimate - 30.0).abs() < 1e-9 && s.low < 30.0 && 30.0 < s.high,
            "{s:?}"
        );
        assert!(s.low > 20.0 && s.high < 40.0);
        assert!(hodges_lehmann(&[], &b, 0.95).is_none());
        let one = hodges_lehmann(&[1.0], &[3.0], 0.95).unwrap();
        assert_eq!((one.low, one.estimate, one.high), (2.0, 2.0, 2.0));
    }
}
