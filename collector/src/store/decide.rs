//! Deciding about changes: the view says what stands, the log gets the command.

use rusqlite::{OptionalExtension, Transaction};

use crate::detect::alerts::life::State;
use crate::error::Result;
use crate::store::log::append;
use crate::store::log::entry::{Command, Entry};
use crate::store::log::triage::{Outcome, hash_of};
use crate::store::view::apply::append_and_apply;
use crate::store::view::decided::{is_undone, last_batch, lines_of, standing};
use crate::store::{Store, Triage};

impl Store {
    /// Writes a decision into the log and applies it. Gives its place in the log; `None` when
    /// nothing would change, because no such change is there or all are so already.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn decide(&mut self, what: &Triage, actor: &str, now: i64) -> Result<Option<i64>> {
        match self.decide_as_seen(what, actor, now)? {
            Outcome::Decided(at) => Ok(Some(at)),
            Outcome::Nothing | Outcome::Overtaken(_) => Ok(None),
        }
    }

    /// [`Store::decide`], unless somebody decided otherwise about one of the changes after
    /// [`Triage::seen`].
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn decide_as_seen(&mut self, what: &Triage, actor: &str, now: i64) -> Result<Outcome> {
        self.with_view(|tx| {
            let mut changes = Vec::new();
            for id in &what.events {
                if is_news(tx, what, id)? {
                    if is_overtaken(tx, what, id)? {
                        return Ok(Outcome::Overtaken(id.clone()));
                    }
                    changes.push(id.clone());
                }
            }
            if changes.is_empty() {
                return Ok(Outcome::Nothing);
            }
            let command = Command {
                changes,
                state: what.state.map(|s| Triage::word(s).to_owned()),
                note: what.note.clone(),
                link: what.link.clone(),
                assignee: what.assignee.clone(),
                fixed: what.fixed.clone(),
                due: what.due.clone(),
                snooze: what.snooze.clone(),
                regroup: what.regroup,
                undoes: None,
                actor: actor.to_owned(),
                time: now,
                seen: append::head(tx)?,
            };
            let at = append_and_apply(tx, Entry::Decision(command))?;
            Ok(at.map_or(Outcome::Nothing, Outcome::Decided))
        })
    }

    /// Takes a decision back, where its changes are still as it left them. Gives how many.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn undo(&mut self, batch: i64, actor: &str, now: i64) -> Result<usize> {
        self.with_view(|tx| {
            let Some(hash) = hash_of(tx, batch)? else {
                return Ok(0);
            };
            let mut n = 0;
            for line in lines_of(tx, batch)? {
                if let Some(now) = standing(tx, &line.change)? {
                    n += usize::from(line.stands(&now, batch));
                }
            }
            if n == 0 || is_undone(tx, batch)? {
                return Ok(0);
            }
            let command = Command {
                undoes: Some(hash),
                actor: actor.to_owned(),
                time: now,
                seen: append::head(tx)?,
                ..Command::default()
            };
            append_and_apply(tx, Entry::Decision(command))?;
            Ok(n)
        })
    }

    /// Takes back the last standing decision about one change. Gives the state that it has now;
    /// `None` when there is nothing to take back.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn undo_last(&mut self, event: &str, actor: &str, now: i64) -> Result<Option<State>> {
        let last: Option<(i64, String, i64)> = self.ask(|db| {
            db.prepare_cached(
                "SELECT d.batch, d.before, (SELECT count(*) FROM decided o WHERE o.batch = d.batch) \
                 FROM decided d WHERE d.event = ?1 AND d.undoes IS NULL AND d.before <> d.after \
                 AND NOT EXISTS (SELECT 1 FROM decided u WHERE u.undoes = d.batch) \
                 ORDER BY d.id DESC LIMIT 1",
            )?
            .query_row([event], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()
        })?;
        let Some((batch, before, together)) = last else {
            return Ok(None);
        };
        let unknown = || self.damaged(&format!("a decision from the state `{before}`"));
        let state = Triage::state_of(&before).ok_or_else(unknown)?;
        let done = if together == 1 {
            self.undo(batch, actor, now)? > 0
        } else {
            // Others were decided along with it: only this one goes back.
            let what = Triage {
                events: vec![event.to_owned()],
                state: Some(state),
                ..Triage::default()
            };
            self.decide(&what, actor, now)?.is_some()
        };
        Ok(done.then_some(state))
    }
}

/// Whether a decision would change anything about a change.
fn is_news(tx: &Transaction<'_>, what: &Triage, id: &str) -> rusqlite::Result<bool> {
    let Some(now) = standing(tx, id)? else {
        return Ok(false);
    };
    let differs = |new: &str, old: &str| !new.is_empty() && new != old;
    let said = |new: &Option<String>, old: &str| new.as_deref().is_some_and(|n| n != old);
    Ok(what.regroup
        || what.state.is_some_and(|s| Triage::word(s) != now.state)
        || differs(&what.note, &now.note)
        || differs(&what.link, &now.link)
        || said(&what.assignee, &now.assignee)
        || said(&what.fixed, &now.fixed)
        || said(&what.due, &now.due)
        || said(&what.snooze, &now.snooze))
}

/// Whether somebody decided about a change after its decider looked.
fn is_overtaken(tx: &Transaction<'_>, what: &Triage, id: &str) -> rusqlite::Result<bool> {
    match what.seen.get(id) {
        Some(seen) => Ok(last_batch(tx, id)? > *seen),
        None => Ok(false),
    }
}
