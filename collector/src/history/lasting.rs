//! The changes that lasted, as far as they lie between two commits.

use std::ops::RangeInclusive;

use crate::detect::Kind;
use crate::error::Result;
use crate::history::watch::Glance;
use crate::model::SeriesKey;
use crate::stats;
use crate::store::{Event, MeasuredCommit};

/// The positions at which a change lies between two commits, whichever is the older one. A series
/// has the commits of the main line alone: between others lies none of its changes.
#[must_use]
pub fn between(a: &MeasuredCommit, b: &MeasuredCommit) -> Option<RangeInclusive<u64>> {
    let (first, last) = (a.position.min(b.position) + 1, a.position.max(b.position));
    (a.main && b.main && first <= last).then_some(first..=last)
}

/// The largest lasting change of a series between two commits (fraction), as it looks from the base.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub(super) fn lasting(
    glance: &Glance<'_>,
    key: &SeriesKey,
    (base, head): (&MeasuredCommit, &MeasuredCommit),
) -> Result<Option<f64>> {
    let Some(within) = between(base, head) else {
        return Ok(None);
    };
    let is_within = |at: i64| u64::try_from(at).is_ok_and(|at| within.contains(&at));
    let events = glance.reported(key)?;
    let largest = events
        .iter()
        .map(|t| &t.event)
        .filter(|e| e.seen && e.change.kind != Kind::Drift && is_within(e.change.index))
        .map(|e| &e.change)
        .max_by(|a, b| a.change.abs().total_cmp(&b.change.abs()));
    Ok(largest.map(|c| match base.position < head.position {
        true => c.change,
        false => stats::change(c.after, c.before),
    }))
}

/// The relative change of an event, positive where it is for the worse.
#[must_use]
pub fn harm(e: &Event) -> f64 {
    e.reported.event.change.change * e.series.key.metric.better().sign()
}
