//! What pages read: rows of series, of commits and of testbeds. Nothing here visits all points.

use crate::store::view::commits::{MeasuredCommit, signed};

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use crate::detect::gate::Varies;
use crate::error::Result;
use crate::model::{Better, Metric, Report, SeriesKey, Sha};
use crate::store::view::series::{COLUMNS, SERIES, series_row};
use crate::store::{SeriesRow, Store};

/// Two counters: whoever knows them knows whether a page is still right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Generation {
    /// Grows with every report derived and every series searched.
    pub data: u64,
    /// Grows with every decision of people.
    pub triage: u64,
}

/// A series with what its row says beyond its name.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesState {
    /// Name, class, number of points, latest value.
    pub row: SeriesRow,
    /// The commit of the latest value.
    pub latest_sha: Sha,
    /// When it was measured, in seconds since 1970-01-01 UTC.
    pub latest_time: i64,
    /// What kind of series the change finder takes it for: `young`, `exact`, `walk`, `noisy`.
    pub kind: String,
    /// How much it varies around its levels (fraction).
    pub noise: f64,
    /// Drift per point (fraction).
    pub drift: f64,
    /// The relative spread that calibration saw at the newest position.
    pub spread: f64,
    /// How far its values vary, as the gate has it.
    pub varies: Varies,
}

/// A series that the change finder has not seen all of.
#[derive(Clone, Debug)]
pub struct Unsearched {
    /// The series.
    pub row: SeriesRow,
    /// How many points it had when it was last searched.
    pub searched: u64,
    /// The same as the store has it: below 0 where points went since.
    pub mark: i64,
}

/// One value, as charts want it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// The commit's place on the main line.
    pub position: u64,
    /// The measured value.
    pub value: f64,
    /// The least sample.
    pub low: f64,
    /// The greatest sample.
    pub high: f64,
}

/// Another testbed's series has taken over from one that ends so many positions before it.
const SUCCEEDED: u64 = 20;

/// What [`state`] reads of a table `s` after [`SERIES`].
const STATE: &str = "s.latest_sha, s.latest_time, s.kind, s.noise, s.drift, s.spread, \
    s.varies, s.varies_in_units";

fn state(r: &Row<'_>) -> rusqlite::Result<SeriesState> {
    Ok(SeriesState {
        row: series_row(r, 0)?,
        latest_sha: Sha(r.get(COLUMNS)?),
        latest_time: r.get(COLUMNS + 1)?,
        kind: r.get(COLUMNS + 2)?,
        noise: r.get(COLUMNS + 3)?,
        drift: r.get(COLUMNS + 4)?,
        spread: r.get(COLUMNS + 5)?,
        varies: match (r.get(COLUMNS + 6)?, r.get(COLUMNS + 7)?) {
            (sigma, true) => Varies::Units(sigma),
            (sigma, false) => Varies::Relative(sigma),
        },
    })
}

impl Store {
    /// The counters that change with everything a page may show.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn generation(&self) -> Result<Generation> {
        self.ask(|db| {
            let get = |db: &rusqlite::Connection, name: &str| -> rusqlite::Result<u64> {
                db.prepare_cached("SELECT value FROM state WHERE name = ?1")?
                    .query_row([name], |r| r.get::<_, i64>(0))
                    .map(i64::cast_unsigned)
            };
            Ok(Generation {
                data: get(db, "facts_generation")?,
                triage: get(db, "people_generation")?,
            })
        })
    }

    /// Every series that is measured by now, by benchmark and metric. One whose testbed another took
    /// over from belongs to history.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn current_series(&self) -> Result<Vec<SeriesState>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {SERIES}, {STATE} FROM series s WHERE points > 0 \
                 AND NOT EXISTS (SELECT 1 FROM series o WHERE o.benchmark = s.benchmark \
                 AND o.metric = s.metric AND o.unit = s.unit AND o.counter = s.counter \
                 AND o.latest_position > s.latest_position + {SUCCEEDED}) \
                 ORDER BY benchmark, metric, unit, counter, latest_position DESC, fingerprint"
            ))?
            .query_map([], state)?
            .collect()
        })
    }

    /// How many series each metric has, by name and unit.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn metrics(&self) -> Result<Vec<(Metric, u64)>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT metric, unit, max(better), count(*) FROM series WHERE points > 0 \
                 GROUP BY metric, unit",
            )?
            .query_map([], |r| {
                let text = |i| r.get::<_, String>(i);
                let better = Better::from_name(&text(2)?);
                let metric = Metric::stored(&text(0)?, &text(1)?, better);
                Ok((metric, r.get::<_, i64>(3)?.cast_unsigned()))
            })?
            .collect()
        })
    }

    /// The series with that short name, see [`crate::model::SeriesKey::id`].
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn series_by_id(&self, key: &str) -> Result<Option<SeriesState>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {SERIES}, {STATE} FROM series s WHERE key = ?1"
            ))?
            .query_row([key], state)
            .optional()
        })
    }

    /// The number of a series; `None` where nothing was measured of it.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn series_number(&self, key: &SeriesKey) -> Result<Option<i64>> {
        self.ask(|db| {
            db.prepare_cached("SELECT id FROM series WHERE key = ?1")?
                .query_row([key.id()], |r| r.get(0))
                .optional()
        })
    }

    /// The benchmarks of which instructions are counted on the main line.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn counted_benchmarks(&self) -> Result<Vec<String>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT DISTINCT benchmark FROM series WHERE metric = ?1 AND points > 0",
            )?
            .query_map([Metric::Instructions.name()], |r| r.get(0))?
            .collect()
        })
    }

    /// All series of one benchmark, the newest testbed first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn series_of(&self, benchmark: &str) -> Result<Vec<SeriesState>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {SERIES}, {STATE} FROM series s WHERE benchmark = ?1 AND points > 0 \
                 ORDER BY metric, unit, latest_position DESC LIMIT 100"
            ))?
            .query_map([benchmark], state)?
            .collect()
        })
    }

    /// The first position that a series has a value at; `None` where it has none.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn first_position(&self, series: i64) -> Result<Option<u64>> {
        self.ask(|db| {
            db.prepare_cached("SELECT min(position) FROM point WHERE series = ?1")?
                .query_row([series], |r| r.get::<_, Option<i64>>(0))
                .map(|p| p.map(i64::cast_unsigned))
        })
    }

    /// The newest `n` values up to a position, one a position, oldest first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn recent(&self, series: i64, up_to: u64, n: usize) -> Result<Vec<Value>> {
        self.recent_as_of(series, up_to, n, i64::MAX)
    }

    /// [`Store::recent`] as it was when that report had just been stored, see
    /// [`Store::report_number`].
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn recent_as_of(
        &self,
        series: i64,
        up_to: u64,
        n: usize,
        report: i64,
    ) -> Result<Vec<Value>> {
        let out = self.ask(|db| {
            db.prepare_cached(
                "SELECT position, value, low, high FROM point WHERE series = ?1 AND position <= ?2 \
                 AND report <= ?4 ORDER BY position DESC, report DESC LIMIT ?3",
            )?
            .query_map(params![series, signed(up_to), rows_of(n), report], value)?
            .collect::<rusqlite::Result<Vec<Value>>>()
        })?;
        Ok(one_a_position(out, n))
    }

    /// Where a branch was measured up to one of its commits, as it was when that report had just
    /// been stored: positions and numbers of reports, the newest first. A branch that was pushed anew
    /// has several commits at a place: the commit itself counts at its own, else what came in last.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn measured_beside(
        &self,
        of: &MeasuredCommit,
        n: usize,
        report: i64,
    ) -> Result<Vec<(i64, i64)>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT c.position, r.id FROM measured_commit c CROSS JOIN report r ON r.sha = c.sha \
                 WHERE c.main = 0 AND c.branch = ?1 AND c.merge_base = ?2 AND c.position <= ?3 \
                 AND (c.position < ?3 OR c.sha = ?4) AND r.id <= ?5 \
                 ORDER BY c.position DESC, r.id DESC LIMIT ?6",
            )?
            .query_map(
                params![
                    of.branch,
                    of.merge_base,
                    signed(of.position),
                    of.sha.0,
                    report,
                    rows_of(n)
                ],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )?
            .collect()
        })
    }

    /// The newest `n` values of a series at such places, one a position, oldest first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn values_beside(
        &self,
        series: i64,
        places: &[(i64, i64)],
        n: usize,
    ) -> Result<Vec<Value>> {
        let out = self.ask(|db| {
            let mut at = db.prepare_cached(
                "SELECT position, value, low, high FROM branch_point \
                 WHERE series = ?1 AND position = ?2 AND report = ?3",
            )?;
            let mut out: Vec<Value> = Vec::new();
            for (position, report) in places {
                // Some places have several reports of the series: half of these are enough.
                if out.len() >= n.saturating_mul(2) {
                    break;
                }
                out.extend(
                    at.query_row(params![series, position, report], value)
                        .optional()?,
                );
            }
            Ok(out)
        })?;
        Ok(one_a_position(out, n))
    }

    /// The values at positions `from..=to`, one a position (the newest report's), in order.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn values(&self, series: i64, from: u64, to: u64) -> Result<Vec<Value>> {
        let mut out = self.ask(|db| {
            db.prepare_cached(
                "SELECT position, value, low, high FROM point \
                 WHERE series = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position, report DESC",
            )?
            .query_map(params![series, signed(from), signed(to)], value)?
            .collect::<rusqlite::Result<Vec<Value>>>()
        })?;
        out.dedup_by_key(|v| v.position);
        Ok(out)
    }

    /// Where a report stands in the order of arrival.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn report_number(&self, hash: &str) -> Result<Option<i64>> {
        self.ask(|db| {
            db.prepare_cached("SELECT id FROM report WHERE hash = ?1")?
                .query_row([hash], |r| r.get(0))
                .optional()
        })
    }

    /// The report of that number.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is damaged.
    pub fn report_numbered(&self, number: i64) -> Result<Option<Report>> {
        let hash: Option<String> = self.ask(|db| {
            db.prepare_cached("SELECT hash FROM report WHERE id = ?1")?
                .query_row([number], |r| r.get(0))
                .optional()
        })?;
        hash.map_or(Ok(None), |hash| self.report(&hash))
    }

    /// A report by its content hash, checked.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is damaged.
    pub fn report(&self, hash: &str) -> Result<Option<Report>> {
        self.report_where("r.hash = ?1", &[hash])
    }

    /// A profile of call stacks of that benchmark on that commit, whatever suite it was taken in.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is damaged.
    pub fn any_stacks(&self, sha: &Sha, benchmark: &str) -> Result<Option<Vec<u8>>> {
        let hash: Option<String> = self.ask(|db| {
            db.prepare_cached("SELECT blob FROM stacks WHERE sha = ?1 AND benchmark = ?2 LIMIT 1")?
                .query_row(params![sha.0, benchmark], |r| r.get(0))
                .optional()
        })?;
        hash.map_or(Ok(None), |h| self.blob(&h))
    }

    /// How many series have points that the change finder has not seen.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn unsearched_series(&self) -> Result<u64> {
        self.ask(|db| {
            db.prepare_cached("SELECT count(*) FROM series WHERE searched <> points")?
                .query_row([], |r| r.get::<_, i64>(0))
                .map(i64::cast_unsigned)
        })
    }

    /// Runs what reads on one state of the store, whatever others write meanwhile. Many small
    /// questions are answered faster so, too: the state is looked for once.
    ///
    /// # Errors
    /// What `read` says; [`crate::error::Error::Store`].
    pub fn at_once<T>(&self, read: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        if !self.db.is_autocommit() {
            // Within another one: that is of one state already.
            return read(self);
        }
        let reading = self.db.unchecked_transaction();
        let _reading = reading.map_err(|e| self.error(&e))?;
        read(self)
    }

    /// Whether a series is as it was read, with as many points.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn is_so(&self, s: &SeriesRow) -> Result<bool> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM series WHERE id = ?1 AND key = ?2 AND points = ?3)",
            )?
            .query_row(params![s.id, s.key.id(), s.points.cast_signed()], |r| {
                r.get(0)
            })
        })
    }

    /// Series with points that the change finder has not seen.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn unsearched(&self, limit: usize) -> Result<Vec<Unsearched>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {SERIES}, s.searched FROM series s WHERE searched <> points LIMIT ?1"
            ))?
            .query_map([limit as i64], unsearched)?
            .collect()
        })
    }

    /// One of [`Store::unsearched`]; `None` where the change finder has seen all of that series.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn unsearched_of(&self, key: &SeriesKey) -> Result<Option<Unsearched>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {SERIES}, s.searched FROM series s WHERE key = ?1 AND searched <> points"
            ))?
            .query_row([key.id()], unsearched)
            .optional()
        })
    }
}

/// Rows that are read for `n` positions: several reports of one commit are rare, and a few rows more
/// make up for them.
const fn rows_of(n: usize) -> i64 {
    (n + n / 4) as i64
}

/// Of values with the newest first, the newest of each position, at most `n`, oldest first.
fn one_a_position(mut values: Vec<Value>, n: usize) -> Vec<Value> {
    values.dedup_by_key(|v| v.position);
    values.truncate(n);
    values.reverse();
    values
}

fn unsearched(r: &Row<'_>) -> rusqlite::Result<Unsearched> {
    Ok(Unsearched {
        row: series_row(r, 0)?,
        searched: r.get::<_, i64>(COLUMNS)?.max(0).cast_unsigned(),
        mark: r.get(COLUMNS)?,
    })
}

fn value(r: &Row<'_>) -> rusqlite::Result<Value> {
    Ok(Value {
        position: r.get::<_, i64>(0)?.cast_unsigned(),
        value: r.get(1)?,
        low: r.get(2)?,
        high: r.get(3)?,
    })
}
