//! What people decide about changes.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::detect::alerts::life::{Resolution, State};
use crate::error::Result;
use crate::store::Store;

/// One line of the log of decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Its number.
    pub id: i64,
    /// The decisions of one request share it.
    pub batch: i64,
    /// Seconds since 1970-01-01 UTC.
    pub time: i64,
    /// Who decided: a token's name, or `somebody on this machine`.
    pub actor: String,
    /// The event's number.
    pub event: i64,
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
    /// Whether it put its events into a group of their own.
    pub regroups: bool,
    /// How many lines its batch has.
    pub together: u64,
}

/// What is decided about some events at once.
#[derive(Clone, Debug, Default)]
pub struct Triage {
    /// The events.
    pub events: Vec<i64>,
    /// The state to set; `None` keeps it.
    pub state: Option<State>,
    /// A note; empty keeps the last one.
    pub note: String,
    /// An issue; empty keeps the last one.
    pub link: String,
    /// Whether the events become a group of their own, whichever groups they were in: merging is
    /// naming all events of two groups, splitting is naming some of one.
    pub regroup: bool,
}

/// The one word that a state has in the store, in forms and in documents.
pub(in crate::store) const fn state_name(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Acknowledged => "acknowledged",
        State::Resolved(Resolution::FixedBy) => "fixed_by",
        State::Resolved(Resolution::Accepted) => "accepted",
        State::Resolved(Resolution::Noise) => "noise",
        State::Resolved(Resolution::Infra) => "infra",
        State::Resolved(Resolution::Invalid) => "invalid",
    }
}

impl Store {
    /// Applies a decision, and writes it into the log. Gives the number of its batch; `None`
    /// when nothing changed, because no event of those numbers is there or all were so already.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn decide(&mut self, what: &Triage, actor: &str, now: i64) -> Result<Option<i64>> {
        self.change(|tx| {
            let mut batch = None;
            for id in &what.events {
                let Some((before, note, link)) = standing(tx, *id)? else {
                    continue;
                };
                let after = what
                    .state
                    .map_or_else(|| before.clone(), |s| state_name(s).to_owned());
                let new_note = if what.note.is_empty() {
                    note.as_str()
                } else {
                    &what.note
                };
                let new_link = if what.link.is_empty() {
                    link.as_str()
                } else {
                    &what.link
                };
                let is_same = before == after && note == new_note && link == new_link;
                if is_same && !what.regroup {
                    continue;
                }
                tx.execute(
                    "UPDATE event SET state = ?2, note = ?3, link = ?4 WHERE id = ?1",
                    params![id, after, new_note, new_link],
                )?;
                let (note, link) = (what.note.as_str(), what.link.as_str());
                let line = Line {
                    actor,
                    event: *id,
                    before: &before,
                    after: &after,
                    note,
                    link,
                    regroups: what.regroup,
                };
                batch = Some(log(tx, &line, now, batch, None)?);
                settle_cause(tx, *id)?;
            }
            if batch.is_some() {
                bump(tx, "people_generation")?;
            }
            Ok(batch)
        })
    }

    /// Takes a batch of decisions back, where the events are still as it left them.
    /// Gives how many.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn undo(&mut self, batch: i64, actor: &str, now: i64) -> Result<usize> {
        self.change(|tx| {
            let done: i64 = tx.query_row(
                "SELECT count(*) FROM decision WHERE undoes = ?1",
                [batch],
                |r| r.get(0),
            )?;
            let lines: Vec<(i64, String, String)> = tx
                .prepare_cached("SELECT event, before, after FROM decision WHERE batch = ?1")?
                .query_map([batch], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let (mut own, mut n) = (None, 0);
            for (event, before, after) in lines.iter().filter(|_| done == 0) {
                let changed = tx.execute(
                    "UPDATE event SET state = ?2 WHERE id = ?1 AND state = ?3",
                    params![event, before, after],
                )?;
                let is_grouped = stands_in(tx, *event, batch)?;
                if !is_grouped && (changed == 0 || before == after) {
                    continue;
                }
                n += 1;
                let state: String =
                    tx.query_row("SELECT state FROM event WHERE id = ?1", [event], |r| {
                        r.get(0)
                    })?;
                // A state that somebody set since stays as it is; only the group is left.
                let after = if changed == 0 { &state } else { after };
                let (note, link) = ("", "");
                let line = Line {
                    actor,
                    event: *event,
                    before: after,
                    after: &state,
                    note,
                    link,
                    regroups: false,
                };
                own = Some(log(tx, &line, now, own, Some(batch))?);
                settle_cause(tx, *event)?;
            }
            if n > 0 {
                bump(tx, "people_generation")?;
            }
            Ok(n)
        })
    }

    /// The newest decisions first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn decisions(&self, limit: usize) -> Result<Vec<Decision>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT d.id, d.batch, d.time, d.actor, d.event, coalesce(s.benchmark, ''), \
                 e.series, d.before, d.after, d.note, d.link, d.undoes, \
                 EXISTS (SELECT 1 FROM decision u WHERE u.undoes = d.batch), d.regroups, \
                 (SELECT count(*) FROM decision o WHERE o.batch = d.batch) \
                 FROM decision d JOIN event e ON e.id = d.event \
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

impl Triage {
    /// Every state with its word.
    pub const STATES: [State; 7] = [
        State::New,
        State::Acknowledged,
        State::Resolved(Resolution::FixedBy),
        State::Resolved(Resolution::Accepted),
        State::Resolved(Resolution::Noise),
        State::Resolved(Resolution::Infra),
        State::Resolved(Resolution::Invalid),
    ];

    /// The word for a state: `new`, `acknowledged`, `fixed_by`, `accepted`, `noise`, `infra`, `invalid`.
    #[must_use]
    pub const fn word(state: State) -> &'static str {
        state_name(state)
    }

    /// The state of that word.
    #[must_use]
    pub fn state_of(word: &str) -> Option<State> {
        Self::STATES.into_iter().find(|s| state_name(*s) == word)
    }
}

fn standing(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<(String, String, String)>> {
    tx.query_row(
        "SELECT state, note, link FROM event WHERE id = ?1",
        [id],
        |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
    )
    .optional()
}

struct Line<'a> {
    actor: &'a str,
    event: i64,
    before: &'a str,
    after: &'a str,
    note: &'a str,
    link: &'a str,
    regroups: bool,
}

/// Whether an event stands in the group that a batch made.
fn stands_in(tx: &Transaction<'_>, event: i64, batch: i64) -> rusqlite::Result<bool> {
    let cause: Option<i64> =
        tx.query_row("SELECT cause FROM event WHERE id = ?1", [event], |r| {
            r.get(0)
        })?;
    Ok(cause == Some(batch))
}

/// An event stands in the group of the newest decision that regrouped it and was not taken back.
pub(in crate::store) fn settle_cause(tx: &Transaction<'_>, event: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE event SET cause = (SELECT d.batch FROM decision d WHERE d.event = ?1 \
         AND d.regroups = 1 AND NOT EXISTS (SELECT 1 FROM decision u WHERE u.event = ?1 \
         AND u.undoes = d.batch) ORDER BY d.time DESC, d.id DESC LIMIT 1) WHERE id = ?1",
    )?
    .execute([event])?;
    Ok(())
}

/// Appends to the log; gives the batch, which is the number of its first line.
fn log(
    tx: &Transaction<'_>,
    l: &Line<'_>,
    now: i64,
    batch: Option<i64>,
    undoes: Option<i64>,
) -> rusqlite::Result<i64> {
    let next: i64 = tx.query_row("SELECT coalesce(max(id), 0) + 1 FROM decision", [], |r| {
        r.get(0)
    })?;
    let batch = batch.unwrap_or(next);
    tx.execute(
        "INSERT INTO decision VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
        params![
            next, batch, now, l.actor, l.event, l.before, l.after, l.note, l.link, undoes,
            l.regroups
        ],
    )?;
    Ok(batch)
}

pub(crate) fn bump(tx: &Transaction<'_>, counter: &str) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE state SET value = value + 1 WHERE name = ?1",
        [counter],
    )?;
    Ok(())
}
