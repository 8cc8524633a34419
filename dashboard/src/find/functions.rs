//! The functions in the profiles of what is open. They lie in blobs, one for each benchmark and
//! commit: so they are read ahead, away from whoever searches, and of open changes alone.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use collector::detect::Kind;
use collector::explain;
use collector::model::{Report, Sha};
use collector::profile::Profile;
use collector::store::{Event, Store};

use crate::error::Fail;
use crate::find::holds;

/// Open changes whose profiles are read, the newest.
const CHANGES: usize = 40;
/// Functions that are kept.
const MOST: usize = 20_000;

/// A function that stands in the profile of an open change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) benchmark: String,
    /// The series that changed, and the measured commits that it did so between.
    pub(crate) series: String,
    pub(crate) base: Sha,
    pub(crate) head: Sha,
}

/// The functions as they were read last, with the changes that they are of.
#[derive(Debug, Default)]
pub(crate) struct Functions(Mutex<(Vec<String>, Arc<Vec<Function>>)>);

impl Functions {
    /// Those that hold every word, at most so many.
    pub(crate) fn holding(&self, words: &[String], most: usize) -> Vec<Function> {
        let all = self.lock().1.clone();
        let found = all.iter().filter(|f| holds(&f.name, words));
        found.take(most).cloned().collect()
    }

    /// Reads them anew where others are open than before. Gives whether it did.
    pub(crate) fn refresh(&self, store: &Store) -> Result<bool, Fail> {
        let mut open = store.open_events(CHANGES)?;
        let ids: Vec<String> = open.iter().map(|e| e.reported.id.clone()).collect();
        if self.lock().0 == ids {
            return Ok(false);
        }
        let size = |e: &Event| e.reported.event.change.change.abs();
        open.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let all = Arc::new(read(store, &open)?);
        *self.lock() = (ids, all);
        Ok(true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<String>, Arc<Vec<Function>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each once, of the largest change that has it.
fn read(store: &Store, open: &[Event]) -> Result<Vec<Function>, Fail> {
    let (mut seen, mut out) = (BTreeSet::new(), Vec::new());
    let mut report = None;
    for e in open {
        let c = &e.reported.event.change;
        let at = |position: i64| position.max(0).cast_unsigned();
        let base = store.commits(at(c.first), 1)?.pop();
        let head = store.commits(at(c.last).saturating_add(1), 1)?.pop();
        let (Some(base), Some(head)) = (base, head) else {
            continue;
        };
        if c.kind == Kind::Drift || out.len() >= MOST {
            continue;
        }
        let key = &e.series.key;
        for name in names(store, &mut report, (&head.sha, &key.benchmark)) {
            if seen.insert(name.clone()) {
                out.push(Function {
                    name,
                    benchmark: key.benchmark.clone(),
                    series: key.id(),
                    base: base.sha.clone(),
                    head: head.sha.clone(),
                });
            }
        }
    }
    Ok(out)
}

/// The functions of a benchmark at a commit, of whole stacks or of the table that counting leaves.
/// What cannot be read has none; its own page says why.
fn names(
    store: &Store,
    report: &mut Option<Report>,
    (sha, benchmark): (&Sha, &str),
) -> Vec<String> {
    let stacks = store.any_stacks(sha, benchmark).ok().flatten();
    if let Some(profile) = stacks.and_then(|bytes| Profile::decode(&bytes).ok()) {
        return profile.frames.into_iter().map(|f| f.name).collect();
    }
    if report.as_ref().is_none_or(|r| r.commit.sha != *sha) {
        *report = store.any_report_of(sha).ok().flatten();
    }
    let table = report
        .as_ref()
        .and_then(|r| explain::table(store, r, benchmark).ok().flatten());
    table.into_iter().flatten().map(|(name, _)| name).collect()
}
