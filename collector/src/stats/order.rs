//! Sorting and selecting floats by whole numbers that have the same order.
//!
//! Comparing two whole numbers is one instruction, where [`f64::total_cmp`] brings both of its
//! operands into that form first, at each of the n log n comparisons.

/// A whole number for each float, in the order of [`f64::total_cmp`]: there the sign bit turns the
/// order of all other bits around.
#[must_use]
pub fn key(x: f64) -> i64 {
    turned(x.to_bits().cast_signed())
}

/// The float of a [`key`].
#[must_use]
pub fn unkey(key: i64) -> f64 {
    f64::from_bits(turned(key).cast_unsigned())
}

/// All bits but the sign turned around where the sign is set: its own inverse.
const fn turned(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The `k`-th smallest of some keys, from 0; leaves them in another order. O(n).
///
/// # Panics
/// If there are no more than `k`.
#[must_use]
pub fn nth(keys: &mut [i64], k: usize) -> f64 {
    unkey(*keys.select_nth_unstable(k).1)
}

/// The median of some keys; the mean of the middle two for an even count. `None` when empty.
/// Leaves them in another order. O(n).
#[must_use]
pub fn middle(keys: &mut [i64]) -> Option<f64> {
    let n = keys.len();
    if n == 0 {
        return None;
    }
    let (below, &mut upper, _) = keys.select_nth_unstable(n / 2);
    if n % 2 == 1 {
        return Some(unkey(upper));
    }
    let lower = below.iter().copied().max().unwrap_or(upper);
    Some(midpoint(unkey(lower), unkey(upper)))
}

/// The middle of two values, without overflow.
pub(super) fn midpoint(a: f64, b: f64) -> f64 {
    if a == b { a } else { a / 2.0 + b / 2.0 }
}

/// The sorted copy of a slice.
#[must_use]
pub fn sorted(xs: &[f64]) -> Vec<f64> {
    let mut keys: Vec<i64> = xs.iter().map(|x| key(*x)).collect();
    keys.sort_unstable();
    keys.into_iter().map(unkey).collect()
}

/// The positions of some values in ascending order of value, each with a number that equal values
/// share.
#[must_use]
pub fn ascending(xs: &[f64]) -> Vec<(i64, u32)> {
    // −0 equals 0 and has another key: to add 0 makes it 0.
    let keys = xs.iter().map(|x| key(x + 0.0));
    let mut order: Vec<(i64, u32)> = keys.zip(0..).collect();
    order.sort_unstable_by_key(|o| o.0);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    #[test]
    fn keys_have_the_order_of_their_floats() {
        let mut g = SplitMix64::new(4);
        let any = |g: &mut SplitMix64| f64::from_bits(g.next_u64());
        let ends = [0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, -1.0];
        let mut all: Vec<f64> = (0..300).map(|_| any(&mut g)).chain(ends).collect();
        for a in &all {
            assert_eq!(unkey(key(*a)).to_bits(), a.to_bits());
            for b in &all {
                assert_eq!(key(*a).cmp(&key(*b)), a.total_cmp(b), "{a} {b}");
            }
        }
        all.retain(|x| !x.is_nan());
        let by_keys = sorted(&all);
        all.sort_by(f64::total_cmp);
        let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&by_keys), bits(&all));
    }
}
