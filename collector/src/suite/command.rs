//! Benchmarks that are commands of `uptick.toml`, in any language.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;

use super::{Place, cargo, machine};
use crate::config::{Command, Config, words};
use crate::error::tail;
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
        run_build(script, &dir, place).map_err(|broken| broken.of(command))?;
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

/// Why a build command came to no good end, and what it wrote by itself.
struct Broken {
    why: String,
    said: String,
}

impl Broken {
    /// Without a word of its own.
    const fn silent(why: String) -> Self {
        let said = String::new();
        Self { why, said }
    }

    /// Its script may name what a machine says that lacks something: what it wrote decides.
    fn of(self, command: &Command) -> Failure {
        let Self { why, said } = self;
        match machine::lacking(&said) {
            Some(line) => {
                let why = format!("{}: {line}\n{}", machine::ADVICE, tail(&said, 3000));
                failure(command, why).by(Fault::Machine)
            }
            None => failure(command, format!("{why}{said}")),
        }
    }
}

fn run_build(script: &str, dir: &Path, place: &Place) -> std::result::Result<(), Broken> {
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
        .map_err(|e| format!("`{script}` could not be started in {}: {e}", dir.display()))
        .map_err(Broken::silent)?;
    if ended.timed_out {
        let why = format!("`{script}` did not end within an hour");
        return Err(Broken::silent(why));
    }
    if !ended.status.success() {
        return Err(Broken {
            why: format!("`{script}` ended with {}:\n", ended.status),
            said: ended.said().to_string(),
        });
    }
    Ok(())
}

fn failure(command: &Command, message: String) -> Failure {
    let end = tail(&message, 3000);
    Failure::new(Some(command.name.clone()), Phase::Build, end)
}
