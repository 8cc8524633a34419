//! Where reports are kept, and what is derived from them. The only SQL of the project.
//!
//! A report is one immutable, compressed, checksummed document, written in one
//! transaction and acknowledged only after it is durable (`synchronous=FULL`: with
//! `NORMAL` 380 of 400 simulated power cuts lost acknowledged writes, with `FULL` none).
//! The same report twice is stored once. Series and points are derived in a second
//! transaction, from where it was left; [`Store::rebuild`] derives them anew.

mod log;
mod view;

pub use log::{Decided, Decision, Imported, MAX_LINE, Scope, Token, Triage, Verification};
pub use view::{
    Event, EventCounts, Generation, MeasuredCommit, Point, ReportRow, SeriesFilter, SeriesOrder,
    SeriesRow, SeriesState, TestbedRow, Told, Unsearched, Value,
};

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};

/// One number on the schema; each migration raises it by one.
const MIGRATIONS: [&str; 3] = [
    include_str!("schema.sql"),
    include_str!("dashboard.sql"),
    include_str!("groups.sql"),
];
/// How long one process waits for another one's write.
const BUSY: Duration = Duration::from_secs(30);

/// An open store.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the store at `path`, making and migrating it as needed.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be opened, is no store, or is newer than this program.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            std::fs::create_dir_all(dir)
                .map_err(|e| Error::Store(format!("{}: {e}", dir.display())))?;
        }
        let db = Connection::open(path).map_err(|e| explain(path, &e))?;
        let mut store = Self {
            db,
            path: path.to_path_buf(),
        };
        store.configure()?;
        if store.migrate()? {
            // Only the dashboard's tables wait for it; what is damaged is told by who reads it.
            let _ = store.derive();
        }
        Ok(store)
    }

    /// Opens a store that must exist, for reading only.
    ///
    /// # Errors
    /// [`Error::Store`] as for [`Store::open`], and when there is none.
    pub fn open_existing(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::Store(format!(
                "{}: no store here yet; `uptick run` measures a commit and makes one",
                path.display()
            )));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(|e| explain(path, &e))?;
        let store = Self {
            db,
            path: path.to_path_buf(),
        };
        store.db.busy_timeout(BUSY).map_err(|e| store.error(&e))?;
        store.check_version()?;
        Ok(store)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, e: &rusqlite::Error) -> Error {
        explain(&self.path, e)
    }

    fn configure(&self) -> Result<()> {
        let set = || -> rusqlite::Result<()> {
            self.db.busy_timeout(BUSY)?;
            self.db.pragma_update(None, "journal_mode", "WAL")?;
            self.db.pragma_update(None, "synchronous", "FULL")?;
            self.db.pragma_update(None, "foreign_keys", true)
        };
        set().map_err(|e| self.error(&e))
    }

    fn version(&self) -> Result<usize> {
        self.db
            .pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0))
            .map(|v| usize::try_from(v).unwrap_or(0))
            .map_err(|e| self.error(&e))
    }

    fn check_version(&self) -> Result<usize> {
        let version = self.version()?;
        if version > MIGRATIONS.len() {
            return Err(Error::Store(format!(
                "{}: this store has schema {version}, and this uptick knows up to {}: it was written \
                 by a newer uptick; update this one (nothing was changed)",
                self.path.display(),
                MIGRATIONS.len()
            )));
        }
        Ok(version)
    }

    /// Brings the schema up to date; gives whether there was anything to do.
    fn migrate(&mut self) -> Result<bool> {
        if self.check_version()? == MIGRATIONS.len() {
            return Ok(false);
        }
        let path = self.path.clone();
        let mut apply = || -> rusqlite::Result<()> {
            // Immediate: of two processes that make a store at once, one waits and finds it made.
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let now: i64 = tx.pragma_query_value(None, "user_version", |r| r.get(0))?;
            for (i, sql) in MIGRATIONS
                .iter()
                .enumerate()
                .skip(usize::try_from(now).unwrap_or(0))
            {
                tx.execute_batch(sql)?;
                tx.pragma_update(None, "user_version", (i + 1) as i64)?;
            }
            tx.commit()
        };
        apply().map_err(|e| explain(&path, &e))?;
        Ok(true)
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
        Error::Store(format!(
            "{}: damaged: {what}; `uptick verify` lists everything that is, and a store that was \
             exported can be imported again",
            self.path.display()
        ))
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
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has been writing for 30 s; nothing was stored"
        }
        Some(ErrorCode::CannotOpen) => "the store cannot be opened",
        _ => return Error::Store(format!("{}: {e}", path.display())),
    };
    Error::Store(format!("{}: {advice} ({e})", path.display()))
}
