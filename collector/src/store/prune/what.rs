//! What may go.

/// Days to seconds.
pub(super) const DAY: i64 = 86_400;

/// What one kind of thing is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Profiles,
    /// Reports of the main line, or of branches.
    Reports {
        main: bool,
    },
}

/// A profile or report whose time is over.
pub(super) struct Candidate {
    pub(super) hash: String,
    pub(super) bytes: u64,
}
