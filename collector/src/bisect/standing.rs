//! When the culprit is known: the search may go on after that, for steps that hide behind it.

use crate::bisect::journal::Section;
use crate::bisect::line::Line;
use crate::bisect::{Hunt, Trail};
use crate::error::Result;
use crate::format::{moved, sentence, share};
use crate::search::{Answer, Direction, Observation, Outcome, Search};
use crate::stats::change;

/// A commit stands as the culprit if it carries this share of the range's change: as much as
/// the steps together must explain before a search is content.
const STANDS: f64 = 0.8;

/// The look for further steps may cost so many times what it took to find the culprit …
const TIMES: usize = 2;
/// … and as many builds in any case.
const FEWEST: usize = 8;

/// A step between two neighbouring commits, both measured.
struct Standing {
    /// The commit that made it.
    commit: usize,
    before: f64,
    after: f64,
    /// Its share of the range's change.
    share: f64,
}

impl Section {
    /// The search without leave to look for further steps.
    pub(super) fn settled(&self) -> Result<Search> {
        let mut settled = self.clone();
        settled.options.explore_builds = 0;
        settled.search()
    }

    /// Whether every commit gave one value only, however often it was run: two neighbours tell a
    /// step then.
    fn repeats(&self) -> bool {
        let mut first = std::collections::HashMap::new();
        let mut values = self.entries.iter().flat_map(|e| match &e.observation {
            Observation::Values(v) => v.iter().map(|v| (e.commit, *v)).collect(),
            Observation::Skip(_) => Vec::new(),
        });
        values.all(|(commit, value)| *first.entry(commit).or_insert(value) == value)
    }

    /// How many different commits were tried until all of these had been.
    fn tried_until(&self, commits: &[usize]) -> usize {
        let first = |c: &usize| self.entries.iter().position(|e| e.commit == *c);
        let known = |c: &usize| !self.range.commits[*c].known.is_empty();
        let mut until = 0;
        for c in commits.iter().filter(|c| !known(c)) {
            // A commit of an equal build may have answered for it.
            until = until.max(first(c).map_or(0, |i| i + 1));
        }
        let tried: std::collections::BTreeSet<usize> =
            self.entries[..until].iter().map(|e| e.commit).collect();
        tried.len()
    }
}

impl Hunt<'_> {
    /// Whether one commit explains the range's change; the first time, says so.
    pub(super) fn stands(&mut self, section: usize, search: &Search, line: &Line) -> bool {
        let section = &self.journal.sections[section];
        let found = standing(search, line.commits.len(), section.options.direction);
        let Some(s) = found.filter(|_| section.repeats()) else {
            return false;
        };
        if !self.told && !self.journal.request.quick {
            self.told = true;
            let done = search.estimate().builds_done;
            let most = (TIMES * done).max(FEWEST);
            self.settle_at = Some((done, done + most));
            let commit = &line.commits[s.commit];
            let whole = self.whole_change.unwrap_or((s.after - s.before) / s.share);
            let what = if commit.parents.len() > 1 {
                "stands, a merge: what it brought is looked for next"
            } else {
                "stands"
            };
            self.progress.note(&format!(
                "{} {what}: {}, {} ({}). Further steps are looked for in at \
                 most {most} builds{}; --quick ends here",
                commit.sha.short(),
                moved(
                    change(s.before, s.after),
                    (s.before, s.after),
                    &self.asked.metric
                ),
                part_of_the_range((s.after - s.before) / whole),
                sentence(&commit.subject, 50),
                self.left(most),
            ));
        }
        true
    }

    /// Whether no further steps are looked for: nobody wants them, or they have had their price.
    pub(super) fn has_looked_enough(&self, section: usize, search: &Search) -> bool {
        // The line that was told of comes first; inside a merge only its own culprit counts.
        let bound = self.settle_at.filter(|_| section == 0);
        let spent = |(_, until)| search.estimate().builds_done >= until;
        self.journal.request.quick || section > 0 || bound.is_some_and(spent)
    }

    /// A commit that takes the culprit back, of which nothing is known yet: if it does, what BAD has
    /// came once more after it, and whoever brought that is sought.
    ///
    /// # Errors
    /// When git fails.
    pub(super) fn unseen_revert(
        &self,
        section: usize,
        search: &Search,
        (line, outcome): (&Line, &Outcome),
    ) -> Result<Option<usize>> {
        let (Answer::Found, true, Some(&culprit)) =
            (outcome.answer, outcome.exact, outcome.suspects.first())
        else {
            return Ok(None);
        };
        let last = line.commits.len() - 1;
        let (blamed, bad) = (&line.commits[culprit], &line.commits[last]);
        let tried = |i: usize| {
            let entries = &self.journal.sections[section].entries;
            search.values(i) > 0 || entries.iter().any(|e| e.commit == i)
        };
        let repo = self.runner.repo();
        for revert in repo.reverting(blamed, &bad.sha)? {
            // One of a side branch counts from where that was merged.
            let after = &line.commits[culprit + 1..last];
            let brings = after.partition_point(|c| !repo.is_ancestor(&revert, &c.sha));
            let at = culprit + 1 + brings;
            if at < last && !tried(at) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Commits tried until the culprit was known, along the main line and down to it.
    pub(super) fn located(&self, main: &Trail, last: &Trail) -> Option<usize> {
        let mut all = self.tried_for(main)?;
        if main.section != last.section {
            all += self.tried_for(last)?;
        }
        Some(all)
    }

    fn tried_for(&self, trail: &Trail) -> Option<usize> {
        let blamed = &trail.outcome.suspects;
        let step = trail.outcome.steps.iter().find(|s| s.suspects == *blamed)?;
        let ends = [0, trail.line.commits.len() - 1];
        let commits = [ends[0], ends[1], step.last_before, step.first_after];
        Some(self.journal.sections[trail.section].tried_until(&commits))
    }
}

/// What part of the range's change a step is, in words.
fn part_of_the_range(part: f64) -> String {
    if part > 1.005 {
        return "more than the range's change, of which others took some back".into();
    }
    format!("{} of the range's change", share(part))
}

/// The step that carries nearly all of the change, if two neighbours show it.
fn standing(search: &Search, commits: usize, direction: Direction) -> Option<Standing> {
    let (lo, hi) = search.ends()?;
    let total = search.value(hi)? - search.value(lo)?;
    if total * direction.sign() <= 0.0 {
        return None;
    }
    (1..commits).find_map(|i| {
        let (before, after) = (search.value(i - 1)?, search.value(i)?);
        let share = (after - before) / total;
        (share >= STANDS).then_some(Standing {
            commit: i,
            before,
            after,
            share,
        })
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::search::{Candidate, LogEntry, Noise, Options, Range};

    fn search(values: &[(usize, f64)]) -> Search {
        let commit = |i: u64| Candidate {
            group: i,
            changes_build: true,
            ..Candidate::default()
        };
        let range = Range {
            commits: (0..10).map(commit).collect(),
            ..Range::default()
        };
        let options = Options {
            noise: Noise::Exact,
            ..Options::default()
        };
        let mut search = Search::new(&range, options).unwrap();
        for (i, v) in values {
            search.observe(*i, Observation::Values(vec![*v]));
        }
        search
    }

    #[test]
    fn a_culprit_stands_once_it_and_its_parent_are_measured() {
        let up = Direction::Up;
        let open = search(&[(0, 100.0), (9, 200.0), (4, 101.0), (6, 199.0)]);
        assert!(standing(&open, 10, up).is_none());
        let known = search(&[(0, 100.0), (9, 200.0), (4, 101.0), (6, 199.0), (5, 199.0)]);
        let s = standing(&known, 10, up).unwrap();
        assert_eq!((s.commit, s.before, s.after), (5, 101.0, 199.0));
        assert!(standing(&known, 10, Direction::Down).is_none());
        let half = search(&[(0, 100.0), (9, 200.0), (4, 100.0), (5, 150.0)]);
        assert!(standing(&half, 10, up).is_none());
    }

    #[test]
    fn no_step_is_more_than_all_of_a_change() {
        assert_eq!(part_of_the_range(1.0), "100.00 % of the range's change");
        let more = part_of_the_range(2.2);
        assert!(more.starts_with("more than the range's change"), "{more}");
    }

    #[test]
    fn commits_are_counted_until_the_culprit_and_both_ends_had_been_tried() {
        let entry = |commit, values: &[f64]| LogEntry {
            commit,
            observation: Observation::Values(values.to_vec()),
        };
        let mut section = Section {
            range: Range {
                commits: vec![Candidate::default(); 10],
                ..Range::default()
            },
            entries: [0, 9, 4, 0, 5, 7, 2].map(|c| entry(c, &[1.0])).to_vec(),
            ..Section::default()
        };
        assert_eq!(section.tried_until(&[0, 9, 4, 5]), 4);
        section.range.commits[5].known = vec![1.0];
        assert_eq!(section.tried_until(&[0, 9, 4, 5]), 3);
        assert!(section.repeats());
        section.entries.push(entry(4, &[1.0, 1.5]));
        assert!(!section.repeats());
    }
}
