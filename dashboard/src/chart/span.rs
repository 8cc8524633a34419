//! What an axis spans. Values come from outside: whatever they are, the span is finite, not empty,
//! and wide enough for its ticks to be told apart.

use std::ops::Range;

/// Beyond this differences and a little air still are numbers.
const MOST: f64 = 1e300;
/// Ticks closer than this share of their value could not be told apart.
const LEAST: f64 = 1e-9;

/// A value that can be drawn.
pub(super) fn bounded(v: f64) -> f64 {
    if v.is_nan() {
        0.0
    } else {
        v.clamp(-MOST, MOST)
    }
}

/// The least and the greatest of some values; `None` of none.
pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.map(bounded).fold(None, |ends, v| {
        let (low, high) = ends.unwrap_or((v, v));
        Some((low.min(v), high.max(v)))
    })
}

/// The span with `share` of itself as air on both sides, and no less than `least`.
pub(super) fn aired((low, high): (f64, f64), share: f64, least: f64) -> Range<f64> {
    let size = low.abs().max(high.abs());
    let air = ((high - low) * share).max(least).max(size * LEAST);
    low - air..high + air
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_finite_and_not_empty_whatever_the_values_are() {
        let odd = [
            0.0,
            1.0,
            -1.0,
            1e-320,
            f64::MAX,
            f64::MIN,
            4.6e18,
            f64::INFINITY,
        ];
        for a in odd {
            for b in odd {
                let span = aired(of([a, b].into_iter()).unwrap_or_default(), 0.1, 1e-9);
                let size = span.start.abs().max(span.end.abs());
                let width = span.end - span.start;
                assert!(
                    width.is_finite() && width > size * 1e-10,
                    "{a} {b}: {span:?}"
                );
            }
        }
        assert_eq!(of(std::iter::empty()), None);
    }
}
