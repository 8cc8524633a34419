//! Files that we write for people: whole or not at all.

use crate::error::{Error, Result};
use std::path::Path;

/// Writes a file whole or not at all.
///
/// # Errors
/// When the disk is full or read-only.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let dir = path
        .parent()
        .filter(|d| !d.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(Error::io(dir))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(Error::io(path))?;
    // Others may read it, as any file that is written here.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file()
        .set_permissions(mode)
        .map_err(Error::io(path))?;
    file.persist(path).map_err(|e| Error::Io {
        path: path.to_path_buf(),
        source: e.error,
    })?;
    Ok(())
}
