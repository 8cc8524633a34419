//! Submodules of a worktree, without a word in anybody's configuration.
//!
//! `git submodule update --init` registers each submodule in the configuration that all worktrees
//! of a repository share: the user's. So the recorded commits are checked out one by one, each
//! into a git directory of ours beside that of the worktree. Their objects are borrowed from the
//! user's own copy of the submodule where that has the commit, else fetched from its address.

use std::path::{Path, PathBuf};

use super::call::{answer, ask, git};
use super::remove_stale_lock;
use crate::error::{Error, Result, tail};

/// Something of a commit that a clone lacks, and so its worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// A file, by its path.
    File(String),
    /// The content of a file that git-lfs would bring: a pointer to it is there instead.
    Content(String),
    /// Nothing of a link but what stands outside of the commit: the link, and where it leads to in
    /// the user's own checkout.
    Linked(String, PathBuf),
    /// The same of a link to a directory elsewhere.
    Away(String, PathBuf),
    /// A submodule: what is missing of it and how to get it, in words.
    Submodule(String),
}

/// Submodules within submodules are gone down into this far.
const MAX_DEPTH: usize = 8;

/// A submodule as `.gitmodules` and the tree name it.
struct Submodule {
    name: String,
    path: String,
    url: String,
    /// The recorded commit.
    commit: String,
}

/// Where a worktree's submodules come from.
struct Origin {
    /// The user's directory that the worktree is a copy of, where there is one.
    checkout: Option<PathBuf>,
    /// The user's git directories that may hold `modules/NAME`.
    stores: Vec<PathBuf>,
    /// What relative addresses are relative to.
    address: String,
}

/// Checks out the submodules of our worktree at `tree`, whose commit is one of the repository at
/// `root`. Gives, in words, those whose commit can neither be borrowed nor fetched: perhaps nothing
/// that is built or run needs them.
///
/// # Errors
/// When git fails, or a name points out of place.
pub(super) fn bring(root: &Path, tree: &Path) -> Result<Vec<Lacking>> {
    let stores = ["--absolute-git-dir", "--git-common-dir"]
        .iter()
        .filter_map(|which| ask(root, &["rev-parse", which]).ok())
        .map(|dir| root.join(dir))
        .collect();
    let address = ask(root, &["config", "remote.origin.url"]);
    let origin = Origin {
        checkout: Some(root.to_path_buf()),
        stores,
        address: address.unwrap_or_else(|_| root.to_string_lossy().into_owned()),
    };
    let mut lacking = Vec::new();
    level(&origin, tree, MAX_DEPTH, &mut lacking)?;
    Ok(lacking)
}

/// The submodules of one tree, and theirs.
fn level(origin: &Origin, tree: &Path, depth: usize, lacking: &mut Vec<Lacking>) -> Result<()> {
    let index = ask(tree, &["ls-files", "--stage", "-z"])?;
    let commits: Vec<(&str, &str)> = index.split('\0').filter_map(gitlink).collect();
    let listed = match depth > 0 && tree.join(".gitmodules").is_file() {
        true => listed(tree, &commits)?,
        false => Vec::new(),
    };
    // What git leaves alone is an empty directory in a fresh clone; here another commit's may be in it.
    for (_, path) in &commits {
        if !listed.iter().any(|s| s.path == *path) {
            empty(&tree.join(path))?;
        }
    }
    if listed.is_empty() {
        return Ok(());
    }
    let own = PathBuf::from(ask(tree, &["rev-parse", "--absolute-git-dir"])?);
    for submodule in listed {
        let copies = copies(origin, &submodule);
        let store = own.join("modules").join(&submodule.name);
        let place = tree.join(&submodule.path);
        // The user may have set another address for it.
        let key = format!("submodule.{}.url", submodule.name);
        let checkout = origin.checkout.as_deref();
        let set = checkout.and_then(|c| ask(c, &["config", "--get", &key]).ok());
        let address = set.unwrap_or_else(|| absolute(&submodule.url, &origin.address));
        match one(&submodule, &store, &place, &copies, &address) {
            Err(Error::Failed(why)) => {
                empty(&place)?;
                lacking.push(Lacking::Submodule(why));
                continue;
            }
            other => other?,
        }
        let below = Origin {
            checkout: origin.checkout.as_ref().map(|c| c.join(&submodule.path)),
            stores: copies,
            address,
        };
        level(&below, &place, depth - 1, lacking)?;
    }
    Ok(())
}

/// Leaves nothing in the place of a submodule: what is there is another commit's.
fn empty(place: &Path) -> Result<()> {
    match std::fs::remove_dir_all(place) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(place)(e)),
        _ => std::fs::create_dir_all(place).map_err(Error::io(place)),
    }
}

/// The submodules that the tree's index holds and `.gitmodules` explains; those that are told
/// not to be updated are left out, as git does.
fn listed(tree: &Path, commits: &[(&str, &str)]) -> Result<Vec<Submodule>> {
    let said = ask(tree, &["config", "-z", "-f", ".gitmodules", "--list"])?;
    let value = |name: &str, what: &str| {
        let key = format!("submodule.{name}.{what}\n");
        let mut found = said.split('\0').filter_map(|e| e.strip_prefix(&key));
        found.next_back().map(str::to_string)
    };
    let mut all = Vec::new();
    for &(commit, path) in commits {
        let name = said.split('\0').find_map(|entry| {
            let (key, at) = entry.split_once('\n')?;
            let name = key.strip_prefix("submodule.")?.strip_suffix(".path")?;
            (at == path).then(|| name.to_string())
        });
        let Some(name) = name else { continue };
        if value(&name, "update").is_some_and(|u| u == "none") {
            continue;
        }
        let url = value(&name, "url").unwrap_or_default();
        let (path, commit) = (path.to_string(), commit.to_string());
        if !is_harmless(&name) || url.starts_with('-') {
            return Err(Error::Failed(format!(
                ".gitmodules: the submodule `{name}` at {path} has a name or an address that \
                 would reach outside its place"
            )));
        }
        all.push(Submodule {
            name,
            path,
            url,
            commit,
        });
    }
    Ok(all)
}

/// `160000 COMMIT 0<TAB>PATH`.
fn gitlink(entry: &str) -> Option<(&str, &str)> {
    let (facts, path) = entry.strip_prefix("160000 ")?.split_once('\t')?;
    Some((facts.split(' ').next()?, path))
}

/// Whether a submodule's name stays below the directory that it is appended to.
fn is_harmless(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('/') && name.split('/').all(|part| part != "..")
}

/// The user's own copies of a submodule that have the recorded commit.
fn copies(origin: &Origin, submodule: &Submodule) -> Vec<PathBuf> {
    let modules = origin.stores.iter().map(|s| s.join("modules"));
    let old_style = origin
        .checkout
        .iter()
        .map(|c| c.join(&submodule.path).join(".git"));
    let wanted = format!("{}^{{commit}}", submodule.commit);
    let has = |store: &PathBuf| {
        let store = store.to_string_lossy();
        store_git(&store, &["cat-file", "-e", &wanted]).is_ok()
    };
    let mut all: Vec<PathBuf> = modules
        .map(|m| m.join(&submodule.name))
        .chain(old_style)
        .filter(|s| s.is_dir())
        .filter(has)
        .collect();
    all.dedup();
    all
}

/// Checks out one submodule, with objects from the first source that has them.
fn one(
    submodule: &Submodule,
    store: &Path,
    place: &Path,
    copies: &[PathBuf],
    address: &str,
) -> Result<()> {
    // git makes the directory of the store, and not those above it.
    for dir in [place, store.parent().unwrap_or(store)] {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    }
    let separate = format!("--separate-git-dir={}", store.to_string_lossy());
    let format = format!("--object-format={}", object_format(&submodule.commit));
    ask(
        place,
        &["init", "--quiet", "--template=", &format, &separate],
    )?;
    remove_stale_lock(place);
    for copy in copies {
        borrow(store, copy)?;
        if checkout(place, &submodule.commit).is_ok() {
            return Ok(());
        }
    }
    if checkout(place, &submodule.commit).is_ok() {
        return Ok(());
    }
    let fetched = fetch(place, address, &submodule.commit);
    fetched
        .and_then(|()| checkout(place, &submodule.commit))
        .map_err(|why| {
            Error::Failed(format!(
                "the submodule {} needs {} of {address}: neither this clone has it nor can it be \
                 fetched; `git submodule update --init --recursive` in your checkout may get it\n{}",
                submodule.path,
                &submodule.commit[..submodule.commit.len().min(9)],
                tail(&why.to_string(), 1000)
            ))
        })
}

/// The hash that makes names of this length; what the user's configuration prefers is no matter.
fn object_format(commit: &str) -> &'static str {
    if commit.len() == 64 { "sha256" } else { "sha1" }
}

/// Lets a git directory of ours read the objects of the user's copy.
fn borrow(store: &Path, copy: &Path) -> Result<()> {
    let at = copy.to_string_lossy();
    let objects = store_git(&at, &["rev-parse", "--git-path", "objects"])?;
    let objects = copy.join(objects);
    let objects = objects.canonicalize().map_err(Error::io(&objects))?;
    let info = store.join("objects/info");
    std::fs::create_dir_all(&info).map_err(Error::io(&info))?;
    let file = info.join("alternates");
    std::fs::write(&file, format!("{}\n", objects.to_string_lossy())).map_err(Error::io(&file))
}

/// Runs git on a git directory alone.
fn store_git(store: &str, args: &[&str]) -> Result<String> {
    let mut all = vec!["--git-dir", store];
    all.extend(args);
    ask(Path::new("/"), &all)
}

fn checkout(place: &Path, commit: &str) -> Result<()> {
    ask(
        place,
        &["checkout", "--quiet", "--detach", "--force", commit],
    )?;
    ask(place, &["clean", "-ffdxq"]).map(|_| ())
}

/// Fetches a commit from an address that a repository named: git allows it no more than it
/// allows `git submodule` itself (no `ext::`, no files of this machine unless configured so).
fn fetch(place: &Path, address: &str, commit: &str) -> Result<()> {
    let one = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--depth=1",
        "--",
        address,
        commit,
    ];
    // Servers that hand out tips only.
    let all = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--",
        address,
        "+refs/*:refs/theirs/*",
    ];
    let try_it = |args: &[&str]| {
        let out = git(place)
            .args(args)
            .env("GIT_PROTOCOL_FROM_USER", "0")
            .output()
            .map_err(|e| Error::Failed(format!("git could not be started: {e}")))?;
        answer(&out, args)
    };
    try_it(&one).or_else(|_| try_it(&all)).map(|_| ())
}

/// An address as `.gitmodules` gives it, `./` and `../` resolved against that of the repository
/// around it.
fn absolute(url: &str, base: &str) -> String {
    if !url.starts_with("./") && !url.starts_with("../") {
        return url.to_string();
    }
    let (mut base, mut rest) = (base.trim_end_matches('/'), url);
    loop {
        if let Some(r) = rest.strip_prefix("./") {
            rest = r;
        } else if let Some(r) = rest.strip_prefix("../") {
            // `host:path` has no slash before its first directory.
            base = base.rsplit_once(['/', ':']).map_or("", |(front, _)| front);
            rest = r;
        } else {
            return format!("{base}/{rest}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_addresses_are_resolved() {
        for (url, base, want) in [
            ("https://h/x", "https://h/a", "https://h/x"),
            ("../lib.git", "https://h/o/a.git", "https://h/o/lib.git"),
            ("../../p/lib", "https://h/o/a/", "https://h/p/lib"),
            ("./sub", "/srv/a", "/srv/a/sub"),
        ] {
            assert_eq!(absolute(url, base), want);
        }
    }

    #[test]
    fn names_stay_in_place() {
        assert!(is_harmless("vendor/lib") && is_harmless("a..b"));
        assert!(!is_harmless("../../hooks") && !is_harmless("/etc") && !is_harmless(""));
    }

    #[test]
    fn only_gitlinks_are_submodules() {
        assert_eq!(
            gitlink("160000 abc 0\tvendor/lib"),
            Some(("abc", "vendor/lib"))
        );
        assert_eq!(gitlink("100644 abc 0\tREADME.md"), None);
    }
}
