//! Files of the commit that cargo's configuration names: wrappers of the compiler, linkers, scripts
//! for linkers.
//!
//! cargo builds anew when it is told of another file, and not when that file becomes another one: in
//! a directory that goes from commit to commit it would keep what an older script made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::configuration::{obeyed, words};
use crate::config::Config;
use crate::suite::{Place, workspace};

/// The files of the worktree that are named.
pub(super) fn files(config: &Config, place: &Place) -> BTreeSet<PathBuf> {
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::suite::kept::renew_named;

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
            renew_named(&files(&Config::default(), &place), &place.target).unwrap();
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
        renew_named(&files(&Config::default(), &place), &place.target).unwrap();
        assert!(users.path().join("file").exists());
        assert!(place.target.symlink_metadata().unwrap().is_dir());
    }
}
