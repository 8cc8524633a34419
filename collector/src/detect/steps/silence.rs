//! Why nothing is reported of a series.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::detect::steps::classify::{Class, YOUNG};
use crate::detect::steps::modes::Modes;
use crate::detect::steps::smallest::smallest_step;
use crate::detect::steps::ticks;
use crate::stats;

/// What keeps changes of a series from being seen, if it shows none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Silence {
    /// It has too few commits.
    TooShort {
        /// Commits that are missing.
        more: usize,
    },
    /// It drifts through and through.
    Drifting {
        /// Per commit, as a fraction of the level.
        slope: f64,
    },
    /// Two kinds of run alternate.
    Modes {
        /// Their distance as a fraction of the level.
        distance: f64,
    },
    /// Its values are whole ticks of a coarse clock.
    Ticks {
        /// The tick, in the metric's unit.
        tick: f64,
        /// The same as a fraction of the level.
        share: f64,
    },
    /// It varies too much for smaller steps.
    TooNoisy {
        /// The [`smallest_step`] that would be found, as a fraction.
        least: f64,
    },
}

/// A tick below this share of the level is no hindrance.
const COARSE: f64 = 0.01;
/// Noise of so many ticks hides them.
const HIDDEN: f64 = 1.5;

impl Silence {
    /// Why a series without changes has none to show; `None` where it simply did not change.
    ///
    /// `noise` and `drift`: as fractions of the level; `floor` as in
    /// [`Settings::relative_floor`](super::Settings).
    #[must_use]
    pub fn of(y: &[f64], class: Class, (noise, drift): (f64, f64), floor: f64) -> Option<Self> {
        silence(y, class, (noise, drift), floor)
    }
}

fn silence(y: &[f64], class: Class, (noise, drift): (f64, f64), floor: f64) -> Option<Silence> {
    if class == Class::Young {
        return Some(Silence::TooShort {
            more: YOUNG.saturating_sub(y.len()),
        });
    }
    if noise <= 0.0 {
        return None;
    }
    if drift != 0.0 {
        return Some(Silence::Drifting { slope: drift });
    }
    let level = stats::median(y).unwrap_or(0.0).abs();
    let share = |x: f64| if level > 0.0 { x / level } else { 0.0 };
    let tick = ticks::tick(y);
    if share(tick) >= COARSE && noise <= HIDDEN * share(tick) {
        return Some(Silence::Ticks {
            tick,
            share: share(tick),
        });
    }
    if let Some(modes) = Modes::of(y) {
        return Some(Silence::Modes {
            distance: share(modes.distance),
        });
    }
    Some(Silence::TooNoisy {
        least: smallest_step(noise, floor),
    })
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |x: f64| format!("{:.2} %", 100.0 * x);
        match self {
            Self::TooShort { more: 1 } => f.write_str("too short: 1 more commit"),
            Self::TooShort { more } => write!(f, "too short: {more} more commits"),
            Self::Drifting { slope } => write!(f, "drifts by {} a commit", percent(*slope)),
            Self::Modes { distance } => {
                write!(f, "two levels {} apart alternate", percent(*distance))
            }
            Self::Ticks { tick, share } => {
                write!(f, "ticks of {tick} are {} of the value", percent(*share))
            }
            Self::TooNoisy { least } => {
                write!(f, "too noisy for lasting steps below {}", percent(*least))
            }
        }
    }
}

#[cfg(test)]
mod tests {

    use crate::detect::{Finder, Point, Settings};

    fn why(y: impl Iterator<Item = f64>) -> String {
        let point = |(index, value)| Point { index, value };
        let points: Vec<Point> = (0..).zip(y).map(point).collect();
        let findings = Finder::new(Settings::default()).find(&points);
        findings.silence.map_or_else(String::new, |s| s.to_string())
    }

    #[test]
    fn each_reason_is_said() {
        let noise = |i: u32| f64::from(i * 7919 % 101) / 101.0;
        assert_eq!(why((0..5).map(noise)), "too short: 3 more commits");
        assert_eq!(why((0..50).map(|_| 7.0)), "");
        let noisy = why((0..200).map(|i| 100.0 + 10.0 * noise(i)));
        assert!(
            noisy.starts_with("too noisy for lasting steps below"),
            "{noisy}"
        );
        let modes = why((0..90).map(|i| 100.0 + noise(i) + if i % 3 == 0 { 20.0 } else { 0.0 }));
        assert!(modes.starts_with("two levels 19."), "{modes}");
        let ticks = why((0..90).map(|i| 8.0 + (2.0 * noise(i)).round()));
        assert!(ticks.starts_with("ticks of 1 are"), "{ticks}");
        let drift = why((0..300).map(|i| 100.0 + 2.0 * noise(i) + 0.02 * f64::from(i)));
        assert!(drift.starts_with("drifts by 0.02 %"), "{drift}");
    }
}
