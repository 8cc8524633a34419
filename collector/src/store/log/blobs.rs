//! Profiles, by the hash of their bytes.

use rusqlite::{ErrorCode, OptionalExtension, Transaction, params};

use crate::blobs::Trouble;
use crate::error::Result;
use crate::model::digest;
use crate::store::Store;
use crate::store::log::codec::unpack;

/// A profile that lies in the file, or why it cannot be read.
type InFile = Result<Vec<u8>, Trouble>;

/// Keeps a packed profile in the file, in the place of one that was damaged; one that is in an
/// object store already as well, to be looked after there once more.
pub(in crate::store) fn keep(
    tx: &Transaction<'_>,
    hash: &str,
    packed: &[u8],
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO blob VALUES (?1, ?2) ON CONFLICT (hash) DO UPDATE SET bytes = excluded.bytes \
         WHERE bytes <> excluded.bytes",
    )?
    .execute(params![hash, packed])
    .map(|_| ())
}

impl Store {
    /// A profile by its hash, checked, from wherever it lies; `None` where it never came or was
    /// pruned.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is damaged or lost, [`crate::error::Error::Objects`]
    /// when it cannot be reached.
    pub fn blob(&self, hash: &str) -> Result<Option<Vec<u8>>> {
        match self.in_file(hash)? {
            Some(Ok(bytes)) => Ok(Some(bytes)),
            // One that is damaged here may lie elsewhere whole.
            Some(Err(why)) if !self.has_object(hash)? => Err(why.into()),
            // One that is moved in between is there by now.
            _ => match self.has_object(hash)? {
                true => self.object(hash),
                false => Ok(None),
            },
        }
    }

    /// A profile that lies in the file; `None` where it does not.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] and [`crate::error::Error::Disk`] where the file cannot be read.
    pub(in crate::store) fn in_file(&self, hash: &str) -> Result<Option<InFile>> {
        let row: rusqlite::Result<Option<Vec<u8>>> = self
            .db
            .prepare_cached("SELECT bytes FROM blob WHERE hash = ?1")
            .and_then(|mut query| query.query_row([hash], |r| r.get(0)).optional());
        let packed = match row {
            Ok(None) => return Ok(None),
            Ok(Some(packed)) => packed,
            // That of others may be whole.
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                return Ok(Some(Err(self.spoiled(hash, &e))));
            }
            Err(e) => return Err(self.error(&e)),
        };
        Ok(Some(match unpack(&packed) {
            Ok(bytes) if digest(&bytes) == hash => Ok(bytes),
            Ok(_) => Err(self.spoiled(hash, &"its content does not have that hash")),
            Err(e) => Err(self.spoiled(hash, &e)),
        }))
    }

    fn spoiled(&self, hash: &str, what: &dyn std::fmt::Display) -> Trouble {
        Trouble::Damaged(self.damage(&format!("profile {hash}: {what}")))
    }
}
