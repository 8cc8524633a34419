//! What a collector and a server say to each other, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::jobs::{ATTEMPTS, Fault, Purpose, unsaid};
use crate::model::Sha;

/// The longest time that a claim waits for a job, in seconds.
pub const LONGEST_WAIT: u64 = 20;

/// `POST /api/v1/jobs/claim`: a collector asks for a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The collector's name.
    pub collector: String,
    /// Which run of it asks: random, the same until it ends.
    pub session: String,
    /// The labels that it serves.
    pub labels: Vec<String>,
    /// The uptick that it runs.
    #[serde(default)]
    pub version: String,
    /// What it speaks: [`crate::jobs::PROTOCOL`].
    #[serde(default = "unsaid")]
    pub protocol: u32,
    /// Facts of its machine.
    #[serde(default)]
    pub testbed: BTreeMap<String, String>,
    /// How long to wait for a job where there is none, in seconds.
    #[serde(default)]
    pub wait: u64,
    /// Whether it takes pull requests: it runs their code in a sandbox, or whoever started it said
    /// that it may do without.
    #[serde(default)]
    pub untrusted: bool,
}

/// What can be read of the claim of any protocol: who asks, and what it speaks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Hello {
    /// See [`Claim`].
    #[serde(default)]
    pub collector: String,
    /// See [`Claim`].
    #[serde(default)]
    pub version: String,
    /// See [`Claim`].
    #[serde(default = "unsaid")]
    pub protocol: u32,
}

/// The answer: the right to measure a commit, until it is not renewed for `ttl`. No job: 204.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// `uptick.lease/1`.
    pub schema: String,
    /// The job.
    pub job: i64,
    /// Which lease of the job it is: what comes in under an earlier one is refused.
    pub epoch: i64,
    /// Seconds that it holds after each heartbeat.
    pub ttl: u64,
    /// Seconds between heartbeats.
    pub beat: u64,
    /// The project.
    pub project: String,
    /// Where its repository is fetched from.
    pub url: String,
    /// Its main branch.
    pub branch: String,
    /// The commit.
    pub sha: Sha,
    /// Its place on the main line.
    pub position: u64,
    /// What it is measured for.
    pub purpose: Purpose,
    /// Which attempt this is, from 1; those that nobody is to blame for do not count. 0: an older
    /// server does not say.
    #[serde(default)]
    pub attempt: u32,
    /// The reference that has the commit, of a pull request; empty for one of the main line.
    #[serde(default)]
    pub reference: String,
}

impl Lease {
    /// The schema name of this version.
    pub const SCHEMA: &'static str = "uptick.lease/1";

    /// Whether its commit is one that somebody proposes, and nobody else may have read.
    #[must_use]
    pub const fn is_proposed(&self) -> bool {
        !self.reference.is_empty()
    }

    /// Whether a failure of this attempt leads to another one. Where the server does not count
    /// attempts, each lease is one.
    #[must_use]
    pub fn may_be_tried_again(&self) -> bool {
        let attempt = match self.attempt {
            0 => self.epoch,
            counted => counted.into(),
        };
        attempt < ATTEMPTS.into()
    }
}

/// `POST /api/v1/jobs/beat`: a collector is at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The job.
    pub job: i64,
    /// The lease.
    pub epoch: i64,
    /// What it does: `building`, `measuring`.
    #[serde(default)]
    pub stage: String,
}

/// Whether it should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Going {
    /// Go on.
    Go,
    /// Somebody cancelled the job.
    Cancelled,
    /// The lease is over, and the job perhaps another collector's.
    Lost,
}

/// The answer to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beaten {
    /// Whether to go on.
    pub state: Going,
}

/// `POST /api/v1/jobs/fail`: a collector could not do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The job.
    pub job: i64,
    /// The lease.
    pub epoch: i64,
    /// Whose fault it is.
    pub fault: Fault,
    /// Of a machine's fault: it hits this job alone, as far as can be seen there. One benchmark of
    /// several could not be measured, or the process that measured was killed. A collector of before
    /// does not say it.
    #[serde(default)]
    pub only_this_job: Option<bool>,
    /// Where it failed: a step of a commit (`checkout`, `build`, `run`, …), or `fetch`,
    /// `configuration`, `measure`, `report`, `ended` of the collector itself.
    pub stage: String,
    /// What happened, in words.
    pub why: String,
}

impl Failed {
    /// Whether a machine's fault hits this job alone. Where that is not said, the step tells: what
    /// fails before a commit is built, and what is not about one of its steps, is the machine's.
    #[must_use]
    pub fn is_only_this_job(&self) -> bool {
        let of_all = ["fetch", "sandbox", "measure"];
        self.only_this_job
            .unwrap_or_else(|| !of_all.contains(&self.stage.as_str()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_does_not_say_whom_a_fault_hits_is_understood() {
        let failed = |stage: &str, said: Option<bool>| -> bool {
            let mut text = serde_json::json!({
                "job": 1, "epoch": 1, "fault": "machine", "stage": stage, "why": ""
            });
            if let Some(said) = said {
                text["only_this_job"] = said.into();
            }
            serde_json::from_value::<Failed>(text)
                .unwrap()
                .is_only_this_job()
        };
        assert!(failed("run", None) && failed("report", None) && failed("measure", Some(true)));
        assert!(!failed("fetch", None) && !failed("measure", None) && !failed("run", Some(false)));
    }

    #[test]
    fn a_server_that_counts_no_attempts_is_asked_again_no_more_often() {
        let lease = |epoch: u32, attempt: Option<u32>| -> Lease {
            let mut text = serde_json::json!({
                "schema": Lease::SCHEMA, "job": 1, "epoch": epoch, "ttl": 60, "beat": 20,
                "project": "p", "url": "u", "branch": "main", "sha": "0".repeat(40),
                "position": 0, "purpose": "commit"
            });
            if let Some(attempt) = attempt {
                text["attempt"] = attempt.into();
            }
            serde_json::from_value(text).unwrap()
        };
        assert!(lease(ATTEMPTS - 1, None).may_be_tried_again());
        assert!(!lease(ATTEMPTS, None).may_be_tried_again());
        assert!(lease(ATTEMPTS + 5, Some(1)).may_be_tried_again());
        assert!(!lease(1, Some(ATTEMPTS)).may_be_tried_again());
    }
}
