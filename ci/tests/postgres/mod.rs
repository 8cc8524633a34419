//! Nodes on one log in PostgreSQL: what one takes the others show, whichever of them is killed, and
//! what they do while the database is away.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::alerts::receiver::Receiver;
use crate::collect::{answer, ask, said, start, start_given, uptick};
use crate::support::{Repo, wait, wait_within};

#[path = "../../../dashboard/tests/support/postgres.rs"]
pub(crate) mod server;

mod behind;
mod outside;

use server::Cluster;

/// What people call all nodes.
const SITE: &str = "https://uptick.example";

/// One of several servers; it is killed with the test.
struct Node {
    data: PathBuf,
    child: Child,
    address: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    fn start(data: &Path, log: &str) -> Self {
        Self::start_with(data, log, &[])
    }

    fn start_with(data: &Path, log: &str, more: &[&str]) -> Self {
        Self::start_in(data, log, more, &[])
    }

    /// The same with these variables.
    fn start_in(data: &Path, log: &str, more: &[&str], env: &[(&str, String)]) -> Self {
        let args = [&["--log", log, "--public-url", SITE], more].concat();
        let (child, address) = start_given(data, "127.0.0.1:0", &args, &|command| {
            command.envs(env.iter().map(|(name, value)| (name, value)));
        });
        Self {
            data: data.into(),
            child,
            address,
        }
    }

    fn said(&self, args: &[&str]) -> String {
        said(uptick(args).arg("--data").arg(&self.data))
    }

    /// A project that has reports, and no repository.
    fn project(&self) {
        self.said(&[
            "project", "add", "lexis", "--url", "/nowhere", "--branch", "main", "--poll", "3600",
        ]);
    }

    fn token(&self, scope: &str) -> String {
        self.said(&["token", "create", scope, "--scope", scope])
    }

    fn get(&self, path: &str, token: &str) -> (u16, String) {
        ask(&self.address, "GET", path, token, &[], b"")
    }

    /// The tag of a page's content.
    fn etag(&self, path: &str, token: &str) -> String {
        let (_, head, body) = answer(&self.address, "GET", path, token, &[], b"");
        field(&head, "etag").unwrap_or_else(|| panic!("{path}: {head}\n{body}"))
    }

    fn post(&self, token: &str, n: u64) -> (u16, String) {
        self.post_value(token, n, 5e6)
    }

    fn post_value(&self, token: &str, n: u64, value: f64) -> (u16, String) {
        let (status, _, body) = self.hand_in(token, n, value);
        (status, body)
    }

    /// Hands a report in; gives the answer with its head.
    fn hand_in(&self, token: &str, n: u64, value: f64) -> (u16, String, String) {
        let body = report(n, value).to_string();
        let json = ["content-type: application/json"];
        let path = "/p/lexis/api/v1/reports";
        answer(&self.address, "POST", path, token, &json, body.as_bytes())
    }

    /// The commits that have a report here.
    fn commits(&self, token: &str) -> Vec<String> {
        let (status, body) = self.get("/p/lexis/api/v1/reports?limit=1000", token);
        if status != 200 {
            return Vec::new();
        }
        let all: Value = serde_json::from_str(&body).unwrap();
        let all = all["reports"].as_array().unwrap();
        all.iter()
            .map(|r| r["sha"].as_str().unwrap().into())
            .collect()
    }

    fn jobs(&self, token: &str, sha: &str) -> Vec<String> {
        let (_, body) = self.get("/api/v1/jobs", token);
        let all: Value = serde_json::from_str(&body).unwrap_or_default();
        let all = all["jobs"].as_array().cloned().unwrap_or_default();
        let mine = all.iter().filter(|j| j["sha"] == sha);
        mine.map(|j| j["state"].as_str().unwrap().into()).collect()
    }
}

/// A field of an answer's head.
fn field(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|l| l.split_once(": "));
    lines.find(|(n, _)| *n == name).map(|(_, v)| v.to_string())
}

fn sha(n: u64) -> String {
    format!("{n:040x}")
}

fn report(n: u64, value: f64) -> Value {
    json!({
        "schema": "uptick.report/1",
        "commit": { "sha": sha(n), "position": n, "parents": [], "author": "A",
            "time": 1_700_000_000 + n, "subject": "s" },
        "testbed": { "facts": { "arch": "x86_64" } },
        "build_key": n.to_string(), "suite_key": "s", "testbed_key": "t",
        "started": 1_700_000_000, "seconds": 1.0,
        "measurements": [{ "benchmark": "parse", "metric": "instructions", "counter": "callgrind",
            "value": value, "low": value, "high": value, "samples": [value], "class": "exact" }],
        "failures": [], "profiles": []
    })
}

#[test]
fn what_one_node_takes_the_others_show_and_any_of_them_may_go() {
    let mut cluster = Cluster::new();
    let (repo, dir) = (Repo::with_command(), tempfile::tempdir().unwrap());
    let log = cluster.address("postgres");
    let mut a = Node::start(&dir.path().join("a"), &log);
    let admin = a.token("admin");
    let url = repo.path().to_str().unwrap().to_string();
    a.said(&["project", "add", "lexis", "--url", &url, "--poll", "1"]);
    let b = Node::start(&dir.path().join("b"), &log);
    let is_served = |n: &Node| n.get("/p/lexis/", &admin).0 == 200;
    wait("both nodes serve the project", || {
        is_served(&a) && is_served(&b)
    });

    // What was handed to one is there at once, and on the other's page.
    let write = b.token("write");
    wait("the token is known", || a.get("/p/lexis/", &write).0 == 200);
    assert_eq!(a.post(&write, 900).0, 201);
    assert_eq!(a.commits(&admin), [sha(900)]);
    wait_within(5, "the other has it", || b.commits(&admin) == [sha(900)]);
    assert_eq!(b.post(&write, 900).0, 200, "it is no second one");

    let collect = a.token("collect");
    each_gives_jobs([&a, &b], &repo, (&admin, &collect), dir.path());

    // Both look at the repository, and one job comes of it; one node is killed.
    let pushed = repo.commit("pushed");
    wait("it is offered", || !b.jobs(&admin, &pushed).is_empty());
    wait("both know of it", || {
        a.jobs(&admin, &pushed) == b.jobs(&admin, &pushed)
    });
    assert_eq!(b.jobs(&admin, &pushed), ["waiting"]);
    a.child.kill().unwrap();
    a.child.wait().unwrap();
    let mut done = collector(&b, "c", &collect, dir.path());
    assert!(done.wait().unwrap().success());
    assert_eq!(b.jobs(&admin, &pushed), ["done"]);
    a = Node::start(&a.data, &log);
    assert!(a.commits(&admin).contains(&pushed));

    away(&mut cluster, &b, &admin, &write);
    wait("the other node is back too", || {
        a.commits(&admin).contains(&sha(902))
    });
    let second = b.said(&["token", "list"]);
    assert!(second.contains("write"), "{second}");
    drop(b);
    backed_up(&a, &admin, dir.path());
    by_itself(a, &admin);
}

/// A node's backup is a server by itself: it has what the log had, and takes reports of its own.
fn backed_up(node: &Node, admin: &str, dir: &Path) {
    let (to, data) = (dir.join("backup"), dir.join("restored"));
    let run = |args: &[&str], data: &Path| {
        let out = uptick(args).arg("--data").arg(data).arg(&to).output();
        let out = out.unwrap();
        let why = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{why}");
        why
    };
    let why = run(&["backup"], &node.data);
    assert!(
        why.contains("pg_dump") && why.contains("has what the log has now"),
        "{why}"
    );
    run(&["restore"], &data);
    let (child, address) = start(&data, "127.0.0.1:0", &[]);
    let alone = Node {
        data,
        child,
        address,
    };
    assert_eq!(alone.commits(admin), node.commits(admin));
    let write = alone.token("write");
    assert_eq!(alone.post(&write, 950).0, 201);
    assert!(!node.commits(admin).contains(&sha(950)));

    // A copy with the mark of its node, as older programs made them, takes writes once it is restored.
    let (raw, store) = (dir.join("marked.db"), dir.join("restored.db"));
    let of_node = node.data.join("projects/lexis/uptick.db");
    let db = rusqlite::Connection::open(of_node).unwrap();
    db.execute("VACUUM INTO ?1", [raw.to_str().unwrap()])
        .unwrap();
    for args in [&["restore", raw.to_str().unwrap()][..], &["rebuild"]] {
        said(uptick(args).arg("--store").arg(&store).current_dir(dir));
    }
}

/// A collector that does one job.
fn collector(of: &Node, name: &str, token: &str, dir: &Path) -> Child {
    uptick(&["collect", "--name", name, "--once", "--server"])
        .arg(format!("http://{}", of.address))
        .arg("--dir")
        .arg(dir.join(name))
        .env("UPTICK_TOKEN", token)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Two commits, a collector at each node: each takes one, and both nodes show both.
fn each_gives_jobs(nodes: [&Node; 2], repo: &Repo, (admin, token): (&str, &str), dir: &Path) {
    let pushed = [repo.commit("one"), repo.commit("two")];
    wait("both nodes know of both jobs", || {
        let waits = |n: &Node, sha: &String| n.jobs(admin, sha) == ["waiting"];
        nodes.iter().all(|n| pushed.iter().all(|sha| waits(n, sha)))
    });
    let working: Vec<Child> = [(nodes[0], "at-a"), (nodes[1], "at-b")]
        .iter()
        .map(|(node, name)| collector(node, name, token, dir))
        .collect();
    for mut child in working {
        assert!(child.wait().unwrap().success());
    }
    for node in nodes {
        wait("both are done", || {
            pushed.iter().all(|sha| node.jobs(admin, sha) == ["done"])
        });
        let (_, body) = node.get("/api/v1/jobs", admin);
        let all: Value = serde_json::from_str(&body).unwrap();
        let all = all["jobs"].as_array().unwrap();
        let mine = all
            .iter()
            .filter(|j| pushed.iter().any(|sha| j["sha"] == *sha));
        let mut by: Vec<_> = mine
            .map(|j| (j["collector"].as_str(), j["epoch"].as_u64()))
            .collect();
        by.sort_unstable();
        assert_eq!(by, [(Some("at-a"), Some(1)), (Some("at-b"), Some(1))]);
    }
}

/// Reads go on while the database is away or hangs, and writes come back with it.
fn away(cluster: &mut Cluster, node: &Node, admin: &str, write: &str) {
    cluster.stop();
    is_refused(node, admin, write);
    cluster.start();
    wait_within(20, "it is ready again", || node.get("/readyz", "").0 == 200);
    assert_eq!(node.post(write, 902).0, 201);
    cluster.signal("STOP");
    is_refused(node, admin, write);
    cluster.signal("CONT");
    wait_within(20, "it is ready again", || node.get("/readyz", "").0 == 200);
    assert!(matches!(node.post(write, 901).0, 200 | 201));
    // It answers and would keep nothing: that is found before anybody writes.
    cluster.sql("ALTER SYSTEM SET synchronous_standby_names = 'gone'");
    cluster.sql("SELECT pg_reload_conf()");
    wait_within(30, "it is not ready", || node.get("/readyz", "").0 == 503);
    cluster.sql("ALTER SYSTEM RESET synchronous_standby_names");
    cluster.sql("SELECT pg_reload_conf()");
    wait_within(20, "it is ready again", || node.get("/readyz", "").0 == 200);
}

fn is_refused(node: &Node, admin: &str, write: &str) {
    let began = Instant::now();
    let (status, body) = node.post(write, 901);
    assert_eq!(status, 503, "{body}");
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert!(body.contains("the log at postgres://"), "{body}");
    let (status, why) = node.get("/readyz", "");
    assert!(
        status == 503 && why.contains("the log at"),
        "{status} {why}"
    );
    assert_eq!(node.get("/healthz", "").0, 200);
    assert_eq!(node.get("/p/lexis/", admin).0, 200);
    assert!(node.commits(admin).contains(&sha(900)));
}

/// A node's directory is no server by itself, unless it is told to be one.
fn by_itself(mut node: Node, admin: &str) {
    node.child.kill().unwrap();
    node.child.wait().unwrap();
    let out = uptick(&["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&node.data)
        .output()
        .unwrap();
    let why = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{why}");
    assert!(
        why.contains("--detach") && why.contains("postgres://"),
        "{why}"
    );
    let (child, address) = start(&node.data, "127.0.0.1:0", &["--detach"]);
    (node.child, node.address) = (child, address);
    assert_eq!(node.commits(admin).len(), 6);
    let write = node.token("write");
    assert_eq!(node.post(&write, 903).0, 201);
}

/// What was acknowledged, with its commit, hash and time.
type Kept = Mutex<Vec<(u64, String, Instant)>>;

/// Hands in reports, those that are refused as well once more, until it is over.
fn hand_in(node: &Node, write: &str, first: u64, (kept, over): (&Kept, &AtomicBool)) {
    let mut n = first;
    while !over.load(Ordering::SeqCst) {
        match node.post(write, n) {
            (200..=202, body) => {
                let body: Value = serde_json::from_str(&body).unwrap();
                let hash = body["hash"].as_str().unwrap().to_string();
                kept.lock().unwrap().push((n, hash, Instant::now()));
                n += 1;
            }
            (503, _) => std::thread::sleep(Duration::from_millis(100)),
            other => panic!("{other:?}"),
        }
    }
}

/// Ends the handing in, also where an assertion fails meanwhile.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Two nodes take reports; when some are acknowledged `fail` happens, and more are acknowledged
/// afterwards by both. Gives all of them, and how long it took until the first.
fn through(nodes: [&Node; 2], write: &str, fail: impl FnOnce()) -> (Vec<(u64, String)>, Duration) {
    let (kept, over) = (Kept::default(), AtomicBool::new(false));
    let since = |node: u64, at: Option<Instant>| {
        let kept = kept.lock().unwrap();
        let mine = kept.iter().filter(|(n, _, _)| n / 1_000_000 == node);
        mine.filter(|(_, _, when)| at.is_none_or(|at| *when > at))
            .count()
    };
    let failed = std::thread::scope(|s| {
        let _end = End(&over);
        for (i, node) in (1..).zip(nodes) {
            let state = (&kept, &over);
            s.spawn(move || hand_in(node, write, i * 1_000_000, state));
        }
        let both = |at| since(1, at) >= 10 && since(2, at) >= 10;
        wait("both acknowledge some", || both(None));
        let failed = Instant::now();
        fail();
        wait_within(40, "both acknowledge more", || both(Some(failed)));
        failed
    });
    let kept = kept.into_inner().unwrap();
    let after = kept.iter().map(|k| k.2).filter(|at| *at > failed).min();
    let all = kept.into_iter().map(|(n, hash, _)| (n, hash)).collect();
    (all, after.unwrap() - failed)
}

/// Asserts that a node has every report, and in the end both writers' last ones: which of those
/// was acknowledged last does not say which one comes first in the log.
#[track_caller]
fn has_all(node: &Node, admin: &str, all: &[(u64, String)]) {
    let is_there = |hash: &str| {
        let path = format!("/p/lexis/api/v1/reports/{hash}");
        node.get(&path, admin).0 == 200
    };
    let missing = |some: &mut dyn Iterator<Item = &(u64, String)>| {
        some.filter(|(_, hash)| !is_there(hash))
            .cloned()
            .collect::<Vec<_>>()
    };
    let last = [1, 2].map(|writer| {
        let own = |(n, _): &&(u64, String)| n / 1_000_000 == writer;
        all.iter().rfind(own).unwrap()
    });
    wait("the node is level", || {
        missing(&mut last.into_iter()).is_empty()
    });
    assert_eq!(missing(&mut all.iter()), [], "of {}", all.len());
}

/// The primary is killed while both nodes take reports, and its synchronous standby takes its place.
#[test]
fn nothing_that_was_acknowledged_is_lost_with_the_primary() {
    let mut primary = Cluster::new();
    let standby = primary.standby();
    let dir = tempfile::tempdir().unwrap();
    let hosts = format!("{},{}", primary.host(), standby.host());
    let log = format!("postgres://uptick@{hosts}/postgres");
    let a = Node::start(&dir.path().join("a"), &log);
    let (admin, write) = (a.token("admin"), a.token("write"));
    a.project();
    let b = Node::start(&dir.path().join("b"), &log);
    served([&a, &b], &write);
    let (all, took) = through([&a, &b], &write, || {
        primary.kill();
        standby.promote();
    });
    assert!(took < Duration::from_secs(30), "{took:?}");
    // What the database has counts, and not what the nodes remember.
    let held = standby.sql("SELECT count(*) FROM uptick.entry WHERE file = 'project/lexis'");
    assert!(held.parse::<usize>().unwrap() >= all.len());
    let fresh = Node::start(&dir.path().join("c"), &standby.address("postgres"));
    served([&fresh, &fresh], &admin);
    for node in [&a, &b, &fresh] {
        has_all(node, &admin, &all);
    }
    // The old one comes back, and is named first: whoever starts anew goes by what it saw before.
    primary.start();
    let data = b.data.clone();
    drop(b);
    let b = Node::start(&data, &log);
    let (status, body) = b.post(&write, 3_000_000);
    assert_eq!(status, 201, "{body}");
    wait("it is in the new one", || {
        a.commits(&admin).contains(&sha(3_000_000))
    });
}

fn served(nodes: [&Node; 2], token: &str) {
    wait("the project is served", || {
        nodes.iter().all(|n| n.get("/p/lexis/", token).0 == 200)
    });
}

/// A project's store is written before its node has made it: what is stored is in the log that both
/// nodes share, whoever came first.
#[test]
fn what_is_imported_before_a_node_opened_the_project_is_shared() {
    let cluster = Cluster::new();
    let dir = tempfile::tempdir().unwrap();
    let log = cluster.address("postgres");
    let (a, b) = (
        Node::start(&dir.path().join("a"), &log),
        Node::start(&dir.path().join("b"), &log),
    );
    let admin = a.token("admin");
    let lines: Vec<String> = (1..=200)
        .map(|n| json!({ "report": report(n, 5e6) }).to_string())
        .collect();
    let export = dir.path().join("export");
    std::fs::write(&export, lines.join("\n")).unwrap();
    a.project();
    let store = a.data.join("projects/lexis/uptick.db");
    let read = said(uptick(&["import", "--store"]).args([&store, &export]));
    assert!(read.contains("200 of them new"), "{read}");
    for node in [&a, &b] {
        wait("the node has all", || node.commits(&admin).len() == 200);
    }
    let verified = said(uptick(&["verify", "--store"]).arg(&store));
    assert!(verified.contains("200 reports"), "{verified}");
}

/// The only database is killed and started again, between writes of both nodes: each report is in
/// both, and the pages are the same ones. A change is reported once, whichever node took what shows it.
#[test]
fn two_nodes_say_the_same_and_report_once() {
    let mut cluster = Cluster::new();
    let dir = tempfile::tempdir().unwrap();
    let log = cluster.address("postgres");
    let a = Node::start(&dir.path().join("a"), &log);
    let (admin, write) = (a.token("admin"), a.token("write"));
    a.project();
    let b = Node::start(&dir.path().join("b"), &log);
    served([&a, &b], &write);
    let (all, _) = through([&a, &b], &write, || {
        cluster.kill();
        cluster.start();
    });
    for node in [&a, &b] {
        has_all(node, &admin, &all);
    }
    let pages = [
        "/p/lexis/",
        "/p/lexis/health",
        "/p/lexis/commits",
        "/p/lexis/api/v1/reports",
    ];
    let tags = |n: &Node| pages.map(|path| n.etag(path, &admin));
    wait("both have the same pages", || tags(&a) == tags(&b));
    let before = tags(&a);

    let receiver = Receiver::new();
    said(
        uptick(&["channel", "add", "hook", "--kind", "webhook", "--store"])
            .arg(a.data.join("projects/lexis/uptick.db"))
            .args(["--url-from-env", "HOOK", "--allow", &receiver.place])
            .env("HOOK", format!("http://{}/hook", receiver.place)),
    );
    let level = [&a, &b].into_iter().cycle();
    for (node, n) in level.zip(9_000_000..9_000_014) {
        // Both find it, at once and each by itself.
        let value = if n < 9_000_012 { 5e6 } else { 7e6 };
        assert!(matches!(node.post_value(&write, n, value).0, 201 | 202));
    }
    assert_eq!(receiver.received(1).len(), 1);
    wait("both have the same pages", || tags(&a) == tags(&b));
    let after = tags(&a);
    assert!(
        before.iter().zip(&after).all(|(b, a)| b != a),
        "{before:?} {after:?}"
    );
    // As long as a lease of a message would be looked at again by the other node.
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(receiver.received(1).len(), 1);
}

/// A way to a database that can be cut, with all that goes over it.
struct Way {
    dir: tempfile::TempDir,
    end: Arc<Mutex<PathBuf>>,
    is_cut: Arc<AtomicBool>,
    /// Milliseconds that what comes from the database takes.
    delay: Arc<AtomicU64>,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

/// Hands on what comes, each piece so much later.
fn hand_on(mut from: UnixStream, mut to: UnixStream, delay: &AtomicU64) {
    let mut piece = [0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut piece) {
        std::thread::sleep(Duration::from_millis(delay.load(Ordering::SeqCst)));
        if to.write_all(&piece[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

impl Way {
    const SOCKET: &str = ".s.PGSQL.5432";

    fn to(cluster: &Cluster) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(Self::SOCKET)).unwrap();
        let way = Self {
            dir,
            end: Arc::default(),
            is_cut: Arc::default(),
            delay: Arc::default(),
            open: Arc::default(),
        };
        way.lead_to(cluster);
        let (is_cut, open) = (way.is_cut.clone(), way.open.clone());
        let (end, delay) = (way.end.clone(), way.delay.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let end = end.lock().unwrap().clone();
                let Ok(far) = UnixStream::connect(end) else {
                    continue;
                };
                let copy = |of: &UnixStream| of.try_clone().unwrap();
                let (from, to) = (copy(&near), copy(&far));
                std::thread::spawn(move || hand_on(from, to, &AtomicU64::new(0)));
                let (from, to, delay) = (copy(&far), copy(&near), delay.clone());
                std::thread::spawn(move || hand_on(from, to, &delay));
                open.lock().unwrap().extend([near, far]);
            }
        });
        way
    }

    /// Where new connections go.
    fn lead_to(&self, cluster: &Cluster) {
        *self.end.lock().unwrap() = cluster.path().join(Self::SOCKET);
    }

    fn address(&self) -> String {
        let host = self.dir.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://uptick@{host}/postgres")
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

/// Two nodes on one log, the second of which reaches it over a way that can be cut or be slow.
struct Apart {
    a: Node,
    b: Node,
    way: Way,
    admin: String,
    write: String,
    _dir: tempfile::TempDir,
    _cluster: Cluster,
}

impl Apart {
    fn new() -> Self {
        let cluster = Cluster::new();
        let way = Way::to(&cluster);
        let dir = tempfile::tempdir().unwrap();
        let a = Node::start(&dir.path().join("a"), &cluster.address("postgres"));
        let (admin, write) = (a.token("admin"), a.token("write"));
        a.project();
        let b = Node::start(&dir.path().join("b"), &way.address());
        served([&a, &b], &write);
        Self {
            a,
            b,
            way,
            admin,
            write,
            _dir: dir,
            _cluster: cluster,
        }
    }
}

/// One node is cut off: it says so, shows what it has, and is level again when the way is back; the
/// other one takes what comes.
#[test]
fn a_node_that_is_cut_off_refuses_in_words_and_comes_back() {
    let apart = Apart::new();
    let Apart {
        a,
        b,
        way,
        admin,
        write,
        ..
    } = &apart;
    assert_eq!(b.post(write, 900).0, 201);
    way.cut();
    is_refused(b, admin, write);
    assert_eq!(a.post(write, 902).0, 201);
    assert_eq!(a.get("/readyz", "").0, 200);
    assert!(!b.commits(admin).contains(&sha(902)));
    way.mend();
    wait_within(20, "it is ready again", || b.get("/readyz", "").0 == 200);
    wait_within(5, "it is level", || b.commits(admin).contains(&sha(902)));
    assert_eq!(b.post(write, 903).0, 201);
    wait_within(5, "so is the other", || {
        a.commits(admin).contains(&sha(903))
    });
}

/// Whoever wrote at one node is never shown at another one what was before, however late that one
/// hears of it: it waits, and then refuses. Whoever wrote nothing is shown what there is.
#[test]
fn whoever_wrote_at_one_node_reads_it_at_every_other() {
    let apart = Apart::new();
    let Apart {
        a,
        b,
        way,
        admin,
        write,
        ..
    } = &apart;
    // Longer than a request waits, and shorter than a database may take.
    way.delay.store(3_000, Ordering::SeqCst);
    let (status, head, body) = a.hand_in(write, 900, 5e6);
    assert_eq!(status, 201, "{body}");
    assert!(!b.commits(admin).contains(&sha(900)), "it heard too early");
    let reached = field(&head, "uptick-reached").unwrap();
    let cookie = field(&head, "set-cookie").unwrap();
    assert!(cookie.contains("Path=/p/lexis/;"), "{cookie}");
    let cookie = format!("cookie: {}", cookie.split(';').next().unwrap());
    let header = format!("uptick-reached: {reached}");
    let path = "/p/lexis/api/v1/reports";
    let read = |with: &str| ask(&b.address, "GET", path, admin, &[with], b"");
    let (status, why) = read(&header);
    assert_eq!(status, 503, "{why}");
    assert!(why.contains("has not followed yet"), "{why}");
    way.delay.store(300, Ordering::SeqCst);
    let mut last = String::new();
    wait("it is as far", || {
        let (status, body) = read(&cookie);
        last = body;
        assert!(matches!(status, 200 | 503), "{status} {last}");
        status == 200
    });
    assert!(last.contains(&sha(900)), "{last}");
    assert_eq!(read(&header).0, 200);
    // What is no state asks for nothing, and one that nobody reached is not waited for long.
    assert_eq!(read("uptick-reached: soon").0, 200);
    assert_eq!(read("uptick-reached: 4000000000.1").0, 503);
    way.delay.store(0, Ordering::SeqCst);
    assert_eq!(b.post(write, 901).0, 201);
    let behind = "uptick_log_behind 0";
    wait("it says that it is level", || {
        b.get("/p/lexis/metrics", admin).1.contains(behind)
    });
}

/// A node that had everything once starts while the database is away: it shows what it has, takes
/// nothing, and follows once the database is back. Another database in its place is refused.
#[test]
fn a_node_starts_while_its_log_is_away() {
    let (mut cluster, other) = (Cluster::new(), Cluster::new());
    let way = Way::to(&cluster);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a");
    let mut a = Node::start(&data, &way.address());
    let (admin, write) = (a.token("admin"), a.token("write"));
    a.project();
    served([&a, &a], &write);
    assert_eq!(a.post(&write, 900).0, 201);
    a.child.kill().unwrap();
    a.child.wait().unwrap();
    cluster.stop();
    // A new one has nothing to show.
    let new = uptick(&["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(dir.path().join("b"))
        .args(["--log", &way.address()])
        .output()
        .unwrap();
    let why = String::from_utf8_lossy(&new.stderr);
    assert!(
        new.status.code() == Some(5) && why.contains("the log at"),
        "{why}"
    );

    a = Node::start(&data, &way.address());
    let first = a.get("/p/lexis/", &admin).1;
    assert!(first.contains("The shared log is away"), "{first}");
    is_refused(&a, &admin, &write);
    way.lead_to(&other);
    let says = |words: &str| wait(words, || a.get("/readyz", "").1.contains(words));
    says("another database cluster");
    is_refused(&a, &admin, &write);
    way.lead_to(&cluster);
    cluster.start();
    wait_within(20, "it is ready", || a.get("/readyz", "").0 == 200);
    assert_eq!(a.post(&write, 901).0, 201);
    let all = a.commits(&admin);
    assert!([900, 901].iter().all(|n| all.contains(&sha(*n))), "{all:?}");
}

/// A small disk of its own, for as long as this lives.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(&self, options: &str) -> bool {
        let out = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.0.path())
            .output();
        out.is_ok_and(|o| o.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut umount = std::process::Command::new("umount");
        let _ = umount.arg("-l").arg(self.0.path()).status();
    }
}

/// The database's disk is full: what it cannot keep is refused in words, pages go on, and reports are
/// taken again once there is room, without a restart.
#[test]
fn a_database_whose_disk_is_full_refuses_and_goes_on_when_there_is_room() {
    let disk = Disk(tempfile::tempdir().unwrap());
    if !disk.mount("size=16m,mode=755") {
        let _ = writeln!(std::io::stderr(), "NOT ASKED: this user may mount no tmpfs");
        return;
    }
    let cluster = Cluster::new();
    let place = disk.0.path().join("small");
    std::fs::create_dir(&place).unwrap();
    server::give(&place);
    let place = place.display();
    cluster.sql(&format!("CREATE TABLESPACE small LOCATION '{place}'"));
    cluster.sql("CREATE DATABASE log TABLESPACE small");
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(&dir.path().join("a"), &cluster.address("log"));
    let (admin, write) = (node.token("admin"), node.token("write"));
    node.project();
    served([&node, &node], &write);
    // Samples that cannot be packed.
    let post = |n: u64| {
        let mut body = report(n, 5e6);
        let mut g = collector::stats::SplitMix64::new(n);
        let samples: Vec<f64> = (0..10_000).map(|_| 5e6 * (1.0 + g.next_f64())).collect();
        body["measurements"][0]["samples"] = json!(samples);
        let (json, path) = (
            ["content-type: application/json"],
            "/p/lexis/api/v1/reports",
        );
        let body = body.to_string();
        ask(&node.address, "POST", path, &write, &json, body.as_bytes())
    };
    let mut kept = Vec::new();
    let refused = (1_000_000..1_001_000).find_map(|n| match post(n) {
        (200..=202, body) => {
            let body: Value = serde_json::from_str(&body).unwrap();
            kept.push((n, body["hash"].as_str().unwrap().to_string()));
            None
        }
        other => Some(other),
    });
    let (status, why) = refused.unwrap();
    assert_eq!(status, 503, "{why}");
    assert!(why.contains("No space left on device"), "{why}");
    assert!(kept.len() > 5, "{}", kept.len());
    assert_eq!(node.get("/p/lexis/", &admin).0, 200);
    assert!(disk.mount("remount,size=64m"));
    wait_within(20, "it takes reports again", || post(2_000_000).0 < 300);
    let is_there = |hash: &str| {
        let path = format!("/p/lexis/api/v1/reports/{hash}");
        node.get(&path, &admin).0 == 200
    };
    assert!(
        kept.iter().all(|(_, hash)| is_there(hash)),
        "{}",
        kept.len()
    );
}

/// Nodes that each have a collector beside them: each commit is measured once, and a node that starts
/// again takes the token of its own collector only.
#[test]
fn each_node_may_measure_beside_itself() {
    let cluster = Cluster::new();
    let (repo, dir) = (Repo::with_command(), tempfile::tempdir().unwrap());
    let log = cluster.address("postgres");
    let node = |name: &str| Node::start_with(&dir.path().join(name), &log, &["--collect"]);
    let a = node("a");
    let admin = a.token("admin");
    let url = repo.path().to_str().unwrap().to_string();
    a.said(&["project", "add", "lexis", "--url", &url, "--poll", "1"]);
    let mut b = node("b");
    let collectors = |n: &Node| -> Vec<String> {
        let all: Value = serde_json::from_str(&n.get("/api/v1/collectors", &admin).1).unwrap();
        let all = all["collectors"].as_array().unwrap();
        all.iter()
            .map(|c| c["name"].as_str().unwrap().into())
            .collect()
    };
    wait("both collectors", || collectors(&b).len() == 2);
    b.child.kill().unwrap();
    b.child.wait().unwrap();
    b = node("b");
    let pushed = [repo.commit("one"), repo.commit("two")];
    let done = |sha: &String| a.jobs(&admin, sha) == ["done"];
    wait("both commits are measured", || pushed.iter().all(done));
    assert_eq!(collectors(&b).len(), 2, "{:?}", collectors(&b));
    let tokens = a.said(&["token", "list"]);
    let live = tokens
        .lines()
        .filter(|l| l.contains("collector ") && !l.contains("revoked"));
    assert_eq!(live.count(), 2, "{tokens}");
}

/// A password is in no error, no line of the server's log and no file, whether it is right or wrong.
#[test]
fn a_password_is_written_nowhere() {
    const WORD: &str = "pw-9f3-never-shown";
    let mut cluster = Cluster::new();
    cluster.sql(&format!(
        "CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '{WORD}'"
    ));
    let rules = "local all guarded scram-sha-256\nlocal all all trust\n";
    std::fs::write(cluster.path().join("data/pg_hba.conf"), rules).unwrap();
    cluster.sql("SELECT pg_reload_conf()");
    let dir = tempfile::tempdir().unwrap();
    let (data, err) = (dir.path().join("a"), dir.path().join("err"));
    let log = format!("postgres://guarded@{}/postgres", cluster.host());
    let serve = |log: &str, word: &str| {
        let mut command = uptick(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--log",
            "debug",
            "--data",
        ]);
        command
            .arg(&data)
            .args(["--log", log])
            .env("PGPASSWORD", word);
        command
    };
    let refused = |log: &str, word: &str, says: &str| {
        let out = serve(log, word).output().unwrap();
        let why = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            !out.status.success() && why.contains(says) && !why.contains(WORD),
            "{why}"
        );
    };
    refused(&log, &format!("{WORD}!"), "password authentication failed");
    let inside = log.replace("guarded@", &format!("guarded:{WORD}@"));
    refused(&inside, WORD, "PGPASSWORD");
    refused(&format!("{log}?password={WORD}"), WORD, "PGPASSWORD");

    let mut child = serve(&log, WORD)
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let address = crate::serve::address(&mut child);
    let node = Node {
        data,
        child,
        address,
    };
    cluster.stop();
    wait("it says that the log is away", || {
        node.get("/readyz", "").0 == 503
    });
    cluster.start();
    wait("it is back", || node.get("/readyz", "").0 == 200);
    let text = std::fs::read_to_string(&err).unwrap();
    assert!(
        text.contains("the log is away") && !text.contains(WORD),
        "{text}"
    );
    for file in std::fs::read_dir(&node.data).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        let found = bytes.windows(WORD.len()).any(|w| w == WORD.as_bytes());
        assert!(!found, "{}", file.path().display());
    }
}
