//! From a commit to a stored report: the one place where checking out, building, measuring
//! and storing come together. `run`, `check`, `compare` and `bisect` all go through it.
//!
//! Everything lies under `.uptick/` in the repository, which ignores itself:
//!
//! ```text
//! .uptick/uptick.db                       the store, unless another is named
//! .uptick/cache/KEY/                      finished bench executables
//! .uptick/Cargo.lock                      shared by commits that have no lock file
//! .uptick/worker-N/lock                   held while a process uses this worker
//! .uptick/worker-N/target/build/          cargo's target directory, this worker's alone
//! .uptick/worker-N/target/package/tree/   the worktree
//! ```
//!
//! The worktree lies below a directory called `target/package` because that is where cargo
//! stops looking upwards for a workspace: an old commit whose manifest has no `[workspace]`
//! would otherwise be taken for a stray member of the user's own checkout.

mod home;
mod progress;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::config::Config;
use crate::error::{Error, Result, tail};
use crate::git::Repo;
use crate::measure::env::Scratch;
use crate::measure::{self, Job, Measured, Session, host};
use crate::model::{
    Commit, Counter, Failure, Measurement, Metric, NoiseClass, ProfileKind, ProfileRef, Report,
    Sha, Testbed, digest,
};
use crate::store::Store;
use crate::suite::{self, Cache, Carry, Place, Suite, key};

pub use home::Home;
pub use progress::{Progress, Silent};

/// More processes than this on one repository at once are a mistake.
const MAX_WORKERS: usize = 64;
/// A failure's message in a report.
const MAX_MESSAGE: usize = 4096;

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
    Twin,
    /// It was measured just now.
    Measured,
}

/// A worktree and a target directory that only this process uses now.
#[derive(Debug)]
struct Worker {
    place: Place,
    _lock: File,
    /// The commit that stands in it, with its jobs.
    standing: Option<Sha>,
    /// Files of that commit that the clone lacks.
    lacking: Vec<String>,
}

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

/// Measures commits of one repository.
#[derive(Debug)]
pub struct Workshop {
    repo: Repo,
    config: Config,
    home: Home,
    session: Session,
    host: Testbed,
    cache: Cache,
    workers: Vec<Worker>,
    toolchains: HashMap<Sha, key::Toolchain>,
    compilers: key::Versions,
    carry: Carry,
}

impl Workshop {
    /// A workshop for a repository.
    ///
    /// # Errors
    /// When the counter that is asked for cannot be had, or `.uptick/` cannot be written.
    pub fn open(repo: Repo, config: Config) -> Result<Self> {
        let home = Home::make(&repo)?;
        let counter = measure::choose_counter(&config.suite.counter)?;
        let metrics = config
            .suite
            .metrics
            .iter()
            .filter_map(|m| Metric::from_name(m))
            .collect();
        let strings = config.suite.strings;
        let session = Session {
            scratch: Scratch::new()?,
            counter,
            strings,
            metrics,
        };
        let cache = Cache::new(&home.dir().join("cache"), config.suite.cache_mib << 20);
        Ok(Self {
            repo,
            host: host::testbed(strings),
            config,
            home,
            session,
            cache,
            workers: Vec::new(),
            toolchains: HashMap::new(),
            compilers: HashMap::new(),
            carry: Carry::default(),
        })
    }

    /// A second workshop on the same repository for the same work, with workers of its own, so
    /// that two threads can build at once.
    ///
    /// # Errors
    /// As [`Workshop::open`].
    pub fn another(&self) -> Result<Self> {
        let mut other = Self::open(self.repo.clone(), self.config.clone())?;
        other.carry = self.carry.clone();
        Ok(other)
    }

    /// Lays these files over every commit before it is built. They are part of every key.
    pub fn carry(&mut self, carry: Carry) {
        self.carry = carry;
    }

    /// Measures only benchmarks that one of these globs matches; none: all.
    ///
    /// The selection is part of the suite's key: a report of some benchmarks must not stand
    /// for a report of all.
    pub fn only(&mut self, globs: &[String]) {
        if !globs.is_empty() {
            self.config.suite.only = globs.to_vec();
        }
    }

    /// The repository.
    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// `.uptick/`.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// How benchmarks are run.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The hash of what is asked for.
    #[must_use]
    pub fn suite_key(&self) -> String {
        self.suite_key_of(&self.config)
    }

    fn suite_key_of(&self, config: &Config) -> String {
        let key = key::suite_key(config, self.session.counter.name());
        self.carry.mark(key, 16)
    }

    /// The key of reports that hold further runs of single benchmarks: they must never stand
    /// for a whole report.
    fn samples_key(&self) -> String {
        digest(format!("samples {}", self.suite_key()).as_bytes())[..16].to_string()
    }

    fn toolchain(&mut self, sha: &Sha) -> key::Toolchain {
        if let Some(known) = self.toolchains.get(sha) {
            return known.clone();
        }
        let toolchain = key::Toolchain::of(&self.config, &self.repo, sha, &mut self.compilers);
        self.toolchains.insert(sha.clone(), toolchain.clone());
        toolchain
    }

    /// The conditions under which a commit would be measured here and now.
    pub fn testbed(&mut self, sha: &Sha) -> Testbed {
        let mut testbed = self.host.clone();
        testbed
            .facts
            .insert("rustc".into(), self.toolchain(sha).rustc);
        testbed
            .facts
            .insert("profile".into(), self.config.suite.profile.clone());
        testbed
    }

    /// The fingerprints of every counter that this session uses.
    pub fn testbed_key(&mut self, sha: &Sha) -> String {
        let sampled = |m: &Metric| {
            matches!(
                m,
                Metric::WallTime | Metric::CpuTime | Metric::PeakRss | Metric::PageFaults
            )
        };
        let mut counters = vec![self.session.counter, Counter::File];
        if !self.config.commands.is_empty() || self.session.metrics.iter().any(sampled) {
            counters.push(Counter::Rusage);
        }
        self.testbed(sha).key(counters.into_iter())
    }

    fn build_key(&mut self, sha: &Sha) -> Result<String> {
        let inputs = key::build_inputs(&self.repo, sha)?;
        let seed = std::fs::read_to_string(self.lock_seed()).unwrap_or_default();
        let toolchain = self.toolchain(sha);
        let key = key::build_key(&self.config, &inputs, &seed, &toolchain);
        Ok(self.carry.mark(key, 64))
    }

    fn lock_seed(&self) -> PathBuf {
        self.home.dir().join("Cargo.lock")
    }

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

    /// [`Workshop::report`], and where it came from.
    ///
    /// # Errors
    /// As [`Workshop::report`].
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
            return Ok((known, Source::Stored));
        }
        let commit = self.repo.commit(sha)?;
        if reuse != Reuse::Nothing
            && let Some(twin) = self.twin(store, &commit)?
        {
            return Ok((twin, Source::Twin));
        }
        Ok((self.measure(store, commit, progress)?, Source::Measured))
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
        for key in [self.suite_key(), self.suite_key_of(&whole)] {
            if found.is_empty() {
                found.extend(store.report_of(sha, &key, &testbed)?);
            }
        }
        found.extend(store.reports_of(sha, &self.samples_key(), &testbed)?);
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
        measurement: Measurement,
    ) -> Result<()> {
        let (testbed, testbed_key) = (self.testbed(sha), self.testbed_key(sha));
        let report = Report {
            build_key: self.build_key(sha)?,
            suite_key: self.samples_key(),
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
        store.report_of(sha, &self.suite_key(), &testbed)
    }

    /// A report for a commit whose build key equals that of one with numbers: the same
    /// executables give the same numbers, and nothing is built.
    fn twin(&mut self, store: &mut Store, commit: &Commit) -> Result<Option<Report>> {
        let key = self.build_key(&commit.sha)?;
        let testbed = self.testbed_key(&commit.sha);
        let Some(original) = store.report_of_build(&key, &self.suite_key(), &testbed)? else {
            return Ok(None);
        };
        let report = Report {
            reused: Some(
                original
                    .reused
                    .clone()
                    .unwrap_or_else(|| original.commit.sha.clone()),
            ),
            commit: commit.clone(),
            started: now(),
            seconds: 0.0,
            ..original
        };
        store.put(&report, &[])?;
        Ok(Some(report))
    }

    fn measure(
        &mut self,
        store: &mut Store,
        commit: Commit,
        progress: &dyn Progress,
    ) -> Result<Report> {
        let began = Instant::now();
        let sha = commit.sha.clone();
        let testbed = self.testbed(&sha);
        let testbed_key = self.testbed_key(&sha);
        let (build_key, bench) = match self.bench(0, &sha, progress) {
            Ok(b) => b,
            // Errors of ours (a full disk) are no fault of the commit and are not recorded.
            Err(Error::Failed(why)) => {
                let report = Report {
                    build_key: self.build_key(&sha).unwrap_or_default(),
                    failures: vec![whole_commit_failed(&why)],
                    seconds: began.elapsed().as_secs_f64(),
                    ..self.empty_report(commit, testbed, testbed_key)
                };
                // Nor is one that cannot be checked out: the next fetch may bring what is missing.
                if !is_checkout(&why) {
                    store.put(&report, &[])?;
                }
                return Ok(report);
            }
            Err(e) => return Err(e),
        };
        for note in &bench.suite.notes {
            progress.note(note);
        }
        let fingerprint = testbed.fingerprint(self.session.counter);
        let classes = store.classes(self.session.counter, &fingerprint)?;
        progress.stage(&format!("measuring {}", sha.short()));
        let measured = self.measure_all(&bench, &classes, progress);
        let mut report = Report {
            build_key,
            ..self.empty_report(commit, testbed, testbed_key)
        };
        let profiles = fill(&mut report, &bench, measured);
        report.seconds = began.elapsed().as_secs_f64();
        // What failed for want of a file may work once the clone has it.
        if bench.lacking.is_empty() || report.failures.is_empty() {
            store.put(&report, &profiles)?;
        }
        Ok(report)
    }

    fn empty_report(&self, commit: Commit, testbed: Testbed, testbed_key: String) -> Report {
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
            measurements: Vec::new(),
            failures: Vec::new(),
            profiles: Vec::new(),
        }
    }

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

    /// Measures every benchmark, several at a time where a neighbour does no harm.
    fn measure_all(
        &self,
        bench: &Bench,
        classes: &HashMap<String, NoiseClass>,
        progress: &dyn Progress,
    ) -> Vec<Measured> {
        let jobs = &bench.suite.jobs;
        let done = AtomicUsize::new(0);
        parallel(self.parallelism(), jobs, |(job, _)| {
            let measured = measure::measure(&self.session, job, classes.get(&job.name).copied());
            let n = 1 + done.fetch_add(1, Ordering::Relaxed);
            progress.step(n, jobs.len(), &job.name);
            measured
        })
    }

    /// Time is disturbed by a neighbour; an instruction count under valgrind is not.
    #[must_use]
    pub fn parallelism(&self) -> usize {
        let alone = self.session.counter != Counter::Callgrind
            || self
                .session
                .metrics
                .iter()
                .any(|m| matches!(m, Metric::WallTime | Metric::CpuTime))
            || !self.config.commands.is_empty();
        match (alone, self.config.suite.jobs) {
            (true, _) => 1,
            (false, 0) => std::thread::available_parallelism().map_or(1, usize::from),
            (false, n) => n,
        }
    }
}

/// Applies `f` to every item on up to `width` threads; results in the items' order.
pub fn parallel<T: Sync, R: Send>(width: usize, items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::new());
    let work = || {
        while let Some((i, item)) = {
            let i = next.fetch_add(1, Ordering::Relaxed);
            items.get(i).map(|item| (i, item))
        } {
            let result = f(item);
            results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((i, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..width.clamp(1, items.len().max(1)) {
            scope.spawn(work);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, r)| r).collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// Whether a report says that the commit as a whole gave no number.
#[must_use]
pub fn is_failed(report: &Report) -> bool {
    report.failures.iter().any(|f| f.benchmark.is_none())
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

/// Whether git said it: the build's own words begin with what was built.
fn is_checkout(why: &str) -> bool {
    why.starts_with("git ")
}

fn whole_commit_failed(why: &str) -> Failure {
    let stage = if is_checkout(why) {
        "checkout"
    } else {
        "build"
    };
    Failure {
        benchmark: None,
        stage: stage.into(),
        message: tail(why, MAX_MESSAGE).to_string(),
    }
}

/// Puts what was measured into the report; gives the profiles that go with it.
fn fill(report: &mut Report, bench: &Bench, measured: Vec<Measured>) -> Vec<(String, Vec<u8>)> {
    let mut profiles = Vec::new();
    for ((job, _), m) in bench.suite.jobs.iter().zip(measured) {
        report.measurements.extend(m.measurements);
        report.failures.extend(m.failures);
        let Some(bytes) = m.functions.and_then(|f| serde_json::to_vec(&f).ok()) else {
            continue;
        };
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
        (&a.benchmark, a.metric, a.counter).cmp(&(&b.benchmark, b.metric, b.counter))
    });
    profiles
}

fn size_of(benchmark: &str, bytes: u64) -> Measurement {
    Measurement::once(benchmark, Metric::BinarySize, Counter::File, bytes as f64)
}
