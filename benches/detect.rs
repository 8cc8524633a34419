//! The finder, a replayed append and the CSV reader, at 1,000, 10,000 and 100,000 series.
//!
//! A round at 100,000 series takes a minute, so each size measures a fixed
//! number of series and reports the time per *that size* through its
//! throughput: what must be seen is that the cost per series does not grow.
//! `UPTICK_BENCH_FULL=1` runs every series of every size.

use std::hint::black_box;
use std::time::Duration;

use collector::detect::csv;
use collector::detect::replay::{Replay, WINDOW};
use collector::detect::{Finder, Point, Settings};
use collector::stats::SplitMix64;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Commits per series, as in the project's yardstick.
const COMMITS: usize = 500;
/// Series per round where the whole size would take too long.
const SAMPLE: usize = 200;

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

/// How many of `all` series one round takes.
fn round(all: usize) -> usize {
    if std::env::var_os("UPTICK_BENCH_FULL").is_some() {
        all
    } else {
        all.min(SAMPLE)
    }
}

fn find(c: &mut Criterion) {
    let mut group = c.benchmark_group("finder");
    for all in [1_000, 10_000, 100_000] {
        let n = round(all);
        // Distinct series, spread over the size, so that caches see what a store would give them.
        let some: Vec<Vec<Point>> = (0..n)
            .map(|i| series((i * all / n) as u64, COMMITS))
            .collect();
        group.throughput(Throughput::Elements(n as u64));
        group.bench_with_input(BenchmarkId::new("series", all), &some, |b, some| {
            let mut finder = Finder::new(Settings::default());
            b.iter(|| {
                some.iter()
                    .map(|s| finder.find(black_box(s)).changes.len())
                    .sum::<usize>()
            });
        });
    }
    for commits in [50, 500, 5_000] {
        let one = series(1, commits);
        group.throughput(Throughput::Elements(commits as u64));
        group.bench_with_input(BenchmarkId::new("commits", commits), &one, |b, one| {
            let mut finder = Finder::new(Settings::default());
            b.iter(|| finder.find(black_box(one)).changes.len());
        });
    }
    group.finish();
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    for all in [1_000, 10_000, 100_000] {
        let n = round(all);
        let mut live: Vec<Replay> = (0..n).map(|i| filled((i * all / n) as u64)).collect();
        let mut g = SplitMix64::new(3);
        let mut index = WINDOW as i64;
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("one commit", all), |b| {
            b.iter(|| {
                index += 1;
                let value = 103.0 + 2.0 * g.next_f64();
                live.iter_mut()
                    .map(|r| r.push(Point { index, value }).len())
                    .sum::<usize>()
            });
        });
    }
    group.finish();
}

/// A series whose window is full.
fn filled(seed: u64) -> Replay {
    let points = series(seed, WINDOW);
    let mut replay = Replay::new(Settings::default());
    replay.fill(&points);
    replay
}

fn replay(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay");
    for commits in [100, 500, 2_000] {
        let points = series(7, commits);
        group.throughput(Throughput::Elements(commits as u64));
        group.bench_with_input(
            BenchmarkId::new("commits", commits),
            &points,
            |b, points| {
                b.iter(|| {
                    let mut replay = Replay::new(Settings::default());
                    points.iter().map(|p| replay.push(*p).len()).sum::<usize>()
                });
            },
        );
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    let mut text = String::from("series,index,value\n");
    for s in 0..120 {
        for p in series(s, COMMITS) {
            text.push_str(&format!("series-{s},{},{}\n", p.index, p.value));
        }
    }
    let mut group = c.benchmark_group("csv");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("60,000 rows", |b| {
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
criterion_main!(benches);
