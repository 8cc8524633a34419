//! Series and points, derived from reports.

use rusqlite::{Transaction, params};

use crate::error::Result;
use crate::model::SeriesKey;
use crate::model::{Report, digest};
use crate::store::{Store, explain};

/// Reports that are derived in one transaction.
const BATCH: usize = 16;

impl Store {
    /// Derives what is new since it was last done. Gives the number of reports it took.
    pub(in crate::store) fn derive(&mut self) -> Result<u64> {
        let mut done = 0;
        loop {
            let batch = self.underived()?;
            if batch.is_empty() {
                return Ok(done);
            }
            done += batch.len() as u64;
            let path = self.path.clone();
            let mut apply = || -> rusqlite::Result<()> {
                let tx = self
                    .db
                    .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                for (id, report) in &batch {
                    add(&tx, *id, report)?;
                }
                tx.commit()
            };
            apply().map_err(|e| explain(&path, &e))?;
        }
    }

    fn underived(&self) -> Result<Vec<(i64, Report)>> {
        let rows: Vec<(i64, String, Vec<u8>)> = self
            .db
            .prepare_cached(
                "SELECT id, hash, document FROM report WHERE id > \
                 (SELECT value FROM state WHERE name = 'derived_report') ORDER BY id LIMIT ?1",
            )
            .and_then(|mut s| {
                s.query_map([BATCH as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
                    .collect()
            })
            .map_err(|e| self.error(&e))?;
        rows.into_iter()
            .map(|(id, hash, document)| Ok((id, self.unpack_report(&hash, &document)?)))
            .collect()
    }

    /// Forgets everything derived and derives it again. Gives the number of reports.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn rebuild(&mut self) -> Result<u64> {
        self.db
            .execute_batch(
                "BEGIN IMMEDIATE; DELETE FROM point; DELETE FROM series; DELETE FROM measured_commit; \
                 DELETE FROM testbed; \
                 UPDATE state SET value = 0 WHERE name IN ('derived_report', 'points'); \
                 UPDATE state SET value = (SELECT count(*) FROM report) WHERE name = 'reports'; \
                 COMMIT;",
            )
            .map_err(|e| self.error(&e))?;
        self.derive()
    }
}

fn add(tx: &Transaction<'_>, id: i64, report: &Report) -> rusqlite::Result<()> {
    // Another process may have derived it between our reading and this transaction.
    let already: i64 = tx.query_row(
        "SELECT value FROM state WHERE name = 'derived_report'",
        [],
        |r| r.get(0),
    )?;
    if already >= id {
        return Ok(());
    }
    let position = i64::try_from(report.commit.position).unwrap_or(i64::MAX);
    let mut series = tx.prepare_cached(
        "INSERT INTO series (benchmark, metric, counter, fingerprint, class, points, \
         latest_position, latest_value, key, latest_sha, latest_time) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (benchmark, metric, counter, fingerprint) DO UPDATE SET \
         points = points + 1, \
         class = iif(excluded.latest_position >= latest_position, excluded.class, class), \
         latest_value = iif(excluded.latest_position >= latest_position, excluded.latest_value, latest_value), \
         latest_sha = iif(excluded.latest_position >= latest_position, excluded.latest_sha, latest_sha), \
         latest_time = max(excluded.latest_time, latest_time), \
         latest_position = max(excluded.latest_position, latest_position) \
         RETURNING id",
    )?;
    let mut point =
        tx.prepare_cached("INSERT OR REPLACE INTO point VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let mut points = 0i64;
    let mut fingerprints = std::collections::HashMap::new();
    for m in report.measurements.iter().filter(|m| m.value.is_finite()) {
        let fingerprint = fingerprints
            .entry(m.counter)
            .or_insert_with(|| report.testbed.fingerprint(m.counter));
        let key = SeriesKey {
            benchmark: m.benchmark.clone(),
            metric: m.metric,
            counter: m.counter,
            fingerprint: fingerprint.clone(),
        };
        let row: i64 = series.query_row(
            params![
                m.benchmark,
                m.metric.name(),
                m.counter.name(),
                &*fingerprint,
                m.class.name(),
                position,
                m.value,
                key.id(),
                report.commit.sha.0,
                report.started,
            ],
            |r| r.get(0),
        )?;
        point.execute(params![row, position, id, m.value, m.low, m.high])?;
        points += 1;
    }
    add_commit(tx, report, position, points)?;
    add_testbed(tx, report, position)?;
    tx.execute(
        "UPDATE state SET value = value + ?1 WHERE name = 'points'",
        [points],
    )?;
    tx.execute(
        "UPDATE state SET value = value + 1 WHERE name = 'facts_generation'",
        [],
    )?;
    tx.execute(
        "UPDATE state SET value = ?1 WHERE name = 'derived_report'",
        [id],
    )?;
    Ok(())
}

fn add_commit(
    tx: &Transaction<'_>,
    report: &Report,
    position: i64,
    points: i64,
) -> rusqlite::Result<()> {
    let c = &report.commit;
    tx.prepare_cached(
        "INSERT INTO measured_commit VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7) \
         ON CONFLICT (sha) DO UPDATE SET reports = reports + 1, \
         measurements = excluded.measurements, failures = excluded.failures",
    )?
    .execute(params![
        c.sha.0,
        position,
        c.time,
        c.author,
        c.subject,
        points,
        report.failures.len() as i64
    ])?;
    Ok(())
}

fn add_testbed(tx: &Transaction<'_>, report: &Report, position: i64) -> rusqlite::Result<()> {
    let facts = serde_json::to_string(&report.testbed.facts).unwrap_or_default();
    tx.prepare_cached(
        "INSERT INTO testbed VALUES (?1, ?2, ?3, ?3, ?4, ?4, 1) ON CONFLICT (key) DO UPDATE SET \
         first_position = min(first_position, excluded.first_position), \
         last_position = max(last_position, excluded.last_position), \
         first_time = min(first_time, excluded.first_time), \
         last_time = max(last_time, excluded.last_time), reports = reports + 1",
    )?
    .execute(params![
        digest(facts.as_bytes()),
        facts,
        position,
        report.commit.time
    ])?;
    Ok(())
}
