//! Two kinds of run that alternate: two machines, a cache that is warm or cold, a dip in one
//! commit of ten. A step of what both do is small beside their distance, and plain once the
//! slower kind is moved onto the faster one.

/// Fewer points have no modes that could be told from steps.
const LEAST: usize = 30;
/// Ashman's D = √2 |μ₁ − μ₂| / √(σ₁² + σ₂²), from which on two modes are apart: 2 is enough for a
/// clean separation (Ashman, Bird & Zepf 1994, *Detecting bimodality in astronomical datasets*),
/// and a step that both make must not close the gap.
const DISTANCE: f64 = 3.0;
/// Somewhere in the middle half of the way from mode to mode this share of the way …
const VALLEY: f64 = 0.15;
/// … holds at most so many points for each of the rarer mode: normal noise cut in two has 0.14
/// there, even noise 0.15, two modes hardly any.
const VALLEY_SHARE: f64 = 0.1;
/// Fewest points of a mode …
const MODE_LEAST: usize = 4;
/// … and share of it.
const SHARE_LEAST: f64 = 0.04;
/// The share of the way from one mode to the other up to which a point is still of the first.
const TRIGGER: f64 = 0.25;
/// Runs of one mode per ten that independent draws of the two would make: a machine that sticks
/// for ten commits makes two to three, a step one in all.
const RUNS_SHARE: f64 = 0.15;
const RUNS_LEAST: usize = 8;
/// Rounds in which two means settle.
const ROUNDS: usize = 20;

/// Which points are of the upper mode, and by how much.
#[derive(Clone, Debug)]
pub(crate) struct Modes {
    pub upper: Vec<bool>,
    /// The same, but that only a point near the other mode's middle changes it.
    pub mood: Vec<bool>,
    pub distance: f64,
}

impl Modes {
    /// The modes of a stretch, if it has two that alternate.
    ///
    /// Two means (Lloyd 1982) beginning at the widest gap between sorted values.
    pub(crate) fn of(y: &[f64]) -> Option<Self> {
        if y.len() < LEAST {
            return None;
        }
        let sorted = crate::stats::sorted(y);
        let cut = two_means(&sorted);
        let (low, high) = sorted.split_at(cut);
        let fewer = low.len().min(high.len());
        let least = ((SHARE_LEAST * y.len() as f64) as usize).max(MODE_LEAST);
        if fewer < least || ashman(low, high) < DISTANCE || !parted(&sorted, cut) {
            return None;
        }
        let edge = f64::midpoint(sorted[cut - 1], sorted[cut]);
        let upper: Vec<bool> = y.iter().map(|v| *v > edge).collect();
        let middle = crate::stats::median(low)?;
        let distance = crate::stats::median(high)? - middle;
        let mood = moods(y, middle, distance, upper[0]);
        alternate(&mood).then_some(Self {
            upper,
            mood,
            distance,
        })
    }

    /// The series with its rarer mode moved onto the other.
    pub(crate) fn looked_through(&self, y: &[f64]) -> Vec<f64> {
        let ups = self.upper.iter().filter(|u| **u).count();
        let rarer = 2 * ups <= self.upper.len();
        let by = if rarer { -self.distance } else { self.distance };
        let moved = |(v, up): (&f64, &bool)| if *up == rarer { v + by } else { *v };
        y.iter().zip(&self.upper).map(moved).collect()
    }

    /// How long a run of each mode usually is: the mean of a geometric law with the median of
    /// the runs, which a few that last do not move.
    pub(crate) fn dwell(&self, upper: bool) -> f64 {
        let runs = self.mood.chunk_by(|a, b| a == b);
        let own: Vec<f64> = runs
            .filter(|r| r[0] == upper)
            .map(|r| r.len() as f64)
            .collect();
        crate::stats::median(&own).unwrap_or(1.0) / std::f64::consts::LN_2
    }

    /// How likely a point of a mode is followed by another one, as the runs in some stretches show
    /// it (the posterior mean by the prior of Jeffreys 1946), and how many runs those are.
    pub(crate) fn stays(&self, upper: bool, within: [std::ops::Range<usize>; 2]) -> (f64, f64) {
        let (mut runs, mut points) = (0.0, 0.0);
        for part in within {
            let all = self.mood[part].chunk_by(|a, b| a == b);
            for run in all.filter(|r| r[0] == upper) {
                runs += 1.0;
                points += run.len() as f64;
            }
        }
        ((points - runs + 0.5) / (points + 1.0), runs)
    }

    /// The share of the upper mode among some points.
    pub(crate) fn share(&self, from: usize, to: usize) -> f64 {
        let ups = self.mood[from..to].iter().filter(|u| **u).count();
        ups as f64 / (to - from).max(1) as f64
    }
}

/// Where sorted values part into two clusters of least squares.
fn two_means(sorted: &[f64]) -> usize {
    let n = sorted.len();
    let mut sums = Vec::with_capacity(n + 1);
    let mut sum = 0.0;
    sums.push(0.0);
    for v in sorted {
        sum += v - sorted[0];
        sums.push(sum);
    }
    let mean = |from: usize, to: usize| (sums[to] - sums[from]) / (to - from).max(1) as f64;
    let gap = |i: &usize| sorted[*i] - sorted[i - 1];
    let edge = MODE_LEAST.min(n / 2).max(1);
    let mut cut = (edge..=n - edge)
        .max_by(|a, b| gap(a).total_cmp(&gap(b)))
        .unwrap_or(1);
    for _ in 0..ROUNDS {
        let middle = sorted[0] + f64::midpoint(mean(0, cut), mean(cut, n));
        let next = sorted.partition_point(|v| *v < middle).clamp(1, n - 1);
        if next == cut {
            break;
        }
        cut = next;
    }
    cut
}

/// Whether a stretch between the modes is all but empty.
fn parted(sorted: &[f64], cut: usize) -> bool {
    let (low, high) = sorted.split_at(cut);
    let (a, b) = (low[low.len() / 2], high[high.len() / 2]);
    let below = |share: f64| sorted.partition_point(|v| *v < a + share * (b - a));
    let inside = |i: u32| {
        let from = 0.25 + f64::from(i) * 0.05;
        below(from + VALLEY) - below(from)
    };
    let fewest = (0..=7).map(inside).min().unwrap_or(0);
    fewest as f64 <= VALLEY_SHARE * low.len().min(high.len()) as f64
}

/// The mode of each point, by two thresholds (Schmitt 1938, *A thermionic trigger*): a point of
/// one mode's tail that lies between the modes is none of the other. With one threshold four such
/// points make a step of four sigma a machine of two moods.
fn moods(y: &[f64], low: f64, distance: f64, first: bool) -> Vec<bool> {
    let mut upper = first;
    let mut next = |v: &f64| {
        let share = (v - low) / distance;
        upper = if upper {
            share > TRIGGER
        } else {
            share >= 1.0 - TRIGGER
        };
        upper
    };
    y.iter().map(&mut next).collect()
}

fn ashman(low: &[f64], high: &[f64]) -> f64 {
    let moments = |v: &[f64]| {
        // The outermost twentieths may be outliers of any size.
        let cut = v.len() / 20;
        let v = &v[cut..v.len() - cut];
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        let square = v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64;
        (mean, square)
    };
    let ((a, s), (b, t)) = (moments(low), moments(high));
    if s + t > 0.0 {
        (2.0 / (s + t)).sqrt() * (b - a)
    } else {
        f64::INFINITY
    }
}

/// Whether the modes change places often enough to be modes and no steps: the number of runs of
/// Wald & Wolfowitz (1940).
fn alternate(mood: &[bool]) -> bool {
    let runs = mood.chunk_by(|a, b| a == b).count();
    let high = mood.iter().filter(|m| **m).count();
    let expected = 2.0 * (high * (mood.len() - high)) as f64 / mood.len() as f64;
    runs >= RUNS_LEAST && runs as f64 >= RUNS_SHARE * expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    #[test]
    fn a_step_whose_noise_crosses_the_middle_is_no_two_moods() {
        let (mut steps, mut moods) = (0, 0);
        for seed in 0..200 {
            let mut g = SplitMix64::new(seed);
            let mut draw = |far: &dyn Fn(usize, f64) -> bool| -> Vec<f64> {
                (0..90)
                    .map(|i| {
                        let noise = (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0;
                        noise + if far(i, g.next_f64()) { 4.0 } else { 0.0 }
                    })
                    .collect()
            };
            steps += usize::from(Modes::of(&draw(&|i, _| i >= 25)).is_some());
            moods += usize::from(Modes::of(&draw(&|_, u| u < 0.4)).is_some());
        }
        assert!(steps == 0 && moods >= 190, "{steps} {moods}");
    }
}
