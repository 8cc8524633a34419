//! The noisy regime.
use super::outcome::{Answer, Estimate};
use super::range::{Options, Range};
use super::search::Verdict;
use super::track::Track;

pub(crate) enum Decision {
    Measure(Vec<(usize, usize)>),
    Done(Verdict),
}
pub(crate) fn decide(
    _t: &Track,
    _r: &Range,
    _o: &Options,
    _lo: usize,
    _hi: usize,
    _jobs: usize,
) -> Decision {
    Decision::Done(Verdict::none(
        Answer::Undecided,
        "values are too noisy for the exact regime".to_owned(),
    ))
}
pub(crate) fn estimate(
    _t: &Track,
    _r: &Range,
    _o: &Options,
    _lo: usize,
    _hi: usize,
    base: Estimate,
) -> Estimate {
    base
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
    let centre = super::exact::median(residuals);
    let deviations: Vec<f64> = residuals.iter().map(|v| (v - centre).abs()).collect();
    1.4826 * super::exact::median(&deviations)
}
