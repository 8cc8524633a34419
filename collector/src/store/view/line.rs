//! What series along a line of commits are read from: the main line as the store knows it,
//! testbeds, and single points of a series.

use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::model::{SeriesKey, Sha, Testbed};
use crate::store::Store;
use crate::store::view::series::own_unit;

/// A query over the points of one series, on the main line and beside it.
fn over_both(columns: &str, condition: &str, order: &str) -> String {
    let of = |table: &str| {
        format!(
            "SELECT {columns} FROM series s JOIN {table} p ON p.series = s.id \
             JOIN report r ON r.id = p.report WHERE s.benchmark = ?1 AND s.metric = ?2 \
             AND s.unit = ?3 AND s.counter = ?4 AND s.fingerprint = ?5 {condition}"
        )
    };
    let (main, beside) = (of("point"), of("branch_point"));
    format!("{main} UNION ALL {beside} ORDER BY {order} LIMIT 1")
}

impl Store {
    /// The testbed on which a series was measured last.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn testbed_of(&self, key: &SeriesKey) -> Result<Option<Testbed>> {
        let newest = over_both("p.position, p.report", "", "1 DESC, 2 DESC");
        let sql =
            format!("SELECT l.hash, l.document FROM ({newest}) n JOIN log l ON l.seq = n.report");
        let (metric, unit) = (key.metric.name(), own_unit(&key.metric));
        let counter = key.counter.name();
        let row: Option<(String, Vec<u8>)> = self.ask(|db| {
            db.prepare_cached(&sql)?
                .query_row(
                    params![key.benchmark, metric, unit, counter, key.fingerprint],
                    |r| Ok((r.get(0)?, r.get(1)?)),
                )
                .optional()
        })?;
        row.map(|(hash, document)| Ok(self.unpack_report(&hash, &document)?.testbed))
            .transpose()
    }

    /// The newest value of a series on one commit, with its least and greatest sample.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn value_of(&self, key: &SeriesKey, sha: &Sha) -> Result<Option<(f64, f64, f64)>> {
        let sql = over_both(
            "p.value, p.low, p.high, p.report",
            "AND r.sha = ?6",
            "4 DESC",
        );
        let (metric, unit) = (key.metric.name(), own_unit(&key.metric));
        let counter = key.counter.name();
        self.ask(|db| {
            let name = params![key.benchmark, metric, unit, counter, key.fingerprint, sha.0];
            db.prepare_cached(&sql)?
                .query_row(name, |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                .optional()
        })
    }

    /// The newest commit of the main line, as far as the store knows it.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn main_tip(&self) -> Result<Option<(u64, Sha)>> {
        self.ask(|db| {
            db.prepare_cached("SELECT position, sha FROM main_line ORDER BY position DESC LIMIT 1")?
                .query_row([], |r| {
                    Ok((r.get::<_, i64>(0)?.cast_unsigned(), Sha(r.get(1)?)))
                })
                .optional()
        })
    }

    /// The commit of the main line at a position, as far as the store knows it.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn main_commit(&self, position: u64) -> Result<Option<Sha>> {
        self.ask(|db| {
            db.prepare_cached("SELECT sha FROM main_line WHERE position = ?1")?
                .query_row([position.cast_signed()], |r| r.get(0).map(Sha))
                .optional()
        })
    }

    /// The commits of the main line between two positions, both left out, that no report is about:
    /// how many, and the newest of them, at most `most`.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn unmeasured(&self, from: u64, to: u64, most: usize) -> Result<(u64, Vec<(u64, Sha)>)> {
        const OF: &str = "FROM main_line l WHERE l.position > ?1 AND l.position < ?2 \
             AND NOT EXISTS (SELECT 1 FROM measured_commit c WHERE c.sha = l.sha)";
        let ends = [from, to].map(u64::cast_signed);
        self.ask(|db| {
            let all: i64 = db
                .prepare_cached(&format!("SELECT count(*) {OF}"))?
                .query_row(ends, |r| r.get(0))?;
            let sql = format!("SELECT l.position, l.sha {OF} ORDER BY l.position DESC LIMIT ?3");
            let newest = db
                .prepare_cached(&sql)?
                .query_map(params![ends[0], ends[1], most as i64], |r| {
                    Ok((r.get::<_, i64>(0)?.cast_unsigned(), Sha(r.get(1)?)))
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok((all.cast_unsigned(), newest))
        })
    }

    /// The position of a commit on the main line, as far as the store knows it.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn main_position(&self, sha: &Sha) -> Result<Option<u64>> {
        self.ask(|db| {
            db.prepare_cached("SELECT position FROM main_line WHERE sha = ?1")?
                .query_row([&sha.0], |r| r.get::<_, i64>(0))
                .optional()
                .map(|p| p.map(i64::cast_unsigned))
        })
    }
}
