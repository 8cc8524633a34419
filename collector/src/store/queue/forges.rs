//! The forges that projects lie on, with what lets a server write there; and which pull requests
//! they have not been notified of.

use rusqlite::{OptionalExtension, params};

use super::pulls::{COLUMNS, Pull, pull};
use super::rows::{COLUMNS as JOB, Job, job};
use crate::error::Result;
use crate::store::Store;
use crate::store::secrets::close_to_others;

/// A project's place on a forge.
#[derive(Clone, PartialEq, Eq)]
pub struct Forge {
    /// `github`, `gitea`, `gitlab`, `bitbucket`, `azure`.
    pub kind: String,
    /// The base address of its interface.
    pub api: String,
    /// The repository, as the interface names it.
    pub repository: String,
    /// What lets us write there. Never shown.
    pub token: String,
}

impl std::fmt::Debug for Forge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}: {}", self.kind, self.api, self.repository)
    }
}

impl Store {
    /// Says where a project lies; `None`: nothing is said there any more.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn set_forge(&mut self, project: &str, forge: Option<&Forge>) -> Result<()> {
        if forge.is_some() {
            close_to_others(self.path())?;
        }
        self.change(|tx| {
            tx.execute("DELETE FROM forge WHERE project = ?1", [project])?;
            if let Some(f) = forge {
                tx.execute(
                    "INSERT INTO forge (project, kind, api, repository, token) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![project, f.kind, f.api, f.repository, f.token],
                )?;
            }
            Ok(())
        })
    }

    /// Where a project lies, where that was said.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn forge(&self, project: &str) -> Result<Option<Forge>> {
        self.ask(|db| {
            db.prepare_cached("SELECT kind, api, repository, token FROM forge WHERE project = ?1")?
                .query_row([project], |r| {
                    Ok(Forge {
                        kind: r.get(0)?,
                        api: r.get(1)?,
                        repository: r.get(2)?,
                        token: r.get(3)?,
                    })
                })
                .optional()
        })
    }

    /// Pull requests whose present head and its base are done with, and whose forge has not been
    /// notified of it; at most `most`.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn not_notified(&self, now: i64, most: usize) -> Result<Vec<Pull>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM pull p WHERE p.project IN (SELECT project FROM forge) \
             AND p.notified <> p.sha AND p.retry_after <= ?1 \
             AND EXISTS (SELECT 1 FROM job j WHERE j.project = p.project AND j.sha = p.sha \
             AND j.purpose = 'pull' AND j.state IN ('done', 'failed')) \
             AND NOT EXISTS (SELECT 1 FROM job j WHERE j.project = p.project \
             AND j.sha IN (p.sha, p.base) AND j.state IN ('waiting', 'leased')) \
             ORDER BY p.retry_after, p.seen LIMIT ?2"
        );
        self.ask(|db| {
            db.prepare_cached(&sql)?
                .query_map(params![now, most as i64], pull)?
                .collect()
        })
    }

    /// Takes on to notify the forge of a pull request's head, until a time; gives whether nobody else
    /// has.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn take_on(&mut self, of: &Pull, now: i64, until: i64) -> Result<bool> {
        self.change(|tx| {
            let changed = tx.execute(
                "UPDATE pull SET retry_after = ?4 WHERE project = ?1 AND reference = ?2 \
                 AND sha = ?3 AND notified <> sha AND retry_after <= ?5",
                params![of.project, of.reference, of.sha.0, until, now],
            )?;
            Ok(changed > 0)
        })
    }

    /// The jobs of a pull request's present head, one for each label.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn jobs_of_pull(&self, of: &Pull) -> Result<Vec<Job>> {
        let sql = format!(
            "SELECT {JOB} FROM job j LEFT JOIN lease l ON l.job = j.id WHERE j.project = ?1 \
             AND j.sha = ?2 AND j.purpose = 'pull' AND j.state <> 'withdrawn' ORDER BY j.label"
        );
        self.ask(|db| {
            db.prepare_cached(&sql)?
                .query_map([&of.project, &of.sha.0], job)?
                .collect()
        })
    }

    /// Notes that the forge was notified of a pull request's head, or why it was not and when it is
    /// tried again.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn note_notified(&mut self, of: &Pull, failed: Option<(&str, i64)>) -> Result<()> {
        let (notified, why, after) = match failed {
            None => (of.sha.0.as_str(), "", 0),
            Some((why, after)) => ("", why, after),
        };
        self.change(|tx| {
            tx.execute(
                "UPDATE pull SET notified = ?4, notify_why = ?5, retry_after = ?6 \
                 WHERE project = ?1 AND reference = ?2 AND sha = ?3",
                params![of.project, of.reference, of.sha.0, notified, why, after],
            )?;
            Ok(())
        })
    }
}
