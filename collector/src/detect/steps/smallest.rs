//! The smallest step that the finder sees in a series of that noise, once it has lasted.

/// Commits on each side of the step: as long as an alert may take to be of use.
pub const LASTING: usize = 30;
/// Steps of so many standard deviations are found, near where they are, in four of five series
/// with [`LASTING`] commits of normal noise on each side: 161 of 200; of 2.0 three in five, of 1.2
/// one in fifteen. A rank test alone would see 1.2; the rest is the price of a place (a step that
/// may lie anywhere in 20 commits is not reported) and of silence in quiet series.
const SIGMAS: f64 = 2.4;

/// The smallest step (fraction of the level) that is found four times out of five after
/// [`LASTING`] commits; `noise` as in [`Findings::noise`](super::Findings), `floor` as in
/// [`Settings::relative_floor`](super::Settings).
#[must_use]
pub fn smallest_step(noise: f64, floor: f64) -> f64 {
    (SIGMAS * noise).max(floor)
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
        assert!((150..=170).contains(&at), "{least}: {at} of 200");
        assert!(half <= 60, "{half} of 200");
    }

    #[test]
    fn the_floor_is_never_undercut() {
        assert!((smallest_step(0.0, 0.005) - 0.005).abs() < 1e-15);
    }
}
