//! The store's series along the repository's own main line: one point a commit, by position.
//!
//! A store also holds branches, pull requests and repeated reports. Here only commits on the
//! first-parent line count, the newest report of a commit counts, and where one testbed takes
//! over from another the old and the new series stay apart: the change is named, and no commit is
//! blamed for it.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::detect::Point;
use crate::error::Result;
use crate::git::{Acceptance, Repo};
use crate::model::SeriesKey;
use crate::model::{Commit, Counter, Metric, NoiseClass, Sha};
use crate::stats;
use crate::store::{SeriesRow, Store};

/// Points on each side of a change of testbed that its levels are taken from.
const LEVEL_POINTS: usize = 10;

/// The first-parent line of one commit, with what its messages accept.
#[derive(Clone, Debug, Default)]
pub struct MainLine {
    commits: Vec<Commit>,
    at: HashMap<Sha, i64>,
    acceptances: HashMap<Sha, Vec<Acceptance>>,
}

impl MainLine {
    /// The line that ends in `rev`, else in the tip of the default branch, else in HEAD.
    ///
    /// # Errors
    /// When `rev` names no commit, or git cannot walk.
    pub fn of(repo: &Repo, branch: Option<&str>, rev: Option<&str>) -> Result<Self> {
        let tip = match rev {
            Some(rev) => repo.resolve(rev)?,
            None => repo.main_tip(branch)?,
        };
        let mut acceptances: HashMap<Sha, Vec<Acceptance>> = HashMap::new();
        for a in repo.acceptances(&tip.0)? {
            acceptances.entry(a.sha.clone()).or_default().push(a);
        }
        let mut line = Self::from_commits(repo.main_line(&tip)?);
        line.acceptances = acceptances;
        Ok(line)
    }

    fn from_commits(commits: Vec<Commit>) -> Self {
        let at = (0..).zip(&commits).map(|(i, c)| (c.sha.clone(), i));
        Self {
            at: at.collect(),
            commits,
            acceptances: HashMap::new(),
        }
    }

    /// The newest commit; `None` for a store without a repository.
    #[must_use]
    pub fn tip(&self) -> Option<&Commit> {
        self.commits.last()
    }

    /// How many commits it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commits.len()
    }

    /// Whether there is no line, so that positions are all that is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// The commit at a position.
    #[must_use]
    pub fn commit(&self, position: i64) -> Option<&Commit> {
        self.commits.get(usize::try_from(position).ok()?)
    }

    /// The commits of a set, oldest first.
    #[must_use]
    pub fn set(&self, first: i64, last: i64) -> &[Commit] {
        let from = usize::try_from(first).unwrap_or(0);
        let to = usize::try_from(last.saturating_add(1)).unwrap_or(0);
        self.commits
            .get(from..to.min(self.commits.len()))
            .unwrap_or(&[])
    }

    /// The acceptance of a benchmark in the message of one of the set's commits.
    #[must_use]
    pub fn accepted(&self, benchmark: &str, first: i64, last: i64) -> Option<&Acceptance> {
        self.set(first, last)
            .iter()
            .filter_map(|c| self.acceptances.get(&c.sha))
            .flatten()
            .find(|a| crate::config::glob(&a.benchmark, benchmark))
    }

    /// The position of a measured commit on the line. Without a line every commit counts, at the
    /// position that it was stored with.
    fn position(&self, sha: &Sha, stored: u64) -> Option<i64> {
        if self.is_empty() {
            return i64::try_from(stored).ok();
        }
        self.at.get(sha).copied()
    }
}

/// One series as it lies on the main line.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// What names it.
    pub key: SeriesKey,
    /// Why its values may vary, as calibration saw it.
    pub noise: NoiseClass,
    /// One point a commit, ascending by position.
    pub points: Vec<Point>,
    /// The number of the report that each is from.
    pub reports: Vec<i64>,
    /// Where it took over from another testbed's series.
    pub testbed_change: Option<TestbedChange>,
    /// How many series its testbed has in the store, whichever were asked for.
    pub series_on: usize,
}

impl Track {
    /// Benchmark, metric, counter and testbed in one, so that it names one series only.
    #[must_use]
    pub fn name(&self) -> String {
        let k = &self.key;
        format!(
            "{} {} {} {}",
            k.benchmark, k.metric, k.counter, k.fingerprint
        )
    }
}

/// Where one testbed took over from another: values on the two sides are not compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestbedChange {
    /// The first position measured on the new testbed.
    pub at: i64,
    /// The last position measured on the old one; equal to `at` where the same commit was
    /// measured on both.
    pub previous_last: i64,
    /// The old testbed's fingerprint.
    pub previous: String,
    /// Median of the last values before.
    pub before: f64,
    /// Median of the first values after.
    pub after: f64,
    /// What differs between the testbeds, as far as this counter depends on it.
    pub facts: Vec<Fact>,
}

/// A fact of the testbed that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// `rustc`, `libc`, …
    pub name: String,
    /// Its old value.
    pub before: String,
    /// Its new value.
    pub after: String,
}

/// The store's series on a line, those that `wanted` names, by benchmark and metric; series
/// without a point on the line are left out.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn tracks(
    store: &Store,
    line: &MainLine,
    wanted: &dyn Fn(&SeriesKey) -> bool,
) -> Result<Vec<Track>> {
    let mut all = Vec::new();
    let mut series_on: HashMap<String, usize> = HashMap::new();
    for row in store.series()?.into_iter().filter(|s| wanted(&s.key)) {
        let mut track = track(store, line, row)?;
        track.series_on = match series_on.get(&track.key.fingerprint) {
            Some(n) => *n,
            None => {
                let n = store.series_on(&track.key.fingerprint)?;
                series_on.insert(track.key.fingerprint.clone(), n);
                n
            }
        };
        if !track.points.is_empty() {
            all.push(track);
        }
    }
    testbed_changes(store, &mut all)?;
    Ok(all)
}

fn track(store: &Store, line: &MainLine, row: SeriesRow) -> Result<Track> {
    // In the order of arrival within a commit, so that the newest report stays.
    let mut newest: BTreeMap<i64, (f64, i64)> = BTreeMap::new();
    let points = if line.is_empty() {
        store.points(&row.key, u64::MAX)?
    } else {
        store.points_anywhere(&row.key, u64::MAX)?
    };
    for p in points {
        if let Some(position) = line.position(&p.sha, p.position)
            && p.value.is_finite()
        {
            newest.insert(position, (p.value, p.report));
        }
    }
    let reports = newest.values().map(|(_, report)| *report).collect();
    let points = newest
        .into_iter()
        .map(|(index, (value, _))| Point { index, value })
        .collect();
    Ok(Track {
        key: row.key,
        noise: row.class,
        points,
        reports,
        testbed_change: None,
        series_on: 0,
    })
}

/// Names the testbed changes between series that differ in their testbed alone.
fn testbed_changes(store: &Store, all: &mut [Track]) -> Result<()> {
    let mut families: BTreeMap<(String, Metric, Counter), Vec<usize>> = BTreeMap::new();
    for (i, t) in all.iter().enumerate() {
        let key = &t.key;
        let family = (
            key.benchmark.clone(),
            key.metric.clone(),
            key.counter.clone(),
        );
        families.entry(family).or_default().push(i);
    }
    // Many series share few testbeds: each pair is read once.
    let mut known: HashMap<(String, String, Counter), Vec<Fact>> = HashMap::new();
    for members in families.values().filter(|m| m.len() > 1) {
        for &new in members {
            let Some(old) = predecessor(all, members, new) else {
                continue;
            };
            let (a, b) = (&all[old], &all[new]);
            let pair = (
                a.key.fingerprint.clone(),
                b.key.fingerprint.clone(),
                a.key.counter.clone(),
            );
            let facts = match known.get(&pair) {
                Some(facts) => facts.clone(),
                None => {
                    let facts = differences(store, &a.key, &b.key)?;
                    known.insert(pair, facts.clone());
                    facts
                }
            };
            all[new].testbed_change = Some(testbed_change(a, b, facts));
        }
    }
    Ok(())
}

/// The series that ended last before, or at, the first point of this one. Two testbeds that
/// measure side by side follow each other nowhere.
fn predecessor(all: &[Track], members: &[usize], new: usize) -> Option<usize> {
    let first = all[new].points.first()?.index;
    let last = |i: usize| all[i].points.last().map_or(i64::MAX, |p| p.index);
    let before = |i: &usize| {
        let begins = all[*i].points.first().map_or(i64::MAX, |p| p.index);
        // Of two that share one commit only, the one with the later end is the new one.
        *i != new && last(*i) <= first && (begins < first || last(new) > first)
    };
    members
        .iter()
        .copied()
        .filter(before)
        .max_by_key(|i| last(*i))
}

fn testbed_change(old: &Track, new: &Track, facts: Vec<Fact>) -> TestbedChange {
    let level = |p: &[Point]| {
        let values: Vec<f64> = p.iter().map(|p| p.value).collect();
        stats::median(&values).unwrap_or(0.0)
    };
    let tail = old.points.len().saturating_sub(LEVEL_POINTS);
    let head = new.points.len().min(LEVEL_POINTS);
    TestbedChange {
        at: new.points.first().map_or(0, |p| p.index),
        previous_last: old.points.last().map_or(0, |p| p.index),
        previous: old.key.fingerprint.clone(),
        before: level(&old.points[tail..]),
        after: level(&new.points[..head]),
        facts,
    }
}

fn differences(store: &Store, old: &SeriesKey, new: &SeriesKey) -> Result<Vec<Fact>> {
    let (Some(a), Some(b)) = (store.testbed_of(old)?, store.testbed_of(new)?) else {
        return Ok(Vec::new());
    };
    let facts = a.differences(&b, &new.counter).into_iter();
    Ok(facts
        .map(|(name, before, after)| Fact {
            name,
            before,
            after,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(fingerprint: &str, positions: std::ops::Range<i64>) -> Track {
        Track {
            key: SeriesKey {
                benchmark: "b".into(),
                metric: Metric::Instructions,
                counter: Counter::Callgrind,
                fingerprint: fingerprint.into(),
            },
            noise: NoiseClass::Exact,
            points: positions.map(|index| Point { index, value: 1.0 }).collect(),
            reports: Vec::new(),
            testbed_change: None,
            series_on: 3,
        }
    }

    #[test]
    fn one_testbed_follows_another_but_not_one_beside_it() {
        let all = [track("a", 0..5), track("b", 5..9), track("c", 6..12)];
        let members = [0, 1, 2];
        assert_eq!(predecessor(&all, &members, 0), None);
        assert_eq!(predecessor(&all, &members, 1), Some(0));
        // `b` was still measured when `c` began.
        assert_eq!(predecessor(&all, &members, 2), Some(0));
        // A commit measured on both sides is a bridge, crossed one way.
        let bridged = [track("a", 0..6), track("b", 5..9)];
        assert_eq!(predecessor(&bridged, &[0, 1], 1), Some(0));
        assert_eq!(predecessor(&bridged, &[0, 1], 0), None);
    }

    #[test]
    fn a_set_is_cut_to_the_line() {
        let line = MainLine::default();
        assert!(line.set(-3, 100).is_empty());
        assert!(line.commit(-1).is_none());
    }
}
