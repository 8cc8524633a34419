//! What lies before a commit: since when a benchmark gives no number, what a revert takes back, and
//! what a verdict rests on.

use std::collections::HashMap;

use rusqlite::params;
use serde::Serialize;

use crate::error::Result;
use crate::model::Sha;
use crate::store::Store;
use crate::store::view::commits::{COMMIT, MeasuredCommit, commit, signed};
use crate::store::view::compare::sum;

/// Measured commits of the main line on which a benchmark gave no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// The first of them.
    pub since: Sha,
    /// When it was written, in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// How many there are, up to the commit that was asked about.
    pub commits: u64,
}

impl Store {
    /// Since which measured commit of the main line a benchmark has given no number, up to a
    /// position. `None` where it gave one there, or never gave any before.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn silent_since(&self, benchmark: &str, up_to: u64) -> Result<Option<Silence>> {
        let last: Option<i64> = self.ask(|db| {
            db.prepare_cached(
                // One look into the index for each series, however long it is.
                "SELECT max((SELECT max(p.position) FROM point p \
                 WHERE p.series = s.id AND p.position <= ?2)) \
                 FROM series s WHERE s.benchmark = ?1",
            )?
            .query_row(params![benchmark, signed(up_to)], |r| r.get(0))
        })?;
        let Some(last) = last else {
            return Ok(None);
        };
        self.ask(|db| {
            let mut after = db.prepare_cached(
                "SELECT sha, time, count(*) OVER () FROM measured_commit \
                 WHERE main = 1 AND position > ?1 AND position <= ?2 ORDER BY position, sha LIMIT 1",
            )?;
            let mut rows = after.query_map(params![last, signed(up_to)], |r| {
                Ok(Silence {
                    since: Sha(r.get(0)?),
                    time: r.get(1)?,
                    commits: r.get::<_, i64>(2)?.cast_unsigned(),
                })
            })?;
            rows.next().transpose()
        })
    }

    /// How many reports the main line has up to each of these positions.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn reports_up_to(&self, positions: &[u64]) -> Result<Vec<u64>> {
        let last = positions.iter().max().copied().unwrap_or(0);
        let all: Vec<(u64, u64)> = self.ask(|db| {
            db.prepare_cached(
                "SELECT position, reports FROM measured_commit \
                 WHERE main = 1 AND position <= ?1 ORDER BY position",
            )?
            .query_map([signed(last)], |r| {
                let n = |i| r.get::<_, i64>(i).map(i64::cast_unsigned);
                Ok((n(0)?, n(1)?))
            })?
            .collect()
        })?;
        let mut sums = Vec::with_capacity(all.len());
        let mut sum = 0;
        for (_, reports) in &all {
            sum += reports;
            sums.push(sum);
        }
        let up_to = |at: &u64| {
            let n = all.partition_point(|(position, _)| position <= at);
            n.checked_sub(1).map_or(0, |i| sums[i])
        };
        Ok(positions.iter().map(up_to).collect())
    }

    /// A text that is another one when other lasting changes lie at positions `first..=last`, people
    /// stand with them elsewhere, or other reports are excluded.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn changes_mark(&self, first: u64, last: u64) -> Result<String> {
        self.ask(|db| {
            let mut changes = db.prepare_cached(
                "SELECT id, position, change, seen, state, recovered FROM change \
                 WHERE position BETWEEN ?1 AND ?2",
            )?;
            let mut excluded = db.prepare_cached("SELECT report, time, out FROM exclusion")?;
            let (changes, changed) = sum(changes.query(params![signed(first), signed(last)])?)?;
            let (reports, out) = sum(excluded.query([])?)?;
            Ok(format!("{changes} {changed:x} {reports} {out:x}"))
        })
    }

    /// The measured commit of the main line that a commit takes back, by its subject:
    /// `Revert "…"`. The newest one of that subject before it.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn reverts(&self, c: &MeasuredCommit) -> Result<Option<MeasuredCommit>> {
        let Some(subject) = reverted(&c.subject).filter(|_| c.main) else {
            return Ok(None);
        };
        self.ask(|db| {
            let mut found = db.prepare_cached(&format!(
                "SELECT {COMMIT} FROM measured_commit WHERE main = 1 AND subject = ?1 \
                 AND position < ?2 ORDER BY position DESC LIMIT 1"
            ))?;
            let mut rows = found.query_map(params![subject, signed(c.position)], commit)?;
            rows.next().transpose()
        })
    }

    /// The measured commits of the main line that take some of these back, by the commit that is
    /// taken back: of each the first one after it.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn reverted_by(&self, commits: &[MeasuredCommit]) -> Result<HashMap<Sha, MeasuredCommit>> {
        let main = || commits.iter().filter(|c| c.main);
        let Some(first) = main().map(|c| c.position).min() else {
            return Ok(HashMap::new());
        };
        // Read once for all: subjects have no index.
        let reverts: Vec<MeasuredCommit> = self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {COMMIT} FROM measured_commit WHERE main = 1 AND position > ?1 \
                 AND subject GLOB 'Revert \"*\"' ORDER BY position"
            ))?
            .query_map([signed(first)], commit)?
            .collect()
        })?;
        let mut out = HashMap::new();
        for c in main() {
            let is_it = |r: &&MeasuredCommit| {
                r.position > c.position && reverted(&r.subject) == Some(&c.subject)
            };
            out.extend(
                reverts
                    .iter()
                    .find(is_it)
                    .map(|r| (c.sha.clone(), r.clone())),
            );
        }
        Ok(out)
    }
}

/// The subject that a subject says it takes back, as `git revert` writes it.
fn reverted(subject: &str) -> Option<&str> {
    let quoted = subject.strip_prefix("Revert \"")?.strip_suffix('"')?;
    (!quoted.is_empty()).then_some(quoted)
}
