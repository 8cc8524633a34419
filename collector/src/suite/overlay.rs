//! Today's files laid over yesterday's commits: a benchmark that did not exist yet, a build fix.
//!
//! What is carried is copied once, under a name made of its content, before the first commit is
//! built. Later edits in the user's tree change nothing, and a search that goes on tomorrow
//! carries the same files.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::model::{Sha, digest};
use crate::system;

/// More than this is no benchmark.
const MAX_BYTES: u64 = 256 << 20;

/// Files to lay over every commit; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// A copy of files of the user's tree, with its root.
    copy: Option<PathBuf>,
    /// Paths of a commit.
    committed: Vec<(Sha, String)>,
    mark: String,
}

impl Overlay {
    /// Takes `paths` as they are in the user's tree, or else in HEAD; `REV:PATH` as in that
    /// commit. The copy goes under `home`.
    ///
    /// # Errors
    /// [`Error::Usage`] for a path that does not exist or leaves the repository.
    pub fn take(repo: &Repo, home: &Path, paths: &[String]) -> Result<Self> {
        let mut files: Vec<(PathBuf, PathBuf)> = Vec::new();
        let mut overlay = Self::default();
        for path in paths {
            match named_commit(repo, path)? {
                Some(committed) => overlay.committed.push(committed),
                None => list(repo.root(), Path::new(path), &mut files)?,
            }
        }
        files.sort();
        files.dedup();
        overlay.mark = mark(&files, &overlay.committed)?;
        if !files.is_empty() {
            overlay.copy = Some(copy(&files, &home.join("overlay"), &overlay.mark)?);
        }
        Ok(overlay)
    }

    /// A key that follows what is carried; unchanged where nothing is.
    #[must_use]
    pub fn mark(&self, key: String, length: usize) -> String {
        if self.mark.is_empty() {
            return key;
        }
        let mut marked = digest(format!("{key} carrying {}", self.mark).as_bytes());
        marked.truncate(length);
        marked
    }

    /// Whether a file of the repository is replaced, so that commits cannot differ in it.
    #[must_use]
    pub fn replaces(&self, path: &str) -> bool {
        let below = |p: &str| path == p || path.strip_prefix(p).is_some_and(|r| r.starts_with('/'));
        self.committed.iter().any(|(_, p)| below(p))
            || self.copy.as_ref().is_some_and(|c| c.join(path).is_file())
    }

    /// Lays everything over the worktree at `tree`.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn apply(&self, repo: &Repo, tree: &Path) -> Result<()> {
        for (sha, path) in &self.committed {
            repo.overlay(tree, sha, path)?;
        }
        let Some(copy) = &self.copy else {
            return Ok(());
        };
        let mut files = Vec::new();
        list(copy, Path::new(""), &mut files)?;
        for (from, path) in files {
            place(&from, &tree.join(path))?;
        }
        Ok(())
    }
}

/// `REV:PATH`, or a path that only HEAD has.
fn named_commit(repo: &Repo, path: &str) -> Result<Option<(Sha, String)>> {
    let (rev, inside) = match path.split_once(':') {
        Some((rev, inside)) if !repo.root().join(path).exists() => (rev, inside),
        _ => ("HEAD", path),
    };
    let inside = inside.trim_end_matches('/').to_string();
    let plain = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
    if inside.is_empty() || !Path::new(&inside).components().all(plain) {
        return Err(Error::Usage(format!(
            "--overlay {path}: name a file or folder inside the repository"
        )));
    }
    if rev == "HEAD" && repo.root().join(&inside).symlink_metadata().is_ok() {
        return Ok(None);
    }
    let sha = repo.resolve(rev)?;
    if repo.has_file(&sha, &inside) {
        return Ok(Some((sha, inside)));
    }
    Err(Error::Usage(format!(
        "--overlay {path}: neither the working tree nor {rev} has it"
    )))
}

/// Every file below `path`, as (where it is, its path from `root`).
fn list(root: &Path, path: &Path, into: &mut Vec<(PathBuf, PathBuf)>) -> Result<()> {
    let at = root.join(path);
    let facts = at.symlink_metadata().map_err(Error::io(&at))?;
    if !facts.is_dir() {
        into.push((at, path.to_path_buf()));
        return Ok(());
    }
    for entry in std::fs::read_dir(&at).map_err(Error::io(&at))? {
        let name = entry.map_err(Error::io(&at))?.file_name();
        if name != ".git" && name != ".uptick" && name != "target" {
            list(root, &path.join(name), into)?;
        }
    }
    Ok(())
}

fn mark(files: &[(PathBuf, PathBuf)], committed: &[(Sha, String)]) -> Result<String> {
    if files.is_empty() && committed.is_empty() {
        return Ok(String::new());
    }
    let mut text = format!("{committed:?}\n");
    let mut total = 0;
    for (at, path) in files {
        total += at.symlink_metadata().map_err(Error::io(at))?.len();
        if total > MAX_BYTES {
            return Err(Error::Usage(format!(
                "--overlay: more than {} MiB; name the benchmark alone",
                MAX_BYTES >> 20
            )));
        }
        let content = match std::fs::read_link(at) {
            Ok(target) => format!("-> {}", target.display()),
            Err(_) => digest(&std::fs::read(at).map_err(Error::io(at))?),
        };
        let mode = at
            .symlink_metadata()
            .map_or(0, |m| system::mode(&m) & 0o111);
        text.push_str(&format!("{} {mode:o} {content}\n", path.display()));
    }
    Ok(digest(text.as_bytes())[..16].to_string())
}

/// Copies the files under their content's name, whole or not at all.
fn copy(files: &[(PathBuf, PathBuf)], dir: &Path, mark: &str) -> Result<PathBuf> {
    let at = dir.join(mark);
    if at.is_dir() {
        return Ok(at);
    }
    std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    let half = tempfile::tempdir_in(dir).map_err(Error::io(dir))?;
    for (from, path) in files {
        place(from, &half.path().join(path))?;
    }
    if std::fs::rename(half.path(), &at).is_ok() {
        let _ = half.keep();
    }
    Ok(at)
}

/// Puts one file or link where another may be.
fn place(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    }
    let _ = std::fs::remove_file(to);
    match std::fs::read_link(from) {
        Ok(target) => system::symlink(&target, to).map_err(Error::io(to)),
        Err(_) => std::fs::copy(from, to).map(|_| ()).map_err(Error::io(from)),
    }
}
