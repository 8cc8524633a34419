//! Copies of remote repositories that are ours alone: a server's bare mirror, a collector's clone.
//!
//! Both only fetch: full references, an address behind `--`, no hooks, no submodules, no tags that
//! nobody asked for, and no protocol that runs a program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::Repo;
use super::address::check_address;
use super::call::{ask, git, text};
use crate::error::{Error, Result, tail};
use crate::jobs::check_branch;
use crate::measure::child::{self, Before};
use crate::model::Sha;

/// How long one fetch may take.
pub(super) const FETCH: Duration = Duration::from_secs(900);
/// A lock that is older was left by a git that was killed.
const STALE: Duration = FETCH.saturating_mul(2);
/// When a copy is packed, and that nothing is pruned then.
const PACKING: [(&str, &str); 4] = [
    ("gc.auto", "2000"),
    ("gc.autoPackLimit", "40"),
    ("gc.autoDetach", "false"),
    ("gc.pruneExpire", "never"),
];
/// How long a remote may take to say what it has.
pub(super) const LIST: Duration = Duration::from_secs(60);
/// What is kept of git's words.
const SAID: usize = 2_000;

/// Where fetched branches lie in a mirror and in a clone.
fn place(branch: &str) -> String {
    format!("refs/remotes/origin/{branch}")
}

/// A repository that we fetch into.
#[derive(Clone, Debug)]
pub struct Copy {
    dir: PathBuf,
    repo: Repo,
}

impl Copy {
    /// The bare mirror at `dir`, made where there is none.
    ///
    /// # Errors
    /// When the directory cannot be written or git fails.
    pub fn mirror(dir: &Path) -> Result<Self> {
        Self::at(dir, true)
    }

    /// The clone with a work tree at `dir`, made where there is none.
    ///
    /// # Errors
    /// When the directory cannot be written or git fails.
    pub fn clone_at(dir: &Path) -> Result<Self> {
        Self::at(dir, false)
    }

    fn at(dir: &Path, bare: bool) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let dir = dir.canonicalize().map_err(Error::io(dir))?;
        let marker = if bare {
            dir.join("HEAD")
        } else {
            dir.join(".git/HEAD")
        };
        if !marker.is_file() {
            let mut args = vec!["init", "--quiet", "--template=", "--initial-branch=uptick"];
            args.extend(bare.then_some("--bare"));
            ask(&dir, &args)?;
        }
        Ok(Self {
            repo: Repo {
                root: dir.clone(),
                asked: OnceLock::new(),
            },
            dir,
        })
    }

    /// The repository; a mirror has no work tree, and is only read.
    #[must_use]
    pub const fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Brings a branch from its remote, whatever it was moved to there. Gives its tip.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address or a branch that is not taken, [`Error::Failed`] with git's
    /// words where the remote cannot be reached or has no such branch.
    pub fn fetch(&self, url: &str, branch: &str) -> Result<Sha> {
        check_address(url)?;
        check_branch(branch).map_err(Error::Usage)?;
        self.remove_stale_locks();
        let before = self.tip(branch);
        // Where submodules with relative addresses are looked for.
        ask(&self.dir, &["config", "remote.origin.url", url])?;
        let spec = format!("+refs/heads/{branch}:{}", place(branch));
        self.bring(url, &spec)?;
        let tip = self.tip(branch).ok_or_else(|| {
            Error::Failed(format!(
                "{branch}: fetched, and yet there is no such branch"
            ))
        })?;
        if before.as_ref() != Some(&tip) {
            self.pack();
        }
        Ok(tip)
    }

    /// Packs what many fetches left, once it is a lot, and drops nothing: commits that left the line
    /// stay comparable. A copy that could not be packed works as before, and the next fetch packs it.
    fn pack(&self) {
        let mut command = git(&self.dir);
        for (key, value) in PACKING {
            command.args(["-c", &format!("{key}={value}")]);
        }
        command.args(["gc", "--auto", "--quiet"]);
        let _ = within(command, FETCH, "gc");
    }

    /// Removes the locks of a git that was killed: no git of ours runs as long as they are old.
    fn remove_stale_locks(&self) {
        let inner = self.dir.join(".git");
        let dir = if inner.is_dir() {
            inner
        } else {
            self.dir.clone()
        };
        let mut places = vec![(dir.clone(), false), (dir.join("refs"), true)];
        while let Some((place, is_deep)) = places.pop() {
            for entry in std::fs::read_dir(&place).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && is_deep => places.push((path, true)),
                    Ok(kind) if kind.is_file() && is_stale(&path) => {
                        // What stays is named by the git that meets it.
                        let _ = std::fs::remove_file(&path);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Makes sure that a commit is here, and the branch that it is on or is proposed to; `reference`
    /// has it where that is a pull request's, and is empty otherwise.
    ///
    /// # Errors
    /// As [`Copy::fetch`]; and [`Error::Failed`] when neither has the commit any more and the remote
    /// does not give it.
    pub fn fetch_commit(&self, url: &str, branch: &str, reference: &str, sha: &Sha) -> Result<()> {
        if self.has(sha) {
            return Ok(());
        }
        self.fetch(url, branch)?;
        if !reference.is_empty() && !self.has(sha) {
            self.fetch_pull(url, reference)?;
        }
        if self.has(sha) || (is_name(&sha.0) && self.bring(url, &sha.0).is_ok() && self.has(sha)) {
            return Ok(());
        }
        Err(Error::Failed(format!(
            "{}: {branch} does not have this commit (any more)",
            sha.short()
        )))
    }

    /// The tip of a branch that was fetched.
    #[must_use]
    pub fn tip(&self, branch: &str) -> Option<Sha> {
        self.repo.resolve(&place(branch)).ok()
    }

    /// Whether a commit is here.
    #[must_use]
    pub fn has(&self, sha: &Sha) -> bool {
        is_name(&sha.0) && self.repo.resolve(&sha.0).is_ok()
    }

    /// Brings the clone's own work tree to a commit; nothing of it is anybody's. Reports say that it
    /// is on `branch`, where one is named.
    ///
    /// # Errors
    /// [`Error::Usage`] for a branch that is not taken, [`Error::Failed`] when git cannot check the
    /// commit out.
    pub fn check_out(&self, sha: &Sha, branch: Option<&str>) -> Result<()> {
        super::remove_stale_lock(&self.dir);
        let mut how = vec!["checkout", "--quiet", "--force"];
        match branch {
            None => how.push("--detach"),
            Some(name) => {
                check_branch(name).map_err(Error::Usage)?;
                self.forget_branches()?;
                how.extend(["--no-track", "-B", name]);
            }
        }
        how.extend([sha.0.as_str(), "--"]);
        ask(&self.dir, &how)?;
        ask(&self.dir, &["clean", "-ffdq", "-e", ".uptick"]).map(|_| ())
    }

    /// Deletes the clone's own branches, each of which an earlier job was on: git has no `pull/7`
    /// beside a `pull/7/merge`.
    fn forget_branches(&self) -> Result<()> {
        let own = ask(
            &self.dir,
            &["for-each-ref", "--format=%(refname)", "refs/heads/"],
        )?;
        if own.is_empty() {
            return Ok(());
        }
        if let Ok(at) = self.repo.resolve("HEAD") {
            ask(&self.dir, &["update-ref", "--no-deref", "HEAD", &at.0])?;
        }
        let delete = |name: &str| ask(&self.dir, &["update-ref", "-d", name]).map(|_| ());
        own.lines().try_for_each(delete)
    }

    pub(super) fn bring(&self, url: &str, spec: &str) -> Result<()> {
        let mut command = remote_git(&self.dir);
        command.args(["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]);
        command.args(["--no-write-fetch-head", "--", url, spec]);
        within(command, FETCH, "fetch").map(|_| ())
    }
}

/// The branch that a remote calls its main one.
///
/// # Errors
/// As [`Copy::fetch`]; and [`Error::Usage`] where the remote names none.
pub fn main_branch(url: &str) -> Result<String> {
    check_address(url)?;
    let mut command = remote_git(Path::new("/"));
    command.args(["ls-remote", "--symref", "--", url, "HEAD"]);
    let said = within(command, LIST, "ls-remote")?;
    let branch = head_of(&said)
        .ok_or_else(|| Error::Usage("the repository names no main branch; --branch does".into()))?;
    check_branch(&branch).map_err(Error::Usage)?;
    Ok(branch)
}

/// The branch that HEAD names in what `ls-remote --symref` says.
pub(super) fn head_of(said: &str) -> Option<String> {
    said.lines().find_map(|l| {
        let (target, name) = l.strip_prefix("ref: refs/heads/")?.split_once('\t')?;
        (name == "HEAD").then(|| target.to_string())
    })
}

/// The tags of a remote with their commits, in the order of their names. Nothing is fetched, so that
/// nobody knows here which are the newest.
///
/// # Errors
/// As [`Copy::fetch`].
pub fn remote_tags(url: &str) -> Result<Vec<(String, Sha)>> {
    check_address(url)?;
    let mut command = remote_git(Path::new("/"));
    command.args(["ls-remote", "--tags", "--", url]);
    let said = within(command, LIST, "ls-remote")?;
    let mut tags: BTreeMap<&str, &str> = BTreeMap::new();
    for line in said.lines() {
        let Some((sha, name)) = line.split_once("\trefs/tags/") else {
            continue;
        };
        // An annotated tag is an object of its own; its commit comes in the line behind it.
        if is_name(sha) {
            tags.insert(name.strip_suffix("^{}").unwrap_or(name), sha);
        }
    }
    let all = tags.into_iter();
    Ok(all
        .map(|(name, sha)| (name.into(), Sha(sha.into())))
        .collect())
}

fn is_stale(path: &Path) -> bool {
    let is_lock = path.extension().is_some_and(|e| e == "lock");
    let changed = || path.metadata().and_then(|m| m.modified()).ok();
    is_lock && changed().is_some_and(|t| t.elapsed().is_ok_and(|age| age > STALE))
}

pub(super) fn is_name(sha: &str) -> bool {
    matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A git that talks to remotes by protocols that run no program of theirs, and gives up on one that
/// falls silent.
pub(super) fn remote_git(dir: &Path) -> Command {
    let mut command = git(dir);
    command.args(["-c", "protocol.ext.allow=never"]);
    command
        .env("GIT_ALLOW_PROTOCOL", "file:https:ssh")
        .env("GIT_HTTP_LOW_SPEED_LIMIT", "100")
        .env("GIT_HTTP_LOW_SPEED_TIME", "60");
    command
}

/// Runs git to its end or to a limit. Gives what it printed.
pub(super) fn within(mut command: Command, limit: Duration, what: &str) -> Result<String> {
    let failed = |why: &str| Error::Failed(format!("git {what}: {why}"));
    let ended =
        child::run(&mut command, Before::default(), limit).map_err(|e| failed(&e.to_string()))?;
    if ended.timed_out {
        let seconds = limit.as_secs();
        return Err(failed(&format!("no answer within {seconds} s")));
    }
    if ended.status.success() {
        return Ok(text(&ended.stdout));
    }
    Err(failed(tail(text(&ended.stderr).trim(), SAID)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A repository to fetch from; commits are made without a clock.
    struct Remote(tempfile::TempDir);

    impl Remote {
        fn new() -> Self {
            let remote = Self(tempfile::tempdir().unwrap());
            remote.git(&["init", "--quiet", "--initial-branch=main"]);
            remote.git(&["config", "user.name", "T"]);
            remote.git(&["config", "user.email", "t@example.org"]);
            remote
        }

        fn git(&self, args: &[&str]) -> String {
            ask(self.0.path(), args).unwrap()
        }

        fn commit(&self, subject: &str) -> Sha {
            self.git(&["commit", "--quiet", "--allow-empty", "-m", subject]);
            Sha(self.git(&["rev-parse", "HEAD"]))
        }

        fn url(&self) -> String {
            self.0.path().to_string_lossy().into_owned()
        }
    }

    #[test]
    fn a_mirror_follows_its_branch_wherever_it_goes() {
        let (remote, place) = (Remote::new(), tempfile::tempdir().unwrap());
        let first = remote.commit("first");
        let mirror = Copy::mirror(&place.path().join("m.git")).unwrap();
        assert_eq!(mirror.fetch(&remote.url(), "main").unwrap(), first);
        let second = remote.commit("second");
        assert!(!mirror.has(&second));
        assert_eq!(mirror.fetch(&remote.url(), "main").unwrap(), second);
        // Forced back, and on another way.
        remote.git(&["reset", "--quiet", "--hard", &first.0]);
        let other = remote.commit("other");
        assert_eq!(mirror.fetch(&remote.url(), "main").unwrap(), other);
        assert_eq!(mirror.tip("main"), Some(other));
        // What was there can still be compared with.
        assert!(mirror.has(&second));
        assert_eq!(mirror.repo().first_parent_names(&second).unwrap().len(), 2);
        assert!(
            mirror
                .fetch(&remote.url(), "none")
                .is_err_and(|e| e.to_string().contains("none"))
        );
        assert_eq!(main_branch(&remote.url()).unwrap(), "main");
    }

    #[test]
    fn a_copy_is_packed_and_freed_of_old_locks_and_loses_nothing() {
        let (remote, place) = (Remote::new(), tempfile::tempdir().unwrap());
        let dir = place.path().join("m.git");
        let mirror = Copy::mirror(&dir).unwrap();
        let first = remote.commit("first");
        mirror.fetch(&remote.url(), "main").unwrap();
        let mut gone = Vec::new();
        for i in 0..42 {
            remote.git(&["reset", "--quiet", "--hard", &first.0]);
            let file = remote.0.path().join("file");
            std::fs::write(file, i.to_string()).unwrap();
            remote.git(&["add", "file"]);
            gone.push(remote.commit(&i.to_string()));
            let mut bring = git(&dir);
            bring.args(["-c", "fetch.unpackLimit=1", "fetch", "--quiet", "--"]);
            bring.args([&remote.url(), "+refs/heads/main:refs/remotes/origin/main"]);
            within(bring, FETCH, "fetch").unwrap();
        }
        let packs = || {
            let all = std::fs::read_dir(dir.join("objects/pack")).unwrap();
            all.filter(|e| e.as_ref().unwrap().path().extension().unwrap() == "pack")
                .count()
        };
        assert!(packs() > 40);
        let old = dir.join("refs/remotes/origin/main.lock");
        let young = dir.join("packed-refs.lock");
        for lock in [&old, &young] {
            std::fs::write(lock, "").unwrap();
        }
        let hours_ago = std::time::SystemTime::now() - STALE * 2;
        let file = std::fs::File::options().write(true).open(&old).unwrap();
        file.set_modified(hours_ago).unwrap();
        remote.commit("last");
        mirror.fetch(&remote.url(), "main").unwrap();
        assert!(!old.exists() && young.exists());
        std::fs::remove_file(&young).unwrap();
        remote.commit("another");
        mirror.fetch(&remote.url(), "main").unwrap();
        assert!(packs() < 5, "{}", packs());
        assert!(gone.iter().all(|sha| mirror.has(sha)));
    }

    #[test]
    fn no_hook_runs_and_no_other_reference_is_fetched() {
        let (remote, place) = (Remote::new(), tempfile::tempdir().unwrap());
        remote.commit("first");
        remote.git(&["tag", "v1"]);
        remote.git(&["branch", "other"]);
        let mirror = Copy::mirror(&place.path().join("m.git")).unwrap();
        mirror.fetch(&remote.url(), "main").unwrap();
        let refs = ask(
            mirror.repo().root(),
            &["for-each-ref", "--format=%(refname)"],
        )
        .unwrap();
        assert_eq!(refs, "refs/remotes/origin/main");
        assert!(!place.path().join("m.git/hooks").exists());
    }

    #[test]
    fn tags_are_listed_with_their_commits() {
        let remote = Remote::new();
        let first = remote.commit("first");
        remote.git(&["tag", "v1"]);
        let second = remote.commit("second");
        remote.git(&["tag", "-a", "-m", "annotated", "v2"]);
        let repo = Repo::open(remote.0.path()).unwrap();
        let mut tags = repo.tags(10).unwrap();
        tags.sort();
        assert_eq!(tags, [("v1".to_string(), first), ("v2".into(), second)]);
        assert_eq!(repo.tags(1).unwrap().len(), 1);
        // Whoever has no copy asks for them.
        assert_eq!(remote_tags(&remote.url()).unwrap(), tags);
    }

    #[test]
    fn a_clone_stands_at_the_commit_that_is_asked_for() {
        let (remote, place) = (Remote::new(), tempfile::tempdir().unwrap());
        std::fs::write(remote.0.path().join("a"), "one").unwrap();
        remote.git(&["add", "a"]);
        let first = remote.commit("first");
        std::fs::write(remote.0.path().join("a"), "two").unwrap();
        remote.git(&["add", "a"]);
        remote.commit("second");
        let clone = Copy::clone_at(&place.path().join("c")).unwrap();
        clone
            .fetch_commit(&remote.url(), "main", "", &first)
            .unwrap();
        std::fs::create_dir(place.path().join("c/.uptick")).unwrap();
        std::fs::write(place.path().join("c/left"), "over").unwrap();
        clone.check_out(&first, None).unwrap();
        let text = std::fs::read_to_string(place.path().join("c/a")).unwrap();
        assert_eq!(text, "one");
        assert!(!place.path().join("c/left").exists() && place.path().join("c/.uptick").exists());
        let gone = Sha("0".repeat(40));
        let lacking = clone.fetch_commit(&remote.url(), "main", "", &gone);
        assert!(lacking.is_err_and(|e| e.to_string().contains("does not have this commit")));
        assert_eq!(clone.repo().current_branch(), None);
        clone.check_out(&first, Some("pull/7")).unwrap();
        assert_eq!(clone.repo().current_branch().as_deref(), Some("pull/7"));
        for nested in ["pull/7/merge", "pull/7", "pull"] {
            clone.check_out(&first, Some(nested)).unwrap();
            assert_eq!(clone.repo().current_branch().as_deref(), Some(nested));
        }
        assert!(clone.check_out(&first, Some("-x")).is_err());
    }
}
