//! What can go wrong, sorted by what the user can do about it.
//!
//! Every error says what failed, where, and the next step; its kind decides the
//! exit code of the process (see [`Error::exit_code`]).

use std::path::{Path, PathBuf};

use crate::model::{Failure, Fault, Phase};

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
/// The store failed, or a server, forge, channel or object store that was asked for.
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
    /// A commit's files cannot be brought into a worktree: the next fetch may bring what is missing.
    #[error("{0}")]
    Checkout(String),
    /// Every place in which a commit could be built is in use by another process.
    #[error("{0}")]
    Busy(String),
    /// A commit that is needed gives no number, as its report says.
    #[error("{message}")]
    NoNumbers {
        /// Where it stopped.
        stage: Phase,
        /// Whose fault that was.
        fault: Fault,
        /// The commit, and what happened.
        message: String,
    },
    /// Something that cannot be, unless uptick is wrong.
    #[error("{0} (this is a mistake in uptick: please report it)")]
    Internal(String),
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
    /// What keeps profiles outside the store refused, or cannot be reached.
    #[error("{0}")]
    Objects(String),
    /// A file could not be read or written.
    #[error("{path}: {why}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said; part of the message, and so no source of its own.
        why: std::io::Error,
    },
}

impl Error {
    /// The exit code that the contract gives this kind of error.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            Self::NoVerdict(_) => EXIT_NO_VERDICT,
            Self::Failed(_)
            | Self::Build(_)
            | Self::Checkout(_)
            | Self::Busy(_)
            | Self::NoNumbers { .. }
            | Self::Internal(_)
            | Self::Io { .. } => EXIT_FAILED,
            Self::Store(_) | Self::Disk(_) | Self::Remote(_) | Self::Objects(_) => EXIT_STORE,
        }
    }

    /// At which step of a commit it happened, where it did at one.
    #[must_use]
    pub const fn stage(&self) -> Option<Phase> {
        match self {
            Self::Build(_) => Some(Phase::Build),
            Self::Checkout(_) => Some(Phase::Checkout),
            Self::NoNumbers { stage, .. } => Some(*stage),
            _ => None,
        }
    }

    /// Whose fault it is, which decides whether trying again makes sense; `None` where the request
    /// itself cannot be met.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        match self {
            Self::Usage(_) | Self::NoVerdict(_) => None,
            Self::Build(_) => Some(Fault::Commit),
            Self::NoNumbers { fault, .. } => Some(*fault),
            Self::Internal(_) => Some(Fault::Ours),
            _ => Some(Fault::Machine),
        }
    }

    /// git's or cargo's complaint while a commit's files were brought into place: it is the
    /// commit that cannot be brought there, and not the end of a longer search.
    pub(crate) fn of_checkout(self) -> Self {
        match self {
            Self::Failed(why) | Self::Build(why) => Self::Checkout(why),
            e => e,
        }
    }

    /// Whether it is about one commit alone, so that others may well be measured here.
    #[must_use]
    pub const fn is_of_one_commit(&self) -> bool {
        matches!(
            self,
            Self::Build(_) | Self::Checkout(_) | Self::NoNumbers { .. } | Self::Failed(_)
        )
    }

    /// What a report records of it, where it is about a commit as a whole.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let stage = self.stage()?;
        let failure = Failure::new(None, stage, self.to_string());
        Some(self.fault().map_or(failure.clone(), |f| failure.by(f)))
    }

    /// Wraps an I/O error with the path that it happened at.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |why| Self::Io { path, why }
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
    use super::{Error, tail};
    use crate::model::{Fault, Phase};

    #[test]
    fn a_caller_can_tell_whose_fault_it_was_without_reading() {
        let of = |e: Error| (e.stage(), e.fault(), e.exit_code());
        let build = of(Error::Build("x".into()));
        assert_eq!(build, (Some(Phase::Build), Some(Fault::Commit), 4));
        let checkout = of(Error::Checkout("x".into()));
        assert_eq!(checkout, (Some(Phase::Checkout), Some(Fault::Machine), 4));
        assert_eq!(of(Error::Busy("x".into())), (None, Some(Fault::Machine), 4));
        assert_eq!(
            of(Error::Internal("x".into())),
            (None, Some(Fault::Ours), 4)
        );
        assert_eq!(of(Error::Usage("x".into())), (None, None, 2));
        let timeout = of(Error::NoNumbers {
            stage: Phase::Timeout,
            fault: Fault::Commit,
            message: "x".into(),
        });
        assert_eq!(timeout, (Some(Phase::Timeout), Some(Fault::Commit), 4));
        assert!(Error::Busy("x".into()).failure().is_none());
    }

    #[test]
    fn tail_cuts_at_a_line_and_never_inside_a_character() {
        assert_eq!(tail("short", 10), "short");
        assert_eq!(tail("one\ntwo\nthree", 8), "three");
        assert_eq!(tail("ééé", 3), "é");
    }
}
