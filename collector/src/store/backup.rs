//! A copy of the whole store in one file, and a store from such a copy.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::store::{Store, Verification, explain, objects};
use crate::system;

/// How long a copy waits for whoever holds the store alone.
const PAUSE: Duration = Duration::from_millis(50);

impl Store {
    /// Copies the store as it stands now into a new file. Others go on writing meanwhile: what
    /// was acknowledged before this began is in the copy. What lies elsewhere stays the store's own:
    /// whoever serves the copy removes none of it. The copy of a replica is a store by itself, with
    /// what the replica had. Gives the bytes of the copy.
    ///
    /// # Errors
    /// [`Error::Usage`] when the file is there already; [`Error::Store`] when the store cannot
    /// be read or the copy is not whole; then there is no such file.
    pub fn backup(&self, to: &Path) -> Result<u64> {
        refuse_existing(&[to.to_path_buf()], "a backup")?;
        let replica = self.marker()?;
        if let Some(known) = &replica {
            known.refuse_unfilled(&self.path)?;
        }
        let half = beside(to)?;
        copy(&self.db, half.path())?;
        if replica.is_some() {
            Self::detach(half.path())?;
        }
        let db = Connection::open(half.path()).map_err(|e| explain(to, &e))?;
        // One file that is complete alone.
        db.pragma_update(None, "journal_mode", "DELETE")
            .map_err(|e| explain(to, &e))?;
        let whole: String = db
            .query_row("PRAGMA quick_check(1)", [], |r| r.get(0))
            .map_err(|e| explain(to, &e))?;
        if whole == "ok" {
            objects::copied(&db, false).map_err(|e| explain(to, &e))?;
        }
        drop(db);
        if whole != "ok" {
            let what = format!("{}: the copy is not whole: {whole}", self.path.display());
            return Err(Error::Store(what));
        }
        let bytes = half.path().metadata().map_err(Error::io(to))?.len();
        settle(half, to)?;
        Ok(bytes)
    }

    /// Makes a store from a backup, which is read and checked whole first and stays as it is. Profiles
    /// elsewhere are its own only where the store that was copied is gone. One that was copied from a
    /// node with its mark becomes a store by itself: its log goes on without it.
    ///
    /// # Errors
    /// [`Error::Usage`] where a store, or what a process left of one, is in the way;
    /// [`Error::Store`] where the backup is no store or is damaged; then nothing was changed.
    pub fn restore(from: &Path, to: &Path, is_gone: bool) -> Result<Verification> {
        refuse_existing(&all_of(to), "a store")?;
        if !from.is_file() {
            return Err(Error::Usage(format!("{}: no such file", from.display())));
        }
        let source = Self::open_read_only(from)?;
        source.schema()?;
        let half = beside(to)?;
        copy(&source.db, half.path())?;
        if let Some(known) = source.marker()? {
            known.refuse_unfilled(from)?;
            Self::detach(half.path())?;
        }
        // The copy is brought up to date, never the backup.
        let restored = Self::open(half.path())?;
        let verified = restored.verify_file()?;
        restored.ask(|db| objects::copied(db, is_gone))?;
        let mode = match restored.has_secrets()? {
            true => 0o640,
            false => 0o644,
        };
        drop(restored);
        if let Some(first) = verified.problems.first() {
            return Err(Error::Store(format!(
                "{}: this backup is damaged, and was not restored: {first}{}",
                from.display(),
                more(verified.problems.len() - 1)
            )));
        }
        system::set_mode_of(half.as_file(), mode).map_err(Error::io(to))?;
        settle(half, to)?;
        Ok(verified)
    }
}

fn more(n: usize) -> String {
    match n {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    }
}

/// A store's file, and what SQLite keeps beside it: left from another one, it would be taken for
/// part of this.
pub(in crate::store) fn all_of(path: &Path) -> Vec<PathBuf> {
    let with = |suffix: &str| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    };
    ["", "-wal", "-shm", "-journal"].map(with).to_vec()
}

fn refuse_existing(files: &[PathBuf], what: &str) -> Result<()> {
    match files.iter().find(|f| f.symlink_metadata().is_ok()) {
        None => Ok(()),
        Some(file) => Err(Error::Usage(format!(
            "{}: this file is there already, and {what} is never written over one: move it away first",
            file.display()
        ))),
    }
}

/// A file beside its place, so that the last step is a rename.
fn beside(path: &Path) -> Result<NamedTempFile> {
    let dir = folder(path);
    std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    NamedTempFile::new_in(dir).map_err(Error::io(dir))
}

fn folder(path: &Path) -> &Path {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}

/// Copies a database in one step: one state of it, whoever writes meanwhile.
fn copy(from: &Connection, to: &Path) -> Result<()> {
    let copy = || -> rusqlite::Result<()> {
        let mut db = Connection::open(to)?;
        let backup = Backup::new(from, &mut db)?;
        while backup.step(-1)? != StepResult::Done {
            std::thread::sleep(PAUSE);
        }
        Ok(())
    };
    copy().map_err(|e| explain(to, &e))
}

/// Makes a file durable under its name.
fn settle(half: NamedTempFile, to: &Path) -> Result<()> {
    half.as_file().sync_all().map_err(Error::io(to))?;
    half.persist_noclobber(to).map_err(|e| Error::Io {
        path: to.to_path_buf(),
        why: e.error,
    })?;
    let dir = folder(to);
    let synced = system::sync_directory(dir);
    synced.map_err(Error::io(dir))
}
