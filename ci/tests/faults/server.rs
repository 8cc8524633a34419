//! A server in a process of its own, its clients, and what it is sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use collector::store::Store;
use serde_json::{Value, json};

/// Ends what would hang; no test fails for being slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How often a fault is tried: a few times in every run of the tests, often where somebody asks for
/// it with `UPTICK_FAULTS=full`.
pub(super) fn times(few: usize, full: usize) -> usize {
    match std::env::var("UPTICK_FAULTS") {
        Ok(word) if word == "full" => full,
        _ => few,
    }
}

/// Says what was seen, for the table of faults: `cargo test … -- --nocapture` shows it.
#[expect(clippy::print_stdout, reason = "shown with --nocapture")]
pub(super) fn seen(id: &str, what: &str) {
    println!("{id}: {what}");
}

/// Whether a tool is there; without it the fault is not asked for, and that is said.
pub(super) fn has(id: &str, tool: &str) -> bool {
    let tried = Command::new(tool).arg("--version").output();
    let works = tried.is_ok_and(|o| o.status.success());
    if !works {
        seen(id, &format!("NOT ASKED: there is no {tool}"));
    }
    works
}

/// A report of some numbers; each `n` is another report, of another commit.
pub(super) fn report(n: usize, numbers: usize) -> Vec<u8> {
    report_of(n, &measurements(numbers))
}

/// Numbers of a report, as they stand in it. A debug build takes a second to write 20,000.
pub(super) fn measurements(numbers: usize) -> String {
    let one = |i: usize| {
        json!({
            "benchmark": format!("b{i}"), "metric": "instructions", "counter": "callgrind",
            "value": 1e6, "low": 1e6, "high": 1e6, "samples": [1e6], "class": "exact",
        })
    };
    Value::Array((0..numbers).map(one).collect()).to_string()
}

/// A report whose numbers were written before.
pub(super) fn report_of(n: usize, measurements: &str) -> Vec<u8> {
    let document = json!({
        "schema": "uptick.report/1",
        "commit": { "sha": format!("{n:040x}"), "position": n, "parents": [], "author": "T",
            "time": 1_700_000_000, "subject": format!("commit {n}") },
        "testbed": { "facts": { "arch": "x86_64" } },
        "build_key": n.to_string(), "suite_key": "s", "testbed_key": "t",
        "started": 1_700_000_000, "seconds": 1.0,
    });
    let head = document.to_string();
    let head = head.strip_suffix('}').unwrap();
    format!("{head},\"measurements\":{measurements}}}").into_bytes()
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn is_kept(&self) -> bool {
        matches!(self.status, 200 | 201)
    }

    pub(super) fn hash(&self) -> String {
        let d: Value = serde_json::from_str(&self.body).unwrap();
        d["hash"].as_str().unwrap().to_string()
    }
}

/// `uptick serve` on a store.
pub(super) struct Server {
    child: Child,
    /// The server's own process, which a tracer may stand in front of.
    pid: u32,
    pub(super) address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A tracer that is killed lets its process go on: first that one.
        if self.pid != self.child.id() {
            let pid = self.pid.to_string();
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(super) fn start(store: &Path) -> Self {
        Self::under(&[], store, &[])
    }

    /// Starts it by another program: `["bash", "-c", "ulimit -n 64; exec \"$@\"", "_"]`.
    pub(super) fn under(by: &[&str], store: &Path, more: &[&str]) -> Self {
        let uptick = env!("CARGO_BIN_EXE_uptick");
        let words = by.iter().chain([&uptick]).copied();
        let words: Vec<&str> = words.collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .arg("--store")
            .arg(store)
            .args(["serve", "--listen", "127.0.0.1:0", "--keep-free", "0"])
            .args(more)
            .current_dir(store.parent().unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = crate::serve::address(&mut child);
        let pid = match by.first() {
            Some(&"strace") => only_child(child.id()),
            _ => child.id(),
        };
        let server = Self {
            child,
            pid,
            address,
        };
        assert!(!server.address.is_empty(), "the server does not start");
        server
    }

    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    /// A number of `/proc/PID/status` in KiB.
    pub(super) fn kib(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|l| l.starts_with(field)).unwrap_or("");
        let number = line.split_whitespace().nth(1).unwrap_or("0");
        number.parse().unwrap_or(0)
    }

    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.pid().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end; gives the exit code.
    pub(super) fn ended(mut self) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not end");
    }

    pub(super) fn post(&self, body: &[u8]) -> Option<Answer> {
        post(&self.address, "/api/v1/reports", body)
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Answer {
        get(&self.address, path).unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// Asks until the status is that one; gives how long it took.
    #[track_caller]
    pub(super) fn until(&self, path: &str, status: u16) -> Duration {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if get(&self.address, path).is_some_and(|a| a.status == status) {
                return begin.elapsed();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "{path} never answers {status}: {:?}",
            get(&self.address, path)
        );
    }
}

fn only_child(pid: u32) -> u32 {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

pub(super) fn get(address: &str, path: &str) -> Option<Answer> {
    ask(address, &format!("GET {path} HTTP/1.1"), "", &[])
}

pub(super) fn post(address: &str, path: &str, body: &[u8]) -> Option<Answer> {
    let length = format!("Content-Length: {}\r\n", body.len());
    ask(address, &format!("POST {path} HTTP/1.1"), &length, body)
}

/// One request on a connection of its own; `None` where there was no whole answer.
pub(super) fn ask(address: &str, line: &str, headers: &str, body: &[u8]) -> Option<Answer> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.set_write_timeout(Some(PATIENCE)).ok()?;
    let head = format!("{line}\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    // A server that refuses early may close before all is sent.
    let _ = socket
        .write_all(head.as_bytes())
        .and_then(|()| socket.write_all(body));
    let mut text = Vec::new();
    let _ = socket.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        body: body.to_string(),
    })
}

/// A folder with an empty store.
pub(super) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Store::open(&dir.path().join("s.db")).unwrap();
        Self { dir }
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn store(&self) -> PathBuf {
        self.dir.path().join("s.db")
    }
}

/// Asserts that a store's file is whole and its log has every report that was acknowledged.
#[track_caller]
pub(super) fn keeps(store: &Path, acknowledged: &[String]) {
    let db = rusqlite::Connection::open(store).unwrap();
    let whole: String = db
        .query_row("PRAGMA integrity_check", [], |r| r.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
    let get = "SELECT document FROM log WHERE hash = ?1 AND kind = 'report'";
    for hash in acknowledged {
        let document: Vec<u8> = db.query_row(get, [hash], |r| r.get(0)).unwrap();
        let bytes = zstd::decode_all(document.as_slice()).unwrap();
        assert_eq!(collector::model::digest(&bytes), *hash);
    }
}

/// Asserts that a store is whole and holds every report that was acknowledged.
#[track_caller]
pub(super) fn holds(store: &Path, acknowledged: &[String]) {
    let mut store = Store::open(store).unwrap();
    // What was acknowledged is in the log; whoever ended before it was derived derives it later.
    store.derive().unwrap();
    let v = store.verify().unwrap();
    assert_eq!(v.problems, Vec::<String>::new());
    let lost = acknowledged
        .iter()
        .filter(|h| store.reports_named(h).unwrap().is_empty());
    assert_eq!(lost.count(), 0, "of {}", acknowledged.len());
}
