//! Pull requests: their heads as they were seen last, who let a fork's be measured, and their jobs.
//!
//! A head that a branch of the repository itself has comes from somebody who may push there. Any
//! other is a fork's, and is measured only after somebody approved that very commit; a push makes it
//! another head, which nobody has approved.

use rusqlite::{Row, Transaction, params};
use serde::Serialize;

use super::acts::{self, Act};
use super::json;
use super::offer::{Offer, measured_by, put};
use crate::error::Result;
use crate::jobs::{Purpose, pull_name};
use crate::model::{Commit, Sha};
use crate::store::Store;

/// The pull requests of `job.project` whose present head is `job.sha`, and may be measured.
pub(super) const MAY_BE_MEASURED: &str = "SELECT 1 FROM pull p WHERE p.project = job.project \
    AND p.sha = job.sha AND (p.own OR p.approved = p.sha)";

/// A pull request as its repository has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its reference.
    pub reference: String,
    /// Its head.
    pub sha: Sha,
    /// Whether a branch of the repository itself has that head.
    pub own: bool,
}

/// What stands in the way of a pull request's number, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A fork's head that nobody has approved.
    Unapproved,
    /// Found, and not offered yet.
    Found,
    /// Its jobs wait.
    Waiting,
    /// A collector has one of them.
    Running,
    /// One of them failed, or somebody cancelled it.
    Failed,
    /// All of them are done.
    Measured,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pull {
    /// The project.
    pub project: String,
    /// Its reference: `refs/pull/7/head`.
    pub reference: String,
    /// What its reports call it: `pull/7`.
    pub name: String,
    /// Its head as it was seen last.
    pub sha: Sha,
    /// The first line of that commit's message; empty where it was not fetched.
    pub subject: String,
    /// Where it left the main line; empty where that is not known.
    pub base: String,
    /// Whether a branch of the repository itself has that head.
    pub own: bool,
    /// Who approved that head; empty: nobody.
    pub approved_by: String,
    /// When that head was first seen, in milliseconds since 1970-01-01 UTC.
    pub seen: i64,
    /// How far it is.
    pub standing: Standing,
    /// Why its forge could not be notified; empty where it was, or need not be.
    pub not_notified: String,
}

pub(super) const COLUMNS: &str = "p.project, p.reference, p.sha, p.subject, p.base, p.own, \
    iif(p.approved = p.sha, p.approved_by, ''), p.seen, p.own OR p.approved = p.sha, \
    (SELECT group_concat(j.state) FROM job j WHERE j.project = p.project AND j.sha = p.sha \
    AND j.purpose = 'pull' AND j.state <> 'withdrawn'), p.notify_why";

pub(super) fn pull(r: &Row<'_>) -> rusqlite::Result<Pull> {
    let (reference, may, jobs): (String, bool, Option<String>) = (r.get(1)?, r.get(8)?, r.get(9)?);
    Ok(Pull {
        project: r.get(0)?,
        name: pull_name(&reference),
        reference,
        sha: Sha(r.get(2)?),
        subject: r.get(3)?,
        base: r.get(4)?,
        own: r.get(5)?,
        approved_by: r.get(6)?,
        seen: r.get(7)?,
        standing: standing(may, &jobs.unwrap_or_default()),
        not_notified: r.get(10)?,
    })
}

fn standing(may: bool, jobs: &str) -> Standing {
    let has = |state: &str| jobs.split(',').any(|j| j == state);
    if has("leased") {
        Standing::Running
    } else if has("waiting") && may {
        Standing::Waiting
    } else if has("failed") || has("cancelled") {
        Standing::Failed
    } else if has("done") {
        Standing::Measured
    } else if !may {
        Standing::Unapproved
    } else {
        Standing::Found
    }
}

impl Store {
    /// Notes which pull requests a project's repository has. A head that moved is another one: what
    /// was approved of it is void, and its jobs are withdrawn, also those under way. Gives those that
    /// may be measured and were not offered yet, those last that could not be fetched.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn see_pulls(&mut self, project: &str, heads: &[Head], now: i64) -> Result<Vec<Pull>> {
        // Where nothing is written, nobody was asked what other nodes approved.
        self.surely(Vec::is_empty, |store| {
            store.see_pulls_here(project, heads, now)
        })
    }

    fn see_pulls_here(&mut self, project: &str, heads: &[Head], now: i64) -> Result<Vec<Pull>> {
        let names: Vec<String> = heads.iter().map(|h| h.reference.clone()).collect();
        self.change(|tx| {
            for head in heads {
                see(tx, project, head, now)?;
            }
            tx.execute(
                "DELETE FROM pull WHERE project = ?1 \
                 AND reference NOT IN (SELECT value FROM json_each(?2))",
                params![project, json(&names)],
            )?;
            withdraw(tx, project, now)?;
            let sql = format!(
                "SELECT {COLUMNS} FROM pull p WHERE p.project = ?1 \
                 AND (p.own OR p.approved = p.sha) AND p.offered <> p.sha \
                 ORDER BY p.tried, p.seen"
            );
            tx.prepare_cached(&sql)?
                .query_map([project], pull)?
                .collect()
        })
    }

    /// Offers the head of a pull request to each label of its project, and where it left the main line
    /// unless that is `known` or was offered before; nothing where the head is another one by now, or
    /// not approved any more.
    /// Which label measured what is known is not said: it counts only where there is one. Gives how
    /// many jobs are new.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`]; then nothing was offered.
    pub fn offer_pull(
        &mut self,
        of: &Pull,
        (head, base, known): (&Commit, Option<&Commit>, bool),
        now: i64,
    ) -> Result<usize> {
        self.change(|tx| {
            let noted = tx.execute(
                "UPDATE pull SET offered = sha, subject = ?4, base = ?5 WHERE project = ?1 \
                 AND reference = ?2 AND sha = ?3 AND (own OR approved = sha)",
                params![
                    of.project,
                    of.reference,
                    head.sha.0,
                    head.subject,
                    base.map_or("", |b| b.sha.0.as_str())
                ],
            )?;
            if noted == 0 {
                return Ok(0);
            }
            let labels = measured_by(tx, &of.project, &[])?;
            let offer = Offer {
                project: &of.project,
                commits: &[],
                labels: &labels,
                purpose: Purpose::Pull,
            };
            let known = known && labels.len() == 1;
            let mut new = 0;
            for label in &labels {
                if let Some(base) = base.filter(|_| !known)
                    && !is_offered(tx, &of.project, &base.sha, label)?
                {
                    new += put(tx, &offer, base, label, now)?;
                }
                new += put(tx, &offer, head, label, now)?;
            }
            tx.execute(
                "UPDATE job SET reference = ?3 WHERE project = ?1 AND sha = ?2 AND purpose = 'pull'",
                params![of.project, head.sha.0, of.reference],
            )?;
            Ok(new)
        })
    }

    /// Notes that a head could not be fetched: others come before it at the next look.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn pull_not_fetched(&mut self, of: &Pull, now: i64) -> Result<()> {
        self.change(|tx| {
            tx.execute(
                "UPDATE pull SET tried = ?4 WHERE project = ?1 AND reference = ?2 AND sha = ?3",
                params![of.project, of.reference, of.sha.0, now],
            )
            .map(|_| ())
        })
    }

    /// Lets the head of a fork's pull request be measured: that commit, and none that is pushed
    /// later. Who did so is kept with it. Gives whether one has that head now.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn approve_pull(&mut self, project: &str, head: &Sha, who: &str, now: i64) -> Result<bool> {
        let approve = |tx: &Transaction<'_>| {
            let changed = tx.execute(
                "UPDATE pull SET approved = sha, approved_by = ?3 \
                 WHERE project = ?1 AND sha = ?2",
                params![project, head.0, who],
            )?;
            if changed > 0 {
                let act = Act {
                    time: now,
                    actor: who.into(),
                    what: "let a pull request be measured of".into(),
                    thing: format!("project {project}"),
                    detail: head.0.clone(),
                };
                acts::put(tx, &act)?;
            }
            Ok(changed > 0)
        };
        self.surely(|found| !found, |store| store.change(approve))
    }

    /// The pull requests of every project, or of one, whose head was seen last first; at most `most`.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn pulls(&self, project: Option<&str>, most: usize) -> Result<Vec<Pull>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM pull p WHERE ?1 IS NULL OR p.project = ?1 \
             ORDER BY p.seen DESC, p.project, p.reference DESC LIMIT ?2"
        );
        self.ask(|db| {
            db.prepare_cached(&sql)?
                .query_map(params![project, most as i64], pull)?
                .collect()
        })
    }
}

/// A head that a branch of the repository had once came from somebody who may push there, whatever
/// became of the branch: it is often deleted once it is merged. What stands there already is not
/// written again: most heads are the same at most looks.
fn see(tx: &Transaction<'_>, project: &str, head: &Head, now: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO pull (project, reference, sha, own, seen) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (project, reference) DO UPDATE SET \
         own = iif(sha = excluded.sha, own OR excluded.own, excluded.own), \
         approved = iif(sha = excluded.sha, approved, ''), \
         approved_by = iif(sha = excluded.sha, approved_by, ''), \
         offered = iif(sha = excluded.sha, offered, ''), \
         subject = iif(sha = excluded.sha, subject, ''), \
         base = iif(sha = excluded.sha, base, ''), \
         notified = iif(sha = excluded.sha, notified, ''), \
         retry_after = iif(sha = excluded.sha, retry_after, 0), \
         notify_why = iif(sha = excluded.sha, notify_why, ''), \
         tried = iif(sha = excluded.sha, tried, 0), \
         seen = iif(sha = excluded.sha, seen, excluded.seen), sha = excluded.sha \
         WHERE sha <> excluded.sha OR own < excluded.own",
    )?
    .execute(params![project, head.reference, head.sha.0, head.own, now])
    .map(|_| ())
}

/// Withdraws the jobs of heads that may not be measured any more, and takes their leases away.
fn withdraw(tx: &Transaction<'_>, project: &str, now: i64) -> rusqlite::Result<()> {
    let sql = format!(
        "UPDATE job SET state = 'withdrawn', ended = ?2, \
         why = 'the pull request has another head by now, or is gone' \
         WHERE project = ?1 AND purpose = 'pull' AND reference <> '' \
         AND state IN ('waiting', 'leased') AND NOT EXISTS ({MAY_BE_MEASURED})"
    );
    if tx.execute(&sql, params![project, now])? > 0 {
        tx.execute(
            "DELETE FROM lease WHERE job IN (SELECT id FROM job \
             WHERE project = ?1 AND purpose = 'pull' AND state = 'withdrawn')",
            [project],
        )?;
    }
    Ok(())
}

/// Whether a commit was offered to that label for whatever reason.
fn is_offered(
    tx: &Transaction<'_>,
    project: &str,
    sha: &Sha,
    label: &str,
) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM job WHERE project = ?1 AND sha = ?2 AND label = ?3 \
         AND state <> 'withdrawn')",
    )?
    .query_row(params![project, sha.0, label], |r| r.get(0))
}
