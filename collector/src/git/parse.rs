//! What git prints, taken apart.

use crate::model::Hunk;
use crate::model::{Commit, Sha};

/// A record of `git log`: name, parents, author, time, subject, 0x1f between them.
pub(super) fn commit(record: &str) -> Option<Commit> {
    let mut fields = record.trim_start_matches('\n').splitn(5, '\x1f');
    let sha = fields.next().filter(|s| s.len() >= 40)?;
    let parents = fields.next()?;
    let author = fields.next()?;
    let time = fields.next()?.parse().ok()?;
    let subject = fields.next().unwrap_or("");
    Some(Commit {
        sha: Sha(sha.to_string()),
        position: 0,
        parents: parents
            .split(' ')
            .filter(|p| !p.is_empty())
            .map(|p| Sha(p.to_string()))
            .collect(),
        author: author.to_string(),
        time,
        subject: subject.to_string(),
    })
}

/// What `git cat-file --batch` gives of so many objects: `HASH blob SIZE`, a line's end, the content and
/// another line's end, or `HASH missing`. Empty where there is none.
pub(super) fn batch(mut said: &[u8], n: usize) -> Vec<String> {
    let mut out = Vec::with_capacity(n);
    while out.len() < n {
        let end = said.iter().position(|b| *b == b'\n').unwrap_or(said.len());
        let head = String::from_utf8_lossy(&said[..end]).into_owned();
        said = said.get(end + 1..).unwrap_or_default();
        let size = head.rsplit(' ').next().and_then(|size| size.parse().ok());
        let size: usize = size.unwrap_or(0).min(said.len());
        out.push(String::from_utf8_lossy(&said[..size]).into_owned());
        if !head.ends_with(" missing") {
            said = said.get(size + 1..).unwrap_or_default();
        }
    }
    out
}

/// `sha 0x1f value 0x1e value…`, each value `BENCH reason`; a name with spaces stands in quotes.
pub(super) fn acceptances(record: &str) -> Vec<Acceptance> {
    let Some((sha, values)) = record.trim_start_matches('\n').split_once('\x1f') else {
        return Vec::new();
    };
    let one = |value: &str| {
        let value = value.trim();
        let (benchmark, reason) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        let reason = match reason.trim() {
            "" => "no reason given",
            reason => reason,
        };
        (!benchmark.is_empty()).then(|| Acceptance {
            sha: Sha(sha.to_string()),
            benchmark: benchmark.to_string(),
            reason: reason.to_string(),
        })
    };
    values.split('\x1e').filter_map(one).collect()
}

/// The hunks of a unified diff without lines of context.
pub(super) fn hunks(diff: &str) -> Vec<Hunk> {
    let (mut old, mut new) = (String::new(), String::new());
    let mut hunks = Vec::new();
    // Lines of a hunk's body: a removed `-- note` looks like a header of the next file.
    let mut body = 0;
    for line in diff.lines() {
        if body > 0 && line.starts_with(['-', '+']) {
            body -= 1;
        } else if let Some(p) = line.strip_prefix("--- ") {
            old = p.strip_prefix("a/").unwrap_or(p).to_string();
        } else if let Some(p) = line.strip_prefix("+++ ") {
            new = p.strip_prefix("b/").unwrap_or(p).to_string();
        } else if let Some((old_range, new_range)) =
            line.strip_prefix("@@ -").and_then(split_ranges)
        {
            let file = if new == "/dev/null" {
                old.clone()
            } else {
                new.clone()
            };
            let ((old_start, old_len), (new_start, new_len)) = (old_range, new_range);
            body = u64::from(old_len) + u64::from(new_len);
            hunks.push(Hunk {
                file,
                old_start,
                old_len,
                new_start,
                new_len,
            });
        }
    }
    hunks
}

/// `1,2 +3,4 @@ …` → ((1, 2), (3, 4)); a missing length is 1.
fn split_ranges(s: &str) -> Option<((u32, u32), (u32, u32))> {
    let (old, rest) = s.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let range = |r: &str| -> Option<(u32, u32)> {
        match r.split_once(',') {
            Some((start, len)) => Some((start.parse().ok()?, len.parse().ok()?)),
            None => Some((r.parse().ok()?, 1)),
        }
    };
    Some((range(old)?, range(new)?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_objects_is_taken_apart_by_their_sizes() {
        let said = b"aa blob 3\nx\ny\nbb missing\ncc blob 0\n\ndd blob 2\nzz\n";
        assert_eq!(batch(said, 4), ["x\ny", "", "", "zz"]);
        assert_eq!(batch(b"", 2), ["", ""], "git ended early");
    }

    #[test]
    fn hunks_carry_files_and_ranges() {
        let diff = "diff --git a/x.rs b/x.rs\n--- a/x.rs\n+++ b/x.rs\n@@ -3 +3,2 @@ fn f\n-a\n+b\n+c\n\
                    --- a/gone\n+++ /dev/null\n@@ -1,2 +0,0 @@\n--- SQL's comment\n-b\n\
                    --- a/last\n+++ b/last\n@@ -0,0 +1 @@\n+++ two\n";
        let h = hunks(diff);
        assert_eq!(h.len(), 3);
        assert_eq!(
            (
                h[0].file.as_str(),
                h[0].old_len,
                h[0].new_start,
                h[0].new_len
            ),
            ("x.rs", 1, 3, 2)
        );
        assert_eq!((h[1].file.as_str(), h[1].old_len), ("gone", 2));
        assert_eq!((h[2].file.as_str(), h[2].new_len), ("last", 1));
    }

    #[test]
    fn acceptances_are_read_with_their_reasons() {
        let sha = "a".repeat(40);
        let record = format!("{sha}\x1fjson/* checks UTF-8 now\x1e\"my bench\" it must\x1elone");
        let got: Vec<(String, String)> = acceptances(&record)
            .into_iter()
            .map(|a| (a.benchmark, a.reason))
            .collect();
        let want = [
            ("json/*", "checks UTF-8 now"),
            ("my bench", "it must"),
            ("lone", "no reason given"),
        ];
        assert_eq!(got, want.map(|(b, r)| (b.to_string(), r.to_string())));
        assert!(acceptances("").is_empty());
        assert!(acceptances(&format!("{sha}\x1f")).is_empty());
    }

    #[test]
    fn a_commit_record_splits_into_its_fields() {
        let sha = "a".repeat(40);
        let c = commit(&format!("{sha}\x1fp1 p2\x1fJ. Doe\x1f12\x1fsay \x1f why")).unwrap();
        assert_eq!(c.parents.len(), 2);
        assert_eq!(c.subject, "say \x1f why");
        assert!(commit("").is_none());
    }
}

/// A change that a commit's message accepts, so that it is reviewed with the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The commit whose message says so.
    pub sha: Sha,
    /// Benchmarks, by name (glob).
    pub benchmark: String,
    /// Why; never empty.
    pub reason: String,
}
