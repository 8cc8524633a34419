//! Retention: profiles and reports go when their time is over, unless somebody still needs them.
//!
//! What goes is said by an entry, in the transaction in which its bytes go. In the place of a report
//! a stub is left, so that whoever derives the view anew from what is left comes to the same one.

mod bytes;
mod plan;
mod spared;
mod what;

pub use plan::{Keep, Plan, Prunable};
#[cfg(test)]
pub(in crate::store) use spared::Bounds;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use rusqlite::Transaction;

use crate::error::Result;
use crate::model::{SeriesKey, digest};
use crate::store::Store;
use crate::store::log::append;
use crate::store::log::entry::Entry;
use crate::store::log::pruning::{Pruned, Pruning, Stub};
use crate::store::prune::what::{Candidate, What};
use crate::store::view::apply::append_and_apply;
use crate::store::view::pruned::{empty, take_out};

/// Profiles that go in one transaction.
const PROFILES: usize = 1_000;
/// Packed bytes of the reports that go in one transaction, one report at least: whoever waits to
/// append waits no longer than for so many.
const BYTES: u64 = 32 << 10;

impl Store {
    /// Drops some of what a plan lets go, in one transaction. Gives what it was: nothing when all of
    /// it is gone.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`]; then nothing was dropped.
    pub fn prune(&mut self, plan: &Plan, actor: &str, now: i64) -> Result<Prunable> {
        self.with_view(|tx| {
            for (what, days) in plan.keep.each() {
                let mut pruning = Pruning {
                    kept: days,
                    actor: actor.to_owned(),
                    time: now,
                    seen: append::head(tx)?,
                    ..Pruning::default()
                };
                let gone = match what {
                    What::Profiles => of_profiles((tx, plan), &mut pruning)?,
                    What::Reports { .. } => of_reports((tx, plan), what, &mut pruning)?,
                };
                if gone.is_empty() {
                    continue;
                }
                append_and_apply(tx, Entry::Pruning(Box::new(pruning.clone())))?;
                bytes::drop(tx, &pruning)?;
                return Ok(Prunable::of(what, &gone));
            }
            // Once, when the rest is gone: it looks at all that ever went.
            bytes::sweep(tx)?;
            Ok(Prunable::default())
        })
    }
}

/// Fills in the profiles that go in one transaction; gives them.
fn of_profiles(
    (tx, plan): (&Transaction<'_>, &Plan),
    pruning: &mut Pruning,
) -> rusqlite::Result<Vec<Candidate>> {
    let mut gone = Vec::new();
    plan.visit(tx, What::Profiles, &mut |c| {
        pruning.profiles.push(c.hash.clone());
        gone.push(c);
        Ok(if gone.len() < PROFILES {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })?;
    Ok(gone)
}

/// Fills in the reports that go in one transaction with their stubs, and the series that they leave
/// empty and the profiles of theirs that never came; gives the reports. They are taken out of the
/// view on the way: which series that empties is seen there. One that is damaged stays, for `verify`
/// to name.
fn of_reports(
    (tx, plan): (&Transaction<'_>, &Plan),
    what: What,
    pruning: &mut Pruning,
) -> rusqlite::Result<Vec<Candidate>> {
    let (mut touched, mut profiles) = (BTreeSet::new(), BTreeSet::new());
    let (mut gone, mut room) = (Vec::new(), BYTES);
    plan.visit(tx, what, &mut |c| {
        let Some(report) = bytes::report(tx, &c.hash)? else {
            return Ok(ControlFlow::Continue(()));
        };
        room = room.saturating_sub(c.bytes);
        pruning.reports.push(Pruned {
            report: c.hash.clone(),
            stub: digest(&bytes::stub(&Stub::of(&c.hash, &report))?),
        });
        touched.extend(SeriesKey::all_of(&report).map(|key| key.id()));
        profiles.extend(plan.never_came(tx, &report)?);
        gone.push(c);
        Ok(match room {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    })?;
    pruning.profiles.extend(profiles);
    take_out(tx, &pruning.reports)?;
    for key in touched {
        pruning.series.extend(empty(tx, &key)?);
    }
    Ok(gone)
}
