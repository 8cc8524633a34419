//! What a history says about a series: its present level and its spread.

use serde::{Deserialize, Serialize};

use crate::detect::{Finder, Point, Settings};
use crate::stats;

/// Fewer values than this say nothing about spread.
const LEAST: usize = 3;
/// Points of the present level that a new one is compared with; older ones drift away.
const PRESENT: usize = 200;

/// How far the earlier values of a series vary around its levels; 0 when unknown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Varies {
    /// As a fraction of those levels.
    Relative(f64),
    /// In units: some values are 0 or negative, and no fraction of those means anything.
    Units(f64),
}

impl Varies {
    /// Of these values.
    #[must_use]
    pub fn of(history: &[f64]) -> Self {
        if history.iter().any(|x| *x <= 0.0) {
            Self::Units(sigma(history))
        } else {
            Self::Relative(relative_sigma(history))
        }
    }
}

/// Robust spread of a history around its levels, relative to their size; 0 when unknown.
#[must_use]
pub(crate) fn relative_sigma(history: &[f64]) -> f64 {
    if history.len() < LEAST {
        return 0.0;
    }
    Finder::default().find(&points(history)).noise
}

/// Robust spread of the present level in units, whatever its sign; 0 when unknown.
#[must_use]
pub(crate) fn sigma(history: &[f64]) -> f64 {
    let present = present(history);
    if present.len() < LEAST {
        return 0.0;
    }
    stats::clipped_sigma(&residuals(&present)).unwrap_or(0.0)
}

fn residuals(values: &[f64]) -> Vec<f64> {
    let middle = stats::median(values).unwrap_or(0.0);
    values.iter().map(|v| v - middle).collect()
}

/// The points since the last change of level, at most 200.
#[must_use]
pub(crate) fn present(history: &[f64]) -> Vec<f64> {
    let points = points(history);
    let found = Finder::new(Settings::default()).find(&points);
    let from = found.changes.last().map_or(0, |c| c.index as usize);
    let from = from.max(points.len().saturating_sub(PRESENT));
    points[from..].iter().map(|p| p.value).collect()
}

fn points(history: &[f64]) -> Vec<Point> {
    let values = stats::finite(history);
    values
        .into_iter()
        .enumerate()
        .map(|(i, value)| Point {
            index: i as i64,
            value,
        })
        .collect()
}
