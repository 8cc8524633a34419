//! The documents of `changes --csv` and `replay --csv`.

use serde::{Deserialize, Serialize};

use crate::detect::alerts::estimate;
use crate::detect::alerts::replay::{Flag, Replay};
use crate::detect::csv::Series;
use crate::detect::steps::finder::{Change, Finder, Findings, STUCK, Settings};
use crate::detect::{Class, Point, Silence};

/// `uptick.changes/1`: the steps found in any CSV of series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// [`Changes::SCHEMA`].
    pub schema: String,
    /// One entry per series, in the order of the input.
    pub series: Vec<SeriesChanges>,
}

/// The changes of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesChanges {
    /// Its name.
    pub name: String,
    /// Commits measured.
    pub points: usize,
    /// Rows left out because their value was not finite.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// Rows that repeat an index: the median of an index counts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated: usize,
    /// What kind of series it is.
    pub class: Class,
    /// How much it varies around its levels (fraction).
    pub noise: f64,
    /// Drift per point beside the changes (fraction); 0 for none.
    pub drift: f64,
    /// The longest run of identical values, where a noisy series has 20 or more: is it stuck?
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stuck: usize,
    /// Ascending by index; `index` is the first point of the new level.
    pub changes: Vec<Change>,
    /// Why it shows none, if it shows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Silence>,
}

/// `uptick.replay/1`: what would have been said at each commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// [`Replayed::SCHEMA`].
    pub schema: String,
    /// One entry per series, in the order of the input.
    pub series: Vec<SeriesFlags>,
}

/// The flags of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesFlags {
    /// Its name.
    pub name: String,
    /// Commits measured.
    pub points: usize,
    /// In the order in which they would have been raised.
    pub flags: Vec<Flag>,
    /// Expected false alarms per 1000 points, where they were estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_alarms: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(x: &usize) -> bool {
    *x == 0
}

impl Changes {
    /// The schema name of this version.
    pub const SCHEMA: &'static str = "uptick.changes/1";

    /// Searches every series.
    #[must_use]
    pub fn of(series: &[Series], settings: Settings) -> Self {
        let mut finder = Finder::new(settings);
        let series = series
            .iter()
            .map(|s| entry(s, finder.find(&s.points)))
            .collect();
        Self {
            schema: Self::SCHEMA.to_owned(),
            series,
        }
    }
}

fn entry(s: &Series, f: Findings) -> SeriesChanges {
    SeriesChanges {
        name: s.name.clone(),
        points: s.points.len(),
        left_out: s.left_out,
        repeated: s.repeated,
        class: f.class,
        noise: f.noise,
        drift: f.drift,
        stuck: if f.stuck >= STUCK { f.stuck } else { 0 },
        changes: f.changes,
        silence: f.silence,
    }
}

impl Replayed {
    /// The schema name of this version.
    pub const SCHEMA: &'static str = "uptick.replay/1";

    /// Replays every series.
    #[must_use]
    pub fn of(series: &[Series], settings: Settings) -> Self {
        let series = series
            .iter()
            .map(|s| flags(&s.name, &s.points, settings))
            .collect();
        Self {
            schema: Self::SCHEMA.to_owned(),
            series,
        }
    }

    /// Adds each series' expected false alarms. `series` as given to [`Replayed::of`].
    pub fn estimate(&mut self, series: &[Series], settings: Settings) {
        for (seed, (entry, s)) in (0..).zip(self.series.iter_mut().zip(series)) {
            let rate = estimate::false_alarms(&s.points, settings, ESTIMATE_ROUNDS, seed);
            entry.false_alarms = Some(rate);
        }
    }
}

/// Shuffles per series: 3 × 500 commits see a rate of 1 per 1000 more often than not.
const ESTIMATE_ROUNDS: usize = 3;

fn flags(name: &str, points: &[Point], settings: Settings) -> SeriesFlags {
    let mut finder = Finder::new(settings);
    let mut replay = Replay::new(settings);
    let flags = points
        .iter()
        .flat_map(|p| replay.push(&mut finder, *p))
        .collect();
    SeriesFlags {
        name: name.to_owned(),
        points: points.len(),
        flags,
        false_alarms: None,
    }
}
