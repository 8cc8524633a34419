//! What decides the outcome.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::model::{Counter, Measurement, Metric, Report};

/// What decides the outcome.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The metrics that somebody named; where nobody did, the rule.
    named: Option<Vec<String>>,
    /// The benchmarks of which instructions are counted.
    counted: BTreeSet<String>,
}

impl Judged {
    /// These metrics and no others.
    #[must_use]
    pub fn only<const N: usize>(metrics: [Metric; N]) -> Self {
        let names = metrics.iter().map(|m| m.name().to_owned()).collect();
        Self {
            named: Some(names),
            counted: BTreeSet::new(),
        }
    }

    /// What decides about these reports: the metrics that the configuration names. Where it names
    /// none: instructions; the time that a benchmark takes, where no instructions of it are counted,
    /// whoever measured it; and every metric of one's own, which nobody reports for nothing.
    #[must_use]
    pub fn of(config: &Config, reports: &[&Report]) -> Self {
        let all = reports.iter().flat_map(|r| &r.measurements);
        let counted = all.filter(|m| m.metric == Metric::Instructions);
        Self::beside(config, counted.map(|m| m.benchmark.clone()))
    }

    /// [`Judged::of`] where these are the benchmarks of which instructions are counted.
    #[must_use]
    pub fn beside(config: &Config, counted: impl IntoIterator<Item = String>) -> Self {
        let names = &config.suite.metrics;
        Self {
            named: (!names.is_empty()).then(|| names.clone()),
            counted: counted.into_iter().collect(),
        }
    }

    /// Whether a metric of a benchmark is part of it.
    #[must_use]
    pub fn contains(&self, benchmark: &str, metric: &Metric) -> bool {
        if let Some(names) = &self.named {
            return names.iter().any(|n| n == metric.name());
        }
        match metric {
            Metric::WallTime => !self.counted.contains(benchmark),
            _ => metric.is_judged(),
        }
    }

    /// The counter of what decides about a report: that of instructions, else of times, else of the
    /// first number.
    #[must_use]
    pub fn counter(&self, report: &Report) -> Counter {
        let rank = |m: &&Measurement| {
            let is_judged = self.contains(&m.benchmark, &m.metric);
            (
                !is_judged,
                m.metric.is_own(),
                m.metric != Metric::Instructions,
            )
        };
        let first = report.measurements.iter().min_by_key(rank);
        first.map_or(Counter::Clock, |m| m.counter.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::report;
    use crate::model::{Counter, Measurement};

    #[test]
    fn a_time_is_judged_where_no_instructions_of_that_benchmark_are_counted() {
        let once = |name: &str, metric, counter| Measurement::once(name, metric, counter, 1.0);
        let all = report(vec![
            once("both", Metric::Instructions, Counter::Callgrind),
            once("both", Metric::WallTime, Counter::Clock),
            once("py", Metric::WallTime, Counter::stored("pytest-benchmark")),
            once("py", Metric::PeakRss, Counter::Rusage),
        ]);
        let judged = Judged::of(&Config::default(), &[&all]);
        let is_judged = |m: &Measurement| judged.contains(&m.benchmark, &m.metric);
        let said: Vec<bool> = all.measurements.iter().map(is_judged).collect();
        assert_eq!(said, [true, false, true, false]);
        let mut config = Config::default();
        config.suite.metrics = vec!["peak_rss".into()];
        let judged = Judged::of(&config, &[&all]);
        assert!(judged.contains("py", &Metric::PeakRss));
        assert!(!judged.contains("py", &Metric::WallTime));
    }
}
