//! The noisy regime: prove the ends, follow the information, say how sure.

pub(super) mod blocks;
mod builds;
mod choice;
mod modes;
pub(super) mod noise;
pub(super) mod posterior;

use crate::search::exact::{SHARE, median};
use crate::search::noisy::blocks::MeasuredBuild;
use crate::search::noisy::builds::DIFFERENCES;
use crate::search::noisy::builds::{differences, measured, noise_is_known, sample};
use crate::search::noisy::choice::{Choice, View};
use crate::search::noisy::noise::Noise as Fit;
use crate::search::noisy::posterior::{Posterior, Setting};
use crate::search::outcome::Verdict;
use crate::search::outcome::{Answer, Estimate, Level, Step};
use crate::search::range::{Noise, Options};
use crate::search::track::Track;

/// ln Bayes factor at which the ends count as different enough for the search to go inside. No
/// proof yet: runs inside add to it as well as runs at the ends do, and [`CERTAIN`] comes later.
const PROVEN: f64 = 1.0;
/// ln Bayes factor that a culprit needs: where nothing changed, at most one range
/// in a hundred ever reaches it (Ville's inequality).
const CERTAIN: f64 = 4.605_170_185_988_091;
/// ln Bayes factor that it needs against no step, between-build variance allowed for. Each
/// between-build variance's prior is about a fortieth, so that against the one that fits best it is
/// next to nothing: what is not sure for that reason says so. More costs true steps of half a sigma
/// several builds each.
const DESPITE_BUILDS: f64 = 4.0;
/// Where models in which the suspect stands out are likelier than this, between-build variance is
/// looked into; below, it is taken for granted and a set is the answer.
const SUSPICION: f64 = 0.05;
/// ln prior odds against a further step beside one that was found.
const FURTHER: f64 = 3.0;
/// ln odds at which two steps are preferred to one, and the segment is cut between them.
const TWO: f64 = 2.0;
/// The ends are as good as equal when the change is below the smallest of
/// interest with this many standard errors.
const FUTILE: f64 = 2.6;
/// And from so many runs of it and of its parent: what was plain at once may be two outliers.
const WITNESSES: usize = 4;
/// Runs by which they are added.
const PAIR: usize = 2;
/// Share of the allowed misses where noise and levels come from the search's own runs: what is
/// fitted to these makes it a little too sure. At 95.5 % steps of half a sigma are found 94.4 % of
/// the time.
const FITTED: f64 = 0.875;
/// From here on an answer counts as sure.
const SURE: f64 = 0.95;
/// And it is called no surer than this, unless it holds under each between-build variance that is
/// not ruled out: without between-build variance 97 such answers in 100 are right, with
/// a between-build deviation of a quarter of the step nine in ten, with half of it fewer than one in
/// two, but there most searches say that they cannot tell.
const UNPROVEN: f64 = 0.9;
/// Fewer runs at an end than this say too little of the noise to give up on.
const ENOUGH: usize = 12;
/// What a build costs beside its time: one opened too early sends the search the wrong way, and
/// the builds that lead back are not foreseen by a look one step ahead. At 1 steps of half a sigma
/// take a third of a build and a twentieth of the runs more, at 2 a twentieth more runs.
const EARLY: f64 = 1.3;
/// Growth of the price of a build beyond those that an exact search needs.
const GROWTH: f64 = 1.3;
/// Mass of the set that is the answer where builds of equal code differ too much to tell more.
/// Such sets are called at most [`SET_SURE`]: what ends that way was taken for a step because it
/// looked large. Where builds differ by as much as the step, 37 of 52 sets of .97 held the
/// culprit, and 45 of these.
const SET: f64 = 0.995;
/// How sure a set of that kind is called at most: where builds differ by half the step and as
/// much as all of it, four in five answers held the culprit (`cargo bench --bench bisect`).
const SET_SURE: f64 = 0.8;
/// A probe that tells less than this, in nats, even with the largest batch, tells nothing.
const NOTHING: f64 = 0.01;

/// What the noisy regime calls for.
pub(crate) enum Decision {
    /// Points and runs.
    Measure(Vec<(usize, usize)>),
    /// The end.
    Done(Verdict),
}

/// The next step, as a function of the evidence alone.
pub(crate) fn decide(
    track: &Track,
    options: &Options,
    lo: usize,
    hi: usize,
    jobs: usize,
) -> Decision {
    let case = Case::new(track, options, lo, hi);
    match case.segment(0, case.measured.len() - 1, true, jobs) {
        Part::Act(mut probes) => {
            probes.truncate(jobs);
            Decision::Measure(probes)
        }
        Part::Steps(steps) => Decision::Done(case.verdict(steps)),
        Part::End(answer, reason) => Decision::Done(Verdict::none(answer, reason)),
    }
}

/// How far the search has come.
pub(crate) fn estimate(
    track: &Track,
    options: &Options,
    lo: usize,
    hi: usize,
    base: Estimate,
) -> Estimate {
    let case = Case::new(track, options, lo, hi);
    let (_, posterior) = case.posterior(0, case.measured.len() - 1, true);
    let chances = case.chances(0, &posterior.intervals);
    let entropy: f64 = chances
        .iter()
        .filter(|c| c.1 > 0.0)
        .map(|c| -c.1 * c.1.ln())
        .sum();
    let best = case
        .view(&case.measured, &posterior)
        .choices(1)
        .first()
        .copied();
    let runs_left = best.map_or(0.0, |b| entropy / b.gain.max(1e-3) * b.runs as f64);
    Estimate {
        builds_left: (entropy / std::f64::consts::LN_2).ceil() as usize,
        runs_left: (runs_left as usize).min(options.max_runs),
        suspect: chances.first().copied(),
        ..base
    }
}

/// The commits that may have made a step between two points, most probable first.
pub(crate) fn suspects(track: &Track, a: usize, b: usize) -> Vec<usize> {
    let mut points: Vec<usize> = (a + 1..=b).collect();
    points.sort_by(|&x, &y| {
        track
            .mass(y - 1, y)
            .total_cmp(&track.mass(x - 1, x))
            .then(x.cmp(&y))
    });
    points.into_iter().map(|p| track.commit(p)).collect()
}

/// Robust standard deviation of residuals.
pub(crate) fn scale(residuals: &[f64]) -> f64 {
    let centre = median(residuals);
    let deviations: Vec<f64> = residuals.iter().map(|v| (v - centre).abs()).collect();
    1.4826 * median(&deviations)
}

/// What came of one segment.
enum Part {
    Act(Vec<(usize, usize)>),
    Steps(Vec<Step>),
    End(Answer, String),
}

/// The evidence between the ends, in the form that the model wants.
struct Case<'a> {
    track: &'a Track,
    options: &'a Options,
    measured: Vec<MeasuredBuild>,
    noise: Fit,
    between: Option<f64>,
    /// Stored builds of equal code: deviation, its variance in scale².
    builds: Vec<(f64, f64)>,
    /// Level(hi) − level(lo), as measured at these two.
    total: f64,
    /// The smallest change of interest, in the metric's unit.
    least: f64,
    /// How sure an answer must be.
    enough: f64,
}

impl<'a> Case<'a> {
    fn new(track: &'a Track, options: &'a Options, lo: usize, hi: usize) -> Self {
        let mut groups: Vec<&[f64]> = track.slots.iter().map(|s| sample(&s.values)).collect();
        let (mut between, mut stored): (_, &[Vec<f64>]) = (None, &[]);
        if let Noise::Known {
            residuals,
            between: known,
            builds,
        } = &options.noise
        {
            groups.push(sample(residuals));
            groups.extend(builds.iter().map(|b| sample(b)));
            between = *known;
            stored = builds;
        }
        let good = median(&track.slot(lo).values);
        let delta = (median(&track.slot(hi).values) - good).abs();
        let floor = 1e-4 * delta.max(1e-9 * good.abs()).max(f64::MIN_POSITIVE * 1e9);
        let noise = Fit::fit(&groups, floor);
        let told = |b: &Vec<f64>| {
            let (level, kappa) = noise.level(b);
            (level, kappa / b.len().max(1) as f64)
        };
        let builds = stored.iter().map(told).collect();
        let measured = measured(track, &noise, lo, hi);
        let total = measured[measured.len() - 1].level - measured[0].level;
        let known = noise_is_known(options);
        let least = options.min_effect * measured[0].level.abs();
        Self {
            track,
            options,
            measured,
            noise,
            between,
            builds,
            total,
            least,
            enough: 1.0 - (1.0 - options.confidence) * if known { 1.0 } else { FITTED },
        }
    }

    /// What is to be done about the measured builds a..=b.
    fn segment(&self, a: usize, b: usize, root: bool, jobs: usize) -> Part {
        if a >= b {
            return Part::Steps(Vec::new());
        }
        let (least, posterior) = self.posterior(a, b, root);
        if !root && posterior.log_step < FURTHER {
            return Part::Steps(Vec::new());
        }
        if posterior.log_differ < PROVEN {
            return self.prove(a, b, least, root, jobs);
        }
        if posterior.log_two > FURTHER + TWO && posterior.between > 0 && a + posterior.between < b {
            let middle = a + posterior.between;
            return both(
                self.segment(a, middle, false, jobs),
                self.segment(middle, b, false, jobs),
            );
        }
        let (interval, chance) = top(&posterior.intervals);
        let (left, right) = (
            &self.measured[a + interval],
            &self.measured[a + interval + 1],
        );
        let whole = !self.track.divisible(left.last, right.first);
        if whole && chance >= self.enough && certain(&posterior) {
            if let Some(part) = self.corroborate(left, right) {
                return part;
            }
            let step = self.step(a, interval, &posterior);
            let others = both(
                self.segment(a, a + interval, false, jobs),
                self.segment(a + interval + 1, b, false, jobs),
            );
            return both(Part::Steps(vec![step]), others);
        }
        let (classes, calm) = posterior.calm(interval, self.enough);
        if whole
            && calm > SUSPICION
            && (chance < self.enough || posterior.log_step < DESPITE_BUILDS)
        {
            return self.doubt(a, b, interval, classes, &posterior, jobs);
        }
        if whole && chance >= self.enough {
            return self.prove(a, b, least, root, jobs);
        }
        self.explore(a, b, &posterior, jobs)
    }

    /// More runs of the culprit or of its parent, where what is known of them or of the noise rests
    /// on too few; nothing where the store knows the noise.
    fn corroborate(&self, left: &MeasuredBuild, right: &MeasuredBuild) -> Option<Part> {
        if noise_is_known(self.options) {
            return None;
        }
        let (runs, point) = *self.poorer([left, right]).first()?;
        let known = differences(self.track.slots.iter().map(|s| &s.values));
        let thin = known < DIFFERENCES || runs < WITNESSES;
        let spent = self.runs() >= self.options.max_runs;
        (thin && !spent).then(|| Part::Act(vec![(point, PAIR)]))
    }

    /// Those of two measured builds that can be run again, with their runs, the poorer first.
    fn poorer(&self, pair: [&MeasuredBuild; 2]) -> Vec<(usize, usize)> {
        let able = pair.into_iter().filter(|s| !self.track.failed(s.first));
        let mut able: Vec<(usize, usize)> = able.map(|s| (s.runs, s.first)).collect();
        able.sort_unstable();
        able
    }

    /// More runs at both ends in turn, until they differ for sure or as good as do not.
    fn prove(&self, a: usize, b: usize, least: f64, root: bool, jobs: usize) -> Part {
        let (good, bad) = (&self.measured[a], &self.measured[b]);
        let scale = self.noise.scale;
        let square = |s: &MeasuredBuild| s.kappa * scale * scale / s.runs as f64;
        let error = (square(good) + square(bad)).sqrt();
        let delta = (bad.level - good.level) * self.options.direction.sign();
        let spent = self.runs() >= self.options.max_runs;
        let enough = good.runs.min(bad.runs) >= ENOUGH;
        if root && ((enough && delta + FUTILE * error < least) || spent) {
            let reason = format!(
                "the ends differ by {delta:.6} ± {:.6} in the direction asked for",
                1.96 * error
            );
            return Part::End(Answer::NotReproduced, reason);
        }
        if !root && ((enough && delta.abs() + FUTILE * error < least) || spent) {
            return Part::Steps(Vec::new());
        }
        let ends = self.poorer([good, bad]);
        if ends.is_empty() {
            let reason = "neither end can be run again, and their runs do not tell them apart";
            return Part::End(Answer::Undecided, reason.to_owned());
        }
        let batch = (ends[0].0 / 4).clamp(2, 32);
        Part::Act(ends.iter().take(jobs).map(|e| (e.1, batch)).collect())
    }

    /// The probes that tell most; a credible set where none tells anything.
    fn explore(&self, a: usize, b: usize, posterior: &Posterior, jobs: usize) -> Part {
        let measured = &self.measured[a..=b];
        let options = self.view(measured, posterior).choices(jobs);
        let most = options.iter().map(|o| o.most).fold(0.0, f64::max);
        if most < NOTHING || self.runs() >= self.options.max_runs {
            return self.settle(a, posterior);
        }
        Part::Act(distinct(&options, jobs))
    }

    /// The probes that tell most of whether builds of equal code differ: more of them on either
    /// side of the suspect, and more runs of those at hand.
    fn doubt(
        &self,
        a: usize,
        b: usize,
        interval: usize,
        classes: Vec<usize>,
        posterior: &Posterior,
        jobs: usize,
    ) -> Part {
        let measured = &self.measured[a..=b];
        let doubting = posterior.doubting();
        let options = self.view(measured, &doubting).checks(interval, &classes);
        let most = options.iter().map(|o| o.most).fold(0.0, f64::max);
        if most < NOTHING || self.runs() >= self.options.max_runs {
            return self.settle(a, posterior);
        }
        Part::Act(distinct(&options, jobs))
    }

    /// The answer that stands when more runs would not change it.
    fn settle(&self, a: usize, posterior: &Posterior) -> Part {
        let chances = self.chances(a, &posterior.intervals);
        if posterior.none > 0.5 || !certain(posterior) {
            let reason = "builds of equal code differ as much as the two ends".to_owned();
            return Part::End(Answer::Undecided, reason);
        }
        // What the store knows of builds of equal code needs no allowance for what it does not.
        let (mass, most) = match self.between.is_some() || !self.builds.is_empty() {
            true => (self.enough, 1.0),
            false => (SET, SET_SURE),
        };
        let mut set = Vec::new();
        let mut confidence = 0.0;
        for (commit, chance) in chances {
            if confidence >= mass {
                break;
            }
            set.push(commit);
            confidence += chance;
        }
        let sober: f64 = self
            .chances(a, &posterior.sober)
            .iter()
            .filter(|c| set.contains(&c.0))
            .map(|c| c.1)
            .sum();
        let (interval, _) = top(&posterior.intervals);
        let step = Step {
            suspects: set,
            confidence: confidence.min(sober).min(most),
            ..self.step(a, interval, posterior)
        };
        Part::Steps(vec![step])
    }

    fn view<'b>(&'b self, measured: &'b [MeasuredBuild], posterior: &'b Posterior) -> View<'b> {
        let built = self
            .track
            .slots
            .iter()
            .filter(|s| s.runs > 0 || s.skip.is_some())
            .count();
        View {
            track: self.track,
            measured,
            posterior,
            build_cost: self.build_cost(built),
            enough: self.enough,
            may_build: built < self.options.max_builds,
        }
    }

    /// What one more build costs, in runs.
    ///
    /// It grows by a third with every build beyond those that an exact search needs:
    /// from there on, runs of what is built settle most doubts.
    fn build_cost(&self, built: usize) -> f64 {
        let exact = (self.track.len() as f64).log2().ceil() + 2.0;
        EARLY * self.options.build_cost * GROWTH.powf((built as f64 - exact).max(0.0))
    }

    /// The smallest step of interest in the measured builds a..=b, and what the values say of one.
    fn posterior(&self, a: usize, b: usize, root: bool) -> (f64, Posterior) {
        let measured = &self.measured[a..=b];
        let mass: Vec<f64> = measured
            .windows(2)
            .map(|w| self.track.mass(w[0].last, w[1].first))
            .collect();
        let least = if root {
            self.least
        } else {
            self.least.max(SHARE * self.total.abs())
        };
        let sign = if root {
            self.options.direction.sign()
        } else {
            0.0
        };
        let setting = Setting {
            measured,
            mass: &mass,
            noise: &self.noise,
            between: self.between,
            builds: &self.builds,
            stake: self.total.abs().max(self.least),
            least,
            sign,
        };
        (least, setting.posterior())
    }

    /// Each suspect commit with its probability, most probable first.
    fn chances(&self, a: usize, intervals: &[f64]) -> Vec<(usize, f64)> {
        let mut chances = Vec::new();
        for (g, chance) in intervals.iter().enumerate() {
            let (from, to) = (self.measured[a + g].last, self.measured[a + g + 1].first);
            let mass = self.track.mass(from, to);
            let share = |p: usize| self.track.mass(p - 1, p) / mass;
            chances.extend((from + 1..=to).map(|p| (self.track.commit(p), chance * share(p))));
        }
        chances.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.cmp(&y.0)));
        chances
    }

    fn step(&self, a: usize, interval: usize, posterior: &Posterior) -> Step {
        let (left, right) = (
            &self.measured[a + interval],
            &self.measured[a + interval + 1],
        );
        let (before, after) = posterior.levels[interval];
        let before = Level::normal(before.0, before.1.sqrt());
        let after = Level::normal(after.0, after.1.sqrt());
        let most = if posterior.holds(interval, SURE) {
            1.0
        } else {
            UNPROVEN
        };
        let confidence = posterior.intervals[interval]
            .min(posterior.sober[interval])
            .min(most);
        Step {
            suspects: suspects(self.track, left.last, right.first),
            last_before: self.track.last_commit(left.last),
            first_after: self.track.commit(right.first),
            before,
            after,
            change: before.change_to(&after),
            share: (after.value - before.value) / self.total,
            confidence,
        }
    }

    /// The steps with the levels at both ends that they imply.
    fn verdict(&self, mut steps: Vec<Step>) -> Verdict {
        steps.sort_by_key(|s| s.first_after);
        let ends = steps
            .first()
            .zip(steps.last())
            .map(|(f, l)| (f.before, l.after));
        if let Some((good, bad)) = ends {
            let total = bad.value - good.value;
            for s in &mut steps {
                s.share = (s.after.value - s.before.value) / total;
            }
        }
        let reserved = |s: &Step| s.confidence < self.enough;
        let reason = if steps.iter().any(reserved) {
            "not surer, because builds of equal code may differ as well, by more than the builds \
             measured rule out"
        } else {
            ""
        };
        Verdict {
            ends,
            reason: reason.to_owned(),
            ..Verdict::steps(steps)
        }
    }

    fn runs(&self) -> usize {
        self.track.slots.iter().map(|s| s.runs).sum()
    }
}

/// Whether there is a step at all, wherever it lies.
fn certain(posterior: &Posterior) -> bool {
    posterior.log_differ >= CERTAIN && posterior.log_step >= DESPITE_BUILDS
}

/// The best probes of distinct points.
fn distinct(options: &[Choice], jobs: usize) -> Vec<(usize, usize)> {
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    for &Choice { point, runs, .. } in options {
        if chosen.len() < jobs && chosen.iter().all(|c| c.0 != point) {
            chosen.push((point, runs));
        }
    }
    chosen
}

/// The likeliest interval.
fn top(intervals: &[f64]) -> (usize, f64) {
    intervals.iter().copied().enumerate().fold(
        (0, 0.0),
        |best, (g, p)| if p > best.1 { (g, p) } else { best },
    )
}

/// Two segments' parts as one: what must be measured goes first.
fn both(x: Part, y: Part) -> Part {
    match (x, y) {
        (Part::Act(mut p), Part::Act(q)) => {
            p.extend(q);
            p.sort_unstable();
            p.dedup_by_key(|probe| probe.0);
            Part::Act(p)
        }
        (Part::Act(p), _) | (_, Part::Act(p)) => Part::Act(p),
        (Part::Steps(mut s), Part::Steps(t)) => {
            s.extend(t);
            Part::Steps(s)
        }
        (Part::Steps(s), _) | (_, Part::Steps(s)) if !s.is_empty() => Part::Steps(s),
        (Part::End(a, r), _) | (_, Part::End(a, r)) => Part::End(a, r),
    }
}
