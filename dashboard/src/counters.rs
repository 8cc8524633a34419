//! What is counted for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) builds: AtomicU64,
    pub(crate) not_modified: AtomicU64,
    pub(crate) reports: AtomicU64,
    pub(crate) listeners: AtomicU64,
    pub(crate) sent: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
