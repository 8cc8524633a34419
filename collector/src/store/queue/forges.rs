//! The forges that projects lie on, with what lets a server write there; and which pull requests have
//! not been told of there.

use rusqlite::{OptionalExtension, params};

use super::pulls::{COLUMNS, Pull, pull};
use crate::error::Result;
use crate::store::Store;
use crate::store::secrets::close_to_others;

/// A project's place on a forge.
#[derive(Clone, PartialEq, Eq)]
pub struct Forge {
    /// `github`, `gitea`, `gitlab`, `bitbucket`, `azure`.
    pub kind: String,
    /// The base address of its interface.
    pub api: String,
    /// The repository, as the interface names it.
    pub repository: String,
    /// What lets us write there. Never shown.
    pub token: String,
}

impl std::fmt::Debug for Forge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}: {}", self.kind, self.api, self.repository)
    }
}

impl Store {
    /// Says where a project lies; `None`: nothing is said there any more.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn set_forge(&mut self, project: &str, forge: Option<&Forge>) -> Result<()> {
        if forge.is_some() {
            close_to_others(self.path())?;
        }
        self.change(|tx| {
            tx.execute("DELETE FROM forge WHERE project = ?1", [project])?;
            if let Some(f) = forge {
                tx.execute(
                    "INSERT INTO forge (project, kind, api, repository, token) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![project, f.kind, f.api, f.repository, f.token],
                )?;
            }
            Ok(())
        })
    }

    /// Where a project lies, where that was said.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn forge(&self, project: &str) -> Result<Option<Forge>> {
        self.ask(|db| {
            db.prepare_cached("SELECT kind, api, repository, token FROM forge WHERE project = ?1")?
                .query_row([project], |r| {
                    Ok(Forge {
                        kind: r.get(0)?,
                        api: r.get(1)?,
                        repository: r.get(2)?,
                        token: r.get(3)?,
                    })
                })
                .optional()
        })
    }

    /// Pull requests whose present head and its base are done with, and of which their forge has not
    /// heard; at most `most`.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn untold(&self, now: i64, most: usize) -> Result<Vec<Pull>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM pull p WHERE p.project IN (SELECT project FROM forge) \
             AND p.told <> p.sha AND p.tell_after <= ?1 \
             AND EXISTS (SELECT 1 FROM job j WHERE j.project = p.project AND j.sha = p.sha \
             AND j.purpose = 'pull' AND j.state IN ('done', 'failed')) \
             AND NOT EXISTS (SELECT 1 FROM job j WHERE j.project = p.project \
             AND j.sha IN (p.sha, p.base) AND j.state IN ('waiting', 'leased')) \
             ORDER BY p.tell_after, p.seen LIMIT ?2"
        );
        self.ask(|db| {
            db.prepare_cached(&sql)?
                .query_map(params![now, most as i64], pull)?
                .collect()
        })
    }

    /// Notes that the forge heard of a pull request's head, or why it did not and when it is tried
    /// again.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn told(&mut self, of: &Pull, failed: Option<(&str, i64)>) -> Result<()> {
        let (told, why, after) = match failed {
            None => (of.sha.0.as_str(), "", 0),
            Some((why, after)) => ("", why, after),
        };
        self.change(|tx| {
            tx.execute(
                "UPDATE pull SET told = ?4, tell_why = ?5, tell_after = ?6 \
                 WHERE project = ?1 AND reference = ?2 AND sha = ?3",
                params![of.project, of.reference, of.sha.0, told, why, after],
            )?;
            Ok(())
        })
    }
}
