//! The figures that a change of the finder is judged on, each against its goal:
//! `cargo bench --bench detect -- goals`.
//!
//! The kinds of noise, the suites and the scoring are those of the usual yardstick: thirteen
//! kinds, series without a change, with one and with four. Three seeds.

use collector::detect::alerts::replay::Replay;
use collector::detect::{Finder, Settings};
use collector::stats::SplitMix64;

use super::{Case, Kind, NEAR, normal, points, sign, stepped};

/// Seeds of the yardstick.
const SEEDS: std::ops::Range<u64> = 101..104;
/// Series of each of the smaller figures.
const SERIES: u64 = 100;
/// Kinds of noise.
const NOISE: [&str; 13] = [
    "gaussian",
    "student3",
    "lognormal",
    "bimodal",
    "ar1_03",
    "ar1_07",
    "spikes",
    "drift",
    "quantised",
    "seasonal",
    "varchange",
    "const",
    "jitter",
];

/// Noise of unit scale, as 13 kinds of series have it.
fn noise(kind: &str, n: usize, g: &mut SplitMix64) -> Vec<f64> {
    match kind {
        "student3" => {
            let square = |g: &mut SplitMix64| (0..3).map(|_| normal(g).powi(2)).sum::<f64>() / 3.0;
            each(n, g, |g, _| normal(g) / square(g).sqrt() / (1.5298 / 1.349))
        }
        "lognormal" => {
            let range = (0.6745_f64 * 0.8).exp() - (-0.6745_f64 * 0.8).exp();
            each(n, g, |g, _| {
                ((0.8 * normal(g)).exp() - 1.0) / (range / 1.349)
            })
        }
        "bimodal" => each(n, g, |g, _| {
            let slow = if g.next_f64() < 0.25 { 3.0 } else { 0.0 };
            (0.4 * normal(g) + slow - 0.75) / (0.16_f64 + 9.0 * 0.25 * 0.75).sqrt()
        }),
        "ar1_03" => correlated(n, g, 0.3),
        "ar1_07" => correlated(n, g, 0.7),
        "spikes" => each(n, g, |g, _| {
            let spike = if g.next_f64() < 0.03 {
                8.0 + 12.0 * g.next_f64()
            } else {
                0.0
            };
            normal(g) + spike
        }),
        "drift" => each(n, g, |g, i| normal(g) + 3.0 * i as f64 / 200.0),
        "quantised" => each(n, g, |g, _| (normal(g) / 1.5).round() * 1.5),
        "seasonal" => {
            let phase = g.next_f64();
            let wave = |i: usize| 1.5 * (std::f64::consts::TAU * (i as f64 / 24.0 + phase)).sin();
            each(n, g, |g, i| normal(g) + wave(i))
        }
        "varchange" => {
            let from = n / 5 + g.below(n / 2 - n / 5);
            let loud = from..from + n / 3;
            each(n, g, |g, i| {
                normal(g) * if loud.contains(&i) { 3.0 } else { 1.0 }
            })
        }
        "const" => vec![0.0; n],
        "jitter" => each(n, g, |g, _| {
            let by = g.below(401) as f64 - 200.0;
            if g.next_f64() < 0.1 { by / 1e5 } else { 0.0 }
        }),
        _ => each(n, g, |g, _| normal(g)),
    }
}

fn each(n: usize, g: &mut SplitMix64, one: impl Fn(&mut SplitMix64, usize) -> f64) -> Vec<f64> {
    (0..n).map(|i| one(g, i)).collect()
}

fn correlated(n: usize, g: &mut SplitMix64, rho: f64) -> Vec<f64> {
    let mut last = normal(g);
    each(n, g, |g, _| normal(g))
        .into_iter()
        .map(|z| {
            let now = last;
            last = rho * last + (1.0 - rho * rho).sqrt() * z;
            now
        })
        .collect()
}

/// A series of a kind with steps of so many sigmas.
fn made(kind: &str, n: usize, steps: &[(usize, f64)], g: &mut SplitMix64) -> Case {
    let count = matches!(kind, "const" | "jitter");
    let (level, sigma) = if count { (1e9, 1e5) } else { (100.0, 1.0) };
    let y = noise(kind, n, g)
        .iter()
        .map(|e| level + sigma * e)
        .collect();
    let steps: Vec<(usize, f64)> = steps.iter().map(|s| (s.0, s.1 * sigma)).collect();
    let (mut y, at) = stepped(y, &steps);
    if count {
        y.iter_mut().for_each(|v| *v = v.round());
    }
    (y, at)
}

/// Hits, false alarms and misses; one found change stands for one true one.
#[derive(Clone, Copy, Default)]
struct Tally {
    hit: usize,
    exact: usize,
    wrong: usize,
    missed: usize,
    commits: usize,
}

impl Tally {
    fn add(&mut self, finder: &mut Finder, (y, truth): &Case) {
        let changes = finder.find(&points(y)).changes;
        let mut found: Vec<i64> = changes.iter().map(|c| c.index).collect();
        self.commits += y.len();
        for t in truth {
            let off = |f: &i64| (f - *t as i64).abs();
            let nearest = (0..found.len()).min_by_key(|i| off(&found[*i]));
            match nearest.filter(|i| off(&found[*i]) <= NEAR) {
                Some(i) => {
                    self.hit += 1;
                    self.exact += usize::from(off(&found[i]) == 0);
                    found.remove(i);
                }
                None => self.missed += 1,
            }
        }
        self.wrong += found.len();
    }

    fn f1(self) -> f64 {
        2.0 * self.hit as f64 / (2 * self.hit + self.wrong + self.missed).max(1) as f64
    }

    fn recall(self) -> f64 {
        self.hit as f64 / (self.hit + self.missed).max(1) as f64
    }
}

/// Over all seeds and kinds of noise, or one kind.
fn yardstick(
    finder: &mut Finder,
    kinds: &[&str],
    cases: impl Fn(&str, &mut SplitMix64) -> Vec<Case>,
) -> Tally {
    let mut tally = Tally::default();
    for seed in SEEDS {
        for (i, kind) in kinds.iter().enumerate() {
            let mut g = SplitMix64::new(seed * 1_000 + i as u64 * 31);
            for case in cases(kind, &mut g) {
                tally.add(finder, &case);
            }
        }
    }
    tally
}

fn null(kind: &str, g: &mut SplitMix64) -> Vec<Case> {
    let lengths = [(50, 10), (200, 10), (500, 4), (1000, 2), (5000, 1)];
    let lengths = lengths.iter().flat_map(|l| std::iter::repeat_n(l.0, l.1));
    lengths.map(|n| made(kind, n, &[], g)).collect()
}

fn single(kind: &str, g: &mut SplitMix64) -> Vec<Case> {
    let sizes = [2.0, 3.0, 5.0, 10.0].into_iter();
    let sizes = sizes.flat_map(|s| [s, -s].into_iter().cycle().take(8));
    sizes
        .map(|s| {
            let at = 60 + g.below(81);
            made(kind, 200, &[(at, s)], g)
        })
        .collect()
}

fn four(kind: &str, g: &mut SplitMix64) -> Vec<Case> {
    (0..8)
        .map(|_| {
            let at = apart(g);
            let steps = at.map(|i| (i, sign(g) * (2.0 + 4.0 * g.next_f64())));
            made(kind, 500, &steps, g)
        })
        .collect()
}

/// Four commits of 500 that lie 40 apart.
fn apart(g: &mut SplitMix64) -> [usize; 4] {
    loop {
        let mut at = [0; 4].map(|_| 40 + g.below(420));
        at.sort_unstable();
        if at.windows(2).all(|w| w[1] - w[0] >= 40) {
            return at;
        }
    }
}

/// Reports of a replay per 1000 commits of series without a change, from the 30th on.
fn live_null(finder: &mut Finder) -> f64 {
    let (mut alarms, mut commits) = (0, 0);
    for seed in SEEDS {
        for (i, kind) in NOISE.iter().enumerate() {
            for round in 0..4 {
                let mut g = SplitMix64::new(seed * 7_000 + round * 100 + i as u64);
                let (y, _) = made(kind, 130, &[], &mut g);
                let mut replay = Replay::new(Settings::default());
                let flags = points(&y).into_iter().map(|p| replay.push(finder, p).len());
                alarms += flags.skip(30).sum::<usize>();
                commits += 100;
            }
        }
    }
    1000.0 * alarms as f64 / commits as f64
}

/// The share of the steps that windows of 400 show which the whole shows too.
fn windows_kept(finder: &mut Finder) -> f64 {
    let (mut kept, mut all) = (0, 0);
    for (i, kind) in NOISE.iter().cycle().take(2 * NOISE.len()).enumerate() {
        let mut g = SplitMix64::new(9_000 + i as u64);
        let steps: Vec<(usize, f64)> = (1..16)
            .map(|s| {
                (
                    75 * s + g.below(30),
                    sign(&mut g) * (2.0 + 4.0 * g.next_f64()),
                )
            })
            .collect();
        let (y, _) = made(kind, 1200, &steps, &mut g);
        let points = points(&y);
        let whole = finder.find(&points).changes;
        for from in [0, 400, 800] {
            for c in finder.find(&points[from..from + 400]).changes {
                let edge = (c.index - from as i64).min(from as i64 + 400 - c.index);
                if edge > 2 * NEAR {
                    all += 1;
                    let same = |w: &i64| (w - c.index).abs() <= NEAR;
                    kept += usize::from(whole.iter().any(|w| same(&w.index)));
                }
            }
        }
    }
    kept as f64 / f64::from(all.max(1))
}

/// The share of the true steps reported live that every later look shows.
fn stays_told(finder: &mut Finder) -> f64 {
    let (mut stay, mut told) = (0, 0);
    for (i, kind) in NOISE.iter().cycle().take(4 * NOISE.len()).enumerate() {
        let mut g = SplitMix64::new(11_000 + i as u64);
        let at = 20 + g.below(60);
        let (y, _) = made(kind, 200, &[(at, sign(&mut g) * 4.0)], &mut g);
        let points = points(&y);
        let mut replay = Replay::new(Settings::default());
        let shown = |f: &mut Finder, n: usize| {
            let near = |c: i64| (c - at as i64).abs() <= NEAR;
            f.find(&points[..n]).changes.iter().any(|c| near(c.index))
        };
        let reported = points.iter().position(|p| {
            let flags = replay.push(finder, *p);
            flags.iter().any(|f| (f.index - at as i64).abs() <= NEAR)
        });
        if let Some(n) = reported {
            told += 1;
            stay += usize::from((n + 1..=200).step_by(4).all(|n| shown(finder, n)));
        }
    }
    stay as f64 / f64::from(told.max(1))
}

/// A figure, what it is and what it should be.
struct Row {
    figure: &'static str,
    is: f64,
    goal: f64,
    /// Whether it should be at least the goal, rather than at most.
    least: bool,
}

impl Row {
    fn print(&self) {
        let met = if self.least {
            self.is >= self.goal
        } else {
            self.is <= self.goal
        };
        println!(
            "| {} | {:.3} | {} {} | {} |",
            self.figure,
            self.is,
            if self.least { "≥" } else { "≤" },
            self.goal,
            if met { "yes" } else { "NO" }
        );
    }
}

/// The recall and the false alarms a series of one of the hard kinds.
fn of_kind(finder: &mut Finder, name: &str) -> (f64, f64) {
    let mut tally = Tally::default();
    let Some(kind) = super::KINDS.iter().find(|k: &&Kind| k.name == name) else {
        return (f64::NAN, f64::NAN);
    };
    for seed in 0..SERIES {
        let case = (kind.make)(&mut SplitMix64::new(1_000 * seed + 17));
        tally.add(finder, &case);
    }
    (tally.recall(), tally.wrong as f64 / SERIES as f64)
}

/// The most live reports of one series of a kind, in the mean.
fn alarms(finder: &mut Finder, name: &str) -> f64 {
    let Some(kind) = super::KINDS.iter().find(|k| k.name == name) else {
        return f64::NAN;
    };
    let mut flags = 0;
    for seed in 0..SERIES {
        let (y, _) = (kind.make)(&mut SplitMix64::new(1_000 * seed + 17));
        let mut replay = Replay::new(Settings::default());
        let each = points(&y).into_iter().map(|p| replay.push(finder, p).len());
        flags += each.sum::<usize>();
    }
    flags as f64 / SERIES as f64
}

/// Kinds of which a share of all steps must be found.
const FOUND: [(&str, f64); 8] = [
    ("ticks of 1 at 8, 15 % jitter, 1 tick", 0.95),
    ("ticks of 1 at 8, 15 % jitter, 2 ticks", 0.95),
    ("counts, 15 % dips, .1 %", 0.95),
    ("12 points, 12 sigma", 0.9),
    ("16 points, 12 sigma", 0.9),
    ("two modes, evenly, shift 4", 0.8),
    ("two modes, 30 %, shift 4", 0.8),
    ("two modes in turn, shift 4", 0.8),
];
/// Kinds that may raise so many false alarms a series.
const QUIET: [(&str, f64); 4] = [
    ("ticks of 1 at 8, 15 % jitter, none", 0.02),
    ("2 or 3, evenly", 0.5),
    ("12 points, none", 0.01),
    ("16 points, none", 0.01),
];
/// Kinds that may be reported so often a series, live.
const ONCE: [(&str, f64); 6] = [
    ("exact, then 1 noisy", 1.0),
    ("exact, then 3 noisy", 1.0),
    ("exact, then 6 noisy", 1.0),
    ("exact, then 12 noisy", 1.0),
    ("exact, then 40 noisy", 1.0),
    ("2 or 3, evenly", 0.5),
];

fn row(figure: &'static str, is: f64, goal: f64, least: bool) {
    Row {
        figure,
        is,
        goal,
        least,
    }
    .print();
}

/// Prints the table.
pub fn table() {
    let mut finder = Finder::new(Settings::default());
    let f = &mut finder;
    println!("| figure | is | goal | met |\n|---|---|---|---|");
    for (kind, goal) in FOUND {
        row(kind, of_kind(f, kind).0, goal, true);
    }
    for (kind, goal) in QUIET {
        row(kind, of_kind(f, kind).1, goal, false);
    }
    for (kind, goal) in ONCE {
        row(kind, alarms(f, kind), goal, false);
    }
    row(
        "a window's steps kept in the whole",
        windows_kept(f),
        0.95,
        true,
    );
    row(
        "reported steps that stay as n grows",
        stays_told(f),
        0.98,
        true,
    );
    let seasonal = yardstick(f, &["seasonal"], four);
    row("seasonal, four steps: F1", seasonal.f1(), 0.93, true);
    let loud = yardstick(f, &["varchange"], single);
    let exact = loud.exact as f64 / loud.hit.max(1) as f64;
    row("noise × 3 in a stretch: exact commit", exact, 0.75, true);
    let none = yardstick(f, &NOISE, null);
    let rate = 1000.0 * none.wrong as f64 / none.commits as f64;
    row(
        "no change: false alarms per 1000 commits",
        rate,
        0.05,
        false,
    );
    row(
        "one step of 2 to 10 sigma: F1",
        yardstick(f, &NOISE, single).f1(),
        0.95,
        true,
    );
    row(
        "four steps of 2 to 6 sigma: F1",
        yardstick(f, &NOISE, four).f1(),
        0.975,
        true,
    );
    row(
        "no change, live: reports per 1000 commits",
        live_null(f),
        0.6,
        false,
    );
}
