//! Worktrees under `.uptick/`, the only things that are ever checked out.

use crate::git::remove_stale_lock;
use std::path::{Path, PathBuf};

use super::call::ask;
use super::{Lacking, Repo, partial, submodule};
use crate::error::{Error, Result};
use crate::model::{Sha, digest};

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
        let files = check_out_anew_where_needed(path, sha)?;
        let mut lacking: Vec<Lacking> = files.into_iter().map(Lacking::File).collect();
        ask(path, &["clean", "-ffdxq", "-e", "target"])?;
        lacking.extend(contents(path, sha)?.into_iter().map(Lacking::Content));
        lacking.extend(linked_out(self.root(), path)?);
        lacking.extend(submodule::bring(self.root(), path)?);
        Ok(lacking)
    }

    /// What of this clone alone decides what is written into a worktree: the programs that files go
    /// through, but for those of git-lfs, which give what the commit names, how lines end, and
    /// attributes that no commit has. Empty where there is nothing of it.
    #[must_use]
    pub fn filters(&self) -> String {
        let all = settings(
            self.root(),
            r"^(filter\..*\.(smudge|process)|core\.(eol|checkroundtripencoding))$",
        );
        let own = all.lines().filter(|l| !l.starts_with("filter.lfs."));
        let mut said: String = own.map(|l| format!("{l}\n")).collect();
        said.extend(own_attributes(self.root()).map(|a| String::from_utf8_lossy(&a).into_owned()));
        said
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

    /// Whether a worktree of this very repository is there: of one that was copied, or restored at
    /// another path, it may be the first one's.
    fn owns_worktree(&self, path: &Path) -> bool {
        let says = |at: &Path, what: &str| {
            let said = ask(at, &["rev-parse", what]);
            said.map(|dir| at.join(dir))
        };
        let is_one = |a: Result<PathBuf>, b: Result<PathBuf>| {
            a.is_ok_and(|a| b.is_ok_and(|b| same_file(&a, &b)))
        };
        let shared = "--git-common-dir";
        path.join(".git").is_file()
            && is_one(says(path, "--show-toplevel"), Ok(path.to_path_buf()))
            && is_one(says(path, shared), says(self.root(), shared))
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

/// What lies in a worktree beside the files of its commit; of a directory that is nothing else, the
/// directory.
///
/// # Errors
/// When git fails.
pub fn left_behind(tree: &Path) -> Result<Vec<PathBuf>> {
    let listed = ask(tree, &["ls-files", "--others", "--directory", "-z"])?;
    let paths = listed.split_terminator('\0');
    Ok(paths.map(|p| tree.join(p.trim_end_matches('/'))).collect())
}

/// The files of a worktree's commit with their objects, each ended by a NUL.
///
/// # Errors
/// When git fails.
pub fn staged(tree: &Path) -> Result<String> {
    ask(tree, &["ls-files", "--stage", "-z"])
}

/// The manifests of a worktree's packages, those of its submodules too.
///
/// # Errors
/// When git fails.
pub fn manifests(tree: &Path) -> Result<Vec<PathBuf>> {
    let named = ["-z", "--", ":(glob)**/Cargo.toml"];
    let list = |how: &[&str]| ask(tree, &[&["ls-files"], how, &named].concat());
    let listed = list(&["--recurse-submodules"]).or_else(|_| list(&[]))?;
    Ok(listed
        .split_terminator('\0')
        .map(|p| tree.join(p))
        .collect())
}

/// Brings the worktree's own files to a commit, all of them where git would leave some as other
/// attributes or filters made them, or where a build told it to leave some alone.
fn check_out_anew_where_needed(path: &Path, sha: &Sha) -> Result<Vec<String>> {
    let record = ask(path, &["rev-parse", "--git-path", RECORD]).map(|at| path.join(at))?;
    let before = std::fs::read_to_string(&record).unwrap_or_default();
    let whole = |e| {
        ask(path, &["read-tree", "--empty"])?;
        check_out(path, sha).map_err(|_| e)
    };
    let mut files = check_out(path, sha).or_else(whole)?;
    let now = translation(path)?;
    if now != before {
        // Killed in between, it is done again.
        let _ = std::fs::remove_file(&record);
        ask(path, &["read-tree", "--empty"])?;
        files = check_out(path, sha)?;
        std::fs::write(&record, &now).map_err(Error::io(&record))?;
    }
    Ok(files)
}

/// Which attributes and filters a worktree's files were written with.
const RECORD: &str = "uptick-attributes";

/// What decides with which bytes git writes the files of a commit that stands in a worktree: it
/// writes none again whose object stays.
fn translation(path: &Path) -> Result<String> {
    let attributes = ask(
        path,
        &["ls-files", "-s", "-z", "--", ":(glob)**/.gitattributes"],
    )?;
    let info = own_attributes(path).unwrap_or_default();
    let settings = settings(path, TRANSLATING);
    Ok(digest(
        format!("{attributes}\n{settings}\n{}", digest(&info)).as_bytes(),
    ))
}

/// The attributes that a repository has beside those of its commits.
fn own_attributes(path: &Path) -> Option<Vec<u8>> {
    let file = ask(path, &["rev-parse", "--git-path", "info/attributes"]).ok()?;
    std::fs::read(path.join(file))
        .ok()
        .filter(|text| !text.trim_ascii().is_empty())
}

/// Settings that say how files are written.
const TRANSLATING: &str = r"^(filter\..*|core\.(eol|checkroundtripencoding))$";

/// The settings of a repository whose names match, one a line.
fn settings(path: &Path, names: &str) -> String {
    ask(path, &["config", "--get-regexp", names]).unwrap_or_default()
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

/// The links of a worktree that lead into the user's own checkout, or to a directory elsewhere: what
/// stands there now would be read of every commit. A file elsewhere is part of a commit's keys.
fn linked_out(root: &Path, path: &Path) -> Result<Vec<Lacking>> {
    /// How git writes the mode of a link.
    const LINK: &str = "120000 ";
    let all = ask(path, &["ls-files", "-s", "-z"])?;
    let links = all.split('\0').filter(|entry| entry.starts_with(LINK));
    let names = links.filter_map(|entry| Some(entry.split_once('\t')?.1));
    let real = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let leads_out = |name: &str| {
        let link = path.join(name);
        let said = std::fs::read_link(&link).ok()?;
        let to = link.canonicalize().unwrap_or_else(|_| said.clone());
        let is_back = |to: &Path| to.starts_with(root) || to.starts_with(&real);
        let is_own = |to: &Path| to.starts_with(path) || to.starts_with(real.join(".uptick"));
        let back = is_back(&to) && !is_own(&to) || said.is_absolute() && is_back(&said);
        if back {
            return Some(Lacking::Linked(name.to_string(), said));
        }
        // What is written there is nobody's input.
        let is_place = said.is_absolute() && to.is_dir() && !is_own(&to) && !to.ends_with("target");
        is_place.then(|| Lacking::Away(name.to_string(), said))
    };
    Ok(names.filter_map(leads_out).collect())
}

/// The files of a worktree that git-lfs is to fill, and has not: it is not installed, or was told
/// to skip them.
fn pointers(path: &Path) -> Result<Vec<String>> {
    let all = ask(path, &["ls-files", "-z", "--", ":(attr:filter=lfs)"])?;
    let is_pointer = |file: &&str| {
        let opened = std::fs::File::open(path.join(file));
        opened.is_ok_and(|f| crate::files::is_pointer(&f))
    };
    let names = all.split('\0').filter(|f| !f.is_empty());
    Ok(names.filter(is_pointer).map(String::from).collect())
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
