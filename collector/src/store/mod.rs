//! A log of what is true, and a view of it. The only SQL of the project.
//!
//! ```text
//! reports, profiles, alerts, decisions, the main line ─▶ log ──apply──▶ view ─▶ pages, series
//!                                                         ▲               │
//!                                                         └─ alert ◀── search for changes
//! ```
//!
//! An entry is an immutable, compressed document, named by the hash of the bytes that came in,
//! and acknowledged only after it is durable (`synchronous=FULL`: with `NORMAL` 380 of 400
//! simulated power cuts lost acknowledged writes, with `FULL` none). The same entry twice is
//! stored once. The view is written by applying entries in their order, in transactions of its
//! own, from where it was left; [`Store::rebuild`] derives it anew and reports nothing.

mod backup;
mod decide;
mod exclude;
pub mod log;
mod main_line;
mod migrate;
mod objects;
mod open;
mod outbox;
mod prune;
pub mod queue;
mod reporting;
mod secrets;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod view;

pub use log::InFile;
pub use log::{Handed, Imported, MAX_LINE, Outcome, Scope, Token, Triage, Verification};
pub use objects::{Kept, Left, ObjectCounts, Pending};
pub use outbox::{Counts, Delivery, Lease, News, Progress};
pub use prune::{Keep, Plan, Prunable};
pub use reporting::{Audience, Looked};
pub use view::{
    Care, ChangeFilter, Decision, Event, EventCounts, Excluded, Fate, Fates, Found, Generation,
    MeasuredCommit, Moment, Point, PrunedProfile, ReportRow, Reported, SeriesRow, SeriesState,
    Silence, TestbedRow, Unsearched, Value,
};

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::blobs::Shared;
use crate::error::{Error, Result};

/// An open store.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
    /// What keeps the profiles that are not in the file, once somebody opened it.
    objects: Option<Shared>,
}

impl Store {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, e: &rusqlite::Error) -> Error {
        explain(&self.path, e)
    }

    /// Runs a query; SQLite's error in words.
    fn ask<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        query(&self.db).map_err(|e| self.error(&e))
    }

    /// Runs a change in one transaction.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let path = self.path.clone();
        let apply = || -> rusqlite::Result<T> {
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let out = change(&tx)?;
            tx.commit()?;
            Ok(out)
        };
        apply().map_err(|e| explain(&path, &e))
    }

    fn damaged(&self, what: &str) -> Error {
        Error::Store(self.damage(what))
    }

    fn damage(&self, what: &str) -> String {
        format!(
            "{}: damaged: {what}; `uptick verify` lists everything that is, and a store that was \
             exported can be imported again",
            self.path.display()
        )
    }
}

/// What a user can do about an error of SQLite.
fn explain(path: &Path, e: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let advice = match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            "this file is no uptick store; name another with --store, or move it away"
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            "the store is damaged; `uptick export` saves what can be read, `uptick import` fills a \
             new one"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the store cannot be written; nothing was stored"
        }
        Some(ErrorCode::DiskFull) => "the disk is full; nothing was stored",
        Some(ErrorCode::SystemIoFailure) => {
            return Error::Disk(format!(
                "{}: the disk failed; what was being written may be lost ({e})",
                path.display()
            ));
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has been writing for 30 s; nothing was stored"
        }
        Some(ErrorCode::CannotOpen) => "the store cannot be opened",
        _ => return Error::Store(format!("{}: {e}", path.display())),
    };
    Error::Store(format!("{}: {advice} ({e})", path.display()))
}
