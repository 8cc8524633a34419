//! How much is invented, up to when.

/// How much is invented.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Commits on the main line; about one in eleven is not measured.
    pub commits: u64,
    /// Benchmarks beyond the named ones, for load.
    pub more_benchmarks: usize,
    /// Of these, so many that regressed, each by a commit of its own: open changes, for load.
    pub regressed: usize,
    /// Only instruction counts, and no profiles.
    pub plain: bool,
    /// When the newest commit was written, in seconds since 1970-01-01 UTC.
    pub now: i64,
}

impl Size {
    /// Five months of some forty benchmarks.
    #[must_use]
    pub const fn believable(now: i64) -> Self {
        Self {
            commits: 240,
            more_benchmarks: 0,
            regressed: 0,
            plain: false,
            now,
        }
    }
}
