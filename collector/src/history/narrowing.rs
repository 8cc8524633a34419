//! Which commits inside the sets of open changes are worth measuring.

use std::collections::BTreeMap;

use crate::detect::Kind;
use crate::error::Result;
use crate::model::Sha;
use crate::search::narrow;
use crate::store::{Event, Store};

/// Open changes that are looked at, the newest first.
const CHANGES: usize = 200;
/// How far before and after a change a measured commit is looked for.
const AROUND: u64 = 1_000;

/// A commit that would narrow an open change down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Its place on the main line.
    pub position: u64,
    /// The commit.
    pub sha: Sha,
}

/// The commits that narrow open changes down, each once. `given_up` says of which nothing can be
/// had; those that were measured without a value are left out by themselves.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn narrowing(store: &Store, given_up: &dyn Fn(&Sha) -> bool) -> Result<Vec<Wanted>> {
    let mut all = Vec::new();
    for event in store.open_events(CHANGES)? {
        let change = &event.reported.event.change;
        if change.kind == Kind::Step && change.last > change.first {
            all.extend(of(store, &event, given_up)?);
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}

fn of(store: &Store, event: &Event, given_up: &dyn Fn(&Sha) -> bool) -> Result<Vec<Wanted>> {
    let change = &event.reported.event.change;
    let (first, last) = (
        change.first.max(0).cast_unsigned(),
        change.last.max(0).cast_unsigned(),
    );
    let known = store.values(event.series.id, first.saturating_sub(AROUND), last + AROUND)?;
    let known: BTreeMap<u64, f64> = known.iter().map(|v| (v.position, v.value)).collect();
    let before = known.range(..first).next_back().map(|(p, _)| *p);
    let after = known.range(last..).next().map(|(p, _)| *p);
    let (Some(before), Some(after)) = (before, after) else {
        return Ok(Vec::new());
    };
    let mut values = Vec::new();
    let mut lacking = Vec::new();
    for (i, position) in (before..=after).enumerate() {
        let value = known.get(&position).copied();
        values.push(value);
        if value.is_some() {
            continue;
        }
        match store.main_commit(position)? {
            Some(sha) if store.any_report_of(&sha)?.is_none() && !given_up(&sha) => {}
            _ => lacking.push(i),
        }
    }
    let mut wanted = Vec::new();
    for i in narrow(&values, &lacking) {
        let position = before + i as u64;
        if let Some(sha) = store.main_commit(position)? {
            wanted.push(Wanted { position, sha });
        }
    }
    Ok(wanted)
}
