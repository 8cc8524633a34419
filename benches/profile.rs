//! From callgrind's file to the explanation: parsing (at least 200 MB/s on one core), building,
//! explaining, drawing.
//!
//! Inputs are made when a benchmark first wants them: whoever runs one of these, under a counter
//! that slows everything down, does not wait for the inputs of all.

use std::cell::LazyCell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

use collector::profile::symbols::Symbols;
use collector::profile::{Profile, callgrind, critical_path, delta, flame};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A file as `--dump-instr=yes --separate-callers=64` gives it, of at least `bytes` bytes, in one part: functions
/// under some ten callers each, 60 instructions, a call every dozen. Names are written out once, as callgrind does,
/// so that most bytes are short cost lines. `extra` is added to each instruction of one function.
fn synthetic(bytes: usize, extra: u64) -> Vec<u8> {
    let mut out =
        String::from("version: 1\npositions: instr line\nevents: Ir\n\nob=(1) /fixed/b\n");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut total = 0;
    let mut named = 0;
    for function in 1.. {
        if out.len() >= bytes {
            break;
        }
        let file = function % 200 + 1;
        let _ = writeln!(out, "fl=({file}) /repo/src/file{file}.rs");
        let _ = writeln!(out, "fn={}", name(function, &mut named));
        let _ = writeln!(out, "{:#x} {} 7", 0x1000 * function, random.below(900) + 10);
        total += 7;
        for i in 0..60 {
            if i % 12 == 11 {
                let callee = 1 + random.below(function) / 2;
                let _ = writeln!(out, "cfn={}", name(callee, &mut named));
                let _ = writeln!(out, "calls=3 {:#x} 10", 0x1000 * callee);
                let _ = writeln!(out, "* * {}", random.below(100_000));
            }
            let cost = 1 + random.below(5_000) + if function == 50 { extra } else { 0 };
            total += cost;
            let line = ["*", "+1", "-1", "+12"][random.below(4) as usize];
            let _ = writeln!(out, "+{} {line} {cost}", random.below(9) + 1);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "totals: {total}");
    out.into_bytes()
}

/// A linear congruential generator: the same file every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// `(7) full name` at first, then `(7)`.
fn name(function: u64, named: &mut u64) -> String {
    if function <= *named {
        return format!("({function})");
    }
    *named = function;
    format!("({function}) {}", context(function))
}

/// A function below others: the tree has a branch every few functions.
fn context(function: u64) -> String {
    let mut name = String::new();
    let mut at = function;
    while at > 0 {
        let _ = write!(name, "_ZN4some6module{}17h{at:016x}E'", mangled(at));
        at /= 3;
    }
    name + "main"
}

/// `function7` with its length in front.
fn mangled(at: u64) -> String {
    let name = format!("function{at}");
    format!("{}{name}", name.len())
}

fn profile(bytes: usize, extra: u64) -> Profile {
    let data = synthetic(bytes, extra);
    Profile::read(&data, &[0], &mut Symbols::new(Path::new("/repo"))).expect("a well-formed file")
}

/// Bytes of the file that is parsed for its speed.
const LARGE: usize = 20_000_000;
/// Bytes of the file that everything after parsing begins with: as a benchmark's region gives.
const USUAL: usize = 300_000;

fn parsing(c: &mut Criterion) {
    let data = LazyCell::new(|| synthetic(LARGE, 0));
    let mut group = c.benchmark_group("profile/parse_20MB");
    group
        .throughput(Throughput::Bytes(LARGE as u64))
        .sample_size(20);
    group.bench_function("read", |b| {
        let data = LazyCell::force(&data);
        b.iter(|| callgrind::read(black_box(data), &[0]));
    });
    group.bench_function("parts", |b| {
        let data = LazyCell::force(&data);
        b.iter(|| callgrind::parts(black_box(data)));
    });
    group.finish();
}

fn explaining(c: &mut Criterion) {
    let data = LazyCell::new(|| synthetic(USUAL, 0));
    let base = LazyCell::new(|| profile(USUAL, 0));
    let head = LazyCell::new(|| profile(USUAL, 100));
    let mut group = c.benchmark_group("profile");
    group.sample_size(20);
    group.bench_function("build", |b| {
        let data = LazyCell::force(&data);
        b.iter(|| Profile::read(data, &[0], &mut Symbols::new(Path::new("/repo"))));
    });
    group.bench_function("explain", |b| {
        let (base, head) = (LazyCell::force(&base), LazyCell::force(&head));
        b.iter(|| delta::explain(base, head, 0.001, &[]));
    });
    group.bench_function("critical_path", |b| {
        let base = LazyCell::force(&base);
        b.iter(|| critical_path(base));
    });
    group.bench_function("encode", |b| {
        let base = LazyCell::force(&base);
        b.iter(|| base.encode());
    });
    // Once: criterion calls what is around the iterations several times.
    let blob = LazyCell::new(|| base.encode().expect("memory"));
    group.bench_function("decode", |b| {
        let blob = LazyCell::force(&blob);
        b.iter(|| Profile::decode(blob));
    });
    group.bench_function("flame_graph", |b| {
        let base = LazyCell::force(&base);
        b.iter(|| flame::graph(base, "bench"));
    });
    group.bench_function("flame_difference", |b| {
        let (base, head) = (LazyCell::force(&base), LazyCell::force(&head));
        b.iter(|| flame::difference(base, head, "bench"));
    });
    group.finish();
}

criterion_group!(benches, parsing, explaining);
criterion_main!(benches);
