//! From measured jobs to a report.

use crate::error::{Error, Result, tail};
use crate::git::Lacking;
use crate::history::line_of;
use crate::measure::{self, Known, Measured};
use crate::model::{
    Commit, Counter, Failure, Measurement, Metric, NoiseClass, Phase, ProfileKind, ProfileRef,
    Report, Tags, Testbed, digest,
};
use crate::parallel::parallel;
use crate::run::above;
use crate::run::outside::Outside;
use crate::run::progress::Progress;
use crate::run::runner::Runner;
use crate::run::worker::BuiltCommit;
use crate::store::Store;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

impl Runner {
    pub(super) fn measure(
        &mut self,
        store: &mut Store,
        commit: Commit,
        progress: &dyn Progress,
    ) -> Result<Report> {
        let began = Instant::now();
        let sha = commit.sha.clone();
        let testbed = self.testbed(&sha);
        let testbed_key = self.testbed_key(&sha);
        let line = line_of(store, &self.repo, &sha)?;
        let suite_key = self.suite_key_at(&sha)?;
        let (build_key, bench) = match self.build(0, &sha, progress) {
            Ok(b) => b,
            Err(e) => {
                let failed = Report {
                    line,
                    suite_key,
                    ..self.empty_report(commit, testbed, testbed_key)
                };
                return self.failed(store, e, failed, began);
            }
        };
        for note in &bench.suite.notes {
            progress.note(note);
        }
        let fingerprint = testbed.fingerprint(&self.session.counter);
        let counter = &self.session.counter;
        let at = commit.position.cast_signed();
        let known = self.precedents(store.counts_around(counter, &fingerprint, at)?);
        progress.stage(&format!("measuring {}", sha.short()));
        let measured = self.measure_all(&bench, &known, progress);
        self.remember(&measured);
        let mut report = Report {
            build_key,
            line,
            suite_key,
            ..self.empty_report(commit, testbed, testbed_key)
        };
        let profiles = fill(&mut report, &bench, measured)?;
        let not_whole = not_whole(&bench.lacking);
        if let Some(doubt) = &not_whole {
            report.measurements.iter_mut().for_each(|m| m.doubt(doubt));
        }
        if let Some(doubt) = linked_out(&bench.lacking) {
            report.measurements.iter_mut().for_each(|m| m.doubt(&doubt));
        }
        self.mark_redefined(&sha, &mut report.measurements);
        let above = above::doubt(&bench.tree, self.repo.root());
        for command in &self.config.commands {
            let why = Outside::escapes(command, self.repo.root());
            if let Some(why) = why.or_else(|| above.clone()) {
                let own = |m: &&mut Measurement| Tags::split(&m.benchmark).0 == command.name;
                let mut numbers = report.measurements.iter_mut();
                numbers.by_ref().filter(own).for_each(|m| m.doubt(&why));
            }
        }
        let lacks_nothing = bench
            .lacking
            .iter()
            .all(|l| matches!(l, Lacking::Linked(..) | Lacking::Away(..)));
        report.seconds = began.elapsed().as_secs_f64();
        // What failed for want of a file may work once the clone has it, and what was measured
        // without it, or on a pointer, is another number then.
        let is_final = !report.failures.iter().any(of_machine_build);
        if not_whole.is_none() && is_final && (lacks_nothing || report.failures.is_empty()) {
            store.put(&report, &profiles)?;
        }
        Ok(report)
    }

    /// The report of a commit that gave nothing. One that does not build is recorded of it; one
    /// that cannot be checked out is not: the next fetch may bring what is missing. Anything else
    /// is no matter of the commit's.
    fn failed(
        &mut self,
        store: &mut Store,
        error: Error,
        report: Report,
        began: Instant,
    ) -> Result<Report> {
        let mut failure = error.failure().ok_or(error)?;
        failure.message = tail(&failure.message, MAX_MESSAGE).to_string();
        // What the machine could not build another one can, or this one later.
        let build = failure.stage == Phase::Build && !failure.fault().may_pass();
        let sha = &report.commit.sha;
        let report = Report {
            build_key: if build {
                self.build_key(sha)?
            } else {
                String::new()
            },
            failures: vec![failure],
            seconds: began.elapsed().as_secs_f64(),
            ..report
        };
        if build {
            store.put(&report, &[])?;
        }
        Ok(report)
    }

    pub(super) fn empty_report(
        &self,
        commit: Commit,
        testbed: Testbed,
        testbed_key: String,
    ) -> Report {
        Report {
            schema: Report::SCHEMA.into(),
            commit,
            testbed,
            build_key: String::new(),
            suite_key: self.suite_key(),
            testbed_key,
            started: now(),
            seconds: 0.0,
            reused: None,
            line: None,
            measurements: Vec::new(),
            failures: Vec::new(),
            profiles: Vec::new(),
        }
    }

    /// What the store and this runner's own earlier commits say of each benchmark.
    fn precedents(
        &self,
        stored: HashMap<String, (NoiseClass, Vec<f64>)>,
    ) -> HashMap<String, Known> {
        let known = stored.into_iter().map(|(name, (class, mut counts))| {
            counts.extend(self.counts.get(&name).into_iter().flatten());
            (name, Known { class, counts })
        });
        known.collect()
    }

    fn remember(&mut self, measured: &[Measured]) {
        let all = measured.iter().flat_map(|m| &m.measurements);
        for m in all.filter(|m| m.metric == Metric::Instructions) {
            let counts = self.counts.entry(m.benchmark.clone()).or_default();
            if !counts.contains(&m.value) {
                counts.push(m.value);
            }
        }
    }

    /// Measures every benchmark, several at a time where a neighbour does no harm.
    fn measure_all(
        &self,
        bench: &BuiltCommit,
        known: &HashMap<String, Known>,
        progress: &dyn Progress,
    ) -> Vec<Measured> {
        let jobs = &bench.suite.jobs;
        let done = AtomicUsize::new(0);
        parallel(self.parallelism(), jobs, |(job, _)| {
            let measured = measure::measure(&self.session, job, known.get(&job.name));
            let n = 1 + done.fetch_add(1, Ordering::Relaxed);
            progress.step(n, jobs.len(), &job.name);
            measured
        })
    }
}

/// A failure's message in a report.
const MAX_MESSAGE: usize = 4096;

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// Whether a report says that the commit as a whole gave no number.
#[must_use]
pub fn is_failed(report: &Report) -> bool {
    report.failures.iter().any(|f| f.benchmark.is_none())
}

/// Puts what was measured into the report; gives the profiles that go with it.
fn fill(
    report: &mut Report,
    bench: &BuiltCommit,
    measured: Vec<Measured>,
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut profiles = Vec::new();
    for ((job, _), m) in bench.suite.jobs.iter().zip(measured) {
        report.measurements.extend(m.measurements);
        report.failures.extend(m.failures);
        let Some(functions) = m.functions else {
            continue;
        };
        let bytes = serde_json::to_vec(&functions)
            .map_err(|e| Error::Internal(format!("a table of functions as JSON: {e}")))?;
        let blob = digest(&bytes);
        let kind = ProfileKind::Functions;
        report.profiles.push(ProfileRef {
            benchmark: job.name.clone(),
            kind,
            blob: blob.clone(),
        });
        profiles.push((blob, bytes));
    }
    for (benchmarks, bytes) in &bench.suite.sizes {
        for name in benchmarks {
            report.measurements.push(size_of(name, *bytes));
        }
    }
    report.failures.extend(bench.suite.failures.iter().cloned());
    for failure in &mut report.failures {
        failure.message = tail(&failure.message, MAX_MESSAGE).to_string();
    }
    report.measurements.sort_by(|a, b| {
        (&a.benchmark, &a.metric, &a.counter).cmp(&(&b.benchmark, &b.metric, &b.counter))
    });
    Ok(profiles)
}

/// Whether a build failed for want of what the machine may have another time.
fn of_machine_build(f: &Failure) -> bool {
    f.stage == Phase::Build && f.fault().may_pass()
}

/// What is doubtful about numbers of a tree that lacks files or submodules, or in which git-lfs left
/// pointers.
fn not_whole(lacking: &[Lacking]) -> Option<String> {
    let content = |l: &Lacking| match l {
        Lacking::Content(path) => Some(format!(
            "{path} holds a pointer of git-lfs, and not its content: what reads it is measured on \
             the pointer, so that the number is not stored"
        )),
        Lacking::File(path) => Some(format!(
            "this clone lacks {path}, and what reads it is measured without it, so that the number \
             is not stored (`git fetch --refetch` brings it)"
        )),
        Lacking::Submodule(why) => Some(format!(
            "{}; what reads it is measured without it, so that the number is not stored",
            why.lines().next().unwrap_or(why)
        )),
        Lacking::Linked(..) | Lacking::Away(..) => None,
    };
    lacking.iter().find_map(content)
}

/// What is doubtful about numbers of a tree with links into the user's checkout, or elsewhere.
fn linked_out(lacking: &[Lacking]) -> Option<String> {
    lacking.iter().find_map(|l| match l {
        Lacking::Linked(path, to) => Some(format!(
            "{path} is a link into the checkout, {}: what reads it is measured on what lies there now, \
             whatever the commit has",
            to.display()
        )),
        Lacking::Away(path, to) => Some(format!(
            "{path} is a link to a directory outside of the commit, {}: what reads it is measured on \
             what lies there now",
            to.display()
        )),
        _ => None,
    })
}

fn size_of(benchmark: &str, bytes: u64) -> Measurement {
    Measurement::once(benchmark, Metric::BinarySize, Counter::File, bytes as f64)
}
