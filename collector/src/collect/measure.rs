//! What the child does: a lease's commit, from its repository to a parcel on disk.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::git::Copy;
use crate::history;
use crate::jobs::wire::Lease;
use crate::jobs::{Fault, Purpose, pull_name};
use crate::measure::sandbox;
use crate::model;
use crate::model::{Failure, Report};
use crate::run::{Progress, Reuse, Runner, Source, is_failed};
use crate::store::Store;
use crate::suite::settle_workspace;
use crate::system;

/// Level 9 packs a report of 20,000 measurements to a fifteenth.
const ZSTD_LEVEL: i32 = 9;

/// Bytes of a parcel, the one report that waits here for the server.
const MOST: u64 = 256 << 20;

/// What came of a job on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The parcel holds the report; of a commit that does not build too.
    Measured,
    /// There is no report.
    Failed {
        /// Whose fault it is.
        fault: Fault,
        /// Whether a machine's fault is known to hit this job alone.
        #[serde(default)]
        only_this_job: bool,
        /// Where: a step of a commit, or `fetch`, `configuration`, `measure`.
        stage: String,
        /// What happened.
        why: String,
    },
}

/// Files of the job under way.
pub(super) struct Work(PathBuf);

impl Work {
    pub(super) fn of(dir: &Path) -> Self {
        Self(dir.join("work"))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.0
    }

    pub(super) fn lease(&self) -> PathBuf {
        self.0.join("lease")
    }

    pub(super) fn parcel(&self) -> PathBuf {
        self.0.join("parcel")
    }

    pub(super) fn stage(&self) -> PathBuf {
        self.0.join("stage")
    }
}

/// Measures the commit of the lease that lies in `dir`, and leaves a parcel beside it.
///
/// # Errors
/// When `dir` itself cannot be read or written. What goes wrong with the job is its outcome.
pub fn measure(dir: &Path, confined: bool, progress: &dyn Progress) -> Result<Outcome> {
    let work = Work::of(dir);
    let text = std::fs::read(work.lease()).map_err(Error::io(work.lease()))?;
    let lease: Lease = serde_json::from_slice(&text)
        .map_err(|e| Error::Usage(format!("{}: {e}", work.lease().display())))?;
    let progress = Noted {
        to: work.stage(),
        inner: progress,
    };
    Ok(
        match report(&home(dir, &lease), confined, &lease, &progress) {
            Ok((report, store)) if is_stored(&report) => match by_the_machine(&report) {
                // Another machine, or this one later, may measure what this one could not. At last
                // what there is counts, so that the other benchmarks are not lost.
                Some(f) if lease.may_be_tried_again() => Outcome::Failed {
                    fault: Fault::Machine,
                    only_this_job: true,
                    stage: f.stage.name().into(),
                    why: f.message.clone(),
                },
                _ => packed(&store, &report, &work.parcel()),
            },
            // What could not be checked out is not stored: another machine may have what is missing.
            Ok((report, _)) => failed("fetch", Fault::Machine, &first_failure(&report)),
            Err((stage, e)) => failed(stage, Fault::of(&e), &e.to_string()),
        },
    )
}

fn failed(stage: &str, fault: Fault, why: &str) -> Outcome {
    Outcome::Failed {
        fault,
        only_this_job: false,
        stage: stage.into(),
        why: why.into(),
    }
}

/// Leaves the parcel, unless it is larger than anything that may wait here.
fn packed(store: &Store, report: &Report, parcel: &Path) -> Outcome {
    let size = pack(store, report, parcel)
        .and_then(|()| parcel.metadata().map_err(Error::io(parcel)))
        .map(|m| m.len());
    match size {
        Ok(size) if size > MOST => {
            let _ = std::fs::remove_file(parcel);
            too_large(size)
        }
        Ok(_) => Outcome::Measured,
        Err(e) => failed("report", Fault::of(&e), &e.to_string()),
    }
}

/// It is as large on every machine.
fn too_large(size: u64) -> Outcome {
    let why = format!(
        "its report takes {} MiB packed, with its profiles, and at most {} MiB are kept for the \
         server: let the commit's uptick.toml measure fewer benchmarks",
        size >> 20,
        MOST >> 20
    );
    failed("report", Fault::Commit, &why)
}

/// Whether a report speaks of the commit: of one that built, or that did not by its own fault.
fn is_stored(report: &Report) -> bool {
    !is_failed(report)
        || report
            .failures
            .iter()
            .any(|f| f.benchmark.is_none() && f.fault() == model::Fault::Commit)
}

/// The first benchmark that failed by no fault of the commit.
fn by_the_machine(report: &Report) -> Option<&Failure> {
    let failures = report.failures.iter();
    failures
        .filter(|f| f.benchmark.is_some())
        .find(|f| f.fault() != model::Fault::Commit)
}

fn first_failure(report: &Report) -> String {
    report
        .failures
        .first()
        .map_or_else(String::new, |f| f.message.clone())
}

/// Where a lease's clone, builds and store are. Pull requests have places of their own: what one of
/// them leaves in a target directory is never built upon for the main line.
fn home(dir: &Path, lease: &Lease) -> PathBuf {
    let kind = match lease.is_proposed() {
        true => "pulls",
        false => "projects",
    };
    dir.join(kind).join(&lease.project)
}

/// Gives pull requests the versions of dependencies that the main line has where it commits no lock
/// file: a newer one is no doing of theirs.
fn share_lock(home: &Path, lease: &Lease) -> Result<()> {
    let Some(dir) = home.parent().and_then(Path::parent) else {
        return Ok(());
    };
    let of = |home: &Path| home.join("clone/.uptick/Cargo.lock");
    let (from, to) = (of(&dir.join("projects").join(&lease.project)), of(home));
    if !from.is_file() || to.exists() {
        return Ok(());
    }
    if let Some(above) = to.parent() {
        std::fs::create_dir_all(above).map_err(Error::io(above))?;
    }
    std::fs::copy(&from, &to)
        .map(|_| ())
        .map_err(Error::io(&to))
}

/// Refuses a proposed commit that brings a directory of ours: links in it would be written through.
fn refuse_ours(copy: &Copy, lease: &Lease) -> Result<()> {
    let brings = |entry: &String| {
        let path = entry.split_once('\t').map_or("", |(_, p)| p);
        path == ".uptick" || path.starts_with(".uptick/")
    };
    if lease.is_proposed() && copy.repo().tree(&lease.sha)?.iter().any(brings) {
        return Err(Error::Build(
            "the commit brings a `.uptick` of its own: that is no pull request's".into(),
        ));
    }
    Ok(())
}

/// Removes all that other pull requests left: builds, executables, reports. Whatever a program of
/// theirs wrote over what was built would be built upon, kept for all that have the same sources, and
/// taken for a measurement of them. What one pull request left itself stays for its next commit.
fn forget_others(home: &Path, lease: &Lease) -> Result<()> {
    let owner = home.join("pull");
    if std::fs::read_to_string(&owner).is_ok_and(|of| of == lease.reference) {
        return Ok(());
    }
    remove(&home.join("clone/.uptick"))?;
    for file in ["uptick.db", "uptick.db-wal", "uptick.db-shm"] {
        remove(&home.join(file))?;
    }
    std::fs::create_dir_all(home).map_err(Error::io(home))?;
    // Written last: whoever is ended before begins anew.
    std::fs::write(&owner, &lease.reference).map_err(Error::io(&owner))
}

/// Removes a file, a link or a whole directory; it may be gone already.
fn remove(path: &Path) -> Result<()> {
    let Ok(facts) = path.symlink_metadata() else {
        return Ok(());
    };
    let removed = match facts.is_dir() {
        true => {
            open_up(path);
            std::fs::remove_dir_all(path)
        }
        false => std::fs::remove_file(path),
    };
    removed.map_err(Error::io(path))
}

/// Removes the worktrees that an earlier pull request stood in. Its programs could write there: a
/// repository of their making, whose configuration names programs, would be obeyed outside of the
/// sandbox.
fn forget_trees(clone: &Path) -> Result<()> {
    let home = std::fs::read_dir(clone.join(".uptick"));
    for worker in home.into_iter().flatten().flatten() {
        remove(&worker.path().join("target/package"))?;
    }
    Ok(())
}

/// Gives a directory and those in it back to their owner, from whom a program may have shut them off.
fn open_up(dir: &Path) {
    let _ = system::set_mode(dir, 0o700);
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// The report of the commit, and the store that holds it.
fn report(
    home: &Path,
    confined: bool,
    lease: &Lease,
    progress: &dyn Progress,
) -> std::result::Result<(Report, Store), (&'static str, Error)> {
    let clone = home.join("clone");
    if confined {
        sandbox::enter(&clone).map_err(|why| ("sandbox", Error::Failed(why)))?;
    }
    if lease.is_proposed() {
        forget_others(home, lease).map_err(|e| ("fetch", e))?;
    }
    if confined || lease.is_proposed() {
        forget_trees(&clone).map_err(|e| ("fetch", e))?;
    }
    progress.stage(&format!("fetching {}", lease.sha.short()));
    let copy = Copy::clone_at(&clone).map_err(|e| ("fetch", e))?;
    // What a report calls the branch that its commit is on.
    let name = (!lease.reference.is_empty()).then(|| pull_name(&lease.reference));
    let fetched = copy
        .fetch_commit(&lease.url, &lease.branch, &lease.reference, &lease.sha)
        .and_then(|()| refuse_ours(&copy, lease))
        .and_then(|()| copy.check_out(&lease.sha, name.as_deref()));
    fetched.map_err(|e| ("fetch", e))?;
    let file = copy.repo().root().join(Config::FILE);
    if file.symlink_metadata().is_ok() && !sandbox::may_read(&file) {
        let why = format!("{}: it leads out of the sandbox", Config::FILE);
        return Err(("configuration", Error::Usage(why)));
    }
    let mut config = Config::load(copy.repo().root()).map_err(|e| ("configuration", e))?;
    config.baseline.branch = Some(lease.branch.clone());
    if let Some(note) = settle_workspace(&mut config, copy.repo().root(), copy.repo().root()) {
        progress.note(&note);
    }
    if lease.is_proposed() {
        share_lock(home, lease).map_err(|e| ("fetch", e))?;
    }
    let measured = || -> Result<(Report, Store)> {
        let mut store = Store::open(&home.join("uptick.db"))?;
        let repo = copy.repo().clone();
        history::refresh(
            &mut store,
            &repo,
            Some(&lease.branch),
            history::Whose::Repository,
        )?;
        let mut runner = Runner::open(repo, config)?;
        let sha = &lease.sha;
        let reuse = match lease.purpose {
            Purpose::Confirm => Reuse::Nothing,
            _ => Reuse::Numbers,
        };
        let (mut report, from) = runner.report_from(&mut store, sha, reuse, progress)?;
        if from == Source::Stored && by_the_machine(&report).is_some() {
            report = runner.report(&mut store, sha, Reuse::Nothing, progress)?;
        }
        Ok((report, store))
    };
    measured().map_err(|e| ("measure", e))
}

/// Writes a report with its profiles as lines of an export, packed.
fn pack(store: &Store, report: &Report, to: &Path) -> Result<()> {
    let file = File::create(to).map_err(Error::io(to))?;
    let mut packed = zstd::Encoder::new(file, ZSTD_LEVEL).map_err(Error::io(to))?;
    store.export_report(report, &mut packed)?;
    let file = packed.finish().map_err(Error::io(to))?;
    file.sync_all().map_err(Error::io(to))
}

/// Notes the stage in a file, for the heartbeat, and passes everything on.
struct Noted<'p> {
    to: PathBuf,
    inner: &'p dyn Progress,
}

impl Progress for Noted<'_> {
    fn stage(&self, what: &str) {
        // What the server shows of a job under way; nothing depends on it.
        let _ = std::fs::write(&self.to, what);
        self.inner.stage(what);
    }

    fn step(&self, done: usize, total: usize, name: &str) {
        let _ = std::fs::write(&self.to, format!("measured {done} of {total}"));
        self.inner.step(done, total, name);
    }

    fn note(&self, text: &str) {
        self.inner.note(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_no_disk_should_keep_is_the_commits_own_failure() {
        let Outcome::Failed { fault, why, .. } = too_large(300 << 20) else {
            panic!("it was taken");
        };
        assert_eq!(fault, Fault::Commit);
        assert!(why.contains("300 MiB") && why.contains("256 MiB"), "{why}");
    }
}
