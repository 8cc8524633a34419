//! Unix.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Result};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FlockOperation, access, fcntl_lock, statfs, statvfs};
use rustix::process::{Resource, geteuid, getrlimit, nice};

/// What a file is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    /// Its number on that device.
    pub number: u64,
}

/// What the file is of which this tells.
#[must_use]
pub fn identity(facts: &Metadata) -> Identity {
    Identity {
        device: facts.dev(),
        number: facts.ino(),
    }
}

/// The bits that say who may read, write and execute a file.
#[must_use]
pub fn mode(facts: &Metadata) -> u32 {
    facts.permissions().mode() & 0o777
}

/// Whether it is a file that somebody may execute.
#[must_use]
pub fn is_program(facts: &Metadata) -> bool {
    facts.is_file() && mode(facts) & 0o111 != 0
}

/// Whether this process may execute a file.
#[must_use]
pub fn may_execute(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

/// Whether this process may make files in a directory.
#[must_use]
pub fn may_write(dir: &Path) -> bool {
    access(dir, Access::WRITE_OK).is_ok()
}

/// Sets who may read, write and execute a file.
///
/// # Errors
/// What the system says.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// [`set_mode`] of a file that is open, whatever lies at its name by now.
///
/// # Errors
/// What the system says.
pub fn set_mode_of(file: &File, mode: u32) -> Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Makes a directory that nobody else may enter; one that is there already stays as it is.
///
/// # Errors
/// What the system says.
pub fn make_private(dir: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// Whether a file or directory is this user's, and nobody else may do anything with it.
#[must_use]
pub fn is_ours_alone(facts: &Metadata) -> bool {
    facts.uid() == geteuid().as_raw() && facts.mode() & 0o077 == 0
}

/// Makes a link.
///
/// # Errors
/// What the system says.
pub fn symlink(to: &Path, at: &Path) -> Result<()> {
    std::os::unix::fs::symlink(to, at)
}

/// Opens no file through a link that stands at its name.
pub fn stay_off_links(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(libc::O_NOFOLLOW)
}

/// Reads a file's first bytes; whoever reads it next begins where they would have.
///
/// # Errors
/// What the system says, and that it has fewer.
pub fn read_start(file: &File, start: &mut [u8]) -> Result<()> {
    file.read_exact_at(start, 0)
}

/// Makes durable which files a directory holds.
///
/// # Errors
/// What the system says.
pub fn sync_directory(dir: &Path) -> Result<()> {
    File::open(dir)?.sync_all()
}

/// The bytes of a name.
#[must_use]
pub fn bytes_of(name: &OsStr) -> &[u8] {
    name.as_bytes()
}

/// The name that has these bytes.
#[must_use]
pub fn name_of(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

/// Where the lock of a file is taken: on itself.
#[must_use]
pub fn lock_place(path: &Path) -> PathBuf {
    path.into()
}

/// Takes and gives back a lock of the kind that SQLite takes.
///
/// # Errors
/// What the system says where there are no such locks; none where another process has it.
pub fn posix_lock(file: &File) -> Result<()> {
    match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(fcntl_lock(file, FlockOperation::NonBlockingUnlock)?),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// The network filesystem that a path lies on, if it does.
#[must_use]
pub fn network(path: &Path) -> Option<&'static str> {
    named(statfs(path).ok()?.f_type as u32)
}

/// Names of Linux's network filesystems by the number that `statfs` gives.
fn named(number: u32) -> Option<&'static str> {
    Some(match number {
        0x6969 => "NFS",
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x5346_414f => "AFS",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        _ => return None,
    })
}

/// Whether a directory's filesystem has hardly a page left for us.
#[must_use]
pub fn is_full(dir: &Path) -> bool {
    const PAGES: u64 = 64;
    statvfs(dir).is_ok_and(|f| f.f_bavail < PAGES)
}

/// The bytes that we may still write to the filesystem of a path.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let disk = statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The size beyond which no file of this process may grow, if there is one.
#[must_use]
pub fn size_limit() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// How many files and sockets this process may have open, if there is a limit.
#[must_use]
pub fn descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Lets others go first; on Linux, before the calling thread alone.
pub fn lower_priority(by: i32) {
    // Without it all is right, and less polite.
    let _ = nice(by);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_filesystems_are_known() {
        assert_eq!(named(0x6969), Some("NFS"));
        assert_eq!(network(Path::new("/proc")), None);
    }
}
