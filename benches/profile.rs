//! From callgrind's file to the explanation: parsing (at least 200 MB/s on one core), building, explaining, drawing.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

use collector::profile::symbols::Symbols;
use collector::profile::{Profile, callgrind, critical_path, delta, flame};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A file as `--dump-instr=yes --separate-callers=64` gives it, of at least `bytes` bytes, in one part: functions
/// in some twenty callers' contexts, 60 instructions each, a call every dozen. `extra` is added to one function.
fn synthetic(bytes: usize, extra: u64) -> Vec<u8> {
    let mut out =
        String::from("version: 1\npositions: instr line\nevents: Ir\n\nob=(1) /fixed/b\n");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut total = 0;
    let mut function = 0u64;
    while out.len() < bytes {
        function += 1;
        let _ = writeln!(out, "fl=({0}) /repo/src/file{0}.rs", function % 200 + 1);
        let _ = writeln!(out, "fn=({function}) {}", context(function));
        let _ = writeln!(out, "{:#x} {} {}", 0x1000 * function, next(900) + 10, 7);
        total += 7;
        for i in 0..60 {
            if i % 12 == 11 {
                let callee = function + 1;
                let _ = writeln!(
                    out,
                    "cfn=({callee}) {}\ncalls=3 {:#x} 10\n* * {}",
                    context(callee),
                    0x1000 * callee,
                    next(100_000)
                );
            }
            let cost = 1 + next(5_000) + if function == 50 { extra } else { 0 };
            total += cost;
            let line = ["*", "+1", "-1", "+12"][next(4) as usize];
            let _ = writeln!(out, "+{} {line} {cost}", next(9) + 1);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "totals: {total}");
    out.into_bytes()
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

fn parsing(c: &mut Criterion) {
    let data = synthetic(20_000_000, 0);
    let mut group = c.benchmark_group("profile/parse_20MB");
    group
        .throughput(Throughput::Bytes(data.len() as u64))
        .sample_size(20);
    group.bench_function("read", |b| {
        b.iter(|| callgrind::read(black_box(&data), &[0]))
    });
    group.bench_function("parts", |b| b.iter(|| callgrind::parts(black_box(&data))));
    group.finish();
}

fn explaining(c: &mut Criterion) {
    let data = synthetic(2_000_000, 0);
    let (base, head) = (profile(2_000_000, 0), profile(2_000_000, 100));
    let blob = base.encode().expect("memory");
    let mut group = c.benchmark_group("profile");
    group.sample_size(20);
    group.bench_function("build", |b| {
        b.iter(|| Profile::read(&data, &[0], &mut Symbols::new(Path::new("/repo"))));
    });
    group.bench_function("explain", |b| {
        b.iter(|| delta::explain(&base, &head, 0.001, &[]))
    });
    group.bench_function("critical_path", |b| b.iter(|| critical_path(&base)));
    group.bench_function("encode", |b| b.iter(|| base.encode()));
    group.bench_function("decode", |b| b.iter(|| Profile::decode(&blob)));
    group.bench_function("flame_graph", |b| b.iter(|| flame::graph(&base, "bench")));
    group.bench_function("flame_difference", |b| {
        b.iter(|| flame::difference(&base, &head, "bench"))
    });
    group.finish();
}

criterion_group!(benches, parsing, explaining);
criterion_main!(benches);
