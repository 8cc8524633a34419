//! What decisions did to changes: their states, notes and groups, a line for each.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::error::Result;
use crate::store::Store;
use crate::store::log::entry::Command;

/// What one decision did to one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Its number.
    pub id: i64,
    /// The lines of one decision share it: its place in the log.
    pub batch: i64,
    /// Seconds since 1970-01-01 UTC.
    pub time: i64,
    /// Who decided: a token's name, or `somebody on this machine`.
    pub actor: String,
    /// The change's identity.
    pub event: String,
    /// The benchmark that it is about.
    pub benchmark: String,
    /// The series' short name.
    pub series: String,
    /// State before.
    pub before: String,
    /// State after.
    pub after: String,
    /// A note.
    pub note: String,
    /// An issue.
    pub link: String,
    /// The batch that this one took back.
    pub undoes: Option<i64>,
    /// Whether it was taken back.
    pub undone: bool,
    /// Whether it put its changes into a group of their own.
    pub regroups: bool,
    /// How many lines its batch has.
    pub together: u64,
}

/// Where people stand with a change.
pub(in crate::store) struct Standing {
    pub(in crate::store) state: String,
    pub(in crate::store) note: String,
    pub(in crate::store) link: String,
    pub(in crate::store) cause: Option<i64>,
}

/// Where people stand with a change; `None` where there is no such change.
pub(in crate::store) fn standing(
    tx: &Transaction<'_>,
    change: &str,
) -> rusqlite::Result<Option<Standing>> {
    tx.prepare_cached("SELECT state, note, link, cause FROM change WHERE id = ?1")?
        .query_row([change], |r| {
            Ok(Standing {
                state: r.get(0)?,
                note: r.get(1)?,
                link: r.get(2)?,
                cause: r.get(3)?,
            })
        })
        .optional()
}

/// The changes that a batch touched, with their states before and after.
pub(in crate::store) fn lines_of(
    tx: &Transaction<'_>,
    batch: i64,
) -> rusqlite::Result<Vec<(String, String, String)>> {
    tx.prepare_cached("SELECT event, before, after FROM decided WHERE batch = ?1 ORDER BY id")?
        .query_map([batch], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect()
}

/// Whether a batch was taken back.
pub(in crate::store) fn is_undone(tx: &Transaction<'_>, batch: i64) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM decided WHERE undoes = ?1)")?
        .query_row([batch], |r| r.get(0))
}

/// Applies a decision.
pub(super) fn decision(tx: &Transaction<'_>, seq: i64, c: &Command) -> rusqlite::Result<()> {
    match &c.undoes {
        Some(hash) => take_back(tx, seq, c, hash),
        None => decide(tx, seq, c),
    }
}

fn decide(tx: &Transaction<'_>, seq: i64, c: &Command) -> rusqlite::Result<()> {
    for id in &c.changes {
        let Some(now) = standing(tx, id)? else {
            continue;
        };
        let after = c.state.clone().unwrap_or_else(|| now.state.clone());
        log(tx, seq, c, (id, &now.state, &after), None)?;
        // An older decision that arrives later is kept, and changes nothing.
        if newest(tx, id)? <= c.time {
            let kept = |new: &str, old: String| {
                if new.is_empty() { old } else { new.to_string() }
            };
            let (note, link) = (kept(&c.note, now.note), kept(&c.link, now.link));
            tx.prepare_cached("UPDATE change SET state = ?2, note = ?3, link = ?4 WHERE id = ?1")?
                .execute(params![id, after, note, link])?;
        }
        settle_cause(tx, id)?;
    }
    Ok(())
}

/// The time of the newest decision about a change.
fn newest(tx: &Transaction<'_>, change: &str) -> rusqlite::Result<i64> {
    tx.prepare_cached("SELECT coalesce(max(time), 0) FROM decided WHERE event = ?1")?
        .query_row([change], |r| r.get(0))
}

/// Takes a decision back, where its changes are still as it left them.
fn take_back(tx: &Transaction<'_>, seq: i64, c: &Command, hash: &str) -> rusqlite::Result<()> {
    let batch: Option<i64> = tx
        .prepare_cached("SELECT seq FROM log WHERE hash = ?1")?
        .query_row([hash], |r| r.get(0))
        .optional()?;
    let Some(batch) = batch else { return Ok(()) };
    if is_undone(tx, batch)? {
        return Ok(());
    }
    for (id, before, after) in lines_of(tx, batch)? {
        let Some(now) = standing(tx, &id)? else {
            continue;
        };
        let is_as_left = now.state == after && before != after;
        if !is_as_left && now.cause != Some(batch) {
            continue;
        }
        // A state that somebody set since stays as it is; only the group is left.
        let state = if is_as_left { &before } else { &now.state };
        log(tx, seq, c, (&id, &now.state, state), Some(batch))?;
        tx.prepare_cached("UPDATE change SET state = ?2 WHERE id = ?1")?
            .execute(params![id, state])?;
        settle_cause(tx, &id)?;
    }
    Ok(())
}

fn log(
    tx: &Transaction<'_>,
    batch: i64,
    c: &Command,
    (event, before, after): (&str, &str, &str),
    undoes: Option<i64>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO decided (batch, time, actor, event, before, after, note, link, undoes, \
         regroups) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
    )?
    .execute(params![
        batch, c.time, c.actor, event, before, after, c.note, c.link, undoes, c.regroup
    ])?;
    Ok(())
}

/// A change stands in the group of the newest decision that regrouped it and was not taken back.
fn settle_cause(tx: &Transaction<'_>, event: &str) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE change SET cause = (SELECT d.batch FROM decided d WHERE d.event = ?1 \
         AND d.regroups = 1 AND NOT EXISTS (SELECT 1 FROM decided u WHERE u.event = ?1 \
         AND u.undoes = d.batch) ORDER BY d.time DESC, d.id DESC LIMIT 1) WHERE id = ?1",
    )?
    .execute([event])?;
    Ok(())
}

impl Store {
    /// The newest decisions first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn decisions(&self, limit: usize) -> Result<Vec<Decision>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT d.id, d.batch, d.time, d.actor, d.event, coalesce(s.benchmark, ''), \
                 e.series, d.before, d.after, d.note, d.link, d.undoes, \
                 EXISTS (SELECT 1 FROM decided u WHERE u.undoes = d.batch), d.regroups, \
                 (SELECT count(*) FROM decided o WHERE o.batch = d.batch) \
                 FROM decided d JOIN change e ON e.id = d.event \
                 LEFT JOIN series s ON s.key = e.series ORDER BY d.id DESC LIMIT ?1",
            )?
            .query_map([limit as i64], |r| {
                Ok(Decision {
                    id: r.get(0)?,
                    batch: r.get(1)?,
                    time: r.get(2)?,
                    actor: r.get(3)?,
                    event: r.get(4)?,
                    benchmark: r.get(5)?,
                    series: r.get(6)?,
                    before: r.get(7)?,
                    after: r.get(8)?,
                    note: r.get(9)?,
                    link: r.get(10)?,
                    undoes: r.get(11)?,
                    undone: r.get(12)?,
                    regroups: r.get(13)?,
                    together: r.get::<_, i64>(14)?.cast_unsigned(),
                })
            })?
            .collect()
        })
    }
}
