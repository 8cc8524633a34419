//! Worktrees under `.uptick/`, the only things that are ever checked out.

use std::path::Path;

use super::{Repo, ask, submodule};
use crate::error::{Error, Result};
use crate::model::Sha;

impl Repo {
    /// Brings the worktree at `path` to `sha`, submodules included, making it where it does not
    /// exist.
    ///
    /// The caller holds the worker's lock, so a lock file that a killed git left
    /// behind in it is stale. Untracked files go, but for a `target` directory.
    ///
    /// # Errors
    /// When git cannot check the commit out; the message is git's.
    pub fn checkout(&self, path: &Path, sha: &Sha) -> Result<()> {
        if !self.owns_worktree(path) {
            self.add_worktree(path, sha)?;
        }
        remove_stale_lock(path);
        ask(
            path,
            &["checkout", "--quiet", "--detach", "--force", &sha.0],
        )?;
        ask(path, &["clean", "-ffdxq", "-e", "target"])?;
        submodule::bring(self.root(), path)
    }

    /// Lays `path` as it is in `sha` over the worktree at `tree`, which is ours.
    ///
    /// # Errors
    /// When the commit has no such path.
    pub fn lay(&self, tree: &Path, sha: &Sha, path: &str) -> Result<()> {
        ask(
            tree,
            &["checkout", "--quiet", "--force", &sha.0, "--", path],
        )
        .map(|_| ())
    }

    fn owns_worktree(&self, path: &Path) -> bool {
        let top = ask(path, &["rev-parse", "--show-toplevel"]);
        path.join(".git").is_file() && top.is_ok_and(|t| same_file(Path::new(&t), path))
    }

    fn add_worktree(&self, path: &Path, sha: &Sha) -> Result<()> {
        if path.exists() {
            std::fs::remove_dir_all(path).map_err(Error::io(path))?;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        ask(self.root(), &["worktree", "prune"])?;
        let at = path.to_string_lossy();
        let how = ["--quiet", "--force", "--detach", "--no-checkout"];
        let mut args = vec!["worktree", "add"];
        args.extend(how);
        args.extend([&*at, &sha.0]);
        ask(self.root(), &args).map(|_| ())
    }
}

/// Removes what a killed git left behind in a worktree of ours, or in a submodule of it.
pub(super) fn remove_stale_lock(path: &Path) {
    if let Ok(dir) = ask(path, &["rev-parse", "--absolute-git-dir"]) {
        let _ = std::fs::remove_file(Path::new(&dir).join("index.lock"));
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
