//! From a commit to a stored report: the one place where checking out, building, measuring
//! and storing come together. `run`, `check`, `compare` and `bisect` all go through it.
//!
//! Everything lies under `.uptick/` in the repository, which ignores itself:
//!
//! ```text
//! .uptick/uptick.db                       the store, unless another is named
//! .uptick/cache/KEY/                      finished bench executables
//! .uptick/cache/variables                 names of the variables that builds read
//! .uptick/Cargo.lock                      shared by commits that have no lock file
//! .uptick/worker-N/lock                   held while a process uses this worker
//! .uptick/worker-N/target/build/          cargo's target directory, this worker's alone
//! .uptick/worker-N/target/package/tree/   the worktree
//! ```
//!
//! The worktree lies below a directory called `target/package` because that is where cargo
//! stops looking upwards for a workspace: an old commit whose manifest has no `[workspace]`
//! would otherwise be taken for a stray member of the user's own checkout.

mod above;
mod assemble;
mod home;
mod keys;
mod outside;
mod progress;
mod runner;
mod worker;

pub use assemble::is_failed;
pub use home::Home;
pub use outside::Outside;
pub use progress::{Progress, Silent};
pub use runner::Runner;
pub use worker::BuiltCommit;

use crate::error::Result;
use crate::history::line_of;
use crate::model::{Commit, Measurement, Report, Sha};
use crate::store::Store;
use assemble::now;

/// Whether a stored report will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Any stored answer, a recorded build failure too.
    Everything,
    /// Stored numbers; what failed before is tried again.
    Numbers,
    /// Nothing: measure anew.
    Nothing,
}

/// Where a report came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The store had it.
    Stored,
    /// A commit with an equal build key had it.
    #[serde(rename = "twin")]
    EqualBuild,
    /// It was measured just now.
    Measured,
}

impl Runner {
    /// The report of a commit: stored, taken over from an equal build, or measured now.
    ///
    /// A commit that does not build gives a report without numbers that says why.
    ///
    /// # Errors
    /// When git or the store fails, or the machine cannot measure at all.
    pub fn report(
        &mut self,
        store: &mut Store,
        sha: &Sha,
        reuse: Reuse,
        progress: &dyn Progress,
    ) -> Result<Report> {
        Ok(self.report_from(store, sha, reuse, progress)?.0)
    }

    /// [`Runner::report`], and where it came from.
    ///
    /// # Errors
    /// As [`Runner::report`].
    pub fn report_from(
        &mut self,
        store: &mut Store,
        sha: &Sha,
        reuse: Reuse,
        progress: &dyn Progress,
    ) -> Result<(Report, Source)> {
        if reuse != Reuse::Nothing
            && let Some(known) = self.known(store, sha)?
            && (reuse == Reuse::Everything || !is_failed(&known))
        {
            return Ok((self.asked_for(store, known)?, Source::Stored));
        }
        let commit = self.repo.commit(sha)?;
        if reuse != Reuse::Nothing
            && let Some(equal_build) = self.equal_build(store, &commit)?
        {
            return Ok((equal_build, Source::EqualBuild));
        }
        if reuse != Reuse::Nothing {
            let what = format!("{sha} {}", self.suite_key());
            let (_turn, waited) = self.home.turn(&what, &|| {
                progress.note(&format!(
                    "another uptick measures {}: waiting for what it stores",
                    sha.short()
                ));
            })?;
            if waited && let Some(known) = self.known(store, sha)? {
                return Ok((known, Source::Stored));
            }
            return Ok((self.measure(store, commit, progress)?, Source::Measured));
        }
        Ok((self.measure(store, commit, progress)?, Source::Measured))
    }

    /// A stored report as it is meant now: what served a comparison becomes points of its series once
    /// somebody asks for the commit by this definition.
    fn asked_for(&self, store: &mut Store, mut known: Report) -> Result<Report> {
        if !self.comparing && known.measurements.iter().any(|m| m.redefined) {
            known
                .measurements
                .iter_mut()
                .for_each(|m| m.redefined = false);
            store.put(&known, &[])?;
        }
        Ok(known)
    }

    /// Every stored report of a commit that may speak of one benchmark under today's
    /// conditions: those of the selection, those of the whole suite, and further runs.
    ///
    /// # Errors
    /// When the store fails.
    pub fn evidence(&mut self, store: &Store, sha: &Sha) -> Result<Vec<Report>> {
        let testbed = self.testbed_key(sha);
        let mut whole = self.config.clone();
        whole.suite.only.clear();
        let mut found: Vec<Report> = Vec::new();
        let whole = self.suite_key_of(&whole);
        for key in [self.suite_key_at(sha)?, self.marked(whole, sha, 16)?] {
            if found.is_empty() {
                found.extend(store.report_of(sha, &key, &testbed)?);
            }
        }
        found.extend(store.reports_of(sha, &self.samples_key(sha)?, &testbed)?);
        Ok(found)
    }

    /// Stores further runs of one benchmark of a commit.
    ///
    /// # Errors
    /// When git or the store fails.
    pub fn keep_samples(
        &mut self,
        store: &mut Store,
        sha: &Sha,
        mut measurement: Measurement,
    ) -> Result<()> {
        self.mark_redefined(sha, std::slice::from_mut(&mut measurement));
        let (testbed, testbed_key) = (self.testbed(sha), self.testbed_key(sha));
        let report = Report {
            build_key: self.build_key(sha)?,
            suite_key: self.samples_key(sha)?,
            line: line_of(store, &self.repo, sha)?,
            measurements: vec![measurement],
            ..self.empty_report(self.repo.commit(sha)?, testbed, testbed_key)
        };
        store.put(&report, &[]).map(|_| ())
    }

    /// The stored report of a commit under today's conditions.
    ///
    /// # Errors
    /// When the store fails.
    pub fn known(&mut self, store: &Store, sha: &Sha) -> Result<Option<Report>> {
        let testbed = self.testbed_key(sha);
        store.report_of(sha, &self.suite_key_at(sha)?, &testbed)
    }

    /// A report for a commit whose build key equals that of one with numbers: the same
    /// executables give the same numbers, and nothing is built.
    fn equal_build(&mut self, store: &mut Store, commit: &Commit) -> Result<Option<Report>> {
        let key = self.build_key(&commit.sha)?;
        let testbed = self.testbed_key(&commit.sha);
        let suite = self.suite_key_at(&commit.sha)?;
        let Some(original) = store.report_of_build(&key, &suite, &testbed)? else {
            return Ok(None);
        };
        let mut report = Report {
            reused: Some(
                original
                    .reused
                    .clone()
                    .unwrap_or_else(|| original.commit.sha.clone()),
            ),
            line: line_of(store, &self.repo, &commit.sha)?,
            commit: commit.clone(),
            started: now(),
            seconds: 0.0,
            ..original
        };
        // It was said of the other commit.
        report
            .measurements
            .iter_mut()
            .for_each(|m| m.redefined = false);
        self.mark_redefined(&commit.sha, &mut report.measurements);
        store.put(&report, &[])?;
        Ok(Some(report))
    }
}
