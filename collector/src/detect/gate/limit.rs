//! How far one benchmark may move, and which rule says so.

use crate::detect::gate::level::{self, Varies};
use crate::detect::gate::policy::Policy;
use crate::stats;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// How far a value may move, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// As a fraction of the base's size; infinite when the base is 0.
    pub fraction: f64,
    /// The same in the metric's unit.
    pub units: f64,
    /// Which rule set it, e.g. `0.50 %: floor for this metric`.
    pub why: String,
}

/// The limit of one measurement: the largest of floors and spreads.
///
/// `history` holds the series' values at earlier commits in order, across
/// accepted changes too (steps do not widen the spread: it is taken from the
/// residuals of all segments). `base` is the baseline's value, `spread` the
/// relative spread that calibration saw for this benchmark (0 for exact).
#[must_use]
pub fn limit(policy: &Policy, history: &[f64], base: f64, spread: f64) -> Limit {
    let varies = if base <= 0.0 {
        Varies::Units(level::sigma(history))
    } else {
        Varies::of(history)
    };
    limit_of(policy, varies, base, spread)
}

/// [`limit`] where how far the history varies is known already.
#[must_use]
pub fn limit_of(policy: &Policy, varies: Varies, base: f64, spread: f64) -> Limit {
    let size = base.abs();
    let calibrated = if spread.is_finite() {
        spread.max(0.0)
    } else {
        0.0
    };
    let absolute = format!("floor of {} {}", policy.absolute_floor, policy.unit);
    if !size.is_finite() {
        return unusable();
    }
    let noise = match varies {
        Varies::Relative(noise) if base > 0.0 => noise,
        Varies::Relative(noise) => return signed(policy, noise * size, size),
        Varies::Units(sigma) => return signed(policy, sigma, size),
    };
    let k = policy.k_spread;
    let rules = [
        (
            policy.relative_floor * size,
            "floor for this metric".to_owned(),
        ),
        (policy.absolute_floor, absolute),
        (
            k * noise * size,
            format!("{k} × the {} this series varies by", percent(noise)),
        ),
        (
            k * calibrated * size,
            format!("{k} × the {} seen in calibration", percent(calibrated)),
        ),
    ];
    // The first of the largest.
    let (units, why) = rules
        .iter()
        .fold(&rules[0], |a, b| if b.0 > a.0 { b } else { a });
    let units = *units;
    let fraction = units / size;
    Limit {
        fraction,
        units,
        why: format!("{}: {why}", percent(fraction)),
    }
}

/// The limit against no number.
fn unusable() -> Limit {
    Limit {
        fraction: f64::INFINITY,
        units: f64::INFINITY,
        why: "the base is not a number: nothing can be judged".to_owned(),
    }
}

/// The limit of values that may be 0 or negative, whose spread is no fraction of anything.
fn signed(policy: &Policy, sigma: f64, size: f64) -> Limit {
    let (k, unit) = (policy.k_spread, policy.unit.as_str());
    let rules = [
        (policy.absolute_floor, "floor for this metric".to_owned()),
        (
            policy.relative_floor * size,
            format!("{} of the base", percent(policy.relative_floor)),
        ),
        (
            k * sigma,
            format!(
                "{k} × the {} that this series varies by",
                in_units(sigma, unit)
            ),
        ),
    ];
    // The first of the largest.
    let (units, why) = rules
        .iter()
        .fold(&rules[0], |a, b| if b.0 > a.0 { b } else { a });
    let begin = if size == 0.0 { "the base is 0; " } else { "" };
    Limit {
        fraction: if size == 0.0 {
            f64::INFINITY
        } else {
            units / size
        },
        units: *units,
        why: format!("{begin}{}: {why}", in_units(*units, unit)),
    }
}

/// A number with its unit, four digits at most.
fn in_units(x: f64, unit: &str) -> String {
    format!("{} {unit}", crate::format::digits(x))
        .trim_end()
        .to_owned()
}

/// A fraction as people read it: `0.50 %`, `12 %`.
fn percent(fraction: f64) -> String {
    let p = fraction * 100.0;
    let mut s = String::new();
    let digits = if p >= 10.0 {
        0
    } else if p >= 0.1 || p == 0.0 {
        2
    } else {
        4
    };
    // Writing to a String cannot fail.
    let _ = write!(s, "{p:.digits$} %");
    s
}

/// The value that one sample of head is screened against.
///
/// For a series that varies, the base commit's own sample is as noisy as head's:
/// judging one by the other would raise three times as many suspicions and still
/// miss a quarter of 3-sigma steps. So it is the level of the series since its
/// last change, unless the base itself lies further from that than the limit.
#[must_use]
pub fn expected(history: &[f64], base: f64, limit: &Limit) -> f64 {
    match stats::median(&level::present(history)) {
        Some(level) if (level - base).abs() <= limit.units => level,
        _ => base,
    }
}
