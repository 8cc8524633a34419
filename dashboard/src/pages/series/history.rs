//! One series as far as its page shows it.

use std::sync::Arc;

use collector::history::open_among;
use collector::model::Testbed;
use collector::report::links;
use collector::stats;
use collector::store::{Event, MeasuredCommit, Reported, SeriesState, Store, TestbedRow, Value};

use super::dates::{self, Dates};
use crate::app::App;
use crate::error::Fail;
use crate::landmarks::Landmark;
use crate::look::{Across, SeriesLook};
use crate::pages::answer::the_series;
use crate::pages::drift::{Drift, is_drift};
use crate::pages::testbeds::{Facts, stays};

/// Series of the same benchmark on earlier testbeds that are drawn too.
const OLDER: usize = 3;
/// Pieces of the line of a drift.
const BENDS: usize = 24;

pub(super) struct History {
    pub(super) series: SeriesState,
    pub(super) id: String,
    pub(super) look: SeriesLook,
    /// The first position of the whole series and of those on earlier testbeds.
    pub(super) first: u64,
    days: Dates,
    pub(super) values: Vec<Value>,
    pub(super) older: Vec<(SeriesState, Vec<Value>)>,
    /// What was put into the chart beside it.
    pub(super) others: Vec<(SeriesState, Vec<Value>)>,
    /// Every change of the series that stands, the oldest first.
    changes: Vec<Reported>,
    pub(super) drift: Option<Drift>,
    /// Where another testbed took the place of one that this series, or one drawn with it, ran on;
    /// ascending.
    pub(super) testbeds: Vec<Moved>,
    /// Tags, and where branches left the line.
    landmarks: Arc<Vec<Landmark>>,
    pub(super) siblings: Vec<SeriesState>,
    /// When the measured commits of what is shown were written, ascending.
    pub(super) dates: Vec<(u64, i64)>,
}

/// The series with what was measured at positions `from..=to`.
pub(super) fn load(
    (store, app): (&Store, &App),
    id: &str,
    look: SeriesLook,
) -> Result<History, Fail> {
    let (from, to) = (look.from, look.to);
    let series = the_series(store, id)?;
    let key = &series.row.key;
    let siblings = store.series_of(&key.benchmark)?;
    let same = |s: &&SeriesState| {
        s.row.key.metric == key.metric
            && s.row.key.counter == key.counter
            && s.row.id != series.row.id
    };
    let mut older = Vec::new();
    for s in siblings.iter().filter(same).take(OLDER) {
        older.push((s.clone(), store.values(s.row.id, from, to)?));
    }
    older.retain(|(_, v)| !v.is_empty());
    let others = others(store, look)?;
    if !others.is_empty() {
        // Each line is there because somebody asked for it.
        older.clear();
    }
    let mut changes = store.events_of(id)?;
    // A history that came in at once was told at once: the line says which change was first.
    changes.sort_by(|a, b| {
        let place = |t: &Reported| t.event.change.index;
        (place(a), &a.id).cmp(&(place(b), &b.id))
    });
    let mut h = History {
        values: store.values(series.row.id, from, to)?,
        changes,
        drift: Drift::of(store, &series)?,
        testbeds: moves(store, &series, &siblings)?,
        landmarks: app.landmarks.of(store, app.releases())?,
        id: id.into(),
        first: 0,
        days: Dates::default(),
        look,
        dates: Vec::new(),
        older,
        others,
        siblings,
        series,
    };
    let (from, to) = h.ends();
    h.dates = store.times_between(from, to)?;
    h.first = first(store, &h)?;
    if look.x == Across::Date {
        h.days = Dates::along(&h.dates);
    }
    Ok(h)
}

/// The other series of the chart, with what was measured in the stretch that is seen.
fn others(store: &Store, look: SeriesLook) -> Result<Vec<(SeriesState, Vec<Value>)>, Fail> {
    let mut out = Vec::new();
    for id in look.with.ids() {
        let series = the_series(store, &id)?;
        let values = store.values(series.row.id, look.from, look.to)?;
        out.push((series, values));
    }
    Ok(out)
}

/// The first position of the series and of those that are drawn with it.
fn first(store: &Store, h: &History) -> Result<u64, Fail> {
    if !h.look.is_zoomed() {
        return Ok(h.ends().0);
    }
    let beside = h.older.iter().chain(&h.others);
    let all = std::iter::once(&h.series).chain(beside.map(|(s, _)| s));
    let mut first = h.ends().0;
    for s in all {
        let start = store.first_position(s.row.id)?;
        first = first.min(start.unwrap_or(first));
    }
    Ok(first)
}

/// Another testbed in the place of one.
pub(super) struct Moved {
    pub(super) position: u64,
    pub(super) time: i64,
    pub(super) facts: Facts,
}

/// The testbeds that led to that of a series, each with what changed when it came.
fn moves(
    store: &Store,
    series: &SeriesState,
    siblings: &[SeriesState],
) -> Result<Vec<Moved>, Fail> {
    let key = &series.row.key;
    let counters = [key.counter.clone()];
    let is_of_it = |fingerprint: &String| {
        let mut same = siblings.iter().map(|s| &s.row.key);
        same.any(|k| {
            k.metric == key.metric && k.counter == key.counter && k.fingerprint == *fingerprint
        })
    };
    let mut rows = store.testbeds()?;
    let fingerprint = |t: &TestbedRow| {
        let facts = t.facts.clone();
        Testbed { facts }.fingerprint(&key.counter)
    };
    rows.retain(|t| is_of_it(&fingerprint(t)));
    let mut all = stays(rows.iter(), &counters);
    let mut at = all
        .iter()
        .position(|s| fingerprint(s.first) == key.fingerprint);
    let mut out = Vec::new();
    while let Some(i) = at {
        let (position, time) = (all[i].first.first_position, all[i].first.first_time);
        at = all[i].replaced.take().map(|(before, facts)| {
            out.push(Moved {
                position,
                time,
                facts,
            });
            before
        });
    }
    out.reverse();
    Ok(out)
}

impl History {
    /// Where a position lies on the horizontal axis.
    pub(super) fn x(&self, position: f64) -> f64 {
        match self.look.x {
            Across::Commit => position,
            Across::Date => self.days.at(position),
        }
    }

    /// What is written there.
    pub(super) fn label_x(&self, x: f64) -> String {
        match self.look.x {
            Across::Commit => self.day(x),
            Across::Date => {
                let (from, to) = self.ends();
                dates::label(x, self.x(to as f64) - self.x(from as f64))
            }
        }
    }

    /// Every change that stands, with its number.
    pub(super) fn all_changes(&self) -> impl DoubleEndedIterator<Item = (usize, &Reported)> {
        let seen = self.changes.iter().filter(|t| t.event.seen);
        seen.collect::<Vec<_>>()
            .into_iter()
            .enumerate()
            .map(|(i, t)| (i + 1, t))
    }

    /// The drift that somebody opened as a change, while nobody has settled it.
    pub(super) fn open_drift(&self) -> Option<&Reported> {
        open_among(&self.changes)
    }

    /// Those at the commits that are shown.
    pub(super) fn changes(&self) -> impl DoubleEndedIterator<Item = (usize, &Reported)> {
        let (from, to) = (self.look.from, self.look.to);
        let shown = move |t: &Reported| (from..=to).contains(&position(t.event.change.index));
        self.all_changes().filter(move |(_, t)| shown(t))
    }

    /// The changes that are shown, with their series.
    pub(super) fn events(&self) -> Vec<Event> {
        let event = |reported: &Reported| Event {
            series: self.series.row.clone(),
            reported: reported.clone(),
        };
        self.changes().map(|(_, t)| event(t)).collect()
    }

    /// The changes as the document has them: also what no longer stands.
    pub(super) fn every_event(&self) -> &[Reported] {
        &self.changes
    }

    /// The testbeds that came in what is drawn.
    pub(super) fn moves(&self) -> impl DoubleEndedIterator<Item = &Moved> {
        let (from, to) = self.ends();
        let all = self.testbeds.iter();
        all.filter(move |m| (from..=to).contains(&m.position))
    }

    /// The first and the last position that is drawn.
    pub(super) fn ends(&self) -> (u64, u64) {
        let beside = self.older.iter().chain(&self.others).map(|(_, v)| v);
        let all: Vec<&Vec<Value>> = beside.chain(std::iter::once(&self.values)).collect();
        let first = all.iter().filter_map(|v| v.first()).map(|v| v.position);
        let last = all.iter().filter_map(|v| v.last()).map(|v| v.position);
        (first.min().unwrap_or(0), last.max().unwrap_or(0))
    }

    /// The points that have a name among what is drawn.
    pub(super) fn landmarks(&self) -> &[Landmark] {
        if self.values.is_empty() {
            return &[];
        }
        let (from, to) = self.ends();
        let before = |at: u64| self.landmarks.partition_point(|l| l.position < at);
        &self.landmarks[before(from)..before(to.saturating_add(1))]
    }

    /// The day of a position, or of the next one that was measured.
    pub(super) fn day(&self, at: f64) -> String {
        let i = self.dates.partition_point(|(p, _)| (*p as f64) < at);
        let known = self.dates.get(i.min(self.dates.len().saturating_sub(1)));
        let span = dates::span(&self.dates);
        known.map_or_else(String::new, |(_, t)| dates::whole(*t, span))
    }

    /// The levels between the changes, each as a line of positions; tilted where the series drifts.
    pub(super) fn levels(&self) -> Vec<Vec<(f64, f64)>> {
        // The line of an exact count is its level; among several lines a level is one more.
        let is_exact = self.series.noise == 0.0 && self.drift.is_none();
        if is_exact || !self.others.is_empty() {
            return Vec::new();
        }
        let at = |t: &Reported| {
            let index = position(t.event.change.index);
            self.values.partition_point(|v| v.position < index)
        };
        let steps = self.changes().filter(|(_, t)| !is_drift(t));
        let mut cuts: Vec<usize> = steps.map(|(_, t)| at(t)).collect();
        cuts.push(self.values.len());
        let mut from = 0;
        let mut out = Vec::new();
        for to in cuts {
            out.extend(self.level(&self.values[from.min(to)..to]));
            from = to;
        }
        out
    }

    fn level(&self, piece: &[Value]) -> Option<Vec<(f64, f64)>> {
        let size = stats::median(&piece.iter().map(|v| v.value).collect::<Vec<_>>())?;
        let slope = self.drift.as_ref().map_or(0.0, |d| d.slope) * size;
        let middle = (piece.len() - 1) as f64 / 2.0;
        let off = |i: usize| slope * (i as f64 - middle);
        let flat: Vec<f64> = (0..piece.len()).map(|i| piece[i].value - off(i)).collect();
        let level = stats::median(&flat)?;
        let last = piece.len() - 1;
        // By date a slope per commit is no straight line.
        let pieces = if slope == 0.0 {
            1
        } else {
            BENDS.min(last.max(1))
        };
        let at = |n: usize| {
            let i = last * n / pieces;
            (piece[i].position as f64, level + off(i))
        };
        Some((0..=pieces).map(at).collect())
    }
}

/// A position as the store counts them.
fn position(index: i64) -> u64 {
    index.max(0).cast_unsigned()
}

/// The commits that a change lies between: the newest measured one before its set, and the last
/// measured one in it.
pub(in crate::pages) fn around(
    store: &Store,
    change: &Reported,
) -> Result<Option<(MeasuredCommit, MeasuredCommit)>, Fail> {
    let c = &change.event.change;
    let base = store.commits(position(c.first), 1)?.pop();
    let head = store
        .commits(position(c.last).saturating_add(1), 1)?
        .pop()
        .filter(|h| h.position >= position(c.first));
    Ok(base.zip(head))
}

/// The comparison that shows a change of a series.
pub(super) fn link(h: &History, store: &Store, change: &Reported) -> Result<Option<String>, Fail> {
    if is_drift(change) {
        return Ok(None);
    }
    let moved = [(&h.series.row.key.metric, true)];
    let between = around(store, change)?;
    Ok(between.map(|(b, h)| links::comparison(&b.sha, &h.sha, moved.into_iter())))
}

/// The measured commits that may have caused a change.
pub(super) fn suspects(store: &Store, change: &Reported) -> Result<Vec<MeasuredCommit>, Fail> {
    let c = &change.event.change;
    Ok(store.commits_between(position(c.first), position(c.last))?)
}
