//! Where a commit stands and what was built there.

use crate::config::Config;
use crate::measure::Filter;
use crate::measure::stage::Link;
use crate::suite::uncounted::Uncounted;
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchExecutable {
    /// The package that it belongs to.
    pub package: String,
    /// The bench target's name.
    pub target: String,
    /// The file: absolute once built, a bare file name inside the cache's manifest.
    pub file: PathBuf,
    /// The directory that cargo runs it in, relative to the worktree.
    pub package_dir: String,
    /// The benchmarks that it lists.
    pub benchmarks: Vec<String>,
    /// How those are selected whose title is not their id.
    #[serde(default)]
    pub filters: BTreeMap<String, Filter>,
    /// Why it lists none, where it should.
    #[serde(default)]
    pub unlisted: Option<String>,
    /// The declared variables that it saw when it was asked; `None`: an older version asked.
    #[serde(default)]
    pub listed_with: Option<BTreeMap<String, String>>,
    /// What cargo sets for its process; `{tree}` and `{target}` stand for the place.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Whether it looks for files at the very place where it was built.
    #[serde(default)]
    pub bound: bool,
}

impl BenchExecutable {
    /// As messages name it.
    #[must_use]
    pub fn title(&self) -> String {
        format!("bench {} of {}", self.target, self.package)
    }
}

/// What a build gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executables {
    /// One entry a bench target.
    pub executables: Vec<BenchExecutable>,
    /// Bench targets that were left out, and why, in words.
    pub left_out: Vec<String>,
    /// Bench targets that criterion does not drive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncounted: Vec<Uncounted>,
    /// The worktree that they were built in: debug information names its files.
    pub tree: PathBuf,
    /// The target directory that they were built in.
    #[serde(default)]
    pub target: PathBuf,
    /// Programs, libraries and generated files of the target directory that they may look for:
    /// paths below `target`.
    #[serde(default)]
    pub beside: Vec<PathBuf>,
    /// The program by which cargo would run them, which is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// Where the cache keeps those.
    #[serde(skip)]
    pub kept: Option<PathBuf>,
}

impl Executables {
    /// Whether any of them looks for files at the very place where it was built.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.executables.iter().any(|e| e.bound)
    }

    /// Where an executable's files must seem to be when it is run for the commit that stands at
    /// `place`.
    #[must_use]
    pub fn seen_at(&self, exe: &BenchExecutable, place: &Place) -> Place {
        if !exe.bound {
            return place.clone();
        }
        Place {
            tree: self.tree.clone(),
            target: self.target.clone(),
        }
    }

    /// The links that make it seem so.
    #[must_use]
    pub fn view(&self, exe: &BenchExecutable, place: &Place) -> Vec<Link> {
        let mut view = Vec::new();
        if exe.bound && self.tree != place.tree {
            view.push(Link {
                at: self.tree.clone(),
                to: place.tree.clone(),
            });
        }
        if let (true, Some(kept)) = (exe.bound, &self.kept) {
            view.push(Link {
                at: self.target.clone(),
                to: kept.clone(),
            });
        }
        view
    }
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

/// What `cargo bench` sets for the benchmark's process, and what the user declares.
pub(crate) fn run_environment(
    config: &Config,
    place: &Place,
    exe: &BenchExecutable,
) -> BTreeMap<String, String> {
    let mut env = config.suite.env.clone();
    for (name, value) in &exe.env {
        let value = place.fill_in(value);
        env.entry(name.clone()).or_insert(value);
    }
    let set = |env: &mut BTreeMap<String, String>, k: &str, v: PathBuf| {
        env.entry(k.to_string()).or_insert(v.display().to_string());
    };
    let profile = profile_directory(&config.suite.profile);
    set(
        &mut env,
        "CARGO_MANIFEST_DIR",
        place.tree.join(&exe.package_dir),
    );
    set(
        &mut env,
        "LD_LIBRARY_PATH",
        place.target.join(profile).join("deps"),
    );
    env
}

impl Place {
    /// A text with this place's directories for `{tree}` and `{target}`.
    pub(crate) fn fill_in(&self, text: &str) -> String {
        text.replace("{tree}", &self.tree.to_string_lossy())
            .replace("{target}", &self.target.to_string_lossy())
    }

    /// A text with `{tree}` and `{target}` for this place's directories.
    pub(crate) fn leave_out(&self, text: &str) -> String {
        text.replace(&*self.tree.to_string_lossy(), "{tree}")
            .replace(&*self.target.to_string_lossy(), "{target}")
    }
}
