//! A day of a team's traffic, compressed in time: rollouts, each measured on several testbeds at
//! once, handed in over HTTP by a client a testbed, while pages are asked for.
//!
//! ```text
//! cargo bench --features load --bench load -- --day [--rollouts 60] [--testbeds 5] [--values 20000] [--within 60]
//! ```
//! Rollouts are due at even times `within` so many seconds; a report counts from when it was due,
//! so that whoever waits behind a slow one waits too. The server is killed once the last report is
//! acknowledged, and another one is started: what it derives from the log then is the backlog, and
//! what was acknowledged and is not there is lost.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use collector::model::{Commit, Counter, Line, Measurement, Metric, Report, Sha, Testbed, digest};
use collector::store::Store;

use crate::{Connection, Measured, Server, say};

/// Pages that are asked for, in turn.
const PAGES: [&str; 2] = ["/", "/health"];
/// Between two pages.
const PAGE_EVERY: Duration = Duration::from_millis(100);
/// Between two looks at how far the view is.
const LOOK: Duration = Duration::from_millis(200);
/// Before a report that was refused for lack of room is sent again.
const AGAIN: Duration = Duration::from_millis(200);
/// For how long the backlog may be worked off.
const PATIENCE: Duration = Duration::from_secs(300);

/// How large the day is.
pub(crate) struct Day {
    rollouts: u64,
    testbeds: u64,
    values: usize,
    within: f64,
}

impl Day {
    /// What the command line asks for; a small day that takes a moment, unless more is said.
    pub(crate) fn asked(is_bench: bool) -> anyhow::Result<Self> {
        let mut day = Self {
            rollouts: if is_bench { 6 } else { 1 },
            testbeds: 2,
            values: if is_bench { 1_000 } else { 10 },
            within: if is_bench { 3.0 } else { 0.1 },
        };
        let mut all = std::env::args().skip(1);
        while let Some(flag) = all.next() {
            let mut value = || all.next().with_context(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--rollouts" => day.rollouts = value()?.parse()?,
                "--testbeds" => day.testbeds = value()?.parse()?,
                "--values" => day.values = value()?.parse()?,
                "--within" => day.within = value()?.parse()?,
                _ => {}
            }
        }
        let reports = day.rollouts.saturating_mul(day.testbeds);
        anyhow::ensure!((1..=10_000).contains(&reports), "1 to 10,000 reports");
        anyhow::ensure!((1..=64).contains(&day.testbeds), "1 to 64 testbeds");
        anyhow::ensure!((1..=200_000).contains(&day.values), "1 to 200,000 values");
        anyhow::ensure!((0.0..=3_600.0).contains(&day.within), "within 3,600 s");
        Ok(day)
    }

    fn reports(&self) -> u64 {
        self.rollouts * self.testbeds
    }

    fn due(&self, rollout: u64) -> Duration {
        Duration::from_secs_f64(self.within * rollout as f64 / self.rollouts as f64)
    }

    /// The report of a rollout on a testbed; numbers move a little, and one benchmark in a hundred
    /// steps up in the middle of the day.
    fn report(&self, rollout: u64, testbed: u64) -> Report {
        let facts = [("machine".to_string(), format!("mock-{testbed}"))];
        let measurements = (0..self.values).map(|i| {
            let wobble = (rollout * 31 + i as u64 * 17) % 7;
            let step = i % 100 == 0 && rollout * 2 >= self.rollouts;
            let value = 1e6 + 1e3 * i as f64 + wobble as f64 + if step { 5e5 } else { 0.0 };
            let name = format!("mock/{:03}/case_{i:05}", i % 200);
            Measurement::once(&name, Metric::Instructions, Counter::stored("mock"), value)
        });
        Report {
            schema: Report::SCHEMA.into(),
            commit: Commit {
                sha: Sha(digest(&rollout.to_le_bytes())[..40].to_string()),
                position: rollout,
                parents: Vec::new(),
                author: "A".into(),
                time: 1_795_000_000 + i64::try_from(rollout).unwrap_or(0) * 1_440,
                subject: format!("Rollout {rollout}"),
            },
            testbed: Testbed {
                facts: BTreeMap::from(facts),
            },
            build_key: format!("build {rollout}"),
            suite_key: "mock".into(),
            testbed_key: format!("mock {testbed}"),
            started: 1_795_000_000,
            seconds: 1.0,
            reused: None,
            line: Some(Line::Main),
            measurements: measurements.collect(),
            failures: Vec::new(),
            profiles: Vec::new(),
        }
    }
}

/// What the clients saw.
#[derive(Default)]
struct Seen {
    /// Seconds until a report was acknowledged, since it was due.
    acknowledged: Vec<f64>,
    /// Seconds until the same bytes are in a file, durably.
    bare: Vec<f64>,
    /// Hashes of what was acknowledged.
    hashes: Vec<String>,
    /// How often a report was sent again.
    again: u64,
}

/// Replays the day and prints what it took.
pub(crate) fn replay(day: &Day) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("day.db");
    let server = start(day, &path)?;
    let quiet = pages(&server, &|t| t < 1.0_f64.min(day.within))?;
    let store = Store::open_existing(&path)?;
    let (done, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    let (seen, busy, most) = std::thread::scope(|scope| -> anyhow::Result<_> {
        let (done, acknowledged, server) = (&done, &acknowledged, &server);
        let reader = scope.spawn(move || pages(server, &|_| !done.load(Ordering::SeqCst)));
        let looker = scope.spawn(move || behind(&store, done, acknowledged));
        let clients: Vec<_> = (0..day.testbeds)
            .map(|t| scope.spawn(move || client(day, t, server, begin, acknowledged)))
            .collect();
        let mut all = Seen::default();
        let mut failed = None;
        for client in clients {
            match client.join() {
                Ok(Ok(seen)) => add(&mut all, seen),
                Ok(Err(e)) => failed = Some(e),
                Err(_) => failed = Some(anyhow::anyhow!("a client panicked")),
            }
        }
        done.store(true, Ordering::SeqCst);
        let panicked = |_| anyhow::anyhow!("a thread panicked");
        let (busy, most) = (
            reader.join().map_err(panicked)?,
            looker.join().map_err(panicked)?,
        );
        failed.map_or_else(|| Ok((all, busy?, most?)), Err)
    })?;
    let took = begin.elapsed().as_secs_f64();
    // Killed, with whatever was not derived.
    drop(server);
    let store = Store::open_existing(&path)?;
    let left = day.reports().saturating_sub(store.counts()?.0);
    let server = start(day, &path)?;
    let drained = drain(day, &store)?;
    table(day, took, &seen, (&quiet, &busy), (most, left, drained))?;
    lost(day, &store, &seen)?;
    say(&format!("{} MB resident", server.resident()))
}

fn add(all: &mut Seen, seen: Seen) {
    all.acknowledged.extend(seen.acknowledged);
    all.bare.extend(seen.bare);
    all.hashes.extend(seen.hashes);
    all.again += seen.again;
}

/// A server that takes every series of the day as a new one: until a report is derived, those that
/// come after it count its series once more.
fn start(day: &Day, path: &Path) -> anyhow::Result<Server> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uptick"));
    let series = day.reports() * day.values as u64;
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--new-series"])
        .arg((series + 1).to_string())
        .arg("--store")
        .arg(path);
    Server::spawn(command)
}

/// A collector of one testbed.
fn client(
    day: &Day,
    testbed: u64,
    server: &Server,
    begin: Instant,
    acknowledged: &AtomicU64,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    for rollout in 0..day.rollouts {
        let json = serde_json::to_vec(&day.report(rollout, testbed))?;
        let body = zstd::bulk::compress(&json, 1)?;
        std::thread::sleep(day.due(rollout).saturating_sub(begin.elapsed()));
        let due = begin + day.due(rollout);
        loop {
            let answer = Connection::open(server.address)?.post("/api/v1/reports", &body)?;
            match answer.status {
                201 => break,
                429 | 503 if begin.elapsed() < PATIENCE => {
                    seen.again += 1;
                    std::thread::sleep(AGAIN);
                }
                status => bail!("a report was answered with {status}"),
            }
        }
        seen.acknowledged.push(due.elapsed().as_secs_f64());
        acknowledged.fetch_add(1, Ordering::SeqCst);
        seen.hashes.push(digest(&json));
        seen.bare.push(bare(&body)?);
    }
    Ok(seen)
}

/// Seconds for writing bytes to a file of their own, durably.
fn bare(bytes: &[u8]) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile()?;
    let begin = Instant::now();
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Asks for pages at an even pace as long as `more` says of the seconds that passed.
fn pages(server: &Server, more: &(dyn Fn(f64) -> bool + Sync)) -> anyhow::Result<Measured> {
    let begin = Instant::now();
    let mut connection = Connection::open(server.address)?;
    let (mut all, mut due) = (Vec::new(), begin);
    for url in PAGES.iter().cycle() {
        if !all.is_empty() && !more(begin.elapsed().as_secs_f64()) {
            break;
        }
        due += PAGE_EVERY;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = connection.ask(url, None)?;
        anyhow::ensure!(answer.status == 200, "{url}: {}", answer.status);
        all.push(due.elapsed().as_secs_f64() * 1e3);
    }
    Ok(measured(all, begin.elapsed().as_secs_f64()))
}

fn measured(mut all: Vec<f64>, seconds: f64) -> Measured {
    all.sort_by(f64::total_cmp);
    Measured {
        sorted: all,
        seconds,
    }
}

/// The most reports that were acknowledged and not derived at any look.
fn behind(store: &Store, done: &AtomicBool, acknowledged: &AtomicU64) -> anyhow::Result<u64> {
    let mut most = 0;
    while !done.load(Ordering::SeqCst) {
        let sent = acknowledged.load(Ordering::SeqCst);
        most = most.max(sent.saturating_sub(store.counts()?.0));
        std::thread::sleep(LOOK);
    }
    Ok(most)
}

/// Seconds until everything is derived.
fn drain(day: &Day, store: &Store) -> anyhow::Result<f64> {
    let begin = Instant::now();
    while store.counts()?.0 < day.reports() {
        if begin.elapsed() > PATIENCE {
            bail!("the backlog is not worked off after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(begin.elapsed().as_secs_f64())
}

fn table(
    day: &Day,
    took: f64,
    seen: &Seen,
    (quiet, busy): (&Measured, &Measured),
    (most, left, drained): (u64, u64, f64),
) -> anyhow::Result<()> {
    let milliseconds = |all: &[f64]| measured(all.iter().map(|s| s * 1e3).collect(), took);
    let (ack, bare) = (milliseconds(&seen.acknowledged), milliseconds(&seen.bare));
    let speed = 86_400.0 / took;
    say(&format!(
        "day: {} rollouts x {} testbeds x {} values in {took:.1} s ({speed:.0} times as fast as a day)",
        day.rollouts, day.testbeds, day.values
    ))?;
    say("what                              p50 ms    p99 ms    max ms")?;
    for (what, m) in [
        ("acknowledged, since due", &ack),
        ("bare write and fsync", &bare),
        ("pages, quiet", quiet),
        ("pages, meanwhile", busy),
    ] {
        say(&format!(
            "{what:<30} {:>9.1} {:>9.1} {:>9.1}",
            m.at(0.5),
            m.at(0.99),
            m.at(1.0)
        ))?;
    }
    say(&format!(
        "acknowledged / bare: {:.1} (p50); pages meanwhile / quiet: {:.1} (p99); sent again: {}",
        ack.at(0.5) / bare.at(0.5),
        busy.at(0.99) / quiet.at(0.99),
        seen.again
    ))?;
    say(&format!(
        "backlog: {most} reports at most, {left} when the server was killed after the last \
         acknowledgement, 0 after {drained:.1} s of another one"
    ))
}

/// Says how much of what was acknowledged is not there, and fails where anything is not.
fn lost(day: &Day, store: &Store, seen: &Seen) -> anyhow::Result<()> {
    let mut lost = 0;
    for hash in &seen.hashes {
        lost += u64::from(store.reports_named(hash)?.is_empty());
    }
    let points = store.counts()?.1;
    let wanted = day.reports() * day.values as u64;
    say(&format!(
        "loss: {lost} of {} acknowledged reports, {} of {wanted} values",
        seen.hashes.len(),
        wanted.saturating_sub(points)
    ))?;
    anyhow::ensure!(lost == 0 && points == wanted, "acknowledged and not there");
    Ok(())
}
