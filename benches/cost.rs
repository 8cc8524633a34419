//! What counting and storing cost, each as a ratio to the least that they could cost, taken in
//! turn in one run. Prints a table; with `--test` each is done once and only has to work.
//!
//! * counting one benchmark, to running the same executable with the same iterations bare under
//!   `valgrind --tool=callgrind`: at most 1.15
//! * counting five benchmarks, in seconds
//! * storing a report of 20,000 measurements durably, to a bare insert of the same bytes: at most 2

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::config::Strings;
use collector::measure::env::{self, Mark, Pins, Scratch};
use collector::measure::{Job, Kind, Known, Seen, Session, measure, symbols};
use collector::model::{Commit, Counter, Measurement, Metric, NoiseClass, Report, Sha, Testbed};
use collector::store::Store;
use criterion::{BatchSize, Criterion};
use std::collections::HashMap;

const ROUNDS: usize = 7;
const NAMES: [&str; 5] = ["json", "map", "map_fixed", "sort", "tiny"];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if std::env::var_os("UPTICK_FILL").is_some() || args.iter().any(|a| a == "--profile-time") {
        // Called by ourselves, as the benchmark that is counted.
        let mut c = Criterion::default().configure_from_args();
        subjects(&mut c);
        return;
    }
    if args.iter().any(|a| a == "--list") {
        return; // a program that measures programs is itself no benchmark
    }
    let rounds = if args.iter().any(|a| a == "--test") {
        1
    } else {
        ROUNDS
    };
    if collector::measure::callgrind::version().is_some() {
        counting(rounds);
    } else {
        say("valgrind is not installed: counting is not measured");
    }
    storing(rounds);
}

#[expect(clippy::print_stdout, reason = "a table for people")]
fn say(line: &str) {
    println!("{line}");
}

/// Five routines of the kinds that people count.
fn subjects(c: &mut Criterion) {
    use std::collections::BTreeMap;
    fn text(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("{{\"k{i}\":[{i},{i}]}}")).collect()
    }
    fn score(s: &str) -> u64 {
        s.bytes()
            .fold(0, |x, b| x.wrapping_mul(31).wrapping_add(u64::from(b)))
    }
    c.bench_function("json", |b| {
        b.iter(|| text(black_box(5000)).iter().map(|s| score(s)).sum::<u64>());
    });
    c.bench_function("map", |b| {
        b.iter(|| {
            let m: HashMap<String, usize> = text(black_box(2000))
                .into_iter()
                .enumerate()
                .map(|(i, s)| (s, i))
                .collect();
            m.len()
        });
    });
    c.bench_function("map_fixed", |b| {
        b.iter(|| {
            let m: BTreeMap<String, usize> = text(black_box(2000))
                .into_iter()
                .enumerate()
                .map(|(i, s)| (s, i))
                .collect();
            m.len()
        });
    });
    let data: Vec<u32> = (0..20_000u32)
        .map(|i| i.wrapping_mul(2_654_435_761))
        .collect();
    c.bench_function("sort", |b| {
        b.iter_batched(
            || data.clone(),
            |mut v| {
                v.sort();
                v
            },
            BatchSize::SmallInput,
        );
    });
    c.bench_function("tiny", |b| b.iter(|| score(black_box("hello world"))));
}

fn median(mut xs: Vec<f64>) -> f64 {
    xs.sort_by(f64::total_cmp);
    xs[xs.len() / 2]
}

fn timed(f: impl FnOnce()) -> f64 {
    let t = Instant::now();
    f();
    t.elapsed().as_secs_f64()
}

fn counting(rounds: usize) {
    let own = std::env::current_exe().expect("this executable has a path");
    let facts = symbols::read(&own).expect("this executable can be read");
    let session = Session {
        scratch: Scratch::new().expect("scratch"),
        counter: Counter::Callgrind,
        strings: Strings::Portable,
        metrics: Vec::new(),
    };
    let program = session
        .scratch
        .install(&own, &[])
        .expect("the executable can be copied");
    let boundaries = Arc::new(facts.boundaries);
    let jobs: Vec<Job> = NAMES
        .iter()
        .map(|name| Job {
            name: (*name).to_string(),
            program: program.clone(),
            kind: Kind::Criterion {
                id: (*name).to_string(),
                boundaries: boundaries.clone(),
                exact: facts.exact,
                is_static: false,
                filter: None,
            },
            dir: "/".into(),
            stdin: None,
            env: std::collections::BTreeMap::new(),
            timeout: Duration::from_secs(300),
            seen: Seen::default(),
            standing: collector::measure::stage::Standing::default(),
        })
        .collect();
    let take = |job: &Job, known: Option<&Known>| {
        let m = measure(&session, job, known);
        assert!(m.failures.is_empty(), "{:?}", m.failures);
        m.measurements[0].value
    };
    // As on a commit that moved nothing: the count is one that an earlier commit had.
    let known: HashMap<&str, Known> = jobs
        .iter()
        .map(|job| {
            let counts = vec![take(job, None)];
            let class = NoiseClass::Exact;
            (job.name.as_str(), Known { class, counts })
        })
        .collect();
    let count = |job: &Job| {
        take(job, known.get(job.name.as_str()));
    };
    for job in jobs
        .iter()
        .filter(|j| ["json", "tiny"].contains(&j.name.as_str()))
    {
        let ratios: Vec<f64> = (0..rounds)
            .map(|_| timed(|| count(job)) / timed(|| bare(&session, &own, job)))
            .collect();
        say(&format!(
            "counting `{}`, to a bare run under callgrind: {:.2} (median of {rounds}; at most 1.15)",
            job.name,
            median(ratios)
        ));
    }
    let width = std::thread::available_parallelism().map_or(1, usize::from);
    let suite: Vec<f64> = (0..rounds)
        .map(|_| timed(|| drop(collector::parallel::parallel(width, &jobs, count))))
        .collect();
    say(&format!(
        "counting five benchmarks on {width} cores: {:.2} s (median of {rounds})",
        median(suite)
    ));
}

/// The same iterations of the same executable, under callgrind as anybody would start it.
fn bare(session: &Session, own: &std::path::Path, job: &Job) {
    let slot = session.scratch.slot().expect("scratch");
    let pins = Pins {
        mark: Mark::None,
        ..Pins::by_regions(Mark::None, 6)
    };
    let out = format!("--callgrind-out-file={}", slot.join("o.%p").display());
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", &out])
        .arg(own)
        .args(["--bench", "--profile-time", "15", "--exact", &job.name])
        .env_clear()
        .envs(env::environment(
            &session.scratch,
            &slot,
            &pins,
            Strings::Portable,
            &job.env,
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("valgrind starts");
    assert!(status.success());
}

fn report(position: u64) -> Report {
    let measurement = |i: usize| {
        let value = 1e6 + (i as f64) * 17.0 + (position as f64);
        let name = format!("group_{}/benchmark with a name {i}", i % 97);
        Measurement::once(&name, Metric::Instructions, Counter::Callgrind, value)
    };
    Report {
        schema: Report::SCHEMA.into(),
        commit: Commit {
            sha: Sha(format!("{position:040x}")),
            position,
            parents: vec![],
            author: "A".into(),
            time: 0,
            subject: "s".into(),
        },
        testbed: Testbed::default(),
        build_key: position.to_string(),
        suite_key: String::new(),
        testbed_key: String::new(),
        started: 0,
        seconds: 0.0,
        reused: None,
        line: None,
        measurements: (0..20_000).map(measurement).collect(),
        failures: vec![],
        profiles: vec![],
    }
}

fn storing(rounds: usize) {
    let dir = tempfile::tempdir_in(".").expect("a directory on the disk itself");
    let mut store = Store::open(&dir.path().join("a.db")).expect("store");
    let bare = rusqlite::Connection::open(dir.path().join("b.db")).expect("database");
    bare.pragma_update(None, "journal_mode", "WAL")
        .expect("pragma");
    bare.pragma_update(None, "synchronous", "FULL")
        .expect("pragma");
    bare.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, document BLOB NOT NULL)",
        [],
    )
    .expect("table");
    let (mut durable, mut whole, mut bytes) = (Vec::new(), Vec::new(), 0);
    for i in 0..rounds {
        let r = report(2 * i as u64);
        let json = serde_json::to_vec(&r).expect("JSON");
        bytes = json.len();
        let b = timed(|| {
            bare.execute("INSERT INTO t (document) VALUES (?1)", [&json])
                .expect("insert");
        });
        durable.push(timed(|| drop(store.put_durably(&r, &[]).expect("put"))) / b);
        let r = report(2 * i as u64 + 1);
        whole.push(timed(|| drop(store.put(&r, &[]).expect("put"))) / b);
    }
    say(&format!(
        "storing 20,000 measurements ({bytes} bytes) durably, to a bare insert of the same bytes: {:.2} \
         (median of {rounds}; at most 2); with every series and point derived: {:.2}",
        median(durable),
        median(whole)
    ));
}
