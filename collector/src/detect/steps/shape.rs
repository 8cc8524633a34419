//! The shape of the noise: how likely is a residual of this size?
//!
//! A boundary is placed by likelihood, and the likelihood of a point depends on the noise's own
//! law: right-skewed times hardly ever lie below their level, bimodal ones hardly ever between
//! their modes, clock ticks only on ticks. With the law of the normal distribution for all of
//! them 5 % of 5-sigma steps in skewed noise are off by a commit that the noise itself rules out.

use std::ops::Range;
use std::sync::LazyLock;

/// Width of a bin in sigmas.
const BIN: f64 = 0.05;
/// Bins on each side of 0; further out every value is as likely as any other.
const SIDE: i32 = 200;
const BINS: usize = 2 * SIDE as usize + 1;
/// Share of values that may be anything, so that no single point decides alone: the loss of a
/// point is at most about 14, as with the bounded loss of the search.
const ANYTHING: f64 = 0.02;
/// Their density: even over twice the width of the bins, since spikes reach 20 sigmas.
const ANYTHING_DENSITY: f64 = 1.0 / 40.0;
/// Bandwidths that are tried: ticks, modes, skew, and little more than the normal law.
const BANDWIDTHS: [f64; 4] = [0.05, 0.1, 0.2, 0.4];
/// A tenth of the weight is spread widely: tails of a few hundred values are ragged.
const WIDE: f64 = 1.5;
const WIDE_SHARE: f64 = 0.1;
/// Log likelihood by which a shape of its own must beat the normal one. Twice the two units
/// of Akaike's criterion for one parameter, for there are four bandwidths to win by chance.
const MARGIN: f64 = 4.0;
/// Below this many values the shape of the noise is not known: three tails of ten values.
const LEAST: usize = 30;

/// The law of residuals in units of their standard deviation.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// −2 ln density per bin; empty for the normal law.
    losses: Vec<f64>,
}

impl Shape {
    /// The likeliest law of these residuals: the normal one, or their own smoothed density.
    ///
    /// Kernel estimates (Rosenblatt 1956, Parzen 1962), chosen by the likelihood that each
    /// value has under the estimate from all others (Habbema, Hermans & van den Broek 1974;
    /// Duin 1976).
    pub(crate) fn of(residuals: &[f64]) -> Self {
        let normal = Self { losses: Vec::new() };
        if residuals.len() < LEAST {
            return normal;
        }
        let taken = taken(residuals);
        let n = taken.iter().map(|t| t.1).sum::<f64>();
        let plain = PLAIN.as_slice();
        let plain: f64 = taken.iter().map(|t| t.1 * plain[t.0]).sum();
        let mut best = (plain + MARGIN, None);
        // Only the bins that are taken are asked for, and none of them lies beyond the outermost.
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else {
            return normal;
        };
        let span = first.0..last.0 + 1;
        let without = |kernel: &[f64]| -> Vec<f64> {
            let sums = smoothed(&taken, kernel, span.clone());
            let one = |t: &(usize, f64)| (sums[t.0 - span.start] - peak(kernel)).max(0.0);
            taken.iter().map(|t| one(t) / (n - 1.0)).collect()
        };
        let wide = &KERNELS[BANDWIDTHS.len()];
        let far = without(wide);
        for kernel in &KERNELS[..BANDWIDTHS.len()] {
            let near = without(kernel);
            let found = taken.iter().zip(near.iter().zip(&far));
            let likelihood = |(t, (near, far)): (&(usize, f64), (&f64, &f64))| {
                t.1 * mixed((1.0 - WIDE_SHARE) * near + WIDE_SHARE * far).ln()
            };
            let sum: f64 = found.map(likelihood).sum();
            if sum > best.0 {
                best = (sum, Some(kernel));
            }
        }
        let Some(kernel) = best.1 else {
            return normal;
        };
        let everywhere = |kernel: &[f64]| smoothed(&taken, kernel, 0..BINS);
        let (near, wide) = (everywhere(kernel), everywhere(wide));
        let density = |b: usize| ((1.0 - WIDE_SHARE) * near[b] + WIDE_SHARE * wide[b]) / n;
        let losses = (0..BINS).map(|b| -2.0 * mixed(density(b)).ln()).collect();
        Self { losses }
    }

    /// −2 ln of the density at a residual.
    pub(crate) fn loss(&self, residual: f64) -> f64 {
        if self.losses.is_empty() {
            return -2.0 * mixed(density_normal(residual)).ln();
        }
        match bin(residual) {
            Some(b) => self.losses[b],
            None => -2.0 * mixed(0.0).ln(),
        }
    }
}

fn mixed(density: f64) -> f64 {
    (1.0 - ANYTHING) * density + ANYTHING * ANYTHING_DENSITY
}

fn density_normal(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

fn bin(x: f64) -> Option<usize> {
    let b = (x / BIN).round();
    (b.abs() <= f64::from(SIDE)).then(|| (b as i32 + SIDE) as usize)
}

fn value(b: usize) -> f64 {
    f64::from(b as i32 - SIDE) * BIN
}

/// The bins that hold values, ascending, each with how many it holds.
fn taken(residuals: &[f64]) -> Vec<(usize, f64)> {
    let mut counts = [0_u32; BINS];
    residuals
        .iter()
        .filter_map(|r| bin(*r))
        .for_each(|b| counts[b] += 1);
    let all = (0..).zip(counts.map(f64::from));
    all.filter(|t| t.1 > 0.0).collect()
}

/// What one value adds at its own place.
fn peak(kernel: &[f64]) -> f64 {
    kernel[kernel.len() / 2]
}

/// The kernels of all bandwidths, that of the wide tails last. Every series needs them all.
static KERNELS: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let all = BANDWIDTHS.iter().chain(std::iter::once(&WIDE));
    all.map(|h| kernel(*h)).collect()
});

/// ln density of the normal law per bin.
static PLAIN: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let log = |b| mixed(density_normal(value(b))).ln();
    (0..BINS).map(log).collect()
});

/// A normal kernel of bandwidth `h`, cut off at three of them; its middle is its peak.
fn kernel(h: f64) -> Vec<f64> {
    let reach = (3.0 * h / BIN).ceil() as i32;
    let mut kernel: Vec<f64> = (-reach..=reach)
        .map(|d| density_normal(f64::from(d) * BIN / h))
        .collect();
    let whole = kernel.iter().sum::<f64>();
    kernel.iter_mut().for_each(|k| *k /= whole * BIN);
    kernel
}

/// Sums of kernels over all values, at each bin of a span that holds them.
fn smoothed(taken: &[(usize, f64)], kernel: &[f64], span: Range<usize>) -> Vec<f64> {
    let reach = kernel.len() / 2;
    let mut sums = vec![0.0; span.len()];
    for &(b, count) in taken {
        let from = b.saturating_sub(reach).max(span.start);
        let to = (b + reach + 1).min(span.end);
        // Slices of one length, so that the loop has no bounds to check and is done in vectors.
        let own = &kernel[from + reach - b..to + reach - b];
        let here = &mut sums[from - span.start..to - span.start];
        for (sum, k) in here.iter_mut().zip(own) {
            *sum += count * k;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    fn normal(g: &mut SplitMix64) -> f64 {
        (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0
    }

    #[test]
    fn normal_noise_keeps_the_normal_law() {
        let mut g = SplitMix64::new(1);
        let r: Vec<f64> = (0..300).map(|_| normal(&mut g)).collect();
        let s = Shape::of(&r);
        assert!(s.losses.is_empty());
        assert!((s.loss(2.0) - s.loss(0.0) - 4.0).abs() < 0.1);
        assert!(s.loss(50.0) - s.loss(0.0) < 14.0);
    }

    #[test]
    fn skew_ticks_and_modes_have_a_law_of_their_own() {
        let mut g = SplitMix64::new(2);
        let skew: Vec<f64> = (0..300).map(|_| -1.0 - g.next_f64().ln()).collect();
        let s = Shape::of(&skew);
        // The normal law takes both for equally likely; no value lies below −1.
        assert!(s.loss(-2.0) - s.loss(2.0) > 2.0 * 3.0_f64.ln());
        let ticks: Vec<f64> = (0..300).map(|_| normal(&mut g).round()).collect();
        let s = Shape::of(&ticks);
        assert!(s.loss(0.5) - s.loss(1.0) > 5.0);
        let modes: Vec<f64> = (0..300)
            .map(|i| 0.2 * normal(&mut g) + if i % 4 == 0 { 2.0 } else { -0.5 })
            .collect();
        let s = Shape::of(&modes);
        assert!(s.loss(0.7) - s.loss(2.0) > 3.0);
    }

    #[test]
    fn few_values_have_no_shape() {
        assert!(Shape::of(&[0.0; 29]).losses.is_empty());
        assert!(Shape::of(&[]).losses.is_empty());
    }
}
