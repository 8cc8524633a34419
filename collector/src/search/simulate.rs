//! A range that exists only on paper: to prove the search, to try an option, to print the figures.
//!
//! The only randomness is the seed that is handed in.

use crate::search::outcome::Outcome;
use crate::search::probe::{Action, Observation};
use crate::search::range::{Candidate, Range};
use crate::search::search::Search;

/// xorshift64*: small, seedable, good enough to draw noise (Vigna 2016).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator for that seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // splitmix64's finaliser spreads small seeds.
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((z ^ (z >> 31)) | 1)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// Standard normal (Box–Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// The shape of run-to-run noise; each has mean 0 and standard deviation 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The normal distribution.
    Gauss,
    /// Student's t with three degrees of freedom: one run in 30 is beyond 3 robust sigma.
    Heavy,
    /// Two modes of equal weight, 1.8 standard deviations apart.
    Bimodal,
    /// A machine that is slow for one run in five, by six times what the others vary by.
    Uneven,
}

impl Shape {
    /// One draw.
    pub fn draw(self, rng: &mut Rng) -> f64 {
        match self {
            Self::Gauss => rng.normal(),
            Self::Heavy => {
                let chi2: f64 = (0..3).map(|_| rng.normal().powi(2)).sum();
                // t₃ has variance 3.
                rng.normal() / (chi2 / 3.0).sqrt() / 3.0_f64.sqrt()
            }
            Self::Bimodal => {
                let mode = if rng.uniform() < 0.5 { -0.9 } else { 0.9 };
                mode + (1.0_f64 - 0.81).sqrt() * rng.normal()
            }
            Self::Uneven => {
                let slow = if rng.uniform() < 0.2 { 6.0 } else { 0.0 };
                // Variance 1 within a mode and 0.2 · 0.8 · 6² between the two.
                (slow - 1.2 + rng.normal()) / 6.76_f64.sqrt()
            }
        }
    }
}

/// A made-up history.
#[derive(Clone, Debug)]
pub struct World {
    /// The true level of each commit, good first.
    pub levels: Vec<f64>,
    /// Run-to-run standard deviation.
    pub sigma: f64,
    /// Its shape.
    pub shape: Shape,
    /// Between-build standard deviation.
    pub between_builds: f64,
    /// Commits that do not build.
    pub broken: Vec<bool>,
    /// The generator; its seed makes the world repeatable.
    pub rng: Rng,
    offsets: Vec<Option<f64>>,
}

impl World {
    /// `n` suspects after a good commit at level 100, with steps `(commit, size)`.
    #[must_use]
    pub fn new(n: usize, steps: &[(usize, f64)], seed: u64) -> Self {
        let level = |i: usize| 100.0 + steps.iter().filter(|s| s.0 <= i).map(|s| s.1).sum::<f64>();
        Self {
            levels: (0..=n).map(level).collect(),
            sigma: 0.0,
            shape: Shape::Gauss,
            between_builds: 0.0,
            broken: vec![false; n + 1],
            rng: Rng::new(seed),
            offsets: vec![None; n + 1],
        }
    }

    /// The range that a search sees: nothing known, no hints.
    #[must_use]
    pub fn range(&self) -> Range {
        let commit = |i: usize| Candidate {
            group: i as u64,
            changes_build: true,
            ..Candidate::default()
        };
        Range {
            commits: (0..self.levels.len()).map(commit).collect(),
            ..Range::default()
        }
    }

    /// Measures a commit.
    pub fn measure(&mut self, commit: usize, runs: usize) -> Observation {
        if self.broken[commit] {
            return Observation::Skip("does not build".to_owned());
        }
        let between_builds = self.between_builds;
        let rng = &mut self.rng;
        let offset = *self.offsets[commit].get_or_insert_with(|| between_builds * rng.normal());
        let level = self.levels[commit] + offset;
        let (sigma, shape) = (self.sigma, self.shape);
        Observation::Values((0..runs).map(|_| level + sigma * shape.draw(rng)).collect())
    }
}

/// Runs a search against a world to its end; `None` if it has not ended after `limit` batches.
pub fn solve(search: &mut Search, world: &mut World, jobs: usize, limit: usize) -> Option<Outcome> {
    for _ in 0..limit {
        match search.next(jobs) {
            Action::Done(outcome) => return Some(*outcome),
            Action::Measure(probes) => {
                for probe in probes {
                    let seen = world.measure(probe.commit, probe.runs);
                    search.observe(probe.commit, seen);
                }
            }
        }
    }
    None
}
