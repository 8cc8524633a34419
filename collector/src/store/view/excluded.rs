//! Reports that count no longer: they stay in the log, and nothing is derived from them.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::error::Result;
use crate::model::Sha;
use crate::store::Store;
use crate::store::log::entry::Exclusion;

/// A report that somebody excluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excluded {
    /// The hash of the report.
    pub report: String,
    /// Its commit.
    pub sha: Sha,
    /// Why.
    pub reason: String,
    /// Who excluded it.
    pub actor: String,
    /// When, in seconds since 1970-01-01 UTC.
    pub time: i64,
}

/// Notes what was said of a report, unless something later is known. Gives whether it changes
/// whether the report counts.
pub(super) fn note(tx: &Transaction<'_>, e: &Exclusion) -> rusqlite::Result<bool> {
    let was: Option<(bool, i64)> = tx
        .prepare_cached("SELECT out, time FROM exclusion WHERE report = ?1")?
        .query_row([&e.report], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    if was.is_some_and(|(_, time)| time > e.time) {
        return Ok(false);
    }
    tx.prepare_cached(
        "INSERT INTO exclusion (report, out, sha, reason, actor, time) \
         VALUES (?1, ?2, coalesce((SELECT sha FROM report WHERE hash = ?1), ''), ?3, ?4, ?5) \
         ON CONFLICT (report) DO UPDATE SET out = excluded.out, reason = excluded.reason, \
         actor = excluded.actor, time = excluded.time",
    )?
    .execute(params![e.report, !e.back, e.reason, e.actor, e.time])?;
    Ok(was.is_some_and(|(out, _)| out) == e.back)
}

/// Whether a report counts not; its commit is noted for the list of those.
pub(super) fn is_out(tx: &Transaction<'_>, hash: &str, sha: &Sha) -> rusqlite::Result<bool> {
    let out: Option<bool> = tx
        .prepare_cached("SELECT out FROM exclusion WHERE report = ?1")?
        .query_row([hash], |r| r.get(0))
        .optional()?;
    if out.is_some() {
        tx.prepare_cached("UPDATE exclusion SET sha = ?2 WHERE report = ?1 AND sha <> ?2")?
            .execute([hash, &sha.0])?;
    }
    Ok(out.unwrap_or(false))
}

/// Whether the report at a place in the log was pruned.
pub(super) fn is_gone(tx: &Transaction<'_>, seq: i64) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM pruned_report WHERE seq = ?1)")?
        .query_row([seq], |r| r.get(0))
}

impl Store {
    /// The reports that count no longer, the newest decision first; of one commit if it is named.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn excluded(&self, of: Option<&Sha>) -> Result<Vec<Excluded>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT report, sha, reason, actor, time FROM exclusion WHERE out = 1 \
                 AND (?1 IS NULL OR sha = ?1) ORDER BY time DESC, report LIMIT 1000",
            )?
            .query_map([of.map(|s| s.0.as_str())], |r| {
                Ok(Excluded {
                    report: r.get(0)?,
                    sha: Sha(r.get(1)?),
                    reason: r.get(2)?,
                    actor: r.get(3)?,
                    time: r.get(4)?,
                })
            })?
            .collect()
        })
    }

    /// The hashes of reports that begin so, excluded ones too, at most ten; and those of a commit
    /// whose object name begins so.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn reports_named(&self, prefix: &str) -> Result<Vec<String>> {
        self.ask(|db| {
            // `g` comes after every hexadecimal digit.
            let end = format!("{prefix}g");
            db.prepare_cached(
                "SELECT hash FROM report WHERE (hash >= ?1 AND hash < ?2) OR (sha >= ?1 AND sha < ?2) \
                 UNION SELECT report FROM exclusion WHERE (report >= ?1 AND report < ?2) \
                 OR (sha >= ?1 AND sha < ?2) ORDER BY 1 LIMIT 10",
            )?
            .query_map([prefix, &end], |r| r.get(0))?
            .collect()
        })
    }
}
