//! Excluding a report that was measured wrongly, and taking it back in.

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::log::append;
use crate::store::log::entry::{Entry, Exclusion};
use crate::store::view::apply::append_and_apply;
use rusqlite::{OptionalExtension, Transaction};

impl Store {
    /// Says that a report counts no longer; `back`: that it counts again. Gives `false` where it
    /// is so already.
    ///
    /// # Errors
    /// [`Error::Usage`] where no report has that hash, or it was pruned; [`Error::Store`].
    pub fn exclude(
        &mut self,
        report: &str,
        back: bool,
        (reason, actor, now): (&str, &str, i64),
    ) -> Result<bool> {
        let done = self.with_view(|tx| {
            match kind_of(tx, report)?.as_deref() {
                Some("report") => {}
                Some("stub") => return Ok(Err("was pruned: nothing of it is left to count")),
                _ => return Ok(Err("is not here")),
            }
            if is_out(tx, report)? != back {
                return Ok(Ok(false));
            }
            let exclusion = Exclusion {
                report: report.to_owned(),
                back,
                reason: reason.to_owned(),
                actor: actor.to_owned(),
                // Whoever speaks last counts, also where a clock went back.
                time: now.max(last_time(tx, report)?),
                seen: append::head(tx)?,
            };
            append_and_apply(tx, Entry::Exclusion(exclusion))?;
            Ok(Ok(true))
        })?;
        done.map_err(|why| Error::Usage(format!("the report {report} {why}")))
    }
}

/// What goes by that hash: a report, or the stub that is left of one.
fn kind_of(tx: &Transaction<'_>, hash: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT kind FROM log WHERE hash = ?1 AND kind IN ('report', 'stub')";
    tx.query_row(sql, [hash], |r| r.get(0)).optional()
}

fn is_out(tx: &Transaction<'_>, hash: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM exclusion WHERE report = ?1 AND out = 1)";
    tx.query_row(sql, [hash], |r| r.get(0))
}

fn last_time(tx: &Transaction<'_>, hash: &str) -> rusqlite::Result<i64> {
    let sql = "SELECT time FROM exclusion WHERE report = ?1";
    let time = tx.query_row(sql, [hash], |r| r.get(0)).optional()?;
    Ok(time.unwrap_or(i64::MIN))
}
