//! How well a series can be watched, and whether it needs a look: from its row alone, so that all
//! of a store's series are judged without reading a point.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::detect::alerts::replay::WINDOW;
use crate::detect::gate::{Limit, Policy, Varies};
use crate::detect::steps::smallest_step;
use crate::history::Floor;
use crate::judge::{self, Newest};
use crate::store::SeriesState;

/// A series not measured for more commits than this is stale.
pub const STALE: u64 = 20;
/// Who cannot see a lasting step of this size (fraction) is blind.
pub const BLIND: f64 = 0.05;
/// A series whose noise takes its limit to more than so many times its floor is called noisy.
const NOISY: f64 = 2.0;

/// Why a series needs a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The newest measured commit gave no number of its benchmark, but a failure.
    Failing,
    /// It was not measured for more than [`STALE`] commits.
    Stale,
    /// Not even a lasting step of [`BLIND`] would be found.
    Blind,
    /// Its noise takes the gate's limit far above its floor.
    Noisy,
    /// A slope goes through it that comes to more than its floor.
    Drifting,
}

impl Trouble {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 5] = [
        Self::Failing,
        Self::Stale,
        Self::Blind,
        Self::Noisy,
        Self::Drifting,
    ];

    /// The word shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::Blind => "blind",
            Self::Noisy => "noisy",
            Self::Drifting => "drifting",
        }
    }
}

/// What would be noticed in a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    /// The smallest change that would stop the next commit, as the gate will have it.
    pub next: Limit,
    /// The smallest step (fraction) that the change finder would report once it has lasted
    /// [`LASTING`](crate::detect::steps::LASTING) commits.
    pub lasting: f64,
    /// How much its values vary (fraction), as the gate has it.
    pub varies: f64,
    /// How much calibration saw them vary (fraction).
    pub calibrated: f64,
    /// Whether that takes the limit far above its floor.
    is_noisy: bool,
}

impl Sight {
    /// What would be noticed in a series, under a configuration.
    #[must_use]
    pub fn of(config: &Config, series: &SeriesState) -> Self {
        let (row, key) = (&series.row, &series.row.key);
        let newest = Newest {
            benchmark: &key.benchmark,
            metric: &key.metric,
            counter: &key.counter,
            class: row.class,
            value: row.latest_value,
            spread: series.spread,
        };
        let next = judge::next_limit(config, &newest, series.varies);
        let (varies, calibrated) = variation(series);
        let (policy, _) = judge::policy(config, None, (&key.benchmark, &key.metric, &key.counter));
        let floor = Floor::default().settings(key, row.class).relative_floor;
        Self {
            next,
            lasting: smallest_step(noise(series), floor),
            varies,
            calibrated,
            is_noisy: policy.k_spread * varies.max(calibrated) > NOISY * policy.relative_floor,
        }
    }

    /// Why a series needs a look, the most urgent first; `newest` is the newest measured position,
    /// and `failing` whether its benchmark failed there.
    #[must_use]
    pub fn troubles(&self, series: &SeriesState, newest: u64, failing: bool) -> Vec<Trouble> {
        if failing && series.row.latest_position < newest {
            return vec![Trouble::Failing];
        }
        if newest.saturating_sub(series.row.latest_position) > STALE {
            return vec![Trouble::Stale];
        }
        let here = [
            (Trouble::Blind, self.lasting > BLIND),
            (Trouble::Noisy, self.is_noisy),
            (Trouble::Drifting, drift(series).is_some()),
        ];
        here.iter().filter(|(_, is)| *is).map(|(t, _)| *t).collect()
    }
}

/// How much a series varies around its levels (fraction), which is what hides its changes. What an
/// exact count varied by were real changes, and no noise.
#[must_use]
pub fn noise(series: &SeriesState) -> f64 {
    if series.row.class.repeats() {
        0.0
    } else {
        series.noise
    }
}

/// By how much a series varies, and calibration saw it vary, as far as the gate counts it.
fn variation(series: &SeriesState) -> (f64, f64) {
    let size = series.row.latest_value.abs();
    match series.varies {
        _ if series.row.class.repeats() => (0.0, series.spread),
        Varies::Relative(fraction) => (fraction, series.spread),
        Varies::Units(sigma) if size > 0.0 => (sigma / size, 0.0),
        Varies::Units(_) => (0.0, 0.0),
    }
}

/// What a series' slope comes to over the points that it was found in (fraction of the level);
/// `None` where that is less than its floor.
#[must_use]
pub fn drift(series: &SeriesState) -> Option<f64> {
    let key = &series.row.key;
    let points = usize::try_from(series.row.points).unwrap_or(usize::MAX);
    let steps = points.min(WINDOW).saturating_sub(1);
    let total = series.drift * steps as f64;
    let floor = Policy::for_series(&key.metric, &key.counter).relative_floor;
    (total.abs() > floor).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Counter, Metric, NoiseClass, SeriesKey, Sha};
    use crate::store::SeriesRow;

    fn series(class: NoiseClass, spread: f64, varies: f64) -> SeriesState {
        SeriesState {
            row: SeriesRow {
                id: 1,
                key: SeriesKey {
                    benchmark: "io/watch".into(),
                    metric: Metric::Instructions,
                    counter: Counter::Callgrind,
                    fingerprint: String::new(),
                },
                class,
                points: 100,
                latest_position: 100,
                latest_value: 1e6,
            },
            latest_sha: Sha(String::new()),
            latest_time: 0,
            kind: "noisy".into(),
            noise: varies,
            drift: 0.0,
            spread,
            varies: Varies::Relative(varies),
        }
    }

    fn troubles(s: &SeriesState, newest: u64, failing: bool) -> Vec<Trouble> {
        Sight::of(&Config::default(), s).troubles(s, newest, failing)
    }

    #[test]
    fn a_series_that_repeats_is_fine_whatever_its_changes_were() {
        let s = series(NoiseClass::Exact, 0.0, 0.3);
        let sight = Sight::of(&Config::default(), &s);
        assert!((sight.next.fraction - 0.005).abs() < 1e-12);
        assert!((sight.lasting - 0.005).abs() < 1e-12);
        assert_eq!(troubles(&s, 100, false), []);
    }

    #[test]
    fn noise_is_what_history_or_calibration_shows() {
        let quiet = series(NoiseClass::Threaded, 0.004, 0.004);
        assert_eq!(troubles(&quiet, 100, false), []);
        let calibrated = series(NoiseClass::Threaded, 0.09, 0.004);
        let sight = Sight::of(&Config::default(), &calibrated);
        assert!((sight.next.fraction - 1.75 * 0.09).abs() < 1e-12);
        assert_eq!(troubles(&calibrated, 100, false), [Trouble::Noisy]);
        let wild = series(NoiseClass::Threaded, 0.0, 0.04);
        assert_eq!(
            troubles(&wild, 100, false),
            [Trouble::Blind, Trouble::Noisy]
        );
    }

    #[test]
    fn a_limit_that_the_least_units_set_is_no_noise() {
        let mut tiny = series(NoiseClass::Exact, 0.0, 0.0);
        tiny.row.latest_value = 50.0;
        assert!((Sight::of(&Config::default(), &tiny).next.fraction - 0.2).abs() < 1e-12);
        assert_eq!(troubles(&tiny, 100, false), []);
    }

    #[test]
    fn a_slope_counts_by_what_it_comes_to() {
        let mut s = series(NoiseClass::Layout, 0.0, 0.001);
        s.drift = -0.000_04;
        assert_eq!(drift(&s), None);
        s.drift = -0.000_26;
        assert!(drift(&s).is_some_and(|d| (d + 0.000_26 * 99.0).abs() < 1e-12));
        assert_eq!(troubles(&s, 100, false), [Trouble::Drifting]);
    }

    #[test]
    fn what_is_not_measured_any_more_is_failing_or_stale() {
        let s = series(NoiseClass::Threaded, 0.5, 0.5);
        assert_eq!(troubles(&s, 101, true), [Trouble::Failing]);
        // A number came of it there, by another report.
        assert_ne!(troubles(&s, 100, true), [Trouble::Failing]);
        assert_eq!(troubles(&s, 121, false), [Trouble::Stale]);
        assert_ne!(troubles(&s, 120, false), [Trouble::Stale]);
    }
}
