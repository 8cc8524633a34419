//! Where a line is interrupted: between commits that were not measured nothing is known.

/// A stretch of so many usual steps without a point is a gap. Suites that measure every third
/// commit have none.
const GAP: f64 = 5.0;

/// The kept indices, cut at gaps. `xs` are all places, ascending; `least` is the narrowest gap that
/// can be seen.
pub(super) fn runs<'a>(xs: &[f64], kept: &'a [usize], least: f64) -> Vec<&'a [usize]> {
    let gap = (GAP * usual(xs)).max(least);
    // Between kept indices that are no neighbours the line was thinned.
    let goes_on = |a: &usize, b: &usize| *b != *a + 1 || xs[*b] - xs[*a] < gap;
    kept.chunk_by(goes_on).collect()
}

/// The usual distance between neighbours.
fn usual(xs: &[f64]) -> f64 {
    let steps: Vec<f64> = xs.windows(2).map(|w| w[1] - w[0]).collect();
    collector::stats::median(&steps).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_nothing_was_measured() {
        let xs = [0.0, 1.0, 2.0, 12.0, 13.0, 14.0, 15.0];
        let kept = [0, 1, 2, 3, 4, 5, 6];
        assert_eq!(runs(&xs, &kept, 0.0), [&kept[..3], &kept[3..]]);
        // Every third commit is no gap, and neither is one narrower than can be seen.
        let thirds: Vec<f64> = (0..7).map(|i| f64::from(i * 3)).collect();
        assert_eq!(runs(&thirds, &kept, 0.0).len(), 1);
        assert_eq!(runs(&xs, &kept, 20.0).len(), 1);
    }
}
