//! Cuts a series into pieces of one level each, exactly and robustly.
//!
//! Optimal partitioning with the biweight loss min((y − μ)²·w, K²): the cost of
//! a point is bounded, so that an outlier can never buy a piece of its own.
//! Functional pruning keeps, for every level μ, only the best beginning of the
//! last piece, which makes it about O(n). Source: Fearnhead & Rigaill (2019),
//! *Changepoint detection in the presence of outliers*, JASA 114.

/// The cost of the last piece as a function of its level μ, over one interval of levels.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// The interval's upper end; its lower end is the piece before.
    high: f64,
    /// Cost a·μ² + b·μ + c.
    a: f64,
    b: f64,
    c: f64,
    /// The level at which it is least, if a > 0.
    vertex: f64,
    /// Where the last piece of the series begins.
    from: u32,
}

impl Piece {
    fn least(&self, low: f64) -> f64 {
        let mu = if self.a > 0.0 {
            self.vertex.clamp(low, self.high)
        } else {
            low
        };
        self.at(mu)
    }

    fn at(&self, mu: f64) -> f64 {
        (self.a * mu + self.b) * mu + self.c
    }

    fn continues(&self, other: &Self) -> bool {
        self.from == other.from && self.a == other.a && self.b == other.b && self.c == other.c
    }
}

/// What a boundary costs and how much one point can cost at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Added for each boundary.
    pub penalty: f64,
    /// K²: the bound on one point's loss.
    pub bound: f64,
}

/// Less than a boundary costs, by more than what sums are rounded by.
const SURELY_LESS: f64 = 0.999;

/// Whether a series is one piece without a search: a boundary costs more than all points do around
/// a level of 0. So it is with a dozen points or so of mere noise.
pub(crate) fn is_one_piece(y: &[f64], w: &[f64], cost: Cost) -> bool {
    let most = SURELY_LESS * cost.penalty;
    let mut sum = 0.0;
    y.iter().zip(w).all(|(v, w)| {
        sum += v * v * w;
        sum < most
    })
}

/// Scratch space, so that many series share one allocation.
#[derive(Debug, Default)]
pub(crate) struct Segmenter {
    pieces: Vec<Piece>,
    next: Vec<Piece>,
    best: Vec<f64>,
    from: Vec<u32>,
}

impl Segmenter {
    /// The first points of all pieces but the first, ascending, and the penalised cost of that
    /// partition: the best one.
    ///
    /// `y`: values in units of the noise; `w`: their weights (1 / local variance).
    pub(crate) fn search(&mut self, y: &[f64], w: &[f64], cost: Cost) -> (Vec<usize>, f64) {
        self.run(y, w, cost);
        let mut out = Vec::new();
        let mut end = y.len();
        while end > 0 {
            end = self.from[end - 1] as usize;
            if end > 0 {
                out.push(end);
            }
        }
        out.reverse();
        (out, self.best.last().copied().unwrap_or(0.0))
    }

    fn run(&mut self, y: &[f64], w: &[f64], cost: Cost) {
        self.best.clear();
        self.from.clear();
        self.pieces.clear();
        let (low, high) = y
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| {
                (l.min(x), h.max(x))
            });
        self.pieces.push(Piece {
            high,
            a: 0.0,
            b: 0.0,
            c: 0.0,
            vertex: 0.0,
            from: 0,
        });
        for (t, (&yt, &wt)) in y.iter().zip(w).enumerate() {
            let (least, from) = self.add(yt, wt, cost.bound, low);
            self.best.push(least);
            self.from.push(from);
            self.prune(least + cost.penalty, t as u32 + 1, low);
        }
    }

    /// Adds one point's loss to every piece, splitting where the bound begins. Gives the least cost
    /// there is then, and where its last piece begins.
    fn add(&mut self, y: f64, w: f64, bound: f64, low: f64) -> (f64, u32) {
        let mut best = (f64::INFINITY, 0);
        let reach = (bound / w).sqrt();
        let (inner_low, inner_high) = (y - reach, y + reach);
        self.next.clear();
        let mut start = low;
        for p in &self.pieces {
            let mut from = start;
            for (edge, inside) in [
                (inner_low, false),
                (inner_high, true),
                (f64::INFINITY, false),
            ] {
                let to = p.high.min(edge);
                if to > from || (to == p.high && from == start && p.high == start) {
                    let mut q = Piece { high: to, ..*p };
                    if inside {
                        q.a += w;
                        q.b -= 2.0 * w * y;
                        q.c += w * y * y;
                        q.vertex = -q.b / (2.0 * q.a);
                    } else {
                        q.c += bound;
                    }
                    let least = q.least(from);
                    if least < best.0 {
                        best = (least, q.from);
                    }
                    self.next.push(q);
                    from = to;
                }
                if to == p.high {
                    break;
                }
            }
            start = p.high;
        }
        std::mem::swap(&mut self.pieces, &mut self.next);
        best
    }

    /// Where a fresh piece would be cheaper than the best known, begin it.
    fn prune(&mut self, fresh: f64, t: u32, low: f64) {
        self.next.clear();
        let flat = |high: f64| Piece {
            high,
            a: 0.0,
            b: 0.0,
            c: fresh,
            vertex: 0.0,
            from: t,
        };
        let mut start = low;
        for p in &self.pieces {
            let (left, right) = below(p, fresh, start);
            if left < right || (start == p.high && p.at(start) <= fresh) {
                if left > start {
                    push(&mut self.next, flat(left));
                }
                push(&mut self.next, Piece { high: right, ..*p });
                if right < p.high {
                    push(&mut self.next, flat(p.high));
                }
            } else {
                push(&mut self.next, flat(p.high));
            }
            start = p.high;
        }
        std::mem::swap(&mut self.pieces, &mut self.next);
    }
}

/// The part of a piece's interval where its cost is no more than `top`.
fn below(p: &Piece, top: f64, low: f64) -> (f64, f64) {
    if p.a <= 0.0 {
        return if p.c <= top {
            (low, p.high)
        } else {
            (low, low)
        };
    }
    let room = top - p.at(p.vertex);
    if room <= 0.0 {
        return (low, low);
    }
    let half = (room / p.a).sqrt();
    ((p.vertex - half).max(low), (p.vertex + half).min(p.high))
}

fn push(out: &mut Vec<Piece>, p: Piece) {
    match out.last_mut() {
        Some(last) if last.continues(&p) => last.high = p.high,
        _ => out.push(p),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    const COST: Cost = Cost {
        penalty: 20.0,
        bound: 9.0,
    };

    fn cut(y: &[f64]) -> Vec<usize> {
        Segmenter::default().search(y, &vec![1.0; y.len()], COST).0
    }

    /// The same optimum by trying every partition end and every level that matters.
    fn slow(y: &[f64]) -> f64 {
        let loss = |from: usize, to: usize| -> f64 {
            // A bounded quadratic is least at the mean of some subset; a fine grid comes close.
            (0..=4000)
                .map(|i| f64::from(i).mul_add(0.005, -10.0))
                .map(|m| {
                    y[from..to]
                        .iter()
                        .map(|v| (v - m).powi(2).min(COST.bound))
                        .sum()
                })
                .fold(f64::INFINITY, f64::min)
        };
        let mut best = vec![-COST.penalty];
        for to in 1..=y.len() {
            let b = (0..to)
                .map(|from| best[from] + COST.penalty + loss(from, to))
                .fold(f64::INFINITY, f64::min);
            best.push(b);
        }
        best[y.len()]
    }

    #[test]
    fn finds_the_optimum() {
        let mut g = SplitMix64::new(11);
        for round in 0..12 {
            let n = 12;
            let step = if round % 2 == 0 { 6.0 } else { 0.0 };
            let y: Vec<f64> = (0..n)
                .map(|i| g.next_f64() * 3.0 - 1.5 + if i >= 5 { step } else { 0.0 })
                .collect();
            let (at, total) = Segmenter::default().search(&y, &[1.0; 12], COST);
            assert!((total - slow(&y)).abs() < 1e-2, "{total} {}", slow(&y));
            assert!(at.is_empty() || !is_one_piece(&y, &[1.0; 12], COST));
        }
    }

    #[test]
    fn two_outliers_make_no_piece_and_a_step_does() {
        let mut y = vec![0.0; 60];
        y[30] = 50.0;
        y[31] = 50.0;
        assert!(cut(&y).is_empty());
        let y: Vec<f64> = (0..60).map(|i| if i < 37 { 0.0 } else { 4.0 }).collect();
        assert_eq!(cut(&y), [37]);
    }

    #[test]
    fn constant_and_empty_series_have_no_boundary() {
        assert!(cut(&[1.0; 30]).is_empty());
        assert!(cut(&[]).is_empty());
        assert!(cut(&[1.0]).is_empty());
    }
}
