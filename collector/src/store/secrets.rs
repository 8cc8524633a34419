//! What a store keeps that others may not read: addresses and secrets of channels, and those of
//! push webhooks.

use std::path::Path;

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::backup::all_of;
use crate::system;

impl Store {
    /// Whether it holds a secret.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(in crate::store) fn has_secrets(&self) -> Result<bool> {
        self.ask(|db| {
            let asked = |sql: &str| db.query_row(sql, [], |r| r.get::<_, bool>(0));
            if asked("SELECT EXISTS (SELECT 1 FROM channel)")? {
                return Ok(true);
            }
            // Only a server's own file has projects.
            let server = asked(
                "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'project')",
            )?;
            if !server {
                return Ok(false);
            }
            asked("SELECT EXISTS (SELECT 1 FROM project WHERE secret <> '')")
        })
    }
}

/// From now on others do not read the store's files.
///
/// # Errors
/// Where their permissions cannot be changed.
pub(in crate::store) fn close_to_others(path: &Path) -> Result<()> {
    for file in all_of(path) {
        let Ok(about) = std::fs::metadata(&file) else {
            continue;
        };
        let mode = system::mode(&about);
        // Only its owner may change that, and there is nothing to change.
        if mode & 0o007 == 0 {
            continue;
        }
        system::set_mode(&file, mode & !0o007).map_err(Error::io(&file))?;
    }
    Ok(())
}
