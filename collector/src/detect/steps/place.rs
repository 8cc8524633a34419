//! Places a boundary: the likeliest commit, and the set of commits it may be.

use crate::detect::steps::shape::Shape;

/// One boundary between two levels, in units of the noise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// First point of the piece on the left.
    pub from: usize,
    /// Where the boundary was found.
    pub at: usize,
    /// One past the last point of the piece on the right.
    pub to: usize,
    /// Level on the left.
    pub left: f64,
    /// Level on the right.
    pub right: f64,
}

/// Where a boundary lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    /// The likeliest first point of the new level.
    pub at: usize,
    /// First and last point of the smallest set that holds it with 95 %.
    pub range: (usize, usize),
    /// The probability that it lies within [`NEAR`] points of `at`.
    pub near: f64,
}

/// Points on each side that a boundary may move by: a step that is kept has some 1.5 sigma, and
/// each point then tells 1.1 nats, so that a place 20 points off is out of the question.
const WINDOW: usize = 60;
/// "About here" for a reader: as far as the yardstick of the field allows.
pub(crate) const NEAR: usize = 5;
/// The probability that the set of candidates must hold.
const MASS: f64 = 0.95;

/// What residuals around the levels follow.
#[derive(Clone, Debug)]
pub(crate) struct NoiseModel {
    /// How much of a residual its successor repeats.
    pub rho: f64,
    /// Standard deviation of what is new in each residual.
    pub scale: f64,
    /// The shape of that.
    pub shape: Shape,
}

/// The likeliest place, with the likelihood of every other one as its weight.
///
/// `x`: the series; `root_w`: 1 / local scale, one per point. With correlated neighbours (ρ)
/// the residuals are the innovations e[t] = r[t] − ρ r[t−1], which a step enters at one
/// point: generalised least squares for AR(1), Cochrane & Orcutt (1949), with the noise's own
/// law in place of squares. Flat prior; the posterior of a change point: Smith (1975), *A
/// Bayesian approach to inference about a change-point*, Biometrika 62.
pub(crate) fn place(x: &[f64], root_w: &[f64], step: Step, noise_model: &NoiseModel) -> Place {
    let low = step.at.saturating_sub(WINDOW).max(step.from + 1);
    let high = (step.at + WINDOW).min(step.to - 1).max(low);
    let loss = |t: usize, now: f64, before: f64| {
        let r = (x[t] - now) * root_w[t];
        let past = if t > step.from && noise_model.rho != 0.0 {
            noise_model.rho * (x[t - 1] - before) * root_w[t - 1]
        } else {
            0.0
        };
        noise_model.shape.loss((r - past) / noise_model.scale)
    };
    // loss(b+1) − loss(b): t = b becomes left, and b + 1 becomes the first of the right.
    let (l, r) = (step.left, step.right);
    let mut losses = vec![0.0];
    let mut sum = 0.0;
    for b in low..high {
        sum += loss(b, l, l) - loss(b, r, l);
        if b + 1 < step.to && noise_model.rho != 0.0 {
            sum += loss(b + 1, r, l) - loss(b + 1, r, r);
        }
        losses.push(sum);
    }
    choose(&losses, low)
}

fn choose(losses: &[f64], low: usize) -> Place {
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = losses.iter().map(|l| ((least - l) / 2.0).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&i, &j| weights[j].total_cmp(&weights[i]).then(i.cmp(&j)));
    let best = order[0];
    let (mut first, mut last, mut mass) = (best, best, 0.0);
    for i in order {
        (first, last) = (first.min(i), last.max(i));
        mass += weights[i];
        if mass >= MASS * total {
            break;
        }
    }
    let close = best.saturating_sub(NEAR)..(best + NEAR + 1).min(weights.len());
    let near = weights[close].iter().sum::<f64>() / total;
    Place {
        at: low + best,
        range: (low + first, low + last),
        near,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal() -> NoiseModel {
        NoiseModel {
            rho: 0.0,
            scale: 1.0,
            shape: Shape::of(&[]),
        }
    }

    #[test]
    fn a_clear_step_has_one_candidate() {
        let x: Vec<f64> = (0..40).map(|i| if i < 17 { 0.0 } else { 8.0 }).collect();
        for at in [14, 17, 20] {
            let step = Step {
                from: 0,
                at,
                to: 40,
                left: 0.0,
                right: 8.0,
            };
            let p = place(&x, &[1.0; 40], step, &normal());
            assert_eq!((p.at, p.range), (17, (17, 17)));
            assert!(p.near > 0.999);
        }
    }

    #[test]
    fn a_point_between_the_levels_widens_the_set() {
        let mut x: Vec<f64> = (0..40).map(|i| if i < 17 { 0.0 } else { 8.0 }).collect();
        x[17] = 4.0;
        let step = Step {
            from: 0,
            at: 17,
            to: 40,
            left: 0.0,
            right: 8.0,
        };
        assert_eq!(place(&x, &[1.0; 40], step, &normal()).range, (17, 18));
    }
}
