//! The grid that values lie on: a clock's tick, whole milliseconds, two decimals.

/// Ticks of 1, .1, … Finer grids than six decimals are no ticks.
const PER_UNIT: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Rounding of decimal numbers in binary, as a share of a tick.
const OFF: f64 = 1e-6;

/// The tick of some values: 1 or the power of ten below it that all of them are multiples of;
/// 0 where there is none.
///
/// Coarser grids are not looked for: 1e6 and 2e6 are two counts, not two ticks.
pub(crate) fn tick(y: &[f64]) -> f64 {
    let on = |scale: f64| {
        y.iter().all(|v| {
            let t = v * scale;
            (t - nearest(t)).abs() <= OFF
        })
    };
    PER_UNIT
        .into_iter()
        .find(|scale| on(*scale))
        .map_or(0.0, f64::recip)
}

/// 1.5 × 2⁵²: from here to twice as far an `f64` has no bits for what is behind the point.
const NO_FRACTION: f64 = 6_755_399_441_055_744.0;

/// A whole number nearest to `t`, mostly without a call of the mathematical library: every noisy
/// series is asked seven times. Adding rounds (Muller et al., *Handbook of Floating-Point
/// Arithmetic*, §4.4).
fn nearest(t: f64) -> f64 {
    if t.abs() < NO_FRACTION / 4.0 {
        (t + NO_FRACTION) - NO_FRACTION
    } else {
        t.round()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    #[test]
    fn the_nearest_is_as_near_as_the_rounded() {
        let mut g = SplitMix64::new(6);
        let mut any = |i: i32| (g.next_f64() - 0.5) * 2_f64.powi(i % 60);
        let ends = [0.0, 0.5, 1.5, -2.5, 0.499_999_999_999_999_94, f64::INFINITY];
        for t in (0..6_000).map(&mut any).chain(ends) {
            let apart = |whole: f64| (t - whole).abs().to_bits();
            assert_eq!(apart(nearest(t)), apart(t.round()), "{t}");
        }
    }
}
