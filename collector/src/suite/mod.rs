//! From a commit's files to benchmarks that can be run.
//!
//! [`build`] takes a checked-out worktree and gives a [`Built`] suite: the criterion
//! benchmarks of a Cargo repository, found without any configuration, and the commands
//! of `uptick.toml`. Executables are kept by their build key ([`key`]), so that a known
//! key is never built again.

mod place;

pub use place::{BenchExecutable, Executables, Place};
mod cache;
mod cargo;
mod carry;
mod command;
pub mod key;

use crate::suite::place::run_environment;
use crate::suite::place::workspace;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::measure::env::Scratch;
use crate::measure::{Job, Kind, symbols};
use crate::model::Failure;

pub use cache::Cache;
pub use cargo::{Discovery, discover};
pub use carry::Carry;

/// A suite, ready to be measured.
#[derive(Debug, Default)]
pub struct Suite {
    /// Every benchmark, with the executable that profiles are symbolised with.
    pub jobs: Vec<(Job, Option<PathBuf>)>,
    /// The loaded size of each bench executable, with the benchmarks that it serves.
    pub sizes: Vec<(Vec<String>, u64)>,
    /// Commands that could not be built.
    pub failures: Vec<Failure>,
    /// For people: targets left out, names that stand twice.
    pub notes: Vec<String>,
    /// The worktree whose files debug information names; another worker's may have built it.
    pub built_in: PathBuf,
}

/// Builds everything that the configuration asks for in a worktree that stands at the commit.
///
/// # Errors
/// [`Error::Failed`] with the compiler's last words when cargo cannot build.
pub fn build(
    config: &Config,
    place: &Place,
    cache: &Cache,
    key: &str,
    scratch: &Scratch,
) -> Result<Suite> {
    let mut suite = Suite {
        built_in: place.tree.clone(),
        ..Suite::default()
    };
    if wants_criterion(config) && cargo::is_cargo(config, place) {
        let built = match cache.get(key) {
            Some(known) => known,
            None => {
                let built = cargo::build(config, place)?;
                cache.put(key, &built)?
            }
        };
        suite.notes.extend(built.left_out.iter().cloned());
        suite.built_in.clone_from(&built.tree);
        add_criterion(&mut suite, config, place, scratch, &built)?;
    }
    for command in &config.commands {
        if !config.wants(&command.name) {
            continue;
        }
        match command::build(config, command, place) {
            Ok(job) => suite.jobs.push((job, None)),
            Err(failure) => suite.failures.push(failure),
        }
    }
    disambiguate(&mut suite);
    Ok(suite)
}

/// Gives a worktree without a lock file of its own the one that all such commits share, so that
/// dependencies do not float from commit to commit. `seed` is where it is kept.
///
/// # Errors
/// When cargo cannot make one, or files cannot be copied.
pub fn seed_lock(config: &Config, place: &Place, seed: &Path) -> Result<()> {
    let lock = workspace(config, &place.tree).join("Cargo.lock");
    if lock.is_file() || !cargo::is_cargo(config, place) || !wants_criterion(config) {
        return Ok(());
    }
    if !seed.is_file() {
        cargo::generate_lock(config, place)?;
        if lock.is_file() {
            std::fs::copy(&lock, seed).map_err(Error::io(seed))?;
        }
        return Ok(());
    }
    std::fs::copy(seed, &lock).map_err(Error::io(&lock))?;
    Ok(())
}

/// Whether criterion's benchmarks must be built: not where only commands are asked for by their
/// names, whose old commits may well build when the benchmarks of that time do not.
fn wants_criterion(config: &Config) -> bool {
    let is_command = |name: &String| config.commands.iter().any(|c| c.name == *name);
    let only = &config.suite.only;
    config.suite.criterion && (only.is_empty() || !only.iter().all(is_command))
}

fn add_criterion(
    suite: &mut Suite,
    config: &Config,
    place: &Place,
    scratch: &Scratch,
    built: &Executables,
) -> Result<()> {
    for exe in &built.executables {
        let wanted: Vec<&String> = exe.benchmarks.iter().filter(|b| config.wants(b)).collect();
        if wanted.is_empty() {
            continue;
        }
        let facts = symbols::read(&exe.file)?;
        let program = scratch.install(&exe.file)?;
        suite.sizes.push((
            wanted.iter().map(|b| (*b).clone()).collect(),
            facts.loaded_size,
        ));
        let fences = Arc::new(if facts.is_static {
            Vec::new()
        } else {
            facts.fences
        });
        for name in wanted {
            let job = Job {
                name: name.clone(),
                program: program.clone(),
                kind: Kind::Criterion {
                    fences: fences.clone(),
                    exact: facts.exact,
                },
                dir: place.tree.join(&exe.package_dir),
                stdin: None,
                env: run_environment(config, place, &exe.package_dir),
                timeout: Duration::from_secs_f64(config.suite.timeout.0),
                jump: 0.into(),
            };
            suite.jobs.push((job, Some(exe.file.clone())));
        }
    }
    Ok(())
}

/// Two targets may hold benchmarks of the same name; the later one is told apart by its target.
fn disambiguate(suite: &mut Suite) {
    let mut seen = std::collections::BTreeSet::new();
    let mut kept = Vec::new();
    for (job, symbols) in std::mem::take(&mut suite.jobs) {
        if seen.insert(job.name.clone()) {
            kept.push((job, symbols));
        } else {
            suite.notes.push(format!(
                "two benchmarks are named `{}`: only the first is measured",
                job.name
            ));
        }
    }
    suite.jobs = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_asked_for_by_name_needs_no_criterion() {
        let mut config = Config::default();
        assert!(wants_criterion(&config));
        config.commands = vec![crate::config::Command {
            name: "work".into(),
            build: None,
            run: "./work".into(),
            stdin: None,
            dir: ".".into(),
            clock: crate::config::ClockMode::Real,
        }];
        assert!(wants_criterion(&config));
        config.suite.only = vec!["work".into()];
        assert!(!wants_criterion(&config));
        config.suite.only.push("parse/*".into());
        assert!(wants_criterion(&config));
    }
}
