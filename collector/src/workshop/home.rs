//! `.uptick/` in a repository: where everything of ours lies.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::Repo;

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
        let lock = File::create(&path).map_err(Error::io(&path))?;
        lock.lock().map_err(Error::io(&path))?;
        Ok(lock)
    }

    /// The default store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.0.join("uptick.db")
    }
}
