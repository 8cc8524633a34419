//! The grid that values lie on: a clock's tick, whole milliseconds, two decimals.

/// Finer grids than this many decimals are no ticks.
const DECIMALS: i32 = 6;
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
            (t - t.round()).abs() <= OFF
        })
    };
    (0..=DECIMALS)
        .map(|d| 10_f64.powi(d))
        .find(|scale| on(*scale))
        .map_or(0.0, f64::recip)
}
