//! Two reports side by side: what moved, how far it may move, and the verdict. Pure.
//!
//! The rules themselves are in [`crate::detect::gate`]; here they are applied to each
//! benchmark × metric of two reports. A verdict that moved is a suspicion until
//! [`crate::check`] has confirmed it.

mod detectable;
#[cfg(test)]
mod directions;
mod document;
mod judged;
mod judgement;
mod no_verdict;
mod pairs;
mod reason;
mod row;
mod tally;
mod variants;

pub use detectable::{Newest, next_limit};
pub use document::{Checked, Document, MAX_BYTES, read};
pub use judged::Judged;
pub use judgement::{BaseRef, Beside, CommitRef, Judgement, Outcome, doubts, judgement, outcome};
pub use no_verdict::NoVerdict;
pub use reason::{Reason, Reasons};
pub use row::{Creep, Likely, Row, Side};
pub use tally::{Tally, tallies};
pub use variants::{same_commit, variant_sides};

use pairs::pairs;

use crate::config::{self, Config};
use crate::detect::gate::{self, Limit, Past, Policy, Screen};
use crate::format::moved;
use crate::model::{Counter, Failure, Measurement, Metric, Report, Tags, Verdict};
use crate::stats;

/// Where only changes from this one on would show, "unchanged" says nothing: half as much again
/// is what anybody would want to know of.
const BLIND: f64 = 0.5;
/// How many earlier values a series' spread is taken from.
pub const HISTORY: usize = 200;

/// What was set on the command line.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--limit`: replaces the relative floor of every judged metric.
    pub limit: Option<f64>,
    /// Only these benchmarks (globs); empty: all.
    pub only: Vec<String>,
}

/// The policy of a metric and counter with the floors that `uptick.toml` sets, before any limit.
#[must_use]
pub fn floors(config: &Config, metric: &Metric, counter: &Counter) -> Policy {
    let mut policy = Policy::for_series(metric, counter);
    if let Some(floor) = config.floor_of(metric) {
        policy.absolute_floor = floor;
    }
    policy
}

/// The policy and the limit's own words for one series; `limit` is the command line's.
#[must_use]
pub fn policy(
    config: &Config,
    limit: Option<f64>,
    (benchmark, metric, counter): (&str, &Metric, &Counter),
) -> (Policy, Option<String>) {
    let mut policy = floors(config, metric, counter);
    let set = match limit {
        Some(x) => Some((x, "set with --limit".to_string())),
        None => config.limit_for(benchmark, metric),
    };
    let words = set.map(|(fraction, words)| {
        policy.relative_floor = fraction;
        words
    });
    (policy, words)
}

/// Compares two reports. `history` gives a series' earlier values on the baseline's line.
#[must_use]
pub fn rows(
    base: &Report,
    head: &Report,
    config: &Config,
    overrides: &Overrides,
    judged: &Judged,
    history: &dyn Fn(&Measurement) -> Vec<f64>,
) -> Vec<Row> {
    let wanted = |m: &&Measurement| {
        let only = &overrides.only;
        only.is_empty() || only.iter().any(|p| is_meant(p, &m.benchmark))
    };
    let failed_in_head = |name: &str| failed_in(head, name).is_some();
    let befores = base.measurements.iter().filter(wanted);
    pairs(befores, head.measurements.iter().filter(wanted))
        .into_iter()
        .filter(|sides| !matches!(sides, (Some(b), None) if failed_in_head(&b.benchmark)))
        .filter_map(|sides| {
            let row = match sides {
                (Some(b), Some(h)) => compare(base, head, b, h, config, overrides, history),
                (Some(b), None) => one_sided(b, Verdict::Vanished),
                (None, Some(h)) => match failed_in(base, &h.benchmark) {
                    Some(why) => Row {
                        why: why.into(),
                        ..one_sided(h, Verdict::Incomparable)
                    },
                    None => one_sided(h, Verdict::New),
                },
                (None, None) => return None,
            };
            let judged = judged.contains(&row.benchmark, &row.metric);
            Some(row.with_judged(judged))
        })
        .collect()
}

/// Whether a glob means a benchmark: by its name with its tags, or by that without.
fn is_meant(pattern: &str, benchmark: &str) -> bool {
    let (bare, _) = Tags::split(benchmark);
    [benchmark, bare]
        .iter()
        .any(|name| config::glob(pattern, name))
}

/// Why a benchmark gave no number in a report: one that failed there is not new here.
fn failed_in(report: &Report, benchmark: &str) -> Option<Reason> {
    let of = |f: &&Failure| f.benchmark.as_deref() == Some(benchmark);
    let failure = report.failures.iter().find(of)?;
    Some(Reason::NoNumberInBase {
        commit: report.commit.sha.clone(),
        stage: failure.stage,
        message: crate::format::telling(&failure.message, 100),
    })
}

fn blank(m: &Measurement) -> Row {
    Row {
        benchmark: m.benchmark.clone(),
        metric: m.metric.clone(),
        counter: m.counter.clone(),
        base: None,
        head: None,
        change: None,
        limit: None,
        why: Reasons::default(),
        verdict: Verdict::Unchanged,
        confirmed: false,
        judged: true,
        cannot_tell_below: None,
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

#[cfg(test)]
impl Row {
    /// A row of a metric, for tests.
    pub(crate) fn of_metric(metric: Metric) -> Self {
        let counter = Counter::stored("tool");
        blank(&Measurement::once("b", metric, counter, 1.0))
    }
}

fn one_sided(m: &Measurement, verdict: Verdict) -> Row {
    let side = Some(Side::of(m));
    let (base, head, why) = if verdict == Verdict::New {
        (None, side, Reason::NotInBase)
    } else {
        (side, None, Reason::NotInHead)
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
            why: why.into(),
            ..sides
        };
    }
    let (policy, words) = policy(
        config,
        overrides.limit,
        (&head.benchmark, &head.metric, &head.counter),
    );
    // An exact count has no noise: what its history varied by were real changes.
    let exact = base.class.repeats() && head.class.repeats();
    let history = if exact { Vec::new() } else { history(base) };
    let spread = base.spread.max(head.spread);
    let past = Past::of(&history);
    let mut limit = gate::limit(&policy, &past, base.value, spread);
    // A limit that somebody set is what they want to know.
    let blind = limit.fraction.is_finite() && limit.fraction >= BLIND && words.is_none();
    limit.why = limit.why.set_by(words);
    let expected = gate::expected(&past, base.value, &limit);
    let verdict = match gate::screen(expected, head.value, &limit) {
        Screen::Within => Verdict::Unchanged,
        Screen::SuspectUp if exact => Verdict::of_move(&head.metric, 1.0),
        Screen::SuspectDown if exact => Verdict::of_move(&head.metric, -1.0),
        Screen::SuspectUp | Screen::SuspectDown => Verdict::Suspect,
        Screen::Unusable => Verdict::Incomparable,
    };
    let mut why = Reasons::from(Reason::Limit(limit.why.clone()));
    if verdict == Verdict::Suspect
        && let Some(reason) = suspicion(base, head, expected, &limit)
    {
        why.add(reason);
    }
    if let Some(note) = base.note.as_ref().or(head.note.as_ref()) {
        why.add(Reason::Note { note: note.clone() });
    }
    Row {
        change: Some(stats::change(base.value, head.value)),
        cannot_tell_below: (blind && verdict == Verdict::Unchanged).then_some(limit.fraction),
        limit: Some(limit.fraction),
        limit_units: limit.units,
        why,
        verdict,
        history,
        ..sides
    }
}

/// What made a varying value suspect, where the change from base to head alone does not show it.
fn suspicion(
    base: &Measurement,
    head: &Measurement,
    expected: f64,
    limit: &Limit,
) -> Option<Reason> {
    if (head.value - base.value).abs() > limit.units {
        return None;
    }
    let change = stats::change(expected, head.value);
    let by = moved(change, (expected, head.value), &head.metric);
    Some(Reason::LevelMoved { by })
}

/// Confirms suspicions by lasting changes that the series is known to have between base and head,
/// for where nothing can be measured again. `lasting` gives that change's relative size.
///
/// What moved less than its limit from base to head stays a suspicion, whatever the series did.
pub fn confirm_by_changes<'r>(
    rows: impl IntoIterator<Item = &'r mut Row>,
    lasting: &dyn Fn(&Row) -> Option<f64>,
) {
    let suspect = |r: &&mut Row| r.verdict == Verdict::Suspect;
    for row in rows.into_iter().filter(suspect) {
        let moved = row.delta();
        if moved.abs() <= row.limit_units {
            continue;
        }
        if lasting(row).is_some_and(|change| (change > 0.0) == (moved > 0.0)) {
            row.verdict = Verdict::of_move(&row.metric, moved);
            row.confirmed = true;
            row.why.add(Reason::LastingChange);
        }
    }
}

/// Why two measurements cannot be compared; `None` when they can.
fn incomparable(
    base_report: &Report,
    head_report: &Report,
    base: &Measurement,
    head: &Measurement,
) -> Option<Reason> {
    if base.counter != head.counter {
        return Some(Reason::OtherCounter {
            before: base.counter.clone(),
            after: head.counter.clone(),
        });
    }
    if base.metric != head.metric {
        return Some(Reason::OtherUnit {
            before: base.metric.unit().to_owned(),
            after: head.metric.unit().to_owned(),
        });
    }
    if base.is_whole_process() != head.is_whole_process() {
        return Some(Reason::OtherExtent {
            whole: head.is_whole_process(),
        });
    }
    let differences = base_report
        .testbed
        .differences(&head_report.testbed, &head.counter);
    let (fact, before, after) = differences.first()?.clone();
    Some(Reason::OtherTestbed {
        fact,
        before,
        after,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::{Commit, NoiseClass, Phase, Sha, Testbed};

    fn measurement(name: &str, value: f64) -> Measurement {
        Measurement::once(name, Metric::Instructions, Counter::Callgrind, value)
    }

    pub(super) fn report(measurements: Vec<Measurement>) -> Report {
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
            line: None,
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
            &Judged::only([Metric::Instructions]),
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
        let failure = Failure::new(Some("failing".into()), Phase::Run, "panicked");
        head.failures.push(failure);
        let mut base = base;
        let failure = Failure::new(Some("mended".into()), Phase::Build, "no rule");
        base.failures.push(failure);
        head.measurements.push(measurement("mended", 1.0));
        let got = verdicts(&base, &head, &Overrides::default());
        let want = [
            ("down", Verdict::Improved),
            ("fresh", Verdict::New),
            ("gone", Verdict::Vanished),
            ("mended", Verdict::Incomparable),
            ("same", Verdict::Unchanged),
            ("up", Verdict::Regressed),
        ];
        assert_eq!(got, want.map(|(n, v)| (n.to_string(), v)));
    }

    #[test]
    fn another_compiler_goes_before_a_benchmark_that_is_gone() {
        let mut base = report(vec![measurement("stays", 8e6), measurement("gone", 1.0)]);
        let head = report(vec![measurement("stays", 9e6)]);
        let why = |base: &Report| {
            let judged = Judged::only([Metric::Instructions]);
            let none = |_: &Measurement| Vec::new();
            let set = Overrides::default();
            let rows = rows(base, &head, &Config::default(), &set, &judged, &none);
            NoVerdict::of(&rows.iter().collect::<Vec<_>>(), &[], &[]).to_string()
        };
        assert!(why(&base).contains("`gone` first"), "{}", why(&base));
        base.testbed.facts.insert("rustc".into(), "1.2".into());
        assert!(why(&base).contains("rustc was `1.2`"), "{}", why(&base));
        // Nothing that is left can be compared with anything.
        base.measurements.remove(0);
        assert!(why(&base).contains("`gone` first"), "{}", why(&base));
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
            &Judged::only([Metric::Instructions]),
            &|_| vec![],
        );
        assert!(all[0].why.words().contains("--limit"), "{}", all[0].why);
    }

    #[test]
    fn where_only_huge_changes_would_show_nothing_is_told() {
        let threaded = |value: f64| Measurement {
            class: crate::model::NoiseClass::Threaded,
            spread: 1.0,
            ..measurement("threads", value)
        };
        let base = report(vec![threaded(1e6), measurement("steady", 8e6)]);
        let head = report(vec![threaded(1.76e6), measurement("steady", 8e6)]);
        let all = |overrides: &Overrides| {
            rows(
                &base,
                &head,
                &Config::default(),
                overrides,
                &Judged::only([Metric::Instructions]),
                &|_| vec![],
            )
        };
        let told = all(&Overrides::default());
        let threads = &told[1];
        assert_eq!(threads.verdict, Verdict::Unchanged);
        assert!(threads.cannot_tell_below.is_some_and(|l| l > 0.76));
        assert!(told[0].cannot_tell_below.is_none());
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
            &Judged::only([]),
            &|_| vec![],
        );
        assert_eq!(all[0].verdict, Verdict::Incomparable);
        assert!(all[0].why.words().contains("glibc 2.41"));
        // A fact that this counter does not depend on changes nothing.
        let mut other = report(vec![measurement("b", 8e6)]);
        other.testbed.facts.insert("kernel".into(), "7.0".into());
        assert_eq!(
            verdicts(&base, &other, &Overrides::default())[0].1,
            Verdict::Unchanged
        );
    }

    fn sampled(name: &str, value: f64) -> Measurement {
        Measurement {
            class: NoiseClass::Sampled,
            spread: 0.02,
            ..Measurement::once(name, Metric::WallTime, Counter::Clock, value)
        }
    }

    fn noisy_rows(base: f64, head: f64, history: &[f64]) -> Vec<Row> {
        let sides = (
            report(vec![sampled("b", base)]),
            report(vec![sampled("b", head)]),
        );
        rows(
            &sides.0,
            &sides.1,
            &Config::default(),
            &Overrides::default(),
            &Judged::only([Metric::WallTime]),
            &|_| history.to_vec(),
        )
    }

    #[test]
    fn a_varying_value_that_moved_is_a_suspect_until_something_confirms_it() {
        let level: Vec<f64> = (0..40).map(|i| 1000.0 + f64::from(i % 5)).collect();
        let mut all = noisy_rows(1000.0, 1200.0, &level);
        assert_eq!(all[0].verdict, Verdict::Suspect);
        confirm_by_changes(&mut all, &|_| Some(-0.2));
        assert_eq!(all[0].verdict, Verdict::Suspect, "another direction");
        confirm_by_changes(&mut all, &|_| Some(0.2));
        assert_eq!(
            (all[0].verdict, all[0].confirmed),
            (Verdict::Regressed, true)
        );
    }

    #[test]
    fn no_verdict_contradicts_its_limit() {
        // The level lags behind a drift: the head is far from it, and close to its base.
        let drift: Vec<f64> = (0..100).map(|i| 1000.0 + f64::from(i)).collect();
        let mut all = noisy_rows(1099.0, 1101.0, &drift);
        confirm_by_changes(&mut all, &|_| Some(0.1));
        let row = &all[0];
        assert!(row.change.unwrap() < row.limit.unwrap());
        assert!(
            matches!(row.verdict, Verdict::Unchanged | Verdict::Suspect),
            "{row:?}"
        );
    }
}
