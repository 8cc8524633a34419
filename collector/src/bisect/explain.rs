//! Where the cost went: before the search as a prior, after it as the answer.

use std::collections::{BTreeMap, HashMap};

use crate::bisect::journal::Event;
use crate::bisect::line::Line;
use crate::bisect::probe;
use crate::bisect::{Hunt, Trail};
use crate::error::{Error, Result};
use crate::explain::{self, Pair};
use crate::judge::{self, Judged, Overrides};
use crate::model::{Commit, Metric, Sha};
use crate::profile::delta::{self, Explanation};
use crate::run::{BuiltCommit, Reuse};
use crate::search::finding::{Finding, Found};
use crate::search::{Noise, Search, Step};

/// Two runs of a step that repeat it within this share of it are the same step.
const REPEATS: f64 = 0.2;

impl Hunt<'_> {
    /// Whether profiles of both ends would help now: the ends are known, the rest is not.
    pub(super) fn wants_prior(&self, section: usize, search: &Search, line: &Line) -> bool {
        let s = &self.journal.sections[section];
        let counts = matches!(
            self.asked.metric,
            Metric::Instructions | Metric::InstructionsCold | Metric::CpuTime | Metric::WallTime
        );
        !s.informed
            && self.collectors.is_none()
            && counts
            && line.builds() >= super::WORTH_PROFILES
            && search.ends().is_some()
            && explain::possible(self.runner)
    }

    /// Takes profiles of both ends, and tells the log in whose files the cost moved.
    pub(super) fn learn(&mut self, search: &Search, line: &Line) -> Result<()> {
        let shares = match search.ends() {
            Some((lo, hi)) => {
                let (a, b) = (&line.commits[lo].sha, &line.commits[hi].sha);
                self.difference(a, b)?
                    .map(|e| shares(&e, &line.touched))
                    .unwrap_or_default()
            }
            None => Vec::new(),
        };
        self.journal.note(Event::Prior { shares })
    }

    /// Both commits, each built in a worktree of its own.
    fn benches(&mut self, base: &Sha, head: &Sha) -> Result<Option<(BuiltCommit, BuiltCommit)>> {
        let head = self.runner.build(0, head, self.progress);
        let base = self.runner.build(1, base, self.progress);
        match (base, head) {
            (Ok((_, b)), Ok((_, h))) => Ok(Some((b, h))),
            (Err(e), _) | (_, Err(e)) if e.is_of_one_commit() => Ok(None),
            // What was found stands without its explanation.
            (Err(Error::Busy(_)), _) | (_, Err(Error::Busy(_))) => Ok(None),
            (Err(e), _) | (_, Err(e)) => Err(e),
        }
    }

    /// What the profiles of two commits differ in; `None` where none could be taken.
    fn difference(&mut self, base: &Sha, head: &Sha) -> Result<Option<Explanation>> {
        let Some((b, h)) = self.benches(base, head)? else {
            return Ok(None);
        };
        self.progress.stage("taking profiles of both ends");
        let name = &self.asked.benchmark;
        let take = |bench| explain::take(self.runner, bench, name);
        let (Ok(before), Ok(after)) = (take(&b), take(&h)) else {
            return Ok(None);
        };
        let hunks = self.runner.repo().hunks(base, head).unwrap_or_default();
        Ok(Some(delta::explain(&before, &after, 0.0, &hunks)))
    }

    /// Verifies the culprit against its parent, and says which functions and lines did it.
    pub(super) fn explain(&mut self, finding: &mut Finding, trail: &Trail) -> Result<()> {
        let blamed = |s: &&Step| s.suspects == trail.outcome.suspects;
        let step = trail.outcome.steps.iter().find(blamed);
        let Some(step) = step.filter(|_| finding.outcome != Found::NoRegression) else {
            return Ok(());
        };
        let base = trail.commit(step.last_before).clone();
        let head = trail.commit(step.first_after).clone();
        if let [only] = trail.outcome.suspects[..] {
            finding.dependencies = self.dependencies(trail, only, &base);
        }
        if let Some(collectors) = self.collectors {
            return self.explain_there(collectors, finding, (step, &base, &head));
        }
        let Some(pair) = self.benches(&base.sha, &head.sha)? else {
            return Ok(());
        };
        if trail.outcome.exact {
            let repeats = self.journal.sections[trail.section].options.noise == Noise::Exact;
            let again = self.verify(&pair, if repeats { 1 } else { 3 });
            if self.is_contradicted(finding, step, again) {
                return Ok(());
            }
        }
        self.functions(finding, &base, &head, &pair)
    }

    /// Takes down whether a step shows again; gives whether it does not.
    pub(super) fn is_contradicted(
        &mut self,
        finding: &mut Finding,
        step: &Step,
        again: Again,
    ) -> bool {
        match again {
            Again::Seen(before, after) => {
                let holds = repeated((step.before.value, step.after.value), (before, after));
                finding.verified = Some(holds);
                if !holds {
                    finding.contradict(before, after);
                }
                return !holds;
            }
            Again::Failed(why) => self.notes.push(format!("not verified: {why}")),
            Again::NotAsked => {}
        }
        false
    }

    /// Measures both sides again, in turn: the middle of some runs of each.
    fn verify(&self, (base, head): &(BuiltCommit, BuiltCommit), runs: usize) -> Again {
        let Some(like) = self.like.as_ref() else {
            return Again::NotAsked;
        };
        if like.metric == Metric::BinarySize {
            return Again::NotAsked;
        }
        self.progress
            .stage("verifying the culprit against its parent");
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for i in 0..runs {
            for (side, bench) in [(&mut before, base), (&mut after, head)] {
                match probe::sample(self.runner, bench, like, i) {
                    Ok(value) => side.push(value),
                    Err(why) => return Again::Failed(why),
                }
            }
        }
        let middle = crate::stats::median;
        match (middle(&before), middle(&after)) {
            (Some(before), Some(after)) => Again::Seen(before, after),
            _ => Again::NotAsked,
        }
    }

    fn functions(
        &mut self,
        finding: &mut Finding,
        base: &Commit,
        head: &Commit,
        (base_bench, head_bench): &(BuiltCommit, BuiltCommit),
    ) -> Result<()> {
        if !explain::possible(self.runner) {
            self.notes
                .push("functions cannot be named without valgrind".into());
            return Ok(());
        }
        let reports = [&base.sha, &head.sha].map(|sha| {
            self.runner
                .report(self.store, sha, Reuse::Everything, self.progress)
        });
        let [before, after] = reports;
        let (before, after) = (before?, after?);
        let config = self.runner.config().clone();
        let mut rows = judge::rows(
            &before,
            &after,
            &config,
            &Overrides::default(),
            &Judged::only([Metric::Instructions]),
            &|_| Vec::new(),
        );
        rows.retain(|r| r.benchmark == self.asked.benchmark && r.metric == Metric::Instructions);
        if rows.is_empty() {
            return Ok(());
        }
        self.progress
            .stage("taking profiles of the culprit and its parent");
        // A clone that lacks a file cannot be asked for its lines; the functions are found anyway.
        let hunks = self
            .runner
            .repo()
            .hunks(&base.sha, &head.sha)
            .unwrap_or_default();
        let pair = Pair {
            base: base_bench,
            head: head_bench,
            hunks: &hunks,
            against: None,
        };
        explain::rows(
            self.runner,
            self.store,
            &mut rows,
            &[0],
            &pair,
            &mut self.notes,
        )?;
        let Some(row) = rows.pop() else {
            return Ok(());
        };
        finding.functions = row.functions;
        finding.functions_explain = row.explained;
        finding.likely = row.likely;
        finding.flamegraph = row.flamegraph;
        Ok(())
    }

    /// The versions that a culprit changes, if all it changes is which dependencies are used.
    fn dependencies(&self, trail: &Trail, culprit: usize, base: &Commit) -> Vec<String> {
        let files = &trail.line.touched[culprit];
        let name = |f: &String| f.rsplit('/').next().unwrap_or("").to_string();
        let only = |f: &String| matches!(name(f).as_str(), "Cargo.lock" | "Cargo.toml");
        if files.is_empty() || !files.iter().all(only) {
            return Vec::new();
        }
        // Without a lock file in the repository the manifests say which versions are used.
        let has_lock = files.iter().any(|f| name(f) == "Cargo.lock");
        let chosen = if has_lock { "Cargo.lock" } else { "Cargo.toml" };
        let read: fn(&str) -> Versions = if has_lock { versions } else { requirements };
        let repo = self.runner.repo();
        let read = |sha: &Sha, f: &String| read(&repo.file(sha, f).unwrap_or_default());
        files
            .iter()
            .filter(|f| name(f) == chosen)
            .flat_map(|f| bumps(&read(&base.sha, f), &read(&trail.commit(culprit).sha, f)))
            .collect()
    }
}

/// What came of measuring the culprit and its parent again.
pub(super) enum Again {
    /// The parent's value, and the culprit's.
    Seen(f64, f64),
    /// One of them gives no number now.
    Failed(String),
    /// There is nothing to run.
    NotAsked,
}

/// Whether a step shows again: between other levels, it is the step of another program.
fn repeated(was: (f64, f64), is: (f64, f64)) -> bool {
    let delta = was.1 - was.0;
    let near = |a: f64, b: f64| (a - b).abs() <= REPEATS * delta.abs();
    near(is.1 - is.0, delta)
}

/// For each commit the share of the moved cost that lies in files which it touches.
///
/// Code of a dependency lies in no file of the repository; it counts for the commits that
/// change which versions are used: by the lock file, or where none is committed by a manifest.
fn shares(e: &Explanation, touched: &[Vec<String>]) -> Vec<f64> {
    let mut by_file: HashMap<&str, f64> = HashMap::new();
    for line in &e.lines {
        *by_file.entry(&line.file).or_default() += line.delta().unsigned_abs() as f64;
    }
    let foreign = |f: &Option<String>| {
        f.as_ref()
            .is_some_and(|f| f.contains("/registry/src/") || f.contains("/git/checkouts/"))
    };
    let outside: f64 = e
        .functions
        .iter()
        .filter(|f| foreign(&f.file))
        .map(|f| f.delta.unsigned_abs() as f64)
        .sum();
    let total = by_file.values().sum::<f64>() + outside;
    if total <= 0.0 {
        return Vec::new();
    }
    let locked = touched.iter().flatten().any(|f| f.ends_with("Cargo.lock"));
    let chosen = if locked { "Cargo.lock" } else { "Cargo.toml" };
    let of = |path: &String| {
        if path.ends_with(chosen) {
            outside
        } else {
            by_file.get(path.as_str()).copied().unwrap_or(0.0)
        }
    };
    touched
        .iter()
        .map(|files| (files.iter().map(of).sum::<f64>() / total).min(1.0))
        .collect()
}

/// Versions by package.
type Versions = BTreeMap<String, Vec<String>>;

/// The versions of each package that a manifest asks for, in any of its tables of dependencies.
fn requirements(manifest: &str) -> Versions {
    let mut found = Versions::new();
    let table: toml::Table = manifest.parse().unwrap_or_default();
    let mut tables = vec![&table];
    while let Some(t) = tables.pop() {
        for (key, value) in t {
            let Some(inner) = value.as_table() else {
                continue;
            };
            if !key.ends_with("dependencies") {
                tables.push(inner);
                continue;
            }
            for (name, asked) in inner {
                let version = asked.as_str().or_else(|| asked.get("version")?.as_str());
                found
                    .entry(name.clone())
                    .or_default()
                    .extend(version.map(String::from));
            }
        }
    }
    found
}

/// The versions of each package that a lock file names.
fn versions(lock: &str) -> Versions {
    let mut found = Versions::new();
    let table: toml::Table = lock.parse().unwrap_or_default();
    let packages = table.get("package").and_then(toml::Value::as_array);
    for package in packages.into_iter().flatten() {
        let text = |key: &str| package.get(key).and_then(toml::Value::as_str);
        if let (Some(name), Some(version)) = (text("name"), text("version")) {
            found.entry(name.into()).or_default().push(version.into());
        }
    }
    found
}

/// `regex 1.9.0 → 1.10.2`, one a package whose versions differ.
fn bumps(old: &Versions, new: &Versions) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let at =
        |all: &Versions, name: &String| all.get(name).map_or("none".to_string(), |v| v.join(", "));
    names
        .into_iter()
        .filter(|n| old.get(*n) != new.get(*n))
        .map(|n| format!("{n} {} → {}", at(old, n), at(new, n)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_names_both_versions() {
        let old = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n";
        let new = "[[package]]\nname = \"a\"\nversion = \"1.0.1\"\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        assert_eq!(
            bumps(&versions(old), &versions(new)),
            ["a 1.0.0 → 1.0.1", "b none → 2.0.0"]
        );
        assert!(bumps(&versions(new), &versions(new)).is_empty());
    }

    #[test]
    fn a_bump_in_a_manifest_names_both_requirements() {
        let old = "[dependencies]\na = \"0.6.7\"\n[features]\nx = []\n";
        let new = "[dependencies]\na = { version = \"0.7\", optional = true }\n\
                   [target.'cfg(unix)'.dev-dependencies]\nb = \"1\"\n";
        assert_eq!(
            bumps(&requirements(old), &requirements(new)),
            ["a 0.6.7 → 0.7", "b none → 1"]
        );
    }
}
