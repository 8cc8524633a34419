//! Files of the commit that cargo's configuration names: wrappers of the compiler, linkers, scripts
//! for linkers.
//!
//! cargo builds anew when it is told of another file, and not when that file becomes another one: in
//! a directory that goes from commit to commit it would keep what an older script made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::configuration::{obeyed, words};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::read_text;
use crate::model::digest;
use crate::suite::{Place, workspace};

/// Where a target directory keeps what those files were.
const RECORD: &str = ".uptick-named";
/// No record is longer.
const MOST: u64 = 1 << 20;

/// Empties the target directory where such a file is another one than when it was built in.
///
/// # Errors
/// When it cannot be emptied, or the record not be written.
pub(super) fn renew(config: &Config, place: &Place) -> Result<()> {
    let record = place.target.join(RECORD);
    let before = read_text(&record, MOST).unwrap_or_default();
    let now = contents(&all(config, place));
    if now == before {
        return Ok(());
    }
    remove(&place.target).map_err(Error::io(&place.target))?;
    std::fs::create_dir_all(&place.target).map_err(Error::io(&place.target))?;
    std::fs::write(&record, now).map_err(Error::io(&record))
}

/// Removes a directory; of a link, which a program of the commit may have put there, the link.
fn remove(target: &Path) -> std::io::Result<()> {
    match target.symlink_metadata() {
        Ok(facts) if facts.is_dir() => std::fs::remove_dir_all(target),
        Ok(_) => std::fs::remove_file(target),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// The files of the worktree that are named.
fn all(config: &Config, place: &Place) -> BTreeSet<PathBuf> {
    let Ok(tree) = place.tree.canonicalize() else {
        return BTreeSet::new();
    };
    let workspace = workspace(config, &tree);
    let said = |words: Vec<String>, beside: Option<&Path>| {
        let dirs = beside.into_iter().chain([&*workspace]);
        let found = dirs.flat_map(|dir| files_in(&words, dir));
        found.filter(|p| p.starts_with(&tree)).collect::<Vec<_>>()
    };
    let mut found = BTreeSet::from_iter(said(of_the_environment(), None));
    for file in obeyed(config, place) {
        // A program is looked for beside the directory that holds the file; what flags name, where
        // the compiler runs: at the top of the workspace.
        found.extend(said(words(&file), file.parent().and_then(Path::parent)));
    }
    found
}

/// The files that some words name, seen from a directory.
fn files_in(words: &[String], dir: &Path) -> Vec<PathBuf> {
    let breaks = |c: char| c.is_whitespace() || "=,".contains(c);
    let parts = words.iter().flat_map(|word| word.split(breaks));
    // `-Tlink.x` is a flag and its file in one.
    let parts = parts.flat_map(|part| [part, part.strip_prefix("-T").unwrap_or_default()]);
    let real = parts
        .filter(|part| !part.is_empty())
        .filter_map(|part| dir.join(part).canonicalize().ok());
    real.filter(|path| path.is_file()).collect()
}

/// What the environment says in the place of a file.
fn of_the_environment() -> Vec<String> {
    let speaks = |name: &str| {
        let name = name.strip_prefix("CARGO_BUILD_").unwrap_or(name);
        name.starts_with("RUSTC") || name.ends_with("RUSTFLAGS") || name.ends_with("_LINKER")
    };
    let all = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(speaks));
    all.filter_map(|(_, value)| value.into_string().ok())
        .collect()
}

/// A text that is another one where some file is; empty of none.
fn contents(files: &BTreeSet<PathBuf>) -> String {
    let line = |file: &PathBuf| {
        let bytes = std::fs::read(file).unwrap_or_default();
        format!("{} {}\n", digest(&bytes), file.display())
    };
    files.iter().map(line).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_that_changes_empties_the_target_directory() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place {
            tree: dir.path().join("tree"),
            target: dir.path().join("target/build"),
        };
        let write = |name: &str, text: &str| {
            let file = place.tree.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        let stays = || {
            std::fs::create_dir_all(place.target.join("release")).unwrap();
            renew(&Config::default(), &place).unwrap();
            place.target.join("release").exists()
        };
        write("Cargo.toml", "");
        assert!(stays(), "no file names another");
        write(
            ".cargo/config.toml",
            "[build]\nrustc-workspace-wrapper = \"tools/wrap.sh\"\ntarget-dir = \"src\"\n\
             [target.x86_64-unknown-linux-gnu]\nlinker = \"tools/ld.sh\"\n\
             rustflags = [\"-C\", \"link-arg=-Tlink.x\"]\nrunner = \"tools/run.sh\"\n",
        );
        assert!(stays(), "none of them is there");
        for name in ["tools/wrap.sh", "tools/ld.sh", "link.x"] {
            write(name, "1");
            assert!(!stays(), "{name}");
            assert!(stays());
            write(name, "2");
            assert!(!stays(), "{name}");
        }
        write("tools/run.sh", "1");
        write("src/lib.rs", "1");
        assert!(stays(), "neither is read by a build");
        // Where a commit's program put a link, what it leads to stays.
        let users = tempfile::tempdir().unwrap();
        std::fs::write(users.path().join("file"), "").unwrap();
        std::fs::remove_dir_all(&place.target).unwrap();
        std::os::unix::fs::symlink(users.path(), &place.target).unwrap();
        renew(&Config::default(), &place).unwrap();
        assert!(users.path().join("file").exists());
        assert!(place.target.symlink_metadata().unwrap().is_dir());
    }
}
