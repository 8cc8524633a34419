//! Tells drift from steps: a slope that all pieces share is no change of any commit.

use crate::detect::steps::pieces::{clip, pieces};
use crate::detect::steps::segment::{Cost, Segmenter};
use crate::stats;

/// z of a common slope (correlation allowed for) from which on it is tried. Low,
/// because the price decides: at 3 the falls of a sawtooth pass for steps.
const SLOPE_Z: f64 = 2.0;
/// What a drift costs, as a share of a boundary: one parameter against two, and
/// drift is the commoner explanation. At 1 short drifts are told as steps, at 0.25
/// a tenth of the 2-sigma steps is taken for drift.
const PRICE: f64 = 0.4;
/// Rounds in which slope and pieces settle.
const ROUNDS: usize = 4;
/// A line that would need more steps than this beside it to catch up with steps alone is given
/// up unsearched: series that drift and step five times at once are told as steps.
const HIDDEN_STEPS: f64 = 4.0;

/// A series cut into pieces around a common slope.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    /// The series without the slope, in units of the noise.
    pub x: Vec<f64>,
    /// The first points of all pieces but the first.
    pub at: Vec<usize>,
    /// The slope that was taken out, per point.
    pub slope: f64,
}

/// Takes out a slope common to all pieces; `None` unless that explains the series better than the
/// pieces alone.
///
/// Begins twice: from the slope within the pieces found so far, and from that
/// of the series as one piece (a drift may have been cut up into steps).
///
/// `total`: the penalised cost of the pieces alone, for which few series are asked.
pub(crate) fn take_out(
    steps: &Fit,
    total: impl Fn(&[f64], &mut Segmenter) -> f64,
    weights: &[f64],
    tau: f64,
    price: Cost,
    segmenter: &mut Segmenter,
) -> Option<Fit> {
    let mut most = None;
    // The best so far, and its cost without the price of the slope.
    let mut best: Option<(Fit, f64)> = None;
    let least = SLOPE_Z * tau.sqrt();
    // A series that is one piece begins as one either way.
    let starts: &[bool] = if steps.at.is_empty() {
        &[false]
    } else {
        &[false, true]
    };
    for &whole in starts {
        let at = if whole { &[][..] } else { &steps.at };
        let (mut slope, mut z) = common_slope(&steps.x, at);
        // Most series show none, and are not copied.
        if z.abs() < least {
            continue;
        }
        let most = *most.get_or_insert_with(|| total(&steps.x, segmenter) - price.penalty * PRICE);
        let mut fit = steps.clone();
        for _ in 0..ROUNDS {
            flatten(&mut fit, slope);
            if whole && hopeless(&fit.x, weights, price, most) {
                break;
            }
            let (at, total) = segmenter.search(&fit.x, weights, price);
            fit.at = at;
            if total < best.as_ref().map_or(most, |b| b.1) {
                best = Some((fit.clone(), total));
            }
            (slope, z) = common_slope(&fit.x, &fit.at);
            if z.abs() < least {
                break;
            }
        }
    }
    best.map(|b| b.0)
}

fn flatten(fit: &mut Fit, slope: f64) {
    let middle = fit.x.len() as f64 / 2.0;
    fit.x
        .iter_mut()
        .enumerate()
        .for_each(|(t, v)| *v -= slope * (t as f64 - middle));
    fit.slope += slope;
}

/// Whether a line alone fits so badly that it would take many steps beside it to catch up.
///
/// Saves the search in series with steps and no drift, which are most: 60 % of the time.
fn hopeless(flat: &[f64], weights: &[f64], price: Cost, best: f64) -> bool {
    let centre = stats::median(flat).unwrap_or(0.0);
    let loss = |(v, w): (&f64, &f64)| ((v - centre).powi(2) * w).min(price.bound);
    flat.iter().zip(weights).map(loss).sum::<f64>() > best + HIDDEN_STEPS * price.penalty
}

/// The least-squares slope that all pieces share, outliers clipped, and its z if
/// neighbours were independent (analysis of covariance: Scheffé 1959, §6.5).
fn common_slope(x: &[f64], at: &[usize]) -> (f64, f64) {
    let (mut sxy, mut sxx) = (0.0, 0.0);
    for (from, to) in pieces(at, x.len()) {
        let m = stats::median(&x[from..to]).unwrap_or(0.0);
        let middle = (from + to - 1) as f64 / 2.0;
        for (t, v) in x[from..to].iter().enumerate() {
            let dt = (from + t) as f64 - middle;
            sxy += dt * clip(v - m);
            sxx += dt * dt;
        }
    }
    if sxx > 0.0 {
        (sxy / sxx, sxy / sxx.sqrt())
    } else {
        (0.0, 0.0)
    }
}
