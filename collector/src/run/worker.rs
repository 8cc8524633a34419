//! Worktrees that are ours alone: one is taken, a commit stands in it, built.

use crate::error::{Error, Result};
use crate::measure::Job;
use crate::model::Sha;
use crate::run::progress::Progress;
use crate::run::runner::{Worker, Workshop};
use crate::suite::{self, Place, Suite};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

/// More processes than this on one repository at once are a mistake.
const MAX_WORKERS: usize = 64;

/// A commit that stands in a worktree, built and ready to be measured again.
#[derive(Debug)]
pub struct Bench {
    /// The commit.
    pub sha: Sha,
    /// Its benchmarks.
    pub suite: Suite,
    /// The root of its sources.
    pub tree: PathBuf,
    /// Its files that the clone lacks, and so the sources.
    pub lacking: Vec<String>,
}

impl Bench {
    /// The job of that name, with the executable that names its functions.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&(Job, Option<PathBuf>)> {
        self.suite.jobs.iter().find(|(j, _)| j.name == name)
    }
}

impl Workshop {
    /// Checks a commit out in worker `slot` and builds it, or takes it from the cache.
    ///
    /// # Errors
    /// [`Error::Failed`] when the commit cannot be checked out or does not build.
    pub fn bench(
        &mut self,
        slot: usize,
        sha: &Sha,
        progress: &dyn Progress,
    ) -> Result<(String, Bench)> {
        self.hire(slot)?;
        let worker = &mut self.workers[slot];
        let place = worker.place.clone();
        if worker.standing.as_ref() != Some(sha) {
            worker.standing = None;
            let _turn = self.home.git_lock()?;
            worker.lacking = self.repo.checkout(&place.tree, sha)?;
            if let Some(note) = lacks(&worker.lacking) {
                progress.note(&note);
            }
            self.carry.lay(&self.repo, &place.tree)?;
        }
        let lacking = worker.lacking.clone();
        suite::seed_lock(&self.config, &place, &self.lock_seed())?;
        let key = self.build_key(sha)?;
        let verb = if self.cache.get(&key).is_some() {
            "fetching"
        } else {
            "building"
        };
        progress.stage(&format!("{verb} {}", sha.short()));
        let suite = suite::build(
            &self.config,
            &place,
            &self.cache,
            &key,
            &self.session.scratch,
        )
        .map_err(|e| unless_lacking(e, &lacking))?;
        self.workers[slot].standing = Some(sha.clone());
        Ok((
            key,
            Bench {
                sha: sha.clone(),
                suite,
                tree: place.tree,
                lacking,
            },
        ))
    }

    /// Takes workers until there is one for `slot`.
    fn hire(&mut self, slot: usize) -> Result<()> {
        while self.workers.len() <= slot {
            let worker = self.free_worker()?;
            self.workers.push(worker);
        }
        Ok(())
    }

    fn free_worker(&self) -> Result<Worker> {
        let ours: BTreeSet<PathBuf> = self.workers.iter().map(|w| w.place.tree.clone()).collect();
        for n in 0..MAX_WORKERS {
            let dir = self.home.dir().join(format!("worker-{n}"));
            let place = Place {
                tree: dir.join("target/package/tree"),
                target: dir.join("target/build"),
            };
            if ours.contains(&place.tree) {
                continue;
            }
            std::fs::create_dir_all(dir.join("target")).map_err(Error::io(&dir))?;
            let path = dir.join("lock");
            let lock = File::create(&path).map_err(Error::io(&path))?;
            if lock.try_lock().is_ok() {
                return Ok(Worker {
                    place,
                    _lock: lock,
                    standing: None,
                    lacking: Vec::new(),
                });
            }
        }
        Err(Error::Failed(format!(
            "{}: {MAX_WORKERS} processes already measure this repository",
            self.home.dir().display()
        )))
    }
}

/// What a user should know of a worktree that is not whole.
fn lacks(files: &[String]) -> Option<String> {
    let (first, more) = files.split_first()?;
    let more = match more.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "this clone lacks {first}{more}: commits are built without (`git fetch --refetch` brings \
         what a partial clone left out)"
    ))
}

/// A build may have failed for want of a file that git could not give: no fault of the commit.
fn unless_lacking(e: Error, lacking: &[String]) -> Error {
    match (e, lacking.first()) {
        (Error::Failed(why), Some(file)) => {
            Error::Failed(format!("git has no {file}, perhaps therefore: {why}"))
        }
        (e, _) => e,
    }
}
