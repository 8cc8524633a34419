//! How far a replica is: by it a node knows whether it shows what somebody wrote at another one.

use std::fmt;
use std::str::FromStr;

use crate::error::Result;
use crate::store::Store;
use crate::store::log::append::head;
use crate::store::shared::follow;
use crate::store::view::apply::applied;

/// A state of a replica that others can reach too: versions and places are the same on all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The version of the shared log.
    version: i64,
    /// The newest entry.
    entry: i64,
}

impl Reached {
    /// The version of the shared log.
    #[must_use]
    pub const fn version(self) -> i64 {
        self.version
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.entry)
    }
}

impl FromStr for Reached {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let number = |s: &str| s.parse::<u32>().map(i64::from).map_err(|_| ());
        let (version, entry) = text.split_once('.').ok_or(())?;
        Ok(Self {
            version: number(version)?,
            entry: number(entry)?,
        })
    }
}

impl Store {
    /// How far this replica is with what was written, shown or not.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`], also where it is no replica.
    pub fn reached(&self) -> Result<Reached> {
        self.ask(|db| {
            Ok(Reached {
                version: follow::version(db)?.number,
                entry: head(db)?,
            })
        })
    }

    /// Whether this replica shows everything that another one had when it was so far.
    ///
    /// # Errors
    /// As [`Store::reached`].
    pub fn shows(&self, other: Reached) -> Result<bool> {
        self.ask(|db| {
            Ok(follow::version(db)?.number >= other.version && applied(db)? >= other.entry)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_state_is_refused() {
        let read = |text: &str| text.parse::<Reached>().ok().map(|r| r.to_string());
        assert_eq!(read("12.7").as_deref(), Some("12.7"));
        for text in ["", "12", "12.", "-1.7", "1.2.3", "99999999999.1", "a.b"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
