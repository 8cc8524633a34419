//! Two reports side by side: what moved, how far it may move, and the verdict. Pure.
//!
//! The rules themselves are in [`crate::detect::gate`]; here they are applied to each
//! benchmark × metric of two reports. A verdict that moved is a suspicion until
//! [`crate::check`] has confirmed it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::Config;
use crate::detect::gate::{self, Policy, Screen};
use crate::model::{Counter, FunctionDelta, Measurement, Metric, NoiseClass, Report, Sha, Verdict};
use crate::profile::delta::{LineDelta, Ranked};
use crate::stats;

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// The measured value.
    pub value: f64,
    /// The least sample.
    pub low: f64,
    /// The greatest sample.
    pub high: f64,
    /// How many samples there were.
    pub samples: usize,
}

impl Side {
    fn of(m: &Measurement) -> Self {
        Self {
            value: m.value,
            low: m.low,
            high: m.high,
            samples: m.samples.len(),
        }
    }
}

/// What is said of one benchmark × metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The benchmark.
    pub benchmark: String,
    /// What was counted.
    pub metric: Metric,
    /// How.
    pub counter: Counter,
    /// The unit of the values.
    pub unit: &'static str,
    /// Before.
    pub base: Option<Side>,
    /// After.
    pub head: Option<Side>,
    /// The relative change; `None` where a side is missing.
    pub change: Option<f64>,
    /// How far it may move, as a fraction.
    pub limit: Option<f64>,
    /// Why that far, or why there is no comparison.
    pub why: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether both sides were measured again and agreed.
    pub confirmed: bool,
    /// Whether it counts for the outcome; other rows are only shown.
    pub judged: bool,
    /// Why the value may vary.
    pub class: NoiseClass,
    /// The functions that gained or lost cost.
    pub functions: Vec<FunctionDelta>,
    /// The share of the change that they explain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<f64>,
    /// The flame graph, or the differential one where there are two sides.
    pub flamegraph: Option<String>,
    /// The heaviest path of the head's profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_path: Option<String>,
    /// `file:line` of the likeliest places in the diff, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub likely: Vec<Likely>,
    /// How far it crept since the last release, where that is why it counts as regressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creep: Option<Creep>,
    /// Why the regression is accepted; it then fails nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// The commit whose message accepts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_in: Option<Sha>,
    /// The limit in the metric's unit.
    #[serde(skip)]
    pub limit_units: f64,
    /// Earlier values of the series, for the confirmation.
    #[serde(skip)]
    pub history: Vec<f64>,
}

/// More than a benchmark may cost since a release, in steps that each passed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Creep {
    /// The tag, or the commit that accepted a change since.
    pub since: String,
    /// Its commit.
    pub sha: Sha,
    /// The value there.
    pub value: f64,
    /// The relative change since.
    pub change: f64,
    /// The change that is allowed (fraction).
    pub budget: f64,
}

/// A place in the diff that the change likely comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Likely {
    /// File in the head.
    pub file: String,
    /// First line of the hunk in the head.
    pub line: u32,
    /// Instructions that its lines, or else the function around it, gained.
    pub delta: i64,
    /// The function around it.
    pub function: Option<String>,
}

impl Likely {
    /// A ranked hunk, as it is shown: at its line that gained most.
    #[must_use]
    pub fn of(ranked: &Ranked, lines: &[LineDelta]) -> Self {
        let hunk = &ranked.hunk;
        let within = |l: &&LineDelta| {
            l.file == hunk.file
                && l.new
                    .is_some_and(|n| n >= hunk.new_start && n < hunk.new_start + hunk.new_len)
        };
        let dearest = lines.iter().filter(within).max_by_key(|l| l.delta());
        let delta = if ranked.on_lines == 0 {
            ranked.in_functions
        } else {
            ranked.on_lines
        };
        Self {
            file: hunk.file.clone(),
            line: dearest.map_or(hunk.new_start.max(1), LineDelta::shown),
            delta,
            function: ranked.function.clone(),
        }
    }
}

/// What was set on the command line.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--limit`: replaces the relative floor of every judged metric.
    pub limit: Option<f64>,
    /// Only these benchmarks (globs); empty: all.
    pub only: Vec<String>,
}

/// The metrics that decide the outcome.
#[must_use]
pub fn judged_metrics(config: &Config, counter: Counter) -> Vec<Metric> {
    let named: Vec<Metric> = config
        .suite
        .metrics
        .iter()
        .filter_map(|m| Metric::from_name(m))
        .collect();
    if !named.is_empty() {
        return named;
    }
    vec![if counter == Counter::Clock {
        Metric::WallTime
    } else {
        Metric::Instructions
    }]
}

/// The policy and the limit's own words for one benchmark × metric.
#[must_use]
pub fn policy(config: &Config, overrides: &Overrides, m: &Measurement) -> (Policy, Option<String>) {
    let mut policy = Policy::for_series(m.metric, m.counter);
    let set = match overrides.limit {
        Some(x) => Some((x, "set with --limit".to_string())),
        None => config.limit_for(&m.benchmark, m.metric),
    };
    let words = set.map(|(fraction, words)| {
        policy.relative_floor = fraction;
        words
    });
    (policy, words)
}

type Name = (String, Metric);

/// Compares two reports. `history` gives a series' earlier values on the baseline's line.
#[must_use]
pub fn rows(
    base: &Report,
    head: &Report,
    config: &Config,
    overrides: &Overrides,
    judged: &[Metric],
    history: &dyn Fn(&Measurement) -> Vec<f64>,
) -> Vec<Row> {
    let wanted = |m: &&Measurement| {
        overrides.only.is_empty()
            || overrides
                .only
                .iter()
                .any(|p| crate::config::glob(p, &m.benchmark))
    };
    let mut names: BTreeMap<Name, (Option<&Measurement>, Option<&Measurement>)> = BTreeMap::new();
    for m in base.measurements.iter().filter(wanted) {
        names.entry((m.benchmark.clone(), m.metric)).or_default().0 = Some(m);
    }
    for m in head.measurements.iter().filter(wanted) {
        names.entry((m.benchmark.clone(), m.metric)).or_default().1 = Some(m);
    }
    let failed_in_head = |name: &str| {
        head.failures
            .iter()
            .any(|f| f.benchmark.as_deref() == Some(name))
    };
    names
        .into_iter()
        .filter(|((name, _), (_, h))| h.is_some() || !failed_in_head(name))
        .filter_map(|((_, metric), sides)| {
            let row = match sides {
                (Some(b), Some(h)) => compare(base, head, b, h, config, overrides, history),
                (Some(b), None) => one_sided(b, Verdict::Vanished),
                (None, Some(h)) => one_sided(h, Verdict::New),
                (None, None) => return None,
            };
            Some(row.with_judged(judged.contains(&metric)))
        })
        .collect()
}

impl Row {
    fn with_judged(mut self, judged: bool) -> Self {
        self.judged = judged;
        self
    }

    /// The change in the metric's unit; 0 where a side is missing.
    #[must_use]
    pub fn delta(&self) -> f64 {
        match (&self.base, &self.head) {
            (Some(b), Some(h)) => h.value - b.value,
            _ => 0.0,
        }
    }
}

fn blank(m: &Measurement) -> Row {
    Row {
        benchmark: m.benchmark.clone(),
        metric: m.metric,
        counter: m.counter,
        unit: m.metric.unit(),
        base: None,
        head: None,
        change: None,
        limit: None,
        why: String::new(),
        verdict: Verdict::Unchanged,
        confirmed: false,
        judged: true,
        class: m.class,
        functions: Vec::new(),
        explained: None,
        flamegraph: None,
        critical_path: None,
        likely: Vec::new(),
        creep: None,
        accepted: None,
        accepted_in: None,
        limit_units: 0.0,
        history: Vec::new(),
    }
}

fn one_sided(m: &Measurement, verdict: Verdict) -> Row {
    let side = Some(Side::of(m));
    let (base, head, why) = if verdict == Verdict::New {
        (None, side, "the baseline does not have it")
    } else {
        (side, None, "the head does not have it any more")
    };
    Row {
        base,
        head,
        verdict,
        why: why.into(),
        ..blank(m)
    }
}

fn compare(
    base_report: &Report,
    head_report: &Report,
    base: &Measurement,
    head: &Measurement,
    config: &Config,
    overrides: &Overrides,
    history: &dyn Fn(&Measurement) -> Vec<f64>,
) -> Row {
    let sides = Row {
        base: Some(Side::of(base)),
        head: Some(Side::of(head)),
        ..blank(head)
    };
    if let Some(why) = incomparable(base_report, head_report, base, head) {
        return Row {
            verdict: Verdict::Incomparable,
            why,
            ..sides
        };
    }
    let (policy, words) = policy(config, overrides, head);
    // An exact count has no noise: what its history varied by were real changes.
    let exact = base.class.repeats() && head.class.repeats();
    let history = if exact { Vec::new() } else { history(base) };
    let spread = base.spread.max(head.spread);
    let mut limit = gate::limit(&policy, &history, base.value, spread);
    if let Some(words) = words {
        limit.why = limit.why.replace("floor for this metric", &words);
    }
    let expected = gate::expected(&history, base.value, &limit);
    let verdict = match gate::screen(expected, head.value, &limit) {
        Screen::Within => Verdict::Unchanged,
        Screen::SuspectUp => Verdict::Regressed,
        Screen::SuspectDown => Verdict::Improved,
        Screen::Unusable => Verdict::Incomparable,
    };
    let mut why = limit.why.clone();
    for note in [&base.note, &head.note].into_iter().flatten().take(1) {
        why.push_str(&format!("; {note}"));
    }
    Row {
        change: Some(stats::change(base.value, head.value)),
        limit: Some(limit.fraction),
        limit_units: limit.units,
        why,
        verdict,
        history,
        ..sides
    }
}

/// Why two measurements cannot be compared; `None` when they can.
fn incomparable(
    base_report: &Report,
    head_report: &Report,
    base: &Measurement,
    head: &Measurement,
) -> Option<String> {
    if base.counter != head.counter {
        return Some(format!(
            "counted by {} before and by {} now",
            base.counter, head.counter
        ));
    }
    let differences = base_report
        .testbed
        .differences(&head_report.testbed, head.counter);
    let (name, before, after) = differences.first()?;
    Some(format!(
        "another testbed: {name} was `{before}` and is `{after}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Commit, Failure, Testbed};

    fn measurement(name: &str, value: f64) -> Measurement {
        Measurement::once(name, Metric::Instructions, Counter::Callgrind, value)
    }

    fn report(measurements: Vec<Measurement>) -> Report {
        Report {
            schema: Report::SCHEMA.into(),
            commit: Commit {
                sha: Sha("a".repeat(40)),
                position: 1,
                parents: vec![],
                author: String::new(),
                time: 0,
                subject: String::new(),
            },
            testbed: Testbed::default(),
            build_key: String::new(),
            suite_key: String::new(),
            testbed_key: String::new(),
            started: 0,
            seconds: 0.0,
            reused: None,
            measurements,
            failures: vec![],
            profiles: vec![],
        }
    }

    fn verdicts(base: &Report, head: &Report, overrides: &Overrides) -> Vec<(String, Verdict)> {
        rows(
            base,
            head,
            &Config::default(),
            overrides,
            &[Metric::Instructions],
            &|_| Vec::new(),
        )
        .into_iter()
        .map(|r| (r.benchmark, r.verdict))
        .collect()
    }

    #[test]
    fn each_pair_has_its_verdict() {
        let base = report(vec![
            measurement("same", 8e6),
            measurement("up", 8e6),
            measurement("down", 8e6),
            measurement("gone", 1.0),
            measurement("failing", 1.0),
        ]);
        let mut head = report(vec![
            measurement("same", 8e6 + 1.0),
            measurement("up", 9e6),
            measurement("down", 7e6),
            measurement("fresh", 1.0),
        ]);
        head.failures.push(Failure {
            benchmark: Some("failing".into()),
            stage: "run".into(),
            message: "panicked".into(),
        });
        let got = verdicts(&base, &head, &Overrides::default());
        let want = [
            ("down", Verdict::Improved),
            ("fresh", Verdict::New),
            ("gone", Verdict::Vanished),
            ("same", Verdict::Unchanged),
            ("up", Verdict::Regressed),
        ];
        assert_eq!(got, want.map(|(n, v)| (n.to_string(), v)));
    }

    #[test]
    fn a_tenth_of_a_percent_counts_when_the_limit_is_half_of_that() {
        let base = report(vec![measurement("b", 8e6)]);
        let head = report(vec![measurement("b", 8.008e6)]);
        assert_eq!(
            verdicts(&base, &head, &Overrides::default())[0].1,
            Verdict::Unchanged
        );
        let tight = Overrides {
            limit: Some(0.0005),
            only: vec![],
        };
        assert_eq!(verdicts(&base, &head, &tight)[0].1, Verdict::Regressed);
        let all = rows(
            &base,
            &head,
            &Config::default(),
            &tight,
            &[Metric::Instructions],
            &|_| vec![],
        );
        assert!(all[0].why.contains("--limit"), "{}", all[0].why);
    }

    #[test]
    fn another_testbed_is_said_and_not_judged() {
        let base = report(vec![measurement("b", 8e6)]);
        let mut head = report(vec![measurement("b", 9e6)]);
        head.testbed
            .facts
            .insert("libc".into(), "glibc 2.41".into());
        let all = rows(
            &base,
            &head,
            &Config::default(),
            &Overrides::default(),
            &[],
            &|_| vec![],
        );
        assert_eq!(all[0].verdict, Verdict::Incomparable);
        assert!(all[0].why.contains("glibc 2.41"));
        // A fact that this counter does not depend on changes nothing.
        let mut other = report(vec![measurement("b", 8e6)]);
        other.testbed.facts.insert("kernel".into(), "7.0".into());
        assert_eq!(
            verdicts(&base, &other, &Overrides::default())[0].1,
            Verdict::Unchanged
        );
    }
}
