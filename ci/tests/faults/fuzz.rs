//! Whatever comes in from outside is read or refused, and ends no process (F1).
//!
//! Inputs are made from good ones by turning over bits, cutting, repeating and splicing, in the same
//! order in every run: `UPTICK_FUZZ_SECONDS=180 cargo test --test e2e -- faults::fuzz --nocapture`
//! goes on for that long with each reader. Arithmetic that overflows panics in this build.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use collector::config::Config;
use collector::detect::csv;
use collector::profile::symbols::Symbols;
use collector::profile::{Profile, callgrind};
use collector::stats::SplitMix64;
use collector::store::Handed;

use super::server::{report, seen};

/// Inputs that are tried in every run of the tests.
const FEW: usize = 1_500;
/// The longest input.
const LONGEST: usize = 64 << 10;

/// Reads an input; gives whether it was understood.
type Read = fn(&[u8]) -> bool;

/// Words that mean something to one of the readers.
const WORDS: [&str; 24] = [
    "\n",
    "\0",
    "\"",
    ",",
    "{",
    "[",
    "]",
    "}",
    "-",
    "%",
    "&",
    "=",
    "1e308",
    "-1",
    "NaN",
    "18446744073709551615",
    "0x7fffffffffffffff",
    "cfn=(1)",
    "calls=1 1",
    "\u{202e}",
    "\u{feff}",
    "[[command]]",
    "{\"report\":",
    "..",
];

/// One input from another one, and a piece of a third.
fn mutated(dice: &mut SplitMix64, from: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = from.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(out.len() + 1);
        match dice.below(7) {
            0 if at < out.len() => out[at] ^= 1 << dice.below(8),
            1 => out.truncate(at),
            2 => {
                let end = (at + dice.below(64)).min(out.len());
                out.drain(at..end);
            }
            3 => {
                let end = (at + dice.below(256)).min(out.len());
                let piece = out[at..end].to_vec();
                out.splice(at..at, piece);
            }
            4 => {
                let word = WORDS[dice.below(WORDS.len())];
                out.splice(at..at, word.bytes());
            }
            5 if !other.is_empty() => {
                let begin = dice.below(other.len());
                let end = (begin + dice.below(128)).min(other.len());
                out.splice(at..at, other[begin..end].iter().copied());
            }
            _ => {
                let word = WORDS[dice.below(WORDS.len())].repeat(1 + dice.below(40));
                out.splice(at..at, word.bytes());
            }
        }
    }
    out.truncate(LONGEST);
    out
}

fn fuzz(name: &str, corpus: &[Vec<u8>], read: Read) {
    let time = std::env::var("UPTICK_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    let time: Option<Duration> = time.map(Duration::from_secs);
    let mut dice = SplitMix64::new(15);
    let begin = Instant::now();
    let (mut tried, mut understood, mut slowest) = (0, 0, Duration::ZERO);
    assert!(
        corpus.iter().all(|c| read(c)),
        "{name}: a good input is not understood"
    );
    loop {
        let goes_on = time.map_or(tried < FEW, |t| begin.elapsed() < t);
        if !goes_on {
            break;
        }
        let from = &corpus[dice.below(corpus.len())];
        let other = &corpus[dice.below(corpus.len())];
        let input = mutated(&mut dice, from, other);
        let one = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| read(&input)));
        slowest = slowest.max(one.elapsed());
        tried += 1;
        match done {
            Ok(ok) => understood += usize::from(ok),
            Err(_) => panic!(
                "{name}: input {tried}: {:?}",
                String::from_utf8_lossy(&input)
            ),
        }
    }
    seen(
        "F1",
        &format!(
            "{name}: {tried} inputs in {:.0?}, {understood} understood, 0 panics, slowest {slowest:.1?}",
            begin.elapsed()
        ),
    );
}

fn file(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn callgrind_s_output() {
    let read = |data: &[u8]| {
        let _ = callgrind::parts(data);
        let mut symbols = Symbols::new(Path::new("/repo"));
        Profile::read(data, &[0], &mut symbols).is_ok()
    };
    let small = "version: 1\npositions: instr line\nevents: Ir\n\nfn=(1) main\n0x10 1 5\n\
                 cfn=(2) f\ncalls=1 0x20 3\n0x11 2 7\nfn=(2)\n0x20 3 7\ntotals: 12\n";
    let golden = file("collector/src/profile/golden/base.callgrind");
    fuzz("callgrind", &[small.into(), golden], read);
}

#[test]
fn csv_of_series() {
    let read = |data: &[u8]| csv::read(data).is_ok();
    let corpus = [
        "series,index,value\na,1,2.5\na,2,NA\nb,1,3\n",
        "\"\";\"series\";\"index\";\"value\"\n\"1\";\"a\";2024-01-02;1,5\n",
        "series\tindex\tvalue\na\t1\t1e3\n",
    ];
    fuzz("CSV", &corpus.map(Vec::from), read);
}

#[test]
fn json_lines_that_are_handed_in() {
    let read = |data: &[u8]| Handed::read(data).is_ok();
    let one = report(1, 2);
    let text = String::from_utf8(one.clone()).unwrap();
    let lines = format!("{{\"schema\":\"uptick.export/1\"}}\n{{\"report\":{text}}}\n");
    fuzz("JSON lines", &[one, lines.into_bytes()], read);
}

#[test]
fn uptick_toml() {
    let read = |data: &[u8]| Config::parse(&String::from_utf8_lossy(data)).is_ok();
    let more = "[limits]\ninstructions = \"0.5%\"\n[[command]]\nname = \"a\"\nrun = \"./a 'b c'\"\n\
                [[limit]]\nbenchmark = \"x/*\"\nmetric = \"instructions\"\nlimit = \"1%\"\n";
    let corpus: Vec<Vec<u8>> = [more.as_bytes().to_vec(), file("uptick.toml"), Vec::new()]
        .into_iter()
        .filter(|c| read(c))
        .collect();
    assert!(corpus.len() > 1);
    fuzz("uptick.toml", &corpus, read);
}

#[test]
fn addresses_with_their_queries() {
    let read = |data: &[u8]| {
        let text = String::from_utf8_lossy(data);
        let (path, query) = text.split_once('?').unwrap_or((&text, ""));
        dashboard::is_understood(path, query)
    };
    let corpus = [
        "/health?metric=instructions&q=parse%2Flarge&order=noise&page=2",
        "/commits?before=120",
        "/series/0123456789abcdef?from=3&to=90",
        "/compare/0123456..89abcde.json?show=all&q=x",
        "/functions/0123456789abcdef/0123456..89abcde?focus=3",
        "/api/v1/commits?before=7",
        "/log.csv",
    ];
    fuzz("addresses", &corpus.map(Vec::from), read);
}
