//! Why one benchmark gave no number.

use crate::error::{Error, tail};
use crate::model::Failure;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a run gave no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// `run`, `timeout`.
    pub stage: &'static str,
    /// For people.
    pub message: String,
}

impl RunError {
    pub(super) fn new(stage: &'static str, message: impl Into<String>) -> Self {
        Self {
            stage,
            message: message.into(),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
    pub(super) fn environment(e: Error) -> Self {
        Self::new("run", e.to_string())
    }

    pub(super) fn timeout(limit: Duration) -> Self {
        Self::new(
            "timeout",
            format!(
                "still running after {:.0} s: raise `suite.timeout` in uptick.toml, or leave it out \
                 with `suite.exclude`",
                limit.as_secs_f64()
            ),
        )
    }

    pub(super) fn never_ran() -> Self {
        Self::new(
            "run",
            "the benchmark was started but never iterated (does its name still exist?)",
        )
    }

    pub(super) fn exit(status: ExitStatus, said: &str) -> Self {
        let said = tail(said.trim(), 2000);
        let colon = if said.is_empty() { "" } else { ":\n" };
        Self::new("run", format!("ended with {status}{colon}{said}"))
    }

    /// As a report records it.
    #[must_use]
    pub fn failure(self, benchmark: &str) -> Failure {
        Failure {
            benchmark: Some(benchmark.to_string()),
            stage: self.stage.to_string(),
            message: self.message,
        }
    }
}
