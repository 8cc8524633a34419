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

/// What the earlier values of a series say, found in them once.
#[derive(Clone, Debug)]
pub struct Past {
    /// Spread around the levels, relative to their size; 0 when unknown.
    noise: f64,
    /// The points since the last change of level, at most 200.
    present: Vec<f64>,
    /// Some values are 0 or negative.
    signed: bool,
}

impl Past {
    /// Of these values, in order.
    #[must_use]
    pub fn of(history: &[f64]) -> Self {
        let points = points(history);
        let found = Finder::new(Settings::default()).find(&points);
        let from = found.changes.last().map_or(0, |c| c.index as usize);
        let from = from.max(points.len().saturating_sub(PRESENT));
        Self {
            noise: if points.len() < LEAST {
                0.0
            } else {
                found.noise
            },
            present: points[from..].iter().map(|p| p.value).collect(),
            signed: history.iter().any(|x| *x <= 0.0),
        }
    }

    /// How far they vary.
    #[must_use]
    pub fn varies(&self) -> Varies {
        match self.signed {
            true => Varies::Units(self.sigma()),
            false => Varies::Relative(self.noise),
        }
    }

    /// Robust spread of the present level in units, whatever its sign; 0 when unknown.
    #[must_use]
    pub(crate) fn sigma(&self) -> f64 {
        if self.present.len() < LEAST {
            return 0.0;
        }
        stats::clipped_sigma(&residuals(&self.present)).unwrap_or(0.0)
    }

    /// The points since the last change of level, at most 200.
    #[must_use]
    pub(crate) fn present(&self) -> &[f64] {
        &self.present
    }
}

fn residuals(values: &[f64]) -> Vec<f64> {
    let middle = stats::median(values).unwrap_or(0.0);
    values.iter().map(|v| v - middle).collect()
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
