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
mod importing;
mod link;
pub mod locks;
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
pub mod shared;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod turns;
mod view;

pub use log::{Handed, Imported, MAX_LINE, Outcome, Scope, Token, Triage, Verification};
pub use objects::{Kept, Left, ObjectCounts, Pending};
pub use outbox::{Counts, Delivery, Lease, News, Progress};
pub use prune::{Keep, Plan, Prunable};
pub use reporting::{Audience, Looked};
pub use turns::{Appending, Waits};
pub use view::{
    Care, ChangeFilter, Decision, Event, EventCounts, Excluded, Fate, Fates, Generation,
    MeasuredCommit, Moment, Point, PrunedProfile, ReportRow, Reported, SeriesRow, SeriesState,
    Silence, TestbedRow, Unsearched, Value,
};

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::blobs::Shared;
use crate::error::{Error, Result};
use crate::system;

/// An open store.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
    /// What keeps the profiles that are not in the file, once somebody opened it.
    objects: Option<Shared>,
    /// Where its truth lies, if not here.
    link: Option<link::Link>,
    /// Whether it was this process that made it a replica.
    joins: bool,
    /// Who goes first where this one derives.
    appending: turns::Appending,
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
        mut change: impl FnMut(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let done = self.transact(|tx| change(tx).map(Some))?;
        done.ok_or_else(|| self.damaged("a transaction came to nothing"))
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

/// The directory of a file.
fn dir_of(path: &Path) -> &Path {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}

/// Whether this process may make files in the directory of a file.
fn may_write_beside(path: &Path) -> bool {
    system::may_write(dir_of(path))
}

/// Whether the filesystem of a file has hardly a page left for us.
fn is_full(path: &Path) -> bool {
    system::is_full(dir_of(path))
}

/// What a user can do about an error of SQLite.
fn explain(path: &Path, e: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    if path.is_dir() {
        let path = path.display();
        return Error::Store(format!(
            "{path}: a directory stands there: name a file with --store"
        ));
    }
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
        // SQLite calls it a failure where the file that its processes share cannot grow.
        Some(ErrorCode::SystemIoFailure) if is_full(path) => "the disk is full; nothing was stored",
        Some(ErrorCode::SystemIoFailure) if system::size_limit().is_some() => {
            "a file may not grow beyond `ulimit -f` here, and perhaps it would have; nothing was stored"
        }
        Some(ErrorCode::SystemIoFailure) => {
            return Error::Disk(format!(
                "{}: the disk failed; what was being written may be lost ({e})",
                path.display()
            ));
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has been writing for 30 s, or the filesystem gives no locks; nothing \
             was stored"
        }
        Some(ErrorCode::FileLockingProtocolFailed) => {
            "the filesystem gives no locks that hold: put the store on a local disk"
        }
        Some(ErrorCode::CannotOpen) if dir_of(path).is_dir() && !may_write_beside(path) => {
            "the store cannot be written, because its directory cannot; nothing was stored"
        }
        Some(ErrorCode::CannotOpen) => "the store cannot be opened",
        _ => return Error::Store(format!("{}: {e}", path.display())),
    };
    Error::Store(format!("{}: {advice} ({e})", path.display()))
}
