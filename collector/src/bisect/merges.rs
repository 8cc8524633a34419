//! Where the culprit is a merge, or a step lies between two branches: whose it really is.

use crate::bisect::{Hunt, Trail, probe};
use crate::error::Result;
use crate::model::{Commit, Sha};
use crate::search::{Answer, Observation, Outcome, Step};

/// Merges within merges are gone down into this far.
const MAX_DEPTH: usize = 8;
/// A side branch answers for its merge if it carries this share of the merge's change.
const CARRIES: f64 = 0.5;

/// More stretches of a branch than this are not compared by their ends, at two builds each.
const MAX_STRETCHES: usize = 8;

/// How far a merge moved the value.
#[derive(Clone, Copy)]
struct Size {
    delta: f64,
    change: f64,
}

impl Size {
    /// What part of it a step is, by amount or by ratio, whichever is more: work that a branch
    /// doubles costs less at its fork than on a main line that grew meanwhile.
    fn share_of(self, delta: f64, change: f64) -> f64 {
        let ratio = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
        ratio(delta, self.delta).max(ratio(change, self.change))
    }
}

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
    pub(super) fn descend(&mut self, main: &Trail) -> Result<(Option<Trail>, Vec<Commit>)> {
        let mut deepest: Option<Trail> = None;
        let mut merges = Vec::new();
        for _ in 0..MAX_DEPTH {
            let at = deepest.as_ref().unwrap_or(main);
            let Some((culprit, before)) = at.culprit() else {
                break;
            };
            if culprit.parents.len() < 2 {
                break;
            }
            let culprit = culprit.clone();
            let size = Size {
                delta: at.delta(),
                change: at.outcome.change,
            };
            let parent = before.sha.clone();
            let Some(trail) = self.branch(&culprit, &parent, size)? else {
                break;
            };
            merges.push(culprit);
            deepest = Some(trail);
        }
        Ok((deepest, merges))
    }

    /// The search down the branch that a merge brought in, if the branch has the change.
    fn branch(&mut self, merge: &Commit, parent: &Sha, size: Size) -> Result<Option<Trail>> {
        // In a list of all commits the one before need not be a parent.
        let main = if merge.parents.contains(parent) {
            parent.clone()
        } else {
            merge.parents[0].clone()
        };
        for other in merge.parents.iter().filter(|p| **p != main) {
            // Not the merge-base: where the branch took the main line in meanwhile, that lies
            // behind half of its commits.
            let Some(fork) = self.runner.repo().fork(other, &main)? else {
                continue;
            };
            let (from, to) = self.steepest(&fork, other, &main, size)?;
            let found = self.search(&from, &to, false, false)?;
            let trail = self.own_step(found, &main);
            let blames = matches!(trail.outcome.answer, Answer::Found | Answer::Range);
            if blames && size.share_of(trail.delta(), trail.outcome.change) >= CARRIES {
                return Ok(Some(trail));
            }
        }
        self.notes.push(format!(
            "{} is a merge, and no branch of it has the change by itself",
            merge.sha.short()
        ));
        Ok(None)
    }

    /// The stretch of a branch, between two merges that took the main line in, over which its own
    /// commits cost most; the whole branch where there are no such merges, or too many.
    fn steepest(&mut self, fork: &Sha, tip: &Sha, main: &Sha, size: Size) -> Result<(Sha, Sha)> {
        let stretches = self.stretches(fork, tip, main)?;
        match stretches.len() {
            1 => return Ok(stretches[0].clone()),
            2..=MAX_STRETCHES => {}
            _ => return Ok((fork.clone(), tip.clone())),
        }
        let mut best: Option<(f64, (Sha, Sha))> = None;
        for (from, to) in stretches {
            let (Some(a), Some(b)) = (self.level_of(&from)?, self.level_of(&to)?) else {
                continue;
            };
            let share = size.share_of(b - a, crate::stats::change(a, b));
            if best.as_ref().is_none_or(|(s, _)| share > *s) {
                best = Some((share, (from, to)));
            }
        }
        Ok(best.map_or_else(|| (fork.clone(), tip.clone()), |(_, ends)| ends))
    }

    /// The stretches of a branch that hold a commit of its own, oldest first.
    fn stretches(&self, fork: &Sha, tip: &Sha, main: &Sha) -> Result<Vec<(Sha, Sha)>> {
        let line = self.runner.repo().line(fork, tip)?;
        let mut stretches = Vec::new();
        let (mut from, mut to) = (fork, fork);
        for commit in &line[1..] {
            if self.takes_in(commit, main) {
                stretches.push((from.clone(), to.clone()));
                from = &commit.sha;
            }
            to = &commit.sha;
        }
        stretches.push((from.clone(), to.clone()));
        stretches.retain(|(from, to)| from != to);
        Ok(stretches)
    }

    /// Whether a merge of a branch took in what `main` has anyway.
    fn takes_in(&self, commit: &Commit, main: &Sha) -> bool {
        let repo = self.runner.repo();
        let mut others = commit.parents.iter().skip(1);
        others.any(|p| repo.is_ancestor(p, main))
    }

    /// The level of one commit, measured where it is not stored.
    fn level_of(&mut self, sha: &Sha) -> Result<Option<f64>> {
        self.looks += 1;
        let seen = probe::look(self.runner, self.store, &self.asked, sha, self.progress)?;
        Ok(match seen.observation {
            Observation::Values(runs) => crate::stats::median(&runs),
            Observation::Skip(_) => None,
        })
    }

    /// The search down a branch with the blame on a commit of the branch: a merge that took the
    /// main line in (`main` has its other parent) brought only what the main line had anyway.
    fn own_step(&self, mut trail: Trail, main: &Sha) -> Trail {
        let takes_in = |i: &usize| self.takes_in(trail.commit(*i), main);
        let is_own = |s: &Step| !s.suspects.iter().any(takes_in);
        let blamed = |s: &&Step| s.suspects == trail.outcome.suspects;
        if trail.outcome.steps.iter().find(blamed).is_none_or(is_own) {
            return trail;
        }
        // Largest first, and in the direction that was asked for.
        let sign = self.journal.request.direction(&self.asked.metric).sign();
        let goes = |s: &&Step| s.change * sign > 0.0 && is_own(s);
        match trail.outcome.steps.iter().find(goes).cloned() {
            Some(step) => blame(&mut trail.outcome, &step),
            None => trail.outcome.answer = Answer::Undecided,
        }
        trail
    }
}

/// Puts the blame on another of the steps that were found.
fn blame(outcome: &mut Outcome, step: &Step) {
    outcome.answer = match step.suspects.len() {
        1 => Answer::Found,
        _ => Answer::Range,
    };
    outcome.suspects.clone_from(&step.suspects);
    outcome.confidence = step.confidence;
    outcome.before = step.before;
    outcome.after = step.after;
    outcome.change = step.change;
}
