//! Worktrees that are ours alone: one is taken, a commit stands in it, built.

use crate::error::{Error, Result};
use crate::git::Lacking;
use crate::measure::Job;
use crate::measure::stage::recover;
use crate::model::{Sha, digest};
use crate::run::progress::Progress;
use crate::run::runner::{Runner, Worker};
use crate::suite::{self, Build, BuildKey, Executables, Place, Suite};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// More processes than this on one repository at once are a mistake.
const MAX_WORKERS: usize = 64;

/// A commit that stands in a worktree, built and ready to be measured again.
#[derive(Debug)]
pub struct BuiltCommit {
    /// The commit.
    pub sha: Sha,
    /// Its benchmarks.
    pub suite: Suite,
    /// The root of its sources.
    pub tree: PathBuf,
    /// Its files that the clone lacks, and so the sources.
    pub lacking: Vec<Lacking>,
}

impl BuiltCommit {
    /// The job of that name, with the executable that names its functions.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&(Job, Option<PathBuf>)> {
        self.suite.jobs.iter().find(|(j, _)| j.name == name)
    }
}

impl Runner {
    /// Checks a commit out in worker `slot` and builds it, or takes it from the cache.
    ///
    /// # Errors
    /// [`Error::Build`] when the commit does not build, [`Error::Checkout`] when it cannot be
    /// checked out, [`Error::Busy`] when no worker is free; others are the machine's.
    pub fn build(
        &mut self,
        slot: usize,
        sha: &Sha,
        progress: &dyn Progress,
    ) -> Result<(String, BuiltCommit)> {
        self.acquire(slot)?;
        // git and cargo work on the places as they are.
        self.stage.clear().map_err(Error::io(self.home.dir()))?;
        let place = self.workers[slot].place.clone();
        self.stand(slot, sha, progress)
            .map_err(Error::of_checkout)?;
        let lacking = self.workers[slot].lacking.clone();
        suite::seed_lock(&self.config, &place, &self.lock_seed())?;
        let mut key = self.key_of_build(sha).map_err(Error::of_checkout)?;
        let known = self.known_build(&mut key, &place);
        let verb = if known.is_some() {
            "fetching"
        } else {
            progress.building();
            "building"
        };
        progress.stage(&format!("{verb} {}", sha.short()));
        let mut build = Build {
            place: &place,
            known,
            cache: &self.cache,
            key: &key,
            variables: &mut self.variables,
            scratch: &self.session.scratch,
            stage: &self.stage,
        };
        let mut suite = suite::build(&self.config, &mut build).map_err(|e| match e {
            Error::Build(why) => Error::Build(perhaps_therefore(&why, &lacking)),
            e => e,
        })?;
        for failure in &mut suite.failures {
            failure.message = perhaps_therefore(&failure.message, &lacking);
        }
        self.workers[slot].standing = Some(sha.clone());
        Ok((
            key.whole(&self.variables),
            BuiltCommit {
                sha: sha.clone(),
                suite,
                tree: place.tree,
                lacking,
            },
        ))
    }

    /// Brings a worker's tree to a commit, unless it stands there already.
    fn stand(&mut self, slot: usize, sha: &Sha, progress: &dyn Progress) -> Result<()> {
        let worker = &mut self.workers[slot];
        if worker.standing.as_ref() == Some(sha) {
            return Ok(());
        }
        worker.standing = None;
        let _turn = self.home.git_lock()?;
        worker.lacking = self.repo.checkout(&worker.place.tree, sha)?;
        suite::forget(&worker.place.tree)?;
        if let Some(note) = lacks(&worker.lacking) {
            progress.note(&note);
        }
        self.overlay.apply(&self.repo, &worker.place.tree)
    }

    /// The executables of a key if they can be run for a commit at `place`; where they cannot, new
    /// ones are kept for this place alone. Those that look for files where they were built can be run
    /// wherever that place is ours: the commit's files then stand in for those that are there.
    fn known_build(&mut self, key: &mut BuildKey, place: &Place) -> Option<Executables> {
        let usual = self.cache.get(&key.kept_as(&self.variables));
        match usual {
            Some(built) if built.is_bound() && !self.owns(&built) => {
                key.only_in = Some(place.tree.clone());
                self.cache.get(&key.kept_as(&self.variables))
            }
            usual => usual,
        }
    }

    /// Whether the place where something was built is this process's, or can be.
    fn owns(&mut self, built: &Executables) -> bool {
        let mut ours = self.workers.iter().chain(&self.borrowed);
        if ours.any(|w| w.place.tree == built.tree) {
            return true;
        }
        let there = (0..MAX_WORKERS).find(|n| self.place(*n).tree == built.tree);
        match there.map(|n| self.take(n)) {
            Some(Ok(Some(worker))) => {
                self.borrowed.push(worker);
                true
            }
            _ => false,
        }
    }

    /// Takes workers until there is one for `slot`.
    fn acquire(&mut self, slot: usize) -> Result<()> {
        while self.workers.len() <= slot {
            let worker = self.free_worker()?;
            self.workers.push(worker);
        }
        Ok(())
    }

    fn free_worker(&mut self) -> Result<Worker> {
        if let Some(worker) = self.borrowed.pop() {
            return Ok(worker);
        }
        let ours: BTreeSet<PathBuf> = self.workers.iter().map(|w| w.place.tree.clone()).collect();
        for n in 0..MAX_WORKERS {
            if ours.contains(&self.place(n).tree) {
                continue;
            }
            if let Some(worker) = self.take(n)? {
                return Ok(worker);
            }
        }
        Err(Error::Busy(format!(
            "{}: {MAX_WORKERS} processes already measure this repository: wait until one of them has \
             ended",
            self.home.dir().display()
        )))
    }

    fn place(&self, n: usize) -> Place {
        let dir = self.home.dir().join(format!("worker-{n}"));
        // cargo takes packages of one name in two workspaces for the same one, and what it built
        // of the first for fresh: each workspace has a target directory of its own.
        let target = match self.config.suite.dir.as_str() {
            "." => "target/build".to_string(),
            inside => format!("target/build-{}", &digest(inside.as_bytes())[..8]),
        };
        Place {
            tree: dir.join("target/package/tree"),
            target: dir.join(target),
        }
    }

    /// Locks a worker; `None` when another process has it.
    fn take(&self, n: usize) -> Result<Option<Worker>> {
        let place = self.place(n);
        let dir = self.home.dir().join(format!("worker-{n}"));
        std::fs::create_dir_all(dir.join("target")).map_err(Error::io(&dir))?;
        let path = dir.join("lock");
        let lock = crate::files::lock_file(&path)?;
        if lock.try_lock().is_err() {
            return Ok(None);
        }
        for at in [&place.tree, &place.target] {
            recover(at).map_err(Error::io(at))?;
        }
        Ok(Some(Worker {
            place,
            _lock: lock,
            standing: None,
            lacking: Vec::new(),
        }))
    }
}

/// What a user should know of a worktree that is not whole.
fn lacks(missing: &[Lacking]) -> Option<String> {
    let (first, more) = missing.split_first()?;
    let more = match more.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(match first {
        Lacking::Submodule(why) => {
            let first = why.lines().next().unwrap_or(why);
            format!("{first}; commits are built without it{more}")
        }
        Lacking::Content(path) => format!(
            "{path}{more} holds a pointer of git-lfs, and not its content: what reads it is measured \
             on the pointer, and the commit's numbers are not stored (`git lfs install` and `git lfs \
             pull` bring the content)"
        ),
        Lacking::Linked(path, to) => format!(
            "{path}{more} is a link into the checkout, {}: every commit is measured on what lies \
             there now (a relative link stays within the commit)",
            to.display()
        ),
        Lacking::Away(path, to) => format!(
            "{path}{more} is a link to a directory outside of the commit, {}: every commit is measured \
             on what lies there now",
            to.display()
        ),
        Lacking::File(path) => format!(
            "this clone lacks {path}{more}: commits are built without, and their numbers are not stored \
             (`git fetch --refetch` brings what a partial clone left out)"
        ),
    })
}

/// A build or a benchmark may have failed for want of a file that git could not give: no fault of
/// the commit.
fn perhaps_therefore(why: &str, missing: &[Lacking]) -> String {
    // A pointer is there to be read, and where it lies was said.
    let is_away = |l: &&Lacking| matches!(l, Lacking::Submodule(_) | Lacking::File(_));
    match missing.iter().find(is_away) {
        None | Some(Lacking::Content(_) | Lacking::Linked(..) | Lacking::Away(..)) => {
            why.to_string()
        }
        Some(Lacking::Submodule(one)) => format!("{why}\nperhaps for this: {one}"),
        Some(Lacking::File(file)) => format!("{why}\nperhaps for this: git has no {file}"),
    }
}
