//! The bytes of what was dropped, and the space that they took.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::Result;
use crate::model::{Report, digest};
use crate::store::Store;
use crate::store::log::append::{self, Sealed};
use crate::store::log::arrival;
use crate::store::log::codec::{pack, unpack};
use crate::store::log::entry::Kind;
use crate::store::log::pruning::{Pruning, Stub};
use crate::store::objects;
use crate::store::view::apply::apply_new;

/// What of SQLite gives freed pages back a few at a time.
const INCREMENTAL: i64 = 2;
/// Pages that are given back in one transaction: 16 MiB.
const PAGES: usize = 4_096;

fn wrap(e: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(e.to_string().into())
}

/// A stub as it stands in the log.
pub(super) fn stub(stub: &Stub) -> rusqlite::Result<Vec<u8>> {
    serde_json::to_vec(stub).map_err(wrap)
}

/// A report that is whole; `None` also where it is damaged, which `verify` names.
pub(super) fn report(db: &Connection, hash: &str) -> rusqlite::Result<Option<Report>> {
    let document: Option<Vec<u8>> = db
        .prepare_cached("SELECT document FROM log WHERE hash = ?1 AND kind = 'report'")?
        .query_row([hash], |r| r.get(0))
        .optional()?;
    let bytes = document.and_then(|d| unpack(&d).ok());
    let whole = bytes.filter(|b| digest(b) == hash);
    Ok(whole.and_then(|b| serde_json::from_slice(&b).ok()))
}

/// Drops the bytes of what a pruning names, and leaves a stub of each report.
pub(super) fn drop(tx: &Transaction<'_>, p: &Pruning) -> rusqlite::Result<()> {
    for blob in &p.profiles {
        objects::forget(tx, blob)?;
    }
    for pruned in &p.reports {
        let Some(report) = report(tx, &pruned.report)? else {
            continue;
        };
        let left = stub(&Stub::of(&pruned.report, &report))?;
        tx.prepare_cached(
            "UPDATE log SET kind = ?2, document = ?3 WHERE hash = ?1 AND kind = 'report'",
        )?
        .execute(params![
            pruned.report,
            Kind::Stub.name(),
            pack(&left).map_err(wrap)?
        ])?;
    }
    Ok(())
}

/// Drops profiles that were pruned and came again with an entry that was there already.
pub(super) fn sweep(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let again: Vec<String> = tx
        .prepare_cached(
            "SELECT p.blob FROM pruned_profile p \
             WHERE NOT EXISTS (SELECT 1 FROM named_profile n WHERE n.blob = p.blob) \
             AND (EXISTS (SELECT 1 FROM blob b WHERE b.hash = p.blob) \
             OR EXISTS (SELECT 1 FROM object o WHERE o.hash = p.blob))",
        )?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    again.iter().try_for_each(|hash| objects::forget(tx, hash))
}

impl Store {
    /// Stores what another store dropped, and drops it here too.
    pub(in crate::store) fn import_pruning(
        &mut self,
        sealed: &Sealed,
        pruning: &Pruning,
    ) -> Result<()> {
        self.with_view(|tx| {
            let Some(seq) = append::put(tx, sealed)? else {
                return Ok(());
            };
            arrival::note(tx, Some(seq))?;
            apply_new(tx, seq, sealed, pruning)?;
            drop(tx, pruning)
        })
    }

    /// Gives pages that are free back to the file system, and gives how many bytes that was. A store
    /// of before free pages could be given back is written anew once where `anew` says so, which
    /// takes as much of the disk again for that time.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] and [`crate::error::Error::Disk`]; the store is whole.
    pub fn shrink(&mut self, anew: bool) -> Result<u64> {
        let before = self.size()?;
        let mode: i64 = self.ask(|db| db.pragma_query_value(None, "auto_vacuum", |r| r.get(0)))?;
        if mode == INCREMENTAL {
            while self.give_back()? {}
        } else if anew {
            self.ask(|db| {
                db.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
                db.execute_batch("VACUUM")
            })?;
        }
        // While somebody reads, the file stays as long as it is; it shrinks at a later one.
        self.ask(|db| db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())))?;
        Ok(before.saturating_sub(self.size()?))
    }

    /// Gives some of the free pages back to the file system, where the store can; gives whether
    /// more are left.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] and [`crate::error::Error::Disk`]; the store is whole.
    pub fn give_back(&mut self) -> Result<bool> {
        let free =
            |db: &Connection| db.pragma_query_value(None, "freelist_count", |r| r.get::<_, i64>(0));
        self.ask(|db| {
            let before = free(db)?;
            let mut some = db.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
            let mut rows = some.query([])?;
            while rows.next()?.is_some() {}
            let after = free(db)?;
            Ok(after > 0 && after < before)
        })
    }

    /// Bytes of the store, as many pages as it has.
    fn size(&self) -> Result<u64> {
        let of = |name: &str| {
            self.ask(|db| db.pragma_query_value(None, name, |r| r.get::<_, i64>(0)))
                .map(i64::cast_unsigned)
        };
        Ok(of("page_count")?.saturating_mul(of("page_size")?))
    }
}
