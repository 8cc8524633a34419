//! Whether everything stored is what its hash says.

use crate::error::Result;
use crate::store::Store;

/// What [`Store::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verification {
    /// Reports read and checked.
    pub reports: u64,
    /// Profiles read and checked.
    pub blobs: u64,
    /// What is wrong, in words; empty when all is well.
    pub problems: Vec<String>,
}

impl Store {
    /// Reads everything and checks every hash.
    ///
    /// # Errors
    /// [`Error::Store`] only when the store cannot be read at all.
    pub fn verify(&self) -> Result<Verification> {
        let mut v = Verification::default();
        let integrity: Vec<String> = self
            .db
            .prepare("PRAGMA integrity_check")
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
            .map_err(|e| self.error(&e))?;
        v.problems
            .extend(integrity.into_iter().filter(|l| l != "ok"));
        self.each_report(&mut |hash, report| {
            v.reports += 1;
            if let Err(e) = report {
                v.problems.push(format!("report {hash}: {e}"));
            }
            Ok(())
        })?;
        let hashes: Vec<String> = self
            .db
            .prepare("SELECT hash FROM blob")
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
            .map_err(|e| self.error(&e))?;
        for hash in hashes {
            v.blobs += 1;
            if let Err(e) = self.blob(&hash) {
                v.problems.push(e.to_string());
            }
        }
        Ok(v)
    }
}
