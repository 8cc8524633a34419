//! Windows. Where it has no such thing, the answer is the one that stops nobody.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// `FILE_FLAG_OPEN_REPARSE_POINT`: a link itself is opened, and not what it leads to.
const OPEN_LINK: u32 = 0x0020_0000;

/// What a file is, as far as it is known without asking for a handle: when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// 100 nanoseconds since 1601.
    pub number: u64,
}

/// What the file is of which this tells.
#[must_use]
pub fn identity(facts: &Metadata) -> Identity {
    Identity {
        number: facts.creation_time(),
    }
}

/// There are no such bits.
#[must_use]
pub fn mode(_: &Metadata) -> u32 {
    0
}

/// The name alone makes a program of a file.
#[must_use]
pub fn is_program(facts: &Metadata) -> bool {
    facts.is_file()
}

/// Whether there is such a file.
#[must_use]
pub fn may_execute(path: &Path) -> bool {
    path.is_file()
}

/// Whether files may be made in a directory: which access lists say, and nothing simple reads.
#[must_use]
pub fn may_write(dir: &Path) -> bool {
    dir.is_dir()
}

/// Access lists say who may do what; a new file has its directory's.
///
/// # Errors
/// None.
pub fn set_mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

/// As [`set_mode`].
///
/// # Errors
/// None.
pub fn set_mode_of(_: &File, _: u32) -> Result<()> {
    Ok(())
}

/// Makes a directory; one that is there already stays as it is.
///
/// # Errors
/// What the system says.
pub fn make_private(dir: &Path) -> Result<()> {
    match std::fs::create_dir(dir) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// Directories for temporary files are each user's own.
#[must_use]
pub fn is_ours_alone(_: &Metadata) -> bool {
    true
}

/// Makes a link, to a directory or to a file.
///
/// # Errors
/// What the system says.
pub fn symlink(to: &Path, at: &Path) -> Result<()> {
    let beside = at.parent().unwrap_or(at).join(to);
    match beside.is_dir() {
        true => std::os::windows::fs::symlink_dir(to, at),
        false => std::os::windows::fs::symlink_file(to, at),
    }
}

/// Opens no file through a link that stands at its name.
pub fn stay_off_links(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(OPEN_LINK)
}

/// Reads a file's first bytes; whoever reads it next begins where they would have.
///
/// # Errors
/// What the system says, and that it has fewer.
pub fn read_start(mut file: &File, start: &mut [u8]) -> Result<()> {
    let stood = file.stream_position()?;
    file.seek(SeekFrom::Start(0))?;
    let read = file.read_exact(start);
    file.seek(SeekFrom::Start(stood))?;
    read
}

/// NTFS keeps a journal of which files a directory holds.
///
/// # Errors
/// None.
pub fn sync_directory(_: &Path) -> Result<()> {
    Ok(())
}

/// The bytes of a name, in Rust's encoding, which is UTF-8 where the name is text.
#[must_use]
pub fn bytes_of(name: &OsStr) -> &[u8] {
    name.as_encoded_bytes()
}

/// The name that has these bytes.
#[must_use]
pub fn name_of(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// Where the lock of a file is taken: beside it, because a lock here keeps everybody from reading.
#[must_use]
pub fn lock_place(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}

/// SQLite's locks are of the one kind that there is.
///
/// # Errors
/// None.
pub fn posix_lock(_: &File) -> Result<()> {
    Ok(())
}

/// A share on another machine is not told from a disk.
#[must_use]
pub fn network(_: &Path) -> Option<&'static str> {
    None
}

/// Whether a disk is full, its next write says.
#[must_use]
pub fn is_full(_: &Path) -> bool {
    false
}

/// The bytes that are left on a disk are not asked for.
#[must_use]
pub fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// There is no such limit.
#[must_use]
pub fn size_limit() -> Option<u64> {
    None
}

/// There is no such limit.
#[must_use]
pub fn descriptors() -> Option<u64> {
    None
}

/// All threads are equal.
pub fn lower_priority(_: i32) {}
