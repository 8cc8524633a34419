//! A call of cargo, in an environment of our own, and what it prints.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::measure::sandbox;
use crate::model::{Fault, Phase};
use crate::suite::Place;
use crate::suite::cargo::configuration::{
    declared, handed_over, of_the_commit, outranked, outside,
};
use crate::suite::cargo::toolchain::chosen_in;
use crate::suite::machine;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Deserialize)]
pub(crate) struct Target {
    pub(super) name: String,
    pub(super) kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    pub(super) required_features: Vec<String>,
    #[serde(default)]
    pub(super) src_path: PathBuf,
}

impl Target {
    pub(super) fn is_build_script(&self) -> bool {
        self.kind.iter().any(|k| k == "custom-build")
    }

    pub(super) fn is_bench(&self) -> bool {
        self.kind.iter().any(|k| k == "bench")
    }
}

/// Variables that a cargo or rustup that called us has set, and those that name our own places.
/// Every other one is the user's, and means to our cargo what it means to theirs.
pub(crate) fn is_foreign(name: &str) -> bool {
    const SET_BY_CARGO: [&str; 14] = [
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_BUILD_BUILD_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_CRATE_NAME",
        "CARGO_MAKEFLAGS",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_RUSTC_CURRENT_DIR",
        "CARGO_TARGET_DIR",
        "CARGO_TARGET_TMPDIR",
        "RUST_RECURSION_COUNT",
    ];
    const FAMILIES: [&str; 4] = [
        "CARGO_PKG_",
        "CARGO_BIN_EXE_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
    ];
    SET_BY_CARGO.contains(&name)
        || FAMILIES.iter().any(|f| name.starts_with(f))
        || crate::git::is_foreign_environment(std::ffi::OsStr::new(name))
}

/// What the environment, `uptick.toml` and cargo's files outside the commits tell the compilers, as
/// a text that is part of a build's key; empty where they tell nothing. `root` is the user's
/// checkout.
#[must_use]
pub fn steering(config: &Config, root: &Path) -> String {
    const COMPILERS: [&str; 35] = [
        "ARFLAGS",
        "AS",
        "ASFLAGS",
        "CPATH",
        "CPP",
        "CPPFLAGS",
        "CPLUS_INCLUDE_PATH",
        "C_INCLUDE_PATH",
        "FC",
        "FFLAGS",
        "GNUMAKEFLAGS",
        "GOAMD64",
        "GOARCH",
        "GOARM64",
        "GOEXPERIMENT",
        "GOFLAGS",
        "GOOS",
        "GOTOOLCHAIN",
        "JAVA_HOME",
        "JAVA_TOOL_OPTIONS",
        "LD",
        "LDLIBS",
        "LIBRARY_PATH",
        "MAKEFLAGS",
        "PKG_CONFIG_PATH",
        "RUSTFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CC",
        "CXX",
        "AR",
        "CFLAGS",
        "CXXFLAGS",
        "LDFLAGS",
    ];
    // Where things lie and how fast they are built is no matter of what is built.
    const HARMLESS: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_BUILD_JOBS",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_TERM_",
        "CARGO_LOG",
    ];
    let steers = |name: &str| {
        let of_cargo = name.starts_with("CARGO_")
            && !is_foreign(name)
            && !HARMLESS.iter().any(|h| name.starts_with(h));
        let of_compilers = COMPILERS.iter().any(|c| {
            name.strip_prefix(c).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with("_x86") || rest.starts_with("_aarch")
            })
        });
        of_cargo || of_compilers || ["CGO_", "CMAKE_"].iter().any(|b| name.starts_with(b))
    };
    let mut all: Vec<String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v)))
        .filter(|(k, _)| steers(k))
        .filter_map(|(k, v)| Some((as_it_counts(&k, &v.to_string_lossy())?, k)))
        .map(|(v, k)| format!("{k}={v}\n"))
        .collect();
    all.sort();
    all.extend(config.suite.rustflags.iter().map(|f| format!("flag {f}\n")));
    all.push(outside(root));
    all.concat()
}

/// The value of a variable as far as it counts; `None` where nothing of it does. What `make` hands on
/// says how much runs at once, and what somebody set on its command line.
fn as_it_counts(name: &str, value: &str) -> Option<String> {
    if !name.ends_with("MAKEFLAGS") {
        return Some(value.to_string());
    }
    let is_set = |word: &&str| word.contains('=') && !word.starts_with('-');
    let set: Vec<&str> = value.split_whitespace().filter(is_set).collect();
    (!set.is_empty()).then(|| set.join(" "))
}

/// cargo as the user has it, that obeys no commit.
pub(super) fn plain() -> Command {
    let mut c = Command::new("cargo");
    leave_out_foreign(&mut c);
    c.current_dir("/")
        .stdin(Stdio::null())
        .env("CARGO_TERM_COLOR", "never");
    c
}

fn leave_out_foreign(c: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_foreign) {
            c.env_remove(&name);
        }
    }
}

/// cargo, ready for a subcommand on the worktree.
pub(crate) fn cargo(config: &Config, place: &Place) -> Command {
    let mut c = plain();
    if sandbox::is_on() {
        sandbox::surround(&mut c);
        leave_out_foreign(&mut c);
        c.env("CARGO_TERM_COLOR", "never");
    }
    if let Some(channel) = chosen_in(config, &place.tree) {
        c.env("RUSTUP_TOOLCHAIN", channel);
    }
    for file in of_the_commit(config, place) {
        for name in declared(&file) {
            // As on a machine that knows nothing of it.
            c.env_remove(name);
        }
    }
    let files = handed_over(config, place);
    let said = |name: &str| std::env::var(name).ok().filter(|_| !is_foreign(name));
    let before_files: Vec<String> = files.iter().flat_map(|f| outranked(f, &said)).collect();
    for file in files {
        c.arg("--config").arg(file);
    }
    for key in before_files {
        c.arg("--config").arg(key);
    }
    if !config.suite.rustflags.is_empty() {
        c.env("CARGO_ENCODED_RUSTFLAGS", encoded_flags(config));
    }
    c
}

/// `rustflags` of `uptick.toml` after those of the environment.
fn encoded_flags(config: &Config) -> String {
    let mut all: Vec<String> = match std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        Ok(given) => given.split('\x1f').map(String::from).collect(),
        Err(_) => std::env::var("RUSTFLAGS")
            .unwrap_or_default()
            .split_whitespace()
            .map(String::from)
            .collect(),
    };
    all.retain(|f| !f.is_empty());
    all.extend(config.suite.rustflags.iter().cloned());
    all.join("\x1f")
}

/// What cargo printed, or an error that begins with `what`.
pub(crate) fn output(command: &mut Command, what: &str) -> Result<Vec<u8>> {
    outcome(command)?.map_err(|said| failed(what, &said))
}

/// What cargo printed, or its complaint.
pub(super) fn outcome(command: &mut Command) -> Result<std::result::Result<Vec<u8>, String>> {
    let mut inside = sandbox::inside(command).map_err(|e| Error::Failed(e.to_string()))?;
    let command = inside.as_mut().unwrap_or(command);
    crate::measure::child::end_with_us(command);
    let out = command.output().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Failed("cargo is not installed: this repository's benchmarks need it".into())
        }
        _ => Error::Failed(format!("cargo could not be started: {e}")),
    })?;
    if out.status.success() {
        return Ok(Ok(out.stdout));
    }
    if sandbox::is_on() && sandbox::is_its_own(out.status, &out.stderr) {
        let why = String::from_utf8_lossy(&out.stderr);
        return Err(Error::Failed(format!("cargo could not be started: {why}")));
    }
    let mut said = diagnostics(&out.stdout);
    said.push_str(&String::from_utf8_lossy(&out.stderr));
    Ok(Err(said))
}

/// The messages among what cargo printed.
pub(super) fn messages(stdout: &[u8]) -> Vec<Message> {
    String::from_utf8_lossy(stdout)
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect()
}

/// One line of `--message-format=json`.
#[derive(Deserialize)]
pub(crate) struct Message {
    pub(super) reason: String,
    #[serde(default)]
    pub(super) executable: Option<PathBuf>,
    #[serde(default)]
    pub(super) target: Option<Target>,
    #[serde(default)]
    pub(super) manifest_path: Option<PathBuf>,
    #[serde(default)]
    pub(super) filenames: Vec<PathBuf>,
    /// Of a build script: its package, and where it wrote and told the linker to look.
    #[serde(default)]
    pub(super) package_id: String,
    #[serde(default)]
    pub(super) out_dir: Option<PathBuf>,
    #[serde(default)]
    pub(super) linked_paths: Vec<String>,
    #[serde(default)]
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    #[serde(default)]
    rendered: Option<String>,
    #[serde(default)]
    level: String,
}

/// The compiler's errors among cargo's messages.
fn diagnostics(stdout: &[u8]) -> String {
    messages(stdout)
        .into_iter()
        .filter_map(|m| m.message)
        .filter(|d| d.level == "error")
        .filter_map(|d| d.rendered)
        .collect()
}

/// A commit that cargo cannot build, or a machine that cannot, with the end of what it said.
pub(crate) fn failed(what: &str, said: &str) -> Error {
    // Where `RUST_BACKTRACE` is set rustup ends with where in rustup it failed.
    let said = said.split("\nStack backtrace:\n").next().unwrap_or(said);
    let end = crate::error::tail(said.trim(), 3000);
    let what = &match beside_worktree(said) {
        Some(path) => format!("{what}: {}", beside(path)),
        None => what.to_string(),
    };
    match machine::lacking(said) {
        Some(line) => Error::NoNumbers {
            stage: Phase::Build,
            fault: Fault::Machine,
            message: format!("{what}: {}: {line}\n{end}", machine::ADVICE),
        },
        None => Error::Build(format!("{what}:\n{end}")),
    }
}

/// The manifest that cargo looked for beside a worktree of ours: a relative path led out of the
/// repository.
fn beside_worktree(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("failed to read `")?;
    let (path, _) = rest.split_once('`')?;
    let (_, below) = path.split_once("/.uptick/")?;
    let is_manifest = below.ends_with("/Cargo.toml");
    (is_manifest && !below.contains("/tree/")).then_some(path)
}

fn beside(path: &str) -> String {
    let dir = path.trim_end_matches("/Cargo.toml");
    let name = dir.rsplit('/').next().unwrap_or(dir);
    format!(
        "a `path` of a manifest leads out of the repository, to `{name}`, and commits are built in \
         worktrees with nothing beside them: name it by its absolute path or its git address, or have \
         it in the repository"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_make_hands_on_only_what_somebody_set_counts() {
        let of = |value: &str| as_it_counts("MAKEFLAGS", value);
        assert_eq!(of(" -j4 --jobserver-auth=fifo:/tmp/GMfifo7"), None);
        let set = of("ks -j --jobserver-auth=3,4 -- CPPFLAGS=-DN=5 V=1");
        assert_eq!(set.as_deref(), Some("CPPFLAGS=-DN=5 V=1"));
        assert_eq!(as_it_counts("CFLAGS", "-j4").as_deref(), Some("-j4"));
    }

    #[test]
    fn what_rustup_says_is_the_last_that_is_said() {
        let said = "error: toolchain 'x' is not installed\n\nStack backtrace:\n   0: rustup\n";
        let error = failed("cargo failed", said).to_string();
        assert!(error.ends_with("is not installed"), "{error}");
    }

    #[test]
    fn a_path_out_of_the_repository_is_told_from_one_that_is_wrong() {
        let of =
            |path: &str| failed("x failed", &format!("  failed to read `{path}`\n")).to_string();
        let said = of("/a/r/.uptick/worker-0/target/package/sib/Cargo.toml");
        assert!(
            said.contains("leads out of the repository, to `sib`"),
            "{said}"
        );
        let said = of("/a/r/.uptick/worker-0/target/package/tree/sib/Cargo.toml");
        assert!(!said.contains("leads out"), "{said}");
        let said = of("/a/r/.uptick/worker-0/target/release/build/x/out/gen.rs");
        assert!(!said.contains("leads out"), "{said}");
    }

    #[test]
    fn a_build_that_the_system_killed_is_no_commit_s_fault() {
        let killed = failed("x", "error: could not compile\n(signal: 9, SIGKILL: kill)");
        assert_eq!(killed.fault(), Some(Fault::Machine), "{killed:?}");
        assert_eq!(killed.stage(), Some(Phase::Build));
        assert!(matches!(failed("x", "error[E0425]"), Error::Build(_)));
    }

    #[test]
    fn a_calling_cargo_leaves_nothing_behind() {
        for name in [
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "CARGO",
            "CARGO_PKG_NAME",
            "GIT_DIR",
        ] {
            assert!(is_foreign(name), "{name}");
        }
        for name in [
            "PATH",
            "CARGO_HOME",
            "RUSTFLAGS",
            "CARGO_PROFILE_BENCH_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "CARGO_INCREMENTAL",
            "HOME",
        ] {
            assert!(!is_foreign(name), "{name}");
        }
    }
}
