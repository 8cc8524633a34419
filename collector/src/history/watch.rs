//! Keeps the changes of every series up to date: new points go through the change finder, what
//! it says becomes events in the store. Whoever adds reports, or serves them, calls [`search`].

use std::cell::OnceCell;

use crate::detect::alerts::{life, replay, ripe};
use crate::detect::gate::{Past, Varies};
use crate::detect::{Change, Finder, Findings, Kind, Point, Settings};
use crate::error::Result;
use crate::history::Floor;
use crate::judge::HISTORY;
use crate::model::{SeriesKey, Testbed};
use crate::store::{Audience, Looked, Reported, SeriesRow, Store, TestbedRow, Unsearched, Value};

/// Points that a series is searched with the first time, and after many came at once; else only the
/// newest ones.
const WHOLE: usize = 5_000;
/// Points in the beginning of a window that moved, in which nothing new is believed.
const STALE: usize = replay::WINDOW / 10;
/// Series whose findings are written in one transaction.
const BATCH: usize = 64;

/// Searches up to `limit` series that have new points, and sends nothing to anybody. Gives how
/// many were searched: fewer than `limit` means that all are up to date.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn search(store: &mut Store, limit: usize) -> Result<usize> {
    search_for(store, limit, Audience::Nobody)
}

/// [`search`], of whose new findings an audience hears. Nothing is searched while a history is being
/// imported: half of it has other steps than the whole, and none of it is news.
///
/// # Errors
/// [`crate::error::Error::Store`].
pub fn search_for(store: &mut Store, limit: usize, audience: Audience) -> Result<usize> {
    if store.is_being_imported()? {
        return Ok(0);
    }
    let gaps = Gaps::default();
    let mut done = 0;
    while done < limit {
        store.derive()?;
        let (applied, testbeds) = (store.applied()?, store.testbeds()?);
        let some = store.unsearched(BATCH.min(limit - done))?;
        if some.is_empty() {
            break;
        }
        done += some.len();
        let mut all = Vec::with_capacity(some.len());
        for series in some {
            // Another process may be deriving everything anew: what is half there is left for later.
            let looked = store.at_once(|store| {
                let is_whole = store.applied()? >= applied && store.is_so(&series.row)?;
                is_whole
                    .then(|| look(store, series, (&testbeds, &gaps)))
                    .transpose()
            })?;
            all.extend(looked);
        }
        store.keep_findings(&all, audience)?;
    }
    Ok(done)
}

/// Looks at series for whoever asks, and keeps nothing. What is the same for all series is read
/// once: a comparison asks about thousands.
pub(super) struct Glance<'s> {
    store: &'s Store,
    testbeds: OnceCell<Vec<TestbedRow>>,
    gaps: Gaps,
}

impl<'s> Glance<'s> {
    pub(super) fn new(store: &'s Store) -> Self {
        Self {
            store,
            testbeds: OnceCell::new(),
            gaps: Gaps::default(),
        }
    }

    /// What was reported of a series, as its points show it now, also where nobody looked at them
    /// yet. Half an imported history is not looked at.
    pub(super) fn reported(&self, key: &SeriesKey) -> Result<Vec<Reported>> {
        let mut known = self.store.events_of(&key.id())?;
        let Some(series) = self.store.unsearched_of(key)? else {
            return Ok(known);
        };
        if self.store.is_being_imported()? {
            return Ok(known);
        }
        let now = look(self.store, series, (self.testbeds()?, &self.gaps))?.events;
        // What lies before the points that were looked at stands as it stood.
        known.retain(|k| !now.iter().any(|n| n.id == k.id));
        known.extend(now);
        Ok(known)
    }

    fn testbeds(&self) -> Result<&[TestbedRow]> {
        if let Some(known) = self.testbeds.get() {
            return Ok(known);
        }
        let read = self.store.testbeds()?;
        Ok(self.testbeds.get_or_init(|| read))
    }
}

fn look(
    store: &Store,
    series: Unsearched,
    (testbeds, gaps): (&[TestbedRow], &Gaps),
) -> Result<Looked> {
    // Many at once may lie anywhere.
    let came = series.row.points.saturating_sub(series.searched);
    let n = if series.searched == 0 || came > STALE as u64 {
        WHOLE
    } else {
        replay::WINDOW + STALE
    };
    let values = store.recent(series.row.id, u64::MAX, n)?;
    let points = points_of(&values);
    let settings = Floor::default().settings(&series.row.key, series.row.class);
    let mut findings = Finder::new(settings).find(&points);
    if values.len() == n {
        let begin = points.get(STALE).map_or(i64::MIN, |p| p.index);
        findings.changes.retain(|c| c.index >= begin);
    }
    let environment = own_changes(&series.row.key, testbeds);
    for change in &mut findings.changes {
        change.mark_environment(&environment);
    }
    let reported = store.events_of(&series.row.key.id())?;
    let old = gaps.span(store, (&findings.changes, &points), &reported)?;
    let ripe = |c: &Change| !old.contains(&c.index) && is_told(c, &findings, &points, settings);
    let begin = if values.len() == n {
        points.first().map_or(i64::MIN, |p| p.index)
    } else {
        i64::MIN
    };
    let events = bring_up_to_date(reported, begin, &points, &findings, ripe);
    Ok(Looked {
        varies: varies(&series.row, &points),
        mark: series.mark,
        series: series.row,
        findings,
        events,
    })
}

/// Values of the store as the change finder reads them.
pub(super) fn points_of(values: &[Value]) -> Vec<Point> {
    let point = |v: &Value| Point {
        index: v.position.cast_signed(),
        value: v.value,
    };
    values.iter().map(point).collect()
}

/// The commits of which no number is left because their time was over.
///
/// What stands before such a gap and behind it may be of two levels, of which nothing was reported
/// while the points between were there: a slow drift, or what was taken back and came again. A step
/// across it is no news, and nobody could say which commit it was.
#[derive(Default)]
struct Gaps(OnceCell<Vec<u64>>);

impl Gaps {
    /// Those of the changes in a series that are new and span a gap, by their index. A commit that
    /// was measured again since is none.
    fn span(
        &self,
        store: &Store,
        (found, points): (&[Change], &[Point]),
        known: &[Reported],
    ) -> Result<Vec<i64>> {
        let is_measured = |at: &i64| points.binary_search_by_key(at, |p| p.index).is_ok();
        let steps = || known.iter().filter(|t| t.event.change.kind != Kind::Drift);
        let is_new = |c: &&Change| !steps().any(|t| t.event.change.overlaps(c));
        let mut spanning = Vec::new();
        for c in found.iter().filter(|c| c.first < c.last).filter(is_new) {
            let gone = match self.0.get() {
                Some(gone) => gone,
                None => {
                    let gone = store.pruned_positions()?;
                    self.0.get_or_init(|| gone)
                }
            };
            let from = gone.partition_point(|at| at.cast_signed() < c.first);
            let among = gone[from..].iter().map(|at| at.cast_signed());
            if !among
                .take_while(|at| *at <= c.last)
                .all(|at| is_measured(&at))
            {
                spanning.push(c.index);
            }
        }
        Ok(spanning)
    }
}

/// How far a series varies by its newest values, as the gate will have it for the next commit. An
/// exact count has no noise: what it varied by were real changes.
fn varies(series: &SeriesRow, points: &[Point]) -> Varies {
    if series.class.repeats() {
        return Varies::Relative(0.0);
    }
    let newest = points.len().saturating_sub(HISTORY);
    let values: Vec<f64> = points[newest..].iter().map(|p| p.value).collect();
    Past::of(&values).varies()
}

/// Whether a change that nobody reported yet is: it took so much evidence as the commits came.
pub(super) fn is_told(
    c: &Change,
    findings: &Findings,
    points: &[Point],
    settings: Settings,
) -> bool {
    ripe::is_ripe(c, findings, points) && has_stood(c, findings, points, settings)
}

/// Whether earlier looks saw a change too, as many in a row as it takes to be reported. Looks are
/// not remembered but done again, over the points up to then, so that the answer depends on the
/// points alone and not on who looked when; of many, those at doubling distances are done.
fn has_stood(c: &Change, findings: &Findings, points: &[Point], settings: Settings) -> bool {
    let wanted = ripe::looks_wanted(c, findings, points);
    let mut back = 1;
    while back < wanted {
        let seen = points.len().checked_sub(back).is_some_and(|n| {
            let then = Finder::new(settings).find(&points[..n]);
            let same = |o: &Change| o.direction() == c.direction() && o.overlaps(c);
            then.changes.iter().any(same)
        });
        if !seen {
            return false;
        }
        // The furthest of them is done whatever the distances.
        back = if back + 1 == wanted {
            wanted
        } else {
            (2 * back).min(wanted - 1)
        };
    }
    true
}

/// Where the testbed of this very series changed in something else than what names it.
fn own_changes(key: &SeriesKey, testbeds: &[TestbedRow]) -> Vec<i64> {
    let own = |t: &&TestbedRow| {
        let facts = t.facts.clone();
        Testbed { facts }.fingerprint(&key.counter) == key.fingerprint
    };
    let first = |t: &TestbedRow| t.first_position.cast_signed();
    testbeds.iter().filter(own).skip(1).map(first).collect()
}

/// What is worth reporting of a series, of which `points` are those from `begin` on.
#[must_use]
pub fn bring_up_to_date(
    reported: Vec<Reported>,
    begin: i64,
    points: &[Point],
    findings: &Findings,
    ripe: impl Fn(&Change) -> bool,
) -> Vec<Reported> {
    // What happened before the window can be neither confirmed nor refuted by it.
    let known: Vec<Reported> = reported
        .into_iter()
        .filter(|t| t.event.change.index > begin)
        .collect();
    let mut events: Vec<life::Event> = known.iter().map(as_reported).collect();
    life::update(&mut events, points, findings, ripe);
    let ids = known.iter().map(|t| t.id.clone());
    ids.chain(std::iter::repeat(String::new()))
        .zip(events)
        .map(|(id, event)| Reported::new(id, event))
        .collect()
}

/// An event before any look at it.
fn as_reported(t: &Reported) -> life::Event {
    life::Event {
        change: t.reported.clone().unwrap_or_else(|| t.event.change.clone()),
        told_at: t.event.told_at,
        state: t.event.state,
        recovered: None,
        seen: true,
    }
}
