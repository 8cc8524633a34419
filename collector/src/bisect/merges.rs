//! Where the culprit is a merge, or a step lies between two branches: whose it really is.

use crate::bisect::{Hunt, Trail};
use crate::error::Result;
use crate::model::{Commit, Sha};
use crate::search::Answer;

/// Merges within merges are gone down into this far.
const MAX_DEPTH: usize = 8;
/// A side branch answers for its merge if it carries this share of the merge's change.
const CARRIES: f64 = 0.5;

impl Hunt<'_> {
    /// In a list of all commits a step may lie where one branch ends and the next begins. The
    /// commit after it is to blame only if no parent has its value; else the search goes on
    /// along that parent's line.
    pub(super) fn straighten(&mut self, good: &Sha, main: Trail) -> Result<Trail> {
        let Some((culprit, before)) = main.culprit() else {
            return Ok(main);
        };
        if culprit.parents.contains(&before.sha) {
            return Ok(main);
        }
        let (parents, delta) = (culprit.parents.clone(), main.delta());
        for parent in parents.iter().filter(|p| *p != good) {
            let trail = self.search(good, parent, false, false)?;
            let blames = matches!(trail.outcome.answer, Answer::Found | Answer::Range);
            if blames && trail.delta() / delta >= CARRIES {
                return Ok(trail);
            }
        }
        Ok(main)
    }

    /// Goes down into merges for as long as the culprit is one and its branch has the change.
    pub(super) fn descend(&mut self, main: &Trail) -> Result<(Option<Trail>, Option<Commit>)> {
        let mut deepest: Option<Trail> = None;
        let mut merge = None;
        for _ in 0..MAX_DEPTH {
            let at = deepest.as_ref().unwrap_or(main);
            let Some((culprit, before)) = at.culprit() else {
                break;
            };
            if culprit.parents.len() < 2 {
                break;
            }
            let (culprit, delta) = (culprit.clone(), at.delta());
            let parent = before.sha.clone();
            let Some(trail) = self.branch(&culprit, &parent, delta)? else {
                break;
            };
            merge.get_or_insert(culprit);
            deepest = Some(trail);
        }
        Ok((deepest, merge))
    }

    /// The search down the branch that a merge brought in, if the branch has the change.
    fn branch(&mut self, merge: &Commit, parent: &Sha, delta: f64) -> Result<Option<Trail>> {
        // In a list of all commits the one before need not be a parent.
        let main = if merge.parents.contains(parent) {
            parent.clone()
        } else {
            merge.parents[0].clone()
        };
        for other in merge.parents.iter().filter(|p| **p != main) {
            let base = self.workshop.repo().merge_base(&main, other)?;
            let Some(base) = base.filter(|b| b != other) else {
                continue;
            };
            let trail = self.search(&base, other, false, false)?;
            let blames = matches!(trail.outcome.answer, Answer::Found | Answer::Range);
            if blames && trail.delta() / delta >= CARRIES {
                return Ok(Some(trail));
            }
        }
        self.notes.push(format!(
            "{} is a merge, and no branch of it has the change by itself",
            merge.sha.short()
        ));
        Ok(None)
    }
}
