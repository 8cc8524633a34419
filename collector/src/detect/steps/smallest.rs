//! The smallest step that the finder sees in a series of that noise, once it has lasted.

use crate::detect::steps::verify::ALPHA;
use crate::stats;

/// Commits on each side of the step: as long as an alert may take to be of use.
pub const LASTING: usize = 30;
/// How often a step of that size is found.
const POWER: f64 = 0.8;

/// The smallest step (fraction of the level) that is found four times out of five after
/// [`LASTING`] commits; `noise` as in [`Findings::noise`](super::Findings), `floor` as in
/// [`Settings::relative_floor`](super::Settings).
///
/// (z(1−α/2) + z(0.8)) σ √(2/n) × √(π/3) with the test's own α: the power of a rank test
/// (Lehmann, *Nonparametrics*, §2.4) with its asymptotic efficiency 3/π under normal noise.
#[must_use]
pub fn smallest_step(noise: f64, floor: f64) -> f64 {
    let z = stats::normal_quantile(1.0 - ALPHA / 2.0) + stats::normal_quantile(POWER);
    let error = (2.0 / LASTING as f64).sqrt() * (std::f64::consts::PI / 3.0).sqrt();
    (z * noise * error).max(floor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Finder, Point, Settings};
    use crate::stats::SplitMix64;

    /// How many of 200 series of noise 1 % with a step of that size at their 30th commit show it.
    fn found(step: f64) -> usize {
        let mut g = SplitMix64::new(11);
        let mut seen = 0;
        for _ in 0..200 {
            let value = |i: i64, g: &mut SplitMix64| {
                let noise = (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0;
                let level = if i < 30 { 100.0 } else { 100.0 * (1.0 + step) };
                level + noise
            };
            let points: Vec<Point> = (0..60)
                .map(|index| Point {
                    index,
                    value: value(index, &mut g),
                })
                .collect();
            let found = Finder::new(Settings::default()).find(&points);
            let near = |at: i64| (25..=35).contains(&at);
            seen += usize::from(found.changes.iter().any(|c| near(c.index)));
        }
        seen
    }

    #[test]
    fn a_step_of_that_size_is_found_and_half_of_it_is_not() {
        let least = smallest_step(0.01, 0.0);
        let (at, half) = (found(least), found(least / 2.0));
        assert!(at >= 120, "{least}: {at} of 200");
        assert!(half <= 60, "{half} of 200");
    }

    #[test]
    fn the_floor_is_never_undercut() {
        assert!((smallest_step(0.0, 0.005) - 0.005).abs() < 1e-15);
    }
}
