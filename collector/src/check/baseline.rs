//! Which commit a head is judged against, and how it was chosen.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::model::Sha;

/// A baseline, and the words that say how it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The commit.
    pub sha: Sha,
    /// `merge-base with origin/main`, `first parent`, `named on the command line`, …
    pub how: String,
}

const MEND_SHALLOW: &str = "this clone is shallow and its history ends before a baseline: run \
    `git fetch --unshallow` (with actions/checkout: `fetch-depth: 0`)";

/// Chooses the baseline of `head`: the one named, else the merge-base with the default branch,
/// and on that branch the first parent.
///
/// # Errors
/// [`Error::Usage`] when the one named is no commit; [`Error::NoVerdict`] when there is none,
/// with the command that mends it.
pub fn choose(repo: &Repo, config: &Config, head: &Sha, named: Option<&str>) -> Result<Baseline> {
    if let Some(rev) = named {
        let sha = repo.resolve(rev)?;
        return Ok(Baseline {
            sha,
            how: format!("`{rev}`, as named"),
        });
    }
    let Some((branch, tip)) = repo.default_branch(config.baseline.branch.as_deref()) else {
        return first_parent(repo, head, "first parent (no default branch found)");
    };
    if repo.is_ancestor(head, &tip) {
        return first_parent(repo, head, &format!("first parent on {branch}"));
    }
    match repo.merge_base(head, &tip)? {
        Some(sha) => Ok(Baseline {
            sha,
            how: format!("merge-base with {branch}"),
        }),
        None if repo.is_shallow() => Err(Error::NoVerdict(MEND_SHALLOW.into())),
        None => first_parent(
            repo,
            head,
            &format!("first parent ({branch} shares no history)"),
        ),
    }
}

fn first_parent(repo: &Repo, head: &Sha, how: &str) -> Result<Baseline> {
    if let Some(parent) = repo.commit(head)?.parents.into_iter().next() {
        if repo.has_file(&parent, "") {
            return Ok(Baseline {
                sha: parent,
                how: how.into(),
            });
        }
        return Err(Error::NoVerdict(MEND_SHALLOW.into()));
    }
    if repo.is_shallow() {
        return Err(Error::NoVerdict(MEND_SHALLOW.into()));
    }
    Err(Error::NoVerdict(format!(
        "no baseline: {} is the first commit of this history; name one with --base",
        head.short()
    )))
}
