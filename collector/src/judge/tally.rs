//! What the rows of a comparison come to, metric by metric: how many went which way, and their
//! geometric mean.

use crate::judge::Row;
use crate::model::{Metric, Verdict, shown};
use crate::stats;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the rows of one metric come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tally {
    /// What was counted.
    #[serde(flatten, with = "shown")]
    pub metric: Metric,
    /// Whether it counts for the outcome.
    pub judged: bool,
    /// Rows that are worse by more than their limit.
    pub regressed: usize,
    /// Rows that are better by more than their limit.
    pub improved: usize,
    /// Rows that moved and were not confirmed.
    pub suspect: usize,
    /// Rows whose cost moved between functions.
    pub shifted: usize,
    /// Rows within their limit.
    pub unchanged: usize,
    /// Rows that are new, vanished or cannot be compared.
    pub not_compared: usize,
    /// The geometric mean of head over base, as a relative change; `None` where no row that was
    /// compared has two values above 0.
    pub geomean: Option<f64>,
    /// Rows that this mean is of: those whose values are both above 0.
    pub averaged: usize,
}

/// What rows come to, one entry a metric, in the order of metrics.
#[must_use]
pub fn tallies(rows: &[Row]) -> Vec<Tally> {
    let mut by_metric: BTreeMap<&Metric, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_metric.entry(&row.metric).or_default().push(row);
    }
    by_metric
        .into_iter()
        .map(|(m, rows)| tally(m, &rows))
        .collect()
}

fn tally(metric: &Metric, rows: &[&Row]) -> Tally {
    let count = |v: Verdict| rows.iter().filter(|r| r.verdict == v).count();
    Tally {
        metric: metric.clone(),
        judged: rows.iter().any(|r| r.judged),
        regressed: count(Verdict::Regressed),
        improved: count(Verdict::Improved),
        suspect: count(Verdict::Suspect),
        shifted: count(Verdict::Shifted),
        unchanged: count(Verdict::Unchanged),
        not_compared: rows.iter().filter(|r| !r.is_compared()).count(),
        geomean: geometric_mean(rows),
        averaged: logs(rows).count(),
    }
}

/// The logarithms of head over base of the rows that were compared. What has no fraction, because a
/// side is 0 or below, is left out.
fn logs(rows: &[&Row]) -> impl Iterator<Item = f64> {
    let compared = rows.iter().filter(|r| r.is_compared()).map(|r| r.values());
    compared
        .filter(|(base, head)| *base > 0.0 && *head > 0.0)
        .map(|(base, head)| (head / base).ln())
}

/// The geometric mean of head over base, as a relative change.
fn geometric_mean(rows: &[&Row]) -> Option<f64> {
    let logs: Vec<f64> = logs(rows).collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp_m1())
}

impl Tally {
    /// Rows that were compared.
    #[must_use]
    pub const fn compared(&self) -> usize {
        self.regressed + self.improved + self.suspect + self.shifted + self.unchanged
    }
}

impl Row {
    /// Whether its two sides were held against each other.
    #[must_use]
    pub const fn is_compared(&self) -> bool {
        matches!(
            self.verdict,
            Verdict::Unchanged
                | Verdict::Regressed
                | Verdict::Improved
                | Verdict::Suspect
                | Verdict::Shifted
        )
    }

    /// The relative difference of two sides that cannot be compared: what a reader sees, and no
    /// verdict. `None` where a side is missing.
    #[must_use]
    pub fn unjudged(&self) -> Option<f64> {
        let (base, head) = self.values();
        let is_whole = base.is_finite() && head.is_finite();
        (self.verdict == Verdict::Incomparable && is_whole).then(|| stats::change(base, head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Side;

    fn row(metric: Metric, verdict: Verdict, base: f64, head: f64) -> Row {
        let side = |value| {
            Some(Side {
                value,
                low: value,
                high: value,
                samples: 1,
            })
        };
        Row {
            verdict,
            base: side(base),
            head: side(head),
            ..Row::of_metric(metric)
        }
    }

    #[test]
    fn the_mean_is_geometric_and_over_what_was_compared() {
        let rows = [
            row(Metric::Instructions, Verdict::Regressed, 100.0, 200.0),
            row(Metric::Instructions, Verdict::Improved, 200.0, 100.0),
            row(Metric::Instructions, Verdict::Unchanged, 0.0, 3.0),
            row(Metric::Instructions, Verdict::Incomparable, 1.0, 9.0),
            row(Metric::WallTime, Verdict::Suspect, 100.0, 121.0),
            row(Metric::WallTime, Verdict::Unchanged, 100.0, 100.0),
        ];
        let all = tallies(&rows);
        assert_eq!(all.len(), 2);
        assert!(all[0].geomean.is_some_and(|g| g.abs() < 1e-12), "{all:?}");
        assert!(
            all[1].geomean.is_some_and(|g| (g - 0.1).abs() < 1e-12),
            "{all:?}"
        );
        let counts = (
            all[0].regressed,
            all[0].improved,
            all[0].unchanged,
            all[0].not_compared,
        );
        assert_eq!((counts, all[0].compared()), ((1, 1, 1, 1), 3));
        assert_eq!((all[1].suspect, all[1].unchanged), (1, 1));
    }

    #[test]
    fn where_nothing_was_compared_there_is_no_mean() {
        let rows = [row(Metric::Instructions, Verdict::Incomparable, 1.0, 2.0)];
        assert_eq!(tallies(&rows)[0].geomean, None);
        assert_eq!(rows[0].unjudged(), Some(1.0));
        assert_eq!(
            row(Metric::Instructions, Verdict::Unchanged, 1.0, 2.0).unjudged(),
            None
        );
    }
}
