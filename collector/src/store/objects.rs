//! Profiles that lie outside the file: which, where, and what is still to be done about them.
//!
//! A profile comes in with its entry, in one transaction, and its bytes lie in the file until they
//! were put elsewhere and read back; then one transaction drops them here. One that is pruned is
//! noted, in the transaction that prunes it, as left behind elsewhere until it was removed there.
//! So whoever is killed at any time leaves nothing that is in neither place, and nothing elsewhere
//! that nobody knows of: one process at a time moves and removes ([`Store::mover`]).
//!
//! Of several nodes on one log each knows all of this, because these tables are shared, and each step
//! here is one transaction there. They take turns at moving, but a node that was stopped in the middle
//! of a turn may go on after it: it puts what is there, and removes what was removed. So a profile that
//! was removed and comes again stays in the log for a week ([`GONE`]): whoever removes it late never
//! removes what somebody put since.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{File, TryLockError};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::blobs::{Place, Shared, Trouble, remove_all};
use crate::error::{Error, Result};
use crate::parallel::parallel;
use crate::store::Store;
use crate::store::log::Verification;

/// Profiles that are read at once when all are.
const READERS: usize = 8;
/// Profiles that are read, or removed, between two looks at the file.
const CHUNK: usize = 256;

/// The table that a replica has for profiles that were removed elsewhere, with when that was.
pub(in crate::store) const GONE: &str = "CREATE TABLE IF NOT EXISTS object_gone \
    (hash TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID";
/// For so many seconds what was removed is not put there again.
const WEEK: i64 = 7 * 86_400;

/// Where a store keeps profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The address that people name.
    pub place: Place,
    /// The folder in it that is this store's alone, whoever else has the same address.
    pub folder: String,
}

impl Kept {
    /// The address of the folder.
    #[must_use]
    pub fn whole(&self) -> Place {
        self.place.below(&self.folder)
    }
}

/// How much lies where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ObjectCounts {
    /// Profiles in the file that wait to be moved.
    pub pending: u64,
    /// Profiles elsewhere.
    pub moved: u64,
    /// Profiles that were dropped and are still to be removed elsewhere.
    pub left: u64,
}

/// A profile that waits to be moved: its hash, and its bytes or why it cannot be read.
pub type Pending = (String, Result<Vec<u8>, Trouble>);

/// What became of the profiles that were to be removed elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Removed.
    pub removed: u64,
    /// Still to be removed.
    pub left: u64,
    /// Why.
    pub why: String,
}

/// Drops a profile. Whether it was moved yet or is being moved, it may lie elsewhere from now on.
pub(in crate::store) fn forget(tx: &Transaction<'_>, hash: &str) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM blob WHERE hash = ?1",
        "DELETE FROM object WHERE hash = ?1",
        "INSERT OR IGNORE INTO object_left SELECT ?1 WHERE EXISTS (SELECT 1 FROM object_place)",
    ] {
        tx.prepare_cached(sql)?.execute([hash])?;
    }
    Ok(())
}

/// A condition for profiles of the file, called `h`, that may be put elsewhere now.
fn may_go(db: &Connection, h: &str) -> rusqlite::Result<String> {
    Ok(match has_nodes(db)? {
        false => "1".into(),
        true => format!(
            "NOT EXISTS (SELECT 1 FROM object_left l WHERE l.hash = {h}) AND NOT EXISTS \
             (SELECT 1 FROM object_gone g WHERE g.hash = {h} AND g.at > unixepoch() - {WEEK})"
        ),
    })
}

/// Whether this store is the replica of a log that several nodes share.
fn has_nodes(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'object_gone')")?
        .query_row([], |r| r.get(0))
}

fn place_of(db: &Connection) -> rusqlite::Result<Option<(String, String)>> {
    db.prepare_cached("SELECT place, folder FROM object_place")?
        .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()
}

fn is_at(db: &Connection, kept: Option<&Kept>) -> rusqlite::Result<bool> {
    let here = place_of(db)?;
    Ok(here == kept.map(|k| (k.place.to_string(), k.folder.clone())))
}

/// Whether what lies elsewhere is another store's, which this one is a copy of.
const BORROWED: &str = "EXISTS (SELECT 1 FROM state WHERE name = 'borrowed')";

/// Notes in a copy of a store whose it is what lies elsewhere: the copy's own, or that of the store
/// that was copied, which alone removes it.
pub(in crate::store) fn copied(db: &Connection, is_own: bool) -> rusqlite::Result<()> {
    db.execute_batch(match is_own {
        true => "DELETE FROM state WHERE name = 'borrowed'",
        false => "INSERT OR REPLACE INTO state SELECT 'borrowed', 1 FROM object_place",
    })
}

impl Store {
    /// Where profiles are kept outside the file, if they are.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn place(&self) -> Result<Option<Kept>> {
        let Some((place, folder)) = self.ask(place_of)? else {
            return Ok(None);
        };
        let wrong = |_| self.damaged("where its profiles lie cannot be read");
        let place = Place::parse(&place).map_err(wrong)?;
        Ok(Some(Kept { place, folder }))
    }

    /// A name for a folder that no other store has.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn new_folder(&self) -> Result<String> {
        self.ask(|db| db.query_row("SELECT lower(hex(randomblob(8)))", [], |r| r.get(0)))
    }

    /// Whether its profiles elsewhere are those of the store that it is a copy of: it reads them, and
    /// removes none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn borrows(&self) -> Result<bool> {
        self.ask(|db| db.query_row(&format!("SELECT {BORROWED}"), [], |r| r.get(0)))
    }

    /// Notes where profiles are kept from now on, in place of where it was known that they are: what
    /// is there is its own. Gives `false`, and notes nothing, where another node named a place
    /// meanwhile.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn remember_place(&mut self, kept: &Kept, known: Option<&Kept>) -> Result<bool> {
        if let Some(shared) = self.link.as_mut().and_then(|l| l.shared.as_mut()) {
            shared.keep_outside()?;
        }
        let done = self.transact(|tx| {
            if !is_at(tx, known)? {
                return Ok(None);
            }
            tx.execute(
                "INSERT OR REPLACE INTO object_place VALUES (1, ?1, ?2)",
                params![kept.place.to_string(), kept.folder],
            )?;
            copied(tx, true).map(Some)
        })?;
        Ok(done.is_some())
    }

    /// Has profiles that are not in the file read from there.
    pub fn attach(&mut self, objects: Shared) {
        self.objects = Some(objects);
    }

    /// The same store once more, for another thread.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn another(&self) -> Result<Self> {
        let mut other = Self::open(&self.path)?;
        other.objects.clone_from(&self.objects);
        Ok(other)
    }

    /// Held by whoever moves and removes profiles: `None` while another does. Of two that did, one
    /// could remove what the other just put.
    ///
    /// # Errors
    /// [`Error::Store`] when the file for it cannot be made or locked.
    pub fn mover(&self) -> Result<Option<File>> {
        let mut name = OsString::from(&self.path);
        name.push("-mover");
        let failed = |e| Error::Store(format!("{}: {e}", name.display()));
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&name)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }

    /// How much lies where.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn object_counts(&self) -> Result<ObjectCounts> {
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            self.ask(|db| {
                db.prepare_cached(&sql)?
                    .query_row([], |r| r.get::<_, i64>(0))
            })
            .map(i64::cast_unsigned)
        };
        Ok(ObjectCounts {
            pending: match self.place()? {
                Some(_) => {
                    let may_go = self.ask(|db| may_go(db, "blob.hash"))?;
                    count(&format!("blob WHERE {may_go}"))?
                }
                None => 0,
            },
            moved: count("object")?,
            left: count(&format!("object_left WHERE NOT {BORROWED}"))?,
        })
    }

    /// The hashes of the profiles elsewhere.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn objects(&self) -> Result<Vec<String>> {
        self.ask(|db| {
            db.prepare_cached("SELECT hash FROM object ORDER BY hash")?
                .query_map([], |r| r.get(0))?
                .collect()
        })
    }

    pub(in crate::store) fn has_object(&self, hash: &str) -> Result<bool> {
        self.ask(|db| {
            db.prepare_cached("SELECT EXISTS (SELECT 1 FROM object WHERE hash = ?1)")?
                .query_row([hash], |r| r.get(0))
        })
    }

    /// A profile that lies elsewhere; `None` where it was pruned meanwhile.
    pub(in crate::store) fn object(&self, hash: &str) -> Result<Option<Vec<u8>>> {
        match self.elsewhere()?.get(hash)? {
            None if self.has_object(hash)? => match self.ask(has_nodes)? {
                true => Err(Error::Objects(self.unsure(hash))),
                false => Err(Error::Store(self.lost(hash))),
            },
            got => Ok(got),
        }
    }

    fn elsewhere(&self) -> Result<&Shared> {
        self.objects.as_ref().ok_or_else(|| {
            let place = self.place().ok().flatten();
            let place = place.map_or_else(|| "elsewhere".into(), |p| p.whole().to_string());
            Error::Objects(format!(
                "{}: its profiles lie in {place}, which is not open here",
                self.path.display()
            ))
        })
    }

    /// Another node may have removed it, and this one not have heard of that.
    fn unsure(&self, hash: &str) -> String {
        format!(
            "{}; or it was pruned at another node, and this one is not as far yet",
            self.lost(hash)
        )
    }

    fn lost(&self, hash: &str) -> String {
        let place = self.objects.as_ref().map_or_else(String::new, |o| o.name());
        format!(
            "profile {hash}: it was put into {place}, and is not there any more; where it was \
             exported, importing it brings it back"
        )
    }

    /// Profiles after a hash that wait to be moved, in the order of their hashes: so many at most,
    /// and of so many bytes together, of which the last one may be more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn pending(&self, after: &str, most: usize, bytes: u64) -> Result<Vec<Pending>> {
        let waiting: Vec<String> = self.ask(|db| {
            let may_go = may_go(db, "blob.hash")?;
            let sql = format!(
                "SELECT hash FROM blob WHERE hash > ?1 AND {may_go} ORDER BY hash LIMIT ?2"
            );
            db.prepare_cached(&sql)?
                .query_map(params![after, most as i64], |r| r.get(0))?
                .collect()
        })?;
        let (mut out, mut room) = (Vec::new(), bytes);
        for hash in waiting {
            if room == 0 {
                break;
            }
            // Where it is not there, it was pruned in between.
            if let Some(read) = self.in_file(&hash)? {
                room = room.saturating_sub(read.as_ref().map_or(0, |b| b.len() as u64));
                out.push((hash, read));
            }
        }
        Ok(out)
    }

    /// Whether anything waits to be moved or removed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn has_to_move(&self) -> Result<bool> {
        self.ask(|db| {
            let may_go = may_go(db, "blob.hash")?;
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM blob WHERE {may_go}) \
                 OR EXISTS (SELECT 1 FROM object_left WHERE NOT {BORROWED})"
            );
            db.prepare_cached(&sql)?.query_row([], |r| r.get(0))
        })
    }

    /// Drops the bytes of profiles here that were put elsewhere and read back there, with their
    /// sizes. One that was pruned meanwhile is left behind there. Where another node named another
    /// place meanwhile, they stay.
    ///
    /// # Errors
    /// [`Error::Store`]; then all of them are where they were.
    pub fn moved(&mut self, at: &Kept, all: &[(String, u64)]) -> Result<()> {
        self.change(|tx| {
            if !is_at(tx, Some(at))? {
                return Ok(());
            }
            let drop = format!("DELETE FROM blob WHERE hash = ?1 AND {}", may_go(tx, "?1")?);
            for (hash, bytes) in all {
                let dropped = tx.prepare_cached(&drop)?.execute([hash])?;
                if dropped == 0 {
                    tx.prepare_cached(
                        "INSERT OR IGNORE INTO object_left SELECT ?1 \
                         WHERE NOT EXISTS (SELECT 1 FROM object WHERE hash = ?1)",
                    )?
                    .execute([hash])?;
                    continue;
                }
                tx.prepare_cached("INSERT OR REPLACE INTO object VALUES (?1, ?2)")?
                    .execute(params![hash, bytes.cast_signed()])?;
                tx.prepare_cached("DELETE FROM object_left WHERE hash = ?1")?
                    .execute([hash])?;
            }
            Ok(())
        })
    }

    /// Profiles that are to be removed elsewhere, so many at most.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn left(&self, most: usize) -> Result<Vec<String>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT hash FROM object_left WHERE NOT {BORROWED} ORDER BY hash LIMIT ?1"
            ))?
            .query_map([most as i64], |r| r.get(0))?
            .collect()
        })
    }

    /// Notes that profiles were removed elsewhere. Gives `false`, and notes nothing, where another
    /// node named another place meanwhile: what lies there was not removed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn removed(&mut self, at: &Kept, all: &[String]) -> Result<bool> {
        self.change(|tx| {
            if !is_at(tx, Some(at))? {
                return Ok(false);
            }
            let mut gone = tx.prepare_cached("DELETE FROM object_left WHERE hash = ?1")?;
            all.iter().try_for_each(|h| gone.execute([h]).map(|_| ()))?;
            if !has_nodes(tx)? {
                return Ok(true);
            }
            let mut note =
                tx.prepare_cached("INSERT OR REPLACE INTO object_gone VALUES (?1, unixepoch())")?;
            all.iter().try_for_each(|h| note.execute([h]).map(|_| ()))?;
            let over = format!("DELETE FROM object_gone WHERE at <= unixepoch() - {WEEK}");
            tx.execute(&over, []).map(|_| true)
        })
    }

    /// Removes elsewhere what was dropped here. What cannot be removed now stays noted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn remove_left(&mut self) -> Result<Left> {
        let mut out = Left::default();
        if self.left(1)?.is_empty() {
            return Ok(out);
        }
        let objects = self.elsewhere()?.clone();
        let Some(at) = self.place()? else {
            return Ok(out);
        };
        match self.mover()? {
            None => out.why = "the server that serves this store removes them".into(),
            Some(_held) => {
                while out.why.is_empty() {
                    let some = self.left(CHUNK)?;
                    if some.is_empty() {
                        break;
                    }
                    let (gone, failed) = remove_all(&objects, &some, READERS);
                    if !self.removed(&at, &gone)? {
                        out.why = "another node named another place for them".into();
                        break;
                    }
                    out.removed += gone.len() as u64;
                    out.why = failed.map_or_else(String::new, |t| t.to_string());
                }
            }
        }
        out.left = self.object_counts()?.left;
        Ok(out)
    }

    /// Reads every profile that lies elsewhere; when one cannot be reached, the others are not
    /// asked for.
    pub(in crate::store) fn verify_objects(&self, v: &mut Verification) -> Result<()> {
        let mut hashes = VecDeque::from(self.objects()?);
        let is_one_of_many = self.ask(has_nodes)?;
        v.objects = hashes.len() as u64;
        let objects = match self.elsewhere() {
            Ok(objects) => objects,
            Err(_) if hashes.is_empty() => return Ok(()),
            Err(e) => {
                v.problems.push(e.to_string());
                return Ok(());
            }
        };
        while !hashes.is_empty() {
            let some: Vec<String> = hashes.drain(..hashes.len().min(CHUNK)).collect();
            let got = parallel(READERS, &some, |h| objects.get(h).map(|b| b.is_some()));
            let mut unread = (0, String::new());
            for (hash, got) in some.iter().zip(got) {
                match got {
                    Ok(true) => v.blobs += 1,
                    // It may have been pruned meanwhile.
                    Ok(false) if !self.has_object(hash)? => v.objects -= 1,
                    Ok(false) if is_one_of_many => v.problems.push(self.unsure(hash)),
                    Ok(false) => v.problems.push(self.lost(hash)),
                    Err(Trouble::Damaged(why)) => v.problems.push(why),
                    Err(e) => unread = (unread.0 + 1, e.to_string()),
                }
            }
            if unread.0 > 0 {
                let n = unread.0 + hashes.len();
                let why = unread.1;
                v.problems
                    .push(format!("{n} profiles were not read: {why}"));
                return Ok(());
            }
        }
        Ok(())
    }
}
