//! Boundaries, the pieces between them, and what counts as an outlier in them.

/// A boundary between two levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Boundary {
    /// The first point of the new level.
    pub at: usize,
    /// First and last point that it may be instead.
    pub range: (usize, usize),
    /// Two-sided p of the test that kept it, autocorrelation allowed for.
    pub p: f64,
}

impl Boundary {
    /// The same, so many points later.
    pub(crate) const fn moved(self, by: usize) -> Self {
        Self {
            at: self.at + by,
            range: (self.range.0 + by, self.range.1 + by),
            p: self.p,
        }
    }
}

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
