//! Whether somebody imports a history now: a mark in the store, put anew while it goes on, so that
//! an import that was killed holds nobody up for long.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::OptionalExtension;

use crate::error::{Error, Result};
use crate::store::Store;

/// How often the mark is put anew.
const BEAT: Duration = Duration::from_secs(3);
/// A mark that is older, in seconds, is of an import that has ended somehow.
const LASTS: i64 = 60;

/// The mark of an import that goes on.
#[derive(Default)]
pub(in crate::store) struct Beat(Option<Instant>);

impl Beat {
    /// Puts the mark where it is missing or has become old.
    pub(in crate::store) fn on(&mut self, store: &mut Store) -> Result<()> {
        if self.0.is_none_or(|at| at.elapsed() >= BEAT) {
            self.0 = Some(Instant::now());
            store.mark_import(Some(now()))?;
        }
        Ok(())
    }
}

pub(in crate::store) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| d.as_secs().cast_signed())
}

impl Store {
    /// Whether a history is being imported, by whatever process: nodes that share a log share this
    /// too, as far as their clocks agree.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn is_being_imported(&self) -> Result<bool> {
        let mark: Option<i64> = self.ask(|db| {
            db.prepare_cached("SELECT value FROM state WHERE name = 'importing'")?
                .query_row([], |r| r.get(0))
                .optional()
        })?;
        Ok(mark.is_some_and(|at| (now() - at).abs() <= LASTS))
    }

    /// Puts the mark, or takes it away.
    pub(in crate::store) fn mark_import(&mut self, at: Option<i64>) -> Result<()> {
        self.change(|tx| match at {
            Some(at) => {
                let sql = "INSERT OR REPLACE INTO state (name, value) VALUES ('importing', ?1)";
                tx.execute(sql, [at]).map(drop)
            }
            // Whoever waits for the end hears of it.
            None => tx.execute_batch(
                "DELETE FROM state WHERE name = 'importing'; \
                 UPDATE state SET value = value + 1 WHERE name = 'facts_generation'",
            ),
        })
    }

    /// Refuses what needs everything to be searched.
    ///
    /// # Errors
    /// [`Error::Store`] while a history is being imported.
    pub fn refuse_amid_import(&self) -> Result<()> {
        if self.is_being_imported()? {
            return Err(Error::Store(format!(
                "{}: a history is being imported, and nothing of it is searched until it is whole: \
                 do this afterwards (a minute later, where the import was killed)",
                self.path.display()
            )));
        }
        Ok(())
    }
}
