//! Thinning of a line to what can be seen: first, least, greatest and last of each column of
//! pixels (Jugel et al., *M4: a visualization-oriented time series data aggregation*, VLDB 2014),
//! so that a single commit's spike is always there. Some indices can be kept whatever happens.

/// Indices to keep, ascending: at most four a column, and all of `always`.
///
/// `ys[i]` lies at `xs[i]`, ascending; `columns` is the width in pixels.
pub(crate) fn thin(xs: &[f64], ys: &[f64], columns: usize, always: &[usize]) -> Vec<usize> {
    let n = xs.len().min(ys.len());
    let (Some(first), Some(last)) = (xs.first(), xs.get(n.wrapping_sub(1))) else {
        return Vec::new();
    };
    if n <= columns * 2 {
        return (0..n).collect();
    }
    let width = (last - first).max(f64::MIN_POSITIVE) / columns as f64;
    let column = |i: usize| ((xs[i] - first) / width) as usize;
    let mut keep: Vec<usize> = always.iter().copied().filter(|i| *i < n).collect();
    let mut from = 0;
    while from < n {
        let at = column(from);
        let to = from + (from..n).take_while(|i| column(*i) == at).count();
        let by = |a: &usize, b: &usize| ys[*a].total_cmp(&ys[*b]);
        keep.push(from);
        keep.extend((from..to).min_by(by));
        keep.extend((from..to).max_by(by));
        keep.push(to - 1);
        from = to;
    }
    keep.sort_unstable();
    keep.dedup();
    keep
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_changes_and_ends_survive() {
        let n = 10_000;
        let xs: Vec<f64> = (0..n).map(f64::from).collect();
        let mut ys: Vec<f64> = (0..n).map(|i| f64::from(i % 7)).collect();
        ys[6_543] = 1e9;
        let kept = thin(&xs, &ys, 300, &[1_234]);
        assert!(kept.len() <= 4 * 301 + 1, "{}", kept.len());
        for i in [0, 1_234, 6_543, n as usize - 1] {
            assert!(kept.contains(&i), "{i}");
        }
        assert!(kept.is_sorted());
    }

    #[test]
    fn few_points_stay_as_they_are() {
        assert_eq!(
            thin(&[0.0, 1.0, 2.0], &[1.0, 1.0, 1.0], 300, &[]),
            [0, 1, 2]
        );
        assert!(thin(&[], &[], 300, &[5]).is_empty());
        assert_eq!(thin(&[3.0; 2000], &[1.0; 2000], 10, &[]).len(), 2);
    }
}
