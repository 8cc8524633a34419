//! What is said in the log when the time of profiles and reports is over, and what stays of a
//! report then.

use serde::{Deserialize, Serialize};

use crate::model::{Commit, Line, NoiseClass, Report, SeriesKey, Testbed};

/// Profiles and reports that were dropped because their time was over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pruning {
    /// Profiles, by their hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// Reports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Pruned>,
    /// Series of those reports that no point of the main line is left of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Emptied>,
    /// After how many days they go.
    pub kept: u64,
    /// Who had them go.
    pub actor: String,
    /// Seconds since 1970-01-01 UTC.
    pub time: i64,
    /// The log's end when it was said.
    pub seen: i64,
}

/// A report that was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Its hash.
    pub report: String,
    /// The hash of the [`Stub`] that stands in its place.
    pub stub: String,
}

/// A series without a point: whoever derives the view after its reports went knows it from here,
/// because changes were reported in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emptied {
    /// The series.
    pub series: SeriesKey,
    /// Its noise class at its last point.
    pub class: NoiseClass,
}

/// What stands in the log in the place of a report that was dropped: which commit it was of. By that
/// it is known where commits stand that came after it, and that it was here when it comes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stub {
    /// The hash of the report.
    pub report: String,
    /// Its commit, without names.
    pub commit: Commit,
    /// The line of commits that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
}

impl Stub {
    /// What stays of a report.
    #[must_use]
    pub fn of(hash: &str, report: &Report) -> Self {
        Self {
            report: hash.to_owned(),
            commit: Commit {
                sha: report.commit.sha.clone(),
                position: report.commit.position,
                time: report.commit.time,
                parents: Vec::new(),
                author: String::new(),
                subject: String::new(),
            },
            line: report.line.clone(),
        }
    }

    /// A report of that commit without any number.
    pub(in crate::store) fn as_report(&self) -> Report {
        Report {
            schema: Report::SCHEMA.into(),
            commit: self.commit.clone(),
            testbed: Testbed::default(),
            build_key: String::new(),
            suite_key: String::new(),
            testbed_key: String::new(),
            started: 0,
            seconds: 0.0,
            reused: None,
            line: self.line.clone(),
            measurements: Vec::new(),
            failures: Vec::new(),
            profiles: Vec::new(),
        }
    }
}
