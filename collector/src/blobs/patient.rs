//! A place that many readers ask: one that does not answer must not keep all of them waiting.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::blobs::{Blobs, Shared, Trouble};

/// After there was no answer, others are told so for this time without asking.
const REST: Duration = Duration::from_secs(3);

/// Reads, at most so many at once.
#[derive(Debug)]
pub struct Patient {
    inner: Shared,
    most: usize,
    reading: AtomicUsize,
    rests: Mutex<Option<(Instant, Trouble)>>,
}

/// Counts one reader while it lives.
struct Reader<'p>(&'p AtomicUsize);

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Patient {
    /// Lets at most so many ask at once.
    #[must_use]
    pub const fn new(inner: Shared, most: usize) -> Self {
        Self {
            inner,
            most,
            reading: AtomicUsize::new(0),
            rests: Mutex::new(None),
        }
    }

    fn enter(&self) -> Result<Reader<'_>, Trouble> {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, why)) = &*rests
            && since.elapsed() < REST
        {
            return Err(why.clone());
        }
        drop(rests);
        let before = self.reading.fetch_add(1, Ordering::SeqCst);
        let reader = Reader(&self.reading);
        if before < self.most {
            return Ok(reader);
        }
        Err(Trouble::Away(format!(
            "{}: {before} others wait for it already",
            self.inner.name()
        )))
    }

    fn note<T>(&self, done: Result<T, Trouble>) -> Result<T, Trouble> {
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        *rests = match &done {
            Err(why @ Trouble::Away(_)) => Some((Instant::now(), why.clone())),
            _ => None,
        };
        done
    }
}

impl Blobs for Patient {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn put(&self, hash: &str, bytes: &[u8]) -> Result<(), Trouble> {
        self.inner.put(hash, bytes)
    }

    fn get(&self, hash: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let _reader = self.enter()?;
        self.note(self.inner.get(hash))
    }

    fn remove(&self, hash: &str) -> Result<(), Trouble> {
        self.inner.remove(hash)
    }
}
