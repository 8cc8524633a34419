//! The program behind the golden files of this folder; `make.sh` has the commands.
#![no_main]

use std::hint::black_box;

#[inline(always)]
fn score(byte: u8) -> u64 {
    let mut sum = u64::from(byte);
    for k in 0..if cfg!(slow) { 3 } else { 2 } {
        sum = sum.wrapping_mul(31) ^ black_box(k);
    }
    sum
}

#[inline(never)]
fn words(text: &str) -> Vec<(String, u64)> {
    let mut out: Vec<(String, u64)> = Vec::new();
    for word in text.split(' ') {
        out.push((word.to_owned(), word.bytes().map(score).sum()));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

#[inline(never)]
fn depth(n: u64) -> u64 {
    if n < 2 { black_box(n) } else { depth(n - 1) + black_box(n) }
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn golden_work() -> u64 {
    let sorted = words(black_box("the quick brown fox jumps over"));
    depth(black_box(12)) + sorted.iter().map(|w| w.1).sum::<u64>()
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn golden_mark() {
    black_box(());
}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    for _ in 0..2 {
        black_box(golden_work());
        golden_mark();
    }
    0
}
