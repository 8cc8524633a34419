//! The finder, an append, a replay and the CSV reader; the first three at 1,000,
//! 10,000 and 100,000 series, so that the growth of their cost shows.
//!
//! There the finder's series have 50 commits, and those that are replayed 12: 500 would take a
//! minute a round and 800 MB, and a replay hours. How cost grows with the commits of a series
//! is shown apart.
//!
//! `-- hard` prints how the finder does on the kinds of series that finders fail on instead,
//! `-- hard DIR` on the series of a directory with notes of what an eye sees in them, `-- goals`
//! the figures that a change of the finder is judged on, each against its goal.
//!
//! Inputs are made when a benchmark first wants them, so that running one does not wait for
//! the inputs of all.

#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::cell::{LazyCell, RefCell};
use std::hint::black_box;
use std::time::Duration;

use benches::hard;
use collector::detect::alerts::replay::{Replay, WINDOW};
use collector::detect::csv;
use collector::detect::{Finder, Point, Settings};
use collector::stats::SplitMix64;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};

/// Commits per series where many series are measured.
const COMMITS: usize = 50;
/// Commits per series where many are replayed: each is judged with all before it.
const PAST: usize = 12;
/// Numbers of series.
const SERIES: [u64; 3] = [1_000, 10_000, 100_000];

/// Nearly normal noise around 100 with one step of 4 sigma.
fn series(seed: u64, n: usize) -> Vec<Point> {
    let mut g = SplitMix64::new(seed);
    let at = n / 5 + g.below(n * 3 / 5);
    (0..n)
        .map(|i| {
            let noise = (0..12).map(|_| g.next_f64()).sum::<f64>() - 6.0;
            let value = 100.0 + noise + if i < at { 0.0 } else { 4.0 };
            Point {
                index: i as i64,
                value,
            }
        })
        .collect()
}

fn find(c: &mut Criterion) {
    let mut group = c.benchmark_group("finder");
    for n in SERIES {
        let all = LazyCell::new(|| (0..n).map(|i| series(i, COMMITS)).collect::<Vec<_>>());
        group.throughput(Throughput::Elements(n));
        group.bench_function(BenchmarkId::new("series", n), |b| {
            let all = LazyCell::force(&all);
            let mut finder = Finder::new(Settings::default());
            b.iter(|| {
                all.iter()
                    .map(|s| finder.find(black_box(s)).changes.len())
                    .sum::<usize>()
            });
        });
    }
    for commits in [50, 500, 5_000] {
        group.throughput(Throughput::Elements(commits as u64));
        group.bench_function(BenchmarkId::new("commits", commits), |b| {
            let one = series(1, commits);
            let mut finder = Finder::new(Settings::default());
            b.iter(|| finder.find(black_box(&one)).changes.len());
        });
    }
    group.finish();
}

/// Series that grow with each round, and where they stand.
struct Growing {
    live: Vec<Replay>,
    finder: Finder,
    random: SplitMix64,
    index: i64,
}

impl Growing {
    fn new(n: u64, commits: usize) -> Self {
        let mut finder = Finder::new(Settings::default());
        Self {
            live: (0..n)
                .map(|i| filled(&mut finder, &series(i, commits)))
                .collect(),
            finder,
            random: SplitMix64::new(3),
            index: commits as i64,
        }
    }

    /// One commit for every series; how many flags it raises.
    fn append(&mut self) -> usize {
        self.index += 1;
        let value = 103.0 + 2.0 * self.random.next_f64();
        let point = Point {
            index: self.index,
            value,
        };
        self.live
            .iter_mut()
            .map(|r| r.push(&mut self.finder, point).len())
            .sum()
    }
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    for n in SERIES {
        let growing = LazyCell::new(|| RefCell::new(Growing::new(n, COMMITS)));
        group.throughput(Throughput::Elements(n));
        group.bench_function(BenchmarkId::new("series", n), |b| {
            let growing = LazyCell::force(&growing);
            b.iter(|| growing.borrow_mut().append());
        });
    }
    // The costliest case: a full window.
    let full = LazyCell::new(|| RefCell::new(Growing::new(1, WINDOW)));
    group.throughput(Throughput::Elements(1));
    group.bench_function("full window", |b| {
        let full = LazyCell::force(&full);
        b.iter(|| full.borrow_mut().append());
    });
    group.finish();
}

/// A series that resumes from its stored points.
fn filled(finder: &mut Finder, points: &[Point]) -> Replay {
    let mut replay = Replay::new(Settings::default());
    replay.fill(finder, points);
    replay
}

/// How many flags a series raises from its first commit on.
fn replayed(points: &[Point]) -> usize {
    let mut finder = Finder::new(Settings::default());
    let mut replay = Replay::new(Settings::default());
    points
        .iter()
        .map(|p| replay.push(&mut finder, *p).len())
        .sum()
}

fn replay(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay");
    for n in SERIES {
        let all = LazyCell::new(|| (0..n).map(|i| series(i, PAST)).collect::<Vec<_>>());
        group.throughput(Throughput::Elements(n));
        group.bench_function(BenchmarkId::new("series", n), |b| {
            let all = LazyCell::force(&all);
            b.iter(|| all.iter().map(|s| replayed(black_box(s))).sum::<usize>());
        });
    }
    for commits in [100, 500, 2_000] {
        group.throughput(Throughput::Elements(commits as u64));
        group.bench_function(BenchmarkId::new("commits", commits), |b| {
            let points = series(7, commits);
            b.iter(|| replayed(black_box(&points)));
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    let text = LazyCell::new(|| {
        let mut text = String::from("series,index,value\n");
        for s in 0..12 {
            for p in series(s, 500) {
                text.push_str(&format!("series-{s},{},{}\n", p.index, p.value));
            }
        }
        text
    });
    let mut group = c.benchmark_group("csv");
    group.throughput(Throughput::Elements(6_000));
    group.bench_function("6,000 rows", |b| {
        let text = LazyCell::force(&text);
        b.iter(|| csv::read(black_box(text.as_bytes())).map_or(0, |s| s.len()));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = find, append, replay, read
}

fn main() {
    let mut args = std::env::args().skip_while(|a| a != "hard" && a != "goals");
    match (args.next().as_deref(), args.next()) {
        (Some("goals"), _) => return hard::goals::table(),
        (Some(_), Some(dir)) if !dir.starts_with('-') => {
            if let Err(e) = hard::eye::table(dir.as_ref()) {
                println!("{e}");
                std::process::exit(2);
            }
            return;
        }
        (Some(_), _) => return hard::table(),
        (None, _) => {}
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
