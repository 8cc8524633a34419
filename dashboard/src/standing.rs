//! How the store stands: whether its file is still the one that was opened, whether the last write
//! was kept, whether the disk has room for the next.
//!
//! A write that failed makes the store unready until one succeeds; [`crate::live`] tries one every
//! two seconds, so that a disk that was full is found to have room again. After an error of the
//! disk itself nothing is tried: the system may have dropped what it could not write and call the
//! next write good, so that nothing is acknowledged until the server is started anew.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use collector::system::{self, Identity};

use crate::error::Fail;

/// What the file at a path is, whatever it is called.
fn identity_of(path: &Path) -> Option<Identity> {
    let facts = std::fs::metadata(path).ok()?;
    facts.is_file().then(|| system::identity(&facts))
}

/// What is known of the store's file.
#[derive(Debug)]
pub(crate) struct Standing {
    path: PathBuf,
    opened: Option<Identity>,
    /// Bytes that are kept free for what is not ingest.
    keep_free: u64,
    /// Why nothing can be read; empty when it can.
    reading: Mutex<String>,
    /// Why the last write was not kept; empty when it was.
    writing: Mutex<String>,
    /// Why nothing is written any more; empty while the disk has not failed.
    broken: Mutex<String>,
}

fn said(words: &Mutex<String>) -> Option<String> {
    let words = words.lock().unwrap_or_else(PoisonError::into_inner);
    (!words.is_empty()).then(|| words.clone())
}

fn say(at: &Mutex<String>, words: &str) {
    let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
    at.clear();
    at.push_str(words);
}

impl Standing {
    /// Of a store that was just opened, on a disk of which so many bytes are kept free.
    pub(crate) fn of(path: &Path, keep_free: u64) -> Self {
        Self {
            path: path.into(),
            opened: identity_of(path),
            keep_free,
            reading: Mutex::default(),
            writing: Mutex::default(),
            broken: Mutex::default(),
        }
    }

    /// Whether a write may be tried, and whether one that was done is kept.
    ///
    /// # Errors
    /// [`Fail::Disk`] after the disk failed; otherwise as [`Standing::check`].
    pub(crate) fn may_write(&self) -> Result<(), Fail> {
        match said(&self.broken) {
            Some(words) => Err(Fail::Disk(words)),
            None => self.check(),
        }
    }

    /// Whether the last write was not kept, and another may be tried.
    pub(crate) fn wants_probe(&self) -> bool {
        said(&self.writing).is_some() && said(&self.broken).is_none()
    }

    /// Whether the file is the one that was opened. One that was moved away or replaced can still
    /// be read and written through what is open, and whatever is written is lost.
    ///
    /// # Errors
    /// [`Fail::Store`] when it is not.
    pub(crate) fn check(&self) -> Result<(), Fail> {
        let path = self.path.display();
        match identity_of(&self.path) {
            None => Err(Fail::Store(format!("{path}: the store is gone"))),
            now if now == self.opened => Ok(()),
            Some(_) => Err(Fail::Store(format!(
                "{path}: another file has taken the store's place; start `uptick serve` again to serve it"
            ))),
        }
    }

    pub(crate) fn set_trouble(&self, words: &str) {
        say(&self.reading, words);
    }

    /// Why nothing can be read.
    pub(crate) fn trouble(&self) -> Option<String> {
        said(&self.reading)
    }

    /// Notes how a write went. What was refused for what it said is no fault of the store.
    pub(crate) fn wrote<T>(&self, done: &Result<T, Fail>) {
        match done {
            Err(Fail::Store(words)) => say(&self.writing, words),
            Err(Fail::Disk(words)) if said(&self.broken).is_none() => say(
                &self.broken,
                &format!("{words}; nothing is written until `uptick serve` is started again"),
            ),
            Ok(_) => say(&self.writing, ""),
            Err(_) => {}
        }
    }

    /// Why what is sent would not be kept.
    pub(crate) fn unready(&self) -> Option<String> {
        let trouble = self.trouble().or_else(|| said(&self.broken));
        let trouble = trouble.or_else(|| said(&self.writing));
        let now = || self.check().and_then(|()| self.room()).err();
        trouble.or_else(|| now().map(|f| f.words()))
    }

    /// Whether there is room for a report, before the disk is full: its points, and the log in front
    /// of them, take several times its bytes.
    ///
    /// # Errors
    /// [`Fail::Full`].
    pub(crate) fn room(&self) -> Result<(), Fail> {
        let Some(free) = system::free_bytes(&self.path) else {
            return Ok(());
        };
        if free >= self.keep_free {
            return Ok(());
        }
        Err(Fail::Full(format!(
            "{}: the disk has {} MiB left, and {} are kept free (`uptick serve --keep-free`); no \
             report is taken until there is more room",
            self.path.display(),
            free >> 20,
            self.keep_free >> 20
        )))
    }

    /// Bytes of the log in front of the store's file. It grows while somebody reads one state of the
    /// store for long.
    pub(crate) fn ahead(&self) -> u64 {
        let mut path = self.path.clone().into_os_string();
        path.push("-wal");
        std::fs::metadata(path).map_or(0, |m| m.len())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn another_file_of_the_same_name_is_not_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "1").unwrap();
        let standing = Standing::of(&path, 0);
        assert!(standing.check().is_ok());
        std::fs::rename(&path, dir.path().join("b")).unwrap();
        assert!(standing.check().unwrap_err().words().contains("gone"));
        std::fs::write(&path, "1").unwrap();
        assert!(
            standing
                .check()
                .unwrap_err()
                .words()
                .contains("another file")
        );
        std::fs::rename(dir.path().join("b"), &path).unwrap();
        assert!(standing.check().is_ok());
    }

    #[test]
    fn a_failed_write_is_remembered_until_one_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let standing = Standing::of(&dir.path().join("a"), 0);
        standing.wrote(&Err::<(), _>(Fail::Store("disk".into())));
        standing.wrote(&Err::<(), _>(Fail::Bad("form".into())));
        assert_eq!(standing.unready().as_deref(), Some("disk"));
        standing.wrote(&Ok(()));
        assert_eq!(said(&standing.writing), None);
    }

    #[test]
    fn after_an_error_of_the_disk_no_write_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "1").unwrap();
        let standing = Standing::of(&path, 0);
        standing.wrote(&Err::<(), _>(Fail::Store("busy".into())));
        assert!(standing.wants_probe());
        standing.wrote(&Err::<(), _>(Fail::Disk("EIO".into())));
        standing.wrote(&Ok(()));
        assert!(!standing.wants_probe());
        assert!(matches!(standing.may_write(), Err(Fail::Disk(_))));
        assert!(standing.check().is_ok());
        assert!(standing.unready().unwrap().contains("EIO"));
    }

    #[test]
    fn room_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "1").unwrap();
        assert!(Standing::of(&path, 0).room().is_ok());
        let full = Standing::of(&path, u64::MAX);
        assert_eq!(full.room().unwrap_err().status().as_u16(), 507);
        assert!(full.unready().unwrap().contains("--keep-free"));
    }
}
