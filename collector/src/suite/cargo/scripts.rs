//! Build scripts run again where their package changed.
//!
//! A script may name the files that it reads, and leave some out: in a directory that goes from
//! commit to commit cargo then takes what the script made of an earlier one, where in a fresh clone
//! it would run. cargo runs one again whose own file is newer than what it made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// Directories that are no part of a package's sources.
const BESIDE: [&str; 3] = ["target", ".git", "node_modules"];

/// A package that has one: its directory, and the script.
pub(super) type Script = (PathBuf, PathBuf);

/// Has cargo run each script again whose package has a file that is newer than it. One that lies
/// outside of the worktree, or is a link, may be the user's own and is left alone.
///
/// # Errors
/// When the time of a script's file cannot be set.
pub(super) fn renew(all: &[Script], tree: &Path) -> Result<()> {
    for (dir, script) in all {
        let Some(own) = modified(script).filter(|_| is_within(script, tree)) else {
            continue;
        };
        if newest(dir).is_some_and(|newest| newest > own) {
            let file = File::options().append(true).open(script);
            file.and_then(|f| f.set_modified(SystemTime::now()))
                .map_err(Error::io(script))?;
        }
    }
    Ok(())
}

fn is_within(script: &Path, tree: &Path) -> bool {
    let real = script.canonicalize().ok().zip(tree.canonicalize().ok());
    real.is_some_and(|(script, tree)| script.starts_with(tree))
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(file).ok()?.modified().ok()
}

/// The time of the newest file below a directory.
fn newest(dir: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    let times = entries.filter_map(|entry| match entry.file_type().ok()?.is_dir() {
        true if BESIDE.iter().any(|b| entry.file_name() == *b) => None,
        true => newest(&entry.path()),
        false => modified(&entry.path()),
    });
    times.max()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_script_is_renewed_where_its_package_changed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["src", "target"] {
            fs::create_dir(at(name)).unwrap();
        }
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        let write = |name: &str, age: u64| {
            fs::write(at(name), "x").unwrap();
            let file = File::options().append(true).open(at(name)).unwrap();
            file.set_modified(long_ago + Duration::from_secs(age))
                .unwrap();
        };
        write("build.rs", 10);
        write("src/lib.rs", 5);
        write("target/made", 99);
        let all = [(dir.path().to_path_buf(), at("build.rs"))];
        let renewed = || {
            let before = modified(&at("build.rs"));
            renew(&all, dir.path()).unwrap();
            modified(&at("build.rs")) != before
        };
        assert!(!renewed(), "nothing is newer");
        write("src/n.txt", 11);
        assert!(renewed());
        assert!(!renewed(), "once");
        renew(&[(at("none"), at("none/build.rs"))], dir.path()).unwrap();
        // A link to a file of the user's.
        let users = tempfile::NamedTempFile::new().unwrap();
        let file = File::options().append(true).open(users.path()).unwrap();
        file.set_modified(long_ago).unwrap();
        fs::remove_file(at("build.rs")).unwrap();
        std::os::unix::fs::symlink(users.path(), at("build.rs")).unwrap();
        write("src/n.txt", 7200);
        renew(&all, dir.path()).unwrap();
        assert_eq!(modified(users.path()), Some(long_ago));
    }
}
