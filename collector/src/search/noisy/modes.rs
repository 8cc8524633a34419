//! Noise of two modes: a machine that is now in one state, now in another.
//!
//! Such runs tell their level far better than their mean does, once they show which mode is
//! which: what they vary by within a mode is then all that is in the way.

use std::f64::consts::TAU;

use crate::stats::log_sum;

/// So many differences between runs of one build are asked for before there is a law of modes.
const LEAST: usize = 40;
/// Rounds of expectation and maximisation; well apart modes settle in ten.
const ROUNDS: usize = 30;
/// Modes are at least this share of the whole spread wide: values that repeat would otherwise
/// tell their level without any error.
const NARROWEST: f64 = 0.1;
/// So many runs may lie in neither mode, …
const STRAY: f64 = 0.005;
/// … spread by so many standard deviations: a page fault, another program's turn.
const STRAY_WIDTH: f64 = 4.0;
/// Up to so many runs of a build, it is asked whether all may lie in one mode.
const AMBIGUOUS: usize = 64;

/// Standard deviations of χ² beyond which builds have shares of their own.
const UNEVEN: f64 = 3.0;

/// The χ² of so many groups beyond which the modes do not move with the level: a scheduler's ticks
/// stand still, and a costlier build only meets the later one more often.
fn uneven_most(groups: usize) -> f64 {
    let free = (groups as f64 - 1.0).max(1.0);
    free + UNEVEN * (2.0 * free).sqrt()
}

/// A mixture of two normal laws of one width, its mean at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Modes {
    /// Probability of the upper mode.
    share: f64,
    /// Centres of the lower and the upper mode.
    at: [f64; 2],
    /// Standard deviation within a mode.
    width: f64,
}

impl Modes {
    /// Learns the law from groups of runs with one level each; `None` if they are too few.
    ///
    /// Also the log likelihood, in which each fitted level takes one run off, and how many
    /// differences between runs it comes from.
    pub(crate) fn fit(groups: &[&[f64]], floor: f64) -> Option<(Self, f64, usize)> {
        let runs: usize = groups.iter().map(|g| g.len()).sum();
        let residual_dof = runs - groups.len();
        if residual_dof < LEAST {
            return None;
        }
        let mut levels: Vec<f64> = groups.iter().map(|g| mean(g)).collect();
        let mut mixture = Self::halves(groups, &levels)?;
        let inflate = runs as f64 / residual_dof as f64;
        for _ in 0..ROUNDS {
            let (mut upper, mut lower) = (0.0, 0.0);
            let (mut sums, mut square) = ([0.0; 2], 0.0);
            for (group, level) in groups.iter().zip(&mut levels) {
                let (mut shift, mut weight) = (0.0, 0.0);
                for v in *group {
                    let x = v - *level;
                    let (w, p) = (mixture.belongs(x), mixture.upper(x));
                    upper += w * p;
                    lower += w * (1.0 - p);
                    sums[0] += w * (1.0 - p) * x;
                    sums[1] += w * p * x;
                    square += w * x * x;
                    shift += w * (x - mixture.expected(p));
                    weight += w;
                }
                *level += shift / weight.max(1.0);
            }
            if upper < 1.0 || lower < 1.0 {
                return None;
            }
            let at = [sums[0] / lower, sums[1] / upper];
            let inside = lower + upper;
            let within = (square - lower * at[0] * at[0] - upper * at[1] * at[1]) / inside;
            let share = upper / inside;
            let centre = (1.0 - share) * at[0] + share * at[1];
            mixture = Self {
                share,
                at: at.map(|m| m - centre),
                width: (within.max(0.0) * inflate).sqrt().max(floor),
            };
            mixture.width = mixture.width.max(NARROWEST * mixture.deviation());
        }
        if mixture.uneven(groups, &levels) > uneven_most(groups.len()) {
            return None;
        }
        // Residuals from fitted levels are too small, as those that the width comes from are.
        let wider = inflate.sqrt();
        let likelihood: f64 = groups
            .iter()
            .zip(&levels)
            .flat_map(|(g, level)| {
                g.iter()
                    .map(move |v| mixture.log_density((v - level) * wider))
            })
            .sum();
        Some((
            mixture,
            likelihood * residual_dof as f64 / runs as f64,
            residual_dof,
        ))
    }

    /// How much the share of the upper mode differs from build to build: χ², one term a group.
    fn uneven(&self, groups: &[&[f64]], levels: &[f64]) -> f64 {
        let term = |(group, level): (&&[f64], &f64)| {
            let weights = group
                .iter()
                .map(|v| (self.belongs(v - level), self.upper(v - level)));
            let (n, upper) = weights.fold((0.0, 0.0), |(n, u), (w, p)| (n + w, u + w * p));
            (upper - self.share * n).powi(2) / (self.share * (1.0 - self.share) * n.max(1.0))
        };
        groups.iter().zip(levels).map(term).sum()
    }

    /// A first law: the runs above and those below their levels.
    fn halves(groups: &[&[f64]], levels: &[f64]) -> Option<Self> {
        let residuals = groups.iter().zip(levels);
        let residuals: Vec<f64> = residuals
            .flat_map(|(g, level)| g.iter().map(move |v| v - level))
            .collect();
        let (high, low): (Vec<f64>, Vec<f64>) = residuals.iter().partition(|r| **r > 0.0);
        if high.is_empty() || low.is_empty() {
            return None;
        }
        let at = [mean(&low), mean(&high)];
        let square = |half: &[f64], m: f64| half.iter().map(|v| (v - m).powi(2)).sum::<f64>();
        let within = (square(&low, at[0]) + square(&high, at[1])) / residuals.len() as f64;
        (within > 0.0).then(|| Self {
            share: high.len() as f64 / residuals.len() as f64,
            at,
            width: within.sqrt(),
        })
    }

    /// Standard deviation of a run.
    pub(crate) fn deviation(&self) -> f64 {
        (self.width.powi(2) + self.share * (1.0 - self.share) * self.apart().powi(2)).sqrt()
    }

    fn apart(&self) -> f64 {
        self.at[1] - self.at[0]
    }

    /// Probability that a run this far from its level lies in the upper mode.
    fn upper(&self, x: f64) -> f64 {
        let middle = f64::midpoint(self.at[0], self.at[1]);
        let odds = (self.share / (1.0 - self.share)).ln()
            + self.apart() * (x - middle) / self.width.powi(2);
        1.0 / (1.0 + (-odds).exp())
    }

    /// Probability that a run this far from its level lies in a mode at all.
    fn belongs(&self, x: f64) -> f64 {
        let ([low, high], stray) = self.terms(x);
        let modes = log_sum([low, high].into_iter());
        1.0 / (1.0 + (stray - modes).exp())
    }

    /// Where a run that lies in the upper mode with probability `p` is to be expected.
    fn expected(&self, p: f64) -> f64 {
        self.at[0] + p * self.apart()
    }

    /// Log density of a run this far from its level.
    pub(crate) fn log_density(&self, x: f64) -> f64 {
        let ([low, high], stray) = self.terms(x);
        log_sum([low, high, stray].into_iter())
    }

    /// Log density of a run in either mode, and of one that strays.
    fn terms(&self, x: f64) -> ([f64; 2], f64) {
        let normal = |share: f64, at: f64, width: f64| {
            (share / width).ln() - 0.5 * ((x - at) / width).powi(2) - 0.5 * TAU.ln()
        };
        let inside = 1.0 - STRAY;
        let low = normal(inside * (1.0 - self.share), self.at[0], self.width);
        let high = normal(inside * self.share, self.at[1], self.width);
        let stray = normal(STRAY, 0.0, STRAY_WIDTH * self.deviation());
        ([low, high], stray)
    }

    /// Variance of a level per run, from many runs: 1 / Fisher information.
    pub(crate) fn per_run(&self) -> f64 {
        // Simpson's rule would gain nothing: the density is smooth and ends at zero.
        const POINTS: usize = 160;
        let (from, to) = (self.at[0] - 6.0 * self.width, self.at[1] + 6.0 * self.width);
        let step = (to - from) / POINTS as f64;
        let information: f64 = (0..=POINTS)
            .map(|i| {
                let x = from + i as f64 * step;
                let pull = x - self.expected(self.upper(x));
                let score = self.belongs(x) * pull / self.width.powi(2);
                score * score * self.log_density(x).exp() * step
            })
            .sum();
        1.0 / information
    }

    /// What it adds to the variance of a level from `runs` that all of them may lie in one mode,
    /// on average.
    pub(crate) fn doubt(&self, runs: usize) -> f64 {
        let n = runs.min(1 << 20) as i32;
        let (high, low) = (self.share.powi(n), (1.0 - self.share).powi(n));
        let both = high + low;
        if both > 0.0 {
            self.apart().powi(2) * high * low / both
        } else {
            0.0
        }
    }

    /// The level of runs of one build, and its variance.
    ///
    /// Few runs may all lie in one mode, and then do not tell in which: their level has two likely
    /// places, whose mean and variance stand for both.
    pub(crate) fn locate(&self, values: &[f64]) -> (f64, f64) {
        let start = mean(values);
        if values.is_empty() {
            return (start, self.deviation().powi(2));
        }
        let mut peaks: Vec<Peak> = vec![self.climb(values, start)];
        if values.len() <= AMBIGUOUS {
            for mode in self.at {
                let peak = self.climb(values, start - mode);
                let near = |p: &Peak| (p.level - peak.level).abs() < 0.1 * self.width;
                if !peaks.iter().any(near) {
                    peaks.push(peak);
                }
            }
        }
        let best = peaks
            .iter()
            .map(|p| p.height)
            .fold(f64::NEG_INFINITY, f64::max);
        let masses: Vec<f64> = peaks
            .iter()
            .map(|p| (p.height - best).exp() * p.variance.sqrt())
            .collect();
        let total: f64 = masses.iter().sum();
        let sum = |f: &dyn Fn(&Peak) -> f64| {
            peaks
                .iter()
                .zip(&masses)
                .map(|(p, m)| m * f(p))
                .sum::<f64>()
                / total
        };
        let level = sum(&|p| p.level);
        let variance = sum(&|p| p.variance + (p.level - level).powi(2));
        (level, variance)
    }

    /// The likeliest level near `start`.
    fn climb(&self, values: &[f64], start: f64) -> Peak {
        let n = values.len() as f64;
        let mut level = start;
        for _ in 0..ROUNDS {
            let (mut pull, mut weight) = (0.0, 0.0);
            for v in values {
                let (x, w) = (v - level, self.belongs(v - level));
                pull += w * (x - self.expected(self.upper(x)));
                weight += w;
            }
            let shift = pull / weight.max(1.0);
            level += shift;
            if shift.abs() < 0.01 * self.width / n.sqrt() {
                break;
            }
        }
        let (mut height, mut information) = (0.0, 0.0);
        for v in values {
            let (x, square) = (v - level, self.width.powi(2));
            let p = self.upper(x);
            height += self.log_density(x);
            let between = p * (1.0 - p) * self.apart().powi(2);
            information += self.belongs(x) * (1.0 - between / square) / square;
        }
        Peak {
            level,
            height,
            // Never less than what their mean tells.
            variance: 1.0 / information.max(n / self.deviation().powi(2)),
        }
    }
}

/// A likely level.
struct Peak {
    level: f64,
    /// Log likelihood.
    height: f64,
    variance: f64,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::noisy::noise::Noise;
    use crate::search::simulate::{Rng, Shape};

    fn draw(rng: &mut Rng, shape: Shape, level: f64, runs: usize) -> Vec<f64> {
        (0..runs).map(|_| level + shape.draw(rng)).collect()
    }

    #[test]
    fn modes_are_learned_from_groups_at_unlike_levels() {
        let mut rng = Rng::new(1);
        let groups: Vec<Vec<f64>> = (0..20)
            .map(|g| draw(&mut rng, Shape::Uneven, f64::from(g), 12))
            .collect();
        let groups: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
        let (mixture, _, residual_dof) = Modes::fit(&groups, 1e-9).expect("enough runs");
        assert_eq!(residual_dof, 220);
        assert!((mixture.apart() - 2.31).abs() < 0.15, "{mixture:?}");
        assert!((mixture.share - 0.2).abs() < 0.08, "{mixture:?}");
        assert!((mixture.width - 0.385).abs() < 0.08, "{mixture:?}");
        // The variance of their mean is 1 per run.
        assert!(mixture.per_run() < 0.25, "{}", mixture.per_run());
    }

    #[test]
    fn only_noise_with_modes_is_given_a_law_of_modes() {
        let with_modes = |shape: Shape, runs: usize| {
            let fits = (0..100).filter(|&seed| {
                let mut rng = Rng::new(seed);
                let groups: Vec<Vec<f64>> =
                    (0..10).map(|_| draw(&mut rng, shape, 0.0, runs)).collect();
                let groups: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
                Noise::fit(&groups, 1e-9).modes.is_some()
            });
            fits.count()
        };
        for runs in [8, 20] {
            let wrong = [Shape::Gauss, Shape::Heavy].map(|shape| with_modes(shape, runs));
            assert!(wrong.iter().all(|n| *n <= 1), "{runs}: {wrong:?}");
        }
        let right = [8, 20].map(|runs| with_modes(Shape::Bimodal, runs));
        assert!(right[0] >= 75 && right[1] >= 98, "{right:?}");
    }

    #[test]
    fn modes_that_stand_still_are_no_law() {
        let mut rng = Rng::new(2);
        // Ticks: a costlier build meets the later one more often, and moves neither.
        let groups: Vec<Vec<f64>> = [0.2, 0.2, 0.2, 0.6, 0.6, 0.6]
            .into_iter()
            .map(|share| {
                let mut run = || {
                    let late = if rng.uniform() < share { 6.0 } else { 0.0 };
                    late + rng.normal()
                };
                (0..40).map(|_| run()).collect()
            })
            .collect();
        let groups: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
        assert_eq!(Modes::fit(&groups, 1e-9), None);
        assert!(Modes::fit(&groups[..3], 1e-9).is_some());
    }

    #[test]
    fn a_level_is_as_sure_as_it_says() {
        let mut rng = Rng::new(3);
        let history = draw(&mut rng, Shape::Bimodal, 0.0, 4000);
        let (mixture, _, _) = Modes::fit(&[&history], 1e-9).expect("enough runs");
        for runs in [1, 2, 4, 8, 32] {
            let (mut misses, mut squares) = (0, 0.0);
            for _ in 0..2000 {
                let (level, variance) = mixture.locate(&draw(&mut rng, Shape::Bimodal, 0.0, runs));
                misses += usize::from(level * level > 4.0 * variance);
                squares += level * level / 2000.0;
            }
            // Beyond two standard deviations lies 4.6 % of normal noise.
            assert!(misses <= 140, "{runs}: {misses}");
            let foreseen = mixture.per_run() / runs as f64 + mixture.doubt(runs);
            assert!(
                (0.7..1.5).contains(&(squares / foreseen)),
                "{runs}: {squares} {foreseen}"
            );
        }
        // Runs of one mode do not tell which; one run of the other settles it.
        let (_, unsure) = mixture.locate(&[0.9; 6]);
        let (level, sure) = mixture.locate(&[0.9, 0.9, 0.9, 0.9, 0.9, 0.9, -0.9]);
        assert!(
            unsure > 0.5 && sure < 0.1 && level.abs() < 0.2,
            "{unsure} {level} {sure}"
        );
    }

    #[test]
    fn a_stray_run_does_not_move_a_level() {
        let mut rng = Rng::new(4);
        let history = draw(&mut rng, Shape::Bimodal, 0.0, 1000);
        let (mixture, _, _) = Modes::fit(&[&history], 1e-9).expect("enough runs");
        let mut runs = draw(&mut rng, Shape::Bimodal, 0.0, 20);
        let (before, _) = mixture.locate(&runs);
        runs.push(15.0);
        assert!((mixture.locate(&runs).0 - before).abs() < 0.05);
    }
}
