//! Which directory of a checkout holds the Cargo workspace with the benchmarks, where
//! `uptick.toml` does not say.
//!
//! Where uptick is called in a crate, its workspace is meant, as `cargo bench` there would mean
//! it. Called at the top, it is the workspace there, or the only one below that has benches of
//! their own `main`: a `bench/Cargo.toml` beside a program in another language, say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::Config;

/// How far below the top manifests are looked for, and in how many directories.
const DEPTH: usize = 4;
const MOST: usize = 4000;

/// Where the benchmarks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Located {
    /// At the top, or nowhere.
    Top,
    /// In this directory, relative to the top.
    Below(String),
    /// In one of these: somebody must say which.
    Several(Vec<String>),
}

/// Sets the directory of the Cargo workspace with the benchmarks in a configuration that names
/// none, looking from `start`. Gives what people should know of it.
pub fn settle_workspace(config: &mut Config, root: &Path, start: &Path) -> Option<String> {
    if config.suite.dir != "." || !config.suite.criterion {
        return None;
    }
    match locate(root, start) {
        Located::Top => None,
        Located::Below(dir) => {
            let note = format!(
                "note: the benchmarks are those of the Cargo workspace in {dir}/ (`dir` under \
                 [suite] in uptick.toml names another)"
            );
            config.suite.dir = dir;
            Some(note)
        }
        Located::Several(dirs) => Some(format!(
            "note: several Cargo workspaces have benches: name one with `dir = {:?}` under [suite] \
             in uptick.toml, or call uptick in its directory ({})",
            dirs.first().map_or("", String::as_str),
            dirs.join(", ")
        )),
    }
}

/// Looks from `start`, a directory of the checkout at `root`.
#[must_use]
pub(super) fn locate(root: &Path, start: &Path) -> Located {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let start = start.canonicalize().unwrap_or_else(|_| start.to_path_buf());
    let inside = |p: &&Path| p.starts_with(&root);
    let package = start
        .ancestors()
        .take_while(inside)
        .find(|d| d.join("Cargo.toml").is_file());
    if let Some(package) = package.filter(|p| *p != root) {
        return named(&root, &[workspace_of(&root, package)]);
    }
    let mut manifests = Vec::new();
    list(&root, DEPTH, &mut manifests);
    let workspaces: BTreeSet<PathBuf> = manifests
        .iter()
        .filter(|dir| has_benches(dir))
        .map(|dir| workspace_of(&root, dir))
        .collect();
    if workspaces.contains(&root) {
        return Located::Top;
    }
    named(&root, &workspaces.into_iter().collect::<Vec<_>>())
}

fn named(root: &Path, dirs: &[PathBuf]) -> Located {
    let relative = |d: &PathBuf| {
        let below = d.strip_prefix(root).unwrap_or(d);
        below.to_string_lossy().into_owned()
    };
    match dirs {
        [] => Located::Top,
        [one] if one == root => Located::Top,
        [one] => Located::Below(relative(one)),
        several => Located::Several(several.iter().map(relative).collect()),
    }
}

fn manifest(dir: &Path) -> Option<toml::Table> {
    std::fs::read_to_string(dir.join("Cargo.toml"))
        .ok()?
        .parse()
        .ok()
}

/// The workspace that a package's directory belongs to; itself where none above takes it.
fn workspace_of(root: &Path, package: &Path) -> PathBuf {
    let inside = |p: &&Path| p.starts_with(root);
    for dir in package.ancestors().take_while(inside) {
        let Some(workspace) = manifest(dir).and_then(|m| m.get("workspace").cloned()) else {
            continue;
        };
        let excluded = workspace.get("exclude").and_then(toml::Value::as_array);
        let is_excluded = excluded
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .any(|e| package.starts_with(dir.join(e.trim_start_matches("./"))));
        if !is_excluded {
            return dir.to_path_buf();
        }
    }
    package.to_path_buf()
}

/// Whether a manifest has benches that bring their own `main`, as criterion's do.
fn has_benches(dir: &Path) -> bool {
    let table = manifest(dir).unwrap_or_default();
    let benches = table.get("bench").and_then(toml::Value::as_array);
    let own = |b: &toml::Value| b.get("harness").and_then(toml::Value::as_bool) == Some(false);
    benches.is_some_and(|all| all.iter().any(own))
}

/// The directories with a manifest, at most [`DEPTH`] levels down.
fn list(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if dir.join("Cargo.toml").is_file() {
        found.push(dir.to_path_buf());
    }
    if depth == 0 || found.len() > MOST {
        return;
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut below: Vec<_> = entries
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .filter(|e| {
            let name = e.file_name();
            let name = name.to_string_lossy();
            !name.starts_with('.') && name != "target" && name != "node_modules" && name != "vendor"
        })
        .map(|e| e.path())
        .collect();
    below.sort();
    below.iter().for_each(|d| list(d, depth - 1, found));
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const BENCH: &str = "[[bench]]\nname = \"b\"\nharness = false\n";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path).join("Cargo.toml");
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn below(dir: &str) -> Located {
        Located::Below(dir.into())
    }

    #[test]
    fn the_only_workspace_with_benches_is_found_below() {
        let dir = tree(&[("bench", BENCH)]);
        assert_eq!(locate(dir.path(), dir.path()), below("bench"));
        let root = "[package]\nname = \"a\"\n";
        let dir = tree(&[("", root), ("tools/bench", BENCH), ("other", "")]);
        assert_eq!(locate(dir.path(), dir.path()), below("tools/bench"));
        let excluding = "[workspace]\nexclude = [\"bench\"]\n";
        let dir = tree(&[("", excluding), ("bench", BENCH), ("a", "")]);
        assert_eq!(locate(dir.path(), dir.path()), below("bench"));
    }

    #[test]
    fn a_workspace_at_the_top_takes_its_members() {
        let members = "[workspace]\nmembers = [\"*\"]\n";
        let dir = tree(&[("", members), ("a", BENCH), ("b", BENCH)]);
        assert_eq!(locate(dir.path(), dir.path()), Located::Top);
        assert_eq!(locate(dir.path(), &dir.path().join("a")), Located::Top);
        assert_eq!(locate(tree(&[]).path(), Path::new("/")), Located::Top);
    }

    #[test]
    fn called_in_a_crate_it_is_that_crate_s_workspace() {
        let dir = tree(&[("one", BENCH), ("two", BENCH)]);
        let both = Located::Several(vec!["one".into(), "two".into()]);
        assert_eq!(locate(dir.path(), dir.path()), both);
        assert_eq!(locate(dir.path(), &dir.path().join("two")), below("two"));
    }
}
