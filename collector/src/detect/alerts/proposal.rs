//! What a policy would have said at each commit of a series: the gate, and behind it the finder.

use serde::{Deserialize, Serialize};

use crate::detect::Point;
use crate::detect::alerts::estimate;
use crate::detect::alerts::replay::{Flag, Replay};
use crate::detect::gate::{self, Past, Policy, Screen};
use crate::detect::steps::finder::{Change, Direction, Finder, Settings};
use crate::detect::steps::place::NEAR;
use crate::stats;

/// Earlier points that the gate takes the spread from, as in a live check.
const HISTORY: usize = 200;

/// Shuffled copies of a series: 3 × 500 commits see a rate of 1 per 1000 more often than not.
pub const ROUNDS: usize = 3;

/// What was seen of a point when it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// The relative spread that calibration saw.
    pub spread: f64,
    /// Whether the same code gives the same value every time.
    pub repeats: bool,
}

/// Who speaks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The gate, at the commit itself.
    Gate,
    /// The change finder, once the new level has lasted.
    Finder,
}

/// A flag with who raised it and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// The flag.
    #[serde(flatten)]
    pub flag: Flag,
    /// Who raised it.
    pub by: By,
    /// Commits measured from the one that is blamed to the one at which it was reported.
    pub delay: usize,
    /// Whether the whole history shows a change there.
    pub lasted: bool,
}

/// What a policy would have said of one series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// In the order in which they would have been raised.
    pub flags: Vec<Raised>,
    /// Commits at which the gate would have measured a varying series again. What fresh runs
    /// would have said cannot be replayed.
    pub suspects: usize,
    /// Changes of the whole history that would not have been reported.
    pub missed: usize,
    /// The gate's limit at the newest commit (fraction); `None` where there is no other.
    pub limit: Option<f64>,
}

/// Replays a policy over a series, of whose points this was seen; where it is not known, what the
/// settings say of all. Where values are counted, the gate's suspicion is its verdict.
#[must_use]
pub fn propose(points: &[Point], seen: &[Seen], policy: &Policy, settings: Settings) -> Proposal {
    let unseen = Seen {
        spread: 0.0,
        repeats: settings.counted,
    };
    let seen = |i: usize| seen.get(i).copied().unwrap_or(unseen);
    let mut finder = Finder::new(settings);
    let changes = finder.find(points).changes;
    let mut out = Proposal::default();
    let mut replay = Replay::new(settings);
    let mut gate_said: Vec<Flag> = Vec::new();
    for i in 0..points.len() {
        if i > 0 {
            let pair = Seen {
                spread: seen(i - 1).spread.max(seen(i).spread),
                repeats: seen(i - 1).repeats && seen(i).repeats,
            };
            let (limit, flag) = at_gate(points, i, policy, pair);
            out.limit = Some(limit);
            match flag {
                Some(flag) if pair.repeats => {
                    gate_said.push(flag.clone());
                    out.flags.push(raised(points, flag, By::Gate, &changes));
                }
                Some(_) => out.suspects += 1,
                None => {}
            }
        }
        for flag in replay.push(&mut finder, points[i]) {
            if !gate_said.iter().any(|g| same(g, &flag)) {
                out.flags.push(raised(points, flag, By::Finder, &changes));
            }
        }
    }
    let reported = |c: &&Change| out.flags.iter().any(|r| blames(&r.flag, c));
    out.missed = changes.len() - changes.iter().filter(reported).count();
    out
}

/// False alarms per 1000 commits, see [`estimate::false_alarms`]; 0 for what repeats exactly
/// between its changes.
#[must_use]
pub fn false_alarms(points: &[Point], settings: Settings, seed: u64) -> f64 {
    estimate::false_alarms(points, settings, ROUNDS, seed)
}

/// The gate at point `i`, against the point before it, as it judges two reports: its limit, and what
/// it flags.
fn at_gate(points: &[Point], i: usize, policy: &Policy, seen: Seen) -> (f64, Option<Flag>) {
    let (base, head) = (points[i - 1], points[i]);
    // An exact count has no noise: what its history varied by were real changes.
    let from = if seen.repeats {
        i
    } else {
        i.saturating_sub(HISTORY)
    };
    let history: Vec<f64> = points[from..i].iter().map(|p| p.value).collect();
    let past = Past::of(&history);
    let limit = gate::limit(policy, &past, base.value, seen.spread);
    let expected = gate::expected(&past, base.value, &limit);
    let direction = match gate::screen(expected, head.value, &limit) {
        Screen::SuspectUp => Direction::Up,
        Screen::SuspectDown => Direction::Down,
        Screen::Within | Screen::Unusable => return (limit.fraction, None),
    };
    let flag = Flag {
        at: head.index,
        index: head.index,
        first: base.index + 1,
        last: head.index,
        direction,
        change: stats::change(base.value, head.value),
        limit: limit.fraction,
    };
    (limit.fraction, Some(flag))
}

fn same(a: &Flag, b: &Flag) -> bool {
    a.direction == b.direction && a.first <= b.last && b.first <= a.last
}

fn blames(f: &Flag, c: &Change) -> bool {
    let near = NEAR as i64;
    f.direction == c.direction()
        && ((f.first <= c.last && c.first <= f.last) || (f.index - c.index).abs() <= near)
}

fn raised(points: &[Point], flag: Flag, by: By, changes: &[Change]) -> Raised {
    let place = |index: i64| points.partition_point(|p| p.index < index);
    Raised {
        delay: place(flag.at) - place(flag.index),
        lasted: changes.iter().any(|c| blames(&flag, c)),
        by,
        flag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Counter, Metric};
    use crate::stats::SplitMix64;

    fn series(value: impl Fn(i64) -> f64) -> Vec<Point> {
        let point = |index| Point {
            index,
            value: value(index),
        };
        (0..60).map(point).collect()
    }

    #[test]
    fn the_gate_speaks_at_once_and_the_finder_does_not_repeat_it() {
        let policy = Policy::for_series(&Metric::Instructions, &Counter::Callgrind);
        let points = series(|i| if i < 30 { 1e6 } else { 1.02e6 });
        let p = propose(&points, &[], &policy, Settings::default().counted(true));
        assert_eq!(p.flags.len(), 1, "{p:?}");
        assert_eq!((p.flags[0].by, p.flags[0].delay), (By::Gate, 0));
        assert!(p.flags[0].lasted && p.missed == 0 && p.suspects == 0);
        // A limit that lets 2 % through leaves it to the finder.
        let loose = Policy {
            relative_floor: 0.05,
            ..policy
        };
        let p = propose(&points, &[], &loose, Settings::default().counted(true));
        assert_eq!(p.flags.len(), 1, "{p:?}");
        assert_eq!((p.flags[0].by, p.flags[0].flag.index), (By::Finder, 30));
    }

    #[test]
    fn what_varies_is_only_ever_suspect_at_the_gate() {
        let policy = Policy::for_series(&Metric::WallTime, &Counter::Clock);
        let mut g = SplitMix64::new(5);
        let noise: Vec<f64> = (0..60).map(|_| g.next_f64()).collect();
        let points = series(|i| 100.0 + noise[i as usize] + if i < 30 { 0.0 } else { 20.0 });
        let p = propose(&points, &[], &policy, Settings::default());
        assert!(p.suspects >= 1, "{p:?}");
        assert_eq!(p.flags.len(), 1, "{p:?}");
        assert_eq!(p.flags[0].by, By::Finder);
    }

    #[test]
    fn what_calibration_saw_is_part_of_the_limit() {
        let policy = Policy::for_series(&Metric::Instructions, &Counter::Callgrind);
        let mut g = SplitMix64::new(7);
        let noise: Vec<f64> = (0..60).map(|_| g.next_f64()).collect();
        let points = series(|i| 1e6 + 1e4 * noise[i as usize] + if i == 40 { 8e4 } else { 0.0 });
        let seen = |spread| {
            let one = Seen {
                spread,
                repeats: false,
            };
            vec![one; points.len()]
        };
        let settings = Settings::default();
        let blind = propose(&points, &[], &policy, settings);
        let calibrated = propose(&points, &seen(0.1), &policy, settings);
        assert!(blind.suspects > 0 && calibrated.suspects == 0, "{blind:?}");
        let limit = calibrated.limit.unwrap_or_default();
        assert!((limit - policy.k_spread * 0.1).abs() < 1e-12, "{limit}");
    }
}
