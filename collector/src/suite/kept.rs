//! What is kept from commit to commit, and what of it goes.
//!
//! Worktrees keep their `target` directories, and a worker has one of its own, so that dependencies
//! are compiled once. What was made there of a commit's own files goes before another commit is built:
//! cargo knows of those inputs alone that rustc and build scripts name (not of what a procedural macro
//! reads), make of those that a rule names, a benchmark's own cache of nothing. In a fresh clone all
//! of that would be made anew.

use std::collections::BTreeSet;
use std::fs::read_dir;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::{read_text, remove};
use crate::git;
use crate::model::digest;

/// Where a target directory keeps of which files it was made.
const RECORD: &str = ".uptick-inputs";
/// The same of files that cargo's configuration names.
const NAMED: &str = ".uptick-named";
/// No record is longer.
const RECORDED: u64 = 1 << 20;
/// How cargo marks a directory as its own.
const OF_CARGO: [&str; 2] = ["CACHEDIR.TAG", ".rustc_info.json"];
/// Where cargo keeps what it knows of what it built.
const FINGERPRINTS: &str = ".fingerprint";
/// No manifest is longer.
const MANIFEST: u64 = 4 << 20;

/// Removes what earlier commits' builds and runs left in a worktree, but for what cargo compiled of
/// others' crates.
///
/// # Errors
/// When git or the file system fails.
pub(crate) fn forget(tree: &Path) -> Result<()> {
    let left = git::left_behind(tree)?;
    if left.is_empty() {
        return Ok(());
    }
    let members = members(tree)?;
    for path in left {
        let is_target = path.file_name().is_some_and(|name| name == "target");
        if is_target && is_of_cargo(&path) {
            forget_members(&path, &members)?;
        } else {
            remove(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}

/// Has cargo compile the commit's own packages anew where files of the commit are others than those
/// that a target directory was made of, in ways that cargo may not see.
///
/// # Errors
/// When git or the file system fails.
pub(super) fn renew(tree: &Path, target: &Path) -> Result<()> {
    let now = inputs(tree)?;
    if now != recorded(target, RECORD) {
        forget_members(target, &members(tree)?)?;
        record(target, RECORD, &now)?;
    }
    Ok(())
}

/// Empties a target directory where the files that cargo's configuration names are others than those
/// that it was made with.
///
/// # Errors
/// When the file system fails.
pub(super) fn renew_named(files: &BTreeSet<PathBuf>, target: &Path) -> Result<()> {
    let line = |file: &PathBuf| {
        let bytes = std::fs::read(file).unwrap_or_default();
        format!("{} {}\n", digest(&bytes), file.display())
    };
    let now: String = files.iter().map(line).collect();
    if now != recorded(target, NAMED) {
        remove(target).map_err(Error::io(target))?;
        record(target, NAMED, &now)?;
    }
    Ok(())
}

fn recorded(target: &Path, name: &str) -> String {
    read_text(&target.join(name), RECORDED).unwrap_or_default()
}

fn record(target: &Path, name: &str, text: &str) -> Result<()> {
    let file = target.join(name);
    // Where a commit's program put a link, that goes, and not what it leads to.
    let write = || {
        std::fs::create_dir_all(target)?;
        remove(&file)?;
        std::fs::write(&file, text)
    };
    write().map_err(Error::io(&file))
}

/// What a commit's packages may be made of that cargo cannot see: every file but the sources that
/// rustc reads and names, and manifests; which sources there are.
fn inputs(tree: &Path) -> Result<String> {
    let staged = git::staged(tree)?;
    let line = |entry: &str| {
        let (blob, path) = entry.split_once('\t').unwrap_or(("", entry));
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_seen = name.ends_with(".rs") || name == "Cargo.toml" || name == "Cargo.lock";
        match is_seen {
            true => format!("{path}\n"),
            false => format!("{blob}\t{path}\n"),
        }
    };
    let all: String = staged.split_terminator('\0').map(line).collect();
    Ok(digest(all.as_bytes()))
}

/// The names of a commit's own packages.
fn members(tree: &Path) -> Result<BTreeSet<String>> {
    let name = |manifest: PathBuf| {
        let text = read_text(&manifest, MANIFEST).ok()?;
        let table: toml::Table = text.parse().ok()?;
        Some(table.get("package")?.get("name")?.as_str()?.to_string())
    };
    let manifests = git::manifests(tree)?;
    Ok(manifests.into_iter().filter_map(name).collect())
}

fn is_of_cargo(dir: &Path) -> bool {
    is_directory(dir) && OF_CARGO.iter().any(|mark| dir.join(mark).is_file())
}

fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|facts| facts.is_dir())
}

/// Removes all but what cargo compiled of others' crates.
fn forget_members(target: &Path, members: &BTreeSet<String>) -> Result<()> {
    if !is_directory(target) {
        // A link, which a program of the commit may have put there, or nothing.
        return remove(target).map_err(Error::io(target));
    }
    let mut left = Vec::new();
    for entry in entries(target) {
        if entry.join(FINGERPRINTS).is_dir() {
            of_profile(&entry, members, &mut left);
            continue;
        }
        // Of another platform, by profile.
        let inside: Vec<PathBuf> = match is_directory(&entry) {
            true => entries(&entry).collect(),
            false => Vec::new(),
        };
        if inside.iter().any(|dir| dir.join(FINGERPRINTS).is_dir()) {
            inside
                .iter()
                .for_each(|dir| of_profile(dir, members, &mut left));
        } else if !is_mark(&entry) {
            left.push(entry);
        }
    }
    left.iter()
        .try_for_each(|path| remove(path).map_err(Error::io(path)))
}

/// What goes of a profile's directory: the commit's own packages, and all that was made of them.
fn of_profile(dir: &Path, members: &BTreeSet<String>, left: &mut Vec<PathBuf>) {
    for entry in entries(dir) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        match &*name {
            FINGERPRINTS | "build" => {
                left.extend(entries(&entry).filter(|kept| is_of(kept, members)));
            }
            "deps" | ".cargo-lock" => {}
            _ => left.push(entry),
        }
    }
}

/// Whether cargo keeps it of one of some packages: `NAME-0123456789abcdef`.
fn is_of(kept: &Path, packages: &BTreeSet<String>) -> bool {
    let name = kept.file_name().unwrap_or_default().to_string_lossy();
    let package = name.rsplit_once('-').map_or(&*name, |(package, _)| package);
    packages.contains(package)
}

fn is_mark(entry: &Path) -> bool {
    let name = entry.file_name().unwrap_or_default();
    let ours = [RECORD, NAMED].into_iter().chain(OF_CARGO);
    ours.into_iter().any(|mark| name == mark)
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let all = read_dir(dir).into_iter().flatten().flatten();
    all.map(|entry| entry.path())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A repository of two packages, and a directory of cargo's with what it built of them.
    fn scene() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        write(&tree.join("Cargo.toml"), "[package]\nname = \"work-er\"\n");
        write(&tree.join("in/Cargo.toml"), "[package]\nname = \"in\"\n");
        write(&tree.join("in/data.txt"), "1");
        write(&tree.join("in/src/lib.rs"), "1");
        git(&tree, &["init", "-q"]);
        git(&tree, &["add", "-A"]);
        let target = dir.path().join("target");
        make(&target);
        (dir, tree, target)
    }

    fn make(target: &Path) {
        for file in [
            "CACHEDIR.TAG",
            ".rustc_info.json",
            "release/.cargo-lock",
            "release/.fingerprint/in-0123456789abcdef/lib-in",
            "release/.fingerprint/in-side-0123456789abcdef/lib-in_side",
            "release/.fingerprint/work-er-0123456789abcdef/lib-work_er",
            "release/build/work-er-0123456789abcdef/out/made.rs",
            "release/build/libc-0123456789abcdef/output",
            "release/deps/libin-0123456789abcdef.rlib",
            "release/examples/old",
            "release/work-er",
            "x86_64-unknown-linux-gnu/release/.fingerprint/in-0123456789abcdef/lib-in",
            "x86_64-unknown-linux-gnu/release/.fingerprint/serde-0123456789abcdef/lib-serde",
            "tmp/corpus",
            "data",
        ] {
            write(&target.join(file), "");
        }
    }

    fn write(file: &Path, text: &str) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn git(tree: &Path, args: &[&str]) {
        let mut git = std::process::Command::new("git");
        assert!(
            git.arg("-C")
                .arg(tree)
                .args(args)
                .status()
                .unwrap()
                .success()
        );
    }

    fn files_in(dir: &Path) -> Vec<String> {
        let mut all = Vec::new();
        let mut dirs = vec![dir.to_path_buf()];
        while let Some(next) = dirs.pop() {
            for entry in entries(&next) {
                match is_directory(&entry) {
                    true => dirs.push(entry),
                    false => all.push(entry.strip_prefix(dir).unwrap().display().to_string()),
                }
            }
        }
        all.sort();
        all
    }

    const OTHERS: [&str; 7] = [
        ".rustc_info.json",
        "CACHEDIR.TAG",
        "release/.cargo-lock",
        "release/.fingerprint/in-side-0123456789abcdef/lib-in_side",
        "release/build/libc-0123456789abcdef/output",
        "release/deps/libin-0123456789abcdef.rlib",
        "x86_64-unknown-linux-gnu/release/.fingerprint/serde-0123456789abcdef/lib-serde",
    ];

    #[test]
    fn what_was_made_of_the_commits_own_goes_and_of_others_stays() {
        let (_dir, tree, target) = scene();
        renew(&tree, &target).unwrap();
        let mut kept = OTHERS.map(String::from).to_vec();
        kept.insert(0, RECORD.into());
        kept.sort();
        assert_eq!(files_in(&target), kept);
        let stays = |file: &str, text: &str| {
            make(&target);
            write(&tree.join(file), text);
            git(&tree, &["add", "-A"]);
            renew(&tree, &target).unwrap();
            files_in(&target) != kept
        };
        assert!(stays("in/data.txt", "1"), "nothing changed");
        assert!(stays("in/src/lib.rs", "2"), "cargo sees that");
        assert!(!stays("in/data.txt", "2"));
        assert!(!stays("in/src/more.rs", "1"), "it may be listed");
        assert!(!stays("in/LICENSE", "1"));
    }

    #[test]
    fn a_worktree_keeps_of_cargos_directory_what_is_others_and_nothing_else() {
        let (_dir, tree, _) = scene();
        let at = |name: &str| tree.join(name);
        make(&at("target"));
        make(&at("in/target"));
        // No directory of cargo's.
        std::fs::remove_file(at("in/target/CACHEDIR.TAG")).unwrap();
        std::fs::remove_file(at("in/target/.rustc_info.json")).unwrap();
        write(&at("gone/target/corpus"), "");
        write(&at("sub/target"), "a file");
        let users = tempfile::tempdir().unwrap();
        write(&users.path().join("corpus"), "");
        std::os::unix::fs::symlink(users.path(), at("linked")).unwrap();
        forget(&tree).unwrap();
        assert_eq!(files_in(&at("target")), OTHERS);
        for gone in ["in/target", "gone", "sub/target", "linked"] {
            assert!(at(gone).symlink_metadata().is_err(), "{gone}");
        }
        assert!(at("in/data.txt").exists() && users.path().join("corpus").exists());
    }
}
