//! Benchmarks that are commands of `uptick.toml`, in any language.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;

use super::{Place, cargo, machine};
use crate::config::{Command, Config, words};
use crate::measure::child::{self, Before};
use crate::measure::stage::{Stage, Standing};
use crate::measure::{Job, Kind, Seen, no_directory, sandbox};
use crate::model::{Failure, Fault, Phase};

/// A build may take longer than a run, but not for ever.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// Runs the build command and gives the job.
pub(super) fn build(
    config: &Config,
    command: &Command,
    place: &Place,
    stage: &Arc<Stage>,
) -> std::result::Result<Job, Failure> {
    let dir = place.tree.join(&command.dir);
    if let Some(script) = &command.build {
        if !dir.is_dir() {
            return Err(failure(command, no_directory(&dir)));
        }
        run_build(script, &dir, place).map_err(|m| failure(command, m))?;
    }
    let open_quote = || failure(command, format!("`{}` has an open quote", command.run));
    let words = words(&command.run).ok_or_else(open_quote)?;
    let mut words = words
        .into_iter()
        .map(|w| w.replace("{tree}", &place.tree.to_string_lossy()));
    let program = words.next().unwrap_or_default();
    let program = if program.contains('/') {
        dir.join(program)
    } else {
        PathBuf::from(program)
    };
    let mut env = config.suite.env.clone();
    env.insert("UPTICK_TREE".into(), place.tree.display().to_string());
    Ok(Job {
        name: command.name.clone(),
        program,
        kind: Kind::Command {
            args: words.collect(),
            clock: command.clock,
        },
        dir,
        stdin: command.stdin.as_ref().map(|p| place.tree.join(p)),
        env,
        timeout: Duration::from_secs_f64(config.suite.timeout.0),
        seen: Seen::default(),
        standing: Standing::new(stage, Vec::new()),
    })
}

fn run_build(script: &str, dir: &Path, place: &Place) -> std::result::Result<(), String> {
    let script = &script.replace(
        "{tree}",
        &crate::format::quoted(&place.tree.to_string_lossy()),
    );
    let mut c = Process::new("/bin/sh");
    sandbox::surround(&mut c);
    c.args(["-c", script])
        .current_dir(dir)
        .env("UPTICK_TREE", &place.tree);
    // The worktree lies in the checkout, and a toolchain file of another commit may stand there.
    if let Some(own) = cargo::toolchain_against(&place.tree) {
        c.env("RUSTUP_TOOLCHAIN", own);
    }
    // `run` finds what is built where the commit's own files put it.
    for elsewhere in [
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_BUILD_BUILD_DIR",
    ] {
        c.env_remove(elsewhere);
    }
    c.stdin(std::process::Stdio::null());
    let ended = child::run(&mut c, Before::foreign(None), BUILD_LIMIT)
        .map_err(|e| format!("`{script}` could not be started in {}: {e}", dir.display()))?;
    if ended.timed_out {
        return Err(format!("`{script}` did not end within an hour"));
    }
    if !ended.status.success() {
        return Err(format!(
            "`{script}` ended with {}:\n{}",
            ended.status,
            ended.said()
        ));
    }
    Ok(())
}

fn failure(command: &Command, message: String) -> Failure {
    let end = crate::error::tail(&message, 3000);
    let of = |message: &str| Failure::new(Some(command.name.clone()), Phase::Build, message);
    match machine::lacking(&message) {
        Some(line) => of(&format!("{}: {line}\n{end}", machine::ADVICE)).by(Fault::Machine),
        None => of(end),
    }
}
