//! The lasting changes of series that lie between two commits.

use collector::store::{Event, MeasuredCommit, Store};

use crate::error::Fail;
use crate::pages::compare::load::Comparison;

/// Changes that are looked at.
const MOST: usize = 500;

/// The lasting changes between the two commits, whichever is the older one, the largest first.
pub(super) fn between(store: &Store, c: &Comparison) -> Result<Vec<Event>, Fail> {
    let (a, b) = (c.base.position, c.head.position);
    if !(c.base.main && c.head.main) || a == b {
        return Ok(Vec::new());
    }
    let (first, last) = (a.min(b) + 1, a.max(b));
    let mut events = of(store, first, last)?;
    let within = first.cast_signed()..=last.cast_signed();
    events.retain(|e| within.contains(&e.reported.event.change.index));
    Ok(events)
}

/// Those that a commit of the main line may have caused.
pub(in crate::pages) fn at(store: &Store, c: &MeasuredCommit) -> Result<Vec<Event>, Fail> {
    of(store, c.position, c.position)
}

fn of(store: &Store, first: u64, last: u64) -> Result<Vec<Event>, Fail> {
    let mut events = store.events_within(first, last, MOST)?;
    let size = |e: &Event| e.reported.event.change.change.abs();
    events.sort_by(|a, b| size(b).total_cmp(&size(a)));
    Ok(events)
}
