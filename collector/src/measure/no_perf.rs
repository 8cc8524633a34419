//! Hardware counters where there is no `perf_event_open(2)`: none.

use super::env::Pins;
use super::error::RunError;
use super::job::{Job, Session};

/// What one iteration cost.
pub(super) struct Samples {
    pub(super) warm: Vec<f64>,
    pub(super) cold: Option<f64>,
}

/// Why instructions cannot be counted by hardware.
#[must_use]
pub fn unavailable() -> Option<String> {
    Some("hardware counters are read on Linux alone".into())
}

/// Counts nothing.
pub(super) fn instructions(
    _session: &Session,
    _job: &Job,
    _pins: Pins,
) -> Result<Samples, RunError> {
    Err(RunError::ours("hardware counters are read on Linux alone"))
}
