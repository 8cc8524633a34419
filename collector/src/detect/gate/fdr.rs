//! The false discovery rate over the suspects of one commit.

/// Which of several p-values count when at most a share `q` of those may be wrong.
///
/// Source: Benjamini & Hochberg (1995), *Controlling the false discovery rate*.
/// A p that is no number never counts.
#[must_use]
pub fn benjamini_hochberg(ps: &[f64], q: f64) -> Vec<bool> {
    let mut order: Vec<f64> = ps.iter().copied().filter(|p| !p.is_nan()).collect();
    order.sort_unstable_by(f64::total_cmp);
    let m = order.len() as f64;
    let cut = order
        .iter()
        .enumerate()
        .rev()
        .find(|(i, p)| **p <= q * (*i as f64 + 1.0) / m)
        .map(|(_, p)| *p);
    ps.iter().map(|p| cut.is_some_and(|c| *p <= c)).collect()
}
