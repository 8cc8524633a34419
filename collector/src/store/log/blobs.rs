//! Profiles, by the hash of their bytes.

use crate::error::Result;
use crate::model::{Sha, digest};
use crate::store::Store;
use crate::store::explain;
use crate::store::log::codec::pack;
use crate::store::log::codec::unpack;
use rusqlite::{OptionalExtension, params};

impl Store {
    /// A profile by its hash, checked.
    ///
    /// # Errors
    /// [`Error::Store`] when it is damaged.
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
    /// [`Error::Store`].
    pub fn put_stacks(
        &mut self,
        sha: &Sha,
        benchmark: &str,
        suite: &str,
        bytes: &[u8],
    ) -> Result<()> {
        let hash = digest(bytes);
        let packed = pack(bytes)?;
        let path = self.path.clone();
        let mut insert = || -> rusqlite::Result<()> {
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            tx.execute(
                "INSERT OR IGNORE INTO blob VALUES (?1, ?2)",
                params![hash, packed],
            )?;
            tx.execute(
                "INSERT OR REPLACE INTO stacks VALUES (?1, ?2, ?3, ?4)",
                params![sha.0, benchmark, suite, hash],
            )?;
            tx.commit()
        };
        insert().map_err(|e| explain(&path, &e))
    }

    /// A profile of call stacks that was kept.
    ///
    /// # Errors
    /// [`Error::Store`].
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
