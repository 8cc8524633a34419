//! Compiles bench targets as `cargo bench` does.

use super::discover::{BenchTarget, Discovery, Likely};
use super::record::{self, Surroundings};
use super::run::{Message, cargo, failed, messages, outcome};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::measure::env::Scratch;
use crate::measure::symbols;
use crate::suite::{Place, workspace};
use crate::system;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo built and said.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) messages: Vec<Message>,
    /// What surrounds each executable when cargo runs it.
    pub(super) surroundings: BTreeMap<PathBuf, Surroundings>,
    /// What a reader should know.
    pub(super) notes: Vec<String>,
}

impl Compiled {
    /// The executables of the targets that were asked for.
    pub(super) fn benches<'a>(&self, found: &'a Discovery) -> Vec<(&'a BenchTarget, PathBuf)> {
        let mut all = Vec::new();
        for m in self
            .messages
            .iter()
            .filter(|m| m.reason == "compiler-artifact")
        {
            let (Some(file), Some(target), Some(manifest)) =
                (&m.executable, &m.target, &m.manifest_path)
            else {
                continue;
            };
            let dir = manifest.parent().unwrap_or(Path::new("/"));
            let asked = |t: &&BenchTarget| t.dir == dir && t.name == target.name;
            if let (true, Some(t)) = (target.is_bench(), found.targets.iter().find(asked)) {
                all.push((t, file.clone()));
            }
        }
        all
    }
}

/// Compiles the targets: all of them, or where that fails, those that surely matter.
pub(super) fn compile(
    config: &Config,
    place: &Place,
    scratch: &Scratch,
    found: &Discovery,
) -> Result<Compiled> {
    let mut levels: Vec<Likely> = found.targets.iter().map(|t| t.likely).collect();
    levels.sort();
    levels.dedup();
    let mut last = Ok(Compiled::default());
    let mut first: Option<String> = None;
    for least in levels {
        last = compile_some(config, place, scratch, found, least);
        match &mut last {
            Ok(compiled) => {
                let why = first.unwrap_or_default();
                compiled.notes.extend(not_built(found, least, &why));
                return last;
            }
            Err(Error::Build(said)) => {
                first.get_or_insert_with(|| said.clone());
            }
            Err(_) => return last,
        }
    }
    // Nothing here is known to be criterion's: what does not build is no benchmark of ours.
    if found.targets.iter().all(|t| t.likely == Likely::Perhaps) && last.is_err() {
        let why = first.unwrap_or_default();
        let notes = found.targets.iter().map(|t| does_not_build(t, &why));
        return Ok(Compiled {
            notes: notes.collect(),
            ..Compiled::default()
        });
    }
    last
}

fn not_built(found: &Discovery, least: Likely, why: &str) -> Vec<String> {
    let left = found.targets.iter().filter(|t| t.likely < least);
    left.map(|t| does_not_build(t, why)).collect()
}

/// That a target is left out, with the first of what cargo said against the build.
fn does_not_build(t: &BenchTarget, said: &str) -> String {
    let why = match t.likely {
        Likely::Perhaps => "no manifest names criterion for it, and it does not build",
        _ => "`cargo bench` does not take its package by itself, and it does not build",
    };
    let said = crate::format::telling(said, 160);
    format!(
        "bench `{}` of `{}` is left out: {why} ({said})",
        t.name, t.package
    )
}

fn compile_some(
    config: &Config,
    place: &Place,
    scratch: &Scratch,
    found: &Discovery,
    least: Likely,
) -> Result<Compiled> {
    let mut all = Compiled::default();
    for targets in found.calls(least) {
        let call = Call {
            config,
            place,
            scratch,
            found,
            targets,
        };
        let one = call.run()?;
        all.messages.extend(one.messages);
        all.surroundings.extend(one.surroundings);
        all.notes.extend(one.notes);
    }
    all.notes.dedup();
    Ok(all)
}

/// One call of cargo.
struct Call<'a> {
    config: &'a Config,
    place: &'a Place,
    scratch: &'a Scratch,
    found: &'a Discovery,
    targets: Vec<&'a BenchTarget>,
}

/// How rustc is called for the workspace's own crates.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Wrapper {
    /// With lints that warn at most.
    lenient: bool,
    /// Without the options that leave symbols out.
    symbols: bool,
}

impl Wrapper {
    /// One name for one text: cargo builds anew when the name changes.
    const fn name(self) -> &'static str {
        match (self.lenient, self.symbols) {
            (true, true) => "rustc-lenient-symbols",
            (true, false) => "rustc-lenient",
            (false, _) => "rustc-symbols",
        }
    }

    fn script(self) -> String {
        let mut text = String::from("#!/bin/sh\n");
        if self.symbols {
            text.push_str(KEEP_SYMBOLS);
        }
        text.push_str(match self.lenient {
            true => "exec \"$@\" --cap-lints warn\n",
            false => "exec \"$@\"\n",
        });
        text
    }
}

const KEEP_SYMBOLS: &str = r#"for a; do
  shift
  case "$a" in
    link-arg=-s|link-args=-s|link-arg=-Wl,-s|link-arg=-Wl,--strip-all|strip=symbols) a=strip=none ;;
    -Clink-arg=-s|-Clink-args=-s|-Clink-arg=-Wl,-s|-Clink-arg=-Wl,--strip-all|-Cstrip=symbols) a=-Cstrip=none ;;
  esac
  set -- "$@" "$a"
done
"#;

impl Call<'_> {
    fn run(&self) -> Result<Compiled> {
        let mut wrapper = Wrapper::default();
        let mut done = match self.attempt(wrapper)? {
            Err(said) if refused_by_lints(&said) => {
                wrapper.lenient = true;
                self.attempt(wrapper)?
            }
            other => other,
        }
        .map_err(|said| failed(DO_NOT_BUILD, &said))?;
        if self.is_stripped(&done)? {
            wrapper.symbols = true;
            if let Ok(better) = self.attempt(wrapper)? {
                done = better;
            }
        }
        if wrapper.lenient {
            done.notes.push(
                "built with `--cap-lints warn`: this compiler's lints refuse the commit".into(),
            );
        }
        Ok(done)
    }

    /// Whether some criterion executable came without its symbols.
    fn is_stripped(&self, done: &Compiled) -> Result<bool> {
        for (_, file) in done.benches(self.found) {
            let facts = symbols::read(&file)?;
            if facts.exact && facts.boundaries.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What cargo built, or what it said instead.
    fn attempt(&self, wrapper: Wrapper) -> Result<std::result::Result<Compiled, String>> {
        let mut command = self.command();
        if wrapper != Wrapper::default() {
            let script = self.scratch.write(wrapper.name(), &wrapper.script())?;
            make_executable(&script)?;
            command.env("RUSTC_WORKSPACE_WRAPPER", script);
        }
        let recorder = record::Recorder::new(self.scratch, &mut command, self.place)?;
        let out = match outcome(&mut command)? {
            Ok(stdout) => stdout,
            Err(said) => return Ok(Err(said)),
        };
        Ok(Ok(Compiled {
            messages: messages(&out),
            surroundings: recorder.read(self.place),
            notes: Vec::new(),
        }))
    }

    fn command(&self) -> Command {
        let suite = &self.config.suite;
        let mut c = cargo(self.config, self.place);
        // Cargo's own files outrank the environment, and only a later option outranks them.
        // Symbols bound the counted region and level 1 names functions, inlined ones too, by
        // file and line, at half the size of level 2; none of it changes code.
        let profile = format!("profile.{}", suite.profile);
        c.arg("--config").arg(format!("{profile}.debug=1"));
        c.arg("--config").arg(format!("{profile}.strip=\"none\""));
        record::configure(&mut c, self.scratch, self.config, self.place);
        c.args(["bench", "--message-format=json", "--manifest-path"]);
        let dir = workspace(self.config, &self.place.tree);
        c.arg(dir.join("Cargo.toml"));
        c.args(["--profile", &suite.profile]);
        let packages = self.found.packages_of(&self.targets);
        let names: BTreeSet<&String> = self.targets.iter().map(|t| &t.name).collect();
        for p in &packages {
            c.args(["-p", &self.found.packages[*p].spec]);
        }
        for name in names {
            c.args(["--bench", name]);
        }
        let features = self.features(&packages);
        if !features.is_empty() {
            c.arg("--features").arg(features.join(","));
        }
        if suite.all_features {
            c.arg("--all-features");
        }
        if suite.no_default_features {
            c.arg("--no-default-features");
        }
        c.env("CARGO_TARGET_DIR", &self.place.target);
        c
    }

    /// The configured features that some package of this call has; all of them where this is the
    /// only call, so that cargo names those that nobody has.
    fn features(&self, packages: &BTreeSet<&String>) -> Vec<String> {
        let everywhere = packages.len() == self.found.packages.len();
        let known = |feature: &&String| {
            let name = feature.split('/').next().unwrap_or_default();
            everywhere
                || feature.contains('/')
                || packages
                    .iter()
                    .any(|p| self.found.packages[*p].features.contains(name))
        };
        let all = &self.config.suite.features;
        all.iter().filter(known).cloned().collect()
    }
}

const DO_NOT_BUILD: &str = "the benchmarks do not build";

/// Whether what the compiler refused are warnings that the crate, or its flags, call errors.
fn refused_by_lints(said: &str) -> bool {
    ["#[deny(", "#![deny(", "#[forbid(", "#![forbid(", "`-D "]
        .iter()
        .any(|words| said.contains(words))
}

fn make_executable(file: &Path) -> Result<()> {
    system::set_mode(file, 0o755).map_err(Error::io(file))
}
