//! Decisions from outside the dashboard: made at the command line, or travelling with an export.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::detect::alerts::life::{self, State};
use crate::error::Result;
use crate::model::SeriesKey;
use crate::model::{Counter, Metric};
use crate::stats;
use crate::store::log::triage::{settle_cause, state_name};
use crate::store::{Store, Triage};

/// An event with what people decided about it, as an export carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// The benchmark.
    pub benchmark: String,
    /// What is counted.
    pub metric: Metric,
    /// How.
    pub counter: Counter,
    /// The testbed's fingerprint.
    pub fingerprint: String,
    /// The position at which it was told.
    pub told_at: i64,
    /// The first measured position of the new level.
    pub position: i64,
    /// First position of the commit set.
    pub first: i64,
    /// Last position of the commit set.
    pub last: i64,
    /// Level before.
    pub before: f64,
    /// Level after.
    pub after: f64,
    /// In the order in which they were made.
    pub decisions: Vec<Line>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Decisions of one request share it.
    pub batch: i64,
    /// Seconds since 1970-01-01 UTC.
    pub time: i64,
    /// Who decided.
    pub actor: String,
    /// State before.
    pub before: String,
    /// State after.
    pub after: String,
    /// Why.
    pub note: String,
    /// Where the work is tracked.
    pub link: String,
    /// The batch that this one takes back.
    pub undoes: Option<i64>,
    /// Whether it put its events into a group of their own.
    #[serde(default)]
    pub regroups: bool,
}

/// The numbers that batches of an export have got in this store.
pub(super) type Batches = std::collections::HashMap<i64, i64>;

/// What names an event when it has to be made.
struct New<'a> {
    series: String,
    judged: bool,
    told_at: i64,
    change: [i64; 3],
    levels: [f64; 2],
    /// Change, low, high, confidence.
    effect: [f64; 4],
    recovered: Option<i64>,
    kind: &'a str,
}

impl Store {
    /// The number of an event, which is kept if no event of its series tells the same change.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn event_number(&mut self, key: &SeriesKey, event: &life::Event) -> Result<i64> {
        let c = &event.change;
        let new = New {
            series: key.id(),
            judged: key.metric.is_judged(),
            told_at: event.told_at,
            change: [c.index, c.first, c.last],
            levels: [c.before, c.after],
            effect: [c.change, c.low, c.high, c.confidence],
            recovered: event.recovered,
            kind: "step",
        };
        self.change(|tx| number(tx, &new))
    }

    /// Takes back the last standing decision about one event. Gives the state that it has now;
    /// `None` when there is nothing to take back.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn undo_last(&mut self, event: i64, actor: &str, now: i64) -> Result<Option<State>> {
        let last: Option<(i64, String, i64)> = self.ask(|db| {
            db.prepare_cached(
                "SELECT d.batch, d.before, (SELECT count(*) FROM decision o WHERE o.batch = d.batch) \
                 FROM decision d WHERE d.event = ?1 AND d.undoes IS NULL AND d.before <> d.after \
                 AND NOT EXISTS (SELECT 1 FROM decision u WHERE u.undoes = d.batch) \
                 ORDER BY d.id DESC LIMIT 1",
            )?
            .query_row([event], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()
        })?;
        let Some((batch, before, together)) = last else {
            return Ok(None);
        };
        let state = Triage::state_of(&before).unwrap_or_default();
        let done = if together == 1 {
            self.undo(batch, actor, now)? > 0
        } else {
            // Others were decided along with it: only this one goes back.
            let what = Triage {
                events: vec![event],
                state: Some(state),
                ..Triage::default()
            };
            self.decide(&what, actor, now)?.is_some()
        };
        Ok(done.then_some(state))
    }

    /// Every event that people decided about, by series and position.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn decided(&self) -> Result<Vec<Decided>> {
        let mut all: Vec<(i64, Decided)> = self.ask(|db| {
            db.prepare_cached(
                "SELECT e.id, s.benchmark, s.metric, s.counter, s.fingerprint, e.told_at, \
                 e.position, e.first, e.last, e.before, e.after \
                 FROM event e JOIN series s ON s.key = e.series \
                 WHERE EXISTS (SELECT 1 FROM decision d WHERE d.event = e.id) \
                 ORDER BY s.benchmark, s.metric, s.counter, s.fingerprint, e.position, e.id",
            )?
            .query_map([], |r| {
                let (metric, counter): (String, String) = (r.get(2)?, r.get(3)?);
                let decided = Decided {
                    benchmark: r.get(1)?,
                    metric: Metric::from_name(&metric).unwrap_or(Metric::Instructions),
                    counter: Counter::from_name(&counter).unwrap_or(Counter::Clock),
                    fingerprint: r.get(4)?,
                    told_at: r.get(5)?,
                    position: r.get(6)?,
                    first: r.get(7)?,
                    last: r.get(8)?,
                    before: r.get(9)?,
                    after: r.get(10)?,
                    decisions: Vec::new(),
                };
                Ok((r.get(0)?, decided))
            })?
            .collect()
        })?;
        for (id, decided) in &mut all {
            decided.decisions = self.lines(*id)?;
        }
        Ok(all.into_iter().map(|(_, d)| d).collect())
    }

    fn lines(&self, event: i64) -> Result<Vec<Line>> {
        self.ask(|db| {
            db.prepare_cached(
                "SELECT batch, time, actor, before, after, note, link, undoes, regroups FROM decision \
                 WHERE event = ?1 ORDER BY id",
            )?
            .query_map([event], |r| {
                Ok(Line {
                    batch: r.get(0)?,
                    time: r.get(1)?,
                    actor: r.get(2)?,
                    before: r.get(3)?,
                    after: r.get(4)?,
                    note: r.get(5)?,
                    link: r.get(6)?,
                    undoes: r.get(7)?,
                    regroups: r.get(8)?,
                })
            })?
            .collect()
        })
    }

    /// Takes in an event with its decisions; those that are there already change nothing, and
    /// the newest decision, by its time, is the one that stands. `batches` is empty at the
    /// beginning of an import and the same to its end: events decided together stay together.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub(super) fn put_decided(&mut self, d: &Decided, batches: &mut Batches) -> Result<()> {
        let key = SeriesKey {
            benchmark: d.benchmark.clone(),
            metric: d.metric,
            counter: d.counter,
            fingerprint: d.fingerprint.clone(),
        };
        let change = stats::change(d.before, d.after);
        let new = New {
            series: key.id(),
            judged: d.metric.is_judged(),
            told_at: d.told_at,
            change: [d.position, d.first, d.last],
            levels: [d.before, d.after],
            // Found anew at the next search; until then the levels say it.
            effect: [change, change, change, 1.0],
            recovered: None,
            kind: "step",
        };
        self.change(|tx| {
            let event = number(tx, &new)?;
            for l in &d.decisions {
                append(tx, event, l, batches)?;
            }
            settle(tx, event)
        })
    }
}

/// The event of a series that tells this change, made where there is none.
fn number(tx: &Transaction<'_>, new: &New<'_>) -> rusqlite::Result<i64> {
    let [position, first, last] = new.change;
    let [before, after] = new.levels;
    let known: Option<i64> = tx
        .prepare_cached(
            "SELECT id FROM event WHERE series = ?1 AND first <= ?3 AND last >= ?2 \
             AND (after >= before) = ?4 ORDER BY id LIMIT 1",
        )?
        .query_row(params![new.series, first, last, after >= before], |r| {
            r.get(0)
        })
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let [change, low, high, confidence] = new.effect;
    tx.prepare_cached(
        "INSERT INTO event (series, judged, told_at, position, first, last, before, after, \
         change, low, high, confidence, kind, state, recovered, seen) \
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,1) RETURNING id",
    )?
    .query_row(
        params![
            new.series,
            new.judged,
            new.told_at,
            position,
            first,
            last,
            before,
            after,
            change,
            low,
            high,
            confidence,
            new.kind,
            state_name(State::New),
            new.recovered
        ],
        |r| r.get(0),
    )
}

/// Appends a decision that is not there yet; batches get numbers of this store.
fn append(
    tx: &Transaction<'_>,
    event: i64,
    l: &Line,
    batches: &mut Batches,
) -> rusqlite::Result<()> {
    let alike: Vec<i64> = tx
        .prepare_cached(
            "SELECT batch FROM decision WHERE event = ?1 AND time = ?2 AND actor = ?3 \
             AND before = ?4 AND after = ?5 AND note = ?6 AND link = ?7 AND regroups = ?8 \
             ORDER BY id",
        )?
        .query_map(
            params![
                event, l.time, l.actor, l.before, l.after, l.note, l.link, l.regroups
            ],
            |r| r.get(0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    // Two decisions of one second can read alike: each is known by one line of the import.
    let known = match batches.get(&l.batch) {
        Some(ours) => alike.contains(ours).then_some(*ours),
        None => {
            let is_taken = |b: &i64| batches.values().any(|v| v == b);
            alike.into_iter().find(|b| !is_taken(b))
        }
    };
    if let Some(batch) = known {
        batches.insert(l.batch, batch);
        return Ok(());
    }
    let next: i64 = tx.query_row("SELECT coalesce(max(id), 0) + 1 FROM decision", [], |r| {
        r.get(0)
    })?;
    let batch = *batches.entry(l.batch).or_insert(next);
    let undoes = l.undoes.and_then(|u| batches.get(&u).copied());
    tx.execute(
        "INSERT INTO decision VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
        params![
            next, batch, l.time, l.actor, event, l.before, l.after, l.note, l.link, undoes,
            l.regroups
        ],
    )?;
    Ok(())
}

/// An event stands where its newest decision left it, with the last note and link.
fn settle(tx: &Transaction<'_>, event: i64) -> rusqlite::Result<()> {
    let last = |column: &str| {
        format!(
            "coalesce((SELECT {column} FROM decision WHERE event = ?1 AND {column} <> '' \
             ORDER BY time DESC, id DESC LIMIT 1), '')"
        )
    };
    let sql = format!(
        "UPDATE event SET state = {}, note = {}, link = {} WHERE id = ?1 \
         AND EXISTS (SELECT 1 FROM decision WHERE event = ?1)",
        last("after"),
        last("note"),
        last("link")
    );
    tx.execute(&sql, [event])?;
    settle_cause(tx, event)?;
    tx.execute(
        "UPDATE state SET value = value + 1 WHERE name = 'people_generation'",
        [],
    )?;
    Ok(())
}
