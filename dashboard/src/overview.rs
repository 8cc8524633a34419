//! Every series of a store, judged: what Health counts, filters, orders and groups. It is made once
//! for a state of the store, from rows alone, and kept for whoever asks next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use collector::config::Config;
use collector::history::health::{STALE, Sight, Trouble};
use collector::model::{Counter, Failure, Testbed};
use collector::store::{Generation, MeasuredCommit, SeriesState, Silence, Store, TestbedRow};
use serde::Serialize;

use crate::error::Fail;

/// Reports of the newest commit that are read for what failed.
const REPORTS: usize = 8;
/// Benchmarks that fail of which it is found out since when.
const FAILING: usize = 100;

/// A series with what is listed of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) series: SeriesState,
    /// Whose it is, by `[owners]` in `uptick.toml`.
    pub(crate) owner: Option<Arc<str>>,
    /// The change that would stop the next commit (fraction).
    pub(crate) limit: f64,
    /// The smallest lasting step that would be found (fraction).
    pub(crate) lasting: f64,
    /// Why it needs a look, the most urgent first.
    pub(crate) troubles: Vec<Trouble>,
    /// Changes that were reported of it, and how many of them were noise.
    pub(crate) alerts: (u64, u64),
}

/// A testbed, and how far it has come.
#[derive(Debug, Serialize)]
pub(crate) struct Bed {
    #[serde(flatten)]
    pub(crate) row: TestbedRow,
    /// What names it in a series, by counter.
    pub(crate) ids: BTreeMap<String, String>,
    /// Series that are measured on it by now; none: another one took over.
    pub(crate) series: usize,
    /// When its newest report was begun, where it still measures.
    pub(crate) last_report: Option<i64>,
    /// Commits from the last one that it measured to the newest one.
    pub(crate) behind: u64,
}

impl Bed {
    /// Whether it should measure and has not for long.
    pub(crate) fn is_silent(&self) -> bool {
        self.series > 0 && self.behind > STALE
    }
}

/// Every series, and what stands around them.
#[derive(Debug)]
pub(crate) struct Overview {
    /// By benchmark and metric.
    pub(crate) entries: Vec<Entry>,
    pub(crate) newest: Option<MeasuredCommit>,
    /// What failed on the newest commit.
    pub(crate) failures: Vec<Failure>,
    /// Since when it has had no number, of each benchmark that fails and ever had one.
    pub(crate) since: BTreeMap<String, Silence>,
    /// In the order of their first commits.
    pub(crate) testbeds: Vec<Bed>,
    /// Reports and points in the store.
    pub(crate) counts: (u64, u64),
    /// Series with points that the change finder has not looked at yet.
    pub(crate) unsearched: u64,
}

impl Overview {
    fn read(store: &Store, config: &Config) -> Result<Self, Fail> {
        let newest = store.commits(u64::MAX, 1)?.pop();
        let failures = match &newest {
            Some(commit) => failures(store, commit)?,
            None => Vec::new(),
        };
        let position = newest.as_ref().map_or(0, |c| c.position);
        let failing: BTreeSet<&str> = failures
            .iter()
            .filter_map(|f| f.benchmark.as_deref())
            .collect();
        let mut alarms = store.alarms()?;
        let mut owners = Owners::default();
        let entries: Vec<Entry> = store
            .current_series()?
            .into_iter()
            .map(|series| {
                let sight = Sight::of(config, &series);
                let fails = failing.contains(series.row.key.benchmark.as_str());
                Entry {
                    owner: owners.of(config, &series.row.key.benchmark),
                    limit: sight.next.fraction,
                    lasting: sight.lasting,
                    troubles: sight.troubles(&series, position, fails),
                    alerts: alarms.remove(&series.row.key.id()).unwrap_or_default(),
                    series,
                }
            })
            .collect();
        let since = since(store, (&failing, position), &entries)?;
        Ok(Self {
            testbeds: beds(store.testbeds()?, &entries, position),
            since,
            entries,
            newest,
            failures,
            counts: store.counts()?,
            unsearched: store.unsearched_series()?,
        })
    }

    /// The position of the newest commit.
    pub(crate) fn position(&self) -> u64 {
        self.newest.as_ref().map_or(0, |c| c.position)
    }

    /// How many series need a look.
    pub(crate) fn look(&self) -> usize {
        self.entries
            .iter()
            .filter(|e| !e.troubles.is_empty())
            .count()
    }

    /// How many series each metric has, and how many of them need a look, by the metric's name.
    pub(crate) fn metrics(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut out: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for e in &self.entries {
            let counts = out.entry(e.series.row.key.metric.name()).or_default();
            counts.0 += 1;
            counts.1 += usize::from(!e.troubles.is_empty());
        }
        out
    }
}

/// The names of owners, each once however many series they own.
#[derive(Default)]
struct Owners(BTreeSet<Arc<str>>);

impl Owners {
    fn of(&mut self, config: &Config, benchmark: &str) -> Option<Arc<str>> {
        let name = config.owner_of(benchmark)?;
        if let Some(known) = self.0.get(name) {
            return Some(known.clone());
        }
        let name: Arc<str> = name.into();
        self.0.insert(name.clone());
        Some(name)
    }
}

/// What failed in the newest reports of a commit; what another of them has a number of did not.
fn failures(store: &Store, commit: &MeasuredCommit) -> Result<Vec<Failure>, Fail> {
    let mut all: Vec<Failure> = Vec::new();
    // A large report takes a while to read: most have nothing to say here.
    if commit.failures == 0 && commit.reports == 1 {
        return Ok(all);
    }
    let mut measured: BTreeSet<String> = BTreeSet::new();
    for listed in store.reports(Some(&commit.sha), REPORTS)? {
        let Some(report) = store.report(&listed.hash)? else {
            continue;
        };
        let known: BTreeSet<Option<&str>> = all.iter().map(|f| f.benchmark.as_deref()).collect();
        let new = report.failures.iter();
        let new = new.filter(|f| !known.contains(&f.benchmark.as_deref()));
        let new: Vec<Failure> = new.cloned().collect();
        all.extend(new);
        measured.extend(report.measurements.into_iter().map(|m| m.benchmark));
    }
    all.retain(|f| f.benchmark.as_ref().is_none_or(|b| !measured.contains(b)));
    Ok(all)
}

/// Since when benchmarks that fail have had no number, as a commit's own page says it.
fn since(
    store: &Store,
    (failing, newest): (&BTreeSet<&str>, u64),
    entries: &[Entry],
) -> Result<BTreeMap<String, Silence>, Fail> {
    let names = entries.iter().map(|e| e.series.row.key.benchmark.as_str());
    let names: BTreeSet<&str> = names.filter(|name| failing.contains(name)).collect();
    let mut out = BTreeMap::new();
    for name in names.into_iter().take(FAILING) {
        if let Some(silence) = store.silent_since(name, newest)? {
            out.insert(name.to_string(), silence);
        }
    }
    Ok(out)
}

/// Testbeds with what is measured on them. One that differs from another only in facts that no
/// counter depends on shares its series with it: they are the newer one's.
fn beds(rows: Vec<TestbedRow>, entries: &[Entry], newest: u64) -> Vec<Bed> {
    let mut by_id: HashMap<&str, (usize, i64)> = HashMap::new();
    let mut counters: BTreeSet<&Counter> = BTreeSet::new();
    for e in entries {
        let key = &e.series.row.key;
        counters.insert(&key.counter);
        let (n, time) = by_id.entry(&key.fingerprint).or_default();
        *n += 1;
        *time = (*time).max(e.series.latest_time);
    }
    let mut all: Vec<Bed> = rows
        .into_iter()
        .map(|row| {
            let testbed = Testbed {
                facts: row.facts.clone(),
            };
            let id = |c: &&Counter| (c.name().to_string(), testbed.fingerprint(c));
            Bed {
                ids: counters.iter().map(id).collect(),
                series: 0,
                last_report: None,
                behind: newest.saturating_sub(row.last_position),
                row,
            }
        })
        .collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse((all[*i].row.last_position, *i)));
    for i in order {
        let ids: BTreeSet<String> = all[i].ids.values().cloned().collect();
        for (n, time) in ids.iter().filter_map(|id| by_id.remove(id.as_str())) {
            all[i].series += n;
            all[i].last_report = all[i].last_report.max(Some(time));
        }
    }
    all
}

/// The overview that was made last.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Option<(Generation, Arc<Overview>)>>);

impl Shelf {
    /// The overview of the store as it is now. Who comes while it is being made waits for it.
    pub(crate) fn of(&self, store: &Store, config: &Config) -> Result<Arc<Overview>, Fail> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = store.generation()?;
        if let Some((at, overview)) = kept.as_ref()
            && *at == now
        {
            return Ok(overview.clone());
        }
        let made = Arc::new(Overview::read(store, config)?);
        *kept = Some((now, made.clone()));
        Ok(made)
    }
}
