//! Branches and remotes: which branch is the default one, and what of it is here.

use std::time::Duration;

use super::Repo;
use super::call::{ask, git};
use super::mirror::{head_of, within};
use crate::error::Result;
use crate::model::Sha;

/// How long a remote may take to say which branch is its default one: a check waits for it.
const ASKED: Duration = Duration::from_secs(10);

/// The names that are a default branch's alone, and others that mostly are.
const MAIN: [&str; 2] = ["main", "master"];
const USUAL: [&str; 4] = ["trunk", "develop", "devel", "default"];

/// What is known of the default branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultBranch {
    /// It is in this clone: the name that it has here, and its tip.
    Here(String, Sha),
    /// It is called so, and is not in this clone.
    Elsewhere(String),
    /// Nobody says which one it is.
    Unknown,
}

impl Repo {
    /// The tip of the main line: the default branch, or HEAD where that branch is checked out
    /// (it may be ahead of the remote's) or where there is none.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) when the repository has no commit.
    pub fn main_tip(&self, named: Option<&str>) -> Result<Sha> {
        let Some((branch, tip)) = self.default_branch(named) else {
            return self.resolve("HEAD");
        };
        if self
            .current_branch()
            .is_some_and(|c| c == self.plain(&branch))
        {
            return self.resolve("HEAD");
        }
        Ok(tip)
    }

    /// The tip of the default branch as [`Repo::main_tip`] finds it; `None` where no branch is
    /// known to be the default one, and HEAD would only be a guess.
    #[must_use]
    pub fn known_main_tip(&self, named: Option<&str>) -> Option<Sha> {
        self.default_branch(named)?;
        self.main_tip(named).ok()
    }

    /// A branch of that name and its tip, with the name that it has here: `origin`'s before that
    /// of another remote, and that before a local one, which may be behind.
    #[must_use]
    pub fn branch(&self, name: &str) -> Option<(String, Sha)> {
        let others = self.refs(&format!("refs/remotes/*/{name}"));
        let others = others.iter().map(|r| r.trim_start_matches("refs/remotes/"));
        let mut candidates = vec![format!("origin/{name}")];
        candidates.extend(others.map(String::from));
        // `origin/main`, as people write it too.
        candidates.push(name.to_string());
        let remote = candidates.into_iter().find_map(|short| {
            let sha = self.resolve(&format!("refs/remotes/{short}")).ok()?;
            Some((short, sha))
        });
        remote.or_else(|| {
            let sha = self.resolve(&format!("refs/heads/{name}")).ok()?;
            Some((name.to_string(), sha))
        })
    }

    /// The default branch and its tip, as far as the clone knows it: the named one alone, else a
    /// remote's HEAD, one of the usual names, or the only branch there is.
    #[must_use]
    pub fn default_branch(&self, named: Option<&str>) -> Option<(String, Sha)> {
        if let Some(name) = named {
            return self.branch(name);
        }
        self.head_of_remote().or_else(|| {
            let mut usual = MAIN.iter().chain(&USUAL);
            let found = usual.find_map(|name| self.branch(name));
            found.or_else(|| self.only_branch()).filter(|(branch, _)| {
                // A clone of one branch alone has that branch, whatever the default one is.
                is_main(branch) || !self.is_alone(branch) || !self.is_of_one_branch()
            })
        })
    }

    /// The default branch, asked of the remote where the clone does not know it for sure.
    #[must_use]
    pub fn find_default_branch(&self, named: Option<&str>) -> DefaultBranch {
        if let Some(name) = named {
            return self.here_or_not(name);
        }
        let known = self.default_branch(None);
        if let Some((branch, tip)) = &known
            && self.is_sure(branch)
        {
            return DefaultBranch::Here(branch.clone(), tip.clone());
        }
        if let Some(name) = self.ask_for_head() {
            return self.here_or_not(&name);
        }
        // The only one of a CI system's clone is mostly the one that is judged.
        let is_likely = |branch: &str| {
            is_main(branch) || !self.is_alone(branch) || self.main_remote().is_none()
        };
        match known.filter(|(branch, _)| is_likely(branch)) {
            Some((branch, tip)) => DefaultBranch::Here(branch, tip),
            None => DefaultBranch::Unknown,
        }
    }

    fn here_or_not(&self, name: &str) -> DefaultBranch {
        match self.branch(name) {
            Some((branch, tip)) => DefaultBranch::Here(branch, tip),
            None => DefaultBranch::Elsewhere(name.to_string()),
        }
    }

    /// Whether a default branch that the clone names needs no word of the remote.
    fn is_sure(&self, branch: &str) -> bool {
        self.head_of_remote().is_some()
            || self.main_remote().is_none()
            || (is_main(branch) && !self.is_of_one_branch())
    }

    /// The remote that the checked-out branch follows, else `origin`, else the only one.
    #[must_use]
    pub fn remote(&self) -> Option<String> {
        let origin = Some("origin".to_string());
        self.one_of_remotes([self.followed_remote(), origin])
    }

    /// The remote that has the default branch: `origin`, whatever a branch of a fork follows.
    #[must_use]
    pub fn main_remote(&self) -> Option<String> {
        let origin = Some("origin".to_string());
        self.one_of_remotes([origin, self.followed_remote()])
    }

    fn followed_remote(&self) -> Option<String> {
        let key = format!("branch.{}.remote", self.current_branch()?);
        ask(self.root(), &["config", "--get", &key]).ok()
    }

    /// The first of these that is a remote, else the only remote.
    fn one_of_remotes(&self, wanted: [Option<String>; 2]) -> Option<String> {
        let all = ask(self.root(), &["remote"]).unwrap_or_default();
        let all: Vec<&str> = all.lines().collect();
        let found = wanted
            .into_iter()
            .flatten()
            .find(|w| all.contains(&w.as_str()));
        let only = || match all.as_slice() {
            [one] => Some((*one).to_string()),
            _ => None,
        };
        found.or_else(only)
    }

    /// A branch's name on its remote.
    pub(super) fn plain<'a>(&self, branch: &'a str) -> &'a str {
        let all = ask(self.root(), &["remote"]).unwrap_or_default();
        let strip = |remote: &str| branch.strip_prefix(remote)?.strip_prefix('/');
        all.lines().find_map(strip).unwrap_or(branch)
    }

    /// The command that brings a branch which the clone lacks.
    #[must_use]
    pub fn fetch_of(&self, branch: &str) -> String {
        let remote = self.main_remote().unwrap_or_else(|| "origin".into());
        let name = self.plain(branch);
        format!("git fetch {remote} {name}:refs/remotes/{remote}/{name}")
    }

    /// What the remote's HEAD names, asked of the remote itself; `None` where it does not answer.
    fn ask_for_head(&self) -> Option<String> {
        self.asked.get_or_init(|| self.head_at_remote()).clone()
    }

    fn head_at_remote(&self) -> Option<String> {
        let remote = self.main_remote()?;
        let mut command = git(self.root());
        // Nobody is there to answer: neither a window nor the terminal asks for a password.
        command.env("SSH_ASKPASS_REQUIRE", "never");
        let is_ssh_set = ["GIT_SSH_COMMAND", "GIT_SSH"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
        if !is_ssh_set && ask(self.root(), &["config", "--get", "core.sshCommand"]).is_err() {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        command.args(["ls-remote", "--symref", "--", &remote, "HEAD"]);
        head_of(&within(command, ASKED, "ls-remote").ok()?)
    }

    /// What the remote's HEAD points to, `origin`'s first.
    fn head_of_remote(&self) -> Option<(String, Sha)> {
        let mut heads = vec!["refs/remotes/origin/HEAD".to_string()];
        heads.extend(self.refs("refs/remotes/*/HEAD"));
        heads.iter().find_map(|head| {
            let short = ask(self.root(), &["symbolic-ref", "--short", head]).ok()?;
            let sha = self.resolve(&format!("refs/remotes/{short}")).ok()?;
            Some((short, sha))
        })
    }

    /// Whether the clone was made of one branch alone (`git clone --single-branch`).
    fn is_of_one_branch(&self) -> bool {
        let Some(remote) = self.main_remote() else {
            return false;
        };
        let key = format!("remote.{remote}.fetch");
        let specs = ask(self.root(), &["config", "--get-all", &key]);
        specs.is_ok_and(|all| !all.is_empty() && !all.contains('*'))
    }

    /// The branches of remotes, or where none were fetched the local ones; references of pull
    /// requests, as a runner fetches them, are none.
    fn branches(&self) -> Vec<String> {
        let below = |prefix: &str| {
            let all = self.refs(prefix).into_iter();
            all.filter(|r| !r.starts_with("refs/remotes/pull/") && !r.ends_with("/HEAD"))
                .collect::<Vec<_>>()
        };
        let remote = below("refs/remotes/");
        match remote.is_empty() {
            true => below("refs/heads/"),
            false => remote,
        }
    }

    /// The branch, where there is one alone.
    fn only_branch(&self) -> Option<(String, Sha)> {
        let all = self.branches();
        let [one] = all.as_slice() else {
            return None;
        };
        Some((short(one).to_string(), self.resolve(one).ok()?))
    }

    fn is_alone(&self, branch: &str) -> bool {
        matches!(self.branches().as_slice(), [one] if short(one) == branch)
    }
}

/// A reference as people write it.
fn short(reference: &str) -> &str {
    let remote = reference.strip_prefix("refs/remotes/");
    let local = || reference.strip_prefix("refs/heads/");
    remote.or_else(local).unwrap_or(reference)
}

/// Whether a branch has a name that no other than a default branch has.
fn is_main(branch: &str) -> bool {
    let last = branch.rsplit('/').next();
    last.is_some_and(|l| MAIN.contains(&l))
}
