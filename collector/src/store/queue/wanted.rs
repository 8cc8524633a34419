//! Commits that somebody asks for: each is one job, whoever asks how often.

use rusqlite::{OptionalExtension, Transaction, params};

use super::acts::{self, Act};
use super::offer::{self, Offer};
use super::rows::{COLUMNS, Job, job};
use crate::error::Result;
use crate::format::plural;
use crate::jobs::{Purpose, State};
use crate::model::Commit;
use crate::store::Store;

impl Store {
    /// Offers commits to each label unless a job stands for them already, whatever that was offered
    /// for; gives the job of each commit and label. With `again` one that failed or was cancelled
    /// begins anew.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`]; then nothing was offered.
    pub fn want(
        &mut self,
        wanted: &Offer<'_>,
        again: bool,
        (who, now): (&str, i64),
    ) -> Result<Vec<Job>> {
        self.change(|tx| {
            let mut all = Vec::new();
            for commit in wanted.commits {
                for label in wanted.labels {
                    all.extend(one(tx, wanted, (commit, label), (again, now))?);
                }
            }
            let act = Act {
                time: now,
                actor: who.into(),
                what: "asked for".into(),
                thing: format!("project {}", wanted.project),
                detail: format!(
                    "{} for {}",
                    plural(wanted.commits.len(), "commit"),
                    wanted.purpose.name()
                ),
            };
            acts::put(tx, &act)?;
            Ok(all)
        })
    }

    /// The same, of what is offered already: `None` where a commit has no job yet.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn wanted(&self, wanted: &Offer<'_>) -> Result<Option<Vec<Job>>> {
        self.ask(|db| {
            let mut all = Vec::new();
            for commit in wanted.commits {
                for label in wanted.labels {
                    match standing(db, wanted, commit, label)? {
                        Some(job) => all.push(job),
                        None => return Ok(None),
                    }
                }
            }
            Ok(Some(all))
        })
    }
}

fn one(
    tx: &Transaction<'_>,
    wanted: &Offer<'_>,
    (commit, label): (&Commit, &str),
    (again, now): (bool, i64),
) -> rusqlite::Result<Option<Job>> {
    match standing(tx, wanted, commit, label)? {
        Some(job) if again && matches!(job.state, State::Failed | State::Cancelled) => {
            offer::begin_anew(tx, job.id)?;
        }
        Some(job) => return Ok(Some(job)),
        None => {
            offer::put(tx, wanted, commit, label, now)?;
        }
    }
    standing(tx, wanted, commit, label)
}

/// The job that measures a commit on a label: what confirms is one of its own, of the others one
/// does for all. One that has a report goes first.
fn standing(
    db: &rusqlite::Connection,
    wanted: &Offer<'_>,
    commit: &Commit,
    label: &str,
) -> rusqlite::Result<Option<Job>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM job j LEFT JOIN lease l ON l.job = j.id \
         WHERE j.project = ?1 AND j.sha = ?2 AND j.label = ?3 AND j.purpose <> 'pull' \
         AND (j.purpose = 'confirm') = ?4 AND j.state <> 'withdrawn' \
         ORDER BY j.state <> 'done', j.state NOT IN ('leased', 'waiting'), j.id DESC LIMIT 1"
    );
    let confirms = wanted.purpose == Purpose::Confirm;
    db.prepare_cached(&sql)?
        .query_row(params![wanted.project, commit.sha.0, label, confirms], job)
        .optional()
}
