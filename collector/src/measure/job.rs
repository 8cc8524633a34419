//! A benchmark, ready to run: its program, its arguments for each kind of run, what surrounds it.

use super::child::Ended;
use super::env::{self, Pins, Scratch};
use super::stage::{Standing, Turn};
use super::symbols::Boundary;
use super::{RunError, sandbox};
use crate::config::{ClockMode, Strings};
use crate::model::{Counter, Metric};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How everything in one go is measured.
#[derive(Debug)]
pub struct Session {
    /// Where runs happen.
    pub scratch: Scratch,
    /// The counter of instructions, or `clock` where there is none.
    pub counter: Counter,
    /// How libc's string functions are chosen.
    pub strings: Strings,
    /// Metrics asked for by name, beside those that cost nothing.
    pub metrics: Vec<Metric>,
}

/// A benchmark, ready to run.
#[derive(Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The executable, or the program of a command.
    pub program: PathBuf,
    /// What kind of program it is.
    pub kind: Kind,
    /// The working directory.
    pub dir: PathBuf,
    /// The file that becomes standard input.
    pub stdin: Option<PathBuf>,
    /// Declared variables.
    pub env: BTreeMap<String, String>,
    /// The longest that one run may take.
    pub timeout: Duration,
    /// What its runs have shown so far.
    pub seen: Seen,
    /// What must stand where it looks.
    pub standing: Standing,
}

/// What the runs of a job have shown so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// The reading at which the faked clock jumps, once it is known to differ from the usual.
    jump: AtomicU64,
    /// What a command that ended with 0 wrote of work that it could not do.
    complaint: OnceLock<String>,
    /// The program by which cargo would run it, and which is not used.
    runner: Option<String>,
}

impl Seen {
    /// Nothing yet; what cargo would run it by is known before.
    #[must_use]
    pub fn without(runner: Option<String>) -> Self {
        Self {
            runner,
            ..Self::default()
        }
    }
}

/// What kind of program a job is.
#[derive(Debug)]
pub enum Kind {
    /// A benchmark inside a criterion executable.
    Criterion {
        /// Its id in the executable, which [`Job::name`] is not where another target has the same
        /// or a variant is measured.
        id: String,
        /// The methods that bound its calls; empty: the whole process is counted.
        boundaries: Arc<Vec<Boundary>>,
        /// Whether it knows `--exact`.
        exact: bool,
        /// Whether nothing can be preloaded into it.
        is_static: bool,
        /// What selects it, where its id does not.
        filter: Option<Filter>,
    },
    /// A command.
    Command {
        /// Its arguments.
        args: Vec<String>,
        /// The clock that it sees.
        clock: ClockMode,
    },
}

/// What selects a benchmark whose title is not its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// A regular expression that matches it alone.
    Pattern(String),
    /// An id that several benchmarks have; it is the first of them.
    First(String),
    /// A regular expression that matches several; it is the first of them.
    FirstOf(String),
}

impl Job {
    /// Whether others are run after it, because nothing tells them apart.
    pub(super) fn shares_its_name(&self) -> bool {
        let Kind::Criterion { filter, .. } = &self.kind else {
            return false;
        };
        matches!(filter, Some(Filter::First(_) | Filter::FirstOf(_)))
    }

    pub(super) fn boundaries(&self) -> &[Boundary] {
        match &self.kind {
            Kind::Criterion { boundaries, .. } => boundaries,
            Kind::Command { .. } => &[],
        }
    }

    /// Waits until its own files stand where it looks, and keeps them there.
    pub(super) fn stand(&self) -> std::result::Result<Turn<'_>, RunError> {
        self.standing.enter().map_err(|e| {
            RunError::machine(format!(
                "the commit's files cannot be put where it was built: {e}"
            ))
        })
    }

    pub(super) fn jump(&self) -> u64 {
        match self.seen.jump.load(Ordering::Relaxed) {
            0 => USUAL_JUMP,
            known => known,
        }
    }

    pub(super) fn remember_jump(&self, jump: u64) {
        self.seen.jump.store(jump, Ordering::Relaxed);
    }

    /// Takes the end of a run that succeeded: a shell whose pipeline lacks a program goes on
    /// without it, and may end with 0.
    pub(super) fn ended_well(&self, ended: &Ended) {
        if let (Kind::Command { .. }, Some(said)) = (&self.kind, ended.complaint()) {
            self.seen.complaint.get_or_init(|| said);
        }
    }

    /// What a reader must know of a command that complained, or of a benchmark that is not run as
    /// cargo would run it.
    pub(super) fn complaint(&self) -> Option<String> {
        if let Some(runner) = &self.seen.runner {
            let runner = crate::error::tail(runner, 100);
            return Some(format!(
                "cargo would run it by `{runner}`, the `runner` of its configuration, and it is \
                 counted without: what that sets (as `env` under [suite] can) is missing"
            ));
        }
        let said = self.seen.complaint.get()?;
        Some(format!(
            "it ended with 0 and wrote `{said}`: see that it does its work"
        ))
    }

    /// The jump for a run that is counted whole: a faked clock that never jumps, or none.
    pub(super) fn whole_process_clock(&self) -> Option<u64> {
        match self.kind {
            Kind::Command {
                clock: ClockMode::Fixed,
                ..
            } => Some(u64::MAX),
            _ => None,
        }
    }

    /// Gives a command this job's directory, and an environment that holds what is declared and
    /// pinned and nothing of ours.
    pub(super) fn surround(
        &self,
        command: &mut std::process::Command,
        session: &Session,
        slot: &Path,
        pins: &Pins,
    ) -> std::result::Result<(), RunError> {
        if matches!(self.kind, Kind::Command { .. }) && !self.dir.is_dir() {
            return Err(RunError::new(no_directory(&self.dir)));
        }
        let environment =
            env::environment(&session.scratch, slot, pins, session.strings, &self.env);
        command.current_dir(&self.dir).env_clear().envs(environment);
        Ok(())
    }

    /// What it reads as its standard input, which must stay open until it is started.
    pub(super) fn open_stdin(&self) -> std::result::Result<Option<File>, RunError> {
        let Some(path) = &self.stdin else {
            return Ok(None);
        };
        let failed = |why: String| RunError::new(format!("stdin: {}: {why}", path.display()));
        if !sandbox::may_read(path) {
            return Err(failed("it lies outside of the sandbox".into()));
        }
        let file = File::open(path).map_err(|e| failed(e.to_string()))?;
        if crate::files::is_pointer(&file) {
            return Err(failed(
                "it holds a pointer of git-lfs, and not its content, which `git lfs install` and \
                 `git lfs pull` bring"
                    .into(),
            ));
        }
        Ok(Some(file))
    }

    /// Selects exactly this benchmark in a criterion executable.
    fn selection(id: &str, exact: bool, filter: Option<&Filter>) -> [String; 2] {
        match filter {
            Some(Filter::Pattern(p) | Filter::FirstOf(p)) => [p.clone(), "--noplot".into()],
            // An id that begins as an option does would be taken for one.
            _ if exact && !id.starts_with('-') => ["--exact".into(), id.into()],
            // Before 0.5 the filter is a regular expression and nothing else.
            _ => [format!("^{}$", escape(id)), "--noplot".into()],
        }
    }

    pub(super) fn criterion(&self, mode: &[&str]) -> Vec<String> {
        let Kind::Criterion {
            id, exact, filter, ..
        } = &self.kind
        else {
            return Vec::new();
        };
        let mut all = vec!["--bench".to_string()];
        all.extend(mode.iter().map(|s| (*s).to_string()));
        all.extend(Self::selection(id, *exact, filter.as_ref()));
        all
    }

    /// Arguments of a counting run.
    pub(super) fn arguments(&self, profile_seconds: &str) -> Vec<String> {
        match &self.kind {
            Kind::Command { args, .. } => args.clone(),
            Kind::Criterion { boundaries, .. } if boundaries.is_empty() => self.test_arguments(),
            Kind::Criterion { .. } => self.criterion(&["--profile-time", profile_seconds]),
        }
    }

    /// Arguments of a run with a single iteration.
    pub(super) fn test_arguments(&self) -> Vec<String> {
        self.criterion(&["--test"])
    }

    /// Arguments of a run in which criterion samples.
    pub(super) fn sampling_arguments(&self) -> Vec<String> {
        let quick = [
            "--warm-up-time",
            "0.3",
            "--measurement-time",
            "1",
            "--sample-size",
            "30",
        ];
        let mut all = self.criterion(&quick);
        if !all.iter().any(|a| a == "--noplot") {
            all.push("--noplot".into());
        }
        all
    }
}

/// What is said of a directory that the configuration names and the commit lacks.
pub(crate) fn no_directory(dir: &Path) -> String {
    let dir = dir.display();
    format!("`dir` names no directory of this commit: there is no {dir}")
}

/// Escapes what a regular expression would take for more than text.
pub(crate) fn escape(name: &str) -> String {
    let special = |c: char| "\\.+*?()|[]{}^$#&-~".contains(c);
    name.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

/// The reading of the clock at which the warm-up ends when nobody else reads it: the second
/// of the second call.
const USUAL_JUMP: u64 = 6;

/// Runs that a benchmark needs that does not repeat exactly, or that is sampled.
pub const RUNS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_characters_select_themselves_only() {
        assert_eq!(escape("a+b (c)/d.e"), "a\\+b \\(c\\)/d\\.e");
    }
}
