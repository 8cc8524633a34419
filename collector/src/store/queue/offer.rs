//! Offering commits, and taking jobs back.

use std::collections::HashSet;

use rusqlite::{Transaction, params};

use crate::error::Result;
use crate::jobs::Purpose;
use crate::model::{Commit, Sha};
use crate::store::Store;

/// Commits of a project that are to be measured.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// The project.
    pub project: &'a str,
    /// The commits, oldest first.
    pub commits: &'a [Commit],
    /// Each of these labels measures each of them.
    pub labels: &'a [String],
    /// What for.
    pub purpose: Purpose,
}

impl Store {
    /// Offers commits, each once for a label and purpose, and notes the tip up to which they were
    /// seen, in one transaction. Gives how many jobs are new.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`]; then nothing was offered.
    pub fn offer(&mut self, offer: &Offer<'_>, seen: Option<&Sha>, now: i64) -> Result<usize> {
        self.change(|tx| {
            let mut insert = tx.prepare_cached(
                "INSERT INTO job \
                 (project, sha, position, subject, label, purpose, rank, offered) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                 ON CONFLICT (project, sha, label, purpose) DO UPDATE SET state = 'waiting', \
                 position = excluded.position, offered = excluded.offered, ended = NULL, why = '' \
                 WHERE state = 'withdrawn'",
            )?;
            let (purpose, rank) = (offer.purpose.name(), offer.purpose.rank());
            let is_narrowing = offer.purpose == Purpose::Narrow;
            let mut new = 0;
            for commit in offer.commits {
                let position = commit.position.cast_signed();
                for label in offer.labels {
                    if is_narrowing && hasten(tx, offer.project, &commit.sha, label)? {
                        continue;
                    }
                    new += insert.execute(params![
                        offer.project,
                        commit.sha.0,
                        position,
                        commit.subject,
                        label,
                        purpose,
                        rank,
                        now
                    ])?;
                }
            }
            if let Some(seen) = seen {
                tx.execute(
                    "UPDATE project SET seen = ?2 WHERE name = ?1",
                    params![offer.project, seen.0],
                )?;
            }
            Ok(new)
        })
    }

    /// The commits of a project that nobody will measure unless somebody asks for it: their jobs
    /// failed for good or were cancelled.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn given_up(&self, project: &str) -> Result<HashSet<Sha>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT DISTINCT sha FROM job \
                 WHERE project = ?1 AND state IN ('failed', 'cancelled')",
            )?
            .query_map([project], |r| r.get(0).map(Sha))?
            .collect()
        })
    }

    /// Withdraws what waits of commits that are not on a project's line any more. Gives how many.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn withdraw(&mut self, project: &str, line: &HashSet<&Sha>, now: i64) -> Result<usize> {
        self.change(|tx| {
            let waiting: Vec<(i64, Sha)> = tx
                .prepare_cached(
                    "SELECT id, sha FROM job WHERE project = ?1 AND state = 'waiting' \
                     AND purpose IN ('commit', 'narrow')",
                )?
                .query_map([project], |r| Ok((r.get(0)?, Sha(r.get(1)?))))?
                .collect::<rusqlite::Result<_>>()?;
            let mut gone = 0;
            for (id, _) in waiting.iter().filter(|(_, sha)| !line.contains(sha)) {
                gone += tx.execute(
                    "UPDATE job SET state = 'withdrawn', ended = ?2, \
                     why = 'the main line does not have this commit any more' WHERE id = ?1",
                    params![id, now],
                )?;
            }
            Ok(gone)
        })
    }

    /// Cancels a job that waits or is being measured; its collector hears of it at its next
    /// heartbeat. Gives whether there was such a job.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn cancel_job(&mut self, id: i64, who: &str, now: i64) -> Result<bool> {
        self.change(|tx| {
            let changed = tx.execute(
                "UPDATE job SET state = 'cancelled', ended = ?2, why = 'cancelled by ' || ?3 \
                 WHERE id = ?1 AND state IN ('waiting', 'leased')",
                params![id, now, who],
            )?;
            tx.execute("DELETE FROM lease WHERE job = ?1", [id])?;
            Ok(changed > 0)
        })
    }

    /// Offers a job anew that failed or was cancelled, with all its attempts. Gives whether there was
    /// such a job.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn retry_job(&mut self, id: i64) -> Result<bool> {
        self.change(|tx| {
            let changed = tx.execute(
                "UPDATE job SET state = 'waiting', attempts = 0, not_before = 0, avoid = '', \
                 stage = '', why = '', ended = NULL \
                 WHERE id = ?1 AND state IN ('failed', 'cancelled')",
                [id],
            )?;
            Ok(changed > 0)
        })
    }
}

/// Has a commit that waits already come sooner, because an open change waits for it. Gives whether
/// it waits or is being measured.
fn hasten(tx: &Transaction<'_>, project: &str, sha: &Sha, label: &str) -> rusqlite::Result<bool> {
    let rank = Purpose::Narrow.rank();
    tx.execute(
        "UPDATE OR IGNORE job SET purpose = 'narrow', rank = ?4 \
         WHERE project = ?1 AND sha = ?2 AND label = ?3 AND state = 'waiting' AND rank > ?4",
        params![project, sha.0, label, rank],
    )?;
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM job WHERE project = ?1 AND sha = ?2 AND label = ?3 \
         AND state IN ('waiting', 'leased'))",
        params![project, sha.0, label],
        |r| r.get(0),
    )
}
