//! Reporting changes: what the finder says becomes alerts in the log, each once, and is kept beside
//! them as it is now.

use crate::store::view::events::OPEN;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::detect::alerts::life;
use crate::detect::gate::Varies;
use crate::detect::{Change, Class, Findings, Kind};
use crate::error::Result;
use crate::model::SeriesKey;
use crate::store::log::entry::{Alert, Entry, identity};
use crate::store::outbox::rows;
use crate::store::view::apply::{append_and_apply, bump};
use crate::store::view::changes::kind_word;
use crate::store::{Reported, SeriesRow, Store};

/// Who hears of what a look at series finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Nobody: what is found was there before.
    Nobody,
    /// The channels.
    Channels {
        /// The time, in seconds since 1970-01-01 UTC.
        now: i64,
    },
}

/// What a look at a series found.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The series.
    pub series: SeriesRow,
    /// What the store had of how much of it was searched, before this look.
    pub mark: i64,
    /// What the change finder says of it.
    pub findings: Findings,
    /// How far its values vary, as the gate has it.
    pub varies: Varies,
    /// What is worth reporting.
    pub events: Vec<Reported>,
}

impl Store {
    /// Keeps what the change finder said of some series. A change that has no identity yet is
    /// reported: it gets one, in the log, unless another process reported it meanwhile. Channels
    /// hear of it, unless the series is looked at for the first time: all of it is history then,
    /// as after a rebuild or a migration. A series that another process searched or derived anew
    /// since this look is left as it is.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn keep_findings(&mut self, all: &[Looked], audience: Audience) -> Result<()> {
        let shared = self.is_replica();
        self.with_view(|tx| {
            for looked in all {
                let (series, findings) = (&looked.series, &looked.findings);
                if !is_as_it_was(tx, looked)? {
                    continue;
                }
                let (varies, in_units) = match looked.varies {
                    Varies::Relative(sigma) => (sigma, false),
                    Varies::Units(sigma) => (sigma, true),
                };
                let now = match audience {
                    Audience::Channels { now } if was_searched(tx, series, shared)? => Some(now),
                    _ => None,
                };
                tx.prepare_cached(
                    "UPDATE series SET kind = ?2, noise = ?3, drift = ?4, searched = ?5, \
                     varies = ?6, varies_in_units = ?7 WHERE id = ?1",
                )?
                .execute(params![
                    series.id,
                    class_word(findings.class),
                    findings.noise,
                    findings.drift,
                    series.points.cast_signed(),
                    // What is no number (of values at the end of what one holds) is unknown.
                    varies.max(0.0),
                    in_units
                ])?;
                if shared {
                    tx.prepare_cached("INSERT OR IGNORE INTO looked VALUES (?1)")?
                        .execute([&series.key.id()])?;
                }
                for t in &looked.events {
                    let id = reported(tx, &series.key, &t.id, &t.event, now)?;
                    let over = t.event.recovered.is_some() || !t.event.seen;
                    let is_one = t.event.change.first == t.event.change.last;
                    let is_news = now.is_some() && (over || is_one) && is_open(tx, &id)?;
                    revise(tx, &id, &t.event)?;
                    match now.filter(|_| is_news) {
                        Some(now) if over => rows::went_back(tx, &id, now)?,
                        Some(now) => rows::narrowed(tx, &id, now)?,
                        None => {}
                    }
                }
            }
            bump(tx, "facts_generation")
        })
    }

    /// The identity of a change; it is reported now if it was not yet, and no channel hears of
    /// it: whoever asks knows of it.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn report_change(&mut self, key: &SeriesKey, event: &life::Event) -> Result<String> {
        self.with_view(|tx| {
            let id = reported(tx, key, "", event, None)?;
            // Whoever asked sees it on the next page, as what people decide.
            bump(tx, "people_generation")?;
            Ok(id)
        })
    }
}

const fn class_word(class: Class) -> &'static str {
    match class {
        Class::Young => "young",
        Class::Exact => "exact",
        Class::Walk => "walk",
        Class::Noisy => "noisy",
    }
}

/// Whether a series is as it was when it was looked at: a rebuild gives its number to another one.
fn is_as_it_was(tx: &Transaction<'_>, looked: &Looked) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM series WHERE id = ?1 AND key = ?2 AND searched = ?3)",
    )?
    .query_row(
        params![looked.series.id, looked.series.key.id(), looked.mark],
        |r| r.get(0),
    )
}

/// Whether the change finder has looked at a series before: on any node, where there are several.
fn was_searched(tx: &Transaction<'_>, of: &SeriesRow, shared: bool) -> rusqlite::Result<bool> {
    if shared {
        return tx
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM looked WHERE series = ?1)")?
            .query_row([of.key.id()], |r| r.get(0));
    }
    tx.prepare_cached("SELECT searched <> 0 FROM series WHERE id = ?1")?
        .query_row([of.id], |r| r.get(0))
}

/// Whether a change is still one that somebody need care about.
fn is_open(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    tx.prepare_cached(&format!(
        "SELECT EXISTS (SELECT 1 FROM change e WHERE e.id = ?1 AND {OPEN})"
    ))?
    .query_row([id], |r| r.get(0))
}

/// The identity of a change: its own, or that of the one which tells the same, or a new one, of
/// which channels hear at `now`.
fn reported(
    tx: &Transaction<'_>,
    key: &SeriesKey,
    known: &str,
    event: &life::Event,
    now: Option<i64>,
) -> rusqlite::Result<String> {
    if !known.is_empty() {
        return Ok(known.to_string());
    }
    let known = match event.change.kind {
        Kind::Drift => open_drift(tx, key, &event.change)?,
        Kind::Step | Kind::Environment => alike(tx, key, &event.change)?,
    };
    if let Some(id) = known {
        return Ok(id);
    }
    let alert = Alert {
        id: identity(key, &event.change),
        series: key.clone(),
        told_at: event.told_at,
        change: event.change.clone(),
    };
    let id = alert.id.clone();
    let appended = append_and_apply(tx, Entry::Alert(Box::new(alert.clone())))?;
    if let Some(now) = now.filter(|_| appended.is_some()) {
        rows::announce(tx, &alert, now)?;
    }
    Ok(id)
}

/// The change of a series that is the same as this one, if it was reported.
fn alike(tx: &Transaction<'_>, key: &SeriesKey, c: &Change) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached(
        "SELECT id FROM change WHERE series = ?1 AND first <= ?3 AND last >= ?2 \
         AND (after >= before) = ?4 AND kind <> 'drift' ORDER BY position, id LIMIT 1",
    )?
    .query_row(
        params![key.id(), c.first, c.last, c.after >= c.before],
        |r| r.get(0),
    )
    .optional()
}

/// The drift of a series that way which is open, if there is one: it goes on.
fn open_drift(
    tx: &Transaction<'_>,
    key: &SeriesKey,
    c: &Change,
) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached(&format!(
        "SELECT id FROM change e WHERE e.series = ?1 AND e.kind = 'drift' \
         AND (e.after >= e.before) = ?2 AND {OPEN} ORDER BY e.position, e.id LIMIT 1"
    ))?
    .query_row(params![key.id(), c.after >= c.before], |r| r.get(0))
    .optional()
}

/// What the finder says of a change now. What people decided stays.
fn revise(tx: &Transaction<'_>, id: &str, e: &life::Event) -> rusqlite::Result<()> {
    let c = &e.change;
    tx.prepare_cached(
        "UPDATE change SET position = ?2, first = ?3, last = ?4, before = ?5, after = ?6, \
         change = ?7, low = ?8, high = ?9, confidence = ?10, kind = ?11, recovered = ?12, \
         seen = ?13 WHERE id = ?1",
    )?
    .execute(params![
        id,
        c.index,
        c.first,
        c.last,
        c.before,
        c.after,
        c.change,
        c.low,
        c.high,
        c.confidence,
        kind_word(c.kind),
        e.recovered,
        e.seen
    ])?;
    Ok(())
}
