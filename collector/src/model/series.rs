//! What names a series.

use std::collections::BTreeMap;

use crate::model::{Counter, Metric, Report, digest, stored};

/// What names a series.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct SeriesKey {
    /// The benchmark.
    pub benchmark: String,
    /// What is counted.
    #[serde(flatten, with = "stored")]
    pub metric: Metric,
    /// How it is counted.
    pub counter: Counter,
    /// The testbed's fingerprint for that counter.
    pub fingerprint: String,
}

impl SeriesKey {
    /// The series of each measurement of a report.
    pub fn all_of(report: &Report) -> impl Iterator<Item = Self> {
        // A fingerprint is a hash of all facts, and a report has thousands of measurements.
        let mut fingerprints: BTreeMap<&Counter, String> = BTreeMap::new();
        report.measurements.iter().map(move |m| {
            let testbed = || report.testbed.fingerprint(&m.counter);
            let fingerprint = fingerprints.entry(&m.counter).or_insert_with(testbed);
            Self {
                benchmark: m.benchmark.clone(),
                metric: m.metric.clone(),
                counter: m.counter.clone(),
                fingerprint: fingerprint.clone(),
            }
        })
    }

    /// Sixteen hexadecimal digits that stand for it in addresses.
    #[must_use]
    pub fn id(&self) -> String {
        let (metric, counter) = (self.metric.name(), self.counter.name());
        let mut name = format!(
            "{}\0{metric}\0{counter}\0{}",
            self.benchmark, self.fingerprint
        );
        // A metric of one's own is named by its unit, too.
        if self.metric.is_own() {
            name.push_str(&format!("\0{}", self.metric.unit()));
        }
        let mut id = digest(name.as_bytes());
        id.truncate(16);
        id
    }
}
