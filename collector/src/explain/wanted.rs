//! Which rows are worth a profile.

use crate::error::Result;
use crate::judge::Row;
use crate::measure::FunctionTable;
use crate::model::{Counter, Metric, ProfileKind, Report, Verdict};
use crate::store::Store;

/// The rows to explain, dearest change first: those that moved, and those whose total stayed
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
    Ok(out
        .into_iter()
        .take(MAX_EXPLAINED)
        .map(|(_, i)| i)
        .collect())
}

/// The benchmark that costs most.
#[must_use]
pub fn dearest(rows: &[Row]) -> Option<usize> {
    let cost = |r: &Row| r.head.as_ref().map_or(0.0, |h| h.value);
    let candidates = rows.iter().enumerate().filter(|(_, r)| {
        r.metric == Metric::Instructions && r.counter != Counter::Clock && r.head.is_some()
    });
    candidates
        .max_by(|a, b| cost(a.1).total_cmp(&cost(b.1)))
        .map(|(i, _)| i)
}

/// The largest change of any function's own cost, from the tables that counting leaves.
fn largest_move(base: &Report, head: &Report, name: &str, store: &Store) -> Result<f64> {
    let hash = |r: &Report| {
        r.profiles
            .iter()
            .find(|p| p.benchmark == name && p.kind == ProfileKind::Functions)
            .map(|p| p.blob.clone())
    };
    let (Some(b), Some(h)) = (hash(base), hash(head)) else {
        return Ok(0.0);
    };
    if b == h {
        return Ok(0.0);
    }
    let table = |hash: &str| -> Result<FunctionTable> {
        let bytes = store.blob(hash)?.unwrap_or_default();
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    };
    let mut change: std::collections::HashMap<String, f64> = std::collections::HashMap::new();
    for (name, cost) in table(&h)? {
        *change.entry(name).or_default() += cost as f64;
    }
    for (name, cost) in table(&b)? {
        *change.entry(name).or_default() -= cost as f64;
    }
    Ok(change.values().fold(0.0, |a: f64, d| a.max(d.abs())))
}

/// The dearest changes are explained; beyond these the same functions come again and again.
const MAX_EXPLAINED: usize = 20;
