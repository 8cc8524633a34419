//! What somebody wants measured, as JSON.

use serde::{Deserialize, Serialize};

use crate::jobs::{Purpose, State};
use crate::model::Sha;

/// Commits that one request may name.
pub const WANTED: usize = 100;

/// `POST /api/v1/jobs/offer`: commits of a project's main line that are to be measured. Asked
/// again, it changes nothing and says how far they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The project.
    pub project: String,
    /// The commits, by their whole names.
    pub commits: Vec<Sha>,
    /// What for: `bisect`, `backfill`, or `confirm` to measure anew what is measured.
    pub purpose: Purpose,
    /// Which of the project's labels is to measure them; empty: each of them.
    #[serde(default)]
    pub label: String,
    /// Whether what failed or was cancelled is tried again.
    #[serde(default)]
    pub again: bool,
}

/// The answer: for each commit and label the job that stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// `uptick.offered/1`.
    pub schema: String,
    /// In the order of the commits.
    pub jobs: Vec<OfferedJob>,
}

impl Offered {
    /// The schema name of this version.
    pub const SCHEMA: &'static str = "uptick.offered/1";
}

/// A job that was asked for, or one that measures the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedJob {
    /// Its number.
    pub job: i64,
    /// The commit.
    pub sha: Sha,
    /// Which collectors may take it.
    pub label: String,
    /// What it was offered for first.
    pub purpose: Purpose,
    /// What has become of it.
    pub state: State,
    /// Who has or had it last.
    pub collector: String,
    /// What its collector does now, or where it failed.
    pub stage: String,
    /// Why it failed.
    pub why: String,
    /// The hash of the report that came of it.
    pub report: String,
}

impl OfferedJob {
    /// Whether nothing more will come of it unless somebody asks for it.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        !matches!(self.state, State::Waiting | State::Leased)
    }
}

impl Purpose {
    /// Whether somebody may ask for it; the others are the server's own to offer.
    #[must_use]
    pub const fn may_be_wanted(self) -> bool {
        matches!(self, Self::Bisect | Self::Backfill | Self::Confirm)
    }
}
