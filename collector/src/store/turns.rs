//! Who goes first where two threads of a process write one file.
//!
//! SQLite has no queue: whoever waits for its lock looks again every tenth of a second, and a thread
//! that takes it anew as soon as it gave it up is hardly ever found without. So whoever derives stands
//! behind whoever appends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a part of deriving waits for those who append: longer than SQLite's longest pause between
/// two looks. Beyond it goes on, so that it ends though somebody always appends.
pub(in crate::store) const PAUSE: Duration = Duration::from_millis(150);
/// Between two looks at who waits.
const LOOK: Duration = Duration::from_millis(1);

/// How many wait to append to a file, or do so.
#[derive(Clone, Debug, Default)]
pub struct Appending(Arc<AtomicUsize>);

/// One who waits; dropped once all of it is appended.
#[derive(Debug)]
pub struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Appending {
    /// One more who waits.
    #[must_use]
    pub fn one_more(&self) -> Waits {
        self.0.fetch_add(1, Ordering::SeqCst);
        Waits(self.0.clone())
    }

    /// Lets those go first who wait.
    pub(in crate::store) fn let_by(&self) {
        let begin = Instant::now();
        while self.0.load(Ordering::SeqCst) > 0 && begin.elapsed() < PAUSE {
            std::thread::sleep(LOOK);
        }
    }
}
