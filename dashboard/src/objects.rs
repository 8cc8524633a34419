//! What is known of the place outside the store's file where profiles are kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use collector::blobs::{Patient, Shared};
use collector::error::Result;
use collector::format::sentence;
use collector::remote::objects;
use collector::store::{Kept, Store};

use crate::text;

/// Readers that wait at once for profiles outside the store: pages without one go on.
const FETCHING: usize = 3;

/// What is known of the place where profiles are kept.
#[derive(Debug)]
pub(crate) struct Objects {
    /// Where that is.
    pub(crate) kept: Kept,
    /// What keeps them.
    pub(crate) place: Shared,
    /// What readers see of it.
    pub(crate) fetching: Shared,
    /// Tries that failed since the start.
    failures: AtomicU64,
    /// When one failed last, and why; `None` once one succeeded after it.
    last: Mutex<Option<(i64, String)>>,
}

impl Objects {
    /// Of a store, where it has them elsewhere. Nothing is asked there yet.
    pub(crate) fn of(store: &Store) -> Result<Option<Arc<Self>>> {
        let kept = store.place()?;
        Ok(kept.map(|kept| Arc::new(Self::at(kept))))
    }

    fn at(kept: Kept) -> Self {
        let place = objects::open(&kept.whole());
        Self {
            kept,
            fetching: Arc::new(Patient::new(place.clone(), FETCHING)),
            place,
            failures: AtomicU64::new(0),
            last: Mutex::new(None),
        }
    }

    pub(crate) fn failed(&self, why: &str) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        let why = sentence(why, 300);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none() || before == 0 {
            tracing::warn!(why, "profiles wait to be moved");
        }
        *last = Some((text::now(), why));
    }

    pub(crate) fn succeeded(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn last(&self) -> Option<(i64, String)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}
