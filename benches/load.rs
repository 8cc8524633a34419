//! A load generator for the dashboard: an invented store of a given size, `uptick serve` over it
//! in a process of its own, keep-alive connections that ask for one page each, and the latencies
//! beside those of a bare axum route that serves as many bytes, in the same run.
//!
//! ```text
//! cargo bench --features load --bench load -- --points 10000000 [--series 5000] [--connections 8] [--seconds 5] [--store FILE]
//! ```
//! With `--day` it replays a day of a team's traffic instead, see `day`. Without `--points` it takes
//! a small store and a moment; without `--bench` either (as `cargo test --features load --benches`
//! runs it) each page is asked for once, so that it is known to work. The server's page times do
//! not depend on who fills the store, which is why it is filled as an import would: reports first,
//! then everything derived at once.

mod day;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use collector::model::{Commit, Sha, digest};
use collector::profile::{Frame, Node, Profile};
use collector::store::{MeasuredCommit, SeriesState, Store};
use dashboard::demo::{self, Size};

/// Points on the chart that is asked for.
const SERIES_POINTS: usize = 2_000;

/// The subject of commits whose reports came in under load; an earlier run may have left some.
const HANDED_IN: &str = "Handed in under load";

struct Arguments {
    points: u64,
    series: usize,
    connections: usize,
    seconds: f64,
    store: Option<PathBuf>,
}

fn arguments() -> anyhow::Result<Arguments> {
    // Only `cargo bench` says so.
    let is_bench = std::env::args().any(|a| a == "--bench");
    let mut a = Arguments {
        points: if is_bench { 4_000 } else { 1 },
        series: 40,
        connections: if is_bench { 2 } else { 1 },
        seconds: if is_bench { 0.2 } else { 0.0 },
        store: None,
    };
    let mut all = std::env::args().skip(1);
    while let Some(flag) = all.next() {
        let mut value = || all.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--points" => {
                a = Arguments {
                    points: value()?.parse()?,
                    series: 5_000,
                    connections: 8,
                    seconds: 5.0,
                    ..a
                };
            }
            "--series" => a.series = value()?.parse()?,
            "--connections" => a.connections = value()?.parse()?,
            "--seconds" => a.seconds = value()?.parse()?,
            "--store" => a.store = Some(value()?.into()),
            _ => {} // what cargo adds
        }
    }
    Ok(a)
}

fn main() -> anyhow::Result<()> {
    if let Some(bytes) = std::env::args().skip_while(|a| a != "--bare").nth(1) {
        return bare(bytes.parse()?);
    }
    let is_bench = std::env::args().any(|a| a == "--bench");
    if std::env::args().any(|a| a == "--day") {
        return day::replay(&day::Day::asked(is_bench)?);
    }
    let a = arguments()?;
    let dir = tempfile::tempdir()?;
    let path = a
        .store
        .clone()
        .unwrap_or_else(|| dir.path().join("load.db"));
    fill(&a, &path)?;
    let store = Store::open_existing(&path)?;
    let (reports, points) = store.counts()?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    say(&format!(
        "{reports} reports, {points} points, {} MB; load average {}",
        std::fs::metadata(&path)?.len() >> 20,
        load.split(' ').take(3).collect::<Vec<_>>().join(" ")
    ))?;
    let server = Server::start(&path)?;
    say(&format!(
        "ready after {:.2} s, {} MB resident",
        server.ready.as_secs_f64(),
        server.resident()
    ))?;
    say(&format!(
        "at rest after {:.1} s more: what is made ahead is made",
        server.rest()?.as_secs_f64()
    ))?;
    say(
        "page                    bytes   status     p50 ms   p99 ms    max ms     rps   bare p50  bare p99  bare rps",
    )?;
    for (name, url) in pages(&store)? {
        row(&a, &server, &name, &url, None)?;
    }
    let etag = server.ask("/", None)?.etag;
    row(&a, &server, "304", "/", Some(&etag))?;
    first_visit(&server)?;
    say(&format!("{} MB resident", server.resident()))?;
    under_ingest(&a, &server, &store)?;
    day::replay(&day::Day::asked(is_bench)?)
}

/// Fills the store unless it is filled already.
fn fill(a: &Arguments, path: &Path) -> anyhow::Result<()> {
    let mut store = Store::open(path)?;
    if store.counts()?.0 > 0 {
        return keep_stacks(&mut store);
    }
    let begin = Instant::now();
    // One commit in eleven is not measured.
    let commits = (a.points * 11 / 10 / a.series as u64).max(20);
    let size = Size {
        commits,
        more_benchmarks: a.series.saturating_sub(41),
        regressed: usize::try_from(commits / 2)
            .unwrap_or(0)
            .saturating_sub(5)
            .min(200),
        plain: true,
        now: 1_795_000_000,
    };
    let filled = demo::fill(&mut store, size, &mut |_, _| {})?;
    keep_stacks(&mut store)?;
    say(&format!(
        "stored and searched in {:.1} s ({} series)",
        begin.elapsed().as_secs_f64(),
        filled.series
    ))
}

/// Call stacks of 10,000 frames of the first series, on the oldest and the newest commit that the
/// flame graph compares.
fn keep_stacks(store: &mut Store) -> anyhow::Result<()> {
    let (base, head) = ends(store)?;
    let benchmark = first_series(store)?.row.key.benchmark;
    for (commit, extra) in [(base, 0), (head, 40)] {
        let bytes = stacks(10_000, extra).encode()?;
        store.put_stacks(&commit.sha, &benchmark, "load", &bytes)?;
    }
    Ok(())
}

/// A tree of calls, each with a cost of its own and three callees while there are frames left;
/// every hundredth costs `extra` percent more.
fn stacks(frames: u32, extra: u64) -> Profile {
    let mut p = Profile::default();
    // Depth first, as profiles are kept: callers and how many frames lie below each.
    let mut todo = vec![(None, frames)];
    while let Some((parent, size)) = todo.pop() {
        let i = p.nodes.len() as u32;
        p.frames.push(Frame {
            name: format!("load::module_{}::function_{i}", i % 50),
            ..Default::default()
        });
        let cost = 1_000 + u64::from(i % 97) * 10;
        let cost = if i.is_multiple_of(100) {
            cost * (100 + extra) / 100
        } else {
            cost
        };
        p.nodes.push(Node {
            parent,
            frame: i,
            inlined: false,
            site: 0,
            cost,
        });
        p.total += cost;
        let below = size - 1;
        for part in [below / 2, below / 3, below - below / 2 - below / 3] {
            if part > 0 {
                todo.push((Some(i), part));
            }
        }
    }
    p
}

/// Two commits thirty measured ones apart, the older first.
fn ends(store: &Store) -> anyhow::Result<(MeasuredCommit, MeasuredCommit)> {
    let mut commits = store.commits(u64::MAX, 1_000)?;
    commits.retain(|c| c.subject != HANDED_IN);
    commits.truncate(30);
    let base = commits.pop().context("no commits")?;
    let head = commits.into_iter().next().context("one commit only")?;
    Ok((base, head))
}

/// One of the series that every commit measures.
fn first_series(store: &Store) -> anyhow::Result<SeriesState> {
    for benchmark in ["load/00/case_00000", "parse/large"] {
        if let Some(s) = store.series_of(benchmark)?.into_iter().next() {
            return Ok(s);
        }
    }
    bail!("no series")
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// A server in a process of its own.
struct Server {
    child: Child,
    address: SocketAddr,
    ready: Duration,
}

impl Server {
    fn start(store: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uptick"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--store"])
            .arg(store);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let begin = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address: SocketAddr = line
            .trim()
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .parse()?;
        let mut server = Self {
            child,
            address,
            ready: Duration::ZERO,
        };
        while server.ask("/healthz", None).is_err() {
            if begin.elapsed() > Duration::from_secs(60) {
                bail!("the server does not answer");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        server.ready = begin.elapsed();
        Ok(server)
    }

    /// Waits until the server does nothing by itself for half a second; how long that took. What it
    /// makes ahead takes part of a core meanwhile, and is no part of what a page costs.
    fn rest(&self) -> anyhow::Result<Duration> {
        const QUIET: Duration = Duration::from_millis(500);
        let begin = Instant::now();
        let mut last = self.ticks()?;
        while begin.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(QUIET);
            let now = self.ticks()?;
            if now <= last + 1 {
                break;
            }
            last = now;
        }
        Ok(begin.elapsed())
    }

    /// The processor time that the server took, in the kernel's ticks.
    fn ticks(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which may have blanks: user and system time are the 12th and 13th.
        let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
        let fields = rest.split_whitespace().skip(11).take(2);
        fields.map(|f| Ok(f.parse::<u64>()?)).sum()
    }

    fn ask(&self, url: &str, etag: Option<&str>) -> anyhow::Result<Answer> {
        Connection::open(self.address)?.ask(url, etag)
    }

    /// Megabytes of memory.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    etag: String,
    bytes: usize,
}

/// One keep-alive connection.
struct Connection {
    reader: BufReader<TcpStream>,
    host: SocketAddr,
}

impl Connection {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            reader: BufReader::with_capacity(1 << 16, socket),
            host: address,
        })
    }

    fn ask(&mut self, url: &str, etag: Option<&str>) -> anyhow::Result<Answer> {
        let known = etag.map_or_else(String::new, |e| format!("If-None-Match: {e}\r\n"));
        let host = self.host;
        let head = format!(
            "GET {url} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip, br, zstd\r\n{known}\r\n"
        );
        self.send(head.as_bytes())
    }

    fn post(&mut self, url: &str, body: &[u8]) -> anyhow::Result<Answer> {
        let host = self.host;
        let length = body.len();
        let mut request =
            format!("POST {url} HTTP/1.1\r\nHost: {host}\r\nContent-Encoding: zstd\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        request.extend_from_slice(body);
        self.send(&request)
    }

    /// The answer as it is, not packed, and its body.
    fn ask_plain(&mut self, url: &str) -> anyhow::Result<(Answer, Vec<u8>)> {
        let head = format!("GET {url} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.exchange(head.as_bytes())
    }

    fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        Ok(self.exchange(request)?.0)
    }

    fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(Answer, Vec<u8>)> {
        self.reader.get_mut().write_all(request)?;
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).context("no status")?.parse()?;
        let (mut etag, mut length) = (String::new(), 0);
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            match name {
                "etag" => etag = value.into(),
                "content-length" => length = value.parse()?,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        let answer = Answer {
            status,
            etag,
            bytes: length,
        };
        Ok((answer, body))
    }
}

/// What is asked for: name and address.
fn pages(store: &Store) -> anyhow::Result<Vec<(String, String)>> {
    let (base, head) = ends(store)?;
    let range = format!("{}..{}", base.sha.short(), head.sha.short());
    let series = first_series(store)?;
    let id = series.row.key.id();
    // The same number of points however long the history is.
    let newest = store.recent(series.row.id, u64::MAX, SERIES_POINTS)?;
    let from = newest.first().map_or(0, |v| v.position);
    let page = |name: &str, url: String| (name.to_string(), url);
    Ok(vec![
        page("today", "/".into()),
        page("health", "/health".into()),
        page("series", format!("/series/{id}?from={from}")),
        page("compare", format!("/compare/{range}")),
        page("functions + flame", format!("/functions/{id}/{range}")),
        page("search", "/search?q=load%20case_0000".into()),
    ])
}

/// What a browser that was never here fetches: the page, the sheet, the script, the icon.
fn first_visit(server: &Server) -> anyhow::Result<()> {
    let mut c = Connection::open(server.address)?;
    let (page, html) = c.ask_plain("/")?;
    let mut sum = server.ask("/", None)?.bytes;
    let mut parts = vec![format!("page {sum}")];
    anyhow::ensure!(page.status == 200, "/: {}", page.status);
    let html = String::from_utf8_lossy(&html);
    let assets: std::collections::BTreeSet<&str> = html
        .split('"')
        .filter(|p| p.starts_with("/assets/"))
        .collect();
    for url in assets {
        let bytes = server.ask(url, None)?.bytes;
        sum += bytes;
        parts.push(format!("{} {bytes}", url.rsplit('.').next().unwrap_or("")));
    }
    say(&format!(
        "first visit of /: {sum} bytes ({})",
        parts.join(", ")
    ))
}

/// Latencies of one page, in milliseconds, ascending.
struct Measured {
    sorted: Vec<f64>,
    seconds: f64,
}

impl Measured {
    fn at(&self, share: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted
            .get((last as f64 * share) as usize)
            .copied()
            .unwrap_or(f64::NAN)
    }

    fn rate(&self) -> f64 {
        self.sorted.len() as f64 / self.seconds
    }
}

/// Asks for a page as fast as the answers come.
fn drive(
    a: &Arguments,
    address: SocketAddr,
    url: &str,
    etag: Option<&str>,
) -> anyhow::Result<Measured> {
    drive_at(a, None, address, url, etag)
}

/// Asks for a page, `pace` times a second over all connections where one is given. A request
/// then counts from when it was due: whoever waits behind a slow one waits too.
fn drive_at(
    a: &Arguments,
    pace: Option<f64>,
    address: SocketAddr,
    url: &str,
    etag: Option<&str>,
) -> anyhow::Result<Measured> {
    let begin = Instant::now();
    let every = pace.map(|p| Duration::from_secs_f64(a.connections as f64 / p));
    let limit = Duration::from_secs_f64(a.seconds);
    let mut all = Vec::new();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let threads: Vec<_> = (0..a.connections)
            .map(|_| {
                scope.spawn(move || -> anyhow::Result<Vec<f64>> {
                    let mut c = Connection::open(address)?;
                    let mut out = Vec::new();
                    let mut due = begin;
                    while out.is_empty() || begin.elapsed() < limit {
                        due = every.map_or_else(Instant::now, |e| due + e);
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        let one = due;
                        let answer = c.ask(url, etag)?;
                        out.push(one.elapsed().as_secs_f64() * 1e3);
                        if answer.status >= 400 {
                            bail!("{url}: {}", answer.status);
                        }
                    }
                    Ok(out)
                })
            })
            .collect();
        for t in threads {
            let part = t
                .join()
                .map_err(|_| anyhow::anyhow!("a connection panicked"))?;
            all.extend(part?);
        }
        Ok(())
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    all.sort_by(f64::total_cmp);
    Ok(Measured {
        sorted: all,
        seconds,
    })
}

fn row(
    a: &Arguments,
    server: &Server,
    name: &str,
    url: &str,
    etag: Option<&str>,
) -> anyhow::Result<()> {
    // The first request makes the page; it is told apart.
    let begin = Instant::now();
    let answer = server.ask(url, etag)?;
    let first = begin.elapsed().as_secs_f64() * 1e3;
    let page = drive(a, server.address, url, etag)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bare", &answer.bytes.to_string()]);
    let other = Server::spawn(command)?;
    let beside = drive(a, other.address, "/", None)?;
    say(&format!(
        "{name:<18} {:>10} {:>8} {:>10.2} {:>8.2} {:>9.2} {:>7.0} {:>10.2} {:>9.2} {:>9.0}   (first {:.0} ms)",
        answer.bytes,
        answer.status,
        page.at(0.5),
        page.at(0.99),
        page.at(1.0),
        page.rate(),
        beside.at(0.5),
        beside.at(0.99),
        beside.rate(),
        first,
    ))
}

/// Reports that are made ready before any is handed in: making one costs as much as storing it.
const PREPARED: usize = 48;
/// What the goals ask of Health, in requests a second.
const ASKED: f64 = 800.0;

/// Reads while reports of 20,000 measurements come in, for four times as long as a page is asked
/// for otherwise: a second holds hardly one report.
fn under_ingest(a: &Arguments, server: &Server, store: &Store) -> anyhow::Result<()> {
    let a = &Arguments {
        seconds: 4.0 * a.seconds,
        store: None,
        ..*a
    };
    let newest = store.commits(u64::MAX, 1)?.pop().context("no commits")?;
    let mut report = store.any_report_of(&newest.sha)?.context("no report")?;
    let some = report.measurements.clone();
    let wanted = if a.points > 100_000 { 20_000 } else { 100 };
    for i in 0..wanted {
        if report.measurements.len() >= wanted {
            break;
        }
        let mut m = some[i % some.len()].clone();
        m.benchmark = format!("more/{i:05}");
        report.measurements.push(m);
    }
    let body = |i: u64| -> anyhow::Result<Vec<u8>> {
        let position = newest.position + i;
        let mut report = report.clone();
        report.commit = Commit {
            sha: Sha(digest(&position.to_le_bytes())[..40].to_string()),
            position,
            subject: HANDED_IN.into(),
            ..report.commit.clone()
        };
        Ok(zstd::bulk::compress(&serde_json::to_vec(&report)?, 1)?)
    };
    let bodies: Vec<Vec<u8>> = (1..=PREPARED as u64).map(body).collect::<Result<_, _>>()?;
    let mut bodies = bodies.iter();
    for (how, pace) in [("as fast as answered", None), ("800 a second", Some(ASKED))] {
        let quiet = drive_at(a, pace, server.address, "/health", None)?;
        let (busy, times) = while_handing_in(a, pace, server, &mut bodies)?;
        say(&format!(
            "health, {how}, while {} reports of {} measurements came in: p50 {:.2} p99 {:.2} ms \
             (quiet: {:.2}, {:.2}); a report took {:.0} ms (median)",
            times.len(),
            report.measurements.len(),
            busy.at(0.5),
            busy.at(0.99),
            quiet.at(0.5),
            quiet.at(0.99),
            times.get(times.len() / 2).copied().unwrap_or(f64::NAN),
        ))?;
    }
    Ok(())
}

/// Asks for Health while reports are handed in one after the other; how long each took,
/// ascending.
fn while_handing_in(
    a: &Arguments,
    pace: Option<f64>,
    server: &Server,
    bodies: &mut std::slice::Iter<'_, Vec<u8>>,
) -> anyhow::Result<(Measured, Vec<f64>)> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let done = &done;
        let writer = scope.spawn(move || -> anyhow::Result<Vec<f64>> {
            let mut times = Vec::new();
            while times.is_empty() || !done.load(Ordering::SeqCst) {
                let Some(body) = bodies.next() else { break };
                let begin = Instant::now();
                let answer = Connection::open(server.address)?.post("/api/v1/reports", body)?;
                times.push(begin.elapsed().as_secs_f64() * 1e3);
                if answer.status != 201 {
                    bail!("a report was answered with {}", answer.status);
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            times.sort_by(f64::total_cmp);
            Ok(times)
        });
        let busy = drive_at(a, pace, server.address, "/health", None);
        done.store(true, Ordering::SeqCst);
        let times = writer
            .join()
            .map_err(|_| anyhow::anyhow!("the writer panicked"))??;
        Ok((busy?, times))
    })
}

/// A bare axum route that serves so many bytes.
fn bare(bytes: usize) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let body = vec![b'x'; bytes];
        let body: &'static [u8] = Box::leak(body.into_boxed_slice());
        let app = axum::Router::new().fallback(move || async move { body });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        say(&format!("http://{}/", listener.local_addr()?))?;
        Ok(axum::serve(listener, app).await?)
    })
}
