//! A git commit and its place on the main line.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A full git object name in lower-case hexadecimal (40 or 64 digits).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha(pub String);

impl Sha {
    /// The first nine digits, as people write a commit.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..9).unwrap_or(&self.0)
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A git commit and its place on the main line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The commit's object name.
    pub sha: Sha,
    /// The number of its first-parent ancestors; a series is ordered by it.
    pub position: u64,
    /// Parents, the first one first; empty for a root commit.
    pub parents: Vec<Sha>,
    /// Author as `Name`.
    pub author: String,
    /// Author date in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// The first line of the message.
    pub subject: String,
}
