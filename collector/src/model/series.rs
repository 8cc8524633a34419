//! What names a series.

use crate::model::{Counter, Metric, digest, stored};

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
