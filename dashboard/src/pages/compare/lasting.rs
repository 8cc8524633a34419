//! The lasting changes of series that lie between two commits.

use collector::history;
use collector::store::{Event, MeasuredCommit, Store};

use crate::error::Fail;
use crate::pages::compare::load::Comparison;

/// Changes that are looked at.
const MOST: usize = 500;

/// The lasting changes between the two commits, whichever is the older one, the largest first.
pub(super) fn between(store: &Store, c: &Comparison) -> Result<Vec<Event>, Fail> {
    let Some(within) = history::between(&c.base, &c.head) else {
        return Ok(Vec::new());
    };
    let mut events = of(store, *within.start(), *within.end())?;
    let at = |e: &Event| u64::try_from(e.reported.event.change.index);
    events.retain(|e| at(e).is_ok_and(|at| within.contains(&at)));
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
