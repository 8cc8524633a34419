//! What the main line's series are read from: testbeds and single points of a series.

use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::model::SeriesKey;
use crate::model::{Sha, Testbed};
use crate::store::Store;

/// The points of one series with their reports.
const OF_SERIES: &str = "FROM series s JOIN point p ON p.series = s.id \
    JOIN report r ON r.id = p.report \
    WHERE s.benchmark = ?1 AND s.metric = ?2 AND s.counter = ?3 AND s.fingerprint = ?4";

impl Store {
    /// The testbed on which a series was measured last.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn testbed_of(&self, key: &SeriesKey) -> Result<Option<Testbed>> {
        let sql = format!(
            "SELECT r.hash, r.document {OF_SERIES} ORDER BY p.position DESC, p.report DESC LIMIT 1"
        );
        let (metric, counter) = (key.metric.name(), key.counter.name());
        let row: Option<(String, Vec<u8>)> = self
            .db
            .prepare_cached(&sql)
            .and_then(|mut s| {
                let name = params![key.benchmark, metric, counter, key.fingerprint];
                s.query_row(name, |r| Ok((r.get(0)?, r.get(1)?))).optional()
            })
            .map_err(|e| self.error(&e))?;
        row.map(|(hash, document)| Ok(self.unpack_report(&hash, &document)?.testbed))
            .transpose()
    }

    /// The newest value of a series on one commit, with its least and greatest sample.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn value_of(&self, key: &SeriesKey, sha: &Sha) -> Result<Option<(f64, f64, f64)>> {
        let sql = format!(
            "SELECT p.value, p.low, p.high {OF_SERIES} AND r.sha = ?5 \
             ORDER BY p.report DESC LIMIT 1"
        );
        let (metric, counter) = (key.metric.name(), key.counter.name());
        self.db
            .prepare_cached(&sql)
            .and_then(|mut s| {
                let name = params![key.benchmark, metric, counter, key.fingerprint, sha.0];
                s.query_row(name, |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                    .optional()
            })
            .map_err(|e| self.error(&e))
    }
}
