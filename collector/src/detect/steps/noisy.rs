//! Finds the steps of a noisy series: cut, take drift out, test, place.
//!
//! Every constant was chosen on seeds 1 to 5 of a generator with 13 kinds of
//! noise (normal, heavy-tailed, skewed, bimodal, correlated, drifting, seasonal,
//! of changing scale, …); the figures beside them are from there.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::detect::steps::modes::Modes;
use crate::detect::steps::noise::Noise;
use crate::detect::steps::pieces::{Boundary, clip, pieces};
use crate::detect::steps::place::{NEAR, NoiseModel, Step, place};
use crate::detect::steps::season::Wave;
use crate::detect::steps::seeded::Seeded;
use crate::detect::steps::segment::{Cost, Segmenter, is_one_piece};
use crate::detect::steps::shape::Shape;
use crate::detect::steps::verify::{ALPHA, Correlated, OWN, p_value, verify};
use crate::detect::steps::{counts, drift, sift, ticks};
use crate::stats;

/// Price of a boundary in σ² ln n. Two parameters (level and place) would cost 2
/// by Schwarz's criterion; between 4 and 5 the F1 of 2-sigma steps is flat, below
/// it false candidates grow, above it alarms come later.
const PENALTY: f64 = 4.3;
/// ln n begins here: a short series has had few chances to look odd, but its noise
/// is badly known. Takes a third of the false alarms off the first hundred commits.
const LEAST_N: f64 = 120.0;
/// A boundary costs as much as 1.2 points at their bound: two outliers in a row may
/// make a candidate, which the rank test then needs three points to believe. At 2.2
/// a step taken back after five commits was found half as often.
const OUTLIERS: f64 = 1.2;
/// Correlated noise makes boundaries costlier by τ to this power. The full τ would
/// swallow short excursions (half as many found), none of it would leave too much
/// to the tests.
const TAU_POWER: f64 = 0.4;
/// A main mode narrower than this share of the noise is searched by itself. Skewed noise
/// (log-normal, 0.8) has 0.75, two separate modes have 0.4. At 0.65 real series raise half as
/// many alarms again, and synthetic ones gain nothing.
const CORE_MOST: f64 = 0.5;
/// Rounds of cutting with the correlation that the round before left over; a third changes nothing.
const TAU_ROUNDS: usize = 2;
/// Estimates this close agree: τ of 200 independent values scatters by that much.
const TAU_CLOSE: f64 = 1.2;
/// Neighbours whose correlation is less than so many of its standard errors 1/√n are taken for
/// independent (Bartlett 1946): a dozen points have a τ of 5 by chance, and no step of theirs
/// would ever count.
const RHO_Z: f64 = 1.64;
/// Fewer points do not tell whether noise is the same everywhere …
const PLAIN_LEAST: usize = 150;
/// … and this far from 1 its middle may be narrower or wider than normal by chance.
const PLAIN_CORE: std::ops::Range<f64> = 0.8..1.25;
/// Points on each side of a boundary that are its surroundings.
const AROUND: usize = 40;
/// Correlation beyond which a wave is looked for.
const WAVY: f64 = 2.0;
/// Rounds in which the wave and the levels settle.
const WAVE_ROUNDS: usize = 2;
/// What a step costs in ln n: one parameter for its level, two for its place (Zhang & Siegmund 2007,
/// *A modified Bayes information criterion*, Biometrics 63). At twice that a short series takes its
/// own steps for correlation: of three in 61 commits 17 in 20 are found rather than 23 in 24. At 2
/// correlated noise in few commits raises a third more alarms.
const STEP_PRICE: f64 = 3.0;
/// Rounds of looking again with the correlation that is left.
const SETTLE_ROUNDS: usize = 3;
/// Lags over which correlation is summed up.
const TAU_LAGS: usize = 8;
/// A change must lie within 5 points of where it is reported with this probability.
/// What cannot be placed helps nobody and is mostly below 1.5 sigma.
const NEAR_LEAST: f64 = 0.85;
/// … unless there can be no doubt that it is there: two modes that give way to one do so over
/// some commits.
const SURE: f64 = 1e-12;
/// Two searches that find one boundary may place it as far apart.
pub(crate) const SAME: usize = 3;
/// Correlations of neighbours below this are not told from none in a few hundred points.
const RHO_LEAST: f64 = 0.15;
/// … and above this the series would count as a walk.
const RHO_MOST: f64 = 0.9;

/// What one look at a stretch gives.
pub(crate) struct Levels {
    pub found: Vec<Boundary>,
    /// Per point.
    pub drift: f64,
    /// Whether the noise is one and the same throughout.
    pub plain: bool,
}

/// Whether noise is normal, independent and as large everywhere: then no stretch shows what the
/// whole does not. Takes half of the time off such series, which are the longest.
fn is_plain(noise: &Noise, tau: f64) -> bool {
    noise.weights.len() >= PLAIN_LEAST
        && tau <= 1.0
        && PLAIN_CORE.contains(&noise.core)
        && 5 * noise.weights.iter().filter(|w| **w != 1.0).count() <= noise.weights.len()
}

/// Scratch space, so that many series share one allocation.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    segmenter: Segmenter,
    seeded: Seeded,
}

/// How many neighbours count as one value in most of some stretches, the levels of each taken out.
pub(crate) fn usual_tau<'y>(
    stretches: impl Iterator<Item = &'y [f64]>,
    scratch: &mut Scratch,
) -> f64 {
    let mut tau = |y: &[f64]| {
        let noise = Noise::of(y);
        let x = y.iter().map(|v| (v - y[0]) / noise.sigma).collect();
        cut(x, &noise, &mut scratch.segmenter).tau
    };
    let usual = stats::median_of(stretches.map(&mut tau)).unwrap_or(1.0);
    if usual <= TAU_CLOSE { 1.0 } else { usual }
}

/// Levels, and the noise around them as one, of which at least `least` neighbours count as one
/// value.
///
/// `modes`: those that `y` has, which are asked for where a boundary holds.
pub(crate) fn levels<'m>(
    y: &[f64],
    modes: impl FnOnce() -> Option<&'m Modes>,
    is_whole: bool,
    least: f64,
    scratch: &mut Scratch,
) -> Levels {
    let Scratch { segmenter, seeded } = scratch;
    let noise = Noise::of(y);
    let centre = stats::median(y).unwrap_or(0.0);
    let x: Vec<f64> = y.iter().map(|v| (v - centre) / noise.sigma).collect();
    let mut found = cut(x, &noise, segmenter);
    if is_whole && found.tau > WAVY {
        found = calmed(found, &noise, segmenter);
    }
    let Cut {
        mut fit,
        tau,
        mut rest,
    } = found;
    let by_mode = noise.core > 0.0 && noise.core < CORE_MOST;
    if by_mode {
        let unit = noise.sigma * noise.core;
        let x = y.iter().map(|v| (v - centre) / unit).collect();
        fit = main_mode(fit, &noise, x, segmenter);
        rest = None;
    }
    let floor = grain(y) / noise.sigma;
    let plain = is_plain(&noise, tau);
    let own = if plain {
        Vec::new()
    } else {
        seeded.candidates(&fit.x, floor)
    };
    let own: Vec<usize> = own.into_iter().filter(|b| is_new(&fit.at, *b)).collect();
    let mut at = [&fit.at[..], &own[..]].concat();
    at.sort_unstable();
    let places = nudged(&fit.x, &at);
    let of_own = |i: &usize| own.contains(&at[*i]);
    let own: Vec<usize> = (0..at.len()).filter(of_own).map(|i| places[i]).collect();
    let at = places;
    let least = Least { tau: least, floor };
    let mut rests = Rests {
        x: &fit.x,
        known: rest.into_iter().map(Rc::new).collect(),
    };
    let kept = settle(&mut rests, &at, &own, tau, least);
    let kept = regained(&fit.x, &at, &kept, least);
    let kept = sifted(&fit.x, modes, &kept);
    Levels {
        found: placed(&mut rests, &kept, &noise.weights),
        drift: fit.slope * noise.sigma,
        plain,
    }
}

/// Levels and drift, and the correlation that they leave over.
struct Cut {
    fit: drift::Fit,
    tau: f64,
    /// What the levels leave over, where that is known.
    rest: Option<Rest>,
}

fn cut(x: Vec<f64>, noise: &Noise, segmenter: &mut Segmenter) -> Cut {
    let found = partition(&x, &noise.weights, segmenter);
    let price = cost(x.len(), found.tau);
    let total = |x: &[f64], segmenter: &mut Segmenter| match found.total {
        Some(total) => total,
        None => segmenter.search(x, &noise.weights, found.cost).1,
    };
    let steps = drift::Fit {
        x,
        at: found.rest.at.clone(),
        slope: 0.0,
    };
    let drifting = drift::take_out(&steps, total, &noise.weights, found.tau, price, segmenter);
    Cut {
        rest: drifting.is_none().then_some(found.rest),
        fit: drifting.unwrap_or(steps),
        tau: found.tau,
    }
}

/// The same with the wave taken out, where there is one that explains the correlation.
fn calmed(found: Cut, noise: &Noise, segmenter: &mut Segmenter) -> Cut {
    let x = found.fit.x.clone();
    let Some(mut wave) = Wave::of(&Rest::of(&x, &found.fit.at).values) else {
        return found;
    };
    let slope = found.fit.slope;
    let mut best = found;
    for _ in 0..WAVE_ROUNDS {
        let flat: Vec<f64> = x.iter().enumerate().map(|(t, v)| v - wave.at(t)).collect();
        best = cut(flat, noise, segmenter);
        let rest: Vec<f64> = Rest::of(&best.fit.x, &best.fit.at)
            .values
            .iter()
            .enumerate()
            .map(|(t, r)| r + wave.at(t))
            .collect();
        wave = wave.again(&rest);
    }
    best.fit.slope += slope;
    best
}

/// The boundaries that nothing but a step explains.
fn sifted<'m>(
    x: &[f64],
    modes: impl FnOnce() -> Option<&'m Modes>,
    kept: &[(usize, f64)],
) -> Vec<(usize, f64)> {
    if kept.is_empty() {
        return Vec::new();
    }
    let mut kept = match modes() {
        Some(modes) => sift::not_moods(x.len(), modes, kept),
        None => kept.to_vec(),
    };
    if sift::wanders(x) {
        kept = sift::leaps(x, &kept);
    }
    sift::not_twice(x, &sift::not_drift(x, &kept))
}

/// What is believed of the noise of a stretch, however little of it shows there.
#[derive(Clone, Copy, Debug)]
struct Least {
    /// How many neighbours count as one value.
    tau: f64,
    /// The spread.
    floor: f64,
}

impl Least {
    /// The noise around some levels, if so many neighbours count as one value: correlation is
    /// looked for in what the levels `seen` leave over, spread in what `around` leaves over.
    fn noise(self, tau: f64, seen: &Rest, around: &Rest) -> Correlated {
        if tau <= 1.0 {
            return self.independent();
        }
        let certain = if seen.may_be_chance() { 1.0 } else { tau };
        Correlated {
            tau,
            certain: certain.max(self.tau),
            spread: around.spread(tau),
            floor: self.floor,
        }
    }

    /// The noise where every point counts: there nobody asks for the spread.
    const fn independent(self) -> Correlated {
        Correlated {
            tau: 1.0,
            certain: 1.0,
            spread: f64::INFINITY,
            floor: self.floor,
        }
    }
}

/// The boundaries that hold.
///
/// Begins with the correlation that the search left over. What looked like correlation may have
/// been the drift, or steps: those that hold all the same are taken out, and the others looked
/// at again with what is left.
fn settle(
    rests: &mut Rests<'_>,
    at: &[usize],
    own: &[usize],
    tau: f64,
    least: Least,
) -> Vec<(usize, f64)> {
    let x = rests.x;
    let mut tau = tau.max(least.tau);
    if tau <= 1.0 {
        return verify(x, at, own, least.independent());
    }
    let all = rests.of(at);
    let mut rest = rests.of(&[]);
    let mut kept: Vec<(usize, f64)> = Vec::new();
    for _ in 0..SETTLE_ROUNDS {
        let seen = if kept.is_empty() { &all } else { &rest };
        kept = verify(x, at, own, least.noise(tau, seen, &rest));
        let places: Vec<usize> = kept.iter().map(|k| k.0).collect();
        rest = rests.of(&places);
        let left = rest.tau().max(least.tau);
        if left >= tau {
            break;
        }
        tau = left;
    }
    if tau > 1.0 && least.tau <= 1.0 && steps_explain(x, at, own, &rest) {
        return verify(x, at, own, least.independent());
    }
    kept
}

/// Whether steps in independent noise explain a series better than correlation with the steps
/// that hold in spite of it: Schwarz's criterion, as in Beaulieu & Killick (2018), *Distinguishing
/// trends and shifts from memory in climate data*, Journal of Climate 31.
///
/// `rest`: what those steps leave over.
fn steps_explain(x: &[f64], at: &[usize], own: &[usize], rest: &Rest) -> bool {
    let most: Vec<usize> = at.iter().filter(|a| !own.contains(a)).copied().collect();
    if most.len() <= rest.at.len() {
        return false;
    }
    let n = x.len() as f64;
    let misfit = |r: &[f64], steps: usize| match stats::clipped_sigma(r) {
        Some(s) if s > 0.0 => 2.0 * n * s.ln() + STEP_PRICE * steps as f64 * n.ln(),
        _ => f64::INFINITY,
    };
    let rho = rest.rho();
    let pairs = rest.values.windows(2);
    let fresh: Vec<f64> = pairs.map(|w| w[1] - rho * w[0]).collect();
    let without = Rest::of(x, &most).values;
    misfit(&without, most.len()) < misfit(&fresh, rest.at.len()) + n.ln()
}

/// Steps and drift as they show against the noise of the main mode, with the steps of `fit`.
///
/// Where some runs are slow by many times what the others vary by, the noise as a whole hides
/// steps that every run of the main mode shows. Searched with that mode's scale, slow runs
/// are outliers; what is found is tested like all else, by ranks.
fn main_mode(fit: drift::Fit, noise: &Noise, x: Vec<f64>, segmenter: &mut Segmenter) -> drift::Fit {
    let mut own = cut(x, noise, segmenter).fit;
    own.x.iter_mut().for_each(|v| *v *= noise.core);
    own.slope *= noise.core;
    for a in fit.at {
        if own.at.iter().all(|b| a.abs_diff(*b) > NEAR) {
            own.at.push(a);
        }
    }
    own.at.sort_unstable();
    own
}

/// The boundaries that hold, and those of the others that their own surroundings bear out: with
/// the correlation that is left there, which may be that of another stretch in the whole.
fn regained(x: &[f64], at: &[usize], kept: &[(usize, f64)], least: Least) -> Vec<(usize, f64)> {
    let mut out = kept.to_vec();
    for &a in at {
        let i = out.partition_point(|k| k.0 <= a);
        let from = if i == 0 { 0 } else { out[i - 1].0 };
        let to = out.get(i).map_or(x.len(), |k| k.0);
        if from + NEAR >= a && from > 0
            || a + NEAR > to && to < x.len()
            || from + SAME > a
            || a + SAME > to
        {
            continue;
        }
        let (from, to) = (from.max(a.saturating_sub(AROUND)), to.min(a + AROUND));
        let part = &x[from..to];
        let rest = Rest::of(part, &[a - from]);
        let tau = rest.tau().max(least.tau);
        let p = p_value(&x[from..a], &x[a..to], least.noise(tau, &rest, &rest));
        if p <= ALPHA * OWN * OWN {
            out.insert(i, (a, p));
        }
    }
    out
}

/// The boundaries with the points next to them on the side whose level they are nearer to: a
/// bounded loss does not mind where an outlier lies, and a rank does.
fn nudged(x: &[f64], at: &[usize]) -> Vec<usize> {
    let mut out = at.to_vec();
    for i in 0..out.len() {
        let from = if i == 0 { 0 } else { out[i - 1] };
        let to = out.get(i + 1).copied().unwrap_or(x.len());
        let level = |v: &[f64]| stats::median(v).unwrap_or(0.0);
        let (a, b) = (level(&x[from..out[i]]), level(&x[out[i]..to]));
        let right = |v: f64| (v - b).abs() < (v - a).abs();
        let low = out[i].saturating_sub(SAME).max(from + 1);
        let high = (out[i] + SAME).min(to.saturating_sub(1));
        while out[i] > low && right(x[out[i] - 1]) {
            out[i] -= 1;
        }
        while out[i] < high && !right(x[out[i]]) {
            out[i] += 1;
        }
    }
    out
}

/// Whether the whole has no boundary there.
fn is_new(at: &[usize], b: usize) -> bool {
    at.iter().all(|a| a.abs_diff(b) > SAME)
}

/// The spread that any stretch is believed to have: half a tick of the values' grid, and what
/// layout moves counts by.
fn grain(y: &[f64]) -> f64 {
    let size = stats::median(y).unwrap_or(0.0).abs();
    (ticks::tick(y) / 2.0).max(counts::SAME_RELATIVE * size)
}

/// What boundaries and single points cost, in units of σ².
fn cost(n: usize, tau: f64) -> Cost {
    let one = PENALTY * (n as f64).max(LEAST_N).ln();
    Cost {
        penalty: one * tau.powf(TAU_POWER),
        bound: one / OUTLIERS,
    }
}

/// The pieces of a stretch, and what they leave over.
struct Partition {
    rest: Rest,
    /// What boundaries and points cost in the search for them.
    cost: Cost,
    /// The penalised cost of all, where it took a search to find them.
    total: Option<f64>,
    /// How many neighbours count as one value in what they leave over.
    tau: f64,
}

/// The pieces, and how many neighbours count as one value in what they leave over.
///
/// Begins with independent noise, which finds the most pieces, and makes
/// boundaries costlier if the residuals turn out correlated: so a step is never
/// mistaken for correlation before it had its chance.
fn partition(x: &[f64], weights: &[f64], segmenter: &mut Segmenter) -> Partition {
    let mut found = searched(x, weights, 1.0, segmenter);
    for round in 1..=TAU_ROUNDS {
        let seen = found.rest.tau();
        if seen <= TAU_CLOSE * found.tau {
            break;
        }
        found.tau = seen;
        if round < TAU_ROUNDS {
            found = searched(x, weights, seen, segmenter);
        }
    }
    found
}

/// The pieces if so many neighbours count as one value.
fn searched(x: &[f64], weights: &[f64], tau: f64, segmenter: &mut Segmenter) -> Partition {
    let cost = cost(x.len(), tau);
    let (at, total) = if is_one_piece(x, weights, cost) {
        (Vec::new(), None)
    } else {
        let (at, total) = segmenter.search(x, weights, cost);
        (at, Some(total))
    };
    Partition {
        rest: Rest::of(x, &at),
        cost,
        total,
        tau,
    }
}

/// What the levels that were looked at leave over of one stretch: each is looked at once.
struct Rests<'x> {
    x: &'x [f64],
    known: Vec<Rc<Rest>>,
}

impl Rests<'_> {
    /// What the levels of these pieces leave over.
    fn of(&mut self, at: &[usize]) -> Rc<Rest> {
        if let Some(known) = self.known.iter().find(|r| r.at == at) {
            return Rc::clone(known);
        }
        let rest = Rc::new(Rest::of(self.x, at));
        self.known.push(Rc::clone(&rest));
        rest
    }
}

/// What some levels leave over of a stretch, and what that says of the noise.
#[derive(Debug)]
struct Rest {
    /// The first points of all pieces but the first.
    at: Vec<usize>,
    /// The median of each piece.
    levels: Vec<f64>,
    /// The values less those; outliers clipped.
    values: Vec<f64>,
    /// Their centred ranks, once somebody asks for them.
    ranks: OnceCell<Vec<f64>>,
}

impl Rest {
    fn of(x: &[f64], at: &[usize]) -> Self {
        let mut values = Vec::with_capacity(x.len());
        let mut levels = Vec::with_capacity(at.len() + 1);
        for (from, to) in pieces(at, x.len()) {
            let m = stats::median(&x[from..to]).unwrap_or(0.0);
            levels.push(m);
            values.extend(x[from..to].iter().map(|v| clip(v - m)));
        }
        Self {
            at: at.to_vec(),
            levels,
            values,
            ranks: OnceCell::new(),
        }
    }

    fn ranks(&self) -> &[f64] {
        self.ranks
            .get_or_init(|| stats::centred_ranks(&self.values))
    }

    /// How many neighbours count as one value.
    fn tau(&self) -> f64 {
        // A level takes τ/n off each lag; where many levels are fitted to few points, that is put
        // back for so few lags that it cannot run away with itself.
        let lags = (self.values.len() / (4 * self.levels.len())).clamp(2, TAU_LAGS);
        stats::autocorrelation_time(self.ranks(), self.levels.len(), lags)
    }

    /// Correlation of neighbours.
    fn rho(&self) -> f64 {
        stats::ar1_of_ranks(self.ranks())
    }

    /// Whether the correlation of neighbours may be chance.
    fn may_be_chance(&self) -> bool {
        let ranks = self.ranks();
        let n = ranks.len() as f64;
        let power: f64 = ranks.iter().map(|r| r * r).sum();
        let lagged: f64 = ranks.windows(2).map(|w| w[0] * w[1]).sum();
        let bias = self.levels.len() as f64 / n;
        lagged / power + bias < RHO_Z / n.sqrt()
    }

    /// Standard deviation; each level takes τ independent values off.
    fn spread(&self, tau: f64) -> f64 {
        let n = self.values.len() as f64;
        let free = (n - self.levels.len() as f64 * tau).max(n / 2.0);
        (self.values.iter().map(|v| v * v).sum::<f64>() / free).sqrt()
    }

    /// What it follows, in units of the local scale. `x`: the stretch; `root_w`: 1 / local scale.
    fn model(&self, x: &[f64], root_w: &[f64]) -> NoiseModel {
        let rho = self.rho();
        let rho = if rho < RHO_LEAST {
            0.0
        } else {
            rho.min(RHO_MOST)
        };
        let mut fresh = Vec::with_capacity(x.len());
        for ((from, to), m) in pieces(&self.at, x.len()).zip(&self.levels) {
            let r = |t: usize| (x[t] - m) * root_w[t];
            fresh.push(r(from) * (1.0 - rho * rho).sqrt());
            fresh.extend((from + 1..to).map(|t| r(t) - rho * r(t - 1)));
        }
        let scale = match stats::clipped_sigma(&fresh) {
            Some(s) if s > 0.0 => s,
            _ => 1.0,
        };
        fresh.iter_mut().for_each(|e| *e /= scale);
        NoiseModel {
            rho,
            scale,
            shape: Shape::of(&fresh),
        }
    }
}

/// Points on each side whose residuals say how much a point varies: their mean is then good to
/// a sixth.
const LOCAL: usize = 12;
/// Local scales within this factor of the usual one are taken for it: 2.5 standard errors.
const USUAL: f64 = 1.5;

/// 1 / local scale, one per point: of the residuals around it, which know it from half as many
/// points as the differences behind `weights` do.
fn local_precision(residuals: &[f64], weights: &[f64]) -> Vec<f64> {
    let usual = residuals.iter().map(|r| r.abs()).sum::<f64>() / residuals.len() as f64;
    let n = residuals.len();
    let mut sums = Vec::with_capacity(n + 1);
    let mut sum = 0.0;
    sums.push(0.0);
    for r in residuals {
        sum += r.abs();
        sums.push(sum);
    }
    (0..n)
        .map(|t| {
            let (from, to) = (t.saturating_sub(LOCAL), (t + LOCAL + 1).min(n));
            let ratio = (sums[to] - sums[from]) / (to - from) as f64 / usual;
            if (1.0 / USUAL..=USUAL).contains(&ratio) {
                weights[t].sqrt()
            } else {
                ratio.max(0.2).recip()
            }
        })
        .collect()
}

/// Moves each boundary to its likeliest place; those that lie nowhere in particular are left out.
fn placed(rests: &mut Rests<'_>, kept: &[(usize, f64)], weights: &[f64]) -> Vec<Boundary> {
    let x = rests.x;
    let at: Vec<usize> = kept.iter().map(|k| k.0).collect();
    if at.is_empty() {
        return Vec::new();
    }
    let rest = rests.of(&at);
    let root_w = local_precision(&rest.values, weights);
    let noise_model = rest.model(x, &root_w);
    let spans: Vec<(usize, usize)> = pieces(&at, x.len()).collect();
    let mut out: Vec<Boundary> = Vec::new();
    let sides = spans.windows(2).zip(rest.levels.windows(2));
    for ((pair, levels), &(at, p)) in sides.zip(kept) {
        let (from, to) = (pair[0].0, pair[1].1);
        let step = Step {
            from,
            at,
            to,
            left: levels[0],
            right: levels[1],
        };
        let found = place(x, &root_w, step, &noise_model);
        // Two boundaries may move towards each other, but not past.
        let after = out.last().is_none_or(|b| b.at < found.at);
        if (found.near >= NEAR_LEAST || p <= SURE) && after {
            out.push(Boundary {
                at: found.at,
                range: found.range,
                p,
            });
        }
    }
    out
}
