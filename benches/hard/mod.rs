//! The kinds of series on which finders of changes fail, and how this one does on them:
//! `cargo bench --bench detect -- hard`.
//!
//! Each kind is one that real histories have; seeds are fixed, so that the table is the same
//! everywhere. A found change counts where it lies within five commits of a true one.

pub mod eye;
pub mod goals;

use collector::detect::alerts::replay::Replay;
use collector::detect::{Finder, Point, Settings};
use collector::stats::SplitMix64;

/// Series of a kind.
const SERIES: u64 = 100;
/// "About here".
const NEAR: i64 = 5;

/// Values, and the first commits of their new levels.
type Case = (Vec<f64>, Vec<usize>);

struct Kind {
    name: &'static str,
    make: fn(&mut SplitMix64) -> Case,
}

/// Normal noise (Box & Muller 1958).
fn normal(g: &mut SplitMix64) -> f64 {
    let (u, v) = (1.0 - g.next_f64(), g.next_f64());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn sign(g: &mut SplitMix64) -> f64 {
    if g.next_f64() < 0.5 { -1.0 } else { 1.0 }
}

fn noise(g: &mut SplitMix64, n: usize) -> Vec<f64> {
    (0..n).map(|_| 100.0 + normal(g)).collect()
}

fn stepped(mut y: Vec<f64>, steps: &[(usize, f64)]) -> Case {
    for &(at, by) in steps {
        y[at..].iter_mut().for_each(|v| *v += by);
    }
    let at = steps.iter().filter(|s| s.1 != 0.0).map(|s| s.0);
    (y, at.collect())
}

fn middle(g: &mut SplitMix64) -> usize {
    60 + g.below(80)
}

fn ticks(g: &mut SplitMix64, level: f64, by: f64) -> Case {
    let y = (0..200)
        .map(|_| level + if g.next_f64() < 0.15 { sign(g) } else { 0.0 })
        .collect();
    let at = middle(g);
    stepped(y, &[(at, by)])
}

fn dips(g: &mut SplitMix64, by: f64) -> Case {
    let at = middle(g);
    let y = (0..200)
        .map(|i| {
            let level = 1e9 * if i < at { 1.0 } else { 1.0 + by };
            let dip = if g.next_f64() < 0.15 { 0.992 } else { 1.0 };
            (level * dip * (1.0 + 5e-6 * normal(g))).round()
        })
        .collect();
    (y, if by == 0.0 { Vec::new() } else { vec![at] })
}

fn turns_noisy(g: &mut SplitMix64, noisy: usize) -> Case {
    let mut y = vec![5.0; 200];
    y.extend((0..noisy).map(|_| 6.5 + 0.35 * normal(g)));
    (y, vec![200])
}

fn short(g: &mut SplitMix64, n: usize, by: f64) -> Case {
    let side = 4 + g.below(3);
    let at = if g.next_f64() < 0.5 { side } else { n - side };
    let y = noise(g, n);
    let by = by * sign(g);
    stepped(y, &[(at, by)])
}

fn modes(g: &mut SplitMix64, share: f64, by: f64) -> Case {
    let y = noise(g, 200)
        .into_iter()
        .map(|v| if g.next_f64() < share { v + 10.0 } else { v })
        .collect();
    let at = middle(g);
    stepped(y, &[(at, by)])
}

fn alternating(g: &mut SplitMix64, by: f64) -> Case {
    let odd = |(i, v): (usize, f64)| if i % 2 == 0 { v } else { v + 10.0 };
    let y = noise(g, 200).into_iter().enumerate().map(odd).collect();
    let at = middle(g);
    stepped(y, &[(at, by)])
}

fn sticky(g: &mut SplitMix64) -> Case {
    let mut slow = false;
    let y = noise(g, 200)
        .into_iter()
        .map(|v| {
            slow ^= g.next_f64() < 0.1;
            if slow { v + 10.0 } else { v }
        })
        .collect();
    (y, Vec::new())
}

fn stuck_week(g: &mut SplitMix64) -> Case {
    let (mut y, _) = modes(g, 0.3, 0.0);
    let at = 40 + g.below(100);
    for v in &mut y[at..at + 7] {
        if *v < 105.0 {
            *v += 10.0;
        }
    }
    (y, Vec::new())
}

fn neighbour(g: &mut SplitMix64) -> Case {
    let y = (0..88).map(|_| 100.0 + 3.0 * normal(g)).collect();
    stepped(y, &[(34, -37.0), (49, 77.0)])
}

fn several(g: &mut SplitMix64) -> Case {
    let level = |i| match i {
        0..13 => 100.0,
        13..19 => 160.0,
        19..57 => 104.0,
        _ => 52.0,
    };
    let y = (0..61)
        .map(|i| level(i) * (0.06 * normal(g)).exp())
        .collect();
    (y, vec![13, 19, 57])
}

fn decades(g: &mut SplitMix64) -> Case {
    let level = |i: i32| 10_f64.powf(f64::from(i) / 50.0);
    let y = (0..150)
        .map(|i| level(i) * (0.03 * normal(g)).exp())
        .collect();
    (y, Vec::new())
}

fn ramp(g: &mut SplitMix64) -> Case {
    let rise = |i: usize| (i as f64 - 50.0).clamp(0.0, 20.0);
    let y = noise(g, 120)
        .into_iter()
        .enumerate()
        .map(|(i, v)| v + rise(i))
        .collect();
    (y, vec![60])
}

fn correlated(g: &mut SplitMix64) -> Case {
    let mut last = 0.0;
    let y = (0..400)
        .map(|_| {
            last = 0.9 * last + 0.19_f64.sqrt() * normal(g);
            100.0 + last
        })
        .collect();
    (y, Vec::new())
}

fn frozen(g: &mut SplitMix64) -> Case {
    let mut y = noise(g, 200);
    let at = 30 + g.below(120);
    let value = y[at];
    y[at..at + 40].fill(value);
    (y, Vec::new())
}

fn walk(g: &mut SplitMix64) -> Case {
    let mut level = 1e8;
    let y = (0..200)
        .map(|_| {
            level += 100.0 * normal(g);
            level.round()
        })
        .collect();
    (y, Vec::new())
}

/// As PHP under valgrind: two values 4e-5 apart, each of which moves a little for good.
fn narrow_modes(g: &mut SplitMix64, by: f64) -> Case {
    let mut moved = 1.226e8;
    let y = (0..300)
        .map(|_| {
            moved += 40.0 * normal(g);
            moved + 60.0 * normal(g) + 5e3 * g.below(2) as f64
        })
        .collect();
    let steps = [(26, -7e3), (85, -1.2e4), (180, 4e4), (221, 8e3)];
    let (mut y, at) = stepped(y, &steps.map(|s| (s.0, by * s.1)));
    y.iter_mut().for_each(|v| *v = v.round());
    (y, at)
}

fn waves(g: &mut SplitMix64) -> Case {
    let phase = g.next_f64();
    let wave = |i: usize| 1.5 * (std::f64::consts::TAU * (i as f64 / 24.0 + phase)).sin();
    let y = noise(g, 500)
        .into_iter()
        .enumerate()
        .map(|(i, v)| v + wave(i))
        .collect();
    let mut step = |at: usize| (at + g.below(40), sign(g) * (2.0 + 4.0 * g.next_f64()));
    let steps = [step(60), step(160), step(260), step(360)];
    stepped(y, &steps)
}

const KINDS: [Kind; 32] = [
    Kind {
        name: "ticks of 1 at 8, 15 % jitter, none",
        make: |g| ticks(g, 8.0, 0.0),
    },
    Kind {
        name: "ticks of 1 at 8, 15 % jitter, 1 tick",
        make: |g| ticks(g, 8.0, 1.0),
    },
    Kind {
        name: "ticks of 1 at 8, 15 % jitter, 2 ticks",
        make: |g| ticks(g, 8.0, -2.0),
    },
    Kind {
        name: "ticks of 1 at 3, 15 % jitter, 1 tick",
        make: |g| ticks(g, 3.0, 1.0),
    },
    Kind {
        name: "2 or 3, evenly",
        make: |g| {
            (
                (0..60).map(|_| 2.0 + g.below(2) as f64).collect(),
                Vec::new(),
            )
        },
    },
    Kind {
        name: "counts, 15 % dips, none",
        make: |g| dips(g, 0.0),
    },
    Kind {
        name: "counts, 15 % dips, .1 %",
        make: |g| dips(g, 1e-3),
    },
    Kind {
        name: "counts of two narrow modes, none",
        make: |g| narrow_modes(g, 0.0),
    },
    Kind {
        name: "counts of two narrow modes, four steps",
        make: |g| narrow_modes(g, 1.0),
    },
    Kind {
        name: "exact, then 1 noisy",
        make: |g| turns_noisy(g, 1),
    },
    Kind {
        name: "exact, then 3 noisy",
        make: |g| turns_noisy(g, 3),
    },
    Kind {
        name: "exact, then 6 noisy",
        make: |g| turns_noisy(g, 6),
    },
    Kind {
        name: "exact, then 12 noisy",
        make: |g| turns_noisy(g, 12),
    },
    Kind {
        name: "exact, then 40 noisy",
        make: |g| turns_noisy(g, 40),
    },
    Kind {
        name: "12 points, none",
        make: |g| short(g, 12, 0.0),
    },
    Kind {
        name: "12 points, 12 sigma",
        make: |g| short(g, 12, 12.0),
    },
    Kind {
        name: "16 points, none",
        make: |g| short(g, 16, 0.0),
    },
    Kind {
        name: "16 points, 12 sigma",
        make: |g| short(g, 16, 12.0),
    },
    Kind {
        name: "two modes, evenly, none",
        make: |g| modes(g, 0.5, 0.0),
    },
    Kind {
        name: "two modes, evenly, shift 4",
        make: |g| modes(g, 0.5, 4.0),
    },
    Kind {
        name: "two modes, 30 %, shift 4",
        make: |g| modes(g, 0.3, 4.0),
    },
    Kind {
        name: "two modes in turn, shift 4",
        make: |g| alternating(g, 4.0),
    },
    Kind {
        name: "a machine that sticks for 10",
        make: sticky,
    },
    Kind {
        name: "a machine that sticks for a week",
        make: stuck_week,
    },
    Kind {
        name: "-37 % beside +77 %",
        make: neighbour,
    },
    Kind {
        name: "61 points, three steps",
        make: several,
    },
    Kind {
        name: "a ramp over decades",
        make: decades,
    },
    Kind {
        name: "a ramp of 20 commits",
        make: ramp,
    },
    Kind {
        name: "AR(1) of .9",
        make: correlated,
    },
    Kind {
        name: "40 times the same value",
        make: frozen,
    },
    Kind {
        name: "counts that walk",
        make: walk,
    },
    Kind {
        name: "a wave and four steps",
        make: waves,
    },
];

#[derive(Default)]
struct Score {
    steps: usize,
    found: usize,
    wrong: usize,
    reported: usize,
    gone: usize,
    twice: usize,
}

fn points(y: &[f64]) -> Vec<Point> {
    let point = |(index, value): (i64, &f64)| Point {
        index,
        value: *value,
    };
    (0..).zip(y).map(point).collect()
}

fn near(a: i64, b: i64) -> bool {
    (a - b).abs() <= NEAR
}

fn score(kind: &Kind) -> Score {
    let mut s = Score::default();
    let mut finder = Finder::new(Settings::default());
    for seed in 0..SERIES {
        let (y, truth) = (kind.make)(&mut SplitMix64::new(1_000 * seed + 17));
        let points = points(&y);
        let found: Vec<i64> = finder
            .find(&points)
            .changes
            .iter()
            .map(|c| c.index)
            .collect();
        s.steps += truth.len();
        let hits = truth
            .iter()
            .filter(|t| found.iter().any(|f| near(*f, **t as i64)))
            .count();
        s.found += hits;
        s.wrong += found.len() - hits;
        live(&points, &found, &mut finder, &mut s);
    }
    s
}

/// What a replay tells, how much of it the whole does not show, and what is reported again.
fn live(points: &[Point], found: &[i64], finder: &mut Finder, s: &mut Score) {
    let mut replay = Replay::new(Settings::default());
    let mut reported: Vec<(i64, bool)> = Vec::new();
    for p in points {
        for flag in replay.push(finder, *p) {
            let up = flag.change > 0.0;
            s.reported += 1;
            s.gone += usize::from(!found.iter().any(|f| near(*f, flag.index)));
            s.twice += usize::from(reported.iter().any(|t| near(t.0, flag.index) && t.1 == up));
            reported.push((flag.index, up));
        }
    }
}

/// Prints the table.
pub fn table() {
    println!(
        "| kind ({SERIES} series each) | found of steps | false a series | reported live | gone in the end | twice |"
    );
    println!("|---|---|---|---|---|---|");
    for kind in &KINDS {
        let s = score(kind);
        let share = if s.steps == 0 {
            "–".to_owned()
        } else {
            format!("{:.2}", s.found as f64 / s.steps as f64)
        };
        println!(
            "| {} | {share} | {:.2} | {} | {} | {} |",
            kind.name,
            s.wrong as f64 / SERIES as f64,
            s.reported,
            s.gone,
            s.twice
        );
    }
}
