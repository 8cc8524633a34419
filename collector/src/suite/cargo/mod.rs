//! Finds and builds the criterion benchmarks of a Cargo workspace, as they are.
//!
//! cargo runs with `/` as its directory and the worktree's manifest by path: it would
//! otherwise also read the `.cargo/config.toml` of every directory above, and above the
//! worktree lies the user's own checkout, at another commit. The worktree's own
//! configuration is handed over by name.

mod beside;
mod compile;
mod discover;
mod record;
mod run;
mod toolchain;

pub use discover::{BenchTarget, Discovery, discover};
pub use run::steering;
pub(super) use toolchain::{pinned_by, rustc_version};

use crate::suite::cargo::compile::{Compiled, compile};
use crate::suite::cargo::run::cargo;
use crate::suite::cargo::run::output;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::config::Config;
use crate::error::{Result, tail};
use crate::measure::env::Scratch;
use crate::suite::{BenchExecutable, Executables, Place, run_environment, workspace};

/// Whether the worktree holds a Cargo workspace where the configuration says.
pub(super) fn is_cargo(config: &Config, place: &Place) -> bool {
    workspace(config, &place.tree).join("Cargo.toml").is_file()
}

/// Makes the lock file of a worktree that has none, so that all commits get the same versions.
pub(super) fn generate_lock(config: &Config, place: &Place) -> Result<()> {
    let mut c = cargo(config, place);
    c.args(["generate-lockfile", "--manifest-path"]);
    c.arg(workspace(config, &place.tree).join("Cargo.toml"));
    output(&mut c, "cargo generate-lockfile failed").map(|_| ())
}

/// Builds the bench targets and asks each for its benchmarks.
pub(super) fn build(config: &Config, place: &Place, scratch: &Scratch) -> Result<Executables> {
    let found = discover(config, place)?;
    let compiled = compile(config, place, scratch, &found)?;
    let mut built = Executables {
        left_out: [found.left_out.clone(), compiled.notes.clone()].concat(),
        tree: place.tree.clone(),
        target: place.target.clone(),
        ..Executables::default()
    };
    for (target, file) in compiled.benches(&found) {
        // Any program may bring its own `main`; only criterion's knows `--list` for sure.
        let facts = crate::measure::symbols::read(&file)?;
        if facts.fences.is_empty() && !facts.exact {
            built.left_out.push(format!(
                "bench `{}` of `{}` brings its own main, without criterion",
                target.name, target.package
            ));
            continue;
        }
        built
            .executables
            .push(executable(place, &compiled, target, file));
    }
    beside::gather(&mut built, &compiled)?;
    for exe in &mut built.executables {
        list(config, place, exe);
    }
    built
        .executables
        .sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    Ok(built)
}

fn executable(
    place: &Place,
    compiled: &Compiled,
    target: &BenchTarget,
    file: std::path::PathBuf,
) -> BenchExecutable {
    let surroundings = compiled.surroundings.get(&file).cloned();
    let surroundings = surroundings.unwrap_or_default();
    let dir = surroundings.dir.unwrap_or_else(|| target.dir.clone());
    BenchExecutable {
        package: target.package.clone(),
        target: target.name.clone(),
        package_dir: relative(&dir, &place.tree),
        file,
        env: surroundings.env,
        ..BenchExecutable::default()
    }
}

fn relative(dir: &Path, tree: &Path) -> String {
    let canonical = tree.canonicalize().unwrap_or_else(|_| tree.to_path_buf());
    let inside = dir
        .strip_prefix(tree)
        .or_else(|_| dir.strip_prefix(&canonical));
    inside.map_or_else(|_| ".".into(), |p| p.display().to_string())
}

/// Asks a criterion executable for its benchmarks. One that cannot say is a failure of its own:
/// the others go on.
pub(super) fn list(config: &Config, place: &Place, exe: &mut BenchExecutable) {
    (exe.benchmarks, exe.unlisted) = match listed(config, place, exe) {
        Ok(names) => (names, None),
        Err(why) => (Vec::new(), Some(why)),
    };
}

fn listed(
    config: &Config,
    place: &Place,
    exe: &BenchExecutable,
) -> std::result::Result<Vec<String>, String> {
    let mut c = Command::new(&exe.file);
    c.args(["--bench", "--list"])
        .current_dir(place.tree.join(&exe.package_dir))
        .stdin(Stdio::null());
    c.envs(run_environment(config, place, exe));
    let before = crate::measure::child::Before::default();
    let limit = std::time::Duration::from_secs_f64(config.suite.timeout.0);
    let ended =
        crate::measure::child::run(&mut c, before, limit).map_err(|e| format!("--list: {e}"))?;
    if ended.timed_out {
        return Err("--list does not end".into());
    }
    if !ended.status.success() {
        let said = ended.said();
        return Err(format!(
            "--list ended with {}:\n{}",
            ended.status,
            tail(said.trim(), 2000)
        ));
    }
    Ok(parse_list(&String::from_utf8_lossy(&ended.stdout)))
}

/// Reads `name: benchmark` lines; anything else is what the benchmark's set-up printed.
fn parse_list(text: &str) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    text.lines()
        .filter_map(|l| {
            l.strip_suffix(": benchmark")
                .or_else(|| l.strip_suffix(": bench"))
        })
        .filter(|name| seen.insert((*name).to_string()))
        .map(String::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_names_of_any_characters() {
        let text = "setting up…\nfib 20: benchmark\ng/a b/é: x: benchmark\nold: bench\nfib 20: benchmark\n";
        assert_eq!(parse_list(text), ["fib 20", "g/a b/é: x", "old"]);
    }
}
