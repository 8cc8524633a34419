//! Who did what to a server: its tokens, projects and channels, and jobs by hand. What people decide
//! about changes stands in each project's own log.

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::error::Result;
use crate::store::Store;

/// Acts that are kept.
const KEPT: i64 = 10_000;

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Act {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub time: i64,
    /// Who, as far as that is known.
    pub actor: String,
    /// What was done: `made`, `revoked`, `cancelled`.
    pub what: String,
    /// To what: `token 3`, `project lexis`, `job 7`.
    pub thing: String,
    /// More of it; never a secret.
    pub detail: String,
}

impl Store {
    /// Keeps what somebody did.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn note_act(&mut self, act: &Act) -> Result<()> {
        self.change(|tx| put(tx, act))
    }

    /// What was done last, the newest first; at most `most`.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn acts(&self, most: usize) -> Result<Vec<Act>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT time, actor, what, thing, detail FROM act ORDER BY seq DESC LIMIT ?1",
            )?
            .query_map([most as i64], |r| {
                Ok(Act {
                    time: r.get(0)?,
                    actor: r.get(1)?,
                    what: r.get(2)?,
                    thing: r.get(3)?,
                    detail: r.get(4)?,
                })
            })?
            .collect()
        })
    }
}

/// Keeps an act within a transaction; those of long ago go.
pub(super) fn put(db: &Connection, act: &Act) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO act (time, actor, what, thing, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        act.time, act.actor, act.what, act.thing, act.detail
    ])?;
    db.prepare_cached("DELETE FROM act WHERE seq <= (SELECT max(seq) FROM act) - ?1")?
        .execute([KEPT])
        .map(|_| ())
}
