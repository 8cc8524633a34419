//! Changes as pages read them: with their series, and where people stand with them.

use std::collections::HashMap;

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, named_params, params};
use serde::Serialize;

use crate::detect::Change;
use crate::detect::alerts::life;
use crate::error::Result;
use crate::store::view::changes::kind_of;
use crate::store::view::series::{COLUMNS, SERIES, SeriesRow, series_row};
use crate::store::{Store, Triage};

/// A change that was reported, or is about to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reported {
    /// Its identity, for life; empty where it was not reported yet.
    pub id: String,
    /// The change and where people stand with it.
    #[serde(flatten)]
    pub event: life::Event,
    /// The last note.
    pub note: String,
    /// Where the work on it is tracked.
    pub link: String,
    /// Who takes it on; empty: nobody.
    pub assignee: String,
    /// The commit that mended it, where somebody said so.
    pub fixed: String,
    /// By which day it is to be settled, `2026-11-28`; empty: by none.
    pub due: String,
    /// Until when nobody need look at it: a day, or `@` and a place on the main line; empty: at once.
    pub snooze: String,
    /// The place in the log of the last decision about it; 0: nobody decided.
    pub decided: i64,
    /// The group that somebody put it into; `None`: it stands where its commit set puts it.
    pub cause: Option<i64>,
    /// The change as it was reported: what the finder says of it is found anew at each look, and
    /// does not depend on what it said at looks before.
    #[serde(skip)]
    pub reported: Option<Change>,
}

impl Reported {
    /// An event of that identity, of which nobody said anything yet.
    #[must_use]
    pub const fn new(id: String, event: life::Event) -> Self {
        Self {
            id,
            event,
            note: String::new(),
            link: String::new(),
            assignee: String::new(),
            fixed: String::new(),
            due: String::new(),
            snooze: String::new(),
            decided: 0,
            cause: None,
            reported: None,
        }
    }
}

/// When a change is looked at: today, and how far the main line was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The day, `2026-11-28`.
    pub today: String,
    /// The position of the newest measured commit.
    pub newest: u64,
}

impl Reported {
    /// Whether somebody said that nobody need look at it yet. It comes back by itself.
    #[must_use]
    pub fn is_snoozed(&self, at: &Moment) -> bool {
        let is_early = match self.snooze.strip_prefix('@') {
            Some(place) => place.parse().is_ok_and(|place: u64| place > at.newest),
            None => self.snooze > at.today,
        };
        is_early && self.event.is_open()
    }
}

/// A change with its series.
#[derive(Clone, Debug)]
pub struct Event {
    /// The series that changed.
    pub series: SeriesRow,
    /// The change.
    pub reported: Reported,
}

/// Whether nobody need look at a change `e` yet, as [`Reported::is_snoozed`] has it.
pub(super) const SNOOZED: &str = "CASE WHEN e.snooze LIKE '@%' \
    THEN CAST(substr(e.snooze, 2) AS INTEGER) > :newest ELSE e.snooze > :today END";

/// How many events wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// Nobody has looked at them.
    pub new: u64,
    /// Somebody works on them.
    pub acknowledged: u64,
    /// Open as those are, but nobody need look at them yet.
    pub snoozed: u64,
    /// Settled by people.
    pub resolved: u64,
    /// Went back by themselves.
    pub recovered: u64,
}

pub(super) const EVENT: &str = "e.id, e.told_at, e.position, e.first, e.last, e.before, e.after, e.change, \
    e.low, e.high, e.confidence, e.kind, e.state, e.recovered, e.seen, e.note, e.link, e.cause, \
    e.reported, e.assignee, e.fixed, e.due, e.snooze, \
    (SELECT coalesce(max(d.batch), 0) FROM decided d WHERE d.event = e.id)";
/// Whether a change `e` is still one that somebody need care about.
pub(in crate::store) const OPEN: &str =
    "e.seen = 1 AND e.recovered IS NULL AND e.state IN ('new', 'acknowledged')";

pub(super) fn reported(r: &Row<'_>, at: usize) -> rusqlite::Result<Reported> {
    let kind: String = r.get(at + 11)?;
    let state: String = r.get(at + 12)?;
    Ok(Reported {
        id: r.get(at)?,
        event: life::Event {
            told_at: r.get(at + 1)?,
            change: Change {
                index: r.get(at + 2)?,
                first: r.get(at + 3)?,
                last: r.get(at + 4)?,
                before: r.get(at + 5)?,
                after: r.get(at + 6)?,
                change: r.get(at + 7)?,
                low: r.get(at + 8)?,
                high: r.get(at + 9)?,
                confidence: r.get(at + 10)?,
                kind: kind_of(&kind),
            }
            .by_levels(),
            state: state_in(at + 12, &state)?,
            recovered: r.get(at + 13)?,
            seen: r.get(at + 14)?,
        },
        note: r.get(at + 15)?,
        link: r.get(at + 16)?,
        cause: r.get(at + 17)?,
        assignee: r.get(at + 19)?,
        fixed: r.get(at + 20)?,
        due: r.get(at + 21)?,
        snooze: r.get(at + 22)?,
        decided: r.get(at + 23)?,
        reported: reported_in(at + 18, &r.get::<_, String>(at + 18)?)?,
    })
}

/// A column whose text means nothing here.
pub(super) fn unreadable(column: usize, why: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

fn state_in(column: usize, word: &str) -> rusqlite::Result<life::State> {
    let unknown = || unreadable(column, format!("unknown state `{word}`"));
    Triage::state_of(word).ok_or_else(unknown)
}

fn reported_in(column: usize, json: &str) -> rusqlite::Result<Option<Change>> {
    serde_json::from_str(json).map_err(|e| unreadable(column, e.to_string()))
}

impl Store {
    /// The events of one series, oldest first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn events_of(&self, series: &str) -> Result<Vec<Reported>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {EVENT} FROM change e WHERE e.series = ?1 ORDER BY e.told_at, e.id"
            ))?
            .query_map([series], |r| reported(r, 0))?
            .collect()
        })
    }

    /// The first commit that a change may be of, by its place on the main line; `None` where there is
    /// no such change.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn first_of(&self, change: &str) -> Result<Option<i64>> {
        self.ask(|db| {
            db.prepare_cached("SELECT first FROM change WHERE id = ?1")?
                .query_row([change], |r| r.get(0))
                .optional()
        })
    }

    /// Open events of judged metrics, the newest commit first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn open_events(&self, limit: usize) -> Result<Vec<Event>> {
        let condition = format!("e.judged = 1 AND {OPEN}");
        self.events_where(&condition, params![limit as i64])
    }

    /// Events of judged metrics that are settled, recovered or gone, the newest commit first.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn closed_events(&self, limit: usize) -> Result<Vec<Event>> {
        let condition = format!("e.judged = 1 AND NOT ({OPEN})");
        self.events_where(&condition, params![limit as i64])
    }

    /// Events whose commit set touches positions `first..=last`, the newest commit first; of a
    /// drift no commit is the cause.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn events_within(&self, first: u64, last: u64, limit: usize) -> Result<Vec<Event>> {
        self.events_where(
            "e.judged = 1 AND e.seen = 1 AND e.kind <> 'drift' AND e.last >= ?2 AND e.first <= ?3",
            params![limit as i64, first.cast_signed(), last.cast_signed()],
        )
    }

    /// The changes that a message to a channel is about, the newest commit first.
    pub(in crate::store) fn events_of_message(&self, message: i64) -> Result<Vec<Event>> {
        let condition = "e.id IN (SELECT change FROM outbox_change WHERE message = ?2)";
        self.events_where(condition, params![-1, message])
    }

    fn events_where(&self, condition: &str, args: &[&dyn rusqlite::ToSql]) -> Result<Vec<Event>> {
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT {SERIES}, {EVENT} FROM change e JOIN series s ON s.key = e.series \
                 WHERE {condition} ORDER BY e.position DESC, e.id LIMIT ?1"
            ))?
            .query_map(args, |r| {
                Ok(Event {
                    series: series_row(r, 0)?,
                    reported: reported(r, COLUMNS)?,
                })
            })?
            .collect()
        })
    }

    /// How many events of judged metrics wait at a moment, and how many do not.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn event_counts(&self, at: &Moment) -> Result<EventCounts> {
        let newest = at.newest.cast_signed();
        self.ask(|db| {
            db.prepare_cached(&format!(
                "SELECT coalesce(sum(open AND NOT later AND state = 'new'), 0), \
                 coalesce(sum(open AND NOT later AND state = 'acknowledged'), 0), \
                 coalesce(sum(open AND later), 0), \
                 coalesce(sum(state NOT IN ('new', 'acknowledged')), 0), \
                 coalesce(sum(recovered IS NOT NULL AND state IN ('new', 'acknowledged')), 0) \
                 FROM (SELECT e.*, {OPEN} AS open, {SNOOZED} AS later \
                 FROM change e WHERE e.judged = 1)"
            ))?
            .query_row(named_params! {":newest": newest, ":today": at.today}, |r| {
                let n = |i| r.get::<_, i64>(i).map(i64::cast_unsigned);
                Ok(EventCounts {
                    new: n(0)?,
                    acknowledged: n(1)?,
                    snoozed: n(2)?,
                    resolved: n(3)?,
                    recovered: n(4)?,
                })
            })
        })
    }

    /// How many changes each series has had reported, and how many of them were noise, by the
    /// series' short name; one that had none is left out.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn alarms(&self) -> Result<HashMap<String, (u64, u64)>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT series, count(*), sum(state = 'noise') FROM change GROUP BY series",
            )?
            .query_map([], |r| {
                let n = |i| r.get::<_, i64>(i).map(i64::cast_unsigned);
                Ok((r.get(0)?, (n(1)?, n(2)?)))
            })?
            .collect()
        })
    }
}
