//! Projects: one repository each, and its name on the server.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{json, names};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::secrets::close_to_others;

/// How old the time of the last look gets, in milliseconds, before it is written anew.
const LOOKED_EVERY: i64 = 30_000;

/// A project as it is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProject {
    /// Its name: a directory, and a part of addresses.
    pub name: String,
    /// Where its repository is fetched from.
    pub url: String,
    /// Its main branch.
    pub branch: String,
    /// Seconds between looks at it.
    pub poll: u64,
    /// Which labels measure each commit.
    pub labels: Vec<String>,
    /// Which references are pull requests: see [`crate::jobs::check_pulls`]; none: none is.
    pub pulls: Vec<String>,
}

/// A project.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Where its repository is fetched from.
    pub url: String,
    /// Its main branch.
    pub branch: String,
    /// Seconds between looks at it.
    pub poll: u64,
    /// Which labels measure each commit.
    pub labels: Vec<String>,
    /// Which references are pull requests.
    pub pulls: Vec<String>,
    /// What signs its push webhooks; empty: none is taken. Never shown.
    #[serde(skip)]
    pub secret: String,
    /// The tip up to which commits were offered; empty before the first look.
    pub seen: String,
    /// When its repository was last reached, in milliseconds since 1970-01-01 UTC; 0: never.
    pub looked: i64,
    /// Why it cannot be reached; empty where it can.
    pub trouble: String,
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "project {} at {}", self.name, self.url)
    }
}

/// What became of the jobs of a project that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Jobs that waited.
    pub waiting: usize,
    /// Jobs that a collector had.
    pub running: usize,
}

const COLUMNS: &str = "name, url, branch, poll, labels, secret, seen, looked, trouble, pulls";

fn project(r: &Row<'_>) -> rusqlite::Result<Project> {
    let (labels, pulls): (String, String) = (r.get(4)?, r.get(9)?);
    Ok(Project {
        name: r.get(0)?,
        url: r.get(1)?,
        branch: r.get(2)?,
        poll: r.get::<_, i64>(3)?.cast_unsigned(),
        labels: names(&labels),
        pulls: names(&pulls),
        secret: r.get(5)?,
        seen: r.get(6)?,
        looked: r.get(7)?,
        trouble: r.get(8)?,
    })
}

impl Store {
    /// Adds a project.
    ///
    /// # Errors
    /// [`Error::Usage`] where the name is taken, [`Error::Store`].
    pub fn add_project(&mut self, p: &NewProject, now: i64) -> Result<()> {
        let added = self.change(|tx| {
            tx.execute(
                "INSERT OR IGNORE INTO project (name, url, branch, poll, labels, created, pulls) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    p.name,
                    p.url,
                    p.branch,
                    p.poll.cast_signed(),
                    json(&p.labels),
                    now,
                    json(&p.pulls)
                ],
            )
        })?;
        if added == 0 {
            return Err(Error::Usage(format!(
                "there is a project `{}` already; `uptick project set` changes it",
                p.name
            )));
        }
        Ok(())
    }

    /// Changes what a project is; its secret stays where `secret` is `None`. What waits for a label
    /// that it has no more waits no longer; where that is anything, the newest commit and the open pull
    /// requests are offered to the labels that it has. Gives whether there is one of that name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn set_project(&mut self, p: &NewProject, secret: Option<&str>, now: i64) -> Result<bool> {
        if secret.is_some_and(|s| !s.is_empty()) {
            close_to_others(self.path())?;
        }
        self.change(|tx| {
            let changed = tx.execute(
                "UPDATE project SET url = ?2, branch = ?3, poll = ?4, labels = ?5, \
                 secret = coalesce(?6, secret), pulls = ?7 WHERE name = ?1",
                params![
                    p.name,
                    p.url,
                    p.branch,
                    p.poll.cast_signed(),
                    json(&p.labels),
                    secret,
                    json(&p.pulls)
                ],
            )?;
            if changed > 0 {
                withdraw_other_labels(tx, p, now)?;
            }
            Ok(changed > 0)
        })
    }

    /// Ends a project: nothing of it waits any more, and whoever measures a commit of it has lost the
    /// lease. What it measured is in its store, which is left alone. Gives what became of its jobs;
    /// `None` where there is no project of that name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn remove_project(&mut self, name: &str, now: i64) -> Result<Option<Removed>> {
        // What is deleted would stay readable in the file's free pages: a project has secrets.
        self.ask(|db| db.pragma_update(None, "secure_delete", true))?;
        self.change(|tx| {
            let known = tx.execute("DELETE FROM project WHERE name = ?1", [name])? > 0;
            known.then(|| end_all_of(tx, name, now)).transpose()
        })
    }

    /// Ends what a look at the repository of a project brought after that was removed; nothing where
    /// there is one of that name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn end_what_is_of_no_project(&mut self, name: &str, now: i64) -> Result<()> {
        self.change(|tx| {
            let known: bool = tx.query_row(
                "SELECT EXISTS (SELECT 1 FROM project WHERE name = ?1)",
                [name],
                |r| r.get(0),
            )?;
            if !known {
                end_all_of(tx, name, now)?;
            }
            Ok(())
        })
    }

    /// Every project, by name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn projects(&self) -> Result<Vec<Project>> {
        let sql = format!("SELECT {COLUMNS} FROM project ORDER BY name");
        self.ask(|db| db.prepare_cached(&sql)?.query_map([], project)?.collect())
    }

    /// A project by its name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn project(&self, name: &str) -> Result<Option<Project>> {
        let sql = format!("SELECT {COLUMNS} FROM project WHERE name = ?1");
        self.ask(|db| {
            db.prepare_cached(&sql)?
                .query_row([name], project)
                .optional()
        })
    }

    /// Notes how a look at a project's repository went: when, and what was wrong. What is known
    /// already is not written again; people are told the time to the minute.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn looked_at(&mut self, name: &str, now: i64, trouble: &str) -> Result<()> {
        self.change(|tx| {
            tx.execute(
                "UPDATE project SET trouble = ?3, \
                 looked = CASE WHEN ?3 = '' THEN ?2 ELSE looked END WHERE name = ?1 \
                 AND (trouble <> ?3 OR ?3 = '' AND (looked = 0 OR abs(?2 - looked) >= ?4))",
                params![name, now, trouble, LOOKED_EVERY],
            )?;
            Ok(())
        })
    }
}

/// Withdraws what waits for labels that a project has no more: no collector of it may ever come.
fn withdraw_other_labels(tx: &Transaction<'_>, p: &NewProject, now: i64) -> rusqlite::Result<()> {
    let labels = json(&p.labels);
    let withdrawn: Vec<String> = tx
        .prepare_cached(
            "UPDATE job SET state = 'withdrawn', ended = ?3, \
             why = 'the project is measured by other labels by now' \
             WHERE project = ?1 AND state = 'waiting' \
             AND label NOT IN (SELECT value FROM json_each(?2)) RETURNING sha",
        )?
        .query_map(params![p.name, labels, now], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if withdrawn.is_empty() {
        return Ok(());
    }
    tx.execute("UPDATE project SET seen = '' WHERE name = ?1", [&p.name])?;
    tx.execute(
        "UPDATE pull SET offered = '' WHERE project = ?1 \
         AND (sha IN (SELECT value FROM json_each(?2)) OR base IN (SELECT value FROM json_each(?2)))",
        params![p.name, json(&withdrawn)],
    )?;
    Ok(())
}

/// Ends everything that the queue has of a project.
fn end_all_of(tx: &Transaction<'_>, name: &str, now: i64) -> rusqlite::Result<Removed> {
    let running = tx.execute(
        "DELETE FROM lease WHERE job IN (SELECT id FROM job WHERE project = ?1)",
        [name],
    )?;
    let ended = tx.execute(
        "UPDATE job SET state = 'withdrawn', ended = ?2, why = 'the project was removed' \
         WHERE project = ?1 AND state IN ('waiting', 'leased')",
        params![name, now],
    )?;
    // A number that somebody may still name is not given to another job; and a project of that name
    // that is added later begins anew, so that what was done counts no more.
    tx.execute(
        "DELETE FROM job WHERE project = ?1 AND state <> 'withdrawn' \
         AND id < (SELECT max(id) FROM job)",
        [name],
    )?;
    tx.execute(
        "UPDATE job SET state = 'withdrawn' WHERE project = ?1 AND state <> 'withdrawn'",
        [name],
    )?;
    tx.execute("DELETE FROM pull WHERE project = ?1", [name])?;
    tx.execute("DELETE FROM forge WHERE project = ?1", [name])?;
    tx.execute("DELETE FROM pause WHERE project = ?1", [name])?;
    Ok(Removed {
        waiting: ended.saturating_sub(running),
        running,
    })
}
