//! What a history says about a series: its present level and its spread.

use crate::stats;

/// Fewer values than this say nothing about spread.
const LEAST: usize = 3;

/// Robust spread of a history around its level, relative to that level; 0 when unknown.
#[must_use]
pub(crate) fn relative_sigma(history: &[f64]) -> f64 {
    let v = stats::finite(history);
    if v.len() < LEAST {
        return 0.0;
    }
    let scale = stats::median(&v).unwrap_or(0.0).abs();
    let sigma = stats::difference_sigma(&v).unwrap_or(0.0);
    if scale > 0.0 { sigma / scale } else { 0.0 }
}

/// The points since the last change of level.
#[must_use]
pub(crate) fn present(history: &[f64]) -> Vec<f64> {
    stats::finite(history)
}
