//! Files that we write: whole or not at all, and never through a link that a checkout brought.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::system;

/// How deep links are looked for: below that lie worktrees and what is cached of them, which have
/// links of their own.
const DEPTH: usize = 2;

/// Writes a file whole or not at all.
///
/// # Errors
/// When the disk is full or read-only.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if path.is_dir() {
        return Err(Error::Usage(format!(
            "{}: a directory stands there: name a file",
            path.display()
        )));
    }
    if is_device(path) {
        let open = std::fs::OpenOptions::new().write(true).open(path);
        let written = open.and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes()));
        return written.map_err(Error::io(path));
    }
    let dir = path
        .parent()
        .filter(|d| !d.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(Error::io(dir))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(Error::io(path))?;
    // Others may read it, as any file that is written here.
    system::set_mode_of(file.as_file(), 0o644).map_err(Error::io(path))?;
    file.persist(path).map_err(|e| Error::Io {
        path: path.to_path_buf(),
        why: e.error,
    })?;
    Ok(())
}

/// Whether a path is a device, a pipe, or stands for one (`/dev/stdout`): what is written goes into
/// it, and no file takes its place.
fn is_device(path: &Path) -> bool {
    let is_link = path.symlink_metadata().is_ok_and(|f| f.is_symlink());
    let stands_for_one = is_link && (path.starts_with("/dev") || path.starts_with("/proc"));
    stands_for_one || path.metadata().is_ok_and(|f| !f.is_file() && !f.is_dir())
}

/// Opens a file of ours to lock it. It is made where it is missing, its content stays, and a link
/// is not followed.
///
/// # Errors
/// When it is a link, or cannot be written.
pub fn lock_file(path: &Path) -> Result<File> {
    if path.is_symlink() {
        return Err(linked(path));
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    system::stay_off_links(&mut options)
        .open(path)
        .map_err(Error::io(path))
}

/// Refuses a directory of ours that is a link, or has one among its files: a checkout may bring
/// such, and what is written through it lands anywhere. Nothing else may stand in its place.
///
/// # Errors
/// [`Error::Usage`] that names the link, or what stands there.
pub fn refuse_links(dir: &Path) -> Result<()> {
    refuse_below(dir, DEPTH)?;
    if dir.exists() && !dir.is_dir() {
        return Err(Error::Usage(format!(
            "{}: a file stands where uptick has its directory: move it away",
            dir.display()
        )));
    }
    Ok(())
}

fn refuse_below(path: &Path, depth: usize) -> Result<()> {
    let Ok(facts) = path.symlink_metadata() else {
        return Ok(());
    };
    if facts.is_symlink() {
        return Err(linked(path));
    }
    if depth == 0 || !facts.is_dir() {
        return Ok(());
    }
    for entry in path.read_dir().map_err(Error::io(path))? {
        refuse_below(&entry.map_err(Error::io(path))?.path(), depth - 1)?;
    }
    Ok(())
}

fn linked(path: &Path) -> Error {
    Error::Usage(format!(
        "{}: this is a link, and uptick writes through none in its own directory: remove it (`git rm` \
         if it was committed); --store names a store elsewhere",
        path.display()
    ))
}

/// Reads a text file of at most `most` bytes; no device and no pipe, which would never end.
///
/// # Errors
/// What the system says, and that it is no file or too large.
pub fn read_text(path: &Path, most: u64) -> std::io::Result<String> {
    if !path.metadata()?.is_file() {
        return Err(std::io::Error::other("this is no file"));
    }
    let mut text = String::new();
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(std::io::Error::other(format!("larger than {most} bytes")));
    }
    Ok(text)
}

/// Removes a file, or a directory with all in it; of a link, the link. What is not there is gone.
///
/// # Errors
/// What the system says.
pub fn remove(path: &Path) -> std::io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(facts) if facts.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// How a pointer of git-lfs begins.
const POINTER: &[u8; 42] = b"version https://git-lfs.github.com/spec/v1";

/// Whether a file holds a pointer of git-lfs, and not its content.
#[must_use]
pub fn is_pointer(file: &File) -> bool {
    let mut start = [0; POINTER.len()];
    system::read_start(file, &mut start).is_ok() && start == *POINTER
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_is_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (precious, ours) = (dir.path().join("precious"), dir.path().join("ours"));
        std::fs::write(&precious, "kept").unwrap();
        std::fs::create_dir_all(ours.join("turns")).unwrap();
        assert!(refuse_links(&ours).is_ok());
        symlink(&precious, ours.join("turns/ab")).unwrap();
        let why = refuse_links(&ours).unwrap_err().to_string();
        assert!(why.contains("turns/ab"), "{why}");
        assert!(lock_file(&ours.join("turns/ab")).is_err());
        symlink(&ours, dir.path().join("link")).unwrap();
        assert!(refuse_links(&dir.path().join("link")).is_err());
        assert!(refuse_links(&dir.path().join("none")).is_ok());
        std::fs::write(dir.path().join("file"), "").unwrap();
        let why = refuse_links(&dir.path().join("file")).unwrap_err();
        assert!(why.to_string().ends_with("move it away"), "{why}");
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "kept");
    }

    #[test]
    fn a_file_that_is_locked_keeps_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        drop(lock_file(&path).unwrap());
        std::fs::write(&path, "kept").unwrap();
        lock_file(&path).unwrap().lock().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
    }

    #[test]
    fn what_never_ends_is_not_read() {
        assert!(read_text(Path::new("/dev/zero"), 10).is_err());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        assert_eq!(read_text(&path, 10).unwrap(), "0123456789");
        assert!(read_text(&path, 9).is_err());
    }
}
