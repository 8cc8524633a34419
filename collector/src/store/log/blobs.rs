//! Profiles, by the hash of their bytes.

use crate::error::Result;
use crate::model::{Sha, digest};
use crate::store::Store;
use crate::store::log::append::Sealed;
use crate::store::log::codec::unpack;
use crate::store::log::entry::{Entry, Stacks};
use rusqlite::{OptionalExtension, params};

impl Store {
    /// A profile by its hash, checked.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`] when it is damaged.
    pub fn blob(&self, hash: &str) -> Result<Option<Vec<u8>>> {
        let row: Option<Vec<u8>> = self
            .db
            .query_row("SELECT bytes FROM blob WHERE hash = ?1", [hash], |r| {
                r.get(0)
            })
            .optional()
            .map_err(|e| self.error(&e))?;
        let Some(packed) = row else { return Ok(None) };
        let bytes = unpack(&packed).map_err(|e| self.damaged(&format!("profile {hash}: {e}")))?;
        if digest(&bytes) != hash {
            return Err(self.damaged(&format!(
                "profile {hash}: its content does not have that hash"
            )));
        }
        Ok(Some(bytes))
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
