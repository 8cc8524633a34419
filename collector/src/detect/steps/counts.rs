//! Finds changes of counts of which each move is the code's own: series that are young, and
//! series that most commits move a little.

use crate::detect::steps::pieces::Boundary;
use crate::stats;

/// Differences up to this share of the value are one level: layout moves counts
/// by 1e-6 … 1e-5 without anyone having changed anything.
pub(crate) const SAME_RELATIVE: f64 = 2e-5;
/// Tukey's far-out fence of |moves|, Q3 + 3 (Q3 − Q1) (*Exploratory Data Analysis*, 1977, §2D).
pub(super) fn far_out(y: &[f64]) -> f64 {
    let moves: Vec<f64> = y.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    let v = stats::sorted(&moves);
    let (q1, q3) = (v[v.len() / 4], v[v.len() * 3 / 4]);
    q3 + 3.0 * (q3 - q1)
}

/// Moves of a walk that lie far outside its other moves and are still there at the next point;
/// twice as far out as levels must, because moves have longer tails.
pub(crate) fn walk(y: &[f64]) -> Vec<Boundary> {
    let fence = 2.0 * far_out(y);
    let mut out = Vec::new();
    for i in 1..y.len() {
        let floor = SAME_RELATIVE * y[i].abs().max(y[i - 1].abs());
        let leap = (y[i] - y[i - 1]).abs();
        if leap > fence.max(floor) && i + 1 < y.len() && lasts(y, i, leap / 2.0) {
            out.push(Boundary {
                at: i,
                range: (i, i),
                p: 0.0,
            });
        }
    }
    out
}

/// A move of a young series of counts that is reported: the gate's own floor for counts. Less is
/// reported once there are moves to compare it with.
const LEAP: f64 = 0.005;

/// Leaps of a series of counts that is too young to know how far it usually moves.
pub(crate) fn leaps(y: &[f64]) -> Vec<Boundary> {
    (1..y.len())
        .filter(|&i| {
            let leap = (y[i] - y[i - 1]).abs();
            leap > LEAP * y[i - 1].abs() && lasts(y, i, leap / 2.0)
        })
        .map(|at| Boundary {
            at,
            range: (at, at),
            p: rank(y, at),
        })
        .collect()
}

/// A value seen once is as sure as its rank among all: one in n + 1; one that stayed, sure.
fn rank(y: &[f64], at: usize) -> f64 {
    if at + 1 == y.len() {
        1.0 / y.len() as f64
    } else {
        0.0
    }
}

/// Whether the points after a leap stay apart from those before it.
pub(super) fn lasts(y: &[f64], i: usize, apart: f64) -> bool {
    let before = &y[i.saturating_sub(3)..i];
    let after = &y[i..(i + 3).min(y.len())];
    let up = y[i] > y[i - 1];
    let clear = |a: f64, b: f64| if up { b - a > apart } else { a - b > apart };
    before.iter().all(|a| after.iter().all(|b| clear(*a, *b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_young_series_of_counts_changes_where_it_leaps_and_stays() {
        let at = |y: &[f64]| leaps(y).iter().map(|b| b.at).collect::<Vec<_>>();
        assert_eq!(at(&[8673.0, 8679.0, 20661.0, 20667.0]), [2]);
        assert_eq!(at(&[8673.0, 20661.0]), [1]);
        assert!(at(&[8673.0, 20661.0, 8679.0]).is_empty());
        assert!(at(&[8673.0, 8679.0, 8685.0]).is_empty());
        assert!(leaps(&[8673.0, 20661.0])[0].p > 0.0);
    }

    #[test]
    fn a_walk_changes_where_it_leaps() {
        let y: Vec<f64> = (0..100)
            .map(|i| {
                1e6 + f64::from(i * 7 % 11) + f64::from(i) * 3.0 + if i < 60 { 0.0 } else { 9e3 }
            })
            .collect();
        assert_eq!(walk(&y).iter().map(|b| b.at).collect::<Vec<_>>(), [60]);
    }
}
