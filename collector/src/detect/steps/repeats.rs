//! Stretches that repeat their value: what differs there and stays is a change, at once.
//!
//! Whether values repeat is asked of the stretch around a point, never of the series: whole
//! milliseconds may turn into fractions, and a noisy series may begin as a constant. A step of one
//! tick of a coarse clock is not reported here (7.5 is printed as 7 or as 8), nor one that is no
//! larger than jitter that was seen before: ranks decide about those.

use crate::detect::steps::classify::least_equal;
use crate::detect::steps::counts::SAME_RELATIVE;
use crate::detect::steps::pieces::Boundary;
use crate::detect::steps::ticks;

/// +1 on whole numbers from this size on is the counter's resolution, not a change.
const WHOLE_FROM: f64 = 100.0;
/// Points on each side that say whether values repeat here.
const AROUND: usize = 20;
/// Pairs of neighbours on the left from which on the right is not asked: it may be noisy.
const ENOUGH: usize = 10;
/// More is asked of no stretch, and eight neighbours must all be equal.
const EQUAL_SHARE_MOST: f64 = 0.95;
const PAIRS_LEAST: usize = 7;
/// Points in which excursions are looked for: an older one was another program's.
const MEMORY: usize = 50;
/// An excursion counts against a step up to this many times its height: the largest of three
/// uniform ones is below a third of the largest there is once in 27 times.
const JITTER_FACTOR: f64 = 3.0;
/// One excursion is an accident; the step must then last two points.
const ACCIDENTS: usize = 1;
/// A level that is left again after so few points may have been an excursion.
const SHORT: usize = 5;
/// A run of equal values as long amid varying ones is a pipeline that is stuck, no level: where as
/// many as half of all neighbours are equal by chance, a run of 20 begins once in a million commits.
pub const STUCK: usize = 20;

/// The changes that stretches of repeated values show.
pub(crate) fn steps(y: &[f64], counted: bool) -> Vec<Boundary> {
    let same = Same::of(y);
    let mut out: Vec<Boundary> = Vec::new();
    let Some(mut level) = first_level(y) else {
        return out;
    };
    let mut from = 0;
    let mut i = 1;
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
        let here = Here {
            y,
            from,
            at: i,
            level,
        };
        let leaps = !same.level(y[i], y[i - 1]);
        if leaps && here.is_change(&same, counted) {
            out.push(Boundary {
                at: i,
                range: (i, i),
                p: rank(y.len() - i, i - from),
            });
            from = i;
            level = settled(&y[i..], &same);
        } else if !leaps {
            // Not reported, but lasting, or got there by and by: what follows is compared with it.
            level = y[i];
        }
        i += 1;
    }
    out
}

/// Whether a stretch holds nothing that ranks might see.
pub(crate) fn is_plain(y: &[f64]) -> bool {
    let same = Same::of(y);
    first_level(y)
        .is_none_or(|level| y.iter().filter(|v| !same.level(level, **v)).count() <= ACCIDENTS)
}

/// What counts as the same level.
struct Same {
    whole: bool,
}

impl Same {
    fn of(y: &[f64]) -> Self {
        Self {
            whole: y.iter().all(|v| v.fract() == 0.0),
        }
    }

    fn level(&self, a: f64, b: f64) -> bool {
        let size = a.abs().max(b.abs());
        let one = if self.whole && size >= WHOLE_FROM {
            1.0
        } else {
            0.0
        };
        (a - b).abs() <= (SAME_RELATIVE * size).max(one)
    }
}

/// A point that differs from the level of its stretch.
struct Here<'a> {
    y: &'a [f64],
    /// The stretch's first point.
    from: usize,
    at: usize,
    level: f64,
}

impl Here<'_> {
    fn is_change(&self, same: &Same, counted: bool) -> bool {
        let height = (self.y[self.at] - self.level).abs();
        let excursions = self.excursions(height / JITTER_FACTOR);
        let last = self.at + 1 == self.y.len();
        let new = excursions == 0 || (excursions <= ACCIDENTS && !last);
        new && !self.is_one_of_many(height / JITTER_FACTOR)
            && !self.is_one_tick(height)
            && (counted || (self.repeats(same) && !self.is_stuck(same)))
    }

    /// Earlier points of the stretch at least so far off its level.
    fn excursions(&self, height: f64) -> usize {
        let from = self.from.max(self.at.saturating_sub(MEMORY));
        let off = |v: &&f64| (**v - self.level).abs() >= height;
        self.y[from..self.at].iter().filter(off).count()
    }

    /// Whether the level is soon back, and often left again.
    fn is_one_of_many(&self, height: f64) -> bool {
        let off = |v: &&f64| (**v - self.level).abs() >= height;
        let after = &self.y[self.at..];
        let length = after.iter().take_while(off).count();
        let later = &after[length..after.len().min(length + MEMORY)];
        length <= SHORT
            && later.iter().filter(off).count() > ACCIDENTS
            && 2 * later.iter().filter(off).count() < later.len()
    }

    /// Whether the step is one tick of a grid that is coarse for these values.
    fn is_one_tick(&self, height: f64) -> bool {
        let from = self.from.max(self.at.saturating_sub(AROUND));
        let tick = ticks::tick(&self.y[from..=self.at]);
        tick > 0.0 && height <= 1.5 * tick && self.level.abs() < WHOLE_FROM * tick
    }

    /// Whether values repeat here, more than ticks do by chance.
    fn repeats(&self, same: &Same) -> bool {
        let pairs = |part: &[f64]| {
            let equal = part.windows(2).filter(|w| same.level(w[0], w[1])).count();
            (equal, part.len().saturating_sub(1))
        };
        let from = self.from.max(self.at.saturating_sub(AROUND));
        let (mut equal, mut all) = pairs(&self.y[from..self.at]);
        if all < ENOUGH {
            let to = (self.at + AROUND).min(self.y.len());
            let right = pairs(&self.y[self.at..to]);
            equal += right.0;
            all += right.1;
        }
        let least = least_equal(all.max(1), EQUAL_SHARE_MOST);
        all >= PAIRS_LEAST && equal as f64 >= least * all as f64
    }

    /// Whether the level is but a frozen value among varying ones.
    fn is_stuck(&self, same: &Same) -> bool {
        let part = &self.y[self.from..self.at];
        let run = part
            .iter()
            .rev()
            .take_while(|v| same.level(self.level, **v))
            .count();
        let before = &part[..part.len() - run];
        let before = &before[before.len().saturating_sub(AROUND)..];
        let others = before.iter().filter(|v| !same.level(self.level, **v));
        let low = before.iter().any(|v| *v < self.level);
        let high = before.iter().any(|v| *v > self.level);
        run >= STUCK && low && high && 2 * others.count() > before.len()
    }
}

/// The series without frozen stretches: of equal values in a row that lie amid varying ones one
/// is left. Gives the positions that are kept, `None` where that is all.
pub(crate) fn thawed(y: &[f64]) -> Option<Vec<usize>> {
    let runs: Vec<(usize, usize)> = runs(y).collect();
    let long = |r: &&(usize, usize)| r.1 - r.0 >= STUCK;
    if !runs.iter().any(|r| long(&r)) {
        return None;
    }
    let equal: usize = runs
        .iter()
        .filter(|r| !long(r))
        .map(|r| r.1 - r.0 - 1)
        .sum();
    let varying: usize = runs.iter().filter(|r| !long(r)).map(|r| r.1 - r.0).sum();
    if varying < STUCK || 10 * equal > varying {
        return None;
    }
    let mut keep = Vec::with_capacity(y.len());
    for &(from, to) in &runs {
        let amid = to - from >= STUCK && is_amid(y, from, to);
        keep.extend(from..if amid { from + 1 } else { to });
    }
    (keep.len() < y.len()).then_some(keep)
}

/// Whether a run's value lies within those on both sides of it.
fn is_amid(y: &[f64], from: usize, to: usize) -> bool {
    let sides = [
        &y[from.saturating_sub(AROUND)..from],
        &y[to..(to + AROUND).min(y.len())],
    ];
    let level = y[from];
    let within = |s: &[f64]| s.iter().any(|v| *v < level) && s.iter().any(|v| *v > level);
    sides.iter().all(|s| s.is_empty() || within(s))
}

fn runs(y: &[f64]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut from = 0;
    y.chunk_by(|a, b| a == b).map(move |run| {
        let first = from;
        from += run.len();
        (first, from)
    })
}

/// The first of the next four points whose successor is the same; else the first.
fn settled(y: &[f64], same: &Same) -> f64 {
    // A spike within the new level must not become it.
    y.windows(2)
        .take(4)
        .find(|w| same.level(w[0], w[1]))
        .map_or(y[0], |w| w[0])
}

/// The value that the series begins with: the median of three, so that a spike at 0 is none.
fn first_level(y: &[f64]) -> Option<f64> {
    let head = &y[..y.len().min(3)];
    if head.len() == 3 {
        crate::stats::median(head)
    } else {
        head.first().copied()
    }
}

/// A value seen once is as sure as its rank among those before it; one that stayed, sure.
fn rank(after: usize, before: usize) -> f64 {
    if after == 1 {
        1.0 / (before + 1) as f64
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(y: &[f64]) -> Vec<usize> {
        steps(y, true).into_iter().map(|b| b.at).collect()
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
    fn a_step_that_both_sides_repeat_needs_no_counter_that_says_so() {
        let found = |y: &[f64]| steps(y, false).iter().map(|b| b.at).collect::<Vec<_>>();
        assert_eq!(found(&[0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0, 5.0]), [4]);
        // One tick of a coarse clock: 7.5 is printed as either.
        let ticks: Vec<f64> = (0..17)
            .map(|i| if i == 9 || i == 10 { 7.0 } else { 8.0 })
            .collect();
        assert!(found(&ticks).is_empty());
    }

    #[test]
    fn a_tool_that_begins_to_print_fractions_changes_once() {
        for noisy in 1..40 {
            let y: Vec<f64> = (0..60 + noisy)
                .map(|i| {
                    if i < 60 {
                        5.0
                    } else {
                        8.0 + 0.37 * f64::from(i * 7 % 5)
                    }
                })
                .collect();
            let found: Vec<usize> = steps(&y, false).iter().map(|b| b.at).collect();
            assert_eq!(found, [60], "{noisy}");
        }
    }

    #[test]
    fn a_frozen_value_amid_noise_is_no_level() {
        let mut y: Vec<f64> = (0..120).map(|i| f64::from(i * 37 % 101)).collect();
        y[50..90].fill(40.0);
        assert!(steps(&y, false).is_empty());
        assert_eq!(thawed(&y).map(|k| k.len()), Some(81));
    }

    #[test]
    fn a_walk_in_tiny_moves_gets_anywhere_without_a_step() {
        let y: Vec<f64> = (0..300).map(|i| 1e8 + 500.0 * f64::from(i)).collect();
        assert!(steps(&y, false).is_empty());
    }
}
