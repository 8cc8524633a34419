//! Measured commits, testbeds and the reports listed beside them.

use std::collections::BTreeMap;

use rusqlite::{Row, params};
use serde::Serialize;

use crate::error::Result;
use crate::model::Sha;
use crate::store::Store;
use crate::store::view::events::unreadable;

/// A commit that has a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MeasuredCommit {
    /// Its object name.
    pub sha: Sha,
    /// Its place on the main line.
    pub position: u64,
    /// Author date in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// The author.
    pub author: String,
    /// The first line of the message.
    pub subject: String,
    /// How many reports it has.
    pub reports: u64,
    /// How many numbers the newest one holds.
    pub measurements: u64,
    /// How many things failed in the newest one.
    pub failures: u64,
    /// Whether it is on the main line; else its position says nothing about that.
    pub main: bool,
    /// The branch it was measured on, where that is known; empty on the main line.
    pub branch: String,
    /// Its merge-base with the main line, where that is known; empty on it.
    pub merge_base: String,
}

/// A machine and environment, and the stretch of history that it measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestbedRow {
    /// Facts by name.
    pub facts: BTreeMap<String, String>,
    /// The first position measured on it.
    pub first_position: u64,
    /// The last one.
    pub last_position: u64,
    /// When the first commit was written, in seconds since 1970-01-01 UTC.
    pub first_time: i64,
    /// When the last one was.
    pub last_time: i64,
    /// How many reports.
    pub reports: u64,
}

/// A report as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportRow {
    /// Its content hash.
    pub hash: String,
    /// The commit.
    pub sha: Sha,
    /// The commit's place on the main line.
    pub position: u64,
    /// When measuring began.
    pub started: i64,
    /// Which counters on which testbeds.
    pub testbed_key: String,
    /// What was asked for: benchmarks, metrics, options, tags.
    pub suite_key: String,
    /// Whether the commit as a whole gave no number.
    pub failed: bool,
}

pub(super) const COMMIT: &str = "sha, position, time, author, subject, reports, measurements, failures, \
    main, branch, merge_base";

pub(super) fn commit(r: &Row<'_>) -> rusqlite::Result<MeasuredCommit> {
    let n = |i| r.get::<_, i64>(i).map(i64::cast_unsigned);
    Ok(MeasuredCommit {
        sha: Sha(r.get(0)?),
        position: n(1)?,
        time: r.get(2)?,
        author: r.get(3)?,
        subject: r.get(4)?,
        reports: n(5)?,
        measurements: n(6)?,
        failures: n(7)?,
        main: r.get(8)?,
        branch: r.get(9)?,
        merge_base: r.get(10)?,
    })
}

pub(crate) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Store {
    /// Measured commits before a position, the newest first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn commits(&self, before: u64, limit: usize) -> Result<Vec<MeasuredCommit>> {
        self.commits_where(
            "main = 1 AND position < ?1 ORDER BY position DESC, sha LIMIT ?2",
            before,
            limit as i64,
        )
    }

    /// Measured commits from a position on, the oldest first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn commits_from(&self, from: u64, limit: usize) -> Result<Vec<MeasuredCommit>> {
        self.commits_where(
            "main = 1 AND position >= ?1 ORDER BY position, sha LIMIT ?2",
            from,
            limit as i64,
        )
    }

    /// Measured commits at positions `from..=to`, the oldest first; at most 10,000.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn commits_between(&self, from: u64, to: u64) -> Result<Vec<MeasuredCommit>> {
        let condition =
            "main = 1 AND position BETWEEN ?1 AND ?2 ORDER BY position, sha LIMIT 10000";
        self.commits_where(condition, from, signed(to))
    }

    /// When the measured commits at positions `from..=to` were written: positions, ascending, and
    /// seconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn times_between(&self, from: u64, to: u64) -> Result<Vec<(u64, i64)>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT position, time FROM measured_commit \
                 WHERE main = 1 AND position BETWEEN ?1 AND ?2 ORDER BY position, sha",
            )?
            .query_map(params![signed(from), signed(to)], |r| {
                Ok((r.get::<_, i64>(0)?.cast_unsigned(), r.get(1)?))
            })?
            .collect()
        })
    }

    /// Measured commits beside the main line, the newest report first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn branch_commits(&self, limit: usize) -> Result<Vec<MeasuredCommit>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {COMMIT} FROM measured_commit WHERE main = 0 \
                 ORDER BY (SELECT max(id) FROM report r WHERE r.sha = measured_commit.sha) DESC \
                 LIMIT ?1"
            ))?
            .query_map([limit as i64], commit)?
            .collect()
        })
    }

    /// Measured commits of a branch beside the main line, the newest first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn commits_of_branch(&self, branch: &str, limit: usize) -> Result<Vec<MeasuredCommit>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {COMMIT} FROM measured_commit WHERE main = 0 AND branch = ?1 \
                 ORDER BY position DESC, \
                 (SELECT max(id) FROM report r WHERE r.sha = measured_commit.sha) DESC LIMIT ?2"
            ))?
            .query_map(params![branch, limit as i64], commit)?
            .collect()
        })
    }

    fn commits_where(&self, rest: &str, a: u64, b: i64) -> Result<Vec<MeasuredCommit>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {COMMIT} FROM measured_commit WHERE {rest}"
            ))?
            .query_map(params![signed(a), b], commit)?
            .collect()
        })
    }

    /// The measured commit whose object name begins so; `None` when there is none or several.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn commit(&self, prefix: &str) -> Result<Option<MeasuredCommit>> {
        let found: Vec<MeasuredCommit> = self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {COMMIT} FROM measured_commit WHERE sha >= ?1 AND sha < ?2 LIMIT 2"
            ))?
            // `g` comes after every hexadecimal digit.
            .query_map([prefix, &format!("{prefix}g")], commit)?
            .collect()
        })?;
        Ok(match found.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        })
    }

    /// The 200 testbeds that measured last, in the order of their first commits.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn testbeds(&self) -> Result<Vec<TestbedRow>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT facts, first_position, last_position, first_time, last_time, reports FROM \
                 (SELECT * FROM testbed ORDER BY last_position DESC, last_time DESC LIMIT 200) \
                 ORDER BY first_position, first_time",
            )?
            .query_map([], |r| {
                let facts: String = r.get(0)?;
                let n = |i| r.get::<_, i64>(i).map(i64::cast_unsigned);
                Ok(TestbedRow {
                    facts: serde_json::from_str(&facts)
                        .map_err(|e| unreadable(0, e.to_string()))?,
                    first_position: n(1)?,
                    last_position: n(2)?,
                    first_time: r.get(3)?,
                    last_time: r.get(4)?,
                    reports: n(5)?,
                })
            })?
            .collect()
        })
    }

    /// The newest reports first, those of one commit only if it is named.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn reports(&self, sha: Option<&Sha>, limit: usize) -> Result<Vec<ReportRow>> {
        self.ask(|db| {
            let columns = "hash, sha, position, started, testbed_key, failed, suite_key";
            let row = |r: &Row<'_>| {
                Ok(ReportRow {
                    hash: r.get(0)?,
                    sha: Sha(r.get(1)?),
                    position: r.get::<_, i64>(2)?.cast_unsigned(),
                    started: r.get(3)?,
                    testbed_key: r.get(4)?,
                    failed: r.get(5)?,
                    suite_key: r.get(6)?,
                })
            };
            match sha {
                None => db
                    .prepare_cached(&format!(
                        "SELECT {columns} FROM report ORDER BY id DESC LIMIT ?1"
                    ))?
                    .query_map([limit as i64], row)?
                    .collect(),
                Some(sha) => db
                    .prepare_cached(&format!(
                        "SELECT {columns} FROM report WHERE sha = ?2 ORDER BY id DESC LIMIT ?1"
                    ))?
                    .query_map(params![limit as i64, sha.0], row)?
                    .collect(),
            }
        })
    }
}
