//! What can go wrong, sorted by what the user can do about it.
//!
//! Every error says what failed, where, and the next step; its kind decides the
//! exit code of the process (see [`Error::exit_code`]).

use std::path::{Path, PathBuf};

/// Judged, and no regression.
pub const EXIT_OK: u8 = 0;
/// A regression (for `bisect`: none in the range).
pub const EXIT_REGRESSED: u8 = 1;
/// The command line or `uptick.toml` is wrong.
pub const EXIT_USAGE: u8 = 2;
/// No verdict: no baseline, nothing measured, a benchmark vanished.
pub const EXIT_NO_VERDICT: u8 = 3;
/// Building or running failed.
pub const EXIT_FAILED: u8 = 4;
/// The store or a server failed.
pub const EXIT_STORE: u8 = 5;

/// The collector's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the collector.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be understood: bad flag, bad `uptick.toml`, unknown revision.
    #[error("{0}")]
    Usage(String),
    /// Nothing can be said: no benchmarks, no baseline, a history too short.
    #[error("{0}")]
    NoVerdict(String),
    /// git, cargo, valgrind or a benchmark failed.
    #[error("{0}")]
    Failed(String),
    /// A commit does not build: that is its own fault, and is recorded of it.
    #[error("{0}")]
    Build(String),
    /// The store cannot be read or written.
    #[error("{0}")]
    Store(String),
    /// The disk failed under the store: after that no write through what is open can be trusted,
    /// because the system may have dropped what it could not write.
    #[error("{0}")]
    Disk(String),
    /// A forge or a server refused, or cannot be reached.
    #[error("{0}")]
    Remote(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// The exit code that the contract gives this kind of error.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            Self::NoVerdict(_) => EXIT_NO_VERDICT,
            Self::Failed(_) | Self::Build(_) | Self::Io { .. } => EXIT_FAILED,
            Self::Store(_) | Self::Disk(_) | Self::Remote(_) => EXIT_STORE,
        }
    }

    /// Wraps an I/O error with the path that it happened at.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// The last `max` bytes of `text`, cut at a line where there is one.
#[must_use]
pub fn tail(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut start = text.len() - max;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let cut = &text[start..];
    cut.find('\n').map_or(cut, |i| &cut[i + 1..])
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn tail_cuts_at_a_line_and_never_inside_a_character() {
        assert_eq!(tail("short", 10), "short");
        assert_eq!(tail("one\ntwo\nthree", 8), "three");
        assert_eq!(tail("ééé", 3), "é");
    }
}
