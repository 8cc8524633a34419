//! The pauses of collectors whose machines fail: a full disk, a network that is away. Whoever fails one
//! job of a project after the other takes none of that project's for a while, and the jobs stay.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::error::Result;
use crate::jobs::wire::Claim;
use crate::jobs::{LONGEST_PAUSE, pause};
use crate::store::Store;

/// The pause that keeps a collector (`?2`) from a job at a time (`?3`). One that a clock which was set
/// back makes longer than any is none.
pub(super) const HERE: &str = "SELECT 1 FROM pause u WHERE u.collector = ?2 \
    AND u.project = job.project AND u.until > ?3 AND u.until - ?3 <= 600000";
const _: () = assert!(LONGEST_PAUSE == 600_000, "as it stands in HERE");

/// A collector that was heard of within this time is at work, or pauses.
pub(super) const ALIVE: i64 = 120_000;

/// A collector takes no job of a project, because its machine failed the last ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// The collector.
    #[serde(skip)]
    pub collector: String,
    /// The project.
    pub project: String,
    /// How many of its jobs failed there in a row.
    pub failures: u32,
    /// Until when it takes none, in milliseconds since 1970-01-01 UTC.
    pub until: i64,
    /// Where the last one failed.
    pub stage: String,
    /// Why.
    pub why: String,
    /// Whether anything of that project waits now.
    #[serde(skip)]
    pub waiting: bool,
}

impl Store {
    /// Every collector that failed the last job of a project by its machine, by name.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn pauses(&self) -> Result<Vec<Pause>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT collector, project, failures, until, stage, why, \
                 EXISTS (SELECT 1 FROM job j WHERE j.project = pause.project \
                 AND j.state = 'waiting') FROM pause ORDER BY collector, project",
            )?
            .query_map([], |r| {
                Ok(Pause {
                    collector: r.get(0)?,
                    project: r.get(1)?,
                    failures: r.get(2)?,
                    until: r.get(3)?,
                    stage: r.get(4)?,
                    why: r.get(5)?,
                    waiting: r.get(6)?,
                })
            })?
            .collect()
        })
    }
}

/// Notes one more failure in a row of a collector and a project, and has it pause. Gives whether it is
/// the first, of the other collectors' that are there too: then it is as likely to be the job's own.
/// What fails on one after the other (a git host that is away) is nobody's job.
pub(super) fn lengthen(
    tx: &Transaction<'_>,
    (collector, project): (&str, &str),
    (stage, why): (&str, &str),
    now: i64,
) -> rusqlite::Result<bool> {
    let before: Option<u32> = tx
        .prepare_cached("SELECT failures FROM pause WHERE collector = ?1 AND project = ?2")?
        .query_row([collector, project], |r| r.get(0))
        .optional()?;
    let failures = before.unwrap_or(0).saturating_add(1);
    tx.prepare_cached(
        "INSERT OR REPLACE INTO pause (collector, project, failures, until, stage, why) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        collector,
        project,
        failures,
        now + pause(failures),
        stage,
        why
    ])?;
    Ok(failures == 1 && !others_fail(tx, (collector, project), now)?)
}

/// Whether another collector that is there failed its last job of that project, too. One that is gone
/// for good says nothing of what comes later.
fn others_fail(
    tx: &Transaction<'_>,
    (collector, project): (&str, &str),
    now: i64,
) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM pause u JOIN collector c ON c.name = u.collector \
         WHERE u.project = ?2 AND u.collector <> ?1 AND c.beat > ?3)",
    )?
    .query_row(params![collector, project, now - ALIVE], |r| r.get(0))
}

/// The machine does jobs of that project (again).
pub(super) fn end(
    tx: &Transaction<'_>,
    (collector, project): (&str, &str),
) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM pause WHERE collector = ?1 AND project = ?2")?
        .execute([collector, project])
        .map(|_| ())
}

/// A collector that was started anew tries at once: somebody may have mended its machine. Whether
/// that is so only a job says.
pub(super) fn try_anew(tx: &Transaction<'_>, claim: &Claim) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE pause SET until = 0 WHERE collector = ?1 AND until > 0 \
         AND EXISTS (SELECT 1 FROM collector WHERE name = ?1 AND session <> ?2)",
    )?
    .execute(params![claim.collector, claim.session])
    .map(|_| ())
}
