//! Finds changes of series that repeat: exact counts, and walks of counts.
//!
//! Such series need no statistics and no delay. What differs and stays is a
//! change; what comes back at the next commit was a spike.

use crate::detect::steps::noisy::Boundary;
use crate::stats;

/// Differences up to this share of the value are one level: layout moves counts
/// by 1e-6 … 1e-5 without anyone having changed anything.
pub(crate) const SAME_RELATIVE: f64 = 2e-5;
/// +1 on whole numbers from this size on is the counter's resolution, not a change.
const WHOLE_FROM: f64 = 100.0;
/// How far beyond the jitter that went away again a new level must lie: the largest of three
/// uniform excursions is below a third of the largest there is once in 27 times, of ten once in 60,000.
const JITTER_FACTOR: f64 = 3.0;
/// So many spikes make it jitter rather than single accidents.
const JITTER_LEAST: usize = 3;

/// The changes of an exact series: every level that lasts two points, and a last point that differs.
pub(crate) fn exact(y: &[f64]) -> Vec<Boundary> {
    let same = Same {
        whole: y.iter().all(|v| v.fract() == 0.0),
        jitter: jitter(y),
    };
    let mut out = Vec::new();
    let Some(mut level) = first_level(y) else {
        return out;
    };
    let mut i = 0;
    while i < y.len() {
        if same.level(level, y[i]) {
            i += 1;
            continue;
        }
        let back = y.get(i + 1).is_some_and(|next| same.level(level, *next));
        if back {
            i += 2;
            continue;
        }
        // A spike within the new level must not become it: take the value that repeats.
        level = settled(&y[i..], &same);
        out.push(Boundary {
            at: i,
            range: (i, i),
            p: rank(y, i),
        });
        i += 1;
    }
    out
}

/// What counts as the same level.
struct Same {
    whole: bool,
    jitter: f64,
}

impl Same {
    fn level(&self, a: f64, b: f64) -> bool {
        let size = a.abs().max(b.abs());
        let one = if self.whole && size >= WHOLE_FROM {
            1.0
        } else {
            0.0
        };
        (a - b).abs()
            <= (SAME_RELATIVE * size)
                .max(one)
                .max(JITTER_FACTOR * self.jitter)
    }
}

/// The first of the next four points whose successor is the same; else the first.
fn settled(y: &[f64], same: &Same) -> f64 {
    y.windows(2)
        .take(4)
        .find(|w| same.level(w[0], w[1]))
        .map_or(y[0], |w| w[0])
}

/// The value that the series begins with: the median of three, so that a spike at 0 is none.
fn first_level(y: &[f64]) -> Option<f64> {
    let head = &y[..y.len().min(3)];
    if head.len() == 3 {
        stats::median(head)
    } else {
        head.first().copied()
    }
}

/// The height that single excursions usually have: their median, if there are at least three.
fn jitter(y: &[f64]) -> f64 {
    let mut heights: Vec<f64> = y
        .windows(3)
        .filter(|w| w[0] == w[2] && w[1] != w[0])
        .map(|w| (w[1] - w[0]).abs())
        .collect();
    if heights.len() < JITTER_LEAST {
        return 0.0;
    }
    // Nine in ten: the largest may be an accident.
    let k = (heights.len() - 1) * 9 / 10;
    *heights.select_nth_unstable_by(k, f64::total_cmp).1
}

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

/// A move of a young series of counts that is told: the gate's own floor for counts. Less is
/// told once there are moves to compare it with.
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

    fn at(y: &[f64]) -> Vec<usize> {
        exact(y).into_iter().map(|b| b.at).collect()
    }

    #[test]
    fn a_step_is_found_at_every_position_at_once() {
        for n in 4..30 {
            for k in 2..n {
                let y: Vec<f64> = (0..n).map(|i| if i < k { 1e6 } else { 1.01e6 }).collect();
                assert_eq!(at(&y), [k], "{k} of {n}");
            }
        }
    }

    #[test]
    fn spikes_jitter_and_plus_one_are_no_changes() {
        let mut y = vec![1e6; 50];
        y[20] = 2e6;
        assert!(at(&y).is_empty());
        y[30] += 1.0;
        y[31..].fill(1e6 + 1.0);
        assert!(at(&y).is_empty());
        let y: Vec<f64> = (0..50)
            .map(|i| if i % 7 == 3 { 1e4 } else { 1e4 + 50.0 })
            .collect();
        assert!(at(&y).is_empty());
    }

    #[test]
    fn a_revert_is_two_changes() {
        let mut y = vec![1e6; 50];
        y[20..22].fill(2e6);
        assert_eq!(at(&y), [20, 22]);
    }

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
