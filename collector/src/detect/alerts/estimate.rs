//! How often would this series cry wolf? Measured on the series itself.

use crate::detect::Point;
use crate::detect::alerts::replay::Replay;
use crate::detect::steps::finder::{Finder, Settings};
use crate::detect::steps::place::NEAR;
use crate::stats::SplitMix64;

/// False alarms per 1000 commits of a replay over shuffled copies of the series.
///
/// Values are shuffled within the pieces between its changes, which keeps
/// levels and noise and leaves nothing to find but the changes themselves; a
/// flag away from those is false. (A permutation estimate; it forgets
/// correlation between neighbours, so that it is a lower bound where there is
/// some.) `rounds` copies; the same `seed` gives the same answer.
#[must_use]
pub fn false_alarms(points: &[Point], settings: Settings, rounds: usize, seed: u64) -> f64 {
    let commits = points.len() * rounds;
    if commits == 0 {
        return 0.0;
    }
    let mut finder = Finder::new(settings);
    let changes = finder.find(points).changes;
    let true_at: Vec<i64> = changes.iter().map(|c| c.index).collect();
    let near = |index: i64| true_at.iter().any(|t| (t - index).abs() <= NEAR as i64);
    let mut random = SplitMix64::new(seed);
    let mut alarms = 0;
    for _ in 0..rounds {
        let copy = shuffled(points, &true_at, &mut random);
        let mut replay = Replay::new(settings);
        let flags = copy.into_iter().flat_map(|p| replay.push(&mut finder, p));
        alarms += flags.filter(|f| !near(f.index)).count();
    }
    1000.0 * alarms as f64 / commits as f64
}

/// The series with its values in random order between the changes.
fn shuffled(points: &[Point], changes: &[i64], random: &mut SplitMix64) -> Vec<Point> {
    let mut values: Vec<f64> = points.iter().map(|p| p.value).collect();
    let starts = changes
        .iter()
        .map(|c| points.partition_point(|p| p.index < *c));
    let mut from = 0;
    for to in starts.chain(std::iter::once(points.len())) {
        random.shuffle(&mut values[from..to]);
        from = to;
    }
    points
        .iter()
        .zip(values)
        .map(|(p, value)| Point {
            index: p.index,
            value,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_noise_raises_next_to_nothing_and_the_answer_repeats() {
        let mut g = SplitMix64::new(9);
        let points: Vec<Point> = (0..150)
            .map(|index| Point {
                index,
                value: 100.0 + g.next_f64() + if index < 70 { 0.0 } else { 3.0 },
            })
            .collect();
        let once = false_alarms(&points, Settings::default(), 4, 1);
        assert!(once <= 5.0, "{once}");
        assert_eq!(once, false_alarms(&points, Settings::default(), 4, 1));
        assert_eq!(false_alarms(&[], Settings::default(), 4, 1), 0.0);
    }
}
