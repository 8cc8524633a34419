//! Sums and normal tails in logarithms, where the numbers themselves underflow.

/// ln Σ exp, safe for large and for empty input.
#[must_use]
pub fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + terms.map(|t| (t - max).exp()).sum::<f64>().ln()
}

/// ln Φ(z), the normal distribution function.
#[must_use]
pub fn log_phi(z: f64) -> f64 {
    if z < -6.0 {
        // Asymptotic tail (Abramowitz & Stegun 26.2.12).
        return -0.5 * z * z - (-z).ln() - 0.5 * std::f64::consts::TAU.ln();
    }
    // Abramowitz & Stegun 26.2.17, |error| < 7.5e-8.
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let poly = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt() * poly;
    let phi = if z >= 0.0 { 1.0 - tail } else { tail };
    phi.max(1e-12).ln()
}
