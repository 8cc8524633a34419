//! Bayes on the values: where a step lies, with its levels integrated out.
//!
//! The unmeasured commits between two measured builds of a segment are an *interval*. A hypothesis
//! says in which interval the step lies. Given scale s and between-build deviation τ, a measured
//! build with n runs has its level within κs²/n + τ²; the common level of a block of measured
//! builds has a flat prior, so that the block's evidence is closed-form. s and τ are averaged over
//! ladders.

use crate::search::noisy::blocks::{Blocks, Hyper, MeasuredBuild, Normal};
use crate::search::noisy::noise::Noise;
use crate::search::prior::NONE;
use crate::stats::{log_phi, log_sum};

/// Prior probability that builds of equal code are equal. A bisection sorts its builds by
/// construction, so that a prior that all but excludes between-build variance takes chance patterns
/// of unlike builds for a step.
const CALM: f64 = 0.86;
/// The largest and the smallest between-build deviation that are tried, as multiples of the
/// change at stake: beyond the one a step drowns, below the other between-build variance changes
/// nothing.
const BETWEEN_BUILDS: [f64; 2] = [2.0, 0.06];
/// So many are tried at most; each is half of the one before, so the last is a 500th of the first.
const GRID: usize = 10;
/// The largest in terms of how the levels seen differ, which says more where the ends happen to
/// be alike.
const SPREAD: f64 = 1.5;

/// A between-build variance that makes what was seen so much less likely than another does is ruled
/// out. Where builds differ by half the step, one search in 17 finds a pattern that is likelier
/// without between-build variance, and a third of those answers are wrong; with this margin two of
/// 900 searches amid a between-build deviation of half a step and more gave a wrong answer that is
/// called sure.
const RULED_OUT: f64 = 0.01;

/// What the values say about one segment.
#[derive(Clone, Debug)]
pub(crate) struct Posterior {
    /// Probability that the step lies in the interval after measured build i; one fewer than
    /// measured builds.
    pub(crate) intervals: Vec<f64>,
    /// The same with even odds for each between-build variance, none included: what may be called
    /// sure. The search itself goes by [`CALM`], which costs fewer builds where it is right.
    pub(crate) sober: Vec<f64>,
    /// Probability that there is no step.
    pub(crate) none: f64,
    /// ln Bayes factor of one step against none, between-build variance allowed for.
    pub(crate) log_step: f64,
    /// The same where builds of equal code are taken to be equal.
    pub(crate) log_differ: f64,
    /// ln Bayes factor of two steps against one, and the measured build between the best two.
    pub(crate) log_two: f64,
    /// Index of a measured build that lies between the two steps of the best pair.
    pub(crate) between: usize,
    /// Level before and after the step, per interval, under the most probable between-build
    /// variance.
    pub(crate) levels: Vec<(Normal, Normal)>,
    /// The same, between-build variance by between-build variance, for the forecast of the next
    /// runs.
    pub(crate) models: Vec<Model>,
}

impl Posterior {
    /// Whether an interval holds the step with that probability whatever the between-build
    /// variance, those apart that the values all but rule out.
    pub(crate) fn holds(&self, interval: usize, chance: f64) -> bool {
        let best = self.models.iter().map(Model::likelihood);
        let least = RULED_OUT * best.fold(0.0, f64::max);
        let mut plausible = self.models.iter().filter(|w| w.likelihood() >= least);
        plausible.all(|w| w.intervals[interval] >= chance * w.mass())
    }

    /// What is to be told apart where between-build variance alone is what is in doubt: for each
    /// model, 0 if its builds are alike enough to tell the likeliest interval from all others, 1 if
    /// not; and the probability of either, given a step.
    pub(crate) fn calm(&self, interval: usize, enough: f64) -> (Vec<usize>, f64) {
        let (mut classes, mut calm, mut all) = (Vec::new(), 0.0, 0.0);
        for w in &self.models {
            let sum: f64 = w.intervals.iter().sum();
            let alike = w.intervals[interval] >= enough * sum;
            classes.push(usize::from(!alike));
            all += sum;
            calm += if alike { sum } else { 0.0 };
        }
        (classes, calm / all.max(f64::MIN_POSITIVE))
    }

    /// The same with as much doubt about the step's existence as about its
    /// absence: for choosing probes that tell a step from between-build variance.
    pub(crate) fn doubting(&self) -> Self {
        let odds = (1.0 - NONE) / NONE;
        let total = self.intervals.iter().sum::<f64>() + self.none * odds;
        let mut doubt = self.clone();
        doubt.none *= odds / total;
        doubt.intervals.iter_mut().for_each(|g| *g /= total);
        for w in &mut doubt.models {
            w.none *= odds / total;
            w.intervals.iter_mut().for_each(|g| *g /= total);
        }
        doubt
    }
}

/// One between-build deviation, and what follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The noise; its scale is the fitted one.
    pub(crate) hyper: Hyper,
    /// Joint probability of this between-build variance and a step in each interval.
    pub(crate) intervals: Vec<f64>,
    /// Joint probability of this between-build variance and no step.
    pub(crate) none: f64,
    /// Prior probability of this between-build variance.
    prior: f64,
    /// Level before and after the step, per interval.
    pub(crate) levels: Vec<(Normal, Normal)>,
    /// The common level if there is no step.
    pub(crate) common: Normal,
}

impl Model {
    /// Joint probability of this between-build variance and whatever it does to the levels.
    fn mass(&self) -> f64 {
        self.none + self.intervals.iter().sum::<f64>()
    }

    /// How likely this between-build variance makes what was seen, up to a factor that all share.
    fn likelihood(&self) -> f64 {
        self.mass() / self.prior
    }
}

/// Log evidence of every hypothesis under one between-build variance, the scale averaged out.
struct Evidence {
    tau: f64,
    intervals: Vec<f64>,
    none: f64,
    two: f64,
    /// The likeliest pair of steps: its evidence and a measured build between.
    pair: (f64, usize),
}

/// What the model is told of a segment.
pub(crate) struct Setting<'a> {
    /// Measured builds in order.
    pub(crate) measured: &'a [MeasuredBuild],
    /// Prior mass of the interval after each measured build but the last.
    pub(crate) mass: &'a [f64],
    /// The noise.
    pub(crate) noise: &'a Noise,
    /// Between-build deviation, where it is known.
    pub(crate) between: Option<f64>,
    /// Deviations of stored builds of equal code from their level, with their variance in scale².
    pub(crate) builds: &'a [(f64, f64)],
    /// The change at stake, which sets the grid of between-build deviations.
    pub(crate) stake: f64,
    /// The smallest change of interest, in the metric's unit.
    pub(crate) least: f64,
    /// +1 for a step up, −1 for down, 0 for either.
    pub(crate) sign: f64,
}

impl Setting<'_> {
    /// Works out the posterior. Needs two measured builds.
    pub(crate) fn posterior(&self) -> Posterior {
        let deviations: Vec<(f64, f64)> = match self.between {
            Some(tau) => vec![(tau, 1.0)],
            None => self.ladder(),
        };
        let evidence: Vec<Evidence> = deviations
            .iter()
            .map(|(tau, p)| self.evidence(*tau, p.ln() + self.told(*tau)))
            .collect();
        let interval = |g: usize| log_sum(evidence.iter().map(|e| e.intervals[g]));
        let intervals: Vec<f64> = (0..self.mass.len()).map(interval).collect();
        let step = log_sum(intervals.iter().copied());
        let none = log_sum(evidence.iter().map(|e| e.none));
        let (yes, no) = ((1.0 - NONE).ln(), NONE.ln());
        let total = log_sum([step + yes, none + no].into_iter());
        let models: Vec<Model> = evidence
            .iter()
            .zip(&deviations)
            .map(|(e, (_, prior))| self.model(e, *prior, yes - total, no - total))
            .collect();
        let all: f64 = models.iter().map(Model::likelihood).sum();
        let sober = (0..intervals.len())
            .map(|g| models.iter().map(|w| w.intervals[g] / w.prior).sum::<f64>() / all)
            .collect();
        let likely = models.iter().max_by(|x, y| x.mass().total_cmp(&y.mass()));
        let pair = evidence
            .iter()
            .map(|e| e.pair)
            .fold((f64::NEG_INFINITY, 0), |b, p| if p.0 > b.0 { p } else { b });
        Posterior {
            intervals: intervals.iter().map(|g| (g + yes - total).exp()).collect(),
            sober,
            none: (none + no - total).exp(),
            log_step: step - none,
            log_differ: log_sum(evidence[0].intervals.iter().copied()) - evidence[0].none,
            log_two: log_sum(evidence.iter().map(|e| e.two)) - step,
            between: pair.1,
            levels: likely.map(|w| w.levels.clone()).unwrap_or_default(),
            models,
        }
    }

    /// Between-build deviations that may be, with their prior: none, or one of a row in which
    /// each is twice the next.
    fn ladder(&self) -> Vec<(f64, f64)> {
        let [most, least] = BETWEEN_BUILDS;
        let least = least * self.stake;
        let mut row = vec![(most * self.stake).max(SPREAD * self.spread())];
        while row.len() < GRID && row[row.len() - 1] > 1.5 * least {
            row.push(row[row.len() - 1] / 2.0);
        }
        let share = (1.0 - CALM) / row.len() as f64;
        let between_builds = row.into_iter().map(|t| (t, share));
        std::iter::once((0.0, CALM)).chain(between_builds).collect()
    }

    /// ln likelihood of what stored builds of equal code differ by, given the between-build
    /// variance.
    fn told(&self, tau: f64) -> f64 {
        let hyper = self.hyper(self.noise.scale, tau);
        let each = self.builds.iter().map(|&(deviation, own)| {
            let variance = own * hyper.scale * hyper.scale + hyper.between_builds;
            -0.5 * (variance.ln() + deviation * deviation / variance)
        });
        each.sum()
    }

    /// By how much the levels seen differ beyond what their runs explain: a standard deviation.
    fn spread(&self) -> f64 {
        let n = self.measured.len() as f64;
        let mean = self.measured.iter().map(|s| s.level).sum::<f64>() / n;
        let square = |s: &MeasuredBuild| (s.level - mean).powi(2) / (n - 1.0);
        let total: f64 = self.measured.iter().map(square).sum();
        let hyper = self.hyper(self.noise.scale, 0.0);
        let runs: f64 = self.measured.iter().map(|s| hyper.variance(s) / n).sum();
        (total - runs).max(0.0).sqrt()
    }

    fn evidence(&self, tau: f64, prior: f64) -> Evidence {
        let n = self.measured.len();
        let width = 4.0 * self.noise.scale + 2.0 * self.stake.max(self.spread());
        let mut all = Evidence {
            tau,
            intervals: vec![f64::NEG_INFINITY; n - 1],
            none: f64::NEG_INFINITY,
            two: f64::NEG_INFINITY,
            pair: (f64::NEG_INFINITY, n / 2),
        };
        let add = |sum: &mut f64, term: f64| *sum = log_sum([*sum, term].into_iter());
        for &(scale, weight) in &self.noise.ladder {
            let weight = weight + prior;
            let blocks = Blocks::new(self.measured, self.hyper(scale, tau));
            for g in 0..n - 1 {
                add(
                    &mut all.intervals[g],
                    weight + self.log_mass(g) + self.one(&blocks, g, width),
                );
            }
            add(&mut all.none, weight + blocks.block(0, n, width));
            let (two, between, peak) = self.two(&blocks, width);
            add(&mut all.two, weight + two);
            if weight + peak > all.pair.0 {
                all.pair = (weight + peak, between);
            }
        }
        all
    }

    fn model(&self, e: &Evidence, prior: f64, yes: f64, no: f64) -> Model {
        let n = self.measured.len();
        let hyper = self.hyper(self.noise.scale, e.tau);
        let blocks = Blocks::new(self.measured, hyper);
        Model {
            hyper,
            intervals: e.intervals.iter().map(|g| (g + yes).exp()).collect(),
            none: (e.none + no).exp(),
            prior,
            levels: (0..n - 1)
                .map(|g| (blocks.level(0, g + 1), blocks.level(g + 1, n)))
                .collect(),
            common: blocks.level(0, n),
        }
    }

    fn hyper(&self, scale: f64, tau: f64) -> Hyper {
        Hyper {
            dof: self.noise.dof,
            kappa: self.noise.kappa,
            modes: self.noise.modes,
            scale,
            between_builds: tau * tau,
        }
    }

    /// ln of an interval's share of the prior.
    fn log_mass(&self, interval: usize) -> f64 {
        (self.mass[interval] / self.mass.iter().sum::<f64>()).ln()
    }

    /// Log evidence of a step in interval `g`, in the direction asked for.
    fn one(&self, blocks: &Blocks, g: usize, width: f64) -> f64 {
        let n = self.measured.len();
        let evidence = blocks.block(0, g + 1, width) + blocks.block(g + 1, n, width);
        let ((m0, v0), (m1, v1)) = (blocks.level(0, g + 1), blocks.level(g + 1, n));
        if self.sign == 0.0 {
            return evidence + log_phi(((m1 - m0).abs() - self.least) / (v0 + v1).sqrt());
        }
        let z = ((m1 - m0) * self.sign - self.least) / (v0 + v1).sqrt();
        // Half of the flat prior over both levels goes in that direction.
        evidence + std::f64::consts::LN_2 + log_phi(z)
    }

    /// Log evidence of two steps, a measured build between the likeliest two, and their evidence.
    fn two(&self, blocks: &Blocks, width: f64) -> (f64, usize, f64) {
        let n = self.measured.len();
        let mass: Vec<f64> = (0..n - 1).map(|g| self.log_mass(g)).collect();
        let mut terms = Vec::new();
        let mut best = (f64::NEG_INFINITY, n / 2);
        for g in 0..n - 1 {
            for h in g + 1..n - 1 {
                let evidence = blocks.block(0, g + 1, width)
                    + blocks.block(g + 1, h + 1, width)
                    + blocks.block(h + 1, n, width);
                let term = evidence + std::f64::consts::LN_2 + mass[g] + mass[h];
                terms.push(term);
                if term > best.0 {
                    best = (term, usize::midpoint(g + 1, h));
                }
            }
        }
        (log_sum(terms.iter().copied()), best.1, best.0)
    }
}
