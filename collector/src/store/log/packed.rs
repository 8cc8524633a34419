//! Packed profiles as they come in with an entry.

use rusqlite::{Transaction, params};

/// Keeps a packed profile in the file; one that is in an object store already as well, to be looked
/// after there once more.
pub(in crate::store) fn keep(
    tx: &Transaction<'_>,
    hash: &str,
    packed: &[u8],
) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO blob VALUES (?1, ?2)")?
        .execute(params![hash, packed])
        .map(|_| ())
}
