//! The shape and scale of run-to-run noise, learned from runs of equal builds.
//!
//! Student's t with few degrees of freedom stands for heavy tails: an outlier
//! pulls the level by a bounded amount, and the same runs tell more than their
//! mean would (Lange, Little & Taylor 1989). Other noise is judged by its mean and
//! variance, or by its two modes where it has them.

use crate::search::noisy::modes::Modes;
use crate::stats::log_sum;

/// Degrees of freedom that are tried, normal first.
const SHAPES: [f64; 3] = [f64::INFINITY, 6.0, 3.0];
/// Rounds of reweighting; the location moves by less than 1 % of its error after these.
const ROUNDS: usize = 12;
/// A heavier tail must be this much likelier than the normal one (natural log).
const MARGIN: f64 = 1.0;
/// Widths of the ladder of scales, in standard errors of the scale.
const GRID: [f64; 7] = [-2.4, -1.6, -0.8, 0.0, 0.8, 1.6, 2.4];

/// Fewer runs of one build than this do not show both modes, and teach nothing of them.
const TELLING: usize = 8;
/// And two modes must be likelier than one by so much for each e-fold of differences: twice what
/// Schwarz's criterion asks for two further parameters, because a mixture follows chance patterns
/// of normal noise as well.
const MODES: f64 = 2.0;

/// Noise as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Noise {
    /// Degrees of freedom; infinite for the normal distribution.
    pub(crate) dof: f64,
    /// Scale parameter, in the metric's unit.
    pub(crate) scale: f64,
    /// Variance of a location per run, as a multiple of scale²: 1 / Fisher information.
    pub(crate) kappa: f64,
    /// Its two modes, where it has them; `dof` is infinite then.
    pub(crate) modes: Option<Modes>,
    /// Plausible scales with their log weights; they sum to one.
    pub(crate) ladder: Vec<(f64, f64)>,
}

impl Noise {
    /// Learns shape and scale from groups of runs with one level each.
    pub(crate) fn fit(groups: &[&[f64]], floor: f64) -> Self {
        let telling: Vec<&[f64]> = groups
            .iter()
            .copied()
            .filter(|g| g.len() >= TELLING)
            .collect();
        if let Some((modes, likelihood, residual_dof)) = Modes::fit(&telling, floor)
            && likelihood > Self::one_mode(&telling, floor).1 + MODES * (residual_dof as f64).ln()
        {
            return Self::with_modes(modes, residual_dof);
        }
        Self::one_mode(groups, floor).0
    }

    /// The likeliest law of one mode, and its log likelihood.
    fn one_mode(groups: &[&[f64]], floor: f64) -> (Self, f64) {
        let mut best = (Self::normal(floor), f64::NEG_INFINITY);
        for dof in SHAPES {
            let (fit, likelihood) = Self::with_shape(groups, dof, floor);
            let margin = if dof.is_finite() { MARGIN } else { 0.0 };
            if likelihood - margin > best.1 {
                best = (fit, likelihood - margin);
            }
        }
        best
    }

    fn with_modes(modes: Modes, residual_dof: usize) -> Self {
        let scale = modes.deviation();
        let error = scale_error(residual_dof);
        let weights = GRID.map(|z| -0.5 * z * z);
        let total = log_sum(weights.into_iter());
        let grid = GRID.iter().zip(weights);
        Self {
            dof: f64::INFINITY,
            scale,
            kappa: modes.per_run() / (scale * scale),
            modes: Some(modes),
            ladder: grid
                .map(|(z, w)| (scale * (z * error).exp(), w - total))
                .collect(),
        }
    }

    fn normal(scale: f64) -> Self {
        Self {
            dof: f64::INFINITY,
            scale,
            kappa: 1.0,
            modes: None,
            ladder: vec![(scale, 0.0)],
        }
    }

    fn with_shape(groups: &[&[f64]], dof: f64, floor: f64) -> (Self, f64) {
        let mut noise = Self::normal(floor);
        noise.dof = dof;
        if dof.is_finite() {
            noise.kappa = (dof + 3.0) / (dof + 1.0);
        }
        let runs: usize = groups.iter().map(|g| g.len()).sum();
        let residual_dof = runs.saturating_sub(groups.iter().filter(|g| !g.is_empty()).count());
        if residual_dof == 0 {
            return (noise, f64::NEG_INFINITY);
        }
        // The fitted levels take one degree of freedom each.
        let inflate = (runs as f64 / residual_dof as f64).sqrt();
        noise.scale = start(groups).max(floor);
        let mut residuals = Vec::with_capacity(runs);
        for _ in 0..ROUNDS {
            residuals.clear();
            for g in groups {
                let level = noise.locate(g);
                residuals.extend(g.iter().map(|v| (v - level) * inflate));
            }
            let square: f64 = residuals.iter().map(|r| noise.weight(*r) * r * r).sum();
            noise.scale = (square / runs as f64).sqrt().max(floor);
        }
        let part = residual_dof as f64 / runs as f64;
        let at = |scale: f64| {
            part * residuals
                .iter()
                .map(|r| log_density(r / scale, dof) - scale.ln())
                .sum::<f64>()
        };
        let error = scale_error(residual_dof);
        let grid: Vec<(f64, f64)> = GRID
            .iter()
            .map(|z| noise.scale * (z * error).exp())
            .map(|scale| (scale, at(scale)))
            .collect();
        let total = log_sum(grid.iter().map(|r| r.1));
        noise.ladder = grid.into_iter().map(|(s, l)| (s, l - total)).collect();
        let likelihood = at(noise.scale);
        (noise, likelihood)
    }

    /// The level of runs of one build, and its variance per run in scale².
    pub(crate) fn level(&self, values: &[f64]) -> (f64, f64) {
        let Some(modes) = &self.modes else {
            return (self.locate(values), self.kappa);
        };
        let (level, variance) = modes.locate(values);
        (
            level,
            variance * values.len().max(1) as f64 / (self.scale * self.scale),
        )
    }

    /// The level of runs of one build, two modes left aside.
    fn locate(&self, values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        if self.dof.is_infinite() || values.len() < 3 {
            return mean;
        }
        let mut level = crate::search::exact::median(values);
        for _ in 0..ROUNDS {
            let weights = values.iter().map(|v| self.weight(v - level));
            let (sum, total) = values
                .iter()
                .zip(weights)
                .fold((0.0, 0.0), |(s, t), (v, w)| (s + w * v, t + w));
            level = sum / total;
        }
        level
    }

    /// Weight of a residual in the iteratively reweighted mean.
    fn weight(&self, residual: f64) -> f64 {
        if self.dof.is_infinite() {
            return 1.0;
        }
        (self.dof + 1.0) / (self.dof + (residual / self.scale).powi(2))
    }
}

/// Relative standard error of a scale from `residual_dof` differences.
fn scale_error(residual_dof: usize) -> f64 {
    (1.0 / (2.0 * residual_dof as f64).sqrt()).min(0.5)
}

/// A first scale: the root mean square within groups.
fn start(groups: &[&[f64]]) -> f64 {
    let mut square = 0.0;
    let mut residual_dof = 0;
    for g in groups.iter().filter(|g| g.len() > 1) {
        let mean = g.iter().sum::<f64>() / g.len() as f64;
        square += g.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        residual_dof += g.len() - 1;
    }
    (square / residual_dof.max(1) as f64).sqrt()
}

/// Log density of the standardised noise, the constant included.
fn log_density(z: f64, dof: f64) -> f64 {
    if dof.is_infinite() {
        return -0.5 * z * z - 0.5 * std::f64::consts::TAU.ln();
    }
    // Γ((ν+1)/2) / (Γ(ν/2) √(νπ)) for the shapes that are tried.
    let constant = if dof < 4.0 {
        0.367_552_597_f64
    } else {
        0.382_732_772_f64
    };
    constant.ln() - f64::midpoint(dof, 1.0) * (z * z / dof).ln_1p()
}
