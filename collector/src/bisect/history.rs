//! What the store knows beside the range: the levels before GOOD and after BAD, the noise of
//! runs, and by how much builds of equal code differ.

use std::collections::HashSet;

use crate::bisect::line::Line;
use crate::bisect::{Hunt, probe};
use crate::detect::{Finder, Point, Settings};
use crate::error::Result;
use crate::format::plural;
use crate::model::{Commit, Sha};
use crate::search::{Noise, Range};
use crate::stats;

/// So many commits beside either end are looked up in the store.
const REACH: usize = 400;
/// Fewer measured commits than this beside an end show neither level nor noise for sure.
const FEWEST: usize = 10;
/// An end that lies further from the commits beside it than this many of their standard
/// deviations is not on their level: one in 370 is by chance, if they are normal, and some more
/// where they are few. What is lost then is help, no truth.
const OFF: f64 = 3.0;
/// Values of either side that are kept: the level's error is a thirtieth of a run's then.
const MOST: usize = 1000;

impl Hunt<'_> {
    /// Adds to a range of noisy values what is stored beside it; gives the noise, if it shows.
    pub(super) fn history(
        &mut self,
        line: &Line,
        range: &mut Range,
        stored: &HashSet<Sha>,
        reference: &[f64],
    ) -> Result<Option<Noise>> {
        let mut builds = Vec::new();
        let mut said = Vec::new();
        for (side, commits) in self.beside(line)? {
            let mut runs = Vec::new();
            for (i, sha) in commits.iter().enumerate() {
                let of = if stored.contains(sha) {
                    self.stored(sha, reference)?
                } else {
                    Vec::new()
                };
                if of.is_empty() && i == 0 {
                    break;
                }
                add(&mut runs, of);
            }
            let Some(stretch) = stretch(&runs) else {
                continue;
            };
            said.push(format!("{} {side}", plural(stretch.len(), "commit")));
            let level = middle(stretch);
            let centred = |b: &Vec<f64>| b.iter().map(|v| v - level).collect();
            builds.extend(stretch.iter().map(centred));
            let values = stretch.iter().flatten().copied().take(MOST).collect();
            match side {
                Side::Before => range.before = values,
                Side::After => range.after = values,
            }
        }
        if builds.is_empty() {
            return Ok(None);
        }
        let said = said.join(" and ");
        self.notes
            .push(format!("level and noise are known from the store: {said}"));
        Ok(Some(Noise::Known {
            residuals: Vec::new(),
            between: None,
            builds,
        }))
    }

    /// The commits beside the line, from its ends outwards, the ends first.
    fn beside(&self, line: &Line) -> Result<[(Side, Vec<Sha>); 2]> {
        let names = |commits: &[Commit]| commits.iter().map(|c| c.sha.clone()).collect::<Vec<_>>();
        let repo = self.runner.repo();
        let (good, bad) = (&line.commits[0], &line.commits[line.commits.len() - 1]);
        let before = names(&repo.first_parents(&good.sha, REACH)?);
        let tip = repo.main_tip(self.runner.config().baseline.branch.as_deref())?;
        let mut after = repo.first_parent_range(&bad.sha, &tip)?;
        after.reverse();
        after.truncate(REACH);
        let follows = |c: &Commit| c.parents.first() == Some(&bad.sha);
        if !after.first().is_some_and(follows) {
            after.clear();
        }
        after.insert(0, bad.clone());
        Ok([(Side::Before, before), (Side::After, names(&after))])
    }

    /// The stored runs of a commit.
    fn stored(&mut self, sha: &Sha, reference: &[f64]) -> Result<Vec<f64>> {
        let reports = self.runner.evidence(self.store, sha)?;
        let seen = probe::values(&reports, &self.asked);
        Ok(seen.map_or_else(Vec::new, |(runs, _)| probe::levelled(&runs, 0, reference)))
    }
}

#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// Adds the runs of a commit. Noisy runs that are there already, all of them, are those of an
/// equal build that answered for it: they are no further witness.
fn add(runs: &mut Vec<Vec<f64>>, of: Vec<f64>) {
    if !of.is_empty() && !runs.contains(&of) {
        runs.push(of);
    }
}

/// The commits beside an end that share its level, given the runs of each, the end's first; the
/// end itself is left out.
fn stretch(runs: &[Vec<f64>]) -> Option<&[Vec<f64>]> {
    let values = runs.iter().filter_map(|r| stats::median(r));
    let points: Vec<Point> = (0..)
        .zip(values)
        .map(|(index, value)| Point { index, value })
        .collect();
    // Before its change may have begun, a level is still the same.
    let found = Finder::new(Settings::default()).find(&points).changes;
    let until = found.iter().map(|c| c.first).min();
    let until = until.map_or(points.len(), |i| usize::try_from(i).unwrap_or(0));
    let (end, beside) = points.get(..until)?.split_first()?;
    if beside.len() < FEWEST {
        return None;
    }
    let values: Vec<f64> = beside.iter().map(|p| p.value).collect();
    let level = stats::median(&values)?;
    let usual = stats::robust_sigma(&values)?;
    ((end.value - level).abs() <= OFF * usual).then_some(&runs[1..until])
}

/// The level of a stretch: the middle of its commits' middles.
fn middle(stretch: &[Vec<f64>]) -> f64 {
    let middles: Vec<f64> = stretch.iter().filter_map(|r| stats::median(r)).collect();
    stats::median(&middles).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::search::simulate::Rng;

    fn runs(levels: &[(usize, f64)]) -> Vec<Vec<f64>> {
        let mut rng = Rng::new(5);
        let each = levels.iter().flat_map(|&(n, level)| vec![level; n]);
        each.map(|level| (0..5).map(|_| level + rng.normal()).collect())
            .collect()
    }

    #[test]
    fn a_stretch_ends_where_the_level_does() {
        assert_eq!(stretch(&runs(&[(60, 100.0)])).unwrap().len(), 59);
        let until = stretch(&runs(&[(40, 100.0), (40, 104.0)])).unwrap().len();
        assert!((35..40).contains(&until), "{until}");
    }

    #[test]
    fn what_answered_for_another_commit_is_one_witness() {
        let mut seen = Vec::new();
        for of in [vec![], vec![1.0, 2.0], vec![1.0, 2.0], vec![2.0, 1.0]] {
            add(&mut seen, of);
        }
        assert_eq!(seen, [[1.0, 2.0], [2.0, 1.0]]);
    }

    #[test]
    fn an_end_beside_its_level_or_too_few_commits_are_no_stretch() {
        assert!(stretch(&runs(&[(1, 104.0), (60, 100.0)])).is_none());
        assert!(stretch(&runs(&[(10, 100.0)])).is_none());
        assert!(stretch(&[]).is_none());
    }
}
