//! Why a profile cannot be built.

use crate::profile::MAX_NODES;

/// Why no profile could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// callgrind's file is damaged.
    #[error(transparent)]
    Parse(#[from] crate::profile::callgrind::ParseError),
    /// More call stacks than a profile may hold.
    #[error("the profile has more than {MAX_NODES} frames in its call tree")]
    TooLarge,
}
