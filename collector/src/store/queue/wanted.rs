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
            // Somebody may have given it others since who asks read them, or removed it.
            let labels = offer::measured_by(tx, wanted.project, wanted.labels)?;
            let mut all = Vec::new();
            for commit in wanted.commits {
                for label in &labels {
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

    /// The same, of what is offered already: `None` where a commit has no job yet, or one that
    /// would come later than who asks now wants it.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn wanted(&self, wanted: &Offer<'_>) -> Result<Option<Vec<Job>>> {
        self.ask(|db| {
            let mut all = Vec::new();
            for commit in wanted.commits {
                for label in wanted.labels {
                    match standing(db, wanted, commit, label)? {
                        Some((job, rank)) if !is_late(&job, rank, wanted) => all.push(job),
                        _ => return Ok(None),
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
        Some((job, _)) if again && matches!(job.state, State::Failed | State::Cancelled) => {
            offer::begin_anew(tx, job.id)?;
        }
        Some((job, rank)) if is_late(&job, rank, wanted) => {
            let sooner = params![job.id, wanted.purpose.rank()];
            tx.execute("UPDATE job SET rank = ?2 WHERE id = ?1", sooner)?;
        }
        Some((job, _)) => return Ok(Some(job)),
        None => {
            offer::put(tx, wanted, commit, label, now)?;
        }
    }
    Ok(standing(tx, wanted, commit, label)?.map(|(job, _)| job))
}

/// Whether a job waits for longer than one would that was offered for what is wanted now.
fn is_late(job: &Job, rank: u8, wanted: &Offer<'_>) -> bool {
    job.state == State::Waiting && rank > wanted.purpose.rank()
}

/// The job that measures a commit of the main line on a label, and its rank: what confirms is one of
/// its own, of the others one does for all, and one that has a report goes first. A pull request's
/// own commit is no such job: only some collectors take it.
fn standing(
    db: &rusqlite::Connection,
    wanted: &Offer<'_>,
    commit: &Commit,
    label: &str,
) -> rusqlite::Result<Option<(Job, u8)>> {
    let sql = format!(
        "SELECT {COLUMNS}, j.rank FROM job j LEFT JOIN lease l ON l.job = j.id \
         WHERE j.project = ?1 AND j.sha = ?2 AND j.label = ?3 AND j.reference = '' \
         AND (j.purpose = 'confirm') = ?4 AND j.state <> 'withdrawn' \
         ORDER BY j.state <> 'done', j.state NOT IN ('leased', 'waiting'), j.id DESC LIMIT 1"
    );
    let confirms = wanted.purpose == Purpose::Confirm;
    let named = params![wanted.project, commit.sha.0, label, confirms];
    db.prepare_cached(&sql)?
        .query_row(named, |r| Ok((job(r)?, r.get("rank")?)))
        .optional()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::Sha;
    use crate::store::queue::NewProject;

    fn commit(position: u64) -> Commit {
        Commit {
            sha: Sha(format!("{position:040}")),
            position,
            parents: Vec::new(),
            author: String::new(),
            time: 0,
            subject: format!("commit {position}"),
        }
    }

    /// What is asked for of the commits 0 to 2.
    struct Ask {
        commits: Vec<Commit>,
        labels: Vec<String>,
    }

    impl Ask {
        fn new() -> Self {
            Self {
                commits: (0..3).map(commit).collect(),
                labels: vec!["a".into()],
            }
        }

        fn of(&self, purpose: Purpose) -> Offer<'_> {
            Offer {
                project: "p",
                commits: &self.commits,
                labels: &self.labels,
                purpose,
            }
        }
    }

    #[test]
    fn one_job_does_for_all_who_ask_and_comes_when_the_first_of_them_wants_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open_service(&dir.path().join("service.db")).unwrap();
        let ask = Ask::new();
        let project = NewProject {
            name: "p".into(),
            url: "/nowhere".into(),
            branch: "main".into(),
            poll: 60,
            labels: ask.labels.clone(),
            pulls: Vec::new(),
        };
        store.add_project(&project, 0).unwrap();
        let want = |store: &mut Store, purpose| {
            let jobs = store.want(&ask.of(purpose), false, ("ada", 1)).unwrap();
            jobs.iter().map(|j| j.id).collect::<Vec<_>>()
        };
        assert_eq!(store.wanted(&ask.of(Purpose::Backfill)).unwrap(), None);
        let first = want(&mut store, Purpose::Backfill);
        assert_eq!(first.len(), 3);
        let known = store.wanted(&ask.of(Purpose::Backfill)).unwrap();
        assert_eq!(known.map(|jobs| jobs.len()), Some(3));
        // A search does not wait behind what is measured of the past.
        assert_eq!(store.wanted(&ask.of(Purpose::Bisect)).unwrap(), None);
        assert_eq!(want(&mut store, Purpose::Bisect), first);
        assert!(store.wanted(&ask.of(Purpose::Bisect)).unwrap().is_some());
        assert!(store.wanted(&ask.of(Purpose::Backfill)).unwrap().is_some());
        // What is measured anew is another job, and who asked is kept.
        assert!(
            want(&mut store, Purpose::Confirm)
                .iter()
                .all(|id| !first.contains(id))
        );
        let acts = store.acts(9).unwrap();
        assert_eq!(acts[0].detail, "3 commits for confirm");
        assert_eq!((acts[0].actor.as_str(), acts.len()), ("ada", 3));
        // One that was cancelled stays so, unless it is to be tried again.
        store.cancel_job(first[0], "bob", 2).unwrap();
        let states = |store: &mut Store, again| {
            let jobs = store
                .want(&ask.of(Purpose::Bisect), again, ("ada", 3))
                .unwrap();
            jobs.iter().map(|j| j.state).collect::<Vec<_>>()
        };
        assert_eq!(states(&mut store, false)[0], State::Cancelled);
        assert_eq!(states(&mut store, true), [State::Waiting; 3]);
    }
}
