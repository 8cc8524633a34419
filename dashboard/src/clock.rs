//! The clock of the queue.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the clock of the shared log said, and when; nothing where there is none.
static SHARED: Mutex<Option<(Instant, i64)>> = Mutex::new(None);

/// Milliseconds since 1970-01-01 UTC by the clock of the machine that has the queue: no collector's
/// clock decides anything. Of several nodes none has it, but their database; between two looks at
/// its clock the time goes on by this machine's monotonic one.
pub(crate) fn clock() -> i64 {
    let shared = *SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    match shared {
        Some((at, millis)) => millis.saturating_add(in_millis(at.elapsed())),
        None => jiff::Timestamp::now().as_millisecond(),
    }
}

/// The same in seconds.
pub(crate) fn seconds() -> i64 {
    clock().div_euclid(1_000)
}

/// Notes what time it was in the shared log.
pub(crate) fn set(at: Instant, millis: i64) {
    *SHARED.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, millis));
}

fn in_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
