//! The only place that runs git.
//!
//! Everything here reads, but for worktrees under `.uptick/`, which are ours
//! alone: the user's checkout, index, HEAD, stash and configuration are never
//! written. Hooks are off, optional locks are off, and what a calling git hook
//! left in the environment (`GIT_DIR`, `GIT_INDEX_FILE`, …) is removed.

use crate::error::{Error, Result, tail};
use crate::model::Hunk;
use crate::model::{Commit, Sha};
pub use parse::Acceptance;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
mod line;
mod parse;
mod partial;
mod submodule;
mod worktree;
pub use line::Touched;
use parse::{acceptances, commit, hunks};
pub use submodule::is_submodule;

/// A git repository with a work tree.
#[derive(Clone, Debug)]
pub struct Repo {
    root: PathBuf,
}

/// What a calling hook or wrapper may have set that would redirect us.
const FOREIGN_ENVIRONMENT: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_LITERAL_PATHSPECS",
];

fn git(dir: &Path) -> Command {
    let mut c = Command::new("git");
    c.arg("-C").arg(dir);
    c.args([
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "submodule.recurse=false",
    ]);
    c.args([
        "-c",
        "advice.detachedHead=false",
        "-c",
        "core.quotePath=false",
    ]);
    for name in FOREIGN_ENVIRONMENT {
        c.env_remove(name);
    }
    c.env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C");
    c.stdin(Stdio::null());
    c
}

fn run(dir: &Path, args: &[&str]) -> Result<Output> {
    git(dir).args(args).output().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Failed("git is not installed; uptick needs it to read the history".into())
        }
        _ => Error::Failed(format!("git could not be started: {e}")),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches('\n')
        .to_string()
}

/// Runs git and gives its output, or its complaint as an error.
fn ask(dir: &Path, args: &[&str]) -> Result<String> {
    answer(&run(dir, args)?, args)
}

/// What a git that has ended printed, or its complaint as an error.
fn answer(out: &Output, args: &[&str]) -> Result<String> {
    if out.status.success() {
        return Ok(text(&out.stdout));
    }
    Err(Error::Failed(format!(
        "git {} failed: {}",
        args.join(" "),
        tail(&text(&out.stderr), 2000)
    )))
}

impl Repo {
    /// The repository that `dir` lies in.
    ///
    /// # Errors
    /// [`Error::Usage`] when `dir` is not inside a git work tree.
    pub fn open(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            return Err(Error::Usage(format!(
                "{}: no such directory",
                dir.display()
            )));
        }
        let out = run(dir, &["rev-parse", "--show-toplevel"])?;
        if !out.status.success() {
            let said = text(&out.stderr);
            let hint = if said.contains("not a git repository") {
                "run uptick inside one, or name it with -C DIR".to_string()
            } else {
                said
            };
            return Err(Error::Usage(format!(
                "{}: not a git repository: {hint}",
                dir.display()
            )));
        }
        Ok(Self {
            root: PathBuf::from(text(&out.stdout)),
        })
    }

    /// The top directory of the user's checkout.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    /// [`Error::Usage`] when it names none.
    pub fn resolve(&self, rev: &str) -> Result<Sha> {
        let spec = format!("{rev}^{{commit}}");
        let out = run(
            &self.root,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &spec,
            ],
        )?;
        if out.status.success() {
            return Ok(Sha(text(&out.stdout)));
        }
        let hint = if self.is_shallow() {
            "; this clone is shallow: `git fetch --unshallow` brings the rest of the history"
        } else {
            ""
        };
        let what = if rev == "HEAD" {
            "the repository has no commit yet".to_string()
        } else {
            format!("`{rev}` names no commit of this repository")
        };
        Err(Error::Usage(format!("{what}{hint}")))
    }

    /// A commit's facts.
    ///
    /// # Errors
    /// When git cannot read the commit.
    pub fn commit(&self, sha: &Sha) -> Result<Commit> {
        let mut commit = self.describe(&[sha.0.as_str(), "-1"])?;
        let mut commit = commit
            .pop()
            .ok_or_else(|| Error::Failed(format!("{sha}: no commit")))?;
        commit.position = self.position(sha)?;
        Ok(commit)
    }

    fn position(&self, sha: &Sha) -> Result<u64> {
        let n = ask(
            &self.root,
            &["rev-list", "--count", "--first-parent", &sha.0],
        )?;
        let n: u64 = n
            .parse()
            .map_err(|_| Error::Failed(format!("git rev-list said `{n}`")))?;
        Ok(n.saturating_sub(1))
    }

    /// Commits without their positions.
    fn describe(&self, args: &[&str]) -> Result<Vec<Commit>> {
        let mut all = vec!["log", "-z", "--format=%H%x1f%P%x1f%an%x1f%at%x1f%s"];
        all.extend(args);
        let out = ask(&self.root, &all)?;
        Ok(out.split('\0').filter_map(commit).collect())
    }

    /// The commits after `from` up to `to` along first parents, newest first.
    ///
    /// # Errors
    /// When git cannot walk the range.
    pub fn first_parent_range(&self, from: &Sha, to: &Sha) -> Result<Vec<Commit>> {
        let range = format!("{from}..{to}");
        let mut commits = self.describe(&["--first-parent", &range])?;
        let newest = self.position(to)?;
        for (i, c) in commits.iter_mut().enumerate() {
            c.position = newest.saturating_sub(i as u64);
        }
        Ok(commits)
    }

    /// A commit and those before it along first parents, newest first.
    ///
    /// # Errors
    /// When git cannot walk them.
    pub fn first_parents(&self, of: &Sha, most: usize) -> Result<Vec<Commit>> {
        self.describe(&["--first-parent", &format!("--max-count={most}"), &of.0])
    }

    /// The tip of the main line: the default branch, or HEAD where that branch is checked out
    /// (it may be ahead of the remote's) or where there is none.
    ///
    /// # Errors
    /// [`Error::Usage`] when the repository has no commit.
    pub fn main_tip(&self, named: Option<&str>) -> Result<Sha> {
        let Some((branch, tip)) = self.default_branch(named) else {
            return self.resolve("HEAD");
        };
        let local = branch.strip_prefix("origin/").unwrap_or(&branch);
        let current = ask(&self.root, &["symbolic-ref", "--quiet", "--short", "HEAD"]);
        if current.is_ok_and(|c| c == local) {
            return self.resolve("HEAD");
        }
        Ok(tip)
    }

    /// The whole first-parent line that ends in a commit, oldest first, with positions.
    /// One call of git: 100,000 commits take about a second.
    ///
    /// # Errors
    /// When git cannot walk it.
    pub fn main_line(&self, tip: &Sha) -> Result<Vec<Commit>> {
        let mut commits = self.describe(&["--first-parent", &tip.0])?;
        commits.reverse();
        for (position, c) in (0..).zip(&mut commits) {
            c.position = position;
        }
        Ok(commits)
    }

    /// The acceptances in the messages of a range of commits, newest first: trailers
    /// `Uptick-Accept: BENCH reason`.
    ///
    /// # Errors
    /// When git cannot walk the range.
    pub fn acceptances(&self, range: &str) -> Result<Vec<Acceptance>> {
        let format = "--format=%H%x1f%(trailers:key=Uptick-Accept,valueonly,unfold,separator=%x1e)";
        let search = ["--regexp-ignore-case", "--grep=^Uptick-Accept:"];
        let args = [
            "log",
            "-z",
            search[0],
            search[1],
            format,
            "--end-of-options",
            range,
        ];
        let out = ask(&self.root, &args)?;
        Ok(out.split('\0').flat_map(acceptances).collect())
    }

    /// Who works in this repository, as commits would say.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        let name = ask(&self.root, &["config", "user.name"]).ok()?;
        (!name.is_empty()).then_some(name)
    }

    /// The best common ancestor of two commits.
    ///
    /// # Errors
    /// When git fails; `None` when they share none (as in a shallow clone).
    pub fn merge_base(&self, a: &Sha, b: &Sha) -> Result<Option<Sha>> {
        let out = run(&self.root, &["merge-base", &a.0, &b.0])?;
        let said = text(&out.stdout);
        Ok((out.status.success() && !said.is_empty()).then_some(Sha(said)))
    }

    /// Whether the history was cut off when it was fetched.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        ask(&self.root, &["rev-parse", "--is-shallow-repository"]).is_ok_and(|s| s == "true")
    }

    /// Whether tracked files differ from HEAD.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        ask(
            &self.root,
            &["status", "--porcelain", "--untracked-files=no"],
        )
        .is_ok_and(|s| !s.is_empty())
    }

    /// The default branch and its tip: the named one, the remote's HEAD, or `main`, `master`, `trunk`.
    #[must_use]
    pub fn default_branch(&self, named: Option<&str>) -> Option<(String, Sha)> {
        let mut candidates: Vec<String> = Vec::new();
        if let Some(name) = named {
            candidates.extend([format!("origin/{name}"), name.to_string()]);
        }
        if let Ok(head) = ask(
            &self.root,
            &["symbolic-ref", "--short", "refs/remotes/origin/HEAD"],
        ) {
            candidates.push(head);
        }
        for name in ["main", "master", "trunk", "develop"] {
            candidates.extend([format!("origin/{name}"), name.to_string()]);
        }
        candidates
            .into_iter()
            .find_map(|name| self.resolve(&name).ok().map(|sha| (name, sha)))
    }

    /// Every file of a commit as `mode type object<TAB>path`, one a NUL-ended record.
    ///
    /// # Errors
    /// When git cannot read the tree.
    pub fn tree(&self, sha: &Sha) -> Result<Vec<String>> {
        let out = ask(&self.root, &["ls-tree", "-r", "-z", &sha.0])?;
        Ok(out
            .split('\0')
            .filter(|s| !s.is_empty())
            .map(str::to_string)
            .collect())
    }

    /// Whether a commit has a file of that path.
    #[must_use]
    pub fn has_file(&self, sha: &Sha, path: &str) -> bool {
        let spec = format!("{sha}:{path}");
        run(&self.root, &["cat-file", "-e", &spec]).is_ok_and(|o| o.status.success())
    }

    /// A text file of a commit; `None` where there is none.
    #[must_use]
    pub fn file(&self, sha: &Sha, path: &str) -> Option<String> {
        let spec = format!("{sha}:{path}");
        let out = run(&self.root, &["cat-file", "blob", &spec]).ok()?;
        out.status.success().then(|| text(&out.stdout))
    }

    /// The first-parent ancestors of a commit and itself, newest first, at most `limit`.
    ///
    /// # Errors
    /// When git cannot walk.
    pub fn ancestors(&self, sha: &Sha, limit: usize) -> Result<Vec<Sha>> {
        let n = format!("--max-count={limit}");
        let out = ask(&self.root, &["rev-list", "--first-parent", &n, &sha.0])?;
        Ok(out.lines().map(|l| Sha(l.to_string())).collect())
    }

    /// How many first-parent steps lie between two commits.
    #[must_use]
    pub fn distance(&self, from: &Sha, to: &Sha) -> u64 {
        let range = format!("{from}..{to}");
        ask(
            &self.root,
            &["rev-list", "--count", "--first-parent", &range],
        )
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
    }

    /// Whether `a` is `b` or an ancestor of it.
    #[must_use]
    pub fn is_ancestor(&self, a: &Sha, b: &Sha) -> bool {
        run(&self.root, &["merge-base", "--is-ancestor", &a.0, &b.0])
            .is_ok_and(|o| o.status.success())
    }

    /// Whether some file of a commit holds one of these texts, as far as the pathspecs reach.
    /// Only the exit code counts, which no configuration changes; where git cannot say, it may.
    #[must_use]
    pub fn may_hold(&self, sha: &Sha, texts: &[&str], pathspecs: &[String]) -> bool {
        let mut args = vec!["grep", "--quiet", "--text", "--fixed-strings"];
        for text in texts {
            args.extend(["-e", text]);
        }
        args.extend([sha.0.as_str(), "--"]);
        args.extend(pathspecs.iter().map(String::as_str));
        let code = run(&self.root, &args).ok().and_then(|o| o.status.code());
        code != Some(1)
    }

    /// The hunks in which two commits differ, without context.
    ///
    /// # Errors
    /// When git cannot diff.
    pub fn hunks(&self, base: &Sha, head: &Sha) -> Result<Vec<Hunk>> {
        let args = [
            "diff",
            "--unified=0",
            "--no-color",
            "--no-ext-diff",
            "--no-renames",
            &base.0,
            &head.0,
        ];
        Ok(hunks(&ask(&self.root, &args)?))
    }

    /// The first-parent ancestor of `tip` that brought a commit to its line: the merge, where the
    /// commit was made on a branch.
    #[must_use]
    pub fn carrier(&self, sha: &Sha, tip: &Sha) -> Option<Sha> {
        let range = format!("{sha}..{tip}");
        let args = ["rev-list", "--first-parent", "--ancestry-path", &range];
        let out = ask(&self.root, &args).ok()?;
        out.lines().next_back().map(|l| Sha(l.to_string()))
    }

    /// The newest tag that a commit descends from, by `git describe`.
    #[must_use]
    pub fn last_tag(&self, sha: &Sha) -> Option<(String, Sha)> {
        let tag = ask(&self.root, &["describe", "--tags", "--abbrev=0", &sha.0]).ok()?;
        let at = self.resolve(&tag).ok()?;
        Some((tag, at))
    }
}

/// Whether an environment variable of that name is git's own redirection.
#[must_use]
pub fn is_foreign_environment(name: &OsStr) -> bool {
    FOREIGN_ENVIRONMENT.iter().any(|f| OsStr::new(f) == name)
}

/// Removes what a killed git left behind in a worktree of ours, or in a submodule of it.
fn remove_stale_lock(path: &Path) {
    if let Ok(dir) = ask(path, &["rev-parse", "--absolute-git-dir"]) {
        let _ = std::fs::remove_file(Path::new(&dir).join("index.lock"));
    }
}
