//! Series and their points.

use crate::model::SeriesKey;
use std::collections::HashMap;

use rusqlite::{Row, params};

use crate::error::Result;
use crate::model::{Better, Counter, Metric, NoiseClass, Sha, class_from_name};
use crate::store::Store;

/// One point of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The commit's place on the main line.
    pub position: u64,
    /// The commit.
    pub sha: Sha,
    /// The measured value.
    pub value: f64,
    /// The least sample.
    pub low: f64,
    /// The greatest sample.
    pub high: f64,
    /// The number of the report that it is from, see [`Store::report_number`].
    pub report: i64,
}

/// A series as an index shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    /// Its number in the store.
    pub id: i64,
    /// Its name.
    pub key: SeriesKey,
    /// Its noise class at the newest position.
    pub class: NoiseClass,
    /// How many points it has.
    pub points: u64,
    /// The newest position.
    pub latest_position: u64,
    /// The value there.
    pub latest_value: f64,
}

/// The points of one series in a table, up to a position.
fn points_of(table: &str) -> String {
    format!(
        "SELECT p.position, r.sha, p.value, p.low, p.high, p.report FROM series s \
         JOIN {table} p ON p.series = s.id JOIN report r ON r.id = p.report \
         WHERE s.benchmark = ?1 AND s.metric = ?2 AND s.unit = ?3 AND s.counter = ?4 \
         AND s.fingerprint = ?5 AND p.position <= ?6"
    )
}

impl Store {
    /// How many series a testbed has, by its fingerprint.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn series_on(&self, fingerprint: &str) -> Result<usize> {
        self.ask(|db| {
            db.prepare_cached("SELECT count(*) FROM series WHERE fingerprint = ?1 AND points > 0")?
                .query_row([fingerprint], |r| r.get::<_, i64>(0))
                .map(|n| usize::try_from(n).unwrap_or(0))
        })
    }

    /// The points of a series on the main line up to a position, in order of position; several
    /// reports of one commit give several points.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn points(&self, key: &SeriesKey, up_to: u64) -> Result<Vec<Point>> {
        let sql = format!("{} ORDER BY 1, 6", points_of("point"));
        self.points_by(&sql, key, up_to)
    }

    /// [`Store::points`] with those of commits beside the main line: for whoever walks a line of
    /// commits of its own.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn points_anywhere(&self, key: &SeriesKey, up_to: u64) -> Result<Vec<Point>> {
        let (main, beside) = (points_of("point"), points_of("branch_point"));
        self.points_by(
            &format!("{main} UNION ALL {beside} ORDER BY 1, 6"),
            key,
            up_to,
        )
    }

    fn points_by(&self, sql: &str, key: &SeriesKey, up_to: u64) -> Result<Vec<Point>> {
        let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
        let (metric, unit) = (key.metric.name(), own_unit(&key.metric));
        let counter = key.counter.name();
        self.ask(|db| {
            let name = params![key.benchmark, metric, unit, counter, key.fingerprint, up_to];
            db.prepare_cached(sql)?
                .query_map(name, |r| {
                    Ok(Point {
                        position: r.get::<_, i64>(0)?.cast_unsigned(),
                        sha: Sha(r.get(1)?),
                        value: r.get(2)?,
                        low: r.get(3)?,
                        high: r.get(4)?,
                        report: r.get(5)?,
                    })
                })?
                .collect()
        })
    }

    /// Every series, by benchmark and metric.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn series(&self) -> Result<Vec<SeriesRow>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {SERIES} FROM series s \
                 ORDER BY benchmark, metric, unit, counter, fingerprint"
            ))?
            .query_map([], |r| series_row(r, 0))?
            .collect()
        })
    }

    /// The noise class of each benchmark's instruction count on a testbed, and values that it has
    /// around a place on the main line and on branches.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn counts_around(
        &self,
        counter: &Counter,
        fingerprint: &str,
        position: i64,
    ) -> Result<HashMap<String, (NoiseClass, Vec<f64>)>> {
        /// Commits on each side that are looked at.
        const AROUND: i64 = 20;
        let query = || -> rusqlite::Result<HashMap<String, (NoiseClass, Vec<f64>)>> {
            let mut s = self.db.prepare_cached(
                "WITH own AS (SELECT id, benchmark, class, latest_value FROM series \
                   WHERE metric = ?1 AND counter = ?2 AND fingerprint = ?3) \
                 SELECT benchmark, class, latest_value FROM own UNION \
                 SELECT benchmark, class, value FROM own JOIN point ON series = id \
                   AND position BETWEEN ?4 - ?5 AND ?4 + ?5 UNION \
                 SELECT benchmark, class, value FROM own JOIN branch_point ON series = id \
                   AND position BETWEEN ?4 - ?5 AND ?4 + ?5",
            )?;
            let metric = Metric::Instructions;
            let asked = params![metric.name(), counter.name(), fingerprint, position, AROUND];
            let mut out: HashMap<String, (NoiseClass, Vec<f64>)> = HashMap::new();
            let mut rows = s.query(asked)?;
            while let Some(r) = rows.next()? {
                let class: String = r.get(1)?;
                let known = out.entry(r.get(0)?);
                let known = known.or_insert_with(|| (class_from_name(&class), Vec::new()));
                known.1.push(r.get(2)?);
            }
            Ok(out)
        };
        query().map_err(|e| self.error(&e))
    }

    /// How many reports and points there are, from counters.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn counts(&self) -> Result<(u64, u64)> {
        let get = |name: &str| -> Result<u64> {
            self.db
                .query_row("SELECT value FROM state WHERE name = ?1", [name], |r| {
                    r.get::<_, i64>(0)
                })
                .map(i64::cast_unsigned)
                .map_err(|e| self.error(&e))
        };
        Ok((get("reports")?, get("points")?))
    }
}

/// What [`series_row`] reads of a table `s`.
pub(super) const SERIES: &str = "s.id, s.benchmark, s.metric, s.unit, s.better, s.counter, \
    s.fingerprint, s.class, s.points, s.latest_position, s.latest_value";
/// How many columns that are.
pub(super) const COLUMNS: usize = 11;

pub(super) fn series_row(r: &Row<'_>, at: usize) -> rusqlite::Result<SeriesRow> {
    let text = |i: usize| r.get::<_, String>(at + i);
    Ok(SeriesRow {
        id: r.get(at)?,
        key: SeriesKey {
            benchmark: text(1)?,
            metric: Metric::stored(&text(2)?, &text(3)?, Better::from_name(&text(4)?)),
            counter: Counter::stored(&text(5)?),
            fingerprint: text(6)?,
        },
        class: class_from_name(&text(7)?),
        points: r.get::<_, i64>(at + 8)?.cast_unsigned(),
        latest_position: r.get::<_, i64>(at + 9)?.max(0).cast_unsigned(),
        latest_value: r.get(at + 10)?,
    })
}

/// The unit as a series' row keeps it: a well-known metric has but one.
pub(super) fn own_unit(metric: &Metric) -> &str {
    if metric.is_own() { metric.unit() } else { "" }
}

/// Which way is better as a series' row keeps it: of a well-known metric nobody can say.
pub(super) fn own_direction(metric: &Metric, better: Better) -> &'static str {
    if metric.is_own() { better.name() } else { "" }
}
