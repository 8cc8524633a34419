//! How the projects of a server stand, each as long as nothing comes in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use collector::store::Generation;

use crate::pages::summary::Summary;

/// What a summary is of: the counters of its store, and the day, on which what is snoozed comes
/// back.
pub(super) type Seen = (Generation, String);

/// How the projects stood when somebody asked last.
#[derive(Debug, Default)]
pub(super) struct Summaries(Mutex<BTreeMap<String, (Seen, Arc<Summary>)>>);

impl Summaries {
    pub(super) fn kept(&self, name: &str, seen: &Seen) -> Option<Arc<Summary>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, summary) = all.get(name)?;
        (of == seen).then(|| summary.clone())
    }

    pub(super) fn forget(&self, name: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(name);
    }

    pub(super) fn keep(&self, name: &str, seen: Seen, summary: &Arc<Summary>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.into(), (seen, summary.clone()));
    }
}
