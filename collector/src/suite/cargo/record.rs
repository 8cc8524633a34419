//! What cargo gives a benchmark's process: recorded, not guessed. cargo is told to run a few
//! lines of shell in the place of each executable, which write down directory and environment:
//! `[env]` of the configuration, the libraries' search path, the package's variables.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::measure::env::Scratch;
use crate::measure::sandbox;
use crate::suite::Place;
use crate::suite::cargo::configuration::{built_for, declared_outside, lists_runner, obeyed};
use crate::suite::cargo::toolchain::{checkout, chosen_in, host};
use crate::system;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// What surrounds an executable when cargo runs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// Its directory.
    pub(super) dir: Option<PathBuf>,
    /// Variables that cargo adds, with `{tree}` and `{target}` for the place.
    pub(super) env: BTreeMap<String, String>,
}

const SCRIPT: &str = "file=\"$UPTICK_RECORDS/$$\"\nprintf '%s\\0' \"$1\" \"$(pwd)\" > \"$file\"\ncat /proc/self/environ >> \"$file\"\nexit 0\n";
const DIRECTORY: &str = "UPTICK_RECORDS";

/// Tells cargo, by options, to run the recorder instead of the executables.
pub(super) fn configure(c: &mut Command, scratch: &Scratch, config: &Config, place: &Place) {
    let script = scratch.path("recorder");
    let mut targets = vec![host(chosen_in(config, &place.tree).as_deref()).unwrap_or_default()];
    targets.extend(std::env::var("CARGO_BUILD_TARGET"));
    let files = obeyed(config, place);
    targets.extend(files.iter().flat_map(|f| built_for(f)));
    targets.retain(|t| !t.is_empty() && !t.ends_with(".json"));
    targets.sort();
    targets.dedup();
    for target in targets {
        let script = script.display();
        // cargo merges values of one kind only.
        let runner = if files.iter().any(|f| lists_runner(f, &target)) {
            format!("[\"/bin/sh\", \"{script}\"]")
        } else {
            format!("\"/bin/sh {script}\"")
        };
        c.arg("--config")
            .arg(format!("target.{target}.runner={runner}"));
    }
}

/// The records of one call of cargo.
pub(super) struct Recorder {
    dir: PathBuf,
    /// The environment that cargo itself was given.
    given: BTreeMap<OsString, OsString>,
}

impl Recorder {
    /// Prepares a call of cargo for being recorded.
    pub(super) fn new(scratch: &Scratch, command: &mut Command, place: &Place) -> Result<Self> {
        scratch.write("recorder", SCRIPT)?;
        let dir = scratch.slot()?;
        command.env(DIRECTORY, &dir);
        let mut given: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => given.insert(name.into(), value.into()),
                None => given.remove(name),
            };
        }
        // What the user says of a variable that cargo's files declare counts as cargo's.
        for name in declared_outside(checkout(&place.tree)) {
            given.remove(&OsString::from(name));
        }
        Ok(Self { dir, given })
    }

    /// Reads what was recorded, by executable.
    pub(super) fn read(&self, place: &Place) -> BTreeMap<PathBuf, Surroundings> {
        sandbox::drop_links(&self.dir);
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let records = entries.filter_map(|e| std::fs::read(e.path()).ok());
        let all = records.filter_map(|r| self.one(&r, place)).collect();
        let _ = std::fs::remove_dir_all(&self.dir).map_err(Error::io(&self.dir));
        all
    }

    fn one(&self, record: &[u8], place: &Place) -> Option<(PathBuf, Surroundings)> {
        let mut words = record.split(|b| *b == 0);
        let path = |w: &[u8]| PathBuf::from(system::name_of(w.to_vec()));
        let (file, dir) = (path(words.next()?), path(words.next()?));
        let mut env = BTreeMap::new();
        for word in words {
            let text = String::from_utf8_lossy(word);
            let Some((name, value)) = text.split_once('=') else {
                continue;
            };
            if let Some(value) = self.added(name, value) {
                env.insert(name.to_string(), place.leave_out(value));
            }
        }
        let dir = Some(dir);
        Some((file, Surroundings { dir, env }))
    }

    /// What cargo added to a variable, if it did and it is no matter of this machine.
    fn added<'a>(&self, name: &str, value: &'a str) -> Option<&'a str> {
        const OURS: [&str; 10] = [
            "PATH",
            "PWD",
            "OLDPWD",
            "SHLVL",
            "_",
            DIRECTORY,
            "CARGO_HOME",
            "RUST_RECURSION_COUNT",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
        ];
        if OURS.contains(&name) || name.starts_with("RUSTUP_") {
            return None;
        }
        match self.given.get(&OsString::from(name)) {
            None => Some(value),
            Some(given) if given.to_str() == Some(value) => None,
            // A search path stands before the one that was there.
            Some(given) => {
                let given = given.to_string_lossy();
                Some(
                    value
                        .strip_suffix(&*given)
                        .unwrap_or(value)
                        .trim_end_matches(':'),
                )
            }
        }
    }
}
