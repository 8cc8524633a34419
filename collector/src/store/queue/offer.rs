//! Offering commits, and taking jobs back.

use std::collections::HashSet;

use rusqlite::params;

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
                "INSERT OR IGNORE INTO job \
                 (project, sha, position, subject, label, purpose, rank, offered) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            let (purpose, rank) = (offer.purpose.name(), offer.purpose.rank());
            let mut new = 0;
            for commit in offer.commits {
                let position = commit.position.cast_signed();
                for label in offer.labels {
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

    /// Cancels what waits of a project's new commits that are not on its line any more. Gives how
    /// many.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn withdraw(&mut self, project: &str, line: &HashSet<&Sha>, now: i64) -> Result<usize> {
        self.change(|tx| {
            let waiting: Vec<(i64, Sha)> = tx
                .prepare_cached(
                    "SELECT id, sha FROM job \
                     WHERE project = ?1 AND state = 'waiting' AND purpose = 'commit'",
                )?
                .query_map([project], |r| Ok((r.get(0)?, Sha(r.get(1)?))))?
                .collect::<rusqlite::Result<_>>()?;
            let mut gone = 0;
            for (id, _) in waiting.iter().filter(|(_, sha)| !line.contains(sha)) {
                gone += tx.execute(
                    "UPDATE job SET state = 'cancelled', ended = ?2, \
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
