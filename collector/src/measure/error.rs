//! Why one benchmark gave no number.

use crate::error::{Error, tail};
use crate::model::{Failure, Fault, Phase};
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a run gave no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// [`Phase::Run`] or [`Phase::Timeout`].
    pub stage: Phase,
    /// Whose fault it was.
    pub fault: Fault,
    /// For people.
    pub message: String,
}

impl RunError {
    /// The benchmark did something that gives no number.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            stage: Phase::Run,
            fault: Fault::Commit,
            message: message.into(),
        }
    }

    /// The machine could not run or count it.
    pub(super) fn machine(message: impl Into<String>) -> Self {
        Self {
            fault: Fault::Machine,
            ..Self::new(message)
        }
    }

    /// A tool's output, or a request of ours, that cannot be understood.
    pub(super) fn ours(message: impl Into<String>) -> Self {
        Self {
            fault: Fault::Ours,
            ..Self::new(message)
        }
    }

    /// A program could not be started: one that is not there, or may not be run, is the commit's.
    pub(super) fn start(program: &Path, e: &std::io::Error) -> Self {
        let message = format!("{}: {e}", program.display());
        match e.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => Self::new(message),
            _ => Self::machine(message),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
    pub(super) fn environment(e: Error) -> Self {
        Self::machine(e.to_string())
    }

    pub(super) fn timeout(limit: Duration) -> Self {
        Self {
            stage: Phase::Timeout,
            ..Self::new(format!(
                "still running after {:.0} s: raise `suite.timeout` in uptick.toml, or leave it out \
                 with `suite.exclude`",
                limit.as_secs_f64()
            ))
        }
    }

    pub(super) fn never_ran() -> Self {
        Self::new(
            "the executable ended, and said that all is well, without iterating this benchmark: it ended \
             before its turn came, or the benchmark's name is gone, or is another in each run (made of a \
             process's number, an address, a random path)",
        )
    }

    pub(super) fn exit(status: ExitStatus, said: &str) -> Self {
        let said = tail(said.trim(), 2000);
        Self::new(match said {
            "" => format!("ended with {status} and wrote nothing"),
            said => format!("ended with {status}:\n{said}"),
        })
    }

    /// As a report records it.
    #[must_use]
    pub fn failure(self, benchmark: &str) -> Failure {
        Failure::new(Some(benchmark.to_string()), self.stage, self.message).by(self.fault)
    }
}
