//! Changes that have one cause, whatever series they are in: one cause is reported once.

use std::collections::{BTreeMap, BTreeSet};

use crate::detect::Change;
use crate::detect::alerts::group::{Group, group};
use crate::model::SeriesKey;

/// A change with its series, and where somebody put it.
#[derive(Clone, Copy, Debug)]
pub struct Caused<'a> {
    /// Its series.
    pub key: &'a SeriesKey,
    /// The change.
    pub change: &'a Change,
    /// The group that somebody put it into; `None`: it stands where its commit set puts it.
    pub by_hand: Option<i64>,
}

/// Changes of one cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// Which, and the commits that they may be of.
    pub group: Group,
    /// Somebody merged it, or split it off.
    pub by_hand: bool,
}

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
    let mut groups = group(&tagged);
    for g in &mut groups {
        let keys = g.members.iter().map(|m| changes[*m].0);
        g.everything = whole_testbed(keys, series_on);
    }
    groups
}

/// Changes by cause: what somebody merged or split stands as they left it; the rest is grouped by
/// commit set, as [`causes`] does.
#[must_use]
pub fn grouped(changes: &[Caused<'_>], series_on: &dyn Fn(&str) -> usize) -> Vec<Cause> {
    let mut by_hand: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    let mut rest = Vec::new();
    for (i, c) in changes.iter().enumerate() {
        match c.by_hand {
            Some(cause) => by_hand.entry(cause).or_default().push(i),
            None => rest.push(i),
        }
    }
    let left: Vec<(&SeriesKey, &Change)> = rest
        .iter()
        .map(|i| (changes[*i].key, changes[*i].change))
        .collect();
    let mut all: Vec<Cause> = causes(&left, series_on)
        .into_iter()
        .map(|mut group| {
            group.members = group.members.iter().map(|m| rest[*m]).collect();
            let by_hand = false;
            Cause { group, by_hand }
        })
        .collect();
    all.extend(by_hand.into_values().map(|members| Cause {
        group: merged(changes, members, series_on),
        by_hand: true,
    }));
    all
}

/// What somebody put together: its members need no commit in common.
fn merged(changes: &[Caused<'_>], members: Vec<usize>, series_on: &dyn Fn(&str) -> usize) -> Group {
    let of_it = || members.iter().map(|m| changes[*m].change);
    Group {
        first: of_it().map(|c| c.first).min().unwrap_or(0),
        last: of_it().map(|c| c.last).max().unwrap_or(0),
        largest: of_it().map(|c| c.change.abs()).fold(0.0, f64::max),
        everything: whole_testbed(members.iter().map(|m| changes[*m].key), series_on),
        members,
    }
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
    fn what_somebody_merged_or_split_stands_as_they_left_it() {
        let keys: Vec<SeriesKey> = (0..4)
            .map(|i| key(&format!("b{i}"), Metric::Instructions, "a"))
            .collect();
        let changes = [change(3, 3), change(3, 3), change(3, 3), change(8, 9)];
        let put = [None, None, Some(1), Some(1)];
        let all: Vec<Caused<'_>> = (0..4)
            .map(|i| Caused {
                key: &keys[i],
                change: &changes[i],
                by_hand: put[i],
            })
            .collect();
        let found = grouped(&all, &|_| 40);
        let said = |c: &Cause| {
            (
                c.group.members.clone(),
                c.group.first,
                c.group.last,
                c.by_hand,
            )
        };
        let said: Vec<_> = found.iter().map(said).collect();
        assert_eq!(said, [(vec![0, 1], 3, 3, false), (vec![2, 3], 3, 9, true)]);
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
