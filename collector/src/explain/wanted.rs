//! Which rows are worth a profile.

use crate::error::{Error, Result};
use crate::judge::Row;
use crate::measure::FunctionTable;
use crate::model::{Counter, Metric, ProfileKind, ProfileRef, Report, Sha, Verdict};
use crate::store::{PrunedProfile, Store};

/// The rows to explain, costliest change first, after the regressions that a report names: those that moved, and those whose total stayed
/// while some function's cost moved by more than the limit.
///
/// # Errors
/// When the store cannot be read.
pub fn wanted(rows: &[Row], base: &Report, head: &Report, store: &Store) -> Result<Vec<usize>> {
    let mut out: Vec<(f64, usize)> = Vec::new();
    for (i, row) in rows
        .iter()
        .enumerate()
        .filter(|(_, r)| r.metric == Metric::Instructions)
    {
        match row.verdict {
            Verdict::Regressed | Verdict::Improved if row.judged => {
                out.push((row.delta().abs(), i))
            }
            Verdict::Unchanged => {
                let moved = largest_move(base, head, &row.benchmark, store)?;
                if moved > row.limit_units {
                    // After everything whose total moved.
                    out.push((moved * 1e-18, i));
                }
            }
            _ => {}
        }
    }
    out.sort_by(|a, b| b.0.total_cmp(&a.0));
    // What a report names first is what moved by the largest share, however small it is.
    let share = |i: usize| rows[i].change.map_or(0.0, f64::abs);
    let mut first: Vec<usize> = out.iter().map(|(_, i)| *i).collect();
    first.retain(|i| rows[*i].verdict == Verdict::Regressed);
    first.sort_by(|a, b| share(*b).total_cmp(&share(*a)));
    first.truncate(NAMED_FIRST);
    let rest = out.into_iter().map(|(_, i)| i);
    let rest: Vec<usize> = rest.filter(|i| !first.contains(i)).collect();
    first.extend(rest);
    first.truncate(MAX_EXPLAINED);
    Ok(first)
}

/// Regressions that a report shows with their functions.
const NAMED_FIRST: usize = 5;

/// The benchmark that costs most.
#[must_use]
pub fn costliest(rows: &[Row]) -> Option<usize> {
    let cost = |r: &Row| r.head.as_ref().map_or(0.0, |h| h.value);
    let candidates = rows.iter().enumerate().filter(|(_, r)| {
        r.metric == Metric::Instructions && r.counter != Counter::Clock && r.head.is_some()
    });
    candidates
        .max_by(|a, b| cost(a.1).total_cmp(&cost(b.1)))
        .map(|(i, _)| i)
}

fn functions_of<'r>(report: &'r Report, benchmark: &str) -> Option<&'r str> {
    let wanted = |p: &&ProfileRef| p.benchmark == benchmark && p.kind == ProfileKind::Functions;
    report.profiles.iter().find(wanted).map(|p| p.blob.as_str())
}

/// When what says where a benchmark's cost went on a commit was pruned; `None` where it is there or
/// never was.
///
/// # Errors
/// [`Error::Store`] when the store cannot be read.
pub fn pruned(store: &Store, sha: &Sha, benchmark: &str) -> Result<Option<PrunedProfile>> {
    let stacks = store.stacks_named(sha, benchmark)?;
    let report = store.any_report_of(sha)?;
    let table = report.as_ref().and_then(|r| functions_of(r, benchmark));
    for blob in stacks.as_deref().into_iter().chain(table) {
        if let Some(pruned) = store.pruned_profile(blob)? {
            return Ok(Some(pruned));
        }
    }
    Ok(None)
}

/// The self cost of each function of a benchmark, as counting left it; `None` where the report
/// has no table or the store no longer keeps it.
///
/// # Errors
/// [`Error::Store`] when the store cannot be read or the table is damaged.
pub fn table(store: &Store, report: &Report, benchmark: &str) -> Result<Option<FunctionTable>> {
    let Some(hash) = functions_of(report, benchmark) else {
        return Ok(None);
    };
    let Some(bytes) = store.blob(hash)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| {
        Error::Store(format!(
            "the functions of {benchmark} at {} are damaged: {e}; `uptick verify` lists \
             everything that is",
            report.commit.sha.short()
        ))
    })
}

/// The largest change of any function's own cost, from the tables that counting leaves.
fn largest_move(base: &Report, head: &Report, name: &str, store: &Store) -> Result<f64> {
    let hash = |r| functions_of(r, name);
    if hash(base) == hash(head) {
        return Ok(0.0);
    }
    let (Some(b), Some(h)) = (table(store, base, name)?, table(store, head, name)?) else {
        return Ok(0.0);
    };
    let mut change: std::collections::HashMap<String, f64> = std::collections::HashMap::new();
    for (name, cost) in h {
        *change.entry(name).or_default() += cost as f64;
    }
    for (name, cost) in b {
        *change.entry(name).or_default() -= cost as f64;
    }
    Ok(change.values().fold(0.0, |a: f64, d| a.max(d.abs())))
}

/// The costliest changes are explained; beyond these the same functions come again and again.
const MAX_EXPLAINED: usize = 20;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::{Commit, Sha, Testbed, digest};

    /// A report whose table of functions is these bytes, stored or lost.
    fn report(store: &mut Store, sha: char, bytes: &[u8], kept: bool) -> Report {
        let report = Report {
            schema: Report::SCHEMA.into(),
            commit: Commit {
                sha: Sha(String::from(sha).repeat(40)),
                position: 1,
                parents: vec![],
                author: "A".into(),
                time: 1_700_000_000,
                subject: "a commit".into(),
            },
            testbed: Testbed::default(),
            build_key: String::from(sha),
            suite_key: "s".into(),
            testbed_key: "t".into(),
            started: 1_700_000_000,
            seconds: 1.0,
            reused: None,
            line: None,
            measurements: vec![],
            failures: vec![],
            profiles: vec![ProfileRef {
                benchmark: "b".into(),
                kind: ProfileKind::Functions,
                blob: digest(bytes),
            }],
        };
        if kept {
            let blob = (digest(bytes), bytes.to_vec());
            store.put(&report, &[blob]).unwrap();
        }
        report
    }

    #[test]
    fn a_table_that_is_lost_moved_nothing_and_one_that_is_damaged_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("s.db")).unwrap();
        let base = report(&mut store, 'a', br#"[["f",10],["g",5]]"#, true);
        let head = report(&mut store, 'b', br#"[["f",10],["h",7]]"#, true);
        let lost = report(&mut store, 'c', br#"[["f",900]]"#, false);
        let damaged = report(&mut store, 'd', b"not a table", true);
        let largest = |base, head| largest_move(base, head, "b", &store);
        assert_eq!(largest(&base, &head).unwrap(), 7.0);
        assert_eq!(largest(&base, &lost).unwrap(), 0.0);
        assert_eq!(largest(&lost, &head).unwrap(), 0.0);
        let e = largest(&base, &damaged).unwrap_err();
        assert!(matches!(e, Error::Store(_)), "{e}");
        assert!(e.to_string().contains("of b at ddddddddd"), "{e}");
    }
}
