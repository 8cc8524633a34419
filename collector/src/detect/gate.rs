//! The gate: did one commit move one benchmark further than it may?
//!
//! Three steps, each a function: [`limit`] says how far a value may move and
//! why; [`screen`] compares one sample of head with its base and only ever
//! raises a suspicion; [`confirm`] decides on fresh interleaved runs of both
//! sides against the history across commits. One sample is never proof: with n
//! points of history and k new ones the least rank p is 1/C(n+k, k), which at
//! n = 50 is 2e-2 for k = 1 and 3e-7 for k = 5.
//!
//! Answers to odd input: a value that is NaN or infinite is unusable and never
//! passes as unchanged; against a base of 0 only the absolute floor counts;
//! negative values are compared by their distance, relative to |base|; an empty
//! history leaves the floors, and a confirmation without enough runs says
//! [`Decision::CannotTell`].

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::level;
use crate::model::{Counter, Metric};
use crate::stats;

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

/// Rounds of fresh runs: a suspicion that the first leaves open is measured once more, and
/// decided by all runs together. One outlier among five runs hides a 5-sigma step from ranks.
const ROUNDS: usize = 2;

impl Policy {
    /// The defaults for a kind of series.
    #[must_use]
    pub fn for_series(metric: Metric, counter: Counter) -> Self {
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

/// How far a value may move, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// As a fraction of the base; infinite when the base is 0.
    pub fraction: f64,
    /// The same in the metric's unit.
    pub units: f64,
    /// Which rule set it, e.g. `0.50 %: floor for this metric`.
    pub why: String,
}

/// The limit of one measurement: the largest of floors and spreads.
///
/// `history` holds the series' values at earlier commits in order, across
/// accepted changes too (steps do not widen the spread: it is taken from the
/// residuals of all segments). `base` is the baseline's value, `spread` the
/// relative spread that calibration saw for this benchmark (0 for exact).
#[must_use]
pub fn limit(policy: &Policy, history: &[f64], base: f64, spread: f64) -> Limit {
    let size = base.abs();
    let noise = level::relative_sigma(history);
    let calibrated = if spread.is_finite() {
        spread.max(0.0)
    } else {
        0.0
    };
    let absolute = format!("floor of {} {}", policy.absolute_floor, policy.unit);
    if !size.is_finite() || size == 0.0 {
        return degenerate(policy, size, &absolute);
    }
    let k = policy.k_spread;
    let rules = [
        (
            policy.relative_floor * size,
            "floor for this metric".to_owned(),
        ),
        (policy.absolute_floor, absolute),
        (
            k * noise * size,
            format!("{k} × the {} this series varies by", percent(noise)),
        ),
        (
            k * calibrated * size,
            format!("{k} × the {} seen in calibration", percent(calibrated)),
        ),
    ];
    // The first of the largest.
    let (units, why) = rules
        .iter()
        .fold(&rules[0], |a, b| if b.0 > a.0 { b } else { a });
    let units = *units;
    let fraction = units / size;
    Limit {
        fraction,
        units,
        why: format!("{}: {why}", percent(fraction)),
    }
}

/// The limit against a base of 0, where only the absolute floor counts, or against no number.
fn degenerate(policy: &Policy, size: f64, absolute: &str) -> Limit {
    let (units, why) = if size == 0.0 {
        (
            policy.absolute_floor,
            format!("the base is 0: only the {absolute}"),
        )
    } else {
        (
            f64::INFINITY,
            "the base is not a number: nothing can be judged".to_owned(),
        )
    };
    Limit {
        fraction: f64::INFINITY,
        units,
        why,
    }
}

/// A fraction as people read it: `0.50 %`, `12 %`.
fn percent(fraction: f64) -> String {
    let p = fraction * 100.0;
    let mut s = String::new();
    let digits = if p >= 10.0 {
        0
    } else if p >= 0.1 || p == 0.0 {
        2
    } else {
        4
    };
    // Writing to a String cannot fail.
    let _ = write!(s, "{p:.digits$} %");
    s
}

/// The value that one sample of head is screened against.
///
/// For a series that varies, the base commit's own sample is as noisy as head's:
/// judging one by the other would raise three times as many suspicions and still
/// miss a quarter of 3-sigma steps. So it is the level of the series since its
/// last change, unless the base itself lies further from that than the limit.
#[must_use]
pub fn expected(history: &[f64], base: f64, limit: &Limit) -> f64 {
    match stats::median(&level::present(history)) {
        Some(level) if (level - base).abs() <= limit.units => level,
        _ => base,
    }
}

/// What one sample says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// Not further than its limit.
    Within,
    /// Higher by more than its limit: measure again.
    SuspectUp,
    /// Lower by more than its limit: measure again.
    SuspectDown,
    /// One of the two is no number.
    Unusable,
}

/// Compares one value of head with its base.
#[must_use]
pub fn screen(base: f64, head: f64, limit: &Limit) -> Screen {
    if !base.is_finite() || !head.is_finite() {
        return Screen::Unusable;
    }
    let moved = head - base;
    if moved.abs() <= limit.units {
        Screen::Within
    } else if moved > 0.0 {
        Screen::SuspectUp
    } else {
        Screen::SuspectDown
    }
}

/// The relative change from `base` to `head`: 0 between equal values, ±∞ from 0, NaN without numbers.
#[must_use]
pub fn change(base: f64, head: f64) -> f64 {
    if base == head {
        0.0
    } else {
        (head - base) / base.abs()
    }
}

/// What fresh runs of both sides say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// No change beyond the limit.
    Pass,
    /// Higher by more than the limit.
    Regressed,
    /// Lower by more than the limit.
    Improved,
    /// It looks like a change, but the evidence is short of what the policy asks.
    Suspect,
    /// Too noisy, or too few runs, for a change of the limit's size.
    CannotTell {
        /// The smallest relative change that these runs would show four times out of five.
        detectable: f64,
    },
}

/// A decision and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    /// What was decided.
    pub decision: Decision,
    /// Two-sided rank-sum p; 0 when both sides repeat exactly and differ.
    pub p: f64,
    /// Relative change (Hodges–Lehmann).
    pub effect: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
}

/// Decides a suspicion from fresh interleaved runs of base and head.
///
/// `history`: the series' earlier values, one per commit in order. The points
/// since its last change stand beside the fresh base runs, because commits vary
/// more than repeats do (5.6 × by median on 5,571 real series); they are left
/// out if the fresh base runs contradict them, for then the machine has moved.
/// Values that are no numbers are left out.
#[must_use]
pub fn confirm(
    policy: &Policy,
    limit: &Limit,
    history: &[f64],
    base_samples: &[f64],
    head_samples: &[f64],
) -> Confirmation {
    let (base, head) = (stats::finite(base_samples), stats::finite(head_samples));
    if let Some(exact) = confirm_exact(limit, &base, &head) {
        return exact;
    }
    let pool = base_pool(policy, history, base);
    let scale = stats::median(&pool).unwrap_or(0.0).abs();
    let Some(shift) = stats::hodges_lehmann(&pool, &head, 0.95) else {
        let decision = Decision::CannotTell {
            detectable: f64::INFINITY,
        };
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        return Confirmation {
            decision,
            p: 1.0,
            effect: 0.0,
            low,
            high,
        };
    };
    let p = stats::rank_sum(&pool, &head).p;
    let detectable = detectable(policy, &pool, head.len()).max(limit.units);
    let decision = decide(
        policy,
        limit,
        p,
        &shift,
        pool.len(),
        head.len(),
        detectable / scale,
    );
    let relative = |x: f64| if x == 0.0 { 0.0 } else { x / scale };
    Confirmation {
        decision,
        p,
        effect: relative(shift.estimate),
        low: relative(shift.low),
        high: relative(shift.high),
    }
}

/// Fresh runs of both sides, and of a suspicion that they leave open some more, and what all of
/// them say by [`confirm`].
///
/// `measure` adds the runs of a round, counted from 0, to those of base and head.
///
/// # Errors
/// What `measure` gives.
pub fn confirm_in_rounds<E>(
    policy: &Policy,
    limit: &Limit,
    history: &[f64],
    mut measure: impl FnMut(usize, &mut Vec<f64>, &mut Vec<f64>) -> Result<(), E>,
) -> Result<Confirmation, E> {
    let (mut base, mut head) = (Vec::new(), Vec::new());
    let mut round = 0;
    loop {
        measure(round, &mut base, &mut head)?;
        let said = confirm(policy, limit, history, &base, &head);
        round += 1;
        if round == ROUNDS || said.decision != Decision::Suspect {
            return Ok(said);
        }
    }
}

/// Where both sides repeat their value at least once there is nothing to test.
fn confirm_exact(limit: &Limit, base: &[f64], head: &[f64]) -> Option<Confirmation> {
    let repeats = |v: &[f64]| v.len() >= 2 && v.iter().all(|x| *x == v[0]);
    if !repeats(base) || !repeats(head) {
        return None;
    }
    let decision = match screen(base[0], head[0], limit) {
        Screen::SuspectUp => Decision::Regressed,
        Screen::SuspectDown => Decision::Improved,
        Screen::Within | Screen::Unusable => Decision::Pass,
    };
    let effect = change(base[0], head[0]);
    let p = if effect == 0.0 { 1.0 } else { 0.0 };
    Some(Confirmation {
        decision,
        p,
        effect,
        low: effect,
        high: effect,
    })
}

/// Fresh runs of the base with the points of the series' present level.
fn base_pool(policy: &Policy, history: &[f64], fresh: Vec<f64>) -> Vec<f64> {
    let present = level::present(history);
    let moved = fresh.len() >= 3 && stats::rank_sum(&present, &fresh).p <= policy.alpha;
    if moved {
        return fresh;
    }
    present.into_iter().chain(fresh).collect()
}

/// The smallest shift, in units, that a rank test at the policy's alpha shows four times out of five.
///
/// (z(1−α/2) + z(0.8)) σ √(1/n + 1/k) × √(π/3): Lehmann, *Nonparametrics*, §2.4,
/// with the asymptotic efficiency 3/π of ranks under normal noise. ∞ when so few
/// runs can never reach alpha.
fn detectable(policy: &Policy, pool: &[f64], k: usize) -> f64 {
    if stats::min_rank_p(pool.len(), k) > policy.alpha {
        return f64::INFINITY;
    }
    let sigma = stats::robust_sigma(pool).unwrap_or(f64::INFINITY);
    let z = stats::normal_quantile(1.0 - policy.alpha / 2.0) + stats::normal_quantile(0.8);
    let spread = (1.0 / pool.len() as f64 + 1.0 / k as f64).sqrt();
    z * sigma * spread * (std::f64::consts::PI / 3.0).sqrt()
}

/// The decision table of a rank test; shifts in units, `detectable` relative.
fn decide(
    policy: &Policy,
    limit: &Limit,
    p: f64,
    shift: &stats::Shift,
    n: usize,
    k: usize,
    detectable: f64,
) -> Decision {
    let beyond = shift.estimate.abs() > limit.units;
    if stats::min_rank_p(n, k) > policy.alpha {
        return Decision::CannotTell { detectable };
    }
    match (p <= policy.alpha, beyond) {
        (true, true) if shift.estimate > 0.0 => Decision::Regressed,
        (true, true) => Decision::Improved,
        (true, false) => Decision::Pass,
        // Nearly there: another round of runs, or the next commits, will tell.
        (false, true) if p <= SUSPECT_P => Decision::Suspect,
        (false, _) if shift.low >= -limit.units && shift.high <= limit.units => Decision::Pass,
        (false, _) => Decision::CannotTell { detectable },
    }
}

/// Below this p an unconfirmed shift beyond its limit stays under suspicion.
const SUSPECT_P: f64 = 0.05;

/// Which of several p-values count when at most a share `q` of those may be wrong.
///
/// Source: Benjamini & Hochberg (1995), *Controlling the false discovery rate*.
/// A p that is no number never counts.
#[must_use]
pub fn benjamini_hochberg(ps: &[f64], q: f64) -> Vec<bool> {
    let mut order: Vec<f64> = ps.iter().copied().filter(|p| !p.is_nan()).collect();
    order.sort_unstable_by(f64::total_cmp);
    let m = order.len() as f64;
    let cut = order
        .iter()
        .enumerate()
        .rev()
        .find(|(i, p)| **p <= q * (*i as f64 + 1.0) / m)
        .map(|(_, p)| *p);
    ps.iter().map(|p| cut.is_some_and(|c| *p <= c)).collect()
}

/// How much of the budget since a release is spent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cumulative {
    /// Relative change since the release.
    pub change: f64,
    /// The change that is allowed (fraction).
    pub budget: f64,
    /// Whether it is dearer by more than that.
    pub exceeded: bool,
}

/// Judges the creep since a release, which no single commit shows: 20 × 0.2 % is 4.1 %.
///
/// Only dearer counts. `None` when one of the values is no number or the budget
/// is not a number ≥ 0. From a release value of 0 any cost above `absolute_floor` exceeds it.
#[must_use]
pub fn cumulative(policy: &Policy, release: f64, head: f64, budget: f64) -> Option<Cumulative> {
    if !release.is_finite() || !head.is_finite() || budget.is_nan() || budget < 0.0 {
        return None;
    }
    let allowed = (budget * release.abs()).max(policy.absolute_floor);
    Some(Cumulative {
        change: change(release, head),
        budget,
        exceeded: head - release > allowed,
    })
}
