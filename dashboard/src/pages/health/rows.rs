//! What is known of each benchmark, and whether it needs a look.

use std::collections::HashMap;

use collector::config::Config;
use collector::detect::gate::{Limit, Policy};
use collector::detect::steps::smallest_step;
use collector::format::{self, share};
use collector::history::Floor;
use collector::judge;
use collector::model::{Failure, Measurement, Metric, Report, Sha};
use collector::store::{SeriesFilter, SeriesOrder, SeriesState, Store, TestbedRow};

use crate::error::Fail;
use crate::pages::drift::Drift;
use crate::query::Order;
use crate::text::plural;

/// Rows on a page.
pub(super) const ROWS: usize = 100;
/// Commits in a sparkline.
pub(super) const SPARK: usize = 60;
/// Earlier values that a limit is taken from, as `uptick check` does.
const HISTORY: usize = 200;
/// Commits whose reports are read for what their measurements spread by. In a suite that is
/// measured as a whole all series end at one commit.
const REPORTS: usize = 16;
/// Metrics that are named to whoever asks for one that is not there.
const NAMED: usize = 30;
/// A series not measured for so many commits is stale.
const STALE: u64 = 20;
/// A series whose noise takes its limit to so many times the floor is called noisy.
const NOISY: f64 = 2.0;

/// Which rows are wanted.
pub(in crate::pages) struct Asked<'a> {
    pub(in crate::pages) metric: Option<&'a str>,
    pub(in crate::pages) text: &'a str,
    pub(in crate::pages) order: Order,
    pub(in crate::pages) page: usize,
}

/// One benchmark as it is listed.
pub(super) struct Row {
    pub(super) series: SeriesState,
    /// The last values, oldest first.
    pub(super) recent: Vec<f64>,
    /// What the gate would stop the next commit for; `None` when the newest report is not known.
    pub(super) limit: Option<Limit>,
    /// The smallest step that would be found once it has lasted (fraction).
    pub(super) lasting: f64,
    pub(super) drift: Option<Drift>,
    /// Alerts so far, and how many of them were false.
    pub(super) alerts: (u64, u64),
}

/// Everything on the page.
pub(super) struct Health {
    pub(super) metric: Option<String>,
    pub(super) metrics: Vec<(Metric, u64)>,
    pub(super) rows: Vec<Row>,
    pub(super) total: u64,
    pub(super) testbeds: Vec<TestbedRow>,
    pub(super) newest: u64,
    pub(super) failures: Vec<Failure>,
    /// Reports and points in the store.
    pub(super) counts: (u64, u64),
}

pub(super) fn load(
    store: &Store,
    config: &Config,
    asked: &Asked<'_>,
    take: usize,
) -> Result<Health, Fail> {
    let metrics = store.metrics()?;
    let metric = match asked.metric {
        Some(name) => Some(known(&metrics, name)?),
        None => judged_first(&metrics),
    };
    let (found, total) = store.find_series(&filter(asked, metric.clone(), take))?;
    let mut reports = Reports::new(store);
    let rows = found
        .into_iter()
        .map(|s| row(store, config, &mut reports, s))
        .collect::<Result<_, Fail>>()?;
    let newest = store.commits(u64::MAX, 1)?.pop();
    let failures = match &newest {
        Some(c) => reports.failures(&c.sha)?,
        None => Vec::new(),
    };
    Ok(Health {
        metric,
        metrics,
        rows,
        total,
        testbeds: store.testbeds()?,
        newest: newest.map_or(0, |c| c.position),
        failures,
        counts: store.counts()?,
    })
}

/// What is judged first; a store without it has something else to show.
fn judged_first(metrics: &[(Metric, u64)]) -> Option<String> {
    let judged = metrics.iter().map(|(m, _)| m).filter(|m| m.is_judged());
    judged.min().map(|m| m.name().to_owned())
}

/// The name of a metric that is well known, or in the store.
fn known(metrics: &[(Metric, u64)], name: &str) -> Result<String, Fail> {
    let mut names: Vec<&str> = Metric::WELL_KNOWN.iter().map(Metric::name).collect();
    let own = metrics.iter().map(|(m, _)| m).filter(|m| m.is_own());
    names.extend(own.map(Metric::name));
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    names.truncate(NAMED);
    Err(Fail::Bad(format!(
        "`metric` must be one of {}.",
        names.join(", ")
    )))
}

fn filter(asked: &Asked<'_>, metric: Option<String>, take: usize) -> SeriesFilter {
    let order = match asked.order {
        Order::Name => SeriesOrder::Name,
        Order::Noise => SeriesOrder::Noise,
        Order::Age => SeriesOrder::Age,
        Order::Cost => SeriesOrder::Cost,
    };
    SeriesFilter {
        metric,
        text: asked.text.into(),
        order,
        skip: (asked.page - 1) * ROWS,
        take,
    }
}

fn row(
    store: &Store,
    config: &Config,
    reports: &mut Reports<'_>,
    series: SeriesState,
) -> Result<Row, Fail> {
    let history: Vec<f64> = store
        .recent(series.row.id, u64::MAX, HISTORY)?
        .iter()
        .map(|v| v.value)
        .collect();
    let limit = reports
        .newest(&series)?
        .map(|m| judge::next_limit(config, m, &history));
    let floor = Floor::default()
        .settings(&series.row.key, series.row.class)
        .relative_floor;
    // What an exact count varied by were real changes, and no noise.
    let noise = if series.row.class.repeats() {
        0.0
    } else {
        series.noise
    };
    Ok(Row {
        recent: history[history.len().saturating_sub(SPARK)..].to_vec(),
        limit,
        lasting: smallest_step(noise, floor),
        drift: Drift::of(store, &series)?,
        alerts: store.alarms(&series.row.key.id())?,
        series,
    })
}

/// Reports of the commits at which series end, each read once.
struct Reports<'a> {
    store: &'a Store,
    read: HashMap<Sha, Vec<Report>>,
}

impl<'a> Reports<'a> {
    fn new(store: &'a Store) -> Self {
        Self {
            store,
            read: HashMap::new(),
        }
    }

    /// The reports of a commit, the newest first; none once enough commits were read.
    fn of(&mut self, sha: &Sha) -> Result<&[Report], Fail> {
        if !self.read.contains_key(sha) {
            if self.read.len() >= REPORTS {
                return Ok(&[]);
            }
            let mut all = Vec::new();
            for listed in self.store.reports(Some(sha), 3)? {
                all.extend(self.store.report(&listed.hash)?);
            }
            self.read.insert(sha.clone(), all);
        }
        Ok(self.read.get(sha).map_or(&[], Vec::as_slice))
    }

    /// The newest measurement of a series.
    fn newest(&mut self, series: &SeriesState) -> Result<Option<&Measurement>, Fail> {
        let key = &series.row.key;
        let reports = self.of(&series.latest_sha)?;
        let same_testbed = |r: &&Report| r.testbed.fingerprint(&key.counter) == key.fingerprint;
        let measured = |r: &'_ Report| -> Option<usize> {
            let wanted = (&key.benchmark, &key.metric, &key.counter);
            let place = |m: &Measurement| (&m.benchmark, &m.metric, &m.counter).cmp(&wanted);
            r.measurements.binary_search_by(place).ok()
        };
        Ok(reports
            .iter()
            .filter(same_testbed)
            .find_map(|r| measured(r).map(|i| &r.measurements[i])))
    }

    fn failures(&mut self, sha: &Sha) -> Result<Vec<Failure>, Fail> {
        let newest = self.of(sha)?.first();
        Ok(newest.map(|r| r.failures.clone()).unwrap_or_default())
    }
}

impl Row {
    /// What the gate would stop the next commit for (fraction).
    pub(super) fn next(&self) -> Option<f64> {
        self.limit.as_ref().map(|l| l.fraction)
    }

    /// The same for people; a dash when the newest report is not known.
    pub(super) fn allowed(&self) -> String {
        let row = &self.series.row;
        self.limit.as_ref().map_or_else(
            || "–".into(),
            |l| format::limit(l.fraction, l.units, row.latest_value, &row.key.metric),
        )
    }

    fn policy(&self) -> Policy {
        let key = &self.series.row.key;
        Policy::for_series(&key.metric, &key.counter)
    }

    /// What is wrong with it, and what would help.
    pub(super) fn troubles(&self, newest: u64) -> Vec<(&'static str, String)> {
        let s = &self.series;
        let behind = newest.saturating_sub(s.row.latest_position);
        if behind > STALE {
            let commits = plural(usize::try_from(behind).unwrap_or(usize::MAX), "commit");
            return vec![("stale", format!("not measured for {commits}"))];
        }
        let mut all = Vec::new();
        if let Some(words) = self.noise() {
            all.push(("noisy", words));
        }
        if let Some(drift) = &self.drift {
            all.push(("drifting", drift.figures()));
        }
        if all.is_empty() && s.kind == "young" && !s.row.class.repeats() {
            all.push(("young", "too few commits to know it".into()));
        }
        all
    }

    /// Where its limit comes from, when that is far above the floor.
    fn noise(&self) -> Option<String> {
        let policy = self.policy();
        let limit = self
            .next()
            .filter(|l| l.is_finite() && *l > NOISY * policy.relative_floor)?;
        let spread = limit / policy.k_spread;
        let cause = if self.series.noise >= 0.99 * spread {
            format!("varies by {}", share(self.series.noise))
        } else {
            format!("calibration saw {}", share(spread))
        };
        let help = if self.series.row.key.metric == Metric::WallTime {
            "; count instructions instead"
        } else {
            ""
        };
        Some(cause + help)
    }
}
