//! Where a commit stands and what was built there.

use crate::config::Config;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where one worker builds: a worktree of ours and its own target directory.
#[derive(Clone, Debug)]
pub struct Place {
    /// The worktree.
    pub tree: PathBuf,
    /// Cargo's target directory; never shared, or cargo runs another worktree's binary.
    pub target: PathBuf,
}

/// An executable that holds criterion benchmarks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchExecutable {
    /// The package that it belongs to.
    pub package: String,
    /// The bench target's name.
    pub target: String,
    /// The file: absolute once built, a bare file name inside the cache's manifest.
    pub file: PathBuf,
    /// The package's directory, relative to the worktree.
    pub package_dir: String,
    /// The benchmarks that it lists.
    pub benchmarks: Vec<String>,
}

/// What a build gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executables {
    /// One entry a bench target.
    pub executables: Vec<BenchExecutable>,
    /// Bench targets that were left out, and why, in words.
    pub left_out: Vec<String>,
    /// The worktree that they were built in: debug information names its files.
    pub tree: PathBuf,
}

/// The directory of the Cargo workspace inside a worktree.
pub(crate) fn workspace(config: &Config, tree: &Path) -> PathBuf {
    tree.join(&config.suite.dir)
}

/// The directory below `target` that a profile's artefacts lie in.
pub(super) fn profile_directory(profile: &str) -> &str {
    match profile {
        "bench" | "release" => "release",
        "dev" | "test" => "debug",
        other => other,
    }
}

/// What `cargo bench` would set for the benchmark's process, and what the user declares.
pub(crate) fn run_environment(
    config: &Config,
    place: &Place,
    package_dir: &str,
) -> BTreeMap<String, String> {
    let mut env = config.suite.env.clone();
    let manifest_dir = place.tree.join(package_dir);
    let set = |env: &mut BTreeMap<String, String>, k: &str, v: String| {
        env.entry(k.to_string()).or_insert(v);
    };
    set(
        &mut env,
        "CARGO_MANIFEST_DIR",
        manifest_dir.display().to_string(),
    );
    let profile = profile_directory(&config.suite.profile);
    let libraries = place.target.join(profile).join("deps");
    set(&mut env, "LD_LIBRARY_PATH", libraries.display().to_string());
    env
}
