//! Which commit a head is judged against, and how it was chosen.

use crate::check::event::{Event, Proposed};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::git::{DefaultBranch, Repo};
use crate::model::Sha;

/// A baseline, and the words that say how it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The commit.
    pub sha: Sha,
    /// `merge-base with origin/main`, `first parent`, `named on the command line`, …
    pub how: String,
    /// Somebody named it: no other commit will do.
    pub named: bool,
    /// The head is proposed, by a pull request, and part of no branch that lasts.
    pub proposal: bool,
    /// The commits of one push up to the head, oldest first, where there are several: each is
    /// judged.
    pub pushed: Vec<Sha>,
    /// What a reader must know of it: it was chosen for want of a better one.
    pub note: Option<String>,
}

impl Baseline {
    /// A baseline that was found rather than named.
    #[must_use]
    pub fn found(sha: Sha, how: impl Into<String>) -> Self {
        Self {
            sha,
            how: how.into(),
            named: false,
            proposal: false,
            pushed: Vec::new(),
            note: None,
        }
    }
}

const MEND_SHALLOW: &str = "this clone is shallow and its history ends before a baseline: \
    `uptick check --deepen` fetches the rest, as does `git fetch --unshallow` (with \
    actions/checkout: `fetch-depth: 0`)";

/// How a baseline is chosen where nobody knows which branch is the default one.
const NO_BRANCH: &str = "first parent, no default branch found";

/// What is said beside a verdict then.
const UNSURE: &str = "no default branch is known: this is judged against its first parent alone, \
    and not against where it leaves that branch (`git remote set-head origin --auto` asks the \
    remote, [baseline] branch names it)";

/// Chooses the baseline of `head`: the one named, else where a pull request leaves its target,
/// else the merge-base with the default branch; on that branch the tip before the push, or the
/// first parent.
///
/// # Errors
/// [`Error::Usage`] when the one named is no commit; [`Error::NoVerdict`] when there is none,
/// with the command that mends it.
pub fn choose(
    repo: &Repo,
    config: &Config,
    head: &Sha,
    named: Option<&str>,
    event: &Event,
) -> Result<Baseline> {
    if let Some(rev) = named {
        return Ok(Baseline {
            named: true,
            ..Baseline::found(repo.resolve(rev)?, format!("`{rev}`, as named"))
        });
    }
    refuse_the_target_itself(repo, config, head, event)?;
    if let Some(target) = &event.target {
        let found = of_pull_request(repo, head, target, event)?;
        return Ok(Baseline {
            proposal: true,
            ..found
        });
    }
    let named = default_named(config, event);
    let (branch, tip) = match repo.find_default_branch(named) {
        DefaultBranch::Here(branch, tip) => (branch, tip),
        DefaultBranch::Elsewhere(name) => return without_default(repo, head, &name, event),
        DefaultBranch::Unknown => {
            return Ok(Baseline {
                note: Some(UNSURE.into()),
                ..first_parent(repo, head, NO_BRANCH)?
            });
        }
    };
    if repo.is_ancestor(head, &tip) {
        return of_push(repo, head, &branch, event);
    }
    if event.is_of_lasting_branch() {
        return of_push(repo, head, "its branch", event);
    }
    match repo.merge_base(head, &tip)? {
        Some(sha) => {
            let note = event.untargeted.as_ref();
            let note = note.map(|why| format!("{why}: {branch} is taken; --base names another"));
            Ok(Baseline {
                note,
                ..Baseline::found(sha, format!("merge-base with {branch}"))
            })
        }
        None if repo.is_shallow() => Err(Error::NoVerdict(MEND_SHALLOW.into())),
        None => first_parent(
            repo,
            head,
            &format!("first parent ({branch} shares no history)"),
        ),
    }
}

/// The default branch as the configuration names it, else the event.
fn default_named<'a>(config: &'a Config, event: &'a Event) -> Option<&'a str> {
    let branch = config.baseline.branch.as_deref();
    branch.or(event.default_branch.as_deref())
}

/// The branch that a baseline is looked for on, where the clone lacks it.
#[must_use]
pub fn lacking(repo: &Repo, config: &Config, event: &Event) -> Option<String> {
    if let Some(target) = &event.target {
        return repo.branch(target).is_none().then(|| target.clone());
    }
    match repo.find_default_branch(default_named(config, event)) {
        DefaultBranch::Elsewhere(name) => Some(name),
        DefaultBranch::Here(..) | DefaultBranch::Unknown => None,
    }
}

/// Fetches what is [`lacking`], because somebody asked for it.
///
/// # Errors
/// [`Error::NoVerdict`] with git's words where the remote does not give it.
pub fn bring(repo: &Repo, config: &Config, event: &Event) -> Result<()> {
    lacking(repo, config, event).map_or(Ok(()), |name| repo.bring_branch(&name))
}

/// The baseline where the default branch is not in the clone: of a push to it or to a branch that
/// lasts the tip before; of anything else nobody knows where it begins.
fn without_default(repo: &Repo, head: &Sha, name: &str, event: &Event) -> Result<Baseline> {
    if event.branch.as_deref() == Some(name) {
        return of_push(repo, head, name, event);
    }
    if event.is_of_lasting_branch() {
        return of_push(repo, head, "its branch", event);
    }
    Err(lacks(repo, "the default branch", name))
}

/// That a branch is not in the clone, and the command that brings it.
fn lacks(repo: &Repo, what: &str, name: &str) -> Error {
    let fetch = repo.fetch_of(name);
    Error::NoVerdict(match repo.is_shallow() {
        true => format!(
            "{what}, `{name}`, is not in this clone, which is shallow: `uptick check --deepen` \
             fetches all of it, as do `git fetch --unshallow` and `{fetch}` (with actions/checkout: \
             `fetch-depth: 0`)"
        ),
        false => format!(
            "{what}, `{name}`, is not in this clone: `uptick check --deepen` fetches it, as does \
             `{fetch}`; or name a baseline with --base"
        ),
    })
}

/// Refuses what an event of a pull request is not about: a commit of the branch that it goes into,
/// which systems check out for a comment, or with the target's own rights.
fn refuse_the_target_itself(repo: &Repo, config: &Config, head: &Sha, event: &Event) -> Result<()> {
    let is_proposed = match &event.proposed {
        None => return Ok(()),
        Some(Proposed::Unnamed) => false,
        Some(Proposed::Commit(sha)) => repo
            .resolve(sha)
            .is_ok_and(|sha| sha == *head || repo.is_ancestor(&sha, head)),
    };
    let branch = match &event.target {
        Some(target) => repo.branch(target),
        None => repo.default_branch(default_named(config, event)),
    };
    let Some((branch, tip)) = branch.filter(|_| !is_proposed) else {
        return Ok(());
    };
    if *head != tip && !repo.is_ancestor(head, &tip) {
        return Ok(());
    }
    Err(Error::NoVerdict(format!(
        "the event is of a pull request, and what is checked out, {}, is a commit of {branch}: check \
         the pull request's own commit out (as events `pull_request` do), or name a baseline with --base",
        head.short()
    )))
}

/// What a queue merges a pull request into: those before it, where there are any.
fn of_queue(repo: &Repo, head: &Sha, target: &str, event: &Event) -> Result<Option<Baseline>> {
    let base = event.base.as_ref().and_then(|b| repo.resolve(b).ok());
    let base = base.filter(|b| b != head && repo.is_ancestor(b, head));
    let parents = repo.commit(head)?.parents;
    // A train says where its target stood, and merges into what stands before it.
    let parent = parents
        .first()
        .filter(|p| parents.len() > 1 && repo.has_file(p, ""));
    let stands_on = match event.merged {
        true => parent.cloned().or(base),
        false => base.or_else(|| parent.cloned()),
    };
    let how = format!("what the queue merges it into, on the way to {target}");
    Ok(stands_on.map(|sha| Baseline::found(sha, how)))
}

/// Where a pull request leaves the branch that it goes into; never where it leaves another one.
fn of_pull_request(repo: &Repo, head: &Sha, target: &str, event: &Event) -> Result<Baseline> {
    if event.queued
        && let Some(found) = of_queue(repo, head, target, event)?
    {
        return Ok(found);
    }
    let parents = repo.commit(head)?.parents;
    let merge = event.merged && parents.len() > 1;
    if let Some((branch, tip)) = repo.branch(target) {
        let base = repo.merge_base(head, &tip)?;
        // A head that was merged meanwhile is its own merge-base.
        if let Some(sha) = base.filter(|b| b != head) {
            let how = format!("merge-base with {branch}, the target of the pull request");
            return Ok(Baseline::found(sha, how));
        }
    }
    if merge && repo.has_file(&parents[0], "") {
        let how = format!("what the pull request is merged into, {target}");
        return Ok(Baseline::found(parents[0].clone(), how));
    }
    if let Some(base) = event.base.as_ref().and_then(|b| repo.resolve(b).ok())
        && let Some(sha) = repo.merge_base(head, &base)?.filter(|b| b != head)
    {
        let how = format!("where the pull request leaves {target}");
        let note = repo.branch(target).is_none().then(|| {
            format!(
                "where the pull request begins is what the CI system says, which may be out of date: \
                 {target} is not in this clone (`uptick check --deepen` fetches it, as does `{}`)",
                repo.fetch_of(target)
            )
        });
        return Ok(Baseline {
            note,
            ..Baseline::found(sha, how)
        });
    }
    if repo.branch(target).is_some() && !repo.is_shallow() {
        return first_parent(repo, head, &format!("first parent on {target}"));
    }
    if repo.branch(target).is_some() {
        return Err(Error::NoVerdict(MEND_SHALLOW.into()));
    }
    Err(lacks(repo, "the target of the pull request", target))
}

const LAST: &str = "only the last commit is judged";

/// The tip before the push that brought a commit; the first parent where no push is known, or
/// it brought this commit alone.
fn of_push(repo: &Repo, head: &Sha, branch: &str, event: &Event) -> Result<Baseline> {
    let plain = format!("first parent on {branch}");
    let Some(before) = &event.before else {
        return Ok(Baseline {
            note: event
                .untargeted
                .as_ref()
                .or(event.unread.as_ref())
                .map(|why| format!("{why}; {LAST}")),
            ..first_parent(repo, head, &plain)?
        });
    };
    let Ok(tip) = repo.resolve(before) else {
        // A rewritten branch may have left it behind; a shallow clone has not got so far, if it is
        // of this push.
        if repo.is_shallow() && event.after.as_ref().is_none_or(|after| *after == head.0) {
            return Err(Error::NoVerdict(MEND_SHALLOW.into()));
        }
        let short = before.get(..9).unwrap_or(before);
        let why = format!("the tip before this push, {short}, is not in this clone; {LAST}");
        return Ok(Baseline {
            note: Some(why),
            ..first_parent(repo, head, &plain)?
        });
    };
    // Of a branch that was rewritten the push brought what both do not share.
    let is_rewritten = !repo.is_ancestor(&tip, head);
    // Another commit than the event's is checked out: a newer one of the branch, or of another.
    let after = event.after.as_ref().filter(|after| **after != head.0);
    if let Some(after) = after.filter(|_| is_rewritten) {
        let short = after.get(..9).unwrap_or(after);
        let why = format!("the push ended with {short}, which is not checked out; {LAST}");
        return Ok(Baseline {
            note: Some(why),
            ..first_parent(repo, head, &plain)?
        });
    }
    let before = match is_rewritten {
        false => Some(tip),
        true => repo.merge_base(head, &tip)?,
    };
    let Some(before) = before.filter(|b| b != head) else {
        return first_parent(repo, head, &plain);
    };
    // What somebody merged into their own commits does not come before these: the line is the one
    // from that tip on, whichever parent of a merge it is.
    let commits = repo.line(&before, head)?;
    let n = commits.len() - 1;
    if n < 2 {
        let is_first = repo.commit(head)?.parents.first() == Some(&before);
        return match is_first {
            true => first_parent(repo, head, &plain),
            false => {
                let how = format!("the tip of {branch} before the push");
                Ok(Baseline::found(before, how))
            }
        };
    }
    let how = match is_rewritten {
        false => format!("the tip of {branch} before the push of {n} commits"),
        true => format!("where {branch}, which was rewritten, leaves what it was: {n} commits ago"),
    };
    Ok(Baseline {
        pushed: commits.into_iter().skip(1).map(|c| c.sha).collect(),
        ..Baseline::found(before, how)
    })
}

fn first_parent(repo: &Repo, head: &Sha, how: &str) -> Result<Baseline> {
    if let Some(parent) = repo.commit(head)?.parents.into_iter().next() {
        if repo.has_file(&parent, "") {
            return Ok(Baseline::found(parent, how));
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
