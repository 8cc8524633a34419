//! Keeps the store's main line that of the repository.

use crate::error::Result;
use crate::git::Repo;
use crate::model::{Line, Sha};
use crate::store::Store;

/// Whose store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// It lies in the repository.
    Repository,
    /// It was named, and may be about another one.
    Named,
}

/// Tells the store which commits the default branch's first-parent line has, where it does not
/// know yet. Says whether there was anything to tell.
///
/// A clone that was cut off has no positions, one that was not fetched or pulled for a while only a
/// part of the line, and where no branch is known to be the default one
/// nothing can be said; nor of a store that is about another repository.
///
/// # Errors
/// When git cannot walk the line, or the store cannot be written.
pub fn refresh(store: &mut Store, repo: &Repo, branch: Option<&str>, whose: Whose) -> Result<bool> {
    let Some(tip) = repo.known_main_tip(branch) else {
        return Ok(false);
    };
    let known = store.main_tip()?;
    if known.as_ref().is_some_and(|(_, sha)| *sha == tip)
        || repo.is_shallow()
        || !is_of(store, repo, whose)?
    {
        return Ok(false);
    }
    let line = repo.first_parent_names(&tip)?;
    // A part of the line that is known: pushed back where nobody has the rest any more, else not yet
    // fetched or pulled here, or another branch's than the one that was looked at before.
    if let Some((_, sha)) = known
        && fork(store, &line)? == line.len()
        && (repo.resolve(&sha.0).is_err() || repo.is_on_a_ref(&sha)?)
    {
        return Ok(false);
    }
    set_line(store, &line)?;
    Ok(true)
}

/// Says which commits the main line has, from the first; the part that the store knows already is
/// not said again.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn set_line(store: &mut Store, line: &[Sha]) -> Result<()> {
    let from = fork(store, line)?;
    let knows_more = store.main_commit(line.len() as u64)?.is_some();
    if from < line.len() || knows_more {
        store.set_main_line(from as u64, &line[from..])?;
    }
    Ok(())
}

/// Whether the store is about this repository: it lies in it, or the newest commit that was
/// measured into it is one of the repository's.
fn is_of(store: &Store, repo: &Repo, whose: Whose) -> Result<bool> {
    let newest = store.commits(u64::MAX, 1)?.pop();
    Ok(match newest {
        Some(c) => repo.resolve(&c.sha.0).is_ok(),
        None => whose == Whose::Repository,
    })
}

/// The first position at which the store does not have the line's commit: two lines that agree at
/// a position agree at all before it.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn fork(store: &Store, line: &[Sha]) -> Result<usize> {
    let (mut same, mut differ) = (0, line.len());
    while same < differ {
        let middle = usize::midpoint(same, differ);
        if store.main_commit(middle as u64)?.as_ref() == Some(&line[middle]) {
            same = middle + 1;
        } else {
            differ = middle;
        }
    }
    Ok(same)
}

/// Which line a commit is on, for its report; `None` where the store knows no main line.
///
/// # Errors
/// When the store cannot be read.
pub fn line_of(store: &Store, repo: &Repo, sha: &Sha) -> Result<Option<Line>> {
    let Some((_, tip)) = store.main_tip()? else {
        return Ok(None);
    };
    if store.main_position(sha)?.is_some() {
        return Ok(Some(Line::Main));
    }
    Ok(Some(Line::Branch {
        name: repo.branch_at_head(),
        merge_base: repo.merge_base(&tip, sha)?,
    }))
}
