//! What a store keeps that others may not read: addresses and secrets of channels, those of push
//! webhooks, and tokens of forges.

use std::path::Path;

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::backup::all_of;
use crate::system;

/// Tables that hold addresses and secrets which others may not read.
pub(in crate::store) const SECRET: [&str; 3] = ["channel", "project", "forge"];

impl Store {
    /// Whether it holds a secret.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(in crate::store) fn has_secrets(&self) -> Result<bool> {
        self.ask(|db| {
            for table in SECRET {
                let asked = |sql: &str| db.query_row(sql, [], |r| r.get::<_, bool>(0));
                // Only a server's own file has projects and forges.
                let is_there = asked(&format!(
                    "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{table}')"
                ))?;
                let only = match table {
                    "project" => "WHERE secret <> ''",
                    _ => "",
                };
                if is_there && asked(&format!("SELECT EXISTS (SELECT 1 FROM {table} {only})"))? {
                    return Ok(true);
                }
            }
            Ok(false)
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::store::queue::Forge;

    /// A table that is left out would lie open to all in a restored store, and on every other node.
    #[test]
    fn every_table_with_a_secret_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_service(&dir.path().join("service.db")).unwrap();
        let sql = "SELECT DISTINCT t.name FROM sqlite_master t, pragma_table_info(t.name) c \
            WHERE t.type = 'table' AND c.type = 'TEXT' \
            AND c.name IN ('secret', 'former', 'token', 'password', 'address') ORDER BY t.name";
        let mut statement = store.db.prepare(sql).unwrap();
        let found = statement.query_map([], |r| r.get::<_, String>(0)).unwrap();
        let found: Vec<String> = found.flatten().collect();
        let mut listed = SECRET.map(String::from);
        listed.sort();
        assert_eq!(found, listed);
    }

    #[test]
    fn a_restored_server_with_a_forge_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mode = |name: &str| system::mode(&std::fs::metadata(at(name)).unwrap()) & 0o777;
        let mut store = Store::open_service(&at("service.db")).unwrap();
        store.backup(&at("open")).unwrap();
        let forge = Forge {
            kind: "gitea".into(),
            api: "https://git.example.org/api/v1".into(),
            repository: "a/b".into(),
            token: "forge-token".into(),
        };
        store.set_forge("lexis", Some(&forge)).unwrap();
        store.backup(&at("closed")).unwrap();
        Store::restore(&at("open"), &at("without.db"), false).unwrap();
        Store::restore(&at("closed"), &at("with.db"), false).unwrap();
        assert_eq!(mode("without.db"), 0o644);
        assert_eq!(mode("with.db"), 0o640);
    }
}
