//! The noise of a series: its local scale and how much of it its neighbours share.

use crate::stats;

/// The |difference| quantile that scale is read from. The median would see only
/// the fast mode of bimodal noise (62 % of its differences lie within a mode),
/// and 0.8 still ignores the 6 % of differences that 3 % outliers touch.
const QUANTILE: f64 = 0.8;
/// The quantile that the scale of the main mode is read from: half of the differences.
const CORE_QUANTILE: f64 = 0.5;
/// Its normal quantile: Φ⁻¹(3/4), as the 0.8 quantile of |Z| is Φ⁻¹(0.9).
const NORMAL_CORE: f64 = 1.0 / stats::MAD_TO_SIGMA;
/// Differences per block of local scale: its estimate is then good to about 12 %.
const BLOCK: usize = 50;
/// Blocks this factor away from the whole series' scale have a scale of their own:
/// 2.5 standard errors of a block's estimate.
const OWN_SCALE: f64 = 1.35;

/// The noise of one series.
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    /// Standard deviation of the whole series around its levels.
    pub sigma: f64,
    /// Standard deviation of its main mode, in units of `sigma`: 1 for normal noise, 0.1 where
    /// a fifth of the runs are slow by ten times what the others vary by.
    pub core: f64,
    /// 1 / (local variance in units of `sigma`²), one per point.
    pub weights: Vec<f64>,
}

/// Scale of |y[t+lag] − y[t]| as a standard deviation of y, from its 0.8 quantile.
fn lag_sigma(y: &[f64], lag: usize, scratch: &mut Vec<i64>) -> f64 {
    scratch.clear();
    scratch.extend(
        y.iter()
            .zip(&y[lag.min(y.len())..])
            .map(|(a, b)| stats::key((b - a).abs())),
    );
    quantile_sigma(scratch, QUANTILE, stats::NORMAL_Q90)
}

/// The standard deviation of normal values whose differences have this quantile.
fn quantile_sigma(d: &mut [i64], quantile: f64, normal: f64) -> f64 {
    if d.is_empty() {
        return 0.0;
    }
    let k = ((d.len() - 1) as f64 * quantile).round() as usize;
    stats::nth(d, k) / (normal * std::f64::consts::SQRT_2)
}

impl Noise {
    /// Estimates from differences alone, which steps hardly touch.
    pub(crate) fn of(y: &[f64]) -> Self {
        let mut d = Vec::with_capacity(y.len());
        let near = lag_sigma(y, 1, &mut d);
        let sigma = sigma_of(y, near);
        let core = quantile_sigma(&mut d, CORE_QUANTILE, NORMAL_CORE) / sigma;
        Self {
            sigma,
            core,
            weights: local_weights(y, near, &mut d),
        }
    }
}

/// The standard deviation of a stretch around its levels: [`Noise::sigma`] alone.
pub(crate) fn sigma(y: &[f64]) -> f64 {
    sigma_of(y, lag_sigma(y, 1, &mut Vec::with_capacity(y.len())))
}

fn sigma_of(y: &[f64], near: f64) -> f64 {
    if near > 0.0 { near } else { mean_sigma(y) }
}

/// Scale from the mean square of all differences, for a series that repeats itself so often
/// that their quantile is 0 (von Neumann et al. 1941, *The mean square successive difference*).
fn mean_sigma(y: &[f64]) -> f64 {
    let square = |w: &[f64]| (w[1] - w[0]).powi(2);
    let mean = y.windows(2).map(square).sum::<f64>() / y.len() as f64;
    (mean / 2.0).sqrt().max(f64::MIN_POSITIVE)
}

/// Weights by block; 1 where the block's scale is that of the whole.
fn local_weights(y: &[f64], near: f64, d: &mut Vec<i64>) -> Vec<f64> {
    let n = y.len();
    let mut w = vec![1.0; n];
    if n < 3 * BLOCK || near <= 0.0 {
        return w;
    }
    let blocks = n / (BLOCK / 2);
    for i in 0..blocks {
        let (from, to) = (i * n / blocks, (i + 1) * n / blocks);
        let margin = BLOCK / 4;
        let wide = from.saturating_sub(margin)..(to + margin).min(n);
        let ratio = lag_sigma(&y[wide], 1, d) / near;
        if !(1.0 / OWN_SCALE..=OWN_SCALE).contains(&ratio) {
            // A frozen stretch must not make its neighbours' noise look like steps.
            w[from..to].fill(ratio.max(0.25).powi(-2));
        }
    }
    w
}
