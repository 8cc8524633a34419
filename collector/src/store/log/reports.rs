//! Reports and call stacks: written once, read by their hash, their commit or their build.

use crate::error::{Error, Result};
use crate::model::{Report, Sha, digest};
use crate::store::Store;
use crate::store::log::append::Sealed;
use crate::store::log::entry::{Entry, Kind, Stacks};
use rusqlite::{OptionalExtension, params};

impl Store {
    /// Stores a report with its profiles, durably, and derives series and points from it.
    /// Gives its hash. A report that is there already changes nothing.
    ///
    /// # Errors
    /// [`Error::Store`]; then nothing of it was stored.
    pub fn put(&mut self, report: &Report, profiles: &[(String, Vec<u8>)]) -> Result<String> {
        let hash = self.put_durably(report, profiles)?;
        self.catch_up()?;
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
        let entry = Sealed::of_bytes(Kind::Report, &json)?;
        self.append(&entry, profiles)?;
        Ok(entry.hash)
    }

    /// Keeps a profile of call stacks.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn put_stacks(
        &mut self,
        sha: &Sha,
        benchmark: &str,
        suite: &str,
        bytes: &[u8],
    ) -> Result<()> {
        let blob = digest(bytes);
        let entry = Entry::Profile(Stacks {
            sha: sha.clone(),
            benchmark: benchmark.to_owned(),
            suite: suite.to_owned(),
            testbed: None,
            blob: blob.clone(),
        });
        self.append(&Sealed::of(&entry)?, &[(blob, bytes.to_vec())])?;
        self.catch_up().map(|_| ())
    }

    /// A profile of call stacks that was kept.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn stacks(&self, sha: &Sha, benchmark: &str, suite: &str) -> Result<Option<Vec<u8>>> {
        let hash: Option<String> = self
            .db
            .query_row(
                "SELECT blob FROM stacks WHERE sha = ?1 AND benchmark = ?2 AND suite_key = ?3",
                params![sha.0, benchmark, suite],
                |r| r.get(0),
            )
            .optional()
            .map_err(|e| self.error(&e))?;
        hash.map_or(Ok(None), |h| self.blob(&h))
    }

    pub(in crate::store) fn report_where(
        &self,
        condition: &str,
        args: &[&str],
    ) -> Result<Option<Report>> {
        let sql = format!(
            "SELECT r.hash, l.document FROM report r JOIN log l ON l.seq = r.id \
             AND l.kind = 'report' WHERE {condition} ORDER BY r.failed, r.id DESC LIMIT 1"
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
                "SELECT r.hash, l.document FROM report r JOIN log l ON l.seq = r.id \
                 AND l.kind = 'report' WHERE r.sha = ?1 AND r.suite_key = ?2 \
                 AND r.testbed_key = ?3 ORDER BY r.id",
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
        let json = self.bytes_of(Kind::Report.name(), hash, document)?;
        serde_json::from_slice(&json).map_err(|e| self.damaged(&format!("report {hash}: {e}")))
    }

    /// The newest report of a commit for what is asked and where; one with numbers if there is one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn report_of(&self, sha: &Sha, suite: &str, testbed: &str) -> Result<Option<Report>> {
        self.report_where(
            "r.sha = ?1 AND r.suite_key = ?2 AND r.testbed_key = ?3",
            &[&sha.0, suite, testbed],
        )
    }

    /// A report with numbers of any commit with that build key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn report_of_build(&self, key: &str, suite: &str, testbed: &str) -> Result<Option<Report>> {
        self.report_where(
            "r.build_key = ?1 AND r.suite_key = ?2 AND r.testbed_key = ?3 AND r.failed = 0",
            &[key, suite, testbed],
        )
    }

    /// The newest report of a commit, wherever it was measured.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn any_report_of(&self, sha: &Sha) -> Result<Option<Report>> {
        self.report_where("r.sha = ?1", &[&sha.0])
    }
}
