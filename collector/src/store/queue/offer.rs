//! Offering commits, and taking jobs back.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Transaction, params};

use super::acts::{self, Act};
use super::names;
use crate::error::Result;
use crate::format::plural;
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
    /// Each of these labels measures each of them. [`Store::offer`] leaves out those that are not the
    /// project's by then, and takes all that it has where none is named.
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
            let mut new = 0;
            let labels = measured_by(tx, offer.project, offer.labels)?;
            for commit in offer.commits {
                for label in &labels {
                    if !is_there(tx, offer, commit, label)? {
                        new += put(tx, offer, commit, label, now)?;
                    }
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

    /// The commits of a project that nobody will measure unless somebody asks for it: a job of theirs
    /// failed for good or was cancelled, and none waits or is being done.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn given_up(&self, project: &str) -> Result<HashSet<Sha>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT DISTINCT sha FROM job \
                 WHERE project = ?1 AND state IN ('failed', 'cancelled') \
                 AND NOT EXISTS (SELECT 1 FROM job o WHERE o.project = job.project \
                 AND o.sha = job.sha AND o.state IN ('waiting', 'leased'))",
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
                     AND purpose <> 'pull'",
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
            if changed > 0 {
                by_hand(tx, "cancelled", id, who, now)?;
            }
            Ok(changed > 0)
        })
    }

    /// Offers a job anew that failed or was cancelled, with all its attempts. Gives whether there was
    /// such a job, of a label that its project has.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn retry_job(&mut self, id: i64, who: &str, now: i64) -> Result<bool> {
        self.change(|tx| {
            let anew = begin_anew(tx, id)? > 0;
            if anew {
                by_hand(tx, "tried again", id, who, now)?;
            }
            Ok(anew)
        })
    }

    /// Offers every job anew that failed, with all its attempts, and has nobody pause any longer: what
    /// was wrong with the machines is mended. Those of labels that their projects have no more stay as
    /// they are. Gives how many are offered.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn retry_failed(&mut self, who: &str, now: i64) -> Result<usize> {
        self.change(|tx| {
            tx.execute("UPDATE pause SET until = 0 WHERE until > 0", [])?;
            tx.execute(
                "UPDATE job SET not_before = 0 WHERE state = 'waiting' AND not_before > 0",
                [],
            )?;
            let failed = tx.execute(
                "UPDATE job SET state = 'waiting', attempts = 0, not_before = 0, avoid = '', \
                 stage = '', why = '', ended = NULL WHERE state = 'failed' \
                 AND EXISTS (SELECT 1 FROM project p, json_each(p.labels) e \
                 WHERE p.name = job.project AND e.value = job.label)",
                [],
            )?;
            let act = Act {
                time: now,
                actor: who.into(),
                what: "tried again".into(),
                thing: "all that failed".into(),
                detail: plural(failed, "job"),
            };
            acts::put(tx, &act)?;
            Ok(failed)
        })
    }
}

/// Has a job that failed or was cancelled wait again, with all its attempts; not where its project has
/// its label no more: nobody may ever come for it. Gives how many there are of that number.
pub(super) fn begin_anew(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<usize> {
    tx.execute(
        "UPDATE job SET state = 'waiting', attempts = 0, not_before = 0, avoid = '', \
         stage = '', why = '', ended = NULL WHERE id = ?1 AND state IN ('failed', 'cancelled') \
         AND EXISTS (SELECT 1 FROM project p, json_each(p.labels) e \
         WHERE p.name = job.project AND e.value = job.label)",
        [id],
    )
}

/// Keeps what somebody did to a job, with the commit that it is about.
fn by_hand(tx: &Transaction<'_>, what: &str, id: i64, who: &str, now: i64) -> rusqlite::Result<()> {
    let detail = tx.query_row(
        "SELECT project || ' ' || sha || ' for ' || label FROM job WHERE id = ?1",
        [id],
        |r| r.get(0),
    )?;
    let act = Act {
        time: now,
        actor: who.into(),
        what: what.into(),
        thing: format!("job {id}"),
        detail,
    };
    acts::put(tx, &act)
}

/// The labels that a project has now, or those of these: whoever looked at its repository may have read
/// before that somebody gave it others. None where it was removed meanwhile.
pub(super) fn measured_by(
    tx: &Transaction<'_>,
    project: &str,
    labels: &[String],
) -> rusqlite::Result<Vec<String>> {
    let known: Option<String> = tx
        .prepare_cached("SELECT labels FROM project WHERE name = ?1")?
        .query_row([project], |r| r.get(0))
        .optional()?;
    let mut known = known.map_or_else(Vec::new, |all| names(&all));
    known.retain(|l| labels.is_empty() || labels.contains(l));
    Ok(known)
}

/// Whether a job stands for what is offered already: a commit that was hastened is the same job
/// under another purpose.
fn is_there(
    tx: &Transaction<'_>,
    offer: &Offer<'_>,
    commit: &Commit,
    label: &str,
) -> rusqlite::Result<bool> {
    match offer.purpose {
        Purpose::Narrow => hasten(tx, offer.project, &commit.sha, label),
        Purpose::Commit => tx
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM job WHERE project = ?1 AND sha = ?2 \
                 AND label = ?3 AND purpose = 'narrow' AND state <> 'withdrawn')",
            )?
            .query_row(params![offer.project, commit.sha.0, label], |r| r.get(0)),
        _ => Ok(false),
    }
}

/// Offers a job: one that was withdrawn begins anew, whichever of the two purposes it had that a
/// commit of the line has. Gives how many are new.
pub(super) fn put(
    tx: &Transaction<'_>,
    offer: &Offer<'_>,
    commit: &Commit,
    label: &str,
    now: i64,
) -> rusqlite::Result<usize> {
    let job = params![
        offer.project,
        commit.sha.0,
        commit.position.cast_signed(),
        commit.subject,
        label,
        offer.purpose.name(),
        offer.purpose.rank(),
        now
    ];
    let revived = tx
        .prepare_cached(
            "UPDATE OR IGNORE job SET state = 'waiting', position = ?3, subject = ?4, \
             purpose = ?6, rank = ?7, offered = ?8, attempts = 0, not_before = 0, avoid = '', \
             stage = '', why = '', ended = NULL WHERE id = (SELECT id FROM job \
             WHERE project = ?1 AND sha = ?2 AND label = ?5 AND state = 'withdrawn' \
             AND (purpose = ?6 OR ?6 IN ('commit', 'narrow') \
             AND purpose IN ('commit', 'narrow')) ORDER BY purpose <> ?6 LIMIT 1)",
        )?
        .execute(job)?;
    if revived > 0 {
        return Ok(revived);
    }
    tx.prepare_cached(
        "INSERT OR IGNORE INTO job (project, sha, position, subject, label, purpose, rank, offered) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(job)
}

/// Has a commit that waits already come sooner, because an open change waits for it. Gives whether
/// it waits or is being measured.
fn hasten(tx: &Transaction<'_>, project: &str, sha: &Sha, label: &str) -> rusqlite::Result<bool> {
    let rank = Purpose::Narrow.rank();
    let job = params![project, sha.0, label, rank];
    tx.execute(
        "UPDATE OR IGNORE job SET purpose = 'narrow', rank = ?4 \
         WHERE project = ?1 AND sha = ?2 AND label = ?3 AND state = 'waiting' AND rank > ?4",
        job,
    )?;
    // Where another job of that commit is called so already, which ended, it comes sooner as what
    // it is.
    tx.execute(
        "UPDATE job SET rank = ?4 \
         WHERE project = ?1 AND sha = ?2 AND label = ?3 AND state = 'waiting' \
         AND NOT EXISTS (SELECT 1 FROM job o WHERE o.project = ?1 AND o.sha = ?2 \
         AND o.label = ?3 AND o.state IN ('waiting', 'leased') AND o.rank <= ?4)",
        job,
    )?;
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM job WHERE project = ?1 AND sha = ?2 AND label = ?3 \
         AND state IN ('waiting', 'leased'))",
        params![project, sha.0, label],
        |r| r.get(0),
    )
}
