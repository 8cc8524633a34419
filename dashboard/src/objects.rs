//! What is known of the place outside the store's file where profiles are kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use collector::blobs::Shared;
use collector::format::sentence;

use crate::text;

/// What is known of the place where profiles are kept.
#[derive(Debug)]
pub(crate) struct Objects {
    /// What keeps them.
    pub(crate) place: Shared,
    /// Tries that failed since the start.
    failures: AtomicU64,
    /// When one failed last, and why; `None` once one succeeded after it.
    last: Mutex<Option<(i64, String)>>,
}

impl Objects {
    pub(crate) const fn new(place: Shared) -> Self {
        Self {
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
