//! What a commit's own files name outside of it: links that lead away, and the packages of manifests
//! that stand at an absolute path. A relative path that leads out leads nowhere: commits stand in
//! worktrees.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::git::Repo;
use crate::model::digest;
use crate::run::outside::{content, is_of_the_system};

/// How git lists a link.
const LINK: &str = "120000 blob ";
/// How it lists files.
const FILES: [&str; 2] = ["100644 blob ", "100755 blob "];
/// The files in which cargo reads paths.
const MANIFESTS: [&str; 3] = ["Cargo.toml", ".cargo/config.toml", ".cargo/config"];
/// A file longer than this is known by its size and time alone.
const LONG: u64 = 1 << 20;
/// Directories in directories are gone down into this far.
const DEPTH: usize = 32;

/// What files of commits name, and what stands there, each looked at once.
#[derive(Clone, Debug, Default)]
pub(in crate::run) struct Tracked {
    /// By the hash of the file.
    named: HashMap<String, Vec<PathBuf>>,
    /// As it was when it was first asked for: what is measured may write there.
    states: HashMap<PathBuf, String>,
}

impl Tracked {
    /// A key that follows what the files of a commit name outside of it; `inputs` is what `git
    /// ls-tree` lists. Unchanged where they name nothing.
    pub(in crate::run) fn mark(
        &mut self,
        key: String,
        repo: &Repo,
        inputs: &[String],
        length: usize,
    ) -> String {
        let naming: Vec<(&str, Read)> = inputs.iter().filter_map(|line| naming(line)).collect();
        let is_new = |(blob, _): &&(&str, Read)| !self.named.contains_key(*blob);
        let new: Vec<(&str, Read)> = naming.iter().filter(is_new).copied().collect();
        let blobs: Vec<&str> = new.iter().map(|(blob, _)| *blob).collect();
        // A partial clone may lack some and have no remote at hand: what is missing of a commit is
        // said where that is checked out, and names nothing here.
        let texts = repo.blobs(&blobs).unwrap_or_default();
        for ((blob, read), text) in new.iter().zip(texts) {
            let outside = read(&text).into_iter().filter(|p| is_outside(p, repo));
            self.named.insert((*blob).to_string(), outside.collect());
        }
        let all = naming.iter().filter_map(|(blob, _)| self.named.get(*blob));
        let all: BTreeSet<PathBuf> = all.flatten().cloned().collect();
        let states: Vec<String> = all
            .iter()
            .filter_map(|path| {
                let known = self.states.entry(path.clone());
                let state = known.or_insert_with(|| state(path));
                (!state.is_empty()).then(|| format!("{path:?} {state}"))
            })
            .collect();
        if states.is_empty() {
            return key;
        }
        let mut marked = digest(format!("{key} beside {states:?}").as_bytes());
        marked.truncate(length);
        marked
    }
}

/// How the paths in a file are read.
type Read = fn(&str) -> Vec<PathBuf>;

/// The hash of a listed file that may name something, and how it is read.
fn naming(line: &str) -> Option<(&str, Read)> {
    let (facts, path) = line.split_once('\t')?;
    if let Some(blob) = facts.strip_prefix(LINK) {
        return Some((blob, linked));
    }
    let blob = FILES.iter().find_map(|f| facts.strip_prefix(f))?;
    let is = |name: &str| path == name || path.ends_with(&format!("/{name}"));
    MANIFESTS
        .iter()
        .any(|name| is(name))
        .then_some((blob, of_manifest))
}

fn linked(text: &str) -> Vec<PathBuf> {
    vec![PathBuf::from(text)]
}

/// Every `path = "/…"`, and every one of `paths`, wherever it stands: dependencies of a target, of a
/// workspace, patches.
fn of_manifest(text: &str) -> Vec<PathBuf> {
    fn below(value: &toml::Value, out: &mut Vec<PathBuf>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    match (key.as_str(), value) {
                        ("path", toml::Value::String(path)) => out.push(path.into()),
                        ("paths", toml::Value::Array(paths)) => {
                            out.extend(paths.iter().filter_map(|p| Some(p.as_str()?.into())));
                        }
                        _ => below(value, out),
                    }
                }
            }
            toml::Value::Array(all) => all.iter().for_each(|v| below(v, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        below(&toml::Value::Table(table), &mut out);
    }
    out
}

/// The checkout itself is another matter, and so is what comes with the system.
fn is_outside(path: &Path, repo: &Repo) -> bool {
    path.is_absolute() && !path.starts_with(repo.root()) && !is_of_the_system(path)
}

/// What stands at a path now, as a text that is another one when that changes. Of directories only a
/// package of cargo's is looked at: a link may lead to whatever is written there.
fn state(path: &Path) -> String {
    if !path.is_dir() {
        return content(path).map_or_else(|| "nothing".into(), |(digest, _)| digest);
    }
    if !path.join("Cargo.toml").is_file() {
        return String::new();
    }
    let mut files = Vec::new();
    walk(path, DEPTH, &mut files);
    files.sort();
    let facts = |file: &PathBuf| {
        let about = file.metadata().ok()?;
        match about.len() <= LONG {
            true => content(file).map(|(digest, _)| digest),
            false => Some(format!("{} {:?}", about.len(), about.modified().ok())),
        }
    };
    let states: Vec<(&PathBuf, Option<String>)> = files.iter().map(|f| (f, facts(f))).collect();
    digest(format!("{states:?}").as_bytes())
}

/// The files below a directory, without what builds and git keep there.
fn walk(dir: &Path, depth: usize, out: &mut Vec<PathBuf>) {
    const NOT: [&str; 3] = ["target", ".git", ".uptick"];
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let is_left_out = NOT.iter().any(|n| entry.file_name() == *n);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 && !is_left_out => {
                walk(&entry.path(), depth - 1, out);
            }
            Ok(kind) if kind.is_file() => out.push(entry.path()),
            _ => {}
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn paths_of_manifests_are_found_wherever_they_stand() {
        let text = "[dependencies]\na = { path = '/x/a' }\nb = { path = '../b' }\n\
             [target.'cfg(unix)'.dependencies.c]\npath = '/x/c'\n\
             [patch.crates-io]\nd = { path = '/x/d' }\n[workspace.dependencies]\ne = { path = \"/x/e\" }\n";
        let found = of_manifest(text);
        for path in ["/x/a", "../b", "/x/c", "/x/d", "/x/e"] {
            assert!(found.contains(&PathBuf::from(path)), "{path}: {found:?}");
        }
        assert_eq!(of_manifest("paths = ['/y']\n"), [PathBuf::from("/y")]);
        assert!(of_manifest("no toml [").is_empty());
    }

    #[test]
    fn links_and_manifests_may_name_something_and_other_files_nothing() {
        let is = |line: &str| naming(line).is_some();
        assert!(is("120000 blob abc\tdata/n.txt"));
        assert!(is("100644 blob abc\tsub/Cargo.toml") && is("100644 blob abc\t.cargo/config.toml"));
        assert!(!is("100644 blob abc\tsrc/lib.rs") && !is("100644 blob abc\tNotCargo.toml"));
        assert!(!is("160000 commit abc\tsub") && !is("commit abc"));
    }

    #[test]
    fn the_state_of_a_directory_follows_its_files_and_not_its_builds() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("src/lib.rs", "a");
        assert_eq!(state(dir.path()), "", "no package");
        write("Cargo.toml", "[package]");
        let before = state(dir.path());
        write("target/x", "built");
        assert_eq!(state(dir.path()), before);
        write("src/lib.rs", "b");
        assert_ne!(state(dir.path()), before);
        assert_eq!(state(&dir.path().join("gone")), "nothing");
    }
}
