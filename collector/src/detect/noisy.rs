//! Finds the steps of a noisy series.

use super::noise::Noise;
use super::place::{Step, place};
use super::segment::{Cost, Segmenter};
use crate::stats;

/// A boundary between two levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Boundary {
    /// The first point of the new level.
    pub at: usize,
    /// First and last point that it may be instead.
    pub range: (usize, usize),
    /// Two-sided p of the rank-sum test, autocorrelation allowed for.
    pub p: f64,
}

/// What the finder may be tuned by; the defaults are used everywhere but in experiments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Penalty per boundary in σ² τ ln n.
    pub penalty: f64,
    /// How many bounded points pay for a boundary.
    pub outliers: f64,
    /// Largest p of a kept boundary.
    pub alpha: f64,
    /// z of a slope that all pieces share, above which it is taken out.
    pub drift_z: f64,
    /// What a drift costs, as a share of a boundary's penalty.
    pub drift_price: f64,
    /// Least probability that a change lies within 5 points of where it is reported.
    pub near: f64,
    /// Power of τ in the penalty.
    pub gamma: f64,
    /// Rounds.
    pub rounds: usize,
    /// Most points of a side that are tested.
    pub cap: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            penalty: 5.0,
            outliers: 1.3,
            alpha: 1e-4,
            cap: 200,
            drift_z: 2.0,
            drift_price: 0.5,
            near: 0.75,
            gamma: 0.5,
            rounds: 2,
        }
    }
}

/// The steps of a noisy series of at least 8 finite values, and the drift per point beside them.
pub(crate) fn boundaries(
    y: &[f64],
    tuning: &Tuning,
    segmenter: &mut Segmenter,
) -> (Vec<Boundary>, f64) {
    let n = y.len();
    let noise = Noise::of(y);
    let centre = stats::median(y).unwrap_or(0.0);
    let x: Vec<f64> = y.iter().map(|v| (v - centre) / noise.sigma).collect();
    let (at, tau) = partition(&x, &noise, tuning, segmenter);
    let (x, at, slope) = without_drift(x, at, &noise, tau, tuning, segmenter);
    let kept = verify(&x, at, tuning, tau);
    (placed(&x, &kept, &noise, tuning), slope * noise.sigma)
}

/// Moves each boundary to its likeliest place; those that lie nowhere in particular are left out.
fn placed(x: &[f64], kept: &[(usize, f64)], noise: &Noise, tuning: &Tuning) -> Vec<Boundary> {
    let n = x.len();
    let at: Vec<usize> = kept.iter().map(|k| k.0).collect();
    let r = residuals(x, &at);
    let rho = stats::robust_ar1(&r);
    let rho = if rho < RHO_LEAST { 0.0 } else { rho.min(0.9) };
    let level = |from: usize, to: usize| stats::median(&x[from..to]).unwrap_or(0.0);
    let bound = cost(tuning, n, 1.0).bound;
    let mut out: Vec<Boundary> = Vec::new();
    for (i, &(at, p)) in kept.iter().enumerate() {
        let from = if i == 0 { 0 } else { kept[i - 1].0 };
        let to = kept.get(i + 1).map_or(n, |k| k.0);
        let step = Step {
            from,
            at,
            to,
            left: level(from, at),
            right: level(at, to),
        };
        let found = place(x, &noise.weights, step, rho, bound);
        if found.near >= tuning.near {
            out.push(Boundary {
                at: found.at,
                range: found.range,
                p,
            });
        }
    }
    out
}

/// Correlations of neighbours below this are not told from none in a few hundred points.
const RHO_LEAST: f64 = 0.15;

/// The pieces, and how many neighbours count as one value in what they leave over.
///
/// Begins with independent noise, which finds the most pieces, and prices
/// boundaries dearer as long as the residuals turn out more correlated than
/// assumed: so a step is never mistaken for correlation before it had its chance.
fn partition(
    x: &[f64],
    noise: &Noise,
    tuning: &Tuning,
    segmenter: &mut Segmenter,
) -> (Vec<usize>, f64) {
    let mut tau = 1.0;
    let mut at = Vec::new();
    for _ in 0..tuning.rounds {
        at = segmenter.boundaries(x, &noise.weights, cost(tuning, x.len(), tau));
        let seen = residual_tau(x, &at);
        if seen <= TAU_CLOSE * tau {
            break;
        }
        tau = seen;
    }
    (at, tau)
}

/// Rounds until pieces and correlation agree; AR(1) with ρ = 0.7 takes three.
const TAU_ROUNDS: usize = 5;
/// Estimates this close agree: τ of 200 independent values scatters by that much.
const TAU_CLOSE: f64 = 1.2;

/// Takes out a drift common to all pieces, if that explains the series better than the pieces alone.
fn without_drift(
    x: Vec<f64>,
    at: Vec<usize>,
    noise: &Noise,
    tau: f64,
    tuning: &Tuning,
    segmenter: &mut Segmenter,
) -> (Vec<f64>, Vec<usize>, f64) {
    let price = cost(tuning, x.len(), tau);
    let steps_only = segmenter.total() - price.penalty * tuning.drift_price;
    let mut best: Option<(f64, Vec<f64>, Vec<usize>, f64)> = None;
    for start in [&at[..], &[]] {
        let (mut flat, mut cut, mut whole) = (x.clone(), start.to_vec(), 0.0);
        for _ in 0..4 {
            let (slope, z) = common_slope(&flat, &cut);
            if z.abs() < tuning.drift_z * tau.sqrt() {
                break;
            }
            whole += slope;
            let middle = x.len() as f64 / 2.0;
            flat.iter_mut()
                .enumerate()
                .for_each(|(t, v)| *v -= slope * (t as f64 - middle));
            if start.is_empty() && hopeless(&flat, &noise.weights, price, steps_only) {
                break;
            }
            cut = segmenter.boundaries(&flat, &noise.weights, price);
            let total = segmenter.total();
            if total < best.as_ref().map_or(steps_only, |b| b.0) {
                best = Some((total, flat.clone(), cut.clone(), whole));
            }
        }
    }
    best.map_or((x, at, 0.0), |b| (b.1, b.2, b.3))
}

/// Whether a line alone fits so badly that it would take many steps beside it to catch up.
///
/// Saves the search in series with steps and no drift, which are most.
fn hopeless(flat: &[f64], weights: &[f64], price: Cost, best: f64) -> bool {
    let centre = stats::median(flat).unwrap_or(0.0);
    let loss = |(v, w): (&f64, &f64)| ((v - centre).powi(2) * w).min(price.bound);
    flat.iter().zip(weights).map(loss).sum::<f64>() > best + HOPELESS_STEPS * price.penalty
}

/// Steps beside a drift that are still searched for when they were not seen without it.
const HOPELESS_STEPS: f64 = 4.0;

/// The slope that all pieces share, and its z if neighbours were independent.
fn common_slope(x: &[f64], at: &[usize]) -> (f64, f64) {
    let (mut sxy, mut sxx) = (0.0, 0.0);
    for (from, to) in pieces(at, x.len()) {
        let m = stats::median(&x[from..to]).unwrap_or(0.0);
        let middle = (from + to - 1) as f64 / 2.0;
        for (t, v) in x[from..to].iter().enumerate() {
            let dt = (from + t) as f64 - middle;
            sxy += dt * (v - m).clamp(-4.0, 4.0);
            sxx += dt * dt;
        }
    }
    if sxx > 0.0 {
        (sxy / sxx, sxy / sxx.sqrt())
    } else {
        (0.0, 0.0)
    }
}

fn cost(tuning: &Tuning, n: usize, tau: f64) -> Cost {
    let one = tuning.penalty * (n as f64).ln();
    Cost {
        penalty: one * tau.powf(tuning.gamma),
        bound: one / tuning.outliers,
    }
}

/// The medians of all pieces, subtracted; outliers clipped at 4.
fn residuals(x: &[f64], at: &[usize]) -> Vec<f64> {
    let mut out = Vec::with_capacity(x.len());
    for (from, to) in pieces(at, x.len()) {
        let m = stats::median(&x[from..to]).unwrap_or(0.0);
        out.extend(x[from..to].iter().map(|v| (v - m).clamp(-4.0, 4.0)));
    }
    out
}

fn residual_tau(x: &[f64], at: &[usize]) -> f64 {
    stats::autocorrelation_time(
        &stats::centred_ranks(&residuals(x, at)),
        at.len() + 1,
        TAU_LAGS,
    )
}

/// Lags over which correlation is summed up.
const TAU_LAGS: usize = 8;

fn pieces(at: &[usize], n: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let starts = std::iter::once(0).chain(at.iter().copied());
    starts.zip(at.iter().copied().chain(std::iter::once(n)))
}

/// Drops the weakest boundary until every one that is left holds.
fn verify(x: &[f64], mut at: Vec<usize>, tuning: &Tuning, tau: f64) -> Vec<(usize, f64)> {
    let n = x.len();
    let p_of = |at: &[usize], i: usize| {
        let from = if i == 0 { 0 } else { at[i - 1] };
        let to = at.get(i + 1).copied().unwrap_or(n);
        p_value(&x[from..at[i]], &x[at[i]..to], tuning, tau)
    };
    let mut ps: Vec<f64> = (0..at.len()).map(|i| p_of(&at, i)).collect();
    loop {
        let worst = (0..at.len()).max_by(|&i, &j| ps[i].total_cmp(&ps[j]));
        let Some(worst) = worst.filter(|&i| ps[i] > tuning.alpha) else {
            return at.into_iter().zip(ps).collect();
        };
        at.remove(worst);
        ps.remove(worst);
        for i in worst.saturating_sub(1)..(worst + 1).min(at.len()) {
            ps[i] = p_of(&at, i);
        }
    }
}

fn p_value(left: &[f64], right: &[f64], tuning: &Tuning, tau: f64) -> f64 {
    let cap = if left.len().min(right.len()) <= 3 {
        250
    } else {
        tuning.cap
    };
    let left = &left[left.len().saturating_sub(cap)..];
    let right = &right[..right.len().min(cap)];
    if separate(left, right) {
        return stats::min_rank_p(left.len(), right.len());
    }
    let p = stats::rank_sum(left, right).p;
    if tau <= 1.0 {
        return p;
    }
    let z = stats::normal_quantile(1.0 - p / 2.0).min(38.0);
    2.0 * stats::normal_upper_tail(z / tau.sqrt())
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
    left.len().min(right.len()) >= 3 && (al > bh || bl > ah) && {
        let (a, b) = (stats::median(left), stats::median(right));
        a.zip(b).is_some_and(|(a, b)| (a - b).abs() >= 6.0)
    }
}
