//! Finds and builds the criterion benchmarks of a Cargo workspace, as they are.
//!
//! cargo runs with `/` as its directory and the worktree's manifest by path: it would
//! otherwise also read the `.cargo/config.toml` of every directory above, and above the
//! worktree lies the user's own checkout, at another commit. The worktree's own
//! configuration is handed over by name.

mod discover;
mod run;
mod toolchain;

pub use discover::{Discovery, discover};
pub(super) use toolchain::{pinned_by, rustc_version};

use crate::suite::cargo::run::Message;
use crate::suite::cargo::run::cargo;
use crate::suite::cargo::run::{failed, output};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::suite::{BenchExecutable, Executables, Place, workspace};

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
pub(super) fn build(config: &Config, place: &Place) -> Result<Executables> {
    let found = discover(config, place)?;
    if found.targets.is_empty() {
        return Ok(Executables {
            executables: Vec::new(),
            left_out: found.left_out,
            tree: place.tree.clone(),
        });
    }
    let stdout = output(
        &mut bench_command(config, place, &found),
        "the benchmarks do not build",
    )?;
    let mut executables = Vec::new();
    let mut left_out = found.left_out.clone();
    for line in String::from_utf8_lossy(&stdout).lines() {
        let Ok(m) = serde_json::from_str::<Message>(line) else {
            continue;
        };
        let (Some(file), Some(target), Some(manifest)) = (m.executable, m.target, m.manifest_path)
        else {
            continue;
        };
        if m.reason != "compiler-artifact" || !target.kind.iter().any(|k| k == "bench") {
            continue;
        }
        let dir = manifest.parent().unwrap_or(Path::new("/"));
        let Some((package, _, _)) = found
            .targets
            .iter()
            .find(|(_, d, t)| d == dir && *t == target.name)
        else {
            continue;
        };
        let package_dir = relative(dir, &place.tree);
        // Any program may bring its own `main`; only criterion's knows `--list` for sure.
        let facts = crate::measure::symbols::read(&file)?;
        if facts.fences.is_empty() && !facts.exact {
            left_out.push(format!(
                "bench `{}` of `{package}` brings its own main, without criterion",
                target.name
            ));
            continue;
        }
        let benchmarks = list(config, place, &file, dir)?;
        executables.push(BenchExecutable {
            package: package.clone(),
            target: target.name,
            file,
            package_dir,
            benchmarks,
        });
    }
    executables.sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    Ok(Executables {
        executables,
        left_out,
        tree: place.tree.clone(),
    })
}

fn relative(dir: &Path, tree: &Path) -> String {
    let canonical = tree.canonicalize().unwrap_or_else(|_| tree.to_path_buf());
    let inside = dir
        .strip_prefix(tree)
        .or_else(|_| dir.strip_prefix(&canonical));
    inside.map_or_else(|_| ".".into(), |p| p.display().to_string())
}

fn bench_command(config: &Config, place: &Place, found: &Discovery) -> Command {
    let suite = &config.suite;
    let mut c = cargo(config, place);
    c.args([
        "bench",
        "--no-run",
        "--message-format=json",
        "--manifest-path",
    ]);
    let dir = workspace(config, &place.tree);
    c.arg(dir.join("Cargo.toml"));
    c.args(["--profile", &suite.profile]);
    let packages: BTreeSet<&String> = found.targets.iter().map(|(p, _, _)| p).collect();
    let benches: BTreeSet<&String> = found.targets.iter().map(|(_, _, t)| t).collect();
    packages.iter().for_each(|p| {
        c.args(["-p", found.specs.get(*p).unwrap_or(p)]);
    });
    benches.iter().for_each(|b| {
        c.args(["--bench", b]);
    });
    if !suite.features.is_empty() {
        c.arg("--features").arg(suite.features.join(","));
    }
    if suite.all_features {
        c.arg("--all-features");
    }
    if suite.no_default_features {
        c.arg("--no-default-features");
    }
    // Symbols bound the counted region and level 1 names functions, inlined ones too, by
    // file and line, at half the size of level 2; none of it changes code.
    let profile = suite.profile.to_uppercase().replace('-', "_");
    c.env(format!("CARGO_PROFILE_{profile}_DEBUG"), "1");
    c.env(format!("CARGO_PROFILE_{profile}_STRIP"), "none");
    c.env("CARGO_TARGET_DIR", &place.target);
    c
}

/// The benchmarks that a criterion executable lists.
fn list(config: &Config, place: &Place, file: &Path, dir: &Path) -> Result<Vec<String>> {
    let mut c = Command::new(file);
    c.args(["--bench", "--list"])
        .current_dir(dir)
        .stdin(Stdio::null());
    c.envs(super::run_environment(
        config,
        place,
        &relative(dir, &place.tree),
    ));
    let before = crate::measure::child::Before::default();
    let limit = std::time::Duration::from_secs_f64(config.suite.timeout.0);
    let ended = crate::measure::child::run(&mut c, before, limit)
        .map_err(|e| Error::Failed(format!("{}: {e}", file.display())))?;
    if ended.timed_out || !ended.status.success() {
        let why = if ended.timed_out {
            "does not end".into()
        } else {
            ended.status.to_string()
        };
        return Err(failed(
            &format!("{} --list failed ({why})", file.display()),
            &ended.said(),
        ));
    }
    let names = parse_list(&String::from_utf8_lossy(&ended.stdout));
    Ok(names)
}

/// Reads `name: benchmark` lines; anything else is what the benchmark's set-up printed.
fn parse_list(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
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
