//! Finds and builds the criterion benchmarks of a Cargo workspace, as they are.
//!
//! cargo runs with `/` as its directory and the worktree's manifest by path: it would
//! otherwise also read the `.cargo/config.toml` of every directory above, and above the
//! worktree lies the user's own checkout, at another commit. The worktree's own
//! configuration, and what lies above the checkout, is handed over by name.

mod beside;
mod compile;
mod configuration;
mod discover;
mod listing;
mod named;
mod record;
mod run;
mod scripts;
mod toolchain;

pub(super) use configuration::flags_left_out;
pub use discover::{BenchTarget, Discovery, discover};
pub(super) use listing::list;
pub use run::steering;
pub(super) use toolchain::{pinned_by, rustc_version, toolchain_against};

use crate::suite::cargo::compile::{Compiled, compile};
use crate::suite::cargo::run::cargo;
use crate::suite::cargo::run::{failed, output, plain};
use std::path::Path;
use std::time::Duration;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::measure::child::{self, Before};
use crate::measure::env::Scratch;
use crate::measure::sandbox;
use crate::suite::uncounted::Uncounted;
use crate::suite::{BenchExecutable, Executables, Place, kept, workspace};

/// How long fetching may take.
const FETCH: Duration = Duration::from_secs(600);

/// Whether the worktree holds a Cargo workspace where the configuration says.
pub(super) fn is_cargo(config: &Config, place: &Place) -> bool {
    workspace(config, &place.tree).join("Cargo.toml").is_file()
}

/// Refuses a workspace of a sandbox that leads out of it: where it lies is for the commit to say, and
/// uptick itself writes its lock file.
pub(super) fn refuse_links(config: &Config, place: &Place) -> Result<()> {
    let dir = workspace(config, &place.tree);
    let lock = dir.join("Cargo.lock");
    let is_linked = lock.symlink_metadata().is_ok_and(|f| f.is_symlink());
    if sandbox::is_on() && (!sandbox::may_read(&dir) || is_linked) {
        return Err(Error::Build(format!(
            "{}, or its lock file, leads out of the sandbox",
            config.suite.dir
        )));
    }
    Ok(())
}

/// Brings what a commit depends on, before anything of it runs in a sandbox, where there is no
/// network. Nothing of the commit is obeyed here: its configuration of cargo may name programs.
fn fetch(config: &Config, place: &Place) -> Result<()> {
    if !sandbox::is_on() {
        return Ok(());
    }
    let mut c = plain();
    c.args(["fetch", "--quiet", "--manifest-path"]);
    c.arg(workspace(config, &place.tree).join("Cargo.toml"));
    c.env_remove("RUSTUP_TOOLCHAIN");
    let ended = child::run(&mut c, Before::default(), FETCH);
    let why = match &ended {
        Ok(ended) if ended.status.success() => return Ok(()),
        Ok(ended) if ended.timed_out => "it did not end within ten minutes".to_string(),
        Ok(ended) => ended.said(),
        Err(e) => e.to_string(),
    };
    Err(failed("cargo fetch failed", &why).of_checkout())
}

/// Makes the lock file of a worktree that has none, so that all commits get the same versions.
pub(super) fn generate_lock(config: &Config, place: &Place) -> Result<()> {
    if sandbox::is_on() {
        return fetch(config, place);
    }
    let mut c = cargo(config, place);
    c.args(["generate-lockfile", "--manifest-path"]);
    c.arg(workspace(config, &place.tree).join("Cargo.toml"));
    output(&mut c, "cargo generate-lockfile failed").map(|_| ())
}

/// Builds the bench targets and asks each for its benchmarks.
pub(super) fn build(config: &Config, place: &Place, scratch: &Scratch) -> Result<Executables> {
    let found = discover(config, place)?;
    fetch(config, place)?;
    kept::renew_named(&named::files(config, place), &place.target)?;
    kept::renew(&place.tree, &place.target)?;
    scripts::renew(&found.scripts, &place.tree)?;
    let compiled = compile(config, place, scratch, &found)?;
    let mut built = Executables {
        left_out: [found.left_out.clone(), compiled.notes.clone()].concat(),
        uncounted: found.uncounted.clone(),
        tree: place.tree.clone(),
        target: place.target.clone(),
        runner: configuration::runner(config, place),
        ..Executables::default()
    };
    for (target, file) in compiled.benches(&found) {
        // Any program may bring its own `main`; only criterion's knows `--list` for sure.
        let facts = crate::measure::symbols::read(&file)?;
        if facts.boundaries.is_empty() && !facts.exact {
            built.uncounted.push(Uncounted {
                package: target.package.clone(),
                target: target.name.clone(),
                framework: facts.framework,
            });
            continue;
        }
        built
            .executables
            .push(executable(place, &compiled, target, file));
    }
    beside::gather(&mut built, &compiled)?;
    for exe in &mut built.executables {
        list(config, place, scratch, exe);
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
