//! What is worth reporting of a series: one floor for alerts, pages and the command line.

use crate::detect::Settings;
use crate::model::{Counter, Metric, NoiseClass, SeriesKey};

/// Of an exact instruction count: what the gate would let through is no news either.
const COUNTS: f64 = 0.005;
/// Of everything else.
const OTHERS: f64 = 0.02;

/// Changes below this fraction are left out: one that somebody asked for, or the series' own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Floor(pub Option<f64>);

impl Floor {
    /// How a series is searched.
    #[must_use]
    pub fn settings(self, key: &SeriesKey, noise: NoiseClass) -> Settings {
        let own = match (&key.metric, &key.counter) {
            (Metric::Instructions, Counter::Callgrind | Counter::PerfEvent) => COUNTS,
            _ => OTHERS,
        };
        Settings {
            relative_floor: self.0.unwrap_or(own),
            counted: noise.repeats(),
        }
    }

    /// The floor as a document shows it: that of counts, where none was asked for.
    #[must_use]
    pub fn shown(self) -> f64 {
        self.0.unwrap_or(COUNTS)
    }
}
