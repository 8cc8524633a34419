//! The only place that runs git.
//!
//! Everything here reads, but for worktrees under `.uptick/`, which are ours
//! alone: the user's checkout, index, HEAD, stash and configuration are never
//! written. How a call is kept from the user's settings is in `call.rs`.

use crate::error::{Error, Result};
use crate::model::Hunk;
use crate::model::{Commit, Sha};
pub use parse::Acceptance;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
mod address;
mod branches;
mod call;
mod deepen;
mod line;
mod mirror;
mod parse;
mod partial;
mod pulls;
mod submodule;
mod worktree;
pub use address::check_address;
pub use branches::DefaultBranch;
pub use call::is_foreign_environment;
use call::{ask, feed, run, text};
pub use line::Touched;
pub use mirror::{Copy, main_branch, remote_tags};
use parse::{acceptances, commit, hunks};
pub use pulls::{Proposed, proposed};
pub use submodule::Lacking;
pub use worktree::{left_behind, manifests, staged};

/// A git repository with a work tree.
#[derive(Clone, Debug)]
pub struct Repo {
    root: PathBuf,
    /// The default branch as the remote says it, once it was asked.
    asked: OnceLock<Option<String>>,
}

/// The top of a checkout, as git prints it. What cargo, git and valgrind are told of paths is text
/// in lines.
fn root(printed: &[u8]) -> Result<PathBuf> {
    let printed = printed.strip_suffix(b"\n").unwrap_or(printed);
    let refused = |what: &str| {
        let shown = PathBuf::from(crate::system::name_of(printed.to_vec()));
        Err(Error::Usage(format!(
            "{shown:?}: the path of the repository {what}, which no build could be told: move the \
             repository, or clone it to another path"
        )))
    };
    match std::str::from_utf8(printed) {
        Err(_) => refused("is not UTF-8"),
        Ok(path) if path.contains(['\n', '\r']) => refused("holds a line break"),
        Ok(path) => Ok(PathBuf::from(path)),
    }
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
            let bare = run(dir, &["rev-parse", "--is-bare-repository"])?;
            if text(&bare.stdout) == "true" {
                return Err(Error::Usage(format!(
                    "{}: a bare repository has no checkout, which uptick reads its configuration \
                     from and keeps what it builds beside: clone it, or `git worktree add DIR`",
                    dir.display()
                )));
            }
            // One that git refuses, as another user's, has its reason.
            let hint = if lies_in_one(dir) {
                text(&out.stderr)
            } else {
                "run uptick inside one, or name it with -C DIR".to_string()
            };
            return Err(Error::Usage(format!(
                "{}: not a git repository: {hint}",
                dir.display()
            )));
        }
        Ok(Self {
            root: root(&out.stdout)?,
            asked: OnceLock::new(),
        })
    }

    /// The top directory of the user's checkout.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a branch or a tag, here or of a remote as it was fetched, has a commit.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn is_on_a_ref(&self, sha: &Sha) -> Result<bool> {
        let contains = format!("--contains={sha}");
        let args = [
            "for-each-ref",
            "--count=1",
            "--format=%(refname)",
            &contains,
        ];
        let out = run(&self.root, &args)?;
        Ok(out.status.success() && !out.stdout.trim_ascii().is_empty())
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
        let what = if rev == "HEAD" && self.is_unborn() {
            "the repository has no commit yet: `git commit` makes the first".to_string()
        } else if rev == "HEAD" {
            let said = run(&self.root, &["log", "-1"])?.stderr;
            format!("git cannot read HEAD: {}", text(&said))
        } else {
            format!(
                "`{rev}` names no commit of this repository (`git log --all` lists them, \
                 `git fetch` brings the remote's)"
            )
        };
        Err(Error::Usage(format!("{what}{hint}")))
    }

    /// Whether HEAD names a branch that has no commit yet.
    fn is_unborn(&self) -> bool {
        let branch = ask(&self.root, &["symbolic-ref", "-q", "HEAD"]).unwrap_or_default();
        let known = ["show-ref", "--verify", "--quiet", branch.as_str()];
        !branch.is_empty() && run(&self.root, &known).is_ok_and(|o| o.status.code() == Some(1))
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
            .map_err(|_| Error::Internal(format!("git rev-list said `{n}`")))?;
        Ok(n.saturating_sub(1))
    }

    /// Commits without their positions.
    fn describe(&self, args: &[&str]) -> Result<Vec<Commit>> {
        let format = "--format=%H%x1f%P%x1f%an%x1f%at%x1f%s";
        let mut all = vec!["log", "-z", "--no-show-signature", "--no-color", format];
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

    /// The object names of the first-parent line that ends in a commit, oldest first.
    ///
    /// # Errors
    /// When git cannot walk it.
    pub fn first_parent_names(&self, tip: &Sha) -> Result<Vec<Sha>> {
        let out = ask(
            &self.root,
            &["rev-list", "--first-parent", "--reverse", &tip.0],
        )?;
        Ok(out.lines().map(|l| Sha(l.to_string())).collect())
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
            "--no-show-signature",
            "--no-color",
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
        let out = run(&self.root, &["merge-base", "--all", &a.0, &b.0])?;
        let said = text(&out.stdout);
        let all: Vec<&str> = said.lines().collect();
        let ([first, ..], true) = (all.as_slice(), out.status.success()) else {
            return Ok(None);
        };
        if all.len() == 1 {
            return Ok(Some(Sha((*first).to_string())));
        }
        // Of lines that took each other in: what `b` itself was, and not what came into it.
        let own = ask(&self.root, &["rev-list", "--first-parent", &b.0])?;
        let best = own.lines().find(|l| all.contains(l)).unwrap_or(first);
        Ok(Some(Sha(best.to_string())))
    }

    /// Where a branch left a line for good: the first commit along its first parents that `line`
    /// has too. Merges that took the line in lie behind it. `None` where the branch has no commit
    /// of its own, or its history begins before.
    ///
    /// # Errors
    /// When git cannot walk.
    pub fn fork(&self, branch: &Sha, line: &Sha) -> Result<Option<Sha>> {
        let without = format!("^{line}");
        let args = ["rev-list", "--first-parent", &branch.0, &without];
        let own = ask(&self.root, &args)?;
        let Some(first) = own.lines().next_back() else {
            return Ok(None);
        };
        let first = self.commit(&Sha(first.to_string()))?;
        Ok(first.parents.into_iter().next())
    }

    /// Whether the history was cut off when it was fetched.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        ask(&self.root, &["rev-parse", "--is-shallow-repository"]).is_ok_and(|s| s == "true")
    }

    /// The branch that is checked out, if any.
    #[must_use]
    pub fn current_branch(&self) -> Option<String> {
        ask(&self.root, &["symbolic-ref", "--quiet", "--short", "HEAD"]).ok()
    }

    /// The branch that is checked out, or that a CI system checked out by its commit: the only one
    /// of a remote that ends there.
    #[must_use]
    pub fn branch_at_head(&self) -> Option<String> {
        self.current_branch().or_else(|| {
            let args = [
                "for-each-ref",
                "--format=%(refname:lstrip=3)",
                "--points-at=HEAD",
            ];
            let said = ask(&self.root, &[&args[..], &["refs/remotes"]].concat()).ok()?;
            let mut names: Vec<&str> = said.lines().filter(|n| *n != "HEAD").collect();
            names.dedup();
            match names.as_slice() {
                [one] => Some((*one).to_string()),
                _ => None,
            }
        })
    }

    /// A commit and, where it is a merge, what it merges. A forge measures a pull request by a merge
    /// of its own, and is spoken to about its head; a shallow clone knows that commit by name alone.
    ///
    /// # Errors
    /// [`Error::Failed`] when git cannot read the commit.
    pub fn merged(&self, sha: &Sha) -> Result<Vec<Sha>> {
        let written = ask(&self.root, &["cat-file", "commit", &sha.0])?;
        let head = written.lines().take_while(|line| !line.is_empty());
        let parents = head.filter_map(|line| line.strip_prefix("parent "));
        let mut all = vec![sha.clone()];
        all.extend(parents.map(|p| Sha(p.to_string())));
        // A plain commit is not spoken of by its parent.
        all.truncate(if all.len() > 2 { all.len() } else { 1 });
        Ok(all)
    }

    /// Whether tracked files differ from HEAD.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        // As git wrote the files: with the ends of lines that the user asked it for.
        let ends =
            ["core.autocrlf", "core.eol"].map(|key| Some(format!("{key}={}", self.own(key)?)));
        let mut args = Vec::new();
        for pin in ends.iter().flatten() {
            args.extend(["-c", pin]);
        }
        args.extend(["status", "--porcelain", "--untracked-files=no"]);
        ask(&self.root, &args).is_ok_and(|s| !s.is_empty())
    }

    /// What the user's own configuration says of a key, whatever we pin.
    fn own(&self, key: &str) -> Option<String> {
        let all = ask(&self.root, &["config", "--show-scope", "--get-all", key]).ok()?;
        let mut said = all.lines().rev().filter_map(|line| line.split_once('\t'));
        let (_, value) = said.find(|(scope, _)| *scope != "command")?;
        Some(value.to_string())
    }

    /// The full names of the references that match a pattern.
    fn refs(&self, pattern: &str) -> Vec<String> {
        let args = ["for-each-ref", "--format=%(refname)", pattern];
        let said = ask(&self.root, &args).unwrap_or_default();
        said.lines().map(String::from).collect()
    }

    /// Every tag with its commit, the newest first; at most `most` of them.
    ///
    /// # Errors
    /// [`Error::Failed`] when git cannot list them.
    pub fn tags(&self, most: usize) -> Result<Vec<(String, Sha)>> {
        let count = format!("--count={most}");
        let fields = "--format=%(refname:strip=2)%00%(objectname)%00%(*objectname)";
        let args = [
            "for-each-ref",
            "--sort=-creatordate",
            &count,
            fields,
            "refs/tags/",
        ];
        let said = ask(&self.root, &args)?;
        let tag = |line: &str| {
            let mut parts = line.split('\0');
            let (name, object, peeled) = (parts.next()?, parts.next()?, parts.next()?);
            // An annotated tag is an object of its own, and its commit is what it names.
            let sha = if peeled.is_empty() { object } else { peeled };
            Some((name.to_string(), Sha(sha.to_string())))
        };
        Ok(said.lines().filter_map(tag).collect())
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

    /// The texts of files by their own hashes, all from one process; empty where there is none.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub fn blobs(&self, hashes: &[&str]) -> Result<Vec<String>> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let input = hashes.join("\n") + "\n";
        let said = feed(&self.root, &["cat-file", "--batch"], input)?;
        Ok(parse::batch(&said, hashes.len()))
    }

    /// A file of HEAD that a sparse checkout leaves out; `None` where it is there, or is not HEAD's.
    #[must_use]
    pub fn left_out(&self, path: &str) -> Option<String> {
        if self.root.join(path).exists() {
            return None;
        }
        let marked = ask(&self.root, &["ls-files", "-t", "--", path]).ok()?;
        let head = marked
            .starts_with("S ")
            .then(|| self.resolve("HEAD").ok())??;
        self.file(&head, path)
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
        let mut args = vec![
            "grep",
            "--quiet",
            "--text",
            "--fixed-strings",
            "--no-textconv",
        ];
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
            "--no-textconv",
            "--no-renames",
            "--src-prefix=a/",
            "--dst-prefix=b/",
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

    /// The newest tag that a commit descends from, by `git describe`: of one of these packages
    /// (`PACKAGE-v1.2`, `PACKAGE/1.2`, `PACKAGE@1.2`) or of the whole (`v1.2`, `1.2`). Where a
    /// repository's tags name packages, another package's is no release of this one.
    #[must_use]
    pub fn last_tag(&self, sha: &Sha, packages: &[String]) -> Option<(String, Sha)> {
        let mut patterns = vec!["v[0-9]*".to_string(), "[0-9]*".to_string()];
        for package in packages {
            let starts = ["-v", "/v", "@v", "-", "/", "@", "_v"];
            patterns.extend(starts.iter().map(|s| format!("{package}{s}[0-9]*")));
        }
        let matching: Vec<String> = patterns.iter().map(|p| format!("--match={p}")).collect();
        let mut args = vec!["describe", "--tags", "--abbrev=0"];
        // Tags that name no version at all are the only ones of some repositories.
        let plain = self.refs("refs/tags/").iter().all(|t| !is_of_a_package(t));
        if !plain {
            args.extend(matching.iter().map(String::as_str));
        }
        args.push(&sha.0);
        let tag = ask(&self.root, &args).ok()?;
        let at = self.resolve(&format!("refs/tags/{tag}")).ok()?;
        Some((tag, at))
    }
}

/// Whether a tag names a package before its version: `refs/tags/parser-v1.2.0`.
fn is_of_a_package(tag: &str) -> bool {
    let name = tag.trim_start_matches("refs/tags/");
    let version = |v: &str| {
        let v = v.strip_prefix('v').unwrap_or(v);
        v.starts_with(|c: char| c.is_ascii_digit()) && v.contains('.')
    };
    let parts = name.match_indices(['-', '/', '@', '_']);
    let mut behind = parts.map(|(i, _)| &name[i + 1..]);
    name.starts_with(|c: char| c.is_alphabetic()) && !version(name) && behind.any(version)
}

/// Whether some repository holds a directory.
fn lies_in_one(dir: &Path) -> bool {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    dir.ancestors().any(|d| d.join(".git").exists())
}

/// Removes what a killed git left behind in a worktree of ours, or in a submodule of it.
fn remove_stale_lock(path: &Path) {
    if let Ok(dir) = ask(path, &["rev-parse", "--absolute-git-dir"]) {
        let _ = std::fs::remove_file(Path::new(&dir).join("index.lock"));
    }
}

#[cfg(test)]
mod tests {
    use super::is_of_a_package;

    #[test]
    fn tags_of_packages_are_told_from_versions() {
        for tag in ["parser-v1.2.0", "crates/io/1.0.1", "@a/b@2.0", "io_v1.0"] {
            let tag = tag.trim_start_matches('@');
            assert!(is_of_a_package(&format!("refs/tags/{tag}")), "{tag}");
        }
        for tag in ["v1.2.0", "1.0", "v1.0-rc.1", "nightly", "before-the-move"] {
            assert!(!is_of_a_package(&format!("refs/tags/{tag}")), "{tag}");
        }
    }
}
