//! When is a change reported, if a series is looked at again after every commit?
//!
//! One search over a whole history tests each boundary once, at p ≤ 2e-4. A series that
//! grows is searched once a commit, and each look is another chance to be fooled. So what is
//! reported as news takes more evidence where chances were many (the change is old) or where little
//! is known of the noise (the series is young). What is far outside the noise waits for nothing.

use crate::detect::steps::finder::{Change, Findings};
use crate::detect::steps::verify::{ALPHA, APART};
use crate::detect::{Class, Point};

/// Commits after a change in which a look costs nothing: half of 3-sigma steps are reported in 5.
const LOOKS: f64 = 8.0;
/// From here on p must fall with the square of the age, so that all later looks together
/// cost as much as the first eight: Σ (8/a)² over a > 8 is 7.5 (alpha spending: Lan & DeMets
/// 1983, *Discrete sequential boundaries for clinical trials*, Biometrika 70). Quiet series
/// of 13 kinds raise 0.96 false alarms per 1000 commits rather than 1.31.
const LOOKS_POWER: i32 = 2;
/// With fewer points the correlation of the noise is a guess, and a wave of 24 commits looks
/// like a step. At 30 points p must be 8 times as small, at 20 27 times: 0.80 false alarms
/// per 1000 rather than 0.96.
const YOUNG: f64 = 60.0;
const YOUNG_POWER: i32 = 3;

/// Whether a change is reported, after the last of `points`.
///
/// `findings` are those of `points`. Series that repeat or walk need no statistics and are
/// reported at once.
#[must_use]
pub fn is_ripe(change: &Change, findings: &Findings, points: &[Point]) -> bool {
    let far = findings.noise > 0.0 && change.change.abs() >= APART * findings.noise;
    if findings.class != Class::Noisy || far {
        return true;
    }
    let age = points.len() - points.partition_point(|p| p.index < change.index);
    1.0 - change.confidence <= alpha(points.len(), age)
}

/// Looks in a row that a change must be seen in before it is reported …
const LOOKS_IN_A_ROW: usize = 3;
/// … and one more for so many commits of its age: what was not seen for fifty commits and is
/// seen now may be gone at the next look …
const AGE_PER_LOOK: usize = 4;
/// … unless it is young and chance is out of the question.
const BEYOND_DOUBT: f64 = 1e-8;

/// Whether a change that so many looks in a row have seen is reported: what comes and goes from
/// commit to commit is not.
#[must_use]
pub fn stands(change: &Change, findings: &Findings, points: &[Point], looks: usize) -> bool {
    looks >= looks_wanted(change, findings, points)
}

/// How many looks in a row must see a change before it is reported, the present one counted.
///
/// A value that repeats and was not counted (a size, whole milliseconds) differs once in a while
/// and is back at the next commit: there the newest point alone reports nothing.
#[must_use]
pub fn looks_wanted(change: &Change, findings: &Findings, points: &[Point]) -> usize {
    let age = points.len() - points.partition_point(|p| p.index < change.index);
    let sure = 1.0 - change.confidence <= BEYOND_DOUBT;
    if findings.class == Class::Exact {
        let once = age <= 1 && !findings.counted;
        return 1 + usize::from(once);
    }
    if sure && age as f64 <= LOOKS {
        return 1;
    }
    LOOKS_IN_A_ROW + age / AGE_PER_LOOK
}

/// The largest p of a change of this age in a series of so many points.
fn alpha(points: usize, age: usize) -> f64 {
    let young = (points as f64 / YOUNG).min(1.0).powi(YOUNG_POWER);
    let looks = (LOOKS / age.max(1) as f64).min(1.0).powi(LOOKS_POWER);
    ALPHA * young * looks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Finder, Settings};
    use crate::stats::SplitMix64;

    fn reported(seed: u64, n: i64, at: i64, size: f64) -> Vec<bool> {
        let mut g = SplitMix64::new(seed);
        let points: Vec<Point> = (0..n)
            .map(|index| Point {
                index,
                value: 100.0 + g.next_f64() + if index < at { 0.0 } else { size },
            })
            .collect();
        let findings = Finder::new(Settings::default()).find(&points);
        let ripe = |c| is_ripe(c, &findings, &points);
        findings.changes.iter().map(ripe).collect()
    }

    #[test]
    fn many_looks_and_few_points_ask_for_more() {
        assert_eq!(alpha(60, 8), ALPHA);
        assert_eq!(alpha(500, 3), ALPHA);
        assert_eq!(alpha(500, 16), ALPHA / 4.0);
        assert_eq!(alpha(30, 5), ALPHA / 8.0);
    }

    #[test]
    fn a_step_that_just_passed_is_told_and_a_clear_one_at_any_age() {
        assert_eq!(reported(1, 90, 80, 1.5), [true]);
        assert_eq!(reported(2, 400, 200, 1.5), [true]);
        // A young series: far outside the noise.
        assert_eq!(reported(3, 24, 19, 9.0), [true]);
    }
}
