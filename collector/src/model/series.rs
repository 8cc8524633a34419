//! What names a series.

use crate::model::{Counter, Metric, digest};

/// What names a series.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct SeriesKey {
    /// The benchmark.
    pub benchmark: String,
    /// What is counted.
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
        let name = format!(
            "{}\0{metric}\0{counter}\0{}",
            self.benchmark, self.fingerprint
        );
        let mut id = digest(name.as_bytes());
        id.truncate(16);
        id
    }
}
