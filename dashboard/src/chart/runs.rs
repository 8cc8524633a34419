//! Where a line is interrupted: between commits that were not measured nothing is known.

/// A step of so many usual ones leaves commits out. Suites that measure every third commit have no
/// gap at every point.
const GAP: f64 = 2.0;

/// Where points stand: across the picture, and on the main line.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) xs: &'a [f64],
    pub(super) places: &'a [u64],
}

/// The usual step between neighbours, in commits.
fn usual(s: At<'_>) -> f64 {
    let steps = s.places.windows(2).map(|w| (w[1] - w[0]) as f64);
    collector::stats::median(&steps.collect::<Vec<_>>()).unwrap_or(1.0)
}

/// The kept indices, cut at gaps; `least` is the narrowest that can be seen.
pub(super) fn runs<'a>(s: At<'_>, kept: &'a [usize], least: f64) -> Vec<&'a [usize]> {
    let gap = GAP * usual(s);
    let is_gap = |a: usize, b: usize| {
        (s.places[b] - s.places[a]) as f64 >= gap && s.xs[b] - s.xs[a] >= least
    };
    // Between kept indices that are no neighbours the line was thinned.
    kept.chunk_by(|a, b| *b != *a + 1 || !is_gap(*a, *b))
        .collect()
}

/// The gaps at least so wide: where they begin and end, and how many commits they leave out.
pub(super) fn gaps(s: At<'_>, least: f64) -> Vec<(f64, f64, u64)> {
    let all: Vec<usize> = (0..s.xs.len()).collect();
    let runs = runs(s, &all, least);
    let between = runs.windows(2).filter_map(|w| {
        let (a, b) = (*w[0].last()?, *w[1].first()?);
        Some((s.xs[a], s.xs[b], s.places[b] - s.places[a] - 1))
    });
    between.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn across(places: &[u64]) -> Vec<f64> {
        places.iter().map(|p| *p as f64).collect()
    }

    #[test]
    fn a_line_ends_where_nothing_was_measured() {
        let places = [0, 1, 2, 4, 5, 15, 16];
        let xs = across(&places);
        let s = At {
            xs: &xs,
            places: &places,
        };
        let kept = [0, 1, 2, 3, 4, 5, 6];
        assert_eq!(runs(s, &kept, 0.0), [&kept[..3], &kept[3..5], &kept[5..]]);
        assert_eq!(gaps(s, 0.0), [(2.0, 4.0, 1), (5.0, 15.0, 9)]);
        assert_eq!(gaps(s, 3.0), [(5.0, 15.0, 9)]);
        // Every third commit is no gap, and neither is one narrower than can be seen.
        let thirds = [0, 3, 6, 9, 13, 15, 18];
        let s_thirds = At {
            xs: &across(&thirds),
            places: &thirds,
        };
        assert_eq!(runs(s_thirds, &kept, 0.0).len(), 1);
        assert_eq!(runs(s, &kept, 20.0).len(), 1);
        let none = At {
            xs: &[],
            places: &[],
        };
        assert!(gaps(none, 0.0).is_empty());
    }
}
