//! Variables of the user's environment that builds read.
//!
//! `env!` and `option_env!` compile a variable's value in, and build scripts tell cargo which ones
//! they look at. Which ones those are is known once something was built, so the names are kept
//! beside the executables; the values that they have now are part of every key.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::digest;

/// Where the names are kept, one a line.
const FILE: &str = "variables";
/// A file of names longer than this is not ours.
const LONGEST: u64 = 1 << 20;
/// What every shell, session and machine has another value of, and no count depends on.
const OF_THE_MACHINE: [&str; 15] = [
    "_",
    "COLORTERM",
    "DISPLAY",
    "HOME",
    "HOSTNAME",
    "LOGNAME",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHELL",
    "SHLVL",
    "TERM",
    "TMPDIR",
    "USER",
    "XDG_RUNTIME_DIR",
];
/// What a CI says of a run, another value each time: that it is set counts, its value does not.
/// These families are the vendors' own.
const OF_A_RUN: [&str; 13] = [
    "APPVEYOR_",
    "BITBUCKET_",
    "BITRISE_",
    "BUILDKITE_",
    "CIRCLE_",
    "DRONE_",
    "FORGEJO_",
    "GITEA_",
    "GITHUB_",
    "GITLAB_",
    "JENKINS_",
    "SEMAPHORE_",
    "TRAVIS_",
];
/// The same of names that somebody may give variables of another kind: these alone.
const OF_A_RUN_ALONE: [&str; 19] = [
    "BUILD_BUILDID",
    "BUILD_BUILDNUMBER",
    "BUILD_DISPLAY_NAME",
    "BUILD_ID",
    "BUILD_NUMBER",
    "BUILD_SOURCEVERSION",
    "BUILD_TAG",
    "BUILD_URL",
    "CI_BUILD_NUMBER",
    "CI_COMMIT_SHA",
    "CI_COMMIT_SHORT_SHA",
    "CI_COMMIT_TIMESTAMP",
    "CI_JOB_ID",
    "CI_JOB_URL",
    "CI_PIPELINE_ID",
    "CI_PIPELINE_IID",
    "CI_PIPELINE_NUMBER",
    "RUNNER_NAME",
    "SOURCE_DATE_EPOCH",
];

/// The variables that some build of a repository read.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    names: BTreeSet<String>,
    file: PathBuf,
}

impl Variables {
    /// Those that builds before this one read, as they are kept in `dir`.
    #[must_use]
    pub fn kept_in(dir: &Path) -> Self {
        let file = dir.join(FILE);
        let text = crate::files::read_text(&file, LONGEST).unwrap_or_default();
        let names = text.lines().map(String::from).collect();
        Self { names, file }
    }

    /// Takes in what builds in a target directory read, those of other commits too. Where that
    /// cannot be kept, the next process learns it anew.
    pub(super) fn learn(&mut self, target: &Path) {
        self.take_in(read_by_builds_in(target));
    }

    fn take_in(&mut self, names: impl IntoIterator<Item = String>) {
        let counts = |name: &String| {
            !name.contains('\n')
                && !name.starts_with("CARGO_")
                && !OF_THE_MACHINE.contains(&name.as_str())
        };
        let before = self.names.len();
        self.names.extend(names.into_iter().filter(counts));
        if self.names.len() == before {
            return;
        }
        // Another process may have learned others meanwhile.
        self.names
            .extend(Self::kept_in(self.file.parent().unwrap_or(Path::new("."))).names);
        let text: String = self.names.iter().map(|n| format!("{n}\n")).collect();
        let _ = crate::files::write(&self.file, &text);
    }

    /// A key that follows what the variables say now; unchanged where none is set.
    #[must_use]
    pub fn mark(&self, key: String, length: usize) -> String {
        self.marked(key, length, |name| {
            std::env::var_os(name).map(|v| v.to_string_lossy().into_owned())
        })
    }

    fn marked(&self, key: String, length: usize, said: impl Fn(&str) -> Option<String>) -> String {
        let set: Vec<(&String, String)> = self
            .names
            .iter()
            .filter_map(|name| {
                let value = said(name)?;
                Some((
                    name,
                    if is_of_a_run(name) {
                        String::new()
                    } else {
                        value
                    },
                ))
            })
            .collect();
        if set.is_empty() {
            return key;
        }
        let mut marked = digest(format!("{key} where {set:?}").as_bytes());
        marked.truncate(length);
        marked
    }
}

fn is_of_a_run(name: &str) -> bool {
    OF_A_RUN_ALONE.contains(&name) || OF_A_RUN.iter().any(|p| name.starts_with(p))
}

/// The names that compilers and build scripts left in the directories of a target directory.
fn read_by_builds_in(target: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // `release/` of the host, and `TRIPLE/release/`.
    for profile in below(target)
        .iter()
        .flat_map(|dir| [vec![dir.clone()], below(dir)].concat())
    {
        let described = below(&profile.join("deps")).into_iter();
        for file in described.filter(|f| f.extension().is_some_and(|e| e == "d")) {
            add_from(&file, &["# env-dep:"], &mut names);
        }
        for script in below(&profile.join("build")) {
            let said = [
                "cargo:rerun-if-env-changed=",
                "cargo::rerun-if-env-changed=",
            ];
            add_from(&script.join("output"), &said, &mut names);
        }
    }
    names
}

fn below(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|e| e.path()).collect()
}

/// The names behind one of these words at the beginning of a line, each up to its value.
fn add_from(file: &Path, words: &[&str], names: &mut BTreeSet<String>) {
    let text = std::fs::read(file).unwrap_or_default();
    for line in String::from_utf8_lossy(&text).lines() {
        let said = words.iter().find_map(|w| line.strip_prefix(w));
        let name = said.map(|s| s.split_once('=').map_or(s, |(name, _)| name).trim());
        names.extend(name.filter(|n| !n.is_empty()).map(String::from));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_compilers_and_build_scripts_read_is_found_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        let described =
            "b: a.rs\n\n# env-dep:SIZE=10\n# env-dep:KIND\n# env-dep:CARGO_PKG_NAME=b\n";
        write("target/release/deps/b-1.d", described);
        let said = "cargo:rerun-if-env-changed=ONE\ncargo::rerun-if-env-changed=TWO\nother=3\n";
        write(
            "target/x86_64-unknown-linux-gnu/release/build/b-2/output",
            said,
        );
        write(
            "target/release/build/c-3/output",
            "cargo:rerun-if-env-changed=PATH\n",
        );
        let mut variables = Variables::kept_in(dir.path());
        variables.learn(&dir.path().join("target"));
        let names: Vec<&str> = variables.names.iter().map(String::as_str).collect();
        assert_eq!(names, ["KIND", "ONE", "SIZE", "TWO"]);
        assert_eq!(Variables::kept_in(dir.path()).names, variables.names);
    }

    #[test]
    fn a_key_follows_the_values_of_those_that_are_set() {
        let dir = tempfile::tempdir().unwrap();
        let mut variables = Variables::kept_in(dir.path());
        let key = |v: &Variables, said: &[(&str, &str)]| {
            let said = |name: &str| said.iter().find(|s| s.0 == name).map(|s| s.1.to_string());
            v.marked("k".into(), 16, said)
        };
        assert_eq!(key(&variables, &[("SIZE", "1")]), "k");
        variables.take_in(["SIZE", "GITHUB_SHA", "BUILD_SIZE"].map(String::from));
        assert_eq!(key(&variables, &[("OTHER", "1")]), "k");
        let one = key(&variables, &[("SIZE", "1")]);
        assert_eq!(one.len(), 16);
        assert_ne!(one, key(&variables, &[("SIZE", "2")]));
        assert_ne!(one, key(&variables, &[("SIZE", "")]));
        let size = |of| key(&variables, &[("BUILD_SIZE", of)]);
        assert_ne!(size("10"), size("1000"));
        // That there is a commit's name counts; it is another one each time.
        let run = key(&variables, &[("GITHUB_SHA", "a")]);
        assert_eq!(run, key(&variables, &[("GITHUB_SHA", "b")]));
        assert_ne!(run, "k");
    }
}
