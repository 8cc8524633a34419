//! Locks of files, and whether the filesystem gives any.
//!
//! One server a store, and SQLite's own transactions, rest on locks. On a filesystem without them
//! two processes would both be let in; that is found out at the start of a server, which refuses.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};
use crate::system;

/// Takes the lock of a file of ours for this process; gives whether it was free. The file must stay
/// open, and no connection of this process may have it open yet: to close any handle of a file is to
/// give up its locks.
///
/// # Errors
/// [`Error::Store`] where the filesystem gives no locks, or such as exclude nobody.
pub fn take(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(e)) => return Err(none(path, &e.to_string())),
    }
    let mut open = File::options();
    let again = open.read(true).write(true).open(path);
    let again = again.map_err(Error::io(path))?;
    if again.try_lock().is_ok() {
        return Err(none(path, "two can hold one at the same time"));
    }
    // SQLite's are of the other kind.
    system::posix_lock(file).map_err(|e| none(path, &e.to_string()))?;
    Ok(true)
}

fn none(path: &Path, why: &str) -> Error {
    Error::Store(format!(
        "{}: the filesystem gives no locks that hold ({why}), and without them two servers could \
         write here at once: put it on a local disk",
        path.display()
    ))
}

/// The network filesystem that a path lies on, if it does: its locks may hold on one machine only.
#[must_use]
pub fn network_of(path: &Path) -> Option<&'static str> {
    system::network(path)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_had_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let open = || {
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
        };
        let (one, two) = (open().unwrap(), open().unwrap());
        assert!(take(&one, &path).unwrap());
        assert!(!take(&two, &path).unwrap());
        drop(one);
        assert!(take(&two, &path).unwrap());
    }
}
