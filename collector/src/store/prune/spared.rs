//! What is kept though its time is over: somebody works with it.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use crate::model::Report;
use crate::store::log::codec::unpack;
use crate::store::prune::what::DAY;
use crate::store::view::events::OPEN;

/// Days for which a change that was decided about counts as open.
const SETTLED: i64 = 30;

/// How much stays whatever its age.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Bounds {
    /// Points of a series on each side of an open change that its two levels are known by.
    pub(in crate::store) level: i64,
    /// The newest measured commits of the main line: a project that rests wakes up with its series.
    pub(in crate::store) newest: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            level: 100,
            newest: 100,
        }
    }
}

/// What is spared.
#[derive(Clone, Debug)]
pub(super) struct Spared {
    /// Hashes of profiles.
    profiles: HashSet<String>,
    /// Stretches of the main line, both ends included, in order; none touches another.
    levels: Vec<(i64, i64)>,
    /// Positions that a branch that is kept left the main line at.
    bases: HashSet<i64>,
    /// The first position of those that stay whatever their age.
    newest: i64,
}

/// A series and the commit set of an open change in it.
struct Set {
    series: i64,
    first: i64,
    last: i64,
}

impl Spared {
    /// What is spared now; reports of branches stay after a place in the log.
    pub(super) fn look(
        db: &Connection,
        now: i64,
        branches: i64,
        bounds: Bounds,
    ) -> rusqlite::Result<Self> {
        let (mut profiles, mut levels) = (HashSet::new(), Vec::new());
        for set in open(db, now)? {
            let near = around(db, &set, 1)?;
            named(db, near, &mut profiles)?;
            levels.push(around(db, &set, bounds.level)?);
        }
        Ok(Self {
            profiles,
            levels: apart(levels),
            bases: bases(db, branches)?,
            newest: newest(db, bounds.newest)?,
        })
    }

    /// Whether a profile stays.
    pub(super) fn profile(&self, hash: &str) -> bool {
        self.profiles.contains(hash)
    }

    /// Whether the reports of a commit of the main line stay.
    pub(super) fn report(&self, position: i64) -> bool {
        let begun = self.levels.partition_point(|(first, _)| *first <= position);
        let within = begun > 0 && self.levels[begun - 1].1 >= position;
        position >= self.newest || self.bases.contains(&position) || within
    }
}

/// Stretches in order, those that overlap as one.
fn apart(mut all: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    all.sort_unstable();
    let mut out: Vec<(i64, i64)> = Vec::with_capacity(all.len());
    for (first, last) in all {
        match out.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => out.push((first, last)),
        }
    }
    out
}

/// Changes of judged metrics that are open, or were decided about not long ago.
fn open(db: &Connection, now: i64) -> rusqlite::Result<Vec<Set>> {
    db.prepare_cached(&format!(
        "SELECT s.id, min(e.first, e.position), max(e.last, e.position) FROM change e \
         JOIN series s ON s.key = e.series WHERE e.judged = 1 AND (({OPEN}) OR EXISTS \
         (SELECT 1 FROM decided d WHERE d.event = e.id AND d.time >= ?1))"
    ))?
    .query_map([now - SETTLED * DAY], |r| {
        Ok(Set {
            series: r.get(0)?,
            first: r.get(1)?,
            last: r.get(2)?,
        })
    })?
    .collect()
}

/// From so many measured commits of the series before a commit set to as many after it.
fn around(db: &Connection, set: &Set, n: i64) -> rusqlite::Result<(i64, i64)> {
    let first = db
        .prepare_cached(
            "SELECT coalesce(min(position), ?2) FROM (SELECT DISTINCT position FROM point \
             WHERE series = ?1 AND position < ?2 ORDER BY position DESC LIMIT ?3)",
        )?
        .query_row(params![set.series, set.first, n], |r| r.get(0))?;
    let last = db
        .prepare_cached(
            "SELECT coalesce(max(position), ?2) FROM (SELECT DISTINCT position FROM point \
             WHERE series = ?1 AND position > ?2 ORDER BY position LIMIT ?3)",
        )?
        .query_row(params![set.series, set.last, n], |r| r.get(0))?;
    Ok((first, last))
}

/// Adds the profiles that the commits of a stretch of the main line name.
fn named(
    db: &Connection,
    (first, last): (i64, i64),
    out: &mut HashSet<String>,
) -> rusqlite::Result<()> {
    let mut stacks = db.prepare_cached(
        "SELECT s.blob FROM stacks s JOIN measured_commit c ON c.sha = s.sha \
         WHERE c.main = 1 AND c.position BETWEEN ?1 AND ?2",
    )?;
    for blob in stacks.query_map([first, last], |r| r.get(0))? {
        out.insert(blob?);
    }
    let mut reports = db.prepare_cached(
        "SELECT l.document FROM report r JOIN measured_commit c ON c.sha = r.sha \
         JOIN log l ON l.seq = r.id WHERE c.main = 1 AND c.position BETWEEN ?1 AND ?2",
    )?;
    for document in reports.query_map([first, last], |r| r.get::<_, Vec<u8>>(0))? {
        // What is damaged names nothing; `verify` names it.
        let bytes = unpack(&document?).unwrap_or_default();
        if let Ok(report) = serde_json::from_slice::<Report>(&bytes) {
            out.extend(report.profiles.into_iter().map(|p| p.blob));
        }
    }
    Ok(())
}

fn bases(db: &Connection, after: i64) -> rusqlite::Result<HashSet<i64>> {
    db.prepare_cached(
        "SELECT m.position FROM measured_commit b JOIN measured_commit m ON m.sha = b.merge_base \
         WHERE b.main = 0 AND m.main = 1 AND EXISTS \
         (SELECT 1 FROM report r WHERE r.sha = b.sha AND r.id > ?1)",
    )?
    .query_map([after], |r| r.get(0))?
    .collect()
}

fn newest(db: &Connection, n: i64) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "SELECT coalesce(min(position), 0) FROM (SELECT position FROM measured_commit \
         WHERE main = 1 ORDER BY position DESC LIMIT ?1)",
    )?
    .query_row([n], |r| r.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_overlap_or_lie_within_another_are_one() {
        let spared = Spared {
            profiles: HashSet::new(),
            levels: apart(vec![(40, 50), (10, 30), (12, 15), (25, 35), (60, 60)]),
            bases: HashSet::from([5]),
            newest: 90,
        };
        assert_eq!(spared.levels, [(10, 35), (40, 50), (60, 60)]);
        let stay: Vec<i64> = (0..=90).filter(|at| spared.report(*at)).collect();
        let mut wanted = vec![5];
        wanted.extend((10..=35).chain(40..=50).chain([60, 90]));
        assert_eq!(stay, wanted);
    }
}
