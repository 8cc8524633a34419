//! Profiles as files: `DIR/ab/abcd…`, each the bytes themselves.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::blobs::{Blobs, MOST, Place, Trouble, check, is_hash};
use crate::system;

/// What the names of files begin with that are being written.
const HALF: &str = ".half-";
/// The file by which a directory is known to be the one that was made, and not the empty one that
/// its disk is mounted on.
const MARK: &str = "uptick-profiles";
/// What it says.
const WHAT: &[u8] =
    b"uptick keeps profiles here. Without this file it takes the directory for a disk that is not mounted.\n";

/// A directory. It is made with the first store that keeps its profiles there; later it must be
/// there with its mark, because one that is not is a disk that is not mounted.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The one at a path.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    fn file(&self, hash: &str) -> Result<PathBuf, Trouble> {
        is_hash(hash)?;
        Ok(self.0.join(&hash[..2]).join(hash))
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// [`Trouble`] where it is not, or is another one.
    pub fn stand(&self) -> Result<(), Trouble> {
        match fs::metadata(&self.0) {
            Ok(m) if !m.is_dir() => Err(Trouble::Refused(format!("{}: it is a file", self.name()))),
            Ok(_) => match self.0.join(MARK).try_exists() {
                Ok(true) => Ok(()),
                Ok(false) => Err(Trouble::Away(format!(
                    "{}: the file {MARK} is not in this directory; is its disk mounted?",
                    self.name()
                ))),
                Err(e) => Err(self.failed(&e)),
            },
            Err(e) => Err(self.failed(&e)),
        }
    }

    /// Puts the mark into it.
    fn mark(&self) -> std::io::Result<()> {
        match File::options()
            .write(true)
            .create_new(true)
            .open(self.0.join(MARK))
        {
            Ok(mut file) => {
                file.write_all(WHAT)?;
                file.sync_all()?;
                system::sync_directory(&self.0)
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn failed(&self, e: &std::io::Error) -> Trouble {
        let name = self.name();
        match e.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Trouble::Refused(format!("{name}: {e}"))
            }
            ErrorKind::NotFound => Trouble::Away(format!(
                "{name}: the directory is not there; is its disk mounted?"
            )),
            _ => Trouble::Away(format!("{name}: {e}")),
        }
    }

    /// Writes a file beside its place, makes it durable, and renames it.
    fn write(&self, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(&self.0);
        match fs::create_dir(folder) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
            // Whoever made it may not have made it durable yet.
            _ => system::sync_directory(&self.0)?,
        }
        let mut half = tempfile::Builder::new().prefix(HALF).tempfile_in(folder)?;
        system::set_mode_of(half.as_file(), 0o644)?;
        half.write_all(bytes)?;
        half.as_file().sync_all()?;
        half.persist(file).map_err(|e| e.error)?;
        system::sync_directory(folder)
    }

    /// Makes a file durable that is there.
    fn settle(&self, file: &Path) -> std::io::Result<()> {
        File::open(file)?.sync_all()?;
        system::sync_directory(file.parent().unwrap_or(&self.0))?;
        system::sync_directory(&self.0)
    }

    fn read(&self, file: &Path) -> Result<Option<Vec<u8>>, Trouble> {
        let mut bytes = Vec::new();
        let read = File::open(file).and_then(|f| f.take(MOST as u64 + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(Some(bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => self.stand().map(|()| None),
            Err(e) => Err(self.failed(&e)),
        }
    }
}

/// Whether nobody wrote to a file for so long. One whose age is not known may be being written.
fn is_older(file: &fs::DirEntry, older: Duration) -> bool {
    let written = file.metadata().and_then(|m| m.modified());
    older.is_zero() || written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= older))
}

impl Blobs for Directory {
    fn name(&self) -> String {
        Place::Directory(self.0.clone()).to_string()
    }

    fn make(&self) -> Result<(), Trouble> {
        fs::create_dir_all(&self.0).map_err(|e| self.failed(&e))?;
        self.mark().map_err(|e| self.failed(&e))?;
        // Whichever of those above is new; what we may not open is not.
        for above in self.0.ancestors().skip(1) {
            if let Ok(folder) = File::open(above) {
                folder.sync_all().map_err(|e| self.failed(&e))?;
            }
        }
        Ok(())
    }

    fn put(&self, hash: &str, bytes: &[u8]) -> Result<(), Trouble> {
        check(hash, bytes, "the store's file")?;
        let file = self.file(hash)?;
        let done = match self.get(hash) {
            // Whoever wrote it may have ended before it was durable.
            Ok(Some(_)) => self.settle(&file),
            _ => {
                self.stand()?;
                self.write(&file, bytes)
            }
        };
        done.map_err(|e| self.failed(&e))
    }

    fn get(&self, hash: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let Some(bytes) = self.read(&self.file(hash)?)? else {
            return Ok(None);
        };
        check(hash, &bytes, &self.name())?;
        Ok(Some(bytes))
    }

    fn remove(&self, hash: &str) -> Result<(), Trouble> {
        match fs::remove_file(self.file(hash)?) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => self.stand(),
            Err(e) => Err(self.failed(&e)),
        }
    }

    fn sweep(&self, older: Duration) -> Result<(), Trouble> {
        self.stand()?;
        let folders = fs::read_dir(&self.0).map_err(|e| self.failed(&e))?;
        for folder in folders.flatten() {
            for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let is_half = file.file_name().to_string_lossy().starts_with(HALF);
                if is_half && is_older(&file, older) {
                    fs::remove_file(file.path()).map_err(|e| self.failed(&e))?;
                }
            }
        }
        Ok(())
    }
}
