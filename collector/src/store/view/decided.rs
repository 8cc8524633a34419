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
    /// Who was to take it on from then on; empty: nobody; `None`: as before.
    pub assignee: Option<String>,
    /// The commit that mended it, where the decision says so.
    pub fixed: Option<String>,
    /// By which day it was to be settled; empty: by none; `None`: as before.
    pub due: Option<String>,
    /// Until when nobody was to look at it; empty: at once; `None`: as before.
    pub snooze: Option<String>,
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
    pub(in crate::store) assignee: String,
    pub(in crate::store) fixed: String,
    pub(in crate::store) due: String,
    pub(in crate::store) snooze: String,
    pub(in crate::store) cause: Option<i64>,
}

/// What a decision did to one change.
pub(in crate::store) struct Line {
    pub(in crate::store) change: String,
    pub(in crate::store) before: String,
    pub(in crate::store) after: String,
    /// Whether it said who takes the change on, what mended it, by when, or when to look again.
    pub(in crate::store) says: bool,
}

impl Line {
    /// Whether the change is still as the decision left it, by its state.
    fn is_as_left(&self, now: &Standing) -> bool {
        now.state == self.after && self.before != self.after
    }

    /// Whether anything of the decision, which is that of the batch, is there to be taken back.
    pub(in crate::store) fn stands(&self, now: &Standing, batch: i64) -> bool {
        self.is_as_left(now) || now.cause == Some(batch) || self.says
    }
}

/// Where people stand with a change; `None` where there is no such change.
pub(in crate::store) fn standing(
    tx: &Transaction<'_>,
    change: &str,
) -> rusqlite::Result<Option<Standing>> {
    tx.prepare_cached(
        "SELECT state, note, link, cause, assignee, fixed, due, snooze FROM change WHERE id = ?1",
    )?
    .query_row([change], |r| {
        Ok(Standing {
            state: r.get(0)?,
            note: r.get(1)?,
            link: r.get(2)?,
            cause: r.get(3)?,
            assignee: r.get(4)?,
            fixed: r.get(5)?,
            due: r.get(6)?,
            snooze: r.get(7)?,
        })
    })
    .optional()
}

/// The changes that a batch touched, with their states before and after.
pub(in crate::store) fn lines_of(tx: &Transaction<'_>, batch: i64) -> rusqlite::Result<Vec<Line>> {
    tx.prepare_cached(
        "SELECT event, before, after, \
         assignee IS NOT NULL OR fixed IS NOT NULL OR due IS NOT NULL OR snooze IS NOT NULL \
         FROM decided WHERE batch = ?1 ORDER BY id",
    )?
    .query_map([batch], |r| {
        Ok(Line {
            change: r.get(0)?,
            before: r.get(1)?,
            after: r.get(2)?,
            says: r.get(3)?,
        })
    })?
    .collect()
}

/// The place of the newest decision about a change; 0 where there is none.
pub(in crate::store) fn last_batch(tx: &Transaction<'_>, change: &str) -> rusqlite::Result<i64> {
    tx.prepare_cached("SELECT coalesce(max(batch), 0) FROM decided WHERE event = ?1")?
        .query_row([change], |r| r.get(0))
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
        settle_said(tx, id)?;
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
    for line in lines_of(tx, batch)? {
        let id = &line.change;
        let Some(now) = standing(tx, id)? else {
            continue;
        };
        if !line.stands(&now, batch) {
            continue;
        }
        // A state that somebody set since stays as it is; only the rest is taken back.
        let state = match line.is_as_left(&now) {
            true => &line.before,
            false => &now.state,
        };
        log(tx, seq, c, (id, &now.state, state), Some(batch))?;
        tx.prepare_cached("UPDATE change SET state = ?2 WHERE id = ?1")?
            .execute(params![id, state])?;
        settle_cause(tx, id)?;
        settle_said(tx, id)?;
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
         regroups, assignee, fixed, due, snooze) \
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    )?
    .execute(params![
        batch, c.time, c.actor, event, before, after, c.note, c.link, undoes, c.regroup,
        c.assignee, c.fixed, c.due, c.snooze
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

/// Who takes a change on, what mended it and by when: as the newest decision says that says so and
/// was not taken back. What mended it counts as long as it is said to be mended.
fn settle_said(tx: &Transaction<'_>, event: &str) -> rusqlite::Result<()> {
    let newest = |column: &str| {
        format!(
            "coalesce((SELECT d.{column} FROM decided d WHERE d.event = ?1 \
             AND d.{column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM decided u \
             WHERE u.event = ?1 AND u.undoes = d.batch) ORDER BY d.time DESC, d.id DESC LIMIT 1), '')"
        )
    };
    tx.prepare_cached(&format!(
        "UPDATE change SET assignee = {}, due = {}, snooze = {}, \
         fixed = CASE state WHEN 'fixed_by' THEN {} ELSE '' END WHERE id = ?1",
        newest("assignee"),
        newest("due"),
        newest("snooze"),
        newest("fixed")
    ))?
    .execute([event])?;
    Ok(())
}

impl Store {
    /// The newest decisions first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn decisions(&self, limit: usize) -> Result<Vec<Decision>> {
        self.decisions_where("1", params![limit as i64])
    }

    /// The newest decisions about some changes first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn decisions_about(&self, changes: &[&str], limit: usize) -> Result<Vec<Decision>> {
        let ids = serde_json::json!(changes).to_string();
        let condition = "d.event IN (SELECT value FROM json_each(?2))";
        self.decisions_where(condition, params![limit as i64, ids])
    }

    /// The newest decision about some changes that was not taken back.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn standing_decision(&self, changes: &[&str]) -> Result<Option<Decision>> {
        let ids = serde_json::json!(changes).to_string();
        let condition = "d.event IN (SELECT value FROM json_each(?2)) AND d.undoes IS NULL \
            AND NOT EXISTS (SELECT 1 FROM decided u WHERE u.undoes = d.batch)";
        let newest = self.decisions_where(condition, params![1, ids])?;
        Ok(newest.into_iter().next())
    }

    fn decisions_where(
        &self,
        condition: &str,
        args: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<Decision>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT d.id, d.batch, d.time, d.actor, d.event, coalesce(s.benchmark, ''), \
                 e.series, d.before, d.after, d.note, d.link, d.undoes, \
                 EXISTS (SELECT 1 FROM decided u WHERE u.undoes = d.batch), d.regroups, \
                 (SELECT count(*) FROM decided o WHERE o.batch = d.batch), \
                 d.assignee, d.fixed, d.due, d.snooze FROM decided d JOIN change e ON e.id = d.event \
                 LEFT JOIN series s ON s.key = e.series WHERE {condition} \
                 ORDER BY d.id DESC LIMIT ?1"
            ))?
            .query_map(args, |r| {
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
                    assignee: r.get(15)?,
                    fixed: r.get(16)?,
                    due: r.get(17)?,
                    snooze: r.get(18)?,
                })
            })?
            .collect()
        })
    }
}
