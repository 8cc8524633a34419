//! What was left out when a clone was made: the rest of its history, and branches.

use super::Repo;
use super::call::git;
use super::mirror::{FETCH, within};
use crate::error::{Error, Result};
use crate::jobs::check_branch;

const NO_REMOTE: &str = "this clone is shallow, and nothing says of which remote: there is none, or \
    of several none is `origin` (`git fetch --unshallow REMOTE` fetches the rest)";

impl Repo {
    /// Brings the whole history, every branch of the remote and the tags on them into a shallow
    /// clone, because somebody asked for it; nothing where the clone is whole. The checkout, the
    /// index and HEAD stay.
    ///
    /// # Errors
    /// [`Error::NoVerdict`] with git's words where the remote does not give it.
    pub fn deepen(&self) -> Result<()> {
        if !self.is_shallow() {
            return Ok(());
        }
        let remote = self.remote();
        let remote = remote.ok_or_else(|| Error::NoVerdict(NO_REMOTE.into()))?;
        let all = format!("+refs/heads/*:refs/remotes/{remote}/*");
        self.fetch(&["--unshallow"], &remote, &all).map_err(|e| {
            Error::NoVerdict(format!(
                "this clone is shallow, and the rest of its history could not be fetched (the \
                 remote is gone, or asks for credentials that are not here): {e}"
            ))
        })
    }

    /// Brings a branch that the clone lacks.
    ///
    /// # Errors
    /// [`Error::NoVerdict`] with git's words where the remote does not give it.
    pub fn bring_branch(&self, branch: &str) -> Result<()> {
        let name = self.plain(branch);
        check_branch(name).map_err(Error::NoVerdict)?;
        let lacking = |why: &str| Error::NoVerdict(format!("{name} could not be fetched: {why}"));
        let remote = self.main_remote();
        let remote = remote.ok_or_else(|| lacking("no remote is known"))?;
        let one = format!("+refs/heads/{name}:refs/remotes/{remote}/{name}");
        let fetched = self.fetch(&[], &remote, &one);
        fetched.map_err(|e| lacking(&e.to_string()))
    }

    fn fetch(&self, how: &[&str], remote: &str, spec: &str) -> Result<()> {
        let mut command = git(self.root());
        command.args(["fetch", "--quiet"]).args(how);
        command.args(["--no-recurse-submodules", "--no-write-fetch-head"]);
        command.args(["--", remote, spec]);
        let what = ["fetch"].iter().chain(how).copied().collect::<Vec<_>>();
        within(command, FETCH, &what.join(" ")).map(|_| ())
    }
}
