//! `.uptick/` in a repository: where everything of ours lies.

use crate::error::{Error, Result};
use crate::files;
use crate::git::Repo;
use crate::model::{Sha, digest};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What `.uptick/` is for a repository.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// Makes `.uptick/` with its own `.gitignore`.
    ///
    /// # Errors
    /// When the repository cannot be written.
    pub fn make(repo: &Repo) -> Result<Self> {
        let dir = repo.root().join(".uptick");
        files::refuse_links(&dir)?;
        std::fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
        let ignore = dir.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(&ignore, "*\n").map_err(Error::io(&ignore))?;
        }
        Ok(Self(dir))
    }

    /// Where it is, whether or not it exists.
    #[must_use]
    pub fn of(repo: &Repo) -> Self {
        Self(repo.root().join(".uptick"))
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// Held while git changes worktrees: two at once get into each other's way.
    pub(super) fn git_lock(&self) -> Result<File> {
        let path = self.0.join("git.lock");
        let lock = files::lock_file(&path)?;
        lock.lock().map_err(Error::io(&path))?;
        Ok(lock)
    }

    /// Held while a commit is measured, so that two processes do not measure it both; and whether
    /// another one had it. `wait` is told before anybody waits.
    pub(super) fn turn(&self, what: &str, wait: &dyn Fn()) -> Result<(File, bool)> {
        let dir = self.0.join("turns");
        std::fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
        // 256 files for all commits: two that share one only take turns.
        let path = dir.join(&digest(what.as_bytes())[..2]);
        let lock = files::lock_file(&path)?;
        if lock.try_lock().is_ok() {
            return Ok((lock, false));
        }
        wait();
        lock.lock().map_err(Error::io(&path))?;
        Ok((lock, true))
    }

    /// The default store.
    ///
    /// # Errors
    /// [`Error::Usage`] where a link stands in its way.
    pub fn store(&self) -> Result<PathBuf> {
        files::refuse_links(&self.0)?;
        Ok(self.0.join("uptick.db"))
    }

    /// Where a flame graph of these two commits goes.
    #[must_use]
    pub fn flamegraph(&self, base: Option<&Sha>, head: &Sha, name: &str) -> PathBuf {
        let safe: String = name
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        // A name such as `./work` must not make a hidden file.
        let safe = safe.trim_start_matches(['.', '-']);
        let safe: String = safe.chars().take(80).collect();
        // Names that differ only in characters that were replaced must not share a file.
        let mark = &digest(name.as_bytes())[..6];
        let file = match base {
            Some(base) => format!("{safe}-{mark}-since-{}.svg", base.short()),
            None => format!("{safe}-{mark}.svg"),
        };
        self.0.join("flamegraphs").join(head.short()).join(file)
    }
}
