//! Walks a real repository for the pure search: git, build, measure, store, one commit after
//! another, and says in the end who did it and where.
//!
//! ```text
//! request ─▶ line of commits ─▶ section of the log ─▶ search ──next──▶ look (store | twin | build)
//!              │ groups, files         ▲                                   │
//!              │                       └── observed, on disk first ◀───────┘
//!              └─ ends proven ─▶ profiles of both ─▶ prior
//! outcome ─▶ a merge? the same again down its branch ─▶ verify against the parent ─▶ explain
//! ```
//!
//! The search itself is never kept: it is told the log again before each step, so that what a
//! killed process left is all that there is.

mod explain;
mod journal;
mod line;
mod probe;
mod standing;
mod step;

use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Found, FoundStep, Named, Searched, Unmeasured};
use super::{Action, Answer, Direction, LogEntry, Noise, Observation, Options, Outcome, Probe};
use crate::config::{ClockMode, Command, Config};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::model::{Commit, Counter, Measurement, Metric, Sha};
use crate::store::Store;
use crate::workshop::{Home, Progress, Workshop};
use line::Line;
use probe::{Asked, Seen};

pub use journal::{Event, Journal, Section};
pub use step::{StepAnswer, judge_head};

/// Merges within merges are gone down into this far.
const MAX_DEPTH: usize = 8;
/// With fewer builds than this in the range, profiles of the ends cost more than they save.
const WORTH_PROFILES: usize = 9;
/// A side branch answers for its merge if it carries this share of the merge's change.
const CARRIES: f64 = 0.5;

/// What is asked for; the first line of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// The good end, as a full name.
    pub good: String,
    /// The bad end.
    pub bad: String,
    /// The benchmark's name.
    pub benchmark: String,
    /// The metric; the counter's own where absent.
    pub metric: Option<Metric>,
    /// The counter, as `uptick.toml` names it; its choice where absent.
    pub counter: Option<String>,
    /// A shell command that builds a commit, where the benchmark is none of the suite.
    pub build: Option<String>,
    /// The program to count then.
    pub run: Option<String>,
    /// Every commit, side branches too, instead of first parents.
    pub all: bool,
    /// Look for the commit that made it cheaper.
    pub fixed: bool,
    /// The smallest change of interest, as a fraction.
    pub limit: Option<f64>,
    /// Try commits again that failed before.
    pub retry: bool,
    /// Stop where one commit explains the change; look for no further steps.
    pub quick: bool,
    /// What is laid over every commit, as it was named.
    pub carry: Vec<String>,
}

impl Request {
    /// The command that asks for this.
    #[must_use]
    pub fn again(&self) -> String {
        let short = |sha: &str| Sha(sha.to_string()).short().to_string();
        let mut words = vec![
            "uptick bisect".to_string(),
            short(&self.good),
            short(&self.bad),
        ];
        let mut option = |name: &str, value: &str| {
            words.push(format!("{name} {}", crate::report::quoted(value)));
        };
        if self.run.as_ref() != Some(&self.benchmark) {
            option("--bench", &self.benchmark);
        }
        let limit = self.limit.map(|l| format!("{}%", 100.0 * l));
        for (name, value) in [
            ("--metric", self.metric.map(|m| m.name().to_string())),
            ("--build", self.build.clone()),
            ("--run", self.run.clone()),
            ("--counter", self.counter.clone()),
            ("--limit", limit),
        ] {
            value.into_iter().for_each(|v| option(name, &v));
        }
        self.carry.iter().for_each(|c| option("--carry", c));
        for (name, on) in [("--all", self.all), ("--fixed", self.fixed)] {
            words.extend(on.then(|| name.to_string()));
        }
        words.join(" ")
    }

    /// Lays the request over the repository's configuration.
    ///
    /// # Errors
    /// [`Error::Usage`] when the result is none.
    pub fn configure(&self, config: &mut Config) -> Result<()> {
        if let Some(counter) = &self.counter {
            config.suite.counter.clone_from(counter);
        }
        if let Some(run) = &self.run {
            config.suite.criterion = false;
            config.suite.include.clear();
            config.suite.exclude.clear();
            config.commands = vec![Command {
                name: self.benchmark.clone(),
                build: self.build.clone(),
                run: run.clone(),
                stdin: None,
                dir: ".".into(),
                clock: ClockMode::Real,
            }];
        }
        let command = config.commands.iter().any(|c| c.name == self.benchmark);
        let metrics = &mut config.suite.metrics;
        if let Some(metric) = self.metric
            && !comes_along(metric, command)
            && !metrics.iter().any(|m| m == metric.name())
        {
            metrics.push(metric.name().into());
        }
        config.suite.only = vec![self.benchmark.clone()];
        config.validate().map_err(Error::Usage)
    }

    fn direction(&self) -> Direction {
        if self.fixed {
            Direction::Down
        } else {
            Direction::Up
        }
    }

    fn asked(&self, counter: Counter) -> Asked {
        let own = if counter == Counter::Clock {
            Metric::WallTime
        } else {
            Metric::Instructions
        };
        Asked {
            benchmark: self.benchmark.clone(),
            metric: self.metric.unwrap_or(own),
            retry: self.retry,
        }
    }
}

/// Whether a metric is measured without being asked for, so that stored reports have it.
fn comes_along(metric: Metric, command: bool) -> bool {
    match metric {
        Metric::Instructions | Metric::InstructionsCold | Metric::BinarySize => true,
        Metric::CpuTime | Metric::PeakRss | Metric::PageFaults => command,
        Metric::WallTime => false,
    }
}

/// Where the logs of searches lie.
#[must_use]
pub fn logs(home: &Home) -> PathBuf {
    home.dir().join("bisect")
}

/// The commits that two revisions name, if a search between them makes sense.
///
/// # Errors
/// [`Error::Usage`] that says what to write instead.
pub fn ends(repo: &Repo, good: &str, bad: &str) -> Result<(Sha, Sha)> {
    let (g, b) = (repo.resolve(good)?, repo.resolve(bad)?);
    if g == b {
        return Err(Error::Usage(format!(
            "GOOD and BAD are the same commit, {}: there is nothing between them",
            g.short()
        )));
    }
    if repo.is_ancestor(&g, &b) {
        return Ok((g, b));
    }
    if repo.is_ancestor(&b, &g) {
        return Err(Error::Usage(format!(
            "the ends are swapped: {bad} is the older one. `uptick bisect {bad} {good}` finds the \
             commit that made it dearer; with --fixed, the one that made it cheaper"
        )));
    }
    let base = repo.merge_base(&g, &b)?;
    let hint = match base {
        _ if repo.is_shallow() => {
            "this clone is shallow: `git fetch --unshallow` brings the rest of the history".into()
        }
        Some(base) => format!(
            "their histories part at {0}: `uptick bisect {0} {bad}` searches the branch of BAD",
            base.short()
        ),
        None => "they share no history".into(),
    };
    Err(Error::Usage(format!(
        "GOOD ({good}) is no ancestor of BAD ({bad}); {hint}"
    )))
}

/// Searches what the journal's request asks for, from where the journal ends.
///
/// # Errors
/// [`Error::Failed`] when no two commits give a number, [`Error::NoVerdict`] when an end lacks
/// the benchmark, else when git, the store or the disk fails.
pub fn run(
    workshop: &mut Workshop,
    store: &mut Store,
    journal: &mut Journal,
    jobs: usize,
    progress: &dyn Progress,
) -> Result<Finding> {
    let asked = journal.request.asked(workshop.session().counter);
    let exact = matches!(asked.metric, Metric::Instructions | Metric::BinarySize)
        && workshop.session().counter == Counter::Callgrind;
    let mut others = Vec::new();
    for _ in 1..jobs.max(1) {
        others.push((workshop.another()?, Store::open(store.path())?));
    }
    let mut hunt = Hunt {
        workshop,
        store,
        others,
        journal,
        progress,
        asked,
        exact,
        like: None,
        began: Instant::now(),
        looks: 0,
        notes: Vec::new(),
        told: false,
    };
    hunt.whole()
}

/// One search under way.
struct Hunt<'a> {
    workshop: &'a mut Workshop,
    store: &'a mut Store,
    /// The rest of the crew, for `--jobs`.
    others: Vec<(Workshop, Store)>,
    journal: &'a mut Journal,
    progress: &'a dyn Progress,
    asked: Asked,
    /// Whether counts of this metric usually repeat.
    exact: bool,
    /// Some measurement of the benchmark.
    like: Option<Measurement>,
    began: Instant,
    /// Commits looked at by this process.
    looks: usize,
    notes: Vec<String>,
    /// Whether it was told that the culprit stands.
    told: bool,
}

/// A finished search over one line.
struct Trail {
    line: Line,
    section: usize,
    outcome: Outcome,
}

impl Trail {
    fn commit(&self, index: usize) -> &Commit {
        &self.line.commits[index]
    }

    /// The one culprit, with the commit before it in the line.
    fn culprit(&self) -> Option<(&Commit, &Commit)> {
        match (self.outcome.answer, self.outcome.suspects.first()) {
            (Answer::Found, Some(&i)) if i > 0 => Some((self.commit(i), self.commit(i - 1))),
            _ => None,
        }
    }

    fn delta(&self) -> f64 {
        self.outcome.after.value - self.outcome.before.value
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
            return Err(unmeasurable(&main));
        }
        self.remember(&main);
        let (deeper, merge) = self.descend(&main)?;
        let last = deeper.as_ref().unwrap_or(&main);
        let mut finding = self.finding(&main, last, merge.as_ref());
        self.explain(&mut finding, last)?;
        finding.notes = std::mem::take(&mut self.notes);
        let outcome = format!("{:?}", finding.outcome);
        let suspects = finding.suspects.clone();
        self.journal.note(Event::Ended { outcome, suspects })?;
        Ok(finding)
    }

    /// Searches one line of commits to its end.
    fn search(&mut self, good: &Sha, bad: &Sha, all: bool, outer: bool) -> Result<Trail> {
        let carry = self.journal.carry.clone();
        let line = Line::read(self.workshop.repo(), good, bad, all, &carry)?;
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
            if self.stands(section, &search, &line) && self.journal.request.quick {
                search = self.journal.sections[section].settled()?;
            }
            match search.next(width) {
                Action::Done(outcome) => {
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
        let range = line.range(|i| {
            let sha = &line.commits[i].sha;
            if !stored.contains(sha) {
                return Ok(Vec::new());
            }
            let reports = self.workshop.evidence(self.store, sha)?;
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
        let noise = if exact { Noise::Exact } else { Noise::Unknown };
        let defaults = Options::default();
        let options = Options {
            direction: self.journal.request.direction(),
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
    fn width(&self, section: usize, search: &super::Search) -> usize {
        match self.journal.sections[section].options.noise {
            Noise::Exact => 1 + self.others.len(),
            _ if search.ends().is_none() => 2,
            _ => 1,
        }
    }

    /// Looks at the commits, or runs them again, and tells the log.
    fn probe(
        &mut self,
        section: usize,
        search: &super::Search,
        line: &Line,
        probes: &[Probe],
        outer: bool,
    ) -> Result<()> {
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
            if outer && at_end && seen.missing {
                return Err(self.missing_at_end(line, p.commit, &seen));
            }
            self.take(section, sha(p), p.commit, seen)?;
        }
        Ok(())
    }

    fn look(&mut self, section: usize, shas: &[Sha]) -> Vec<Result<Seen>> {
        let alone = self.journal.sections[section].options.noise != Noise::Exact;
        let mut crew = vec![(&mut *self.workshop, &mut *self.store)];
        if !alone {
            crew.extend(self.others.iter_mut().map(|(w, s)| (w, s)));
        }
        crew.truncate(shas.len());
        probe::look_all(crew, &self.asked, shas, self.progress)
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
        search: &super::Search,
        line: &Line,
        probes: &[Probe],
    ) -> Result<()> {
        let wanted: Vec<(Sha, usize, usize)> = probes
            .iter()
            .map(|p| {
                let sha = line.commits[p.commit].sha.clone();
                (sha, p.runs, search.values(p.commit))
            })
            .collect();
        let like = self.like(&wanted[0].0)?;
        let seen = probe::more(self.workshop, self.store, &wanted, &like, self.progress)?;
        for (p, observation) in probes.iter().zip(seen) {
            let sha = line.commits[p.commit].sha.clone();
            let commit = p.commit;
            let reference = &self.journal.sections[section].reference;
            let observation = match observation {
                Observation::Values(runs) => {
                    Observation::Values(probe::levelled(&runs, search.values(commit), reference))
                }
                skip @ Observation::Skip(_) => skip,
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
        let seen = probe::look(self.workshop, self.store, &self.asked, sha, self.progress)?;
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
        Error::NoVerdict(format!(
            "{end}, {} ({}), has {why}. Name {other}, lay today's over every commit with \
             `--carry PATH`, or see `uptick list {}`",
            line.commits[commit].sha.short(),
            crate::report::sentence(&line.commits[commit].subject, 50),
            line.commits[commit].sha.short()
        ))
    }

    /// Probe i of about n, time left, best suspect so far.
    fn say(&self, search: &super::Search, line: &Line) {
        let e = search.estimate();
        let left = match self.looks {
            0 => String::new(),
            n => {
                let each = self.began.elapsed().as_secs_f64() / n as f64;
                let minutes = each * e.builds_left as f64 / 60.0;
                format!(", {} min left", minutes.ceil())
            }
        };
        let suspect = e.suspect.map_or_else(String::new, |(i, p)| {
            let sha = line.commits[i].sha.short();
            format!(", suspect {sha} ({:.0} %)", 100.0 * p)
        });
        self.progress.search(&format!(
            "probe {} of about {}{left}{suspect}: ",
            e.builds_done + 1,
            e.builds_done + e.builds_left.max(1)
        ));
    }

    /// In a list of all commits a step may lie where one branch ends and the next begins. The
    /// commit after it is to blame only if no parent has its value; else the search goes on
    /// along that parent's line.
    fn straighten(&mut self, good: &Sha, main: Trail) -> Result<Trail> {
        let Some((culprit, before)) = main.culprit() else {
            return Ok(main);
        };
        if culprit.parents.contains(&before.sha) {
            return Ok(main);
        }
        let (parents, delta) = (culprit.parents.clone(), main.delta());
        for parent in parents.iter().filter(|p| *p != good) {
            let trail = self.search(good, parent, false, false)?;
            let blames = matches!(trail.outcome.answer, Answer::Found | Answer::Range);
            if blames && trail.delta() / delta >= CARRIES {
                return Ok(trail);
            }
        }
        Ok(main)
    }

    /// Goes down into merges for as long as the culprit is one and its branch has the change.
    fn descend(&mut self, main: &Trail) -> Result<(Option<Trail>, Option<Commit>)> {
        let mut deepest: Option<Trail> = None;
        let mut merge = None;
        for _ in 0..MAX_DEPTH {
            let at = deepest.as_ref().unwrap_or(main);
            let Some((culprit, before)) = at.culprit() else {
                break;
            };
            if culprit.parents.len() < 2 {
                break;
            }
            let (culprit, delta) = (culprit.clone(), at.delta());
            let parent = before.sha.clone();
            let Some(trail) = self.branch(&culprit, &parent, delta)? else {
                break;
            };
            merge.get_or_insert(culprit);
            deepest = Some(trail);
        }
        Ok((deepest, merge))
    }

    /// The search down the branch that a merge brought in, if the branch has the change.
    fn branch(&mut self, merge: &Commit, parent: &Sha, delta: f64) -> Result<Option<Trail>> {
        // In a list of all commits the one before need not be a parent.
        let main = if merge.parents.contains(parent) {
            parent.clone()
        } else {
            merge.parents[0].clone()
        };
        for other in merge.parents.iter().filter(|p| **p != main) {
            let base = self.workshop.repo().merge_base(&main, other)?;
            let Some(base) = base.filter(|b| b != other) else {
                continue;
            };
            let trail = self.search(&base, other, false, false)?;
            let blames = matches!(trail.outcome.answer, Answer::Found | Answer::Range);
            if blames && trail.delta() / delta >= CARRIES {
                return Ok(Some(trail));
            }
        }
        self.notes.push(format!(
            "{} is a merge, and no branch of it has the change by itself",
            merge.sha.short()
        ));
        Ok(None)
    }

    fn finding(&self, main: &Trail, last: &Trail, merge: Option<&Commit>) -> Finding {
        let (o, m) = (&last.outcome, &main.outcome);
        let total = m.bad.value - m.good.value;
        let outcome = outcome(m, o);
        let names = |is: &[usize]| is.iter().map(|&i| last.commit(i).sha.clone()).collect();
        let culprit = last.culprit().filter(|_| outcome == Found::Found);
        let sections = &self.journal.sections;
        let clear = matches!(m.answer, Answer::Found | Answer::Range) && total != 0.0;
        Finding {
            schema: Finding::SCHEMA,
            outcome,
            culprit: culprit.map(|(c, _)| Named::of(c)),
            merged_by: merge.map(Named::of),
            suspects: names(&o.suspects),
            confidence: o.confidence,
            verified: None,
            metric: self.asked.metric,
            counter: self.like.as_ref().map(|l| l.counter),
            unit: self.asked.metric.unit(),
            benchmark: self.asked.benchmark.clone(),
            before: o.before.value,
            after: o.after.value,
            change: o.change,
            share: clear.then(|| last.delta() / total),
            good: m.good.value,
            bad: m.bad.value,
            steps: steps(main, last),
            explained: m.explained,
            range: Searched {
                good: Sha(self.journal.request.good.clone()),
                bad: Sha(self.journal.request.bad.clone()),
                commits: main.line.commits.len() - 1,
            },
            measured: sections.iter().map(|s| s.measured).sum(),
            reused: m.reused + sections.iter().map(|s| s.reused).sum::<usize>(),
            located: culprit.and_then(|_| self.located(main, last)),
            runs: if m.exact { 0 } else { m.runs },
            skipped: skipped(main, last),
            functions: Vec::new(),
            functions_explain: None,
            likely: Vec::new(),
            flamegraph: None,
            dependencies: Vec::new(),
            undo: culprit.map(|(c, p)| undo(c, p)),
            reason: reason(main, self.journal.request.fixed),
            notes: Vec::new(),
            again: self.journal.request.again(),
            log: self.journal.path().display().to_string(),
        }
    }
}

fn unmeasurable(trail: &Trail) -> Error {
    let first = trail.outcome.skipped.first();
    let why = first.map_or_else(String::new, |s| {
        let lines: Vec<&str> = s.why.lines().take(12).collect();
        format!(
            "; {}, the first of them: {}",
            trail.commit(s.commit).sha.short(),
            lines.join("\n    ")
        )
    });
    Error::Failed(format!(
        "nothing to compare: {} of the {} commits tried gave no number{why}",
        trail.outcome.skipped.len(),
        trail.outcome.builds.max(trail.outcome.skipped.len())
    ))
}

/// The kind of answer; a hole at an end is no proof that nothing happened.
fn outcome(main: &Outcome, last: &Outcome) -> Found {
    match (main.answer, last.answer) {
        (Answer::NotReproduced, _) if main.skipped.is_empty() => Found::NoRegression,
        (Answer::Found, Answer::Found) => Found::Found,
        _ => Found::Range,
    }
}

fn reason(main: &Trail, fixed: bool) -> String {
    let o = &main.outcome;
    let other_way = (o.bad.value - o.good.value) * if fixed { -1.0 } else { 1.0 } < 0.0;
    match o.answer {
        Answer::NotReproduced if !o.skipped.is_empty() => {
            "the nearest commits that give numbers do not differ; what lies beyond them does not \
             build or run"
                .into()
        }
        Answer::NotReproduced if other_way && fixed => {
            "it became dearer; without --fixed the commit that did it is found".into()
        }
        Answer::NotReproduced if other_way => {
            "it became cheaper; --fixed finds the commit that did it".into()
        }
        Answer::NotReproduced => "the two ends do not differ by the smallest change of interest; \
                                  --limit sets a smaller one"
            .into(),
        _ => o.reason.clone(),
    }
}

fn steps(main: &Trail, last: &Trail) -> Vec<FoundStep> {
    let of = |t: &Trail, s: &super::Step| {
        let first = s.suspects.first().copied().unwrap_or(s.first_after);
        FoundStep {
            sha: t.commit(first).sha.clone(),
            subject: t.commit(first).subject.clone(),
            before: s.before.value,
            after: s.after.value,
            change: s.change,
            share: s.share,
            suspects: s
                .suspects
                .iter()
                .map(|&i| t.commit(i).sha.clone())
                .collect(),
        }
    };
    let mut steps: Vec<FoundStep> = main.outcome.steps.iter().map(|s| of(main, s)).collect();
    // Down a branch, the branch's own commit stands for the merge that brought it in.
    if main.section != last.section {
        let merge = main.culprit().map(|(c, _)| c.sha.clone());
        let step = last
            .outcome
            .steps
            .iter()
            .find(|s| s.suspects == last.outcome.suspects);
        let place = steps.iter().position(|s| Some(&s.sha) == merge.as_ref());
        if let (Some(step), Some(i)) = (step, place) {
            steps[i] = FoundStep {
                share: steps[i].share,
                ..of(last, step)
            };
        }
    }
    steps
}

fn skipped(main: &Trail, last: &Trail) -> Vec<Unmeasured> {
    let of = |t: &Trail| -> Vec<Unmeasured> {
        let name = |s: &super::Skipped| Unmeasured {
            sha: t.commit(s.commit).sha.clone(),
            why: s.why.clone(),
            suspect: s.touches,
        };
        t.outcome.skipped.iter().map(name).collect()
    };
    let mut all = of(main);
    if main.section != last.section {
        all.extend(of(last));
    }
    all
}

/// The command that takes a commit back; a merge needs the parent that stays.
fn undo(culprit: &Commit, parent: &Commit) -> String {
    let stays = culprit.parents.iter().position(|p| *p == parent.sha);
    match culprit.parents.len() {
        0 | 1 => format!("git revert {}", culprit.sha.short()),
        _ => format!(
            "git revert -m {} {}",
            stays.map_or(1, |i| i + 1),
            culprit.sha.short()
        ),
    }
}

/// What a log says when it is told to a search again.
///
/// # Errors
/// When the log's range is none.
pub fn replay(section: &Section) -> Result<Action> {
    Ok(section.search()?.next(1))
}
