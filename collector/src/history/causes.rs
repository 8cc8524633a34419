//! Changes that one commit explains, whatever series they are in: one cause is reported once.

use std::collections::{BTreeMap, BTreeSet};

use crate::detect::Change;
use crate::detect::alerts::group::{Group, group};
use crate::model::SeriesKey;

/// Below this number of series "all of them moved" says nothing.
const EVERYTHING_LEAST: usize = 5;

/// The fewest groups whose members all have a commit in common, over all testbeds and metrics:
/// a commit that slows a benchmark down moves its instructions and its time.
///
/// `series_on` gives how many series a testbed has, by its fingerprint.
#[must_use]
pub fn causes(changes: &[(&SeriesKey, &Change)], series_on: &dyn Fn(&str) -> usize) -> Vec<Group> {
    let mut owners: BTreeMap<&SeriesKey, usize> = BTreeMap::new();
    let tagged: Vec<(usize, &Change)> = changes
        .iter()
        .map(|(key, change)| {
            let next = owners.len();
            (*owners.entry(key).or_insert(next), *change)
        })
        .collect();
    let mut groups = group(&tagged, usize::MAX);
    for g in &mut groups {
        let keys = g.members.iter().map(|m| changes[*m].0);
        g.everything = whole_testbed(keys, series_on);
    }
    groups
}

/// Whether all series of some testbed are among these.
fn whole_testbed<'a>(
    keys: impl Iterator<Item = &'a SeriesKey>,
    series_on: &dyn Fn(&str) -> usize,
) -> bool {
    let mut moved: BTreeMap<&str, BTreeSet<&SeriesKey>> = BTreeMap::new();
    for key in keys {
        moved.entry(&key.fingerprint).or_default().insert(key);
    }
    moved
        .iter()
        .filter(|(_, keys)| keys.len() >= EVERYTHING_LEAST)
        .any(|(testbed, keys)| keys.len() >= series_on(testbed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Kind;
    use crate::model::{Counter, Metric};

    fn key(benchmark: &str, metric: Metric, testbed: &str) -> SeriesKey {
        SeriesKey {
            benchmark: benchmark.into(),
            metric,
            counter: Counter::Callgrind,
            fingerprint: testbed.into(),
        }
    }

    fn change(first: i64, last: i64) -> Change {
        Change {
            index: first,
            first,
            last,
            before: 1.0,
            after: 1.1,
            change: 0.1,
            low: 0.1,
            high: 0.1,
            confidence: 1.0,
            kind: Kind::Step,
        }
    }

    #[test]
    fn instructions_and_time_of_one_commit_are_one_cause() {
        let (count, time) = (
            key("b", Metric::Instructions, "a"),
            key("b", Metric::WallTime, "c"),
        );
        let (exact, wide) = (change(7, 7), change(5, 9));
        let found = causes(&[(&count, &exact), (&time, &wide)], &|_| 40);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].first, found[0].last), (7, 7));
    }

    #[test]
    fn everything_moved_only_where_the_testbed_has_no_other_series() {
        let keys: Vec<SeriesKey> = (0..30)
            .map(|i| key(&format!("b{i}"), Metric::Instructions, "a"))
            .collect();
        let c = change(3, 3);
        let all: Vec<(&SeriesKey, &Change)> = keys.iter().map(|k| (k, &c)).collect();
        for (series, everything) in [(30, true), (40, false)] {
            let found = causes(&all, &|_| series);
            assert_eq!((found.len(), found[0].everything), (1, everything));
        }
    }
}
