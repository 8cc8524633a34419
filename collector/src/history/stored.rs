//! Two reports of a store, judged by what the store knows: the same for the command line, which then
//! measures suspects again where it can, and for the pages, which cannot.

use crate::config::Config;
use crate::error::Result;
use crate::history::Before;
use crate::history::lasting::lasting;
use crate::history::watch::Glance;
use crate::judge::{self, Judged, Overrides, Row};
use crate::model::{Measurement, Report, SeriesKey, Variants};
use crate::store::{MeasuredCommit, Store};

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Where the reports are.
    pub store: &'a Store,
    /// The base's report.
    pub base: &'a Report,
    /// The head's report.
    pub head: &'a Report,
    /// Where both are of one commit: how they differ.
    pub variants: Option<&'a Variants>,
}

impl Stored<'_> {
    /// The rows of both, as two reports alone give them. Of the histories counts what had come in up
    /// to the report of that number, see [`Store::report_number`].
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn rows(&self, config: &Config, overrides: &Overrides, as_of: i64) -> Result<Vec<Row>> {
        let before = Before::of(self.store, &self.base.commit.sha, as_of)?;
        let history = |m: &Measurement| before.values(self.store, &self.series_of(m));
        let judged = Judged::of(config, &[self.base, self.head]);
        let (base, head) = (self.base, self.head);
        Ok(judge::rows(
            base, head, config, overrides, &judged, &history,
        ))
    }

    /// Confirms suspicions about rows that nobody will measure again, by the changes that lasted.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn confirm<'r>(&self, rows: impl Iterator<Item = &'r mut Row>) -> Result<()> {
        let Some(sides) = self.commits()? else {
            return Ok(());
        };
        let glance = Glance::new(self.store);
        judge::confirm_by_changes(rows, &|row| {
            let key = SeriesKey {
                benchmark: row.benchmark.clone(),
                metric: row.metric.clone(),
                counter: row.counter.clone(),
                fingerprint: self.head.testbed.fingerprint(&row.counter),
            };
            // What cannot be read confirms nothing.
            lasting(&glance, &key, (&sides.0, &sides.1)).unwrap_or_default()
        });
        Ok(())
    }

    fn commits(&self) -> Result<Option<(MeasuredCommit, MeasuredCommit)>> {
        let commit = |r: &Report| self.store.commit(&r.commit.sha.0);
        Ok(commit(self.base)?.zip(commit(self.head)?))
    }

    /// The series that a measurement of the base is of.
    fn series_of(&self, m: &Measurement) -> SeriesKey {
        let other = self.variants.and_then(|v| v.base_name(&m.benchmark));
        SeriesKey {
            benchmark: other.unwrap_or_else(|| m.benchmark.clone()),
            metric: m.metric.clone(),
            counter: m.counter.clone(),
            fingerprint: self.base.testbed.fingerprint(&m.counter),
        }
    }
}
