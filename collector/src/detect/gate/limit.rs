//! How far one benchmark may move, and which rule says so.

use crate::detect::gate::level::{Past, Varies};
use crate::detect::gate::policy::Policy;
use crate::detect::gate::ruling::{Rule, Ruling};
use crate::stats;

/// How far a value may move, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// As a fraction of the base's size; infinite when the base is 0.
    pub fraction: f64,
    /// The same in the metric's unit.
    pub units: f64,
    /// Which rule set it, e.g. `0.50 %: floor for this metric`.
    pub why: Ruling,
}

/// The limit of one measurement: the largest of floors and spreads.
///
/// `past` is of the series' values at earlier commits in order, across
/// accepted changes too (steps do not widen the spread: it is taken from the
/// residuals of all segments). `base` is the baseline's value, `spread` the
/// relative spread that calibration saw for this benchmark (0 for exact).
#[must_use]
pub fn limit(policy: &Policy, past: &Past, base: f64, spread: f64) -> Limit {
    let varies = if base <= 0.0 {
        Varies::Units(past.sigma())
    } else {
        past.varies()
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
    if !size.is_finite() {
        return unusable();
    }
    let noise = match varies {
        Varies::Relative(noise) if base > 0.0 => noise,
        Varies::Relative(noise) => return signed(policy, noise * size, size),
        Varies::Units(sigma) => return signed(policy, sigma, size),
    };
    let k = policy.k_spread;
    let floor = Rule::AbsoluteFloor {
        floor: policy.absolute_floor,
    };
    let (units, rule) = largest([
        (policy.relative_floor * size, Rule::Floor),
        (policy.absolute_floor, floor),
        (
            k * noise * size,
            Rule::Varies {
                times: k,
                by: noise,
            },
        ),
        (
            k * calibrated * size,
            Rule::Calibration {
                times: k,
                by: calibrated,
            },
        ),
    ]);
    let fraction = units / size;
    Limit {
        fraction,
        units,
        why: Ruling {
            rule,
            share: Some(fraction),
            units: Some(units),
            unit: policy.unit.clone(),
            from_zero: false,
        },
    }
}

/// The first of the largest limits, with its rule.
fn largest<const N: usize>(rules: [(f64, Rule); N]) -> (f64, Rule) {
    let mut rules = rules.into_iter();
    let first = rules.next().unwrap_or((f64::INFINITY, Rule::NoNumber));
    rules.fold(first, |a, b| if b.0 > a.0 { b } else { a })
}

/// The limit against no number.
fn unusable() -> Limit {
    Limit {
        fraction: f64::INFINITY,
        units: f64::INFINITY,
        why: Ruling::no_number(),
    }
}

/// The limit of values that may be 0 or negative, whose spread is no fraction of anything.
fn signed(policy: &Policy, sigma: f64, size: f64) -> Limit {
    let k = policy.k_spread;
    let of_base = Rule::OfBase {
        part: policy.relative_floor,
    };
    let (units, rule) = largest([
        (policy.absolute_floor, Rule::Floor),
        (policy.relative_floor * size, of_base),
        (
            k * sigma,
            Rule::Varies {
                times: k,
                by: sigma,
            },
        ),
    ]);
    let from_zero = size == 0.0;
    Limit {
        fraction: if from_zero {
            f64::INFINITY
        } else {
            units / size
        },
        units,
        why: Ruling {
            rule,
            share: None,
            units: Some(units),
            unit: policy.unit.clone(),
            from_zero,
        },
    }
}

/// The value that one sample of head is screened against.
///
/// For a series that varies, the base commit's own sample is as noisy as head's:
/// judging one by the other would raise three times as many suspicions and still
/// miss a quarter of 3-sigma steps. So it is the level of the series since its
/// last change, unless the base itself lies further from that than the limit.
#[must_use]
pub fn expected(past: &Past, base: f64, limit: &Limit) -> f64 {
    match stats::median(past.present()) {
        Some(level) if (level - base).abs() <= limit.units => level,
        _ => base,
    }
}
