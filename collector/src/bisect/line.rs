//! The commits between two ends as the search sees them: equal builds collapsed, files touched.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::git::{Repo, Touched};
use crate::model::{Commit, Sha, digest};
use crate::search::{Candidate, Range};
use crate::suite::Overlay;
use crate::suite::unread::Unread;

/// The commits from good to bad, and what each changes of what a build reads.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Oldest first: good, then every commit up to bad.
    pub(super) commits: Vec<Commit>,
    /// Equal numbers stand for equal build inputs.
    groups: Vec<u64>,
    /// Build inputs that each commit changes against the one before it in the line.
    pub(super) touched: Vec<Vec<String>>,
}

impl Line {
    /// Reads the line: along parents, or with `all` every commit between the ends.
    ///
    /// Build inputs are told from prose as at both ends of the line.
    pub(super) fn read(
        config: &Config,
        repo: &Repo,
        good: &Sha,
        bad: &Sha,
        all: bool,
        overlay: &Overlay,
    ) -> Result<Self> {
        let commits = if all {
            repo.all_between(good, bad)?
        } else {
            repo.line(good, bad)?
        };
        let pairs: Vec<(Sha, Sha)> = commits
            .windows(2)
            .map(|w| (w[0].sha.clone(), w[1].sha.clone()))
            .collect();
        let unread = Unread::of(config, repo, &[good, bad]).unwrap_or_default();
        let input = |t: &Touched| unread.is_input(&t.path) && !overlay.replaces(&t.path);
        // A clone that lacks trees cannot be collapsed; every commit then stands for itself.
        let Ok(touched) = repo.touched(&pairs) else {
            return Ok(Self {
                groups: (0..commits.len() as u64).collect(),
                touched: vec![Vec::new(); commits.len()],
                commits,
            });
        };
        let mut groups = vec![0_u64];
        let mut inputs = vec![Vec::new()];
        for files in touched {
            let files: Vec<Touched> = files.into_iter().filter(|t| input(t)).collect();
            let last = groups.last().copied().unwrap_or_default();
            groups.push(files.iter().fold(last, follow));
            inputs.push(files.into_iter().map(|t| t.path).collect());
        }
        Ok(Self {
            commits,
            groups,
            touched: inputs,
        })
    }

    /// The range as the search takes it; `known` gives the values that the store has.
    pub(super) fn range(&self, mut known: impl FnMut(usize) -> Result<Vec<f64>>) -> Result<Range> {
        let mut seen = BTreeSet::new();
        let mut commits = Vec::with_capacity(self.commits.len());
        for (i, &group) in self.groups.iter().enumerate() {
            // Commits of one build repeat each other's values: the first that has any speaks.
            let values = if seen.contains(&group) {
                Vec::new()
            } else {
                known(i)?
            };
            if !values.is_empty() {
                seen.insert(group);
            }
            commits.push(Candidate {
                group,
                share: 0.0,
                changes_build: i > 0 && group != self.groups[i - 1],
                known: values,
            });
        }
        if commits.len() < 2 {
            return Err(Error::Usage("there is no commit between the ends".into()));
        }
        Ok(Range {
            commits,
            ..Range::default()
        })
    }

    /// How many builds the line holds.
    pub(super) fn builds(&self) -> usize {
        self.groups.iter().collect::<BTreeSet<_>>().len()
    }

    /// Their names.
    pub(super) fn shas(&self) -> Vec<Sha> {
        self.commits.iter().map(|c| c.sha.clone()).collect()
    }
}

/// The sum of one number a file: it is the same again when the same files are.
fn follow(sum: u64, t: &Touched) -> u64 {
    let number = |side: &Option<String>| {
        side.as_ref().map_or(0, |content| {
            let hash = digest(format!("{content} {}", t.path).as_bytes());
            u64::from_str_radix(&hash[..16], 16).unwrap_or_default()
        })
    };
    sum.wrapping_sub(number(&t.old))
        .wrapping_add(number(&t.new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_back_gives_the_number_that_was_there() {
        let change = |old: Option<&str>, new: Option<&str>| Touched {
            path: "a".into(),
            old: old.map(String::from),
            new: new.map(String::from),
        };
        let there = follow(7, &change(Some("1"), Some("2")));
        assert_ne!(there, 7);
        assert_eq!(follow(there, &change(Some("2"), Some("1"))), 7);
        let gone = follow(7, &change(Some("1"), None));
        assert_eq!(follow(gone, &change(None, Some("1"))), 7);
    }
}
