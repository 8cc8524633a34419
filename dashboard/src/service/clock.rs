//! The clock of the queue.

/// Milliseconds since 1970-01-01 UTC by the clock of the machine that has the queue: no collector's
/// clock decides anything.
pub(super) fn clock() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
