//! The rest of a history that was cut off when it was fetched.

use super::Repo;
use super::call::git;
use super::mirror::{FETCH, within};
use crate::error::{Error, Result};

impl Repo {
    /// Brings the whole history, every branch of `origin` and the tags on them into a shallow clone, because somebody
    /// asked for it; nothing where the clone is whole. The checkout, the index and HEAD stay.
    ///
    /// # Errors
    /// [`Error::NoVerdict`] with git's words where the remote does not give it.
    pub fn deepen(&self) -> Result<()> {
        if !self.is_shallow() {
            return Ok(());
        }
        let mut command = git(self.root());
        command.args(["fetch", "--quiet", "--unshallow"]);
        command.args(["--no-recurse-submodules", "--no-write-fetch-head"]);
        command.args(["origin", "+refs/heads/*:refs/remotes/origin/*"]);
        within(command, FETCH, "fetch --unshallow").map_err(|e| {
            Error::NoVerdict(format!(
                "this clone is shallow, and the rest of its history could not be fetched (the \
                 remote is gone, or asks for credentials that are not here): {e}"
            ))
        })?;
        Ok(())
    }
}
