//! Profiles and reports whose time was over: what was dropped is known, and nothing is derived
//! from it.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::error::Result;
use crate::model::Line;
use crate::store::Store;
use crate::store::log::codec::unpack;
use crate::store::log::pruning::{Emptied, Pruned, Pruning, Stub};
use crate::store::view::measured;
use crate::store::view::series::{SERIES, own_direction, own_unit, series_row};

/// A profile that was there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PrunedProfile {
    /// When it was pruned, in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// After how many days it went.
    pub kept: u64,
}

/// Notes that an entry names profiles.
pub(in crate::store) fn named<'a>(
    tx: &Transaction<'_>,
    seq: i64,
    blobs: impl Iterator<Item = &'a String>,
) -> rusqlite::Result<()> {
    let mut note = tx.prepare_cached(
        "INSERT INTO named_profile VALUES (?1, ?2) \
         ON CONFLICT (blob) DO UPDATE SET last = max(last, excluded.last)",
    )?;
    for blob in blobs {
        note.execute(params![blob, seq])?;
    }
    Ok(())
}

/// What a pruning means: its profiles are known to be gone, and its reports as if they had never
/// come.
pub(super) fn pruning(tx: &Transaction<'_>, p: &Pruning) -> rusqlite::Result<()> {
    for blob in &p.profiles {
        tx.prepare_cached("DELETE FROM named_profile WHERE blob = ?1")?
            .execute([blob])?;
        tx.prepare_cached("INSERT OR REPLACE INTO pruned_profile VALUES (?1, ?2, ?3)")?
            .execute(params![blob, p.time, p.kept.cast_signed()])?;
    }
    take_out(tx, &p.reports)?;
    p.series.iter().try_for_each(|s| emptied(tx, s))
}

/// Takes reports out of the view for good. Those that come later under the same hash are others.
pub(in crate::store) fn take_out(tx: &Transaction<'_>, all: &[Pruned]) -> rusqlite::Result<()> {
    let mut commits = BTreeSet::new();
    for pruned in all {
        let seq: Option<i64> = tx
            .prepare_cached(
                "SELECT seq FROM log WHERE hash = ?1 AND kind IN ('report', 'stub') \
                 AND seq <= (SELECT value FROM state WHERE name = 'applied')",
            )?
            .query_row([&pruned.report], |r| r.get(0))
            .optional()?;
        let Some(seq) = seq else { continue };
        tx.prepare_cached("INSERT OR IGNORE INTO pruned_report VALUES (?1)")?
            .execute([seq])?;
        // One that was excluded is out already.
        let sha: Option<String> = tx
            .prepare_cached("SELECT sha FROM report WHERE id = ?1")?
            .query_row([seq], |r| r.get(0))
            .optional()?;
        commits.extend(sha);
    }
    commits
        .iter()
        .try_for_each(|sha| measured::file_anew(tx, sha))
}

/// A series that no point of the main line is left of, as it was at its last one. It is looked at
/// once more, and what was reported in it is seen no longer.
fn emptied(tx: &Transaction<'_>, e: &Emptied) -> rusqlite::Result<()> {
    let key = &e.series;
    tx.prepare_cached(
        "INSERT INTO series (benchmark, metric, unit, better, counter, fingerprint, class, key, \
         points, latest_position, latest_value, latest_sha, latest_time, searched) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, -1, 0, '', 0, -1) \
         ON CONFLICT (benchmark, metric, unit, counter, fingerprint) DO UPDATE SET \
         class = excluded.class, better = excluded.better, searched = -1 WHERE points = 0",
    )?
    .execute(params![
        key.benchmark,
        key.metric.name(),
        own_unit(&key.metric),
        own_direction(&key.metric, key.metric.better()),
        key.counter.name(),
        key.fingerprint,
        e.class.name(),
        key.id()
    ])?;
    Ok(())
}

/// The series of that name that have no point of the main line.
pub(in crate::store) fn empty(tx: &Transaction<'_>, key: &str) -> rusqlite::Result<Vec<Emptied>> {
    tx.prepare_cached(&format!(
        "SELECT {SERIES} FROM series s WHERE s.key = ?1 AND s.points = 0"
    ))?
    .query_map([key], |r| {
        let row = series_row(r, 0)?;
        Ok(Emptied {
            series: row.key,
            class: row.class,
        })
    })?
    .collect()
}

impl Store {
    /// When a profile was pruned; `None` where it is there, or never came.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn pruned_profile(&self, blob: &str) -> Result<Option<PrunedProfile>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT time, kept FROM pruned_profile WHERE blob = ?1 \
                 AND NOT EXISTS (SELECT 1 FROM profile_here WHERE hash = ?1)",
            )?
            .query_row([blob], |r| {
                Ok(PrunedProfile {
                    time: r.get(0)?,
                    kept: r.get::<_, i64>(1)?.cast_unsigned(),
                })
            })
            .optional()
        })
    }

    /// Positions of commits of the main line whose reports were pruned, in order.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn pruned_positions(&self) -> Result<Vec<u64>> {
        let stubs: Vec<Vec<u8>> = self.ask(|db| {
            db.prepare_cached(
                "SELECT l.document FROM pruned_report p CROSS JOIN log l ON l.seq = p.seq \
                 WHERE l.kind = 'stub'",
            )?
            .query_map([], |r| r.get(0))?
            .collect()
        })?;
        // What is damaged says nothing; `verify` names it.
        let read = |packed: &Vec<u8>| serde_json::from_slice::<Stub>(&unpack(packed).ok()?).ok();
        let stubs = stubs.iter().filter_map(read);
        let main = stubs.filter(|s| !matches!(s.line, Some(Line::Branch { .. })));
        let mut positions: Vec<u64> = main.map(|s| s.commit.position).collect();
        positions.sort_unstable();
        Ok(positions)
    }

    /// The hash of the call stacks of a benchmark on a commit, whether they are there or not.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn stacks_named(&self, sha: &crate::model::Sha, benchmark: &str) -> Result<Option<String>> {
        self.ask(|db| {
            db.prepare_cached("SELECT blob FROM stacks WHERE sha = ?1 AND benchmark = ?2 LIMIT 1")?
                .query_row(params![sha.0, benchmark], |r| r.get(0))
                .optional()
        })
    }
}
