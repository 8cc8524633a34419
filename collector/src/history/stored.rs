//! Two reports of a store, judged by what the store knows: the same for the command line, which then
//! measures suspects again where it can, and for the pages, which cannot.

use crate::config::Config;
use crate::error::Result;
use crate::format;
use crate::history::lasting::{between, lasting};
use crate::history::watch::Glance;
use crate::history::{Before, harm};
use crate::judge::{self, Judged, Overrides, Row};
use crate::model::{Measurement, Report, SeriesKey, Variants, Verdict};
use crate::store::{Event, MeasuredCommit, Store};

/// Changes between two commits that are looked at.
const MOST: usize = 500;
/// Characters of a benchmark's name in a note.
const NAME: usize = 80;

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
        let judged = Judged::of(config, &[self.base, self.head]);
        let (base, head) = (self.base, self.head);
        self.store.at_once(|store| {
            let before = Before::of(store, &base.commit.sha, as_of)?;
            let history = |m: &Measurement| before.values(store, &self.series_of(m));
            Ok(judge::rows(
                base, head, config, overrides, &judged, &history,
            ))
        })
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
            let key = self.series_of_row(row);
            // What cannot be read confirms nothing.
            lasting(&glance, &key, (&sides.0, &sides.1)).unwrap_or_default()
        });
        Ok(())
    }

    /// The open regressions of series between the two commits which their own two measurements do
    /// not tell, the worst first: on a noisy series two single values may lie close by chance.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn untold(&self, rows: &[Row]) -> Result<Vec<Event>> {
        let sides = self.commits()?.filter(|_| self.variants.is_none());
        let forward = sides.filter(|(base, head)| base.position < head.position);
        let Some(within) = forward.and_then(|(base, head)| between(&base, &head)) else {
            return Ok(Vec::new());
        };
        let at = |e: &Event| u64::try_from(e.reported.event.change.index);
        let is_told = |row: &Row| row.verdict == Verdict::Regressed || row.accepted.is_some();
        let is_untold = |e: &Event| {
            let key = &e.series.key;
            let row = rows.iter().find(|r| {
                r.benchmark == key.benchmark && r.metric == key.metric && r.counter == key.counter
            });
            row.is_some_and(|r| !is_told(r) && self.series_of_row(r) == *key)
        };
        let mut events = self
            .store
            .events_within(*within.start(), *within.end(), MOST)?;
        events.retain(|e| {
            at(e).is_ok_and(|at| within.contains(&at))
                && e.reported.event.is_open()
                && harm(e) > 0.0
                && is_untold(e)
        });
        events.sort_by(|a, b| harm(b).total_cmp(&harm(a)));
        Ok(events)
    }

    fn series_of_row(&self, row: &Row) -> SeriesKey {
        SeriesKey {
            benchmark: row.benchmark.clone(),
            metric: row.metric.clone(),
            counter: row.counter.clone(),
            fingerprint: self.head.testbed.fingerprint(&row.counter),
        }
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

/// The note on regressions that [`Stored::untold`] found.
#[must_use]
pub fn untold_note(untold: &[Event]) -> Option<String> {
    let worst = untold.first()?;
    let (key, change) = (&worst.series.key, &worst.reported.event.change);
    let more = match untold.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more like it)"),
    };
    Some(format!(
        "the {} of `{}` has an open lasting regression of {} between these commits{more}, which one \
         measurement of each does not tell: `uptick changes` says more",
        key.metric.name().replace('_', " "),
        format::name(&key.benchmark, NAME),
        format::moved(change.change, (change.before, change.after), &key.metric),
    ))
}
