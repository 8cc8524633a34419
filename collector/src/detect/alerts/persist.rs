//! How well a change has held since: in how many of the commits measured after it.

use serde::{Deserialize, Serialize};

use crate::detect::{Change, Point};

/// Commits measured since a change, and those of them that show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persistence {
    /// Commits nearer to the new level than to the old one.
    pub held: usize,
    /// Commits measured since, the first one with the change among them.
    pub measured: usize,
}

/// Counts from a change up to `until` (exclusive): the next change of its series, or the end.
#[must_use]
pub fn persistence(points: &[Point], change: &Change, until: i64) -> Persistence {
    let middle = f64::midpoint(change.before, change.after);
    let up = change.after >= change.before;
    let mut p = Persistence::default();
    for point in points
        .iter()
        .filter(|p| p.index >= change.index && p.index < until)
    {
        p.measured += 1;
        p.held += usize::from((point.value > middle) == up);
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Finder;

    #[test]
    fn a_spike_back_does_not_count_as_held() {
        let value = |i: i64| if i < 10 || i == 15 { 100.0 } else { 200.0 };
        let points: Vec<Point> = (0..20)
            .map(|index| Point {
                index,
                value: value(index),
            })
            .collect();
        let change = Finder::default().find(&points).changes.remove(0);
        let got = persistence(&points, &change, i64::MAX);
        assert_eq!((change.index, got.held, got.measured), (10, 9, 10));
        assert_eq!(persistence(&points, &change, 12).measured, 2);
    }
}
