//! A server's queue: projects, jobs, leases and collectors, in the file that has its tokens.
//!
//! Every change is one `BEGIN IMMEDIATE` transaction. A lease has an epoch, and whatever is done
//! under it says so in the statement itself: what comes in late finds no row. When a lease is over
//! is for the clock of whoever has the store to say, which comes in as an argument; the rules stand
//! in [`crate::jobs`].

mod acts;
mod collectors;
mod forges;
mod kept;
mod lease;
mod offer;
mod pauses;
mod projects;
mod pulls;
mod rows;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod wanted;

pub use acts::Act;
pub use collectors::{Collector, Wait};
pub use forges::Forge;
pub use lease::{Claimant, Closed, Failing, Finished, Held};
pub use offer::Offer;
pub use pauses::Pause;
pub use projects::{NewProject, Project, Removed};
pub use pulls::{Head, Pull, Standing};
pub use rows::Job;

use std::path::Path;

use rusqlite::OptionalExtension;

use crate::error::{Error, Result};
use crate::store::Store;

/// Each migration raises the queue's number by one.
const STEPS: [&str; 7] = [
    include_str!("schema.sql"),
    include_str!("pulls.sql"),
    include_str!("notify.sql"),
    include_str!("pauses.sql"),
    include_str!("protocol.sql"),
    include_str!("kept.sql"),
    include_str!("acts.sql"),
];

impl Store {
    /// Opens a server's own file at `path`, making it as needed: tokens, and the queue.
    ///
    /// # Errors
    /// [`Error::Store`] as for [`Store::open`], and when the queue is newer than this program.
    pub fn open_service(path: &Path) -> Result<Self> {
        let mut store = Self::open(path)?;
        if store.queue_schema()? > STEPS.len() as i64 {
            return Err(Error::Store(format!(
                "{}: this queue was written by a newer uptick; update this one",
                path.display()
            )));
        }
        store.change(|tx| {
            let known: Option<i64> = tx
                .query_row("SELECT value FROM state WHERE name = 'queue'", [], |r| {
                    r.get(0)
                })
                .optional()?;
            let known = usize::try_from(known.unwrap_or(0)).unwrap_or(0);
            for sql in STEPS.iter().skip(known) {
                tx.execute_batch(sql)?;
            }
            tx.execute(
                "INSERT INTO state (name, value) VALUES ('queue', ?1) \
                 ON CONFLICT (name) DO UPDATE SET value = ?1",
                [STEPS.len() as i64],
            )?;
            Ok(())
        })?;
        Ok(store)
    }

    fn queue_schema(&self) -> Result<i64> {
        let known: Option<i64> = self.ask(|db| {
            db.query_row("SELECT value FROM state WHERE name = 'queue'", [], |r| {
                r.get(0)
            })
            .optional()
        })?;
        Ok(known.unwrap_or(0))
    }
}

/// A list of names as JSON.
fn json(names: &[String]) -> String {
    serde_json::to_string(names).unwrap_or_else(|_| "[]".into())
}

/// The list again.
fn names(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}
