//! Walks a real repository for the pure search: git, build, measure, store, one commit after
//! another, and says in the end who did it and where.
//!
//! ```text
//! request ─▶ line of commits ─▶ section of the log ─▶ search ──next──▶ look (store | equal build | build)
//!              │ groups, files,        ▲                                   │
//!              │ stored beside it      └── observed, on disk first ◀───────┘
//!              └─ ends proven ─▶ profiles of both ─▶ prior
//! outcome ─▶ a merge? the same again down its branch ─▶ verify against the parent ─▶ explain
//! ```
//!
//! The search itself is never kept: it is told the log again before each step, so that what a
//! killed process left is all that there is.

mod answer;
mod collectors;
mod explain;
mod history;
mod hunt;
mod journal;
mod line;
mod merges;
mod probe;
mod remote;
mod request;
mod standing;
mod step;

use crate::bisect::hunt::Hunt;
use crate::bisect::hunt::Trail;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::jobs::Purpose;
use crate::model::{Counter, Measurement, Metric, Sha};
use crate::run::{Home, Progress, Reuse, Runner};
use crate::search::finding::Finding;
use crate::search::{Action, Answer, Candidate, LogEntry, Noise, Observation, Options, Probe};
use crate::store::Store;
use line::Line;
use probe::Seen;

pub use collectors::{Collectors, Gave, Known};
pub use journal::{Event, Journal, Section};
pub use request::{Request, ends};
pub use step::{StepAnswer, judge_head};

/// With fewer builds than this in the range, profiles of the ends cost more than they save.
const WORTH_PROFILES: usize = 9;

/// Builds of the culprit and its parent after the search.
const VERIFICATION: usize = 2;

/// Where the logs of searches lie.
#[must_use]
pub fn logs(home: &Home) -> PathBuf {
    home.dir().join("bisect")
}

/// Searches what the journal's request asks for, from where the journal ends, with numbers that
/// this machine measures or, where there are any, collectors.
///
/// # Errors
/// [`Error::Failed`] when no two commits give a number, [`Error::NoVerdict`] when an end lacks
/// the benchmark, else when git, the store, the disk or the server fails.
pub fn run(
    runner: &mut Runner,
    store: &mut Store,
    journal: &mut Journal,
    jobs: usize,
    collectors: Option<&dyn Collectors>,
    progress: &dyn Progress,
) -> Result<Finding> {
    let counter = match collectors {
        Some(collectors) => collectors.counter(),
        None => runner.session().counter.clone(),
    };
    let asked = journal.request.asked(&counter);
    let exact = match asked.metric {
        Metric::Instructions => counter == Counter::Callgrind,
        // A file has one size, whoever counts what it does.
        Metric::BinarySize => true,
        _ => false,
    };
    let mut others = Vec::new();
    for _ in 1..jobs.max(1) {
        if collectors.is_none() {
            others.push((runner.another()?, store.another()?));
        }
    }
    let counting = Counting {
        inner: progress,
        builds: AtomicUsize::new(0),
    };
    let mut hunt = Hunt {
        runner,
        store,
        others,
        collectors,
        jobs: jobs.max(1),
        journal,
        progress: &counting,
        asked,
        exact,
        like: None,
        began: Instant::now(),
        looks: 0,
        notes: Vec::new(),
        told: false,
        whole_change: None,
        settle_at: None,
    };
    let mut finding = hunt.whole()?;
    finding.builds = counting.builds.into_inner();
    Ok(finding)
}

/// Counts what is built beside telling it.
struct Counting<'a> {
    inner: &'a dyn Progress,
    builds: AtomicUsize,
}

impl Progress for Counting<'_> {
    fn stage(&self, what: &str) {
        self.inner.stage(what);
    }

    fn building(&self) {
        self.builds.fetch_add(1, Ordering::Relaxed);
        self.inner.building();
    }

    fn step(&self, done: usize, total: usize, name: &str) {
        self.inner.step(done, total, name);
    }

    fn note(&self, text: &str) {
        self.inner.note(text);
    }

    fn search(&self, so_far: &str) {
        self.inner.search(so_far);
    }
}

impl Hunt<'_> {
    fn whole(&mut self) -> Result<Finding> {
        let request = self.journal.request.clone();
        let (good, bad) = (Sha(request.good.clone()), Sha(request.bad.clone()));
        let mut main = self.search(&good, &bad, request.all, true)?;
        if request.all {
            main = self.straighten(&good, main)?;
        }
        if main.outcome.answer == Answer::Unmeasurable {
            return Err(answer::unmeasurable(&main));
        }
        if self.collectors.is_none() {
            self.remember(&main);
        }
        self.whole_change = Some(main.outcome.bad.value - main.outcome.good.value);
        let (deeper, merges) = match self.collectors {
            None => self.descend(&main)?,
            // What a merge brought is on no server's main line.
            Some(_) => (None, Vec::new()),
        };
        let last = deeper.as_ref().unwrap_or(&main);
        let mut finding = self.finding(&main, last, &merges);
        self.refuse_edited()?;
        self.explain(&mut finding, last)?;
        finding.notes = std::mem::take(&mut self.notes);
        let outcome = format!("{:?}", finding.outcome);
        let suspects = finding.suspects.clone();
        self.journal.note(Event::Ended { outcome, suspects })?;
        Ok(finding)
    }

    /// Searches one line of commits to its end.
    fn search(&mut self, good: &Sha, bad: &Sha, all: bool, outer: bool) -> Result<Trail> {
        let overlay = self.journal.overlay.clone();
        let runner = &*self.runner;
        let line = Line::read(runner.config(), runner.repo(), good, bad, all, &overlay)?;
        let section = match self.journal.known(good, bad) {
            Some(known) => known,
            None => {
                let section = self.begin(&line)?;
                self.journal.begin(section)?
            }
        };
        loop {
            let mut search = self.journal.sections[section].search()?;
            self.say(&search, &line);
            let width = self.width(section, &search);
            if self.stands(section, &search, &line) && self.has_looked_enough(section, &search) {
                search = self.journal.sections[section].settled()?;
            }
            match search.next(width) {
                Action::Done(outcome) => {
                    let told = (&line, &*outcome);
                    if let Some(commit) = self.unseen_revert(section, &search, told)? {
                        let probe = Probe { commit, runs: 1 };
                        self.probe(section, &search, &line, &[probe], outer)?;
                        continue;
                    }
                    self.progress.search("");
                    return Ok(Trail {
                        line,
                        section,
                        outcome: *outcome,
                    });
                }
                Action::Measure(_) if self.wants_prior(section, &search, &line) => {
                    self.learn(&search, &line)?;
                }
                Action::Measure(probes) => self.probe(section, &search, &line, &probes, outer)?,
            }
        }
    }

    /// What is known before the first probe.
    fn begin(&mut self, line: &Line) -> Result<Section> {
        let stored = self.store.measured()?;
        let asked = self.asked.clone();
        let (mut exact, mut reference) = (self.exact, Vec::new());
        let there = self.known_there()?;
        let mut range = line.range(|i| {
            let sha = &line.commits[i].sha;
            if let Some(there) = &there {
                return Ok(there.get(sha).copied().into_iter().collect());
            }
            if asked.reuse == Reuse::Nothing || !stored.contains(sha) {
                return Ok(Vec::new());
            }
            let reports = self.runner.evidence(self.store, sha)?;
            let Some((values, like)) = probe::values(&reports, &asked) else {
                return Ok(Vec::new());
            };
            if reference.is_empty() && probe::is_paired(like.class) {
                reference.clone_from(&values);
            }
            let level = probe::levelled(&values, 0, &reference);
            let settled = probe::settled(&level, &like);
            self.like = Some(like);
            exact &= settled.is_some();
            Ok(settled.map_or(level, |v| vec![v]))
        })?;
        let known = |c: &Candidate| !c.known.is_empty();
        let noise = match exact {
            true => Noise::Exact,
            false if range.commits.iter().any(known) => self
                .history(line, &mut range, &stored, &reference)?
                .unwrap_or_default(),
            false => Noise::Unknown,
        };
        let defaults = Options::default();
        let options = Options {
            direction: self.journal.request.direction(&self.asked.metric),
            min_effect: self.journal.request.limit.unwrap_or(defaults.min_effect),
            noise,
            ..defaults
        };
        Ok(Section {
            commits: line.shas(),
            range,
            options,
            reference,
            ..Section::default()
        })
    }

    /// How many commits to ask for at once. Where runs differ, neighbours would disturb each
    /// other; both ends together are run in turn.
    fn width(&self, section: usize, search: &crate::search::Search) -> usize {
        match self.journal.sections[section].options.noise {
            Noise::Exact => self.jobs,
            _ if search.ends().is_none() => 2,
            _ => 1,
        }
    }

    /// Looks at the commits, or runs them again, and tells the log.
    fn probe(
        &mut self,
        section: usize,
        search: &crate::search::Search,
        line: &Line,
        probes: &[Probe],
        outer: bool,
    ) -> Result<()> {
        self.refuse_edited()?;
        let sha = |p: &Probe| line.commits[p.commit].sha.clone();
        let (new, again): (Vec<Probe>, Vec<Probe>) =
            probes.iter().partition(|p| search.values(p.commit) == 0);
        if new.is_empty() {
            return self.again(section, search, line, &again);
        }
        let shas: Vec<Sha> = new.iter().map(sha).collect();
        self.looks += shas.len();
        for (p, seen) in new.iter().zip(self.look(section, &shas)) {
            let seen = seen?;
            let at_end = p.commit == 0 || p.commit + 1 == line.commits.len();
            if outer && p.commit + 1 == line.commits.len() {
                self.refuse_unbuilt_program(&line.commits[p.commit].sha, &seen)?;
            }
            if outer && at_end && seen.missing {
                return Err(self.missing_at_end(line, p.commit, &seen));
            }
            self.take(section, sha(p), p.commit, seen)?;
        }
        Ok(())
    }

    /// Ends the search where BAD builds and the program that is to be counted is not there then:
    /// no other commit will have it either, as far as anybody can guess.
    fn refuse_unbuilt_program(&mut self, bad: &Sha, seen: &Seen) -> Result<()> {
        let asked = self.journal.request.run.clone();
        let (Some(run), Observation::Skip(_)) = (asked, &seen.observation) else {
            return Ok(());
        };
        let Ok((_, bench)) = self.runner.build(0, bad, self.progress) else {
            return Ok(());
        };
        let name = &self.asked.benchmark;
        let program = bench.job(name).map(|(job, _)| job.program.clone());
        match program.filter(|p| p.components().count() > 1 && !p.exists()) {
            None => Ok(()),
            Some(_) => Err(Error::Usage(format!(
                "--run {run}: BAD, {}, builds, and has no such program then",
                bad.short()
            ))),
        }
    }

    /// Ends the search where a program that it runs was edited meanwhile.
    fn refuse_edited(&self) -> Result<()> {
        match self.runner.edited() {
            None => Ok(()),
            Some(path) => Err(Error::NoVerdict(format!(
                "{} was edited while this search was under way: its values are of two programs; \
                 search again",
                path.display()
            ))),
        }
    }

    fn look(&mut self, section: usize, shas: &[Sha]) -> Vec<Result<Seen>> {
        if let Some(collectors) = self.collectors {
            return self.look_there(collectors, shas, Purpose::Bisect);
        }
        let alone = self.journal.sections[section].options.noise != Noise::Exact;
        let mut runners = vec![(&mut *self.runner, &mut *self.store)];
        if !alone {
            runners.extend(self.others.iter_mut().map(|(w, s)| (w, s)));
        }
        runners.truncate(shas.len());
        probe::look_all(runners, &self.asked, shas, self.progress)
    }

    fn take(&mut self, section: usize, sha: Sha, commit: usize, seen: Seen) -> Result<()> {
        let observation = match (seen.observation, &seen.like) {
            (Observation::Values(runs), Some(like)) => {
                Observation::Values(self.level(section, &runs, like)?)
            }
            (other, _) => other,
        };
        self.like = seen.like.or(self.like.take());
        self.journal.note(Event::Observed {
            sha,
            source: Some(seen.source),
            entry: LogEntry {
                commit,
                observation,
            },
        })
    }

    /// What the runs of a commit say: one count, or if they differ after all, each of them.
    fn level(&mut self, section: usize, runs: &[f64], like: &Measurement) -> Result<Vec<f64>> {
        if self.journal.sections[section].reference.is_empty() && probe::is_paired(like.class) {
            let runs = runs.to_vec();
            self.journal.note(Event::Reference { runs })?;
        }
        let section = &self.journal.sections[section];
        let level = probe::levelled(runs, 0, &section.reference);
        match probe::settled(&level, like) {
            Some(value) => Ok(vec![value]),
            None if section.options.noise == Noise::Exact => {
                let noise = Noise::Unknown;
                self.journal.note(Event::Noise { noise })?;
                Ok(level)
            }
            None => Ok(level),
        }
    }

    /// Further runs of commits that have some.
    fn again(
        &mut self,
        section: usize,
        search: &crate::search::Search,
        line: &Line,
        probes: &[Probe],
    ) -> Result<()> {
        self.refuse_to_run_again()?;
        let wanted: Vec<(Sha, usize, usize)> = probes
            .iter()
            .map(|p| {
                let sha = line.commits[p.commit].sha.clone();
                (sha, p.runs, search.values(p.commit))
            })
            .collect();
        let like = self.like(&wanted[0].0)?;
        let seen = probe::more(self.runner, self.store, &wanted, &like, self.progress)?;
        for (p, observation) in probes.iter().zip(seen) {
            let sha = line.commits[p.commit].sha.clone();
            let commit = p.commit;
            let reference = &self.journal.sections[section].reference;
            let observation = match observation {
                Observation::Values(runs) => {
                    Observation::Values(probe::levelled(&runs, search.values(commit), reference))
                }
                Observation::Skip(why) => {
                    self.notes.push(format!(
                        "{} ran before and does not now; its earlier runs stand: {why}",
                        sha.short()
                    ));
                    Observation::Skip(why)
                }
            };
            self.journal.note(Event::Observed {
                sha,
                source: None,
                entry: LogEntry {
                    commit,
                    observation,
                },
            })?;
        }
        Ok(())
    }

    /// A measurement to take further ones like; after a resume the store has it.
    fn like(&mut self, sha: &Sha) -> Result<Measurement> {
        if let Some(like) = &self.like {
            return Ok(like.clone());
        }
        let seen = probe::look(self.runner, self.store, &self.asked, sha, self.progress)?;
        self.like.clone_from(&seen.like);
        seen.like
            .ok_or_else(|| Error::Failed(format!("{} gives no number any more", sha.short())))
    }

    /// After a resume that had nothing left to measure: some measurement, for verifying.
    fn remember(&mut self, trail: &Trail) {
        let entries = &self.journal.sections[trail.section].entries;
        let measured = |e: &&LogEntry| matches!(e.observation, Observation::Values(_));
        if let Some(commit) = entries.iter().find(measured).map(|e| e.commit) {
            let sha = trail.commit(commit).sha.clone();
            let _ = self.like(&sha);
        }
    }

    fn missing_at_end(&self, line: &Line, commit: usize, seen: &Seen) -> Error {
        let why = match &seen.observation {
            Observation::Skip(why) => why.clone(),
            Observation::Values(_) => String::new(),
        };
        let (end, other) = if commit == 0 {
            ("GOOD", "a later GOOD that has it")
        } else {
            ("BAD", "an earlier BAD that has it")
        };
        let short = line.commits[commit].sha.short();
        let else_what = match self.collectors {
            None => format!(
                ", lay today's over every commit with `--overlay PATH`, or see `uptick list {short}`"
            ),
            // A server measures commits as they are.
            Some(_) => String::new(),
        };
        Error::NoVerdict(format!(
            "{end}, {short} ({}), has {why}. Name {other}{else_what}",
            crate::format::sentence(&line.commits[commit].subject, 50)
        ))
    }

    /// Probe i of about n, time left, best suspect so far.
    fn say(&self, search: &crate::search::Search, line: &Line) {
        let e = search.estimate();
        if let Some((at, until)) = self.settle_at {
            let (done, most) = (e.builds_done.saturating_sub(at) + 1, until - at);
            self.progress.search(&format!(
                "further steps: probe {done} of at most {most}{}: ",
                self.left(most.saturating_sub(done - 1))
            ));
            return;
        }
        // Culprit and parent are built once more, side by side, to verify and explain.
        let builds_left = e.builds_left.max(1) + VERIFICATION;
        let left = self.left(builds_left);
        let suspect = e.suspect.map_or_else(String::new, |(i, p)| {
            let sha = line.commits[i].sha.short();
            format!(", suspect {sha} ({:.0} %)", 100.0 * p)
        });
        self.progress.search(&format!(
            "probe {} of about {}{left}{suspect}: ",
            e.builds_done + 1,
            e.builds_done + builds_left
        ));
    }

    /// How long so many builds take, by those so far.
    fn left(&self, builds: usize) -> String {
        if self.looks == 0 {
            return String::new();
        }
        let each = self.began.elapsed().as_secs_f64() / self.looks as f64;
        let minutes = each * builds as f64 / 60.0;
        format!(", {} min left", minutes.ceil())
    }
}

/// What a log says when it is told to a search again.
///
/// # Errors
/// When the log's range is none.
pub fn replay(section: &Section) -> Result<Action> {
    Ok(section.search()?.next(1))
}
