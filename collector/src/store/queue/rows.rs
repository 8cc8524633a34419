//! Jobs as they are listed.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use crate::error::Result;
use crate::jobs::{Purpose, State};
use crate::model::Sha;
use crate::store::Store;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// The project.
    pub project: String,
    /// The commit.
    pub sha: Sha,
    /// Its place on the main line.
    pub position: u64,
    /// The first line of its message.
    pub subject: String,
    /// Which collectors may take it.
    pub label: String,
    /// What it is for.
    pub purpose: Purpose,
    /// What has become of it.
    pub state: State,
    /// How many leases it has had.
    pub epoch: i64,
    /// How many attempts count.
    pub attempts: u32,
    /// When it was offered, in milliseconds since 1970-01-01 UTC, as all times here.
    pub offered: i64,
    /// When it was last leased.
    pub started: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// Who has or had it last.
    pub collector: String,
    /// Where it failed, or what its collector does now.
    pub stage: String,
    /// Why it failed.
    pub why: String,
    /// The hash of the report that came of it.
    pub report: String,
    /// The reference that has the commit, of a pull request's head; empty otherwise.
    pub reference: String,
}

/// The columns of [`job`], of a table that is called `j` beside a `l` of leases.
pub(super) const COLUMNS: &str = "j.id, j.project, j.sha, j.position, j.subject, j.label, j.purpose, \
    j.state, j.epoch, j.attempts, j.offered, j.started, j.ended, j.collector, \
    coalesce(l.stage, j.stage), j.why, j.report, j.reference";

/// Reads a job.
pub(super) fn job(r: &Row<'_>) -> rusqlite::Result<Job> {
    let (purpose, state): (String, String) = (r.get(6)?, r.get(7)?);
    Ok(Job {
        id: r.get(0)?,
        project: r.get(1)?,
        sha: Sha(r.get(2)?),
        position: r.get::<_, i64>(3)?.cast_unsigned(),
        subject: r.get(4)?,
        label: r.get(5)?,
        purpose: Purpose::from_name(&purpose).unwrap_or(Purpose::Commit),
        state: State::from_name(&state).unwrap_or(State::Failed),
        epoch: r.get(8)?,
        attempts: r.get(9)?,
        offered: r.get(10)?,
        started: r.get(11)?,
        ended: r.get(12)?,
        collector: r.get(13)?,
        stage: r.get(14)?,
        why: r.get(15)?,
        report: r.get(16)?,
        reference: r.get(17)?,
    })
}

/// One job, within a transaction or without.
pub(super) fn one(db: &rusqlite::Connection, id: i64) -> rusqlite::Result<Option<Job>> {
    let sql =
        format!("SELECT {COLUMNS} FROM job j LEFT JOIN lease l ON l.job = j.id WHERE j.id = ?1");
    db.prepare_cached(&sql)?.query_row([id], job).optional()
}

impl Store {
    /// A job by its number.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn job(&self, id: i64) -> Result<Option<Job>> {
        self.ask(|db| one(db, id))
    }

    /// The jobs in one state: those that wait in the order of their turns, others with the newest
    /// first; at most `most`.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn jobs(&self, state: State, most: usize) -> Result<Vec<Job>> {
        let order = match state {
            State::Waiting => "j.rank, j.id DESC",
            State::Leased => "j.started DESC, j.id",
            State::Done | State::Failed | State::Cancelled | State::Withdrawn => {
                "j.ended DESC, j.id DESC"
            }
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM job j LEFT JOIN lease l ON l.job = j.id \
             WHERE j.state = '{}' ORDER BY {order} LIMIT ?1",
            // As the index of those that wait has it.
            state.name()
        );
        self.ask(|db| {
            db.prepare_cached(&sql)?
                .query_map(params![most as i64], job)?
                .collect()
        })
    }

    /// How many jobs of a project wait or are being done.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn jobs_ahead(&self, project: &str) -> Result<u64> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT count(*) FROM job WHERE project = ?1 AND state IN ('waiting', 'leased')",
            )?
            .query_row([project], |r| r.get::<_, i64>(0))
            .map(i64::cast_unsigned)
        })
    }

    /// How many jobs are in a state.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn jobs_in(&self, state: State) -> Result<u64> {
        self.ask(|db| {
            db.prepare_cached("SELECT count(*) FROM job WHERE state = ?1")?
                .query_row([state.name()], |r| r.get::<_, i64>(0))
                .map(i64::cast_unsigned)
        })
    }
}
