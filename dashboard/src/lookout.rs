//! Looks at the store's counters: what pages are as of, and what tells listeners of news.
//!
//! Everybody who publishes the counters has read them under the same lock, so that what is
//! published only ever moves as the store does.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use collector::store::{Generation, Store};
use tokio::sync::watch;

/// Under load one look serves whoever comes within this time.
const GLANCE: Duration = Duration::from_millis(1);

/// A reader of its own, so that looking never waits for a page.
#[derive(Debug)]
pub(crate) struct Lookout {
    store: Mutex<(Store, Instant)>,
    generation: watch::Sender<Generation>,
}

impl Lookout {
    /// # Errors
    /// [`collector::error::Error::Store`] when the counters cannot be read.
    pub(crate) fn new(store: Store) -> collector::error::Result<Self> {
        let generation = watch::Sender::new(store.generation()?);
        Ok(Self {
            store: Mutex::new((store, Instant::now())),
            generation,
        })
    }

    /// The counters as last seen.
    pub(crate) fn seen(&self) -> Generation {
        *self.generation.borrow()
    }

    /// Those who want to hear when the counters move, or the server closes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Generation> {
        self.generation.subscribe()
    }

    /// Wakes whoever listens, though nothing moved.
    pub(crate) fn wake(&self) {
        self.generation.send_modify(|_| {});
    }

    /// The counters as they stand in the store, whoever wrote last, and whether they moved. Two rows
    /// by their key: some ten microseconds, away from the threads that serve requests.
    ///
    /// # Errors
    /// [`collector::error::Error::Store`] when they cannot be read.
    pub(crate) fn look(&self) -> collector::error::Result<(Generation, bool)> {
        let mut held = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        held.1 = Instant::now();
        let now = held.0.generation()?;
        let moved = self.generation.send_if_modified(|g| {
            let moved = *g != now;
            *g = now;
            moved
        });
        Ok((now, moved))
    }

    /// What was seen within the last millisecond, if anybody looked.
    pub(crate) fn glance(&self) -> Option<Generation> {
        let held = self.store.try_lock().ok()?;
        (held.1.elapsed() < GLANCE).then(|| self.seen())
    }
}
