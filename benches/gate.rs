//! Prints how often the gate calls a quiet commit changed, and how often it sees a step.
//!
//! `cargo bench --bench gate` draws 100,000 quiet commits and 2,000 of each step for every kind
//! of noise and length of history; `-- N` draws N quiet ones and N / 50 of each step, and
//! `-- N SEED` others. With `--test`, as `cargo test --benches` passes it, a few of each.
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::convert::Infallible;

use collector::detect::gate::{self, Confirmation, Decision, Past, Policy, Screen};
use collector::model::{Counter, Metric};
use collector::search::simulate::Rng;

/// Commits that the series has seen.
const HISTORIES: [usize; 3] = [10, 30, 100];
/// Steps, in robust standard deviations of the noise.
const STEPS: [f64; 3] = [0.0, 3.0, 5.0];
/// Kinds of noise that are independent from commit to commit.
const KINDS: [Kind; 8] = [
    Kind::Gaussian,
    Kind::Student3,
    Kind::Lognormal,
    Kind::Bimodal,
    Kind::Spikes,
    Kind::Quantised,
    Kind::Constant,
    Kind::Jitter,
];
/// The commits of the figures. Nothing was tuned on them.
const SEED: u64 = 2026;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Gaussian,
    /// Heavy tails on both sides.
    Student3,
    /// Skewed to the right.
    Lognormal,
    /// One commit in four is slow.
    Bimodal,
    /// One run in 33 is slow by 8 to 20 sigma.
    Spikes,
    /// A clock that ticks every 1.5 sigma.
    Quantised,
    /// A count that never varies.
    Constant,
    /// A count that one run in ten moves by up to 2e-6.
    Jitter,
}

impl Kind {
    /// Whether it is noise of a count, which varies by less than a step's sigma.
    fn count(self) -> bool {
        matches!(self, Self::Constant | Self::Jitter)
    }

    /// One draw; the scale is the standard deviation, or that of the quartiles where tails are heavy.
    fn draw(self, rng: &mut Rng) -> f64 {
        let z = rng.normal();
        match self {
            Self::Gaussian => z,
            Self::Student3 => {
                let chi2: f64 = (0..3).map(|_| rng.normal().powi(2)).sum();
                z / (chi2 / 3.0).sqrt() / (1.5298 / 1.349)
            }
            Self::Lognormal => {
                let s = 0.8_f64;
                let quartiles = (0.6745 * s).exp() - (-0.6745 * s).exp();
                ((s * z).exp() - 1.0) / (quartiles / 1.349)
            }
            Self::Bimodal => {
                let slow = if rng.uniform() < 0.25 { 3.0 } else { 0.0 };
                (0.4 * z + slow - 0.75) / (0.16 + 9.0 * 0.25 * 0.75_f64).sqrt()
            }
            Self::Spikes if rng.uniform() < 0.03 => z + 8.0 + 12.0 * rng.uniform(),
            Self::Spikes => z,
            Self::Quantised => (z / 1.5).round() * 1.5,
            Self::Constant => 0.0,
            Self::Jitter if rng.uniform() < 0.1 => {
                (401.0 * rng.uniform()).floor() / 1e5 - 200.0 / 1e5
            }
            Self::Jitter => 0.0,
        }
    }

    /// So many values, `shift` sigmas above the level.
    fn values(self, rng: &mut Rng, n: usize, shift: f64) -> Vec<f64> {
        (0..n)
            .map(|_| {
                let z = self.draw(rng) + shift;
                if self.count() {
                    (1e9 + 1e5 * z).round()
                } else {
                    100.0 + z
                }
            })
            .collect()
    }
}

/// How often something was looked at, and what came of it.
#[derive(Clone, Copy, Default)]
struct Tally {
    commits: usize,
    suspects: usize,
    second: usize,
    called: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.commits += other.commits;
        self.suspects += other.suspects;
        self.second += other.second;
        self.called += other.called;
    }

    fn row(&self, name: &str) {
        let part = |n: usize| n as f64 / self.commits.max(1) as f64;
        println!(
            "{name:<28} {:>9} {:>9.4} {:>9.4} {:>11.2e}",
            self.commits,
            part(self.suspects),
            part(self.second),
            part(self.called)
        );
    }
}

/// One commit: a sample is screened; a suspicion is measured again as `check` does.
fn judge(policy: &Policy, kind: Kind, history: usize, step: f64, rng: &mut Rng) -> Tally {
    let mut tally = Tally {
        commits: 1,
        ..Tally::default()
    };
    let shift = if rng.uniform() < 0.5 { step } else { -step };
    let values = kind.values(rng, history, 0.0);
    let base = values[history - 1];
    let past = Past::of(&values);
    let limit = gate::limit(policy, &past, base, 0.0);
    let head = kind.values(rng, 1, shift)[0];
    let expected = gate::expected(&past, base, &limit);
    if !matches!(
        gate::screen(expected, head, &limit),
        Screen::SuspectUp | Screen::SuspectDown
    ) {
        return tally;
    }
    tally.suspects = 1;
    let said = gate::confirm_in_rounds(policy, &limit, &values, |round, bases, heads| {
        tally.second = round;
        bases.extend(kind.values(rng, policy.rerun, 0.0));
        heads.extend(kind.values(rng, policy.rerun, shift));
        Ok::<(), Infallible>(())
    });
    let called = |c: &Confirmation| matches!(c.decision, Decision::Higher | Decision::Lower);
    tally.called = usize::from(said.is_ok_and(|c| called(&c)));
    tally
}

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let numbers: Vec<u64> = args.iter().filter_map(|a| a.parse().ok()).collect();
    let quiet = match numbers.first() {
        _ if args.iter().any(|a| a == "--test") => 50,
        Some(&n) => n,
        None => 100_000,
    };
    let seed = numbers.get(1).copied().unwrap_or(SEED);
    // The gate's own power, without the floors that a metric adds.
    let policy = Policy {
        relative_floor: 0.0,
        absolute_floor: 0.0,
        ..Policy::for_series(&Metric::WallTime, &Counter::Clock)
    };
    println!("seed {seed}");
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>11}",
        "step, noise or history", "commits", "suspects", "2nd round", "called"
    );
    for step in STEPS {
        let trials = if step == 0.0 {
            quiet
        } else {
            quiet.div_ceil(50)
        };
        let mut all = Tally::default();
        let mut by_history = [Tally::default(); HISTORIES.len()];
        for kind in KINDS {
            let mut own = Tally::default();
            for (h, &history) in HISTORIES.iter().enumerate() {
                let mut rng = Rng::new(
                    seed.wrapping_mul(1_000_003)
                        .wrapping_add((kind as u64) * 1009 + history as u64 * 17 + step as u64),
                );
                for _ in 0..trials {
                    let one = judge(&policy, kind, history, step, &mut rng);
                    own.add(one);
                    by_history[h].add(one);
                }
            }
            own.row(&format!("{step} sigma, {kind:?}"));
            all.add(own);
        }
        for (history, tally) in HISTORIES.iter().zip(by_history) {
            tally.row(&format!("{step} sigma, history of {history}"));
        }
        all.row(&format!("{step} sigma, all"));
    }
}
