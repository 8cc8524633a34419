//! What fresh interleaved runs of both sides say about a suspicion.

use crate::detect::gate::level::Past;
use crate::detect::gate::limit::Limit;
use crate::detect::gate::policy::Policy;
use crate::detect::gate::{Screen, screen};
use crate::stats::{self, change};
use serde::{Deserialize, Serialize};

/// Rounds of fresh runs: a suspicion that the first leaves open is measured once more, and
/// decided by all runs together. One outlier among five runs hides a 5-sigma step from ranks.
const ROUNDS: usize = 2;

/// What fresh runs of both sides say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// No change beyond the limit.
    Pass,
    /// Higher by more than the limit.
    Higher,
    /// Lower by more than the limit.
    Lower,
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
        if scale > 0.0 {
            detectable / scale
        } else {
            f64::INFINITY
        },
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
        Screen::SuspectUp => Decision::Higher,
        Screen::SuspectDown => Decision::Lower,
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
    let past = Past::of(history);
    let moved = fresh.len() >= 3 && stats::rank_sum(past.present(), &fresh).p <= policy.alpha;
    if moved {
        return fresh;
    }
    past.present().iter().copied().chain(fresh).collect()
}

/// The smallest shift, in units, that a rank test at the policy's alpha shows four times out of
/// five.
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
        (true, true) if shift.estimate > 0.0 => Decision::Higher,
        (true, true) => Decision::Lower,
        (true, false) => Decision::Pass,
        // Nearly there: another round of runs, or the next commits, will tell.
        (false, true) if p <= SUSPECT_P => Decision::Suspect,
        (false, _) if shift.low >= -limit.units && shift.high <= limit.units => Decision::Pass,
        (false, _) => Decision::CannotTell { detectable },
    }
}

/// Below this p an unconfirmed shift beyond its limit stays under suspicion.
const SUSPECT_P: f64 = 0.05;
