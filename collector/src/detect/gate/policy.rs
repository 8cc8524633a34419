//! How far values of one kind may move, and how a suspicion is decided.

use crate::model::{Counter, Metric};
use serde::{Deserialize, Serialize};

/// How far values of one kind may move, and how a suspicion is decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// A change below this fraction of the base never counts (0.005 = 0.5 %).
    pub relative_floor: f64,
    /// A change below this many units never counts.
    pub absolute_floor: f64,
    /// A change below this many robust standard deviations of the history never counts.
    pub k_spread: f64,
    /// How many fresh runs of each side decide a suspicion.
    pub rerun: usize,
    /// Largest p of the rank test at which a suspicion is confirmed.
    pub alpha: f64,
    /// Share of wrong ones tolerated among several confirmed changes of one commit.
    pub fdr_q: f64,
    /// How far a benchmark may creep since the last release in all (fraction).
    pub release_budget: f64,
    /// The unit, for sentences.
    pub unit: String,
}

/// So many sigmas raise a suspicion: over eight kinds of independent noise 16 % of
/// quiet commits pay for a re-run, and 87 % of 3-sigma steps are looked at
/// (with one round at 1e-3, at 2 a quarter fewer re-runs and 84 %; at 1.5 89 %, but twice the
/// false alarms).
const SCREEN_SIGMAS: f64 = 1.75;

/// Two-sided exact rank p at which a suspicion is confirmed, in either round of fresh runs.
/// With the screen in front it calls 7e-5 of quiet commits changed, 83 % of steps of 3 sigma
/// and 98 % of 5, over eight kinds of noise with 10, 30 and 100 points of history
/// (`cargo bench --bench gate`). At 1e-3, and a tenth of that in the second round, it called
/// 1.1e-4 of quiet ones; from 5.8e-4 down a benchmark without a history would need 8 runs a side
/// where 7 do.
const ALPHA: f64 = 6e-4;

/// Benjamini–Hochberg over one commit's suspects; autocorrelated noise doubles it.
const FDR_Q: f64 = 0.02;

/// With 5 runs and 5 fresh ones of the base the rank test reaches 1.3e-4 against 10 points of
/// history; 4 would reach 6.5e-4 only.
const RERUN: usize = 5;

/// The least difference that counts in a unit, whatever is counted in it.
fn least(unit: &str) -> f64 {
    match unit {
        "ns" => 0.25,
        _ => 0.0,
    }
}

impl Policy {
    /// The defaults for a kind of series.
    #[must_use]
    pub fn for_series(metric: &Metric, counter: &Counter) -> Self {
        let (relative_floor, absolute_floor, release_budget) = match (metric, counter) {
            // A sampled instruction count is as good as its sampling, about that of time.
            (Metric::Instructions | Metric::InstructionsCold, Counter::Clock | Counter::Rusage) => {
                (0.05, 10.0, 0.10)
            }
            // Most commits move counts by 1e-5 … 1e-4 and some by 1e-3 for no reason a
            // reader cares for; ten instructions keep +1 on a tiny benchmark silent.
            (Metric::Instructions, _) => (0.005, 10.0, 0.02),
            // First-touch work depends on what ran before.
            (Metric::InstructionsCold, _) => (0.02, 1_000.0, 0.05),
            // Shared runners vary by 3 … 30 %; below a clock cycle (0.25 ns) there is no fact.
            (Metric::WallTime, _) => (0.05, 0.25, 0.10),
            // CPU time of a child is accounted in ticks of 4 ms on many kernels.
            (Metric::CpuTime, _) => (0.05, 4e6, 0.10),
            // Allocators and the loader move by whole arenas: 64 pages.
            (Metric::PeakRss, _) => (0.03, 262_144.0, 0.10),
            (Metric::PageFaults, _) => (0.03, 32.0, 0.10),
            // Sections are aligned to pages: one page either way is no news.
            (Metric::BinarySize, _) => (0.01, 4_096.0, 0.05),
            // Of a metric of one's own nobody knows how it varies: what shared runners do to time.
            (Metric::Own(_), _) => (0.05, least(metric.unit()), 0.10),
        };
        Self {
            relative_floor,
            absolute_floor,
            k_spread: SCREEN_SIGMAS,
            rerun: RERUN,
            alpha: ALPHA,
            fdr_q: FDR_Q,
            release_budget,
            unit: metric.unit().to_owned(),
        }
    }
}
