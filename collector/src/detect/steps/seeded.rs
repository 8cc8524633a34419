//! Candidates that a stretch shows by itself, whatever the rest of the series is like.
//!
//! One scale for a whole series is blind where noise, ticks or modes differ from stretch to
//! stretch. Here every interval of a fixed system is ranked by itself, so that its own noise is
//! all that counts, and the narrowest interval that shows a step wins: a step beside a bigger one
//! is seen in an interval that ends before it.
//!
//! Sources: Kovács, Bühlmann, Li & Munk (2023), *Seeded binary segmentation*, Biometrika 110;
//! Baranowski, Chen & Fryzlewicz (2019), *Narrowest-over-threshold detection*, JRSS B 81;
//! the statistic of an interval is Pettitt's (1979), *A non-parametric approach to the
//! change-point problem*, Applied Statistics 28, beside the two-sample t for few points.

use crate::stats;

/// The shortest interval: four points on each side of a step.
const SHORTEST: usize = 8;
/// The longest: what is only seen in more points is found by the search in the whole.
const LONGEST: usize = 160;
/// Each layer of intervals is shorter than the one before by this factor; neighbours of one
/// layer overlap by half.
const DECAY: f64 = 2.0;
/// The rank statistic from which on a split is a candidate: two-sided 2e-4, as the test
/// that it must pass later. The largest of all splits of an interval reaches it by chance once
/// in 200; the tests decide.
const RANK_Z: f64 = 3.7;
/// The t from which on a split of few points is a candidate: no rank of four against four
/// exceeds 2.3, however far they lie apart.
const FEW_T: f64 = 7.0;
/// Intervals up to this long are tried by t: more points show the same in their ranks.
const FEW: usize = 32;
/// Fewer points reach no such rank statistic: nine against nine that do not overlap have 3.6.
const RANKS_LEAST: usize = 20;
/// Fewest points on each side.
const SIDE: usize = 3;

/// A split of an interval.
#[derive(Clone, Copy, Debug)]
struct Split {
    from: usize,
    to: usize,
    at: usize,
    strength: f64,
}

/// Scratch space, so that many series share one allocation.
#[derive(Debug, Default)]
pub(crate) struct Seeded {
    /// Per point its place among the values of the series, and the point, in one key.
    keys: Vec<u64>,
    order: Vec<u64>,
    ranks: Vec<f64>,
}

impl Seeded {
    /// The first points of new levels that some interval shows, ascending.
    ///
    /// `floor`: spread that a stretch is believed to have at least (ticks, rounding).
    pub(crate) fn candidates(&mut self, y: &[f64], floor: f64) -> Vec<usize> {
        self.key(y);
        let mut splits = Vec::new();
        for (from, to) in intervals(y.len()) {
            splits.extend(self.split(y, from, to, floor));
        }
        narrowest(splits)
    }

    fn split(&mut self, y: &[f64], from: usize, to: usize, floor: f64) -> Option<Split> {
        let few = (to - from <= FEW).then(|| by_mean(&y[from..to], floor));
        let few = few.flatten().filter(|s| s.1 >= FEW_T);
        let ranked = || self.by_rank(from, to).filter(|s| s.1 >= RANK_Z);
        let (at, strength) = few.or_else(ranked)?;
        Some(Split {
            from,
            to,
            at: from + at,
            strength,
        })
    }

    /// Numbers the values, equal ones alike, so that intervals are sorted by whole numbers.
    fn key(&mut self, y: &[f64]) {
        self.keys.clear();
        self.keys.resize(y.len(), 0);
        let order = stats::ascending(y);
        for (number, same) in (0_u64..).zip(order.chunk_by(|a, b| a.0 == b.0)) {
            for &(_, i) in same {
                self.keys[i as usize] = number << 32 | u64::from(i);
            }
        }
    }

    /// The split with the largest standardised rank sum.
    fn by_rank(&mut self, from: usize, to: usize) -> Option<(usize, f64)> {
        let n = to - from;
        if n < RANKS_LEAST {
            return None;
        }
        let spread = self.rank(from, to);
        let mut best: Option<(usize, f64)> = None;
        let mut sum = 0.0;
        for at in 1..=n - SIDE {
            sum += self.ranks[at - 1];
            if at < SIDE {
                continue;
            }
            let square = sum * sum / (at * (n - at)) as f64;
            if square > best.map_or(0.0, |b| b.1) {
                best = Some((at, square));
            }
        }
        best.map(|(at, square)| (at, (square / spread).sqrt()))
    }

    /// Centred midranks; the variance of their sum per pair of points, ties allowed for.
    fn rank(&mut self, from: usize, to: usize) -> f64 {
        let n = to - from;
        self.order.clear();
        self.order.extend_from_slice(&self.keys[from..to]);
        self.order.sort_unstable();
        self.ranks.clear();
        self.ranks.resize(n, 0.0);
        let middle = (n as f64 - 1.0) / 2.0;
        let mut start = 0;
        let mut square = 0.0;
        while start < n {
            let value = self.order[start] >> 32;
            let mut end = start + 1;
            while end < n && self.order[end] >> 32 == value {
                end += 1;
            }
            let rank = (start + end - 1) as f64 / 2.0 - middle;
            for key in &self.order[start..end] {
                self.ranks[(key & u64::from(u32::MAX)) as usize - from] = rank;
            }
            square += rank * rank * (end - start) as f64;
            start = end;
        }
        // Var(Σ of k of n) = k (n − k) / (n (n − 1)) Σ r².
        square / (n as f64 * (n as f64 - 1.0))
    }
}

/// The split with the largest two-sample t.
fn by_mean(part: &[f64], floor: f64) -> Option<(usize, f64)> {
    let n = part.len() as f64;
    let shift = part[0];
    let total: f64 = part.iter().map(|v| v - shift).sum();
    let square: f64 = part.iter().map(|v| (v - shift).powi(2)).sum();
    let mut best: Option<(usize, f64)> = None;
    let mut left = 0.0;
    for at in 1..part.len() {
        left += part[at - 1] - shift;
        if at < SIDE || part.len() - at < SIDE {
            continue;
        }
        let k = at as f64;
        let right = total - left;
        let inside = square - left * left / k - right * right / (n - k);
        let variance = (inside / (n - 2.0)).max(floor * floor);
        let gap = (left / k - right / (n - k)).abs();
        let t = gap / (variance * (1.0 / k + 1.0 / (n - k))).sqrt();
        if t > best.map_or(0.0, |b| b.1) {
            best = Some((at, t));
        }
    }
    best
}

/// The seeded intervals up to [`LONGEST`], longest first.
fn intervals(n: usize) -> impl Iterator<Item = (usize, usize)> {
    let layers = std::iter::successors(Some(n as f64), |l| Some(l / DECAY));
    layers
        .skip_while(|l| *l > LONGEST as f64)
        .take_while(|l| *l >= SHORTEST as f64)
        .flat_map(move |l| {
            let length = (l.ceil() as usize).min(n);
            let count = 2 * ((n as f64 / l).ceil() as usize) - 1;
            let room = (n - length) as f64;
            (0..count).map(move |i| {
                let share = if count > 1 {
                    i as f64 / (count - 1) as f64
                } else {
                    0.0
                };
                let from = (room * share).round() as usize;
                (from, from + length)
            })
        })
}

/// Of all splits those of the narrowest intervals; no interval holds the split of a narrower one.
fn narrowest(mut splits: Vec<Split>) -> Vec<usize> {
    splits.sort_by(|a, b| {
        let length = |s: &Split| s.to - s.from;
        length(a)
            .cmp(&length(b))
            .then(b.strength.total_cmp(&a.strength))
    });
    let mut out: Vec<usize> = Vec::new();
    for s in splits {
        if out.iter().all(|at| !(s.from < *at && *at < s.to)) {
            out.push(s.at);
        }
    }
    out.sort_unstable();
    out
}
