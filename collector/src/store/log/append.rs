//! Appending to the log, and reading it in its order.

use std::cell::OnceCell;

use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::{Error, Result};
use crate::model::digest;
use crate::store::Store;
use crate::store::log::arrival;
use crate::store::log::blobs;
use crate::store::log::codec::{pack, unpack};
use crate::store::log::entry::{Entry, Kind};
use crate::store::log::pruning::Stub;

/// An entry as it lies in the log: its bytes are kept as they came in.
pub(in crate::store) struct Sealed {
    pub(in crate::store) kind: Kind,
    pub(in crate::store) hash: String,
    packed: Vec<u8>,
}

impl Sealed {
    pub(in crate::store) fn of_bytes(kind: Kind, bytes: &[u8]) -> Result<Self> {
        Ok(Self {
            kind,
            hash: name_of(kind, bytes).map_err(Error::Store)?,
            packed: pack(bytes)?,
        })
    }

    pub(in crate::store) fn of(entry: &Entry) -> Result<Self> {
        let bytes = entry
            .bytes()
            .map_err(|e| Error::Store(format!("an entry cannot be written as JSON: {e}")))?;
        Self::of_bytes(entry.kind(), &bytes)
    }
}

/// What an entry goes by: the hash of its bytes. What is left of a report goes by the report's.
fn name_of(kind: Kind, bytes: &[u8]) -> std::result::Result<String, String> {
    if kind != Kind::Stub {
        return Ok(digest(bytes));
    }
    let stub: Stub = serde_json::from_slice(bytes).map_err(|e| format!("a stub: {e}"))?;
    Ok(stub.report)
}

/// What is done with each entry: kind, hash, bytes.
type Visit<'v> = dyn FnMut(&str, &str, Result<Vec<u8>>) -> Result<()> + 'v;
/// A row of the log: place, kind, hash, packed bytes.
type Lying = (i64, String, String, Vec<u8>);

/// One entry with its place.
pub(in crate::store) struct Placed {
    pub(in crate::store) seq: i64,
    pub(in crate::store) hash: String,
    pub(in crate::store) entry: Entry,
    /// Which numbers of a report become points, once that was asked: it is applied in several parts.
    pub(in crate::store) numbers: OnceCell<Vec<usize>>,
}

impl Placed {
    pub(in crate::store) const fn new(seq: i64, hash: String, entry: Entry) -> Self {
        let numbers = OnceCell::new();
        Self {
            seq,
            hash,
            entry,
            numbers,
        }
    }
}

/// Puts an entry at the log's end; gives its place, or `None` where it is there already.
pub(in crate::store) fn put(tx: &Transaction<'_>, e: &Sealed) -> rusqlite::Result<Option<i64>> {
    let added = tx
        .prepare_cached("INSERT OR IGNORE INTO log (kind, hash, document) VALUES (?1, ?2, ?3)")?
        .execute(params![e.kind.name(), e.hash, e.packed])?;
    Ok((added > 0).then(|| tx.last_insert_rowid()))
}

/// The place of the newest entry; 0 where there is none.
pub(in crate::store) fn head(tx: &rusqlite::Connection) -> rusqlite::Result<i64> {
    tx.prepare_cached("SELECT coalesce(max(seq), 0) FROM log")?
        .query_row([], |r| r.get(0))
}

impl Store {
    /// Appends one entry with the profiles that it names, in one durable transaction. Gives
    /// whether it is new.
    pub(in crate::store) fn append(
        &mut self,
        entry: &Sealed,
        profiles: &[(String, Vec<u8>)],
    ) -> Result<bool> {
        let packed: Vec<(&str, Vec<u8>)> = profiles
            .iter()
            .map(|(hash, bytes)| Ok((hash.as_str(), pack(bytes)?)))
            .collect::<Result<_>>()?;
        self.change(|tx| {
            for (hash, packed) in &packed {
                blobs::keep(tx, hash, packed)?;
            }
            let seq = put(tx, entry)?;
            arrival::note(tx, seq)?;
            Ok(seq.is_some())
        })
    }

    /// The entries after a place, in order, at most `most`.
    pub(in crate::store) fn read(&self, after: i64, most: usize) -> Result<Vec<Placed>> {
        let rows: Vec<Lying> = self.ask(|db| {
            db.prepare_cached(
                "SELECT seq, kind, hash, document FROM log WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?
            .query_map(params![after, most as i64], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
            })?
            .collect()
        })?;
        rows.into_iter()
            .map(|(seq, kind, hash, document)| {
                let entry = self.open_entry(&kind, &hash, &document)?;
                Ok(Placed::new(seq, hash, entry))
            })
            .collect()
    }

    /// The bytes of an entry, checked against their hash.
    pub(in crate::store) fn bytes_of(
        &self,
        kind: &str,
        hash: &str,
        document: &[u8],
    ) -> Result<Vec<u8>> {
        let damaged = |e: &dyn std::fmt::Display| self.damaged(&format!("entry {hash}: {e}"));
        let bytes = unpack(document).map_err(|e| damaged(&e))?;
        // What an unknown kind is named by nobody knows better than that.
        let kind = Kind::from_name(kind).unwrap_or(Kind::Report);
        if name_of(kind, &bytes).map_err(|e| damaged(&e))? != hash {
            return Err(self.damaged(&format!(
                "entry {hash}: its content does not have that hash"
            )));
        }
        Ok(bytes)
    }

    fn open_entry(&self, kind: &str, hash: &str, document: &[u8]) -> Result<Entry> {
        let unknown = || {
            Error::Store(format!(
                "{}: entry {hash} is a `{kind}`, which this uptick does not know: update it",
                self.path.display()
            ))
        };
        let kind = Kind::from_name(kind).ok_or_else(unknown)?;
        let bytes = self.bytes_of(kind.name(), hash, document)?;
        Entry::parse(kind, &bytes).map_err(|e| self.damaged(&format!("entry {hash}: {e}")))
    }

    /// Visits every entry as it lies in the log: kind, hash, bytes.
    pub(in crate::store) fn each_entry(&self, visit: &mut Visit<'_>) -> Result<()> {
        let mut after = 0;
        loop {
            let row: Option<(i64, String, String, Vec<u8>)> =
                self.ask(|db| {
                    db.prepare_cached(
                    "SELECT seq, kind, hash, document FROM log WHERE seq > ?1 ORDER BY seq LIMIT 1",
                )?
                .query_row([after], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
                .optional()
                })?;
            let Some((seq, kind, hash, document)) = row else {
                return Ok(());
            };
            after = seq;
            visit(&kind, &hash, self.bytes_of(&kind, &hash, &document))?;
        }
    }
}
