//! A policy tried on real history: what gate and finder would have reported at every past commit of
//! the main line, how late, and how much of it by chance.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::Config;
use crate::detect::Class;
use crate::detect::alerts::proposal::{self, Raised, Seen};
use crate::detect::steps::classify;
use crate::error::Result;
use crate::history::{Floor, MainLine, Track};
use crate::judge::{self, CommitRef};
use crate::model::{Counter, Measurement, Metric, shown};
use crate::store::Store;

/// Varying series whose false alarms are estimated. Each takes about a second a 1000 commits,
/// and the mean of 40 is good to a third where the rate is about 1 per 1000.
const ESTIMATED: usize = 40;

/// The policy that is tried.
#[derive(Clone, Copy, Debug)]
pub struct Proposed<'a> {
    /// The repository's limits.
    pub config: &'a Config,
    /// Instead of them.
    pub limit: Option<f64>,
    /// The finder's floor.
    pub floor: Floor,
}

/// `uptick.replay/1` over a store: the fields of the CSV's document and more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replayed {
    /// `uptick.replay/1`.
    pub schema: &'static str,
    /// The newest commit of the line; `None` when positions are all that is known.
    pub head: Option<CommitRef>,
    /// `--limit`, where it was given (fraction).
    pub limit: Option<f64>,
    /// Changes below this fraction are left out.
    pub floor: f64,
    /// One entry a series.
    pub series: Vec<SeriesReplay>,
    /// Over all series.
    pub total: Total,
}

/// What would have been said of one series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesReplay {
    /// Benchmark, metric, counter and testbed in one.
    pub name: String,
    /// The benchmark.
    pub benchmark: String,
    /// What is counted.
    #[serde(flatten, with = "shown")]
    pub metric: Metric,
    /// How.
    pub counter: Counter,
    /// The testbed's fingerprint.
    pub testbed: String,
    /// Commits measured.
    pub points: usize,
    /// What kind of series it is.
    pub class: Class,
    /// The gate's limit at its newest commit (fraction); the floor where there is none, or no
    /// fraction of 0.
    pub limit: f64,
    /// The gate's relative floor for it.
    pub relative_floor: f64,
    /// In the order in which they would have been raised.
    pub flags: Vec<CommitFlag>,
    /// Commits at which the gate would have measured again.
    pub suspects: usize,
    /// Changes of the whole history that would not have been reported.
    pub missed: usize,
    /// Expected false alarms per 1000 commits, where they were estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_alarms: Option<f64>,
}

/// A flag with its commits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommitFlag {
    /// The flag.
    #[serde(flatten)]
    pub raised: Raised,
    /// The commit that is blamed.
    pub commit: Option<CommitRef>,
    /// The commit at which it would have been reported.
    #[serde(rename = "told")]
    pub reported: Option<CommitRef>,
}

/// The sum over all series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Total {
    /// Flags raised.
    pub flags: usize,
    /// Those of them that point at no change of the whole history.
    pub went_away: usize,
    /// Changes that would not have been reported.
    pub missed: usize,
    /// Median commits from a change to its flag; `None` without a flag that lasted.
    pub median_delay: Option<f64>,
    /// Commits × series.
    pub measurements: usize,
    /// Times that the gate would have measured again.
    pub suspects: usize,
    /// False alarms to expect of all series together per 100 commits.
    pub false_alarms_per_100_commits: f64,
    /// With 95 % no more than that: where none was seen in n commits, 3/n (the rule of three:
    /// Hanley & Lippman-Hand 1983), else by the normal approximation of a count.
    pub at_most: f64,
    /// Varying series that this is estimated on, of all that vary.
    pub estimated_on: (usize, usize),
}

impl Replayed {
    /// Tries a policy on some series of a store.
    ///
    /// # Errors
    /// [`crate::error::Error::Store`].
    pub fn of(
        store: &Store,
        tracks: &[Track],
        line: &MainLine,
        proposed: &Proposed<'_>,
    ) -> Result<Self> {
        let seen = seen(store, tracks)?;
        let mut series: Vec<SeriesReplay> = tracks
            .iter()
            .zip(&seen)
            .map(|(t, seen)| replay(t, seen, line, proposed))
            .collect();
        let estimated_on = estimate(&mut series, tracks, proposed.floor);
        Ok(Self {
            schema: "uptick.replay/1",
            head: line.tip().map(CommitRef::of),
            limit: proposed.limit,
            floor: proposed.floor.shown(),
            total: total(&series, estimated_on),
            series,
        })
    }
}

/// What was seen of each point of each series. Each report is read once, however many points are
/// from it.
fn seen(store: &Store, tracks: &[Track]) -> Result<Vec<Vec<Seen>>> {
    let mut of_report: BTreeMap<i64, Vec<(usize, usize)>> = BTreeMap::new();
    for (i, track) in tracks.iter().enumerate() {
        for (k, report) in track.reports.iter().enumerate() {
            of_report.entry(*report).or_default().push((i, k));
        }
    }
    let unknown = |t: &Track| Seen {
        spread: 0.0,
        repeats: t.noise.repeats(),
    };
    let mut all: Vec<Vec<Seen>> = tracks
        .iter()
        .map(|t| vec![unknown(t); t.points.len()])
        .collect();
    for (number, places) in of_report {
        let Some(report) = store.report_numbered(number)? else {
            continue;
        };
        let name = |m: &Measurement| (m.benchmark.clone(), m.metric.clone(), m.counter.clone());
        let measured: BTreeMap<_, _> = report.measurements.iter().map(|m| (name(m), m)).collect();
        for (i, k) in places {
            let key = &tracks[i].key;
            let name = (
                key.benchmark.clone(),
                key.metric.clone(),
                key.counter.clone(),
            );
            if let Some(m) = measured.get(&name) {
                all[i][k] = Seen {
                    spread: m.spread,
                    repeats: m.class.repeats(),
                };
            }
        }
    }
    Ok(all)
}

fn replay(t: &Track, seen: &[Seen], line: &MainLine, proposed: &Proposed<'_>) -> SeriesReplay {
    let key = &t.key;
    let series = (key.benchmark.as_str(), &key.metric, &key.counter);
    let (policy, _) = judge::policy(proposed.config, proposed.limit, series);
    let settings = proposed.floor.settings(key, t.noise);
    let p = proposal::propose(&t.points, seen, &policy, settings);
    let limit = p.limit.filter(|l| l.is_finite());
    let values: Vec<f64> = t.points.iter().map(|p| p.value).collect();
    SeriesReplay {
        name: t.name(),
        benchmark: key.benchmark.clone(),
        metric: key.metric.clone(),
        counter: key.counter.clone(),
        testbed: key.fingerprint.clone(),
        points: t.points.len(),
        class: classify::classify(&values, settings.counted),
        limit: limit.unwrap_or(policy.relative_floor),
        relative_floor: policy.relative_floor,
        flags: p
            .flags
            .into_iter()
            .map(|raised| CommitFlag {
                commit: line.commit(raised.flag.index).map(CommitRef::of),
                reported: line.commit(raised.flag.at).map(CommitRef::of),
                raised,
            })
            .collect(),
        suspects: p.suspects,
        missed: p.missed,
        false_alarms: None,
    }
}

/// Estimates the false alarms of varying series, evenly picked; what repeats raises none, nor
/// do counts, whose every move is the code's own.
fn estimate(series: &mut [SeriesReplay], tracks: &[Track], floor: Floor) -> (usize, usize) {
    let varying: Vec<usize> = (0..series.len())
        .filter(|&i| {
            matches!(series[i].class, Class::Noisy | Class::Walk) && !tracks[i].noise.repeats()
        })
        .collect();
    let n = varying.len().min(ESTIMATED);
    for k in 0..n {
        let i = varying[k * varying.len() / n];
        let settings = floor.settings(&tracks[i].key, tracks[i].noise);
        let rate = proposal::false_alarms(&tracks[i].points, settings, k as u64);
        series[i].false_alarms = Some(rate);
    }
    (n, varying.len())
}

fn total(series: &[SeriesReplay], estimated_on: (usize, usize)) -> Total {
    let flags = || series.iter().flat_map(|s| &s.flags);
    let delays: Vec<f64> = flags()
        .filter(|f| f.raised.lasted)
        .map(|f| f.raised.delay as f64)
        .collect();
    let rates: Vec<(f64, f64)> = series
        .iter()
        .filter_map(|s| Some((s.false_alarms?, s.points as f64)))
        .collect();
    let weight: f64 = rates.iter().map(|r| r.1).sum();
    let rounds = proposal::ROUNDS as f64;
    let commits = (weight * rounds).max(1.0);
    let seen = rates
        .iter()
        .map(|r| r.0 * r.1 * rounds / 1000.0)
        .sum::<f64>();
    let most = if seen < 0.5 {
        3.0
    } else {
        seen + 1.96 * seen.sqrt()
    };
    let of_all = 100.0 * estimated_on.1 as f64;
    Total {
        flags: flags().count(),
        went_away: flags().filter(|f| !f.raised.lasted).count(),
        missed: series.iter().map(|s| s.missed).sum(),
        median_delay: crate::stats::median(&delays),
        measurements: series.iter().map(|s| s.points).sum(),
        suspects: series.iter().map(|s| s.suspects).sum(),
        false_alarms_per_100_commits: seen / commits * of_all,
        at_most: most / commits * of_all,
        estimated_on,
    }
}
