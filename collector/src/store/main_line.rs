//! The main line: whoever has the repository tells the log.

use crate::error::Result;
use crate::model::Sha;
use crate::store::Store;
use crate::store::log::append::{self, Sealed};
use crate::store::log::entry::{Entry, Stretch};

impl Store {
    /// Says that the main line has these commits from a position on, and no others.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn set_main_line(&mut self, from: u64, commits: &[Sha]) -> Result<()> {
        let entry = Entry::MainLine(Stretch {
            from,
            commits: commits.to_vec(),
            seen: self.ask(append::head)?,
        });
        self.append(&Sealed::of(&entry)?, &[])?;
        self.catch_up().map(|_| ())
    }
}
