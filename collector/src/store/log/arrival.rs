//! When entries came, by the clock of whoever keeps them: what a report says of its own time may be
//! years off. No part of any entry: a store that reads another one's export says when it did.

use rusqlite::{OptionalExtension, Transaction};

/// Entries that come within this time, in seconds, count as having come together.
pub(in crate::store) const TOGETHER: i64 = 3_600;

/// Notes that an entry came now; nothing where it was there already.
pub(in crate::store) fn note(tx: &Transaction<'_>, seq: Option<i64>) -> rusqlite::Result<()> {
    let Some(seq) = seq else { return Ok(()) };
    tx.prepare_cached(
        "INSERT OR IGNORE INTO arrival SELECT ?1, unixepoch() WHERE NOT EXISTS \
         (SELECT 1 FROM (SELECT time FROM arrival ORDER BY seq DESC LIMIT 1) \
         WHERE abs(time - unixepoch()) < ?2)",
    )?
    .execute([seq, TOGETHER])?;
    Ok(())
}

/// The newest entry such that it, and every one before it, came before a time. Of what came before
/// arrivals were kept only reports say a time, their own; one in the future says nothing.
pub(in crate::store) fn last_before(
    tx: &rusqlite::Connection,
    time: i64,
    now: i64,
) -> rusqlite::Result<i64> {
    let first: Option<i64> = tx
        .prepare_cached("SELECT min(seq) FROM arrival")?
        .query_row([], |r| r.get(0))
        .optional()?
        .flatten();
    let known: Option<i64> = tx
        .prepare_cached("SELECT min(seq) FROM arrival WHERE time + ?2 > ?1")?
        .query_row([time, TOGETHER], |r| r.get(0))?;
    let told: Option<i64> = tx
        .prepare_cached(
            "SELECT min(id) FROM report WHERE id < ?1 AND started >= ?2 AND started <= ?3",
        )?
        .query_row([first.unwrap_or(i64::MAX), time, now], |r| r.get(0))?;
    let next = known.into_iter().chain(told).min();
    Ok(next.map_or(i64::MAX, |n| n - 1))
}
