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

use rusqlite::Transaction;

use crate::error::Result;
use crate::model::{Report, SeriesKey, digest};
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
            bytes::sweep(tx)?;
            for (what, days) in plan.keep.each() {
                let candidates = first(plan.candidates(tx, what)?, what);
                if candidates.is_empty() {
                    continue;
                }
                let mut pruning = Pruning {
                    kept: days,
                    actor: actor.to_owned(),
                    time: now,
                    seen: append::head(tx)?,
                    ..Pruning::default()
                };
                match what {
                    What::Profiles => {
                        pruning.profiles = candidates.iter().map(|c| c.hash.clone()).collect();
                    }
                    What::Reports { .. } => of_reports(tx, &candidates, &mut pruning)?,
                }
                append_and_apply(tx, Entry::Pruning(Box::new(pruning.clone())))?;
                bytes::drop(tx, &pruning)?;
                return Ok(Prunable::of(what, &candidates));
            }
            Ok(Prunable::default())
        })
    }
}

/// As many as go in one transaction.
fn first(mut all: Vec<Candidate>, what: What) -> Vec<Candidate> {
    let mut room = BYTES;
    let n = match what {
        What::Profiles => PROFILES,
        What::Reports { .. } => all
            .iter()
            .take_while(|c| {
                let fits = room > 0;
                room = room.saturating_sub(c.bytes);
                fits
            })
            .count(),
    };
    all.truncate(n);
    all
}

/// Fills in the reports with their stubs, and the series that they leave empty. The reports are
/// taken out of the view on the way: which series that empties is seen there.
fn of_reports(
    tx: &Transaction<'_>,
    candidates: &[Candidate],
    pruning: &mut Pruning,
) -> rusqlite::Result<()> {
    let mut touched = std::collections::BTreeSet::new();
    for c in candidates {
        let Some(report) = bytes::report(tx, &c.hash)? else {
            continue;
        };
        pruning.reports.push(Pruned {
            report: c.hash.clone(),
            stub: digest(&bytes::stub(&Stub::of(&c.hash, &report))?),
        });
        touched.extend(series_of(&report));
    }
    take_out(tx, &pruning.reports)?;
    for key in touched {
        pruning.series.extend(empty(tx, &key)?);
    }
    Ok(())
}

/// The short names of a report's series.
fn series_of(report: &Report) -> impl Iterator<Item = String> {
    report.measurements.iter().map(|m| {
        let key = SeriesKey {
            benchmark: m.benchmark.clone(),
            metric: m.metric.clone(),
            counter: m.counter.clone(),
            fingerprint: report.testbed.fingerprint(&m.counter),
        };
        key.id()
    })
}
