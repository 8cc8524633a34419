//! Where the next runs tell most per cost.
//!
//! The value of b runs of a commit is the mutual information between the mean
//! that they will show and the place of the step (Lindley 1956). Each
//! hypothesis predicts a normal mean; the levels' own uncertainty is part of
//! the prediction, so that the ends and older builds are worth another look
//! whenever they, not the place, are what is in doubt.

use crate::search::noisy::blocks::{Hyper, MeasuredBuild, Normal};
use crate::search::noisy::posterior::Posterior;
use crate::search::track::Track;

/// Batch sizes that are weighed.
const BATCHES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Share of its best batch that a new build begins with: further runs of it cost no build, and
/// after the first it is often plain on which side of the step it lies.
const BEGIN: f64 = 0.35;
/// Price of a build, as a multiple, anywhere but in an interval that is as sure as an answer must
/// be. There it may be on the wrong side of the step, and the builds that lead back are not
/// foreseen by a look one step ahead: at 1 steps of half a sigma take 1.3 builds more, at 8 a
/// fourteenth more runs.
const ASTRAY: f64 = 4.0;
/// Price of a build, as a multiple, that is to tell between-build variance from a step: further
/// runs of what is built mostly do. At 1 steps of half a sigma take a third of a build more;
/// without leave to build at all, a thirtieth more runs.
const CHECK: f64 = 6.0;
/// What a probe costs beside its runs, as a share of a build: a checkout, a start.
const CALL: f64 = 0.05;
/// Points of the grid on which a predicted mean is integrated.
const GRID: usize = 48;
/// Hypotheses below this probability do not enter the forecast.
const NEGLIGIBLE: f64 = 1e-4;
/// Gaps below this probability are not worth a candidate of their own.
const SLIM: f64 = 0.02;

/// The class of "no step" where models are told apart.
const NONE: usize = 2;

/// A probe that could come next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice {
    /// The point to measure.
    pub(crate) point: usize,
    /// How many runs.
    pub(crate) runs: usize,
    /// Expected information in nats.
    pub(crate) gain: f64,
    /// Expected information per run, a build counted as `build_cost` runs.
    pub(crate) rate: f64,
    /// Expected information of the largest batch.
    pub(crate) most: f64,
}

/// What the policy sees of a segment.
pub(crate) struct View<'a> {
    pub(crate) track: &'a Track,
    pub(crate) measured: &'a [MeasuredBuild],
    pub(crate) posterior: &'a Posterior,
    /// What a build costs, in runs.
    pub(crate) build_cost: f64,
    /// How sure an answer must be.
    pub(crate) enough: f64,
    /// Whether new builds are still allowed.
    pub(crate) may_build: bool,
}

/// A forecast of the next mean: hypothesis, probability, mean, variance without run noise.
type Forecast = (usize, f64, f64, f64);

impl View<'_> {
    /// The candidates, the most informative per cost first.
    pub(crate) fn choices(&self, jobs: usize) -> Vec<Choice> {
        let mut choices: Vec<Choice> = Vec::new();
        for build in self.builds_in_doubt() {
            let forecast = self.again(build);
            choices.extend(self.best_batch(
                self.measured[build].first,
                Some(build),
                &forecast,
                0.0,
            ));
        }
        let total: f64 = self.posterior.intervals.iter().sum();
        for (interval, point) in self.new_points(jobs) {
            let sure = self.posterior.intervals[interval] >= self.enough * total;
            let price = if sure { 1.0 } else { ASTRAY };
            let forecast = self.fresh(interval, point);
            choices.extend(self.best_start(point, &forecast, price));
        }
        choices.sort_by(|x, y| y.rate.total_cmp(&x.rate).then(x.point.cmp(&y.point)));
        choices
    }

    /// Probes that tell models of different classes apart, and those from none at all: further
    /// builds to the left and to the right of the interval, further runs of any build.
    pub(crate) fn checks(&self, interval: usize, classes: &[usize]) -> Vec<Choice> {
        let mut choices: Vec<Choice> = Vec::new();
        let intervals = self.posterior.intervals.len();
        let classed = |forecast: Vec<Forecast>, sizes: usize| -> Vec<Forecast> {
            let of = |i: usize| classes[i / sizes];
            let class = |(i, f): (usize, Forecast)| {
                (if f.0 == intervals { NONE } else { of(i) }, f.1, f.2, f.3)
            };
            forecast.into_iter().enumerate().map(class).collect()
        };
        for build in 0..self.measured.len() {
            if !self.track.failed(self.measured[build].first) {
                let forecast = classed(self.again(build), intervals + 1);
                choices.extend(self.best_batch(
                    self.measured[build].first,
                    Some(build),
                    &forecast,
                    0.0,
                ));
            }
        }
        for (g, point) in self.neighbours(interval) {
            let forecast = classed(self.fresh(g, point), intervals + 2);
            choices.extend(self.best_start(point, &forecast, CHECK));
        }
        choices.sort_by(|x, y| y.rate.total_cmp(&x.rate).then(x.point.cmp(&y.point)));
        choices
    }

    /// The open points nearest to an interval, one on either side.
    fn neighbours(&self, interval: usize) -> Vec<(usize, usize)> {
        if !self.may_build {
            return Vec::new();
        }
        let open = |g: usize, late: bool| {
            let (a, b) = (self.measured[g].last, self.measured[g + 1].first);
            let mut inside = (a + 1..b).filter(|&p| self.track.open(p));
            let point = if late {
                inside.next_back()
            } else {
                inside.next()
            };
            point.map(|p| (g, p))
        };
        let left = (0..interval).rev().find_map(|g| open(g, true));
        let right = (interval + 1..self.posterior.intervals.len()).find_map(|g| open(g, false));
        left.into_iter().chain(right).collect()
    }

    /// A new build at that multiple of the usual price, and the runs that it begins with.
    fn best_start(&self, point: usize, forecast: &[Forecast], price: f64) -> Option<Choice> {
        let best = self.best_batch(point, None, forecast, self.build_cost * price)?;
        let runs = (best.runs as f64 * BEGIN).ceil() as usize;
        Some(Choice { runs, ..best })
    }

    /// The batch size with the best rate.
    fn best_batch(
        &self,
        point: usize,
        build: Option<usize>,
        forecast: &[Forecast],
        price: f64,
    ) -> Option<Choice> {
        let hyper = self.posterior.models.first()?.hyper;
        let mut best: Option<Choice> = None;
        let mut most = 0.0_f64;
        for runs in BATCHES {
            let noise = match build {
                Some(i) => hyper.further(&self.measured[i], runs),
                None => hyper.fresh(runs),
            };
            let gain = information(forecast, noise);
            let rate = gain / (price + CALL * self.build_cost + runs as f64);
            most = most.max(gain);
            if best.is_none_or(|b| rate > b.rate) {
                best = Some(Choice {
                    point,
                    runs,
                    gain,
                    rate,
                    most,
                });
            }
        }
        best.map(|b| Choice { most, ..b })
    }

    /// Measured builds beside an interval that is in play, and both ends.
    fn builds_in_doubt(&self) -> Vec<usize> {
        let last = self.measured.len() - 1;
        let near = |g: Option<&f64>| g.is_some_and(|p| *p >= SLIM);
        (0..=last)
            .filter(|&i| {
                let before = i
                    .checked_sub(1)
                    .and_then(|g| self.posterior.intervals.get(g));
                i == 0 || i == last || near(before) || near(self.posterior.intervals.get(i))
            })
            .filter(|&i| !self.track.failed(self.measured[i].first))
            .collect()
    }

    /// Unmeasured points at quantiles of the posterior, and one in each interval in play.
    fn new_points(&self, jobs: usize) -> Vec<(usize, usize)> {
        let mut points: Vec<(usize, usize)> = Vec::new();
        if !self.may_build {
            return points;
        }
        let total: f64 = self.posterior.intervals.iter().sum();
        let mut wanted: Vec<(usize, f64)> = Vec::new();
        for k in 1..=jobs.max(3) {
            let mut rest = total * k as f64 / (jobs.max(3) + 1) as f64;
            for (g, p) in self.posterior.intervals.iter().enumerate() {
                if rest < *p {
                    wanted.push((g, rest / p));
                    break;
                }
                rest -= p;
            }
        }
        for (g, p) in self.posterior.intervals.iter().enumerate() {
            if *p >= SLIM {
                wanted.push((g, 0.5));
            }
        }
        for (g, q) in wanted {
            let (a, b) = (self.measured[g].last, self.measured[g + 1].first);
            if let Some(p) = self.track.cut(a, b, q.clamp(0.02, 0.98))
                && !points.contains(&(g, p))
            {
                points.push((g, p));
            }
        }
        points
    }

    /// Forecasts for an unmeasured point in an interval.
    fn fresh(&self, interval: usize, point: usize) -> Vec<Forecast> {
        let (a, b) = (
            self.measured[interval].last,
            self.measured[interval + 1].first,
        );
        let early = self.track.mass(a, point) / self.track.mass(a, b);
        let mut forecast = Vec::new();
        let intervals = self.posterior.intervals.len();
        for model in &self.posterior.models {
            let mut push = |h: usize, p: f64, level: Normal| {
                forecast.push((h, p, level.0, level.1 + model.hyper.between_builds))
            };
            for (g, &p) in model.intervals.iter().enumerate() {
                let (before, after) = model.levels[g];
                match g.cmp(&interval) {
                    std::cmp::Ordering::Less => push(g, p, after),
                    std::cmp::Ordering::Greater => push(g, p, before),
                    std::cmp::Ordering::Equal => {
                        push(g, p * early, after);
                        push(intervals + 1, p * (1.0 - early), before);
                    }
                }
            }
            push(intervals, model.none, model.common);
        }
        forecast
    }

    /// Forecasts for further runs of a measured build.
    fn again(&self, build: usize) -> Vec<Forecast> {
        let mut forecast = Vec::new();
        for model in &self.posterior.models {
            let own = |level: Normal| own_level(&self.measured[build], level, model.hyper);
            for (g, &p) in model.intervals.iter().enumerate() {
                let (before, after) = model.levels[g];
                let (mean, variance) = own(if g < build { after } else { before });
                forecast.push((g, p, mean, variance));
            }
            let (mean, variance) = own(model.common);
            forecast.push((model.intervals.len(), model.none, mean, variance));
        }
        forecast
    }
}

/// What a build's own level is, given its runs and the others of its block.
fn own_level(build: &MeasuredBuild, block: Normal, hyper: Hyper) -> Normal {
    let (mean, variance) = block;
    let own_variance = hyper.variance(build);
    let others = 1.0 / variance - 1.0 / own_variance;
    let runs = hyper.own(build);
    if others <= 1e-9 / variance {
        return (build.level, runs);
    }
    let others_mean = (mean / variance - build.level / own_variance) / others;
    let prior = 1.0 / others + hyper.between_builds;
    let precision = 1.0 / prior + 1.0 / runs;
    (
        (others_mean / prior + build.level / runs) / precision,
        1.0 / precision,
    )
}

/// Mutual information, in nats, between the hypothesis and a mean with run variance `noise`.
fn information(forecast: &[Forecast], noise: f64) -> f64 {
    let parts: Vec<(usize, f64, f64, f64)> = forecast
        .iter()
        .filter(|f| f.1 > NEGLIGIBLE)
        .map(|&(h, p, mean, variance)| (h, p, mean, (variance + noise).sqrt()))
        .collect();
    let low = parts
        .iter()
        .map(|p| p.2 - 4.0 * p.3)
        .fold(f64::INFINITY, f64::min);
    let high = parts
        .iter()
        .map(|p| p.2 + 4.0 * p.3)
        .fold(f64::NEG_INFINITY, f64::max);
    let step = (high - low) / GRID as f64;
    if !step.is_finite() || step <= 0.0 {
        return 0.0;
    }
    let hypotheses = parts.iter().map(|p| p.0 + 1).max().unwrap_or(0);
    let total: f64 = parts.iter().map(|p| p.1).sum();
    let mut mass = vec![0.0; hypotheses];
    for p in &parts {
        mass[p.0] += p.1 / total;
    }
    let mut density = vec![0.0; hypotheses];
    let mut sum = 0.0;
    for i in 0..GRID {
        let x = low + (i as f64 + 0.5) * step;
        density.fill(0.0);
        for &(h, p, mean, sd) in &parts {
            let z = (x - mean) / sd;
            density[h] += p / total / sd * (-0.5 * z * z).exp();
        }
        let mixture: f64 = density.iter().sum();
        let own = density.iter().zip(&mass).filter(|(d, _)| **d > 0.0);
        sum += own.map(|(d, m)| d * (d / m / mixture).ln()).sum::<f64>();
    }
    (sum * step / std::f64::consts::TAU.sqrt()).max(0.0)
}
