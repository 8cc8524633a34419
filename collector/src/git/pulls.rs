//! Pull requests of a remote: which there are, and their commits.

use std::collections::HashSet;
use std::path::Path;

use super::address::check_address;
use super::call::ask;
use super::mirror::{Copy, LIST, is_name, remote_git, within};
use crate::error::{Error, Result};
use crate::jobs::{check_branch, is_pull, pull_number};
use crate::model::Sha;

/// Where fetched pull requests lie.
const PLACE: &str = "refs/uptick/";

/// A reference of a remote that is a pull request's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// `refs/pull/7/head`.
    pub reference: String,
    /// The commit that it names.
    pub sha: Sha,
    /// Whether a branch of the same repository has that commit as its tip: no fork alone has it.
    pub own: bool,
}

/// The references of a remote that the patterns name, those of its own branches first, then the
/// newest; at most `most`. Nothing is fetched.
///
/// # Errors
/// As [`Copy::fetch`].
pub fn proposed(url: &str, patterns: &[String], most: usize) -> Result<Vec<Proposed>> {
    check_address(url)?;
    let mut command = remote_git(Path::new("/"));
    command.args(["ls-remote", "--quiet", "--", url, "refs/heads/*"]);
    command.args(patterns);
    let said = within(command, LIST, "ls-remote")?;
    let named = || said.lines().filter_map(|l| l.split_once('\t'));
    let branches: HashSet<&str> = named()
        .filter(|(_, r)| r.starts_with("refs/heads/"))
        .map(|(sha, _)| sha)
        .collect();
    let mut all: Vec<Proposed> = named()
        .filter(|(sha, reference)| is_name(sha) && is_pull(patterns, reference))
        .map(|(sha, reference)| Proposed {
            reference: reference.to_string(),
            sha: Sha(sha.to_string()),
            own: branches.contains(sha),
        })
        .collect();
    all.sort_by_key(|p| (!p.own, std::cmp::Reverse(pull_number(&p.reference))));
    all.truncate(most);
    Ok(all)
}

impl Copy {
    /// Those of these commits that are here and that `tip` has behind it, by two calls of git however
    /// many they are.
    ///
    /// # Errors
    /// When git cannot walk.
    pub fn behind<'a>(&self, tip: &Sha, of: &[&'a Sha]) -> Result<HashSet<&'a Sha>> {
        let named: Vec<&'a Sha> = of.iter().copied().filter(|s| is_name(&s.0)).collect();
        if named.is_empty() {
            return Ok(HashSet::new());
        }
        let without = format!("^{tip}");
        let list = |how: &[&str]| {
            let mut args = vec!["rev-list", "--ignore-missing"];
            args.extend(how);
            args.extend(named.iter().map(|s| s.0.as_str()));
            ask(self.repo().root(), &args)
        };
        let (here, beside) = (list(&["--no-walk"])?, list(&[without.as_str()])?);
        let here: HashSet<&str> = here.lines().collect();
        let beside: HashSet<&str> = beside.lines().collect();
        let is_behind = |s: &&Sha| here.contains(s.0.as_str()) && !beside.contains(s.0.as_str());
        Ok(named.into_iter().filter(is_behind).collect())
    }

    /// Brings the commits of a pull request.
    ///
    /// # Errors
    /// As [`Copy::fetch`].
    pub fn fetch_pull(&self, url: &str, reference: &str) -> Result<()> {
        check_address(url)?;
        check_branch(reference).map_err(Error::Usage)?;
        let Some(rest) = reference.strip_prefix("refs/") else {
            return Err(Error::Usage(format!("{reference} is no reference")));
        };
        self.bring(url, &format!("+{reference}:{PLACE}{rest}"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn git(dir: &Path, args: &[&str]) -> String {
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
        ask(dir, &[&who[..], args].concat()).unwrap()
    }

    #[test]
    fn pull_requests_are_listed_and_forks_are_known() {
        let (remote, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = remote.path();
        git(at, &["init", "--quiet", "--initial-branch=main"]);
        let commit = |subject: &str| {
            git(at, &["commit", "--quiet", "--allow-empty", "-m", subject]);
            Sha(git(at, &["rev-parse", "HEAD"]))
        };
        commit("first");
        git(at, &["checkout", "--quiet", "-b", "feature"]);
        let own = commit("ours");
        git(at, &["update-ref", "refs/pull/7/head", &own.0]);
        git(at, &["checkout", "--quiet", "--detach", "main"]);
        let strange = commit("theirs");
        for reference in ["refs/pull/12/head", "refs/pull/12/merge", "refs/notes/x"] {
            git(at, &["update-ref", reference, &strange.0]);
        }
        git(at, &["checkout", "--quiet", "main"]);
        let url = at.to_str().unwrap();
        let patterns = ["refs/pull/*/head".to_string()];
        let all = proposed(url, &patterns, 10).unwrap();
        let found = |reference: &str, sha: &Sha, own| Proposed {
            reference: reference.into(),
            sha: sha.clone(),
            own,
        };
        let (ours, theirs) = (
            found("refs/pull/7/head", &own, true),
            found("refs/pull/12/head", &strange, false),
        );
        assert_eq!(all, [ours.clone(), theirs]);
        assert_eq!(proposed(url, &patterns, 1).unwrap(), [ours]);
        assert_eq!(proposed(url, &[], 10).unwrap(), []);

        let clone = Copy::clone_at(&place.path().join("c")).unwrap();
        // The branch alone does not bring a commit that is proposed to it.
        clone
            .fetch_commit(url, "main", "refs/pull/12/head", &strange)
            .unwrap();
        assert!(clone.has(&strange) && !clone.has(&own));
        let (tip, gone) = (clone.tip("main").unwrap(), Sha("0".repeat(40)));
        let behind = clone.behind(&tip, &[&tip, &strange, &own, &gone]).unwrap();
        assert_eq!(behind, HashSet::from([&tip]));
        assert_eq!(clone.behind(&strange, &[&tip, &strange]).unwrap().len(), 2);
        assert_eq!(clone.behind(&tip, &[]).unwrap(), HashSet::new());
        assert!(clone.fetch_pull(url, "heads/main").is_err());
        assert!(clone.fetch_pull(url, "refs/a:refs/b").is_err());
    }
}
