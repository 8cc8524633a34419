//! Looks at the store's counters: what pages are as of, and what tells listeners of news.
//!
//! Everybody who publishes the counters has read them under the same lock, so that what is
//! published only ever moves as the store does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use collector::store::{Generation, Store};
use tokio::sync::watch;

/// Under load one look serves whoever comes within this time.
const GLANCE: Duration = Duration::from_millis(2);
/// Whoever comes after this time has the next look begun, so that nobody waits for it.
const YOUNG: Duration = Duration::from_millis(1);
/// Counters of before that are remembered: more than a busy store goes through in a second.
const PAST: usize = 64;

/// A reader of its own, so that looking never waits for a page.
#[derive(Debug)]
pub(crate) struct Lookout {
    held: Mutex<Held>,
    generation: watch::Sender<Generation>,
    began: Instant,
    /// Microseconds from `began` to the last look that is published.
    published: AtomicU64,
    /// Held by the request that looks; who waits for it needs no look of its own.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What a look of a moment ago saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    pub(crate) seen: Generation,
    /// Whether another look is due.
    pub(crate) is_due: bool,
}

#[derive(Debug)]
struct Held {
    store: Store,
    /// When the store was last looked at.
    looked: Instant,
    /// Counters of before, each with when it was last seen to be the store's, newest last.
    past: VecDeque<(Generation, Instant)>,
}

impl Lookout {
    /// # Errors
    /// [`collector::error::Error::Store`] when the counters cannot be read.
    pub(crate) fn new(store: Store) -> collector::error::Result<Self> {
        let generation = watch::Sender::new(store.generation()?);
        Ok(Self {
            held: Mutex::new(Held {
                store,
                looked: Instant::now(),
                past: VecDeque::with_capacity(PAST),
            }),
            generation,
            began: Instant::now(),
            published: AtomicU64::new(0),
            turn: Arc::default(),
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
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = (self.seen(), held.looked);
        let looking = Instant::now();
        let now = held.store.generation()?;
        held.looked = looking;
        let moved = self.generation.send_if_modified(|g| {
            let moved = *g != now;
            *g = now;
            moved
        });
        if moved {
            if held.past.len() == PAST {
                held.past.pop_front();
            }
            held.past.push_back(before);
        }
        let at = micros(looking.saturating_duration_since(self.began));
        self.published.store(at, Ordering::Release);
        Ok((now, moved))
    }

    /// What was seen a moment ago, if anybody looked.
    pub(crate) fn glance(&self) -> Option<Glance> {
        let at = self.published.load(Ordering::Acquire);
        let age = micros(self.began.elapsed()).saturating_sub(at);
        (age < micros(GLANCE)).then(|| Glance {
            seen: self.seen(),
            is_due: age >= micros(YOUNG),
        })
    }

    /// The right to look: one looks at a time, and whoever had to wait glances once more.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The same, if nobody looks now.
    pub(crate) fn turn_now(&self) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        self.turn.clone().try_lock_owned().ok()
    }

    /// When these counters were last seen to be the store's; `None` where that is long ago.
    pub(crate) fn stood(&self, at: Generation) -> Option<Instant> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.seen() == at {
            return Some(held.looked);
        }
        let then = held.past.iter().rfind(|(g, _)| *g == at);
        then.map(|(_, looked)| *looked)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn counters_stood_until_the_last_look_that_saw_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let mut store = Store::open(&path).unwrap();
        let lookout = Lookout::new(Store::open_existing(&path).unwrap()).unwrap();
        let mut put = |n: u64| {
            store.put(&fixture::report(n, n as f64), &[]).unwrap();
        };
        put(1);
        let (first, _) = lookout.look().unwrap();
        let seen = Instant::now();
        put(2);
        let written = Instant::now();
        let (second, moved) = lookout.look().unwrap();
        assert!(moved && second != first);
        assert!(lookout.stood(first).unwrap() <= seen);
        assert!(lookout.stood(second).unwrap() >= written);
        let unknown = Generation {
            data: u64::MAX,
            ..second
        };
        assert_eq!(lookout.stood(unknown), None);
    }
}
