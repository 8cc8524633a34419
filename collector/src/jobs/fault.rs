//! Whose fault a failure is, and what follows.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::model;

/// How often a job is begun before it has failed for good.
pub const ATTEMPTS: u32 = 3;
/// The pauses before a job is tried again, in milliseconds: a network that is restarted or a disk
/// that is cleaned takes minutes, and costs no commit its measurement.
const PAUSES: [i64; (ATTEMPTS - 1) as usize] = [60_000, 300_000];
/// The first pause of a collector whose machine fails, and the longest, in milliseconds: what was
/// mended is seen within that.
const FIRST_PAUSE: i64 = 60_000;
/// See [`pause`].
pub const LONGEST_PAUSE: i64 = 600_000;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The commit's: it does not build, its `uptick.toml` is wrong. The same everywhere.
    Commit,
    /// The machine's: a full disk, no network, no git. Another one may do it.
    Machine,
    /// Nobody's: the collector ends and gives the job back.
    Nobody,
}

impl Fault {
    /// Whose fault an error is that came up while a commit was fetched, built or measured.
    #[must_use]
    pub const fn of(error: &Error) -> Self {
        match error.fault() {
            // What the request itself says wrong is in the commit: its `uptick.toml`.
            None | Some(model::Fault::Commit) => Self::Commit,
            Some(model::Fault::Machine | model::Fault::Ours) => Self::Machine,
        }
    }
}

/// What becomes of a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It waits again, and is not leased before that time.
    Again {
        /// Milliseconds of the store's clock.
        not_before: i64,
        /// How many attempts count so far.
        attempts: u32,
    },
    /// It failed for good.
    Failed,
}

/// For how many milliseconds a collector takes no job of a project, after its machine failed so many
/// of that project's in a row: a full disk or a host that is away fails every job alike.
#[must_use]
pub fn pause(failures: u32) -> i64 {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_PAUSE << doublings).min(LONGEST_PAUSE)
}

/// What becomes of a job that failed at `now` in its `attempts`-th attempt. A failure by the machine
/// counts against the job where it is its `own`: not one of several in a row on that machine, which
/// says nothing about any of them.
#[must_use]
pub fn after(fault: Fault, own: bool, attempts: u32, now: i64) -> After {
    match fault {
        Fault::Commit => After::Failed,
        Fault::Machine if !own => uncounted(attempts, now),
        Fault::Nobody => uncounted(attempts, now),
        Fault::Machine => match PAUSES.get(attempts.saturating_sub(1) as usize) {
            Some(pause) => After::Again {
                not_before: now + pause,
                attempts,
            },
            _ => After::Failed,
        },
    }
}

const fn uncounted(attempts: u32, now: i64) -> After {
    After::Again {
        not_before: now,
        attempts: attempts.saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_fails_once_and_a_job_by_a_machine_that_does_others_three_times() {
        let after_own = |fault, attempts| after(fault, true, attempts, 5);
        assert_eq!(after_own(Fault::Commit, 1), After::Failed);
        let again = |not_before, attempts| After::Again {
            not_before,
            attempts,
        };
        assert_eq!(after_own(Fault::Machine, 1), again(60_005, 1));
        assert_eq!(after_own(Fault::Machine, 2), again(300_005, 2));
        assert_eq!(after_own(Fault::Machine, 3), After::Failed);
        assert_eq!(after_own(Fault::Nobody, 3), again(5, 2));
        assert_eq!(after(Fault::Machine, false, 3, 5), again(5, 2));
        assert_eq!(after(Fault::Commit, false, 1, 5), After::Failed);
    }

    #[test]
    fn pauses_of_a_machine_grow_and_end() {
        let minutes = [1, 2, 3, 4, 5, 9, u32::MAX].map(|n| pause(n) / 60_000);
        assert_eq!(minutes, [1, 2, 4, 8, 10, 10, 10]);
    }

    #[test]
    fn faults_follow_the_kind_of_error() {
        let of = |e: Error| Fault::of(&e);
        assert_eq!(of(Error::Build("x".into())), Fault::Commit);
        assert_eq!(of(Error::Usage("x".into())), Fault::Commit);
        assert_eq!(of(Error::Failed("x".into())), Fault::Machine);
        let full = std::io::Error::from_raw_os_error(28);
        assert_eq!(of(Error::io("/x")(full)), Fault::Machine);
    }
}
