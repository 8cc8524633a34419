//! How the store stands: whether its file is still the one that was opened, whether the last write
//! was kept, whether the disk has room for the next.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::Fail;

/// Below this the next report, its points and the log in front of them may not fit.
const ROOM: u64 = 32 << 20;

/// What a file is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let about = std::fs::metadata(path).ok().filter(|m| m.is_file())?;
        Some(Self {
            device: about.dev(),
            inode: about.ino(),
        })
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Option<Self> {
        path.is_file().then_some(Self {
            device: 0,
            inode: 0,
        })
    }
}

/// What is known of the store's file.
#[derive(Debug)]
pub(crate) struct Standing {
    path: PathBuf,
    opened: Option<Identity>,
    /// Why nothing can be read; empty when it can.
    reading: Mutex<String>,
    /// Why the last write was not kept; empty when it was.
    writing: Mutex<String>,
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
    /// Of a store that was just opened.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            path: path.into(),
            opened: Identity::of(path),
            reading: Mutex::default(),
            writing: Mutex::default(),
        }
    }

    /// Whether the file is the one that was opened. One that was moved away or replaced can still
    /// be read and written through what is open, and whatever is written is lost.
    ///
    /// # Errors
    /// [`Fail::Store`] when it is not.
    pub(crate) fn check(&self) -> Result<(), Fail> {
        let path = self.path.display();
        match Identity::of(&self.path) {
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
            Ok(_) => say(&self.writing, ""),
            Err(_) => {}
        }
    }

    /// Why what is sent would not be kept.
    pub(crate) fn unready(&self) -> Option<String> {
        let trouble = self.trouble().or_else(|| said(&self.writing));
        trouble.or_else(|| self.room())
    }

    fn room(&self) -> Option<String> {
        let disk = rustix::fs::statvfs(&self.path).ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        (free < ROOM).then(|| {
            let path = self.path.display();
            format!("{path}: the disk has {} MiB left", free >> 20)
        })
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
        let standing = Standing::of(&path);
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
        let standing = Standing::of(dir.path());
        standing.wrote(&Err::<(), _>(Fail::Store("disk".into())));
        standing.wrote(&Err::<(), _>(Fail::Bad("form".into())));
        assert_eq!(standing.unready().as_deref(), Some("disk"));
        standing.wrote(&Ok(()));
        assert_eq!(said(&standing.writing), None);
    }
}
