//! A wave that runs through a stretch: nights and weekends, a machine that warms up.
//!
//! Found as a line in the periodogram of what steps and drift leave over, and taken out like a
//! drift: half a period above the level is no step.

use std::f64::consts::PI;

/// Fewer points have no period that could be told from a few waves of chance.
const LEAST: usize = 60;
/// Periods that must fit in: fewer might be steps.
const PERIODS: usize = 4;
/// Frequencies per independent one: the period need not divide the stretch.
const FINER: usize = 2;
/// Frequencies on each side that a line is compared with; its own width is left out.
const BESIDE: usize = 16;
const WIDTH: usize = 3;
/// How many times the mean of those the power of a line must be. That of noise follows an
/// exponential law (Fisher 1929, *Tests of significance in harmonic analysis*): e⁻¹⁴ for each of
/// some hundred frequencies is 1e-4. Correlated noise raises the neighbours too.
const LINE: f64 = 14.0;

/// Frequencies that are tried side by side: each turn of a pointer waits for its last one.
const LANES: usize = 4;

/// a cos ωt + b sin ωt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wave {
    omega: f64,
    a: f64,
    b: f64,
}

impl Wave {
    /// The wave in some residuals, if one stands out.
    pub(crate) fn of(residuals: &[f64]) -> Option<Self> {
        let n = residuals.len();
        if n < LEAST {
            return None;
        }
        let omega = |k: usize| PI * k as f64 / (FINER * n) as f64 * 2.0;
        let (first, last) = (PERIODS * FINER, n * FINER * 2 / 5);
        let omegas: Vec<f64> = (first..last).map(omega).collect();
        let (side_by_side, others) = omegas.as_chunks::<LANES>();
        let side_by_side = side_by_side.iter().flat_map(|o| powers(residuals, *o));
        let others = others.iter().flat_map(|o| powers(residuals, [*o]));
        let power: Vec<f64> = side_by_side.chain(others).collect();
        let peak = (0..power.len()).max_by(|&i, &j| power[i].total_cmp(&power[j]))?;
        let around = peak.saturating_sub(BESIDE)..(peak + BESIDE + 1).min(power.len());
        let beside: Vec<f64> = around
            .filter(|i| i.abs_diff(peak) > WIDTH)
            .map(|i| power[i])
            .collect();
        let mean = beside.iter().sum::<f64>() / beside.len().max(1) as f64;
        if power[peak] < LINE * mean {
            return None;
        }
        // Between the frequencies that were tried.
        let fine = (-4..=4)
            .map(|d| omega(first + peak) * (1.0 + f64::from(d) / (8.0 * (first + peak) as f64)));
        let power = |omega: f64| powers(residuals, [omega])[0];
        let best = fine.max_by(|a, b| power(*a).total_cmp(&power(*b)))?;
        Some(Self::fit(residuals, best))
    }

    /// The wave of this frequency again, in other residuals.
    pub(crate) fn again(&self, residuals: &[f64]) -> Self {
        Self::fit(residuals, self.omega)
    }

    fn fit(residuals: &[f64], omega: f64) -> Self {
        let [(c, s)] = sums(residuals, [omega]);
        let scale = 2.0 / residuals.len() as f64;
        Self {
            omega,
            a: c * scale,
            b: s * scale,
        }
    }

    /// Its value at a point.
    pub(crate) fn at(&self, t: usize) -> f64 {
        let (s, c) = (self.omega * t as f64).sin_cos();
        self.a * c + self.b * s
    }
}

fn powers<const N: usize>(y: &[f64], omegas: [f64; N]) -> [f64; N] {
    sums(y, omegas).map(|(c, s)| (c * c + s * s) / y.len() as f64)
}

/// Σ y cos ωt and Σ y sin ωt of some frequencies.
fn sums<const N: usize>(y: &[f64], omegas: [f64; N]) -> [(f64, f64); N] {
    let mut pointers = omegas.map(Pointer::of);
    for v in y {
        pointers.iter_mut().for_each(|p| p.add(*v));
    }
    pointers.map(|p| (p.c, p.s))
}

/// A pointer that turns by one frequency, and the sums that it has gathered.
struct Pointer {
    cos: f64,
    sin: f64,
    re: f64,
    im: f64,
    c: f64,
    s: f64,
}

impl Pointer {
    fn of(omega: f64) -> Self {
        let (sin, cos) = omega.sin_cos();
        Self {
            cos,
            sin,
            re: 1.0,
            im: 0.0,
            c: 0.0,
            s: 0.0,
        }
    }

    fn add(&mut self, v: f64) {
        self.c += v * self.re;
        self.s += v * self.im;
        (self.re, self.im) = (
            self.re * self.cos - self.im * self.sin,
            self.re * self.sin + self.im * self.cos,
        );
    }
}
