//! Worktrees under `.uptick/`, the only things that are ever checked out.

use crate::git::remove_stale_lock;
use std::path::Path;

use super::call::ask;
use super::{Lacking, Repo, partial, submodule};
use crate::error::{Error, Result};
use crate::model::Sha;

impl Repo {
    /// Brings the worktree at `path` to `sha`, submodules included, making it where it does not
    /// exist.
    ///
    /// The caller holds the worker's lock, so a lock file that a killed git left
    /// behind in it is stale. Untracked files go, but for a `target` directory.
    ///
    /// Gives what this clone lacks, and so the worktree.
    ///
    /// # Errors
    /// When git cannot check the commit out; the message is git's.
    pub fn checkout(&self, path: &Path, sha: &Sha) -> Result<Vec<Lacking>> {
        if !self.owns_worktree(path) {
            self.add_worktree(path, sha)?;
        }
        remove_stale_lock(path);
        let files = check_out(path, sha)?;
        let mut lacking: Vec<Lacking> = files.into_iter().map(Lacking::File).collect();
        ask(path, &["clean", "-ffdxq", "-e", "target"])?;
        lacking.extend(contents(path, sha)?.into_iter().map(Lacking::Content));
        lacking.extend(submodule::bring(self.root(), path)?);
        Ok(lacking)
    }

    /// Lays `path` as it is in `sha` over the worktree at `tree`, which is ours.
    ///
    /// # Errors
    /// When the commit has no such path.
    pub fn overlay(&self, tree: &Path, sha: &Sha, path: &str) -> Result<()> {
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

/// Brings the worktree's own files to a commit; gives those that the clone lacks.
fn check_out(path: &Path, sha: &Sha) -> Result<Vec<String>> {
    let whole = ask(
        path,
        &["checkout", "--quiet", "--detach", "--force", &sha.0],
    );
    match whole {
        Ok(_) => Ok(Vec::new()),
        Err(e) if partial::lacks_objects(path, sha) => {
            // A file that some other trouble keeps from being written is no partial clone.
            match partial::checkout(path, sha) {
                Ok(lacking) if !lacking.is_empty() => Ok(lacking),
                _ => Err(e),
            }
        }
        Err(e) => Err(e),
    }
}

/// The files of a worktree of which only pointers are there. What could not be filled once is tried
/// again: git leaves a file alone that did not change, also where git-lfs is there by now.
fn contents(path: &Path, sha: &Sha) -> Result<Vec<String>> {
    let found = pointers(path)?;
    if found.is_empty() || ask(path, &["config", "--get", "filter.lfs.smudge"]).is_err() {
        return Ok(found);
    }
    for file in &found {
        std::fs::remove_file(path.join(file)).map_err(Error::io(path))?;
    }
    check_out(path, sha)?;
    pointers(path)
}

/// The files of a worktree that git-lfs is to fill, and has not: it is not installed, or was told
/// to skip them.
fn pointers(path: &Path) -> Result<Vec<String>> {
    let all = ask(path, &["ls-files", "-z", "--", ":(attr:filter=lfs)"])?;
    let is_pointer = |file: &&str| {
        let mut start = [0; POINTER.len()];
        let opened = std::fs::File::open(path.join(file));
        let read = opened.and_then(|mut f| std::io::Read::read_exact(&mut f, &mut start));
        read.is_ok() && start == *POINTER
    };
    let names = all.split('\0').filter(|f| !f.is_empty());
    Ok(names.filter(is_pointer).map(String::from).collect())
}

/// How a pointer of git-lfs begins.
const POINTER: &[u8; 42] = b"version https://git-lfs.github.com/spec/v1";

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
