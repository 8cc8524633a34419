//! A line of commits between two ends, and what each of them touches: what a search walks on.

use std::collections::HashMap;

use super::Repo;
use super::call::{ask, feed, run, text};
use crate::error::{Error, Result};
use crate::model::{Commit, Sha};

/// One file that differs between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Path from the top of the repository.
    pub path: String,
    /// `mode object` before; `None` where the file is new.
    pub old: Option<String>,
    /// `mode object` after; `None` where the file is gone.
    pub new: Option<String>,
}

impl Repo {
    /// The one commit that a merge brings to a base, where it brings one alone. A shallow clone,
    /// which ends there, may lack others.
    #[must_use]
    pub fn only_merged(&self, base: &Sha, merge: &Commit) -> Option<Sha> {
        if merge.parents.len() < 2 {
            return None;
        }
        let range = format!("{base}..{}", merge.sha);
        let listed = ask(self.root(), &["rev-list", "--max-count=3", &range]).ok()?;
        let mut brought = listed.lines().filter(|l| *l != merge.sha.0);
        let (one, None) = (Sha(brought.next()?.to_string()), brought.next()) else {
            return None;
        };
        let is_plain = self.commit(&one).ok()?.parents.len() == 1;
        is_plain.then_some(one)
    }

    /// The commits up to `to` that say of a commit that they take it back, as `git revert` and forges
    /// write it, newest first.
    ///
    /// # Errors
    /// When git fails.
    pub fn reverting(&self, of: &Commit, to: &Sha) -> Result<Vec<Sha>> {
        let by_name = format!("This reverts commit {}", of.sha);
        let by_subject = format!("Revert \"{}\"", of.subject);
        let range = format!("{}..{to}", of.sha);
        let wanted = ["-F", "--grep", &by_name, "--grep", &by_subject, &range];
        let mut all = self.describe(&wanted)?;
        // One that takes such a commit back in turn holds its words.
        all.retain(|c| {
            !c.subject.starts_with("Revert \"Revert") && !c.subject.starts_with("Reapply")
        });
        Ok(all.into_iter().map(|c| c.sha).collect())
    }

    /// Commits from `from` to `to`, both included, oldest first, each the parent of the next.
    ///
    /// Where a merge has several parents that descend from `from`, the first of them is taken;
    /// so the line follows the main line wherever `from` lies on it, and ends at `from` in any
    /// case. Positions are not filled in.
    ///
    /// # Errors
    /// When git fails, or `from` is no ancestor of `to`.
    pub fn line(&self, from: &Sha, to: &Sha) -> Result<Vec<Commit>> {
        let range = format!("{from}..{to}");
        let on_path = self.describe(&["--ancestry-path", &range])?;
        let mut by_name: HashMap<Sha, Commit> =
            on_path.into_iter().map(|c| (c.sha.clone(), c)).collect();
        let mut line = Vec::new();
        let mut at = to.clone();
        while at != *from {
            let Some(commit) = by_name.remove(&at) else {
                return Err(Error::Usage(format!(
                    "{} is no ancestor of {}",
                    from.short(),
                    to.short()
                )));
            };
            let next = commit
                .parents
                .iter()
                .find(|p| *p == from || by_name.contains_key(*p));
            at = next.unwrap_or(from).clone();
            line.push(commit);
        }
        line.extend(self.describe(&[&from.0, "-1"])?);
        line.reverse();
        Ok(line)
    }

    /// `from` and then every commit of `from..to`, side branches too, parents before children
    /// and each branch in one piece. Positions are not filled in.
    ///
    /// # Errors
    /// When git fails.
    pub fn all_between(&self, from: &Sha, to: &Sha) -> Result<Vec<Commit>> {
        let range = format!("{from}..{to}");
        let mut all = self.describe(&["--topo-order", &range])?;
        all.extend(self.describe(&[&from.0, "-1"])?);
        all.reverse();
        Ok(all)
    }

    /// The files in which the commits of each pair differ, in the order of the pairs; one
    /// process for all of them.
    ///
    /// # Errors
    /// When git cannot diff.
    pub fn touched(&self, pairs: &[(Sha, Sha)]) -> Result<Vec<Vec<Touched>>> {
        let asked: String = pairs.iter().map(|(a, b)| format!("{b} {a}\n")).collect();
        let args = [
            "diff-tree",
            "--stdin",
            "-r",
            "--raw",
            "-z",
            "--no-renames",
            "--no-abbrev",
            "--always",
        ];
        let said = text(&feed(self.root(), &args, asked)?);
        let mut heads = pairs.iter().map(|(_, b)| b.0.as_str()).peekable();
        let mut out: Vec<Vec<Touched>> = Vec::with_capacity(pairs.len());
        let mut records = said.split('\0');
        while let Some(record) = records.next() {
            if heads.peek().is_some_and(|h| record == *h) {
                heads.next();
                out.push(Vec::new());
            } else if let (Some(facts), Some(last)) = (record.strip_prefix(':'), out.last_mut()) {
                let path = records.next().unwrap_or_default();
                last.extend(touched(facts, path));
            }
        }
        if out.len() == pairs.len() {
            Ok(out)
        } else {
            Err(Error::Failed(format!(
                "git diff-tree answered {} of {} comparisons",
                out.len(),
                pairs.len()
            )))
        }
    }

    /// The first good and the first bad commit that a `git bisect` under way was told, in its
    /// own words or in `old` and `new`; `None` where none is under way or one is missing.
    #[must_use]
    pub fn bisect_ends(&self) -> Option<(Sha, Sha)> {
        let out = run(self.root(), &["bisect", "log"]).ok()?;
        let said = text(&out.stdout);
        let first = |words: [&str; 2]| {
            said.lines().find_map(|l| {
                let rest = words.iter().find_map(|w| l.strip_prefix(w))?;
                let (sha, _) = rest.split_once(']')?;
                Some(Sha(sha.to_string()))
            })
        };
        Some((
            first(["# good: [", "# old: ["])?,
            first(["# bad: [", "# new: ["])?,
        ))
    }
}

/// `100644 100755 OLD NEW M` and a path.
fn touched(facts: &str, path: &str) -> Option<Touched> {
    let mut fields = facts.split(' ');
    let (old_mode, new_mode) = (fields.next()?, fields.next()?);
    let (old, new) = (fields.next()?, fields.next()?);
    let side = |mode: &str, object: &str| (mode != "000000").then(|| format!("{mode} {object}"));
    Some(Touched {
        path: path.to_string(),
        old: side(old_mode, old),
        new: side(new_mode, new),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_raw_record_tells_added_from_removed() {
        let t = touched("000000 100644 000 abc A", "x").unwrap();
        assert_eq!((t.old, t.new.unwrap().as_str()), (None, "100644 abc"));
        let t = touched("100644 000000 abc 000 D", "x").unwrap();
        assert_eq!((t.old.unwrap().as_str(), t.new), ("100644 abc", None));
        assert!(touched("100644", "x").is_none());
    }
}
