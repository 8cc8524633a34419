//! Profiles, by the hash of their bytes.

use crate::blobs::{Blobs, Trouble, check};
use crate::error::Result;
use crate::model::{Sha, digest};
use crate::store::Store;
use crate::store::log::append::Sealed;
use crate::store::log::codec::{pack, unpack};
use crate::store::log::entry::{Entry, Stacks};
use rusqlite::{OptionalExtension, params};

/// The profiles in a store's own file.
#[derive(Debug)]
pub struct InFile<'s>(pub &'s Store);

impl InFile<'_> {
    fn ask<T>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Trouble> {
        let done = self.0.ask(query);
        done.map_err(|e| Trouble::Damaged(e.to_string()))
    }
}

impl Blobs for InFile<'_> {
    fn name(&self) -> String {
        self.0.path.display().to_string()
    }

    fn put(&self, hash: &str, bytes: &[u8]) -> Result<(), Trouble> {
        check(hash, bytes, "memory")?;
        let packed = pack(bytes).map_err(|e| Trouble::Away(e.to_string()))?;
        self.ask(|db| {
            db.prepare_cached("INSERT OR REPLACE INTO blob VALUES (?1, ?2)")?
                .execute(params![hash, packed])
                .map(|_| ())
        })
    }

    fn get(&self, hash: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let row: Option<Vec<u8>> = self.ask(|db| {
            db.prepare_cached("SELECT bytes FROM blob WHERE hash = ?1")?
                .query_row([hash], |r| r.get(0))
                .optional()
        })?;
        let Some(packed) = row else { return Ok(None) };
        let damaged =
            |what: &str| Trouble::Damaged(self.0.damage(&format!("profile {hash}: {what}")));
        let bytes = unpack(&packed).map_err(|e| damaged(&e.to_string()))?;
        if digest(&bytes) != hash {
            return Err(damaged("its content does not have that hash"));
        }
        Ok(Some(bytes))
    }

    fn has(&self, hash: &str) -> Result<bool, Trouble> {
        self.ask(|db| {
            db.prepare_cached("SELECT EXISTS (SELECT 1 FROM blob WHERE hash = ?1)")?
                .query_row([hash], |r| r.get(0))
        })
    }

    fn remove(&self, hash: &str) -> Result<(), Trouble> {
        self.ask(|db| {
            db.prepare_cached("DELETE FROM blob WHERE hash = ?1")?
                .execute([hash])
                .map(|_| ())
        })
    }
}

impl Store {
    /// A profile by its hash, checked, from wherever it lies; `None` where it never came or was
    /// pruned.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is damaged or lost, [`crate::error::Error::Objects`]
    /// when it cannot be reached.
    pub fn blob(&self, hash: &str) -> Result<Option<Vec<u8>>> {
        if let Some(bytes) = InFile(self).get(hash)? {
            return Ok(Some(bytes));
        }
        // One that is moved in between is there by now.
        match self.has_object(hash)? {
            true => self.object(hash).map(Some),
            false => Ok(None),
        }
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
}
