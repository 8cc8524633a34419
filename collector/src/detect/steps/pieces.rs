//! The pieces between boundaries, and what counts as an outlier in them.

/// Residuals further out than this many sigmas are outliers: 6e-5 of normal ones.
const CLIP: f64 = 4.0;

/// A residual in sigmas, held within what is no outlier.
pub(crate) fn clip(residual: f64) -> f64 {
    residual.clamp(-CLIP, CLIP)
}

/// First and one-past-last point of every piece.
pub(crate) fn pieces(at: &[usize], n: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let starts = std::iter::once(0).chain(at.iter().copied());
    starts.zip(at.iter().copied().chain(std::iter::once(n)))
}
