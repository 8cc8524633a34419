//! Reports: written once, read by their hash, their commit or their build.

use crate::error::{Error, Result};
use crate::model::{Report, Sha, digest};
use crate::store::Store;
use crate::store::explain;
use crate::store::log::codec::pack;
use crate::store::log::codec::unpack;
use rusqlite::{OptionalExtension, params};

impl Store {
    /// Stores a report with its profiles, durably, and derives series and points from it.
    /// Gives its hash. A report that is there already changes nothing.
    ///
    /// # Errors
    /// [`Error::Store`]; then nothing of it was stored.
    pub fn put(&mut self, report: &Report, profiles: &[(String, Vec<u8>)]) -> Result<String> {
        let hash = self.put_durably(report, profiles)?;
        self.derive()?;
        Ok(hash)
    }

    /// [`Store::put`] without deriving: the acknowledged, durable part.
    ///
    /// # Errors
    /// [`Error::Store`]; then nothing of it was stored.
    pub fn put_durably(
        &mut self,
        report: &Report,
        profiles: &[(String, Vec<u8>)],
    ) -> Result<String> {
        let json = serde_json::to_vec(report)
            .map_err(|e| Error::Store(format!("the report cannot be written as JSON: {e}")))?;
        let hash = digest(&json);
        let document = pack(&json)?;
        let packed: Vec<(&str, Vec<u8>)> = profiles
            .iter()
            .map(|(h, bytes)| Ok((h.as_str(), pack(bytes)?)))
            .collect::<Result<_>>()?;
        let path = self.path.clone();
        let mut insert = || -> rusqlite::Result<()> {
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let mut blob = tx.prepare_cached("INSERT OR IGNORE INTO blob VALUES (?1, ?2)")?;
            for (hash, bytes) in &packed {
                blob.execute(params![hash, bytes])?;
            }
            drop(blob);
            let failed = report.failures.iter().any(|f| f.benchmark.is_none());
            let added = tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO report (hash, sha, position, build_key, suite_key, \
                     testbed_key, started, failed, document) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)",
                )?
                .execute(params![
                    hash,
                    report.commit.sha.0,
                    report.commit.position as i64,
                    report.build_key,
                    report.suite_key,
                    report.testbed_key,
                    report.started,
                    failed,
                    document,
                ])?;
            tx.execute(
                "UPDATE state SET value = value + ?1 WHERE name = 'reports'",
                [added as i64],
            )?;
            tx.commit()
        };
        insert().map_err(|e| explain(&path, &e))?;
        Ok(hash)
    }

    pub(in crate::store) fn report_where(
        &self,
        condition: &str,
        args: &[&str],
    ) -> Result<Option<Report>> {
        let sql = format!(
            "SELECT hash, document FROM report WHERE {condition} ORDER BY failed, id DESC LIMIT 1"
        );
        let row = self
            .db
            .prepare_cached(&sql)
            .and_then(|mut s| {
                s.query_row(rusqlite::params_from_iter(args), |r| {
                    Ok((r.get::<_, String>(0)?, r.get::<_, Vec<u8>>(1)?))
                })
                .optional()
            })
            .map_err(|e| self.error(&e))?;
        row.map(|(hash, document)| self.unpack_report(&hash, &document))
            .transpose()
    }

    /// Every report of a commit for what is asked and where, in the order of arrival.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn reports_of(&self, sha: &Sha, suite: &str, testbed: &str) -> Result<Vec<Report>> {
        let query = || -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
            let mut s = self.db.prepare_cached(
                "SELECT hash, document FROM report \
                 WHERE sha = ?1 AND suite_key = ?2 AND testbed_key = ?3 ORDER BY id",
            )?;
            s.query_map(params![sha.0, suite, testbed], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?
            .collect()
        };
        let rows = query().map_err(|e| self.error(&e))?;
        rows.iter()
            .map(|(hash, document)| self.unpack_report(hash, document))
            .collect()
    }

    /// The commits that have any report.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn measured(&self) -> Result<std::collections::HashSet<Sha>> {
        let query = || -> rusqlite::Result<std::collections::HashSet<Sha>> {
            let mut s = self.db.prepare_cached("SELECT DISTINCT sha FROM report")?;
            s.query_map([], |r| r.get(0).map(Sha))?.collect()
        };
        query().map_err(|e| self.error(&e))
    }

    pub(in crate::store) fn unpack_report(&self, hash: &str, document: &[u8]) -> Result<Report> {
        let json = unpack(document).map_err(|e| self.damaged(&format!("report {hash}: {e}")))?;
        if digest(&json) != hash {
            return Err(self.damaged(&format!(
                "report {hash}: its content does not have that hash"
            )));
        }
        serde_json::from_slice(&json).map_err(|e| self.damaged(&format!("report {hash}: {e}")))
    }

    /// The newest report of a commit for what is asked and where; one with numbers if there is one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn report_of(&self, sha: &Sha, suite: &str, testbed: &str) -> Result<Option<Report>> {
        self.report_where(
            "sha = ?1 AND suite_key = ?2 AND testbed_key = ?3",
            &[&sha.0, suite, testbed],
        )
    }

    /// A report with numbers of any commit with that build key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn report_of_build(&self, key: &str, suite: &str, testbed: &str) -> Result<Option<Report>> {
        self.report_where(
            "build_key = ?1 AND suite_key = ?2 AND testbed_key = ?3 AND failed = 0",
            &[key, suite, testbed],
        )
    }

    /// The newest report of a commit, wherever it was measured.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn any_report_of(&self, sha: &Sha) -> Result<Option<Report>> {
        self.report_where("sha = ?1", &[&sha.0])
    }

    /// Visits every report in the order of arrival, one in memory at a time.
    pub(in crate::store) fn each_report(
        &self,
        visit: &mut dyn FnMut(&str, Result<Report>) -> Result<()>,
    ) -> Result<()> {
        let mut last = 0i64;
        loop {
            let row: Option<(i64, String, Vec<u8>)> = self
                .db
                .prepare_cached(
                    "SELECT id, hash, document FROM report WHERE id > ?1 ORDER BY id LIMIT 1",
                )
                .and_then(|mut s| {
                    s.query_row([last], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                        .optional()
                })
                .map_err(|e| self.error(&e))?;
            let Some((id, hash, document)) = row else {
                return Ok(());
            };
            last = id;
            visit(&hash, self.unpack_report(&hash, &document))?;
        }
    }
}
