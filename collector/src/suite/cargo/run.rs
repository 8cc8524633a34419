//! A call of cargo, in an environment of our own, and what it prints.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::suite::cargo::toolchain::toolchain;
use crate::suite::{Place, workspace};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[derive(Deserialize)]
pub(crate) struct Target {
    pub(super) name: String,
    pub(super) kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    pub(super) required_features: Vec<String>,
}

/// Variables of a cargo or rustup that called us, which would steer the inner one.
pub(crate) fn is_foreign(name: &str) -> bool {
    const KEPT: [&str; 2] = ["CARGO_HOME", "CARGO_NET_OFFLINE"];
    let cargo = name.starts_with("CARGO") && !KEPT.contains(&name);
    let user_setting = name.starts_with("CARGO_PROFILE_")
        || name.starts_with("CARGO_HTTP_")
        || name.starts_with("CARGO_NET_")
        || name.starts_with("CARGO_REGISTRIES_")
        || name.starts_with("CARGO_REGISTRY_")
        || name.starts_with("CARGO_BUILD_RUST")
        || name == "CARGO_ENCODED_RUSTFLAGS";
    (cargo && !user_setting)
        || name == "RUST_RECURSION_COUNT"
        || crate::git::is_foreign_environment(std::ffi::OsStr::new(name))
}

/// cargo, ready for a subcommand on the worktree.
pub(crate) fn cargo(config: &Config, place: &Place) -> Command {
    let mut c = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_foreign) {
            c.env_remove(&name);
        }
    }
    c.current_dir("/")
        .stdin(Stdio::null())
        .env("CARGO_TERM_COLOR", "never");
    let dir = workspace(config, &place.tree);
    if let Some(channel) = toolchain(&dir).or_else(|| toolchain(&place.tree)) {
        c.env("RUSTUP_TOOLCHAIN", channel);
    }
    for file in [".cargo/config.toml", ".cargo/config"] {
        for base in [&place.tree, &dir] {
            if base.join(file).is_file() {
                c.arg("--config").arg(base.join(file));
            }
            if config.suite.dir == "." {
                break;
            }
        }
    }
    c
}

pub(crate) fn output(command: &mut Command, what: &str) -> Result<Vec<u8>> {
    crate::measure::child::end_with_us(command);
    let out = command.output().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Failed("cargo is not installed: this repository's benchmarks need it".into())
        }
        _ => Error::Failed(format!("cargo could not be started: {e}")),
    })?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let mut said = diagnostics(&out.stdout);
    said.push_str(&String::from_utf8_lossy(&out.stderr));
    Err(failed(what, &said))
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
    String::from_utf8_lossy(stdout)
        .lines()
        .filter_map(|l| serde_json::from_str::<Message>(l).ok()?.message)
        .filter(|d| d.level == "error")
        .filter_map(|d| d.rendered)
        .collect()
}

/// A failure of cargo, with the end of what it said.
pub(crate) fn failed(what: &str, said: &str) -> Error {
    Error::Failed(format!(
        "{what}:\n{}",
        crate::error::tail(said.trim(), 3000)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calling_cargo_leaves_nothing_behind() {
        for name in ["CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "CARGO", "GIT_DIR"] {
            assert!(is_foreign(name), "{name}");
        }
        for name in [
            "PATH",
            "CARGO_HOME",
            "RUSTFLAGS",
            "CARGO_PROFILE_BENCH_LTO",
            "HOME",
        ] {
            assert!(!is_foreign(name), "{name}");
        }
    }
}
