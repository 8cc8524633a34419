//! Stubs that came to a replica before their pruning was applied there.
//!
//! Whoever takes a report out of the view reads in it what it gave. So a replica that has the report
//! keeps it until then, and its stub beside it.

use rusqlite::{Connection, Transaction, params};

use crate::store::log::entry::Kind;
use crate::store::log::pruning::Pruning;

/// The table that a replica has for them.
pub(in crate::store) const TABLE: &str =
    "CREATE TABLE late (seq INTEGER PRIMARY KEY, document BLOB NOT NULL);";

/// Keeps a stub until its pruning is applied, where the report is here; gives whether it is.
pub(in crate::store) fn keep(
    tx: &Transaction<'_>,
    (seq, kind): (i64, &str),
    document: &[u8],
) -> rusqlite::Result<bool> {
    if kind != Kind::Stub.name() {
        return Ok(false);
    }
    let kept = tx
        .prepare_cached(
            "INSERT OR REPLACE INTO late SELECT seq, ?2 FROM log WHERE seq = ?1 AND kind = ?3",
        )?
        .execute(params![seq, document, Kind::Report.name()])?;
    Ok(kept > 0)
}

/// Puts the stubs of a pruning that was just applied in the place of their reports. The shared log
/// has them already.
pub(in crate::store) fn settle(tx: &Transaction<'_>, p: &Pruning) -> rusqlite::Result<()> {
    if p.reports.is_empty() || !is_replica(tx)? {
        return Ok(());
    }
    for pruned in &p.reports {
        let put = tx
            .prepare_cached(
                "UPDATE log SET kind = ?2, document = late.document FROM late \
                 WHERE late.seq = log.seq AND log.hash = ?1 AND log.kind = ?3 RETURNING log.seq",
            )?
            .query_map(
                params![pruned.report, Kind::Stub.name(), Kind::Report.name()],
                |r| r.get::<_, i64>(0),
            )?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        for seq in put {
            tx.prepare_cached("DELETE FROM late WHERE seq = ?1")?
                .execute([seq])?;
            tx.prepare_cached(
                "DELETE FROM temp.noted WHERE name = 'log' AND key = json_array(?1)",
            )?
            .execute([seq])?;
        }
    }
    Ok(())
}

fn is_replica(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'late')")?
        .query_row([], |r| r.get(0))
}
