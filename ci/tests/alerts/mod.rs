//! Alerts from a report to whoever listens: the whole way, through the binary.

pub(crate) mod receiver;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use collector::model::{Metric, NoiseClass, Report};
use collector::store::Store;
use serde_json::Value;

use receiver::Receiver;

/// A store with the demo's history, and the binary on it.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn demo() -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        site.ok(&["demo", "--commits", "60"]);
        site
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("uptick.db")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_uptick"));
        c.arg("--store").arg(self.store()).args(args);
        // No repository of ours, and no proxy of the machine, has a say in this.
        c.current_dir(self.dir.path());
        c.env("https_proxy", "http://127.0.0.1:9")
            .env("http_proxy", "http://127.0.0.1:9");
        c
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {said}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// Adds a webhook that leads to the receiver; gives its secret.
    fn hook(&self, receiver: &Receiver, path: &str) -> String {
        let mut add = self.command(&["channel", "add", "hook", "--kind", "webhook"]);
        add.args(["--url-from-env", "HOOK", "--allow", &receiver.place]);
        add.env("HOOK", format!("http://{}{path}", receiver.place));
        let out = add.output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{out:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_string()
    }

    fn serve(&self) -> Server {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .args(["--public-url", "https://uptick.example/"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let address = crate::serve::address(&mut child);
        Server { address, child }
    }

    /// The newest report, as of the commit after it.
    fn next(&self) -> Report {
        let store = Store::open_existing(&self.store()).unwrap();
        let newest = store.commits(u64::MAX, 1).unwrap().remove(0);
        let row = store.reports(Some(&newest.sha), 1).unwrap().remove(0);
        let mut report = store.report(&row.hash).unwrap().unwrap();
        let parent = report.commit.sha.clone();
        report.commit.position += 1;
        report.commit.sha.0 = format!("{:040x}", 0xabc_0000 + report.commit.position);
        report.commit.parents = vec![parent];
        report.commit.author = "Ada <!channel> Lovelace".into();
        report.commit.subject = "Use a map @everyone".into();
        report
    }
}

/// Makes the exact counts of these benchmarks larger; gives how many there are.
fn slower(report: &mut Report, benchmark: &str, factor: f64) -> usize {
    let mut n = 0;
    for m in &mut report.measurements {
        let counted = m.metric == Metric::Instructions && m.class == NoiseClass::Exact;
        if counted && m.benchmark.starts_with(benchmark) {
            m.value *= factor;
            (m.low, m.high, m.samples) = (m.value, m.value, vec![m.value]);
            n += 1;
        }
    }
    n
}

/// `uptick serve`, ended with the test.
struct Server {
    address: String,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn post(&self, path: &str, kind: &str, body: &[u8]) -> String {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            self.address,
            body.len()
        );
        self.ask(&[head.as_bytes(), body].concat())
    }

    fn ask(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[track_caller]
    fn hand_in(&self, report: &Report) {
        let body = serde_json::to_vec(report).unwrap();
        let answer = self.post("/api/v1/reports", "application/json", &body);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}

fn files_hold(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        if bytes.windows(text.len()).any(|w| w == text.as_bytes()) {
            found.push(file.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn a_regression_reaches_a_webhook_once_signed_and_names_what_a_person_needs() {
    let site = Site::demo();
    let receiver = Receiver::new();
    let secret = site.hook(&receiver, "/in?token=hunter2");
    let server = site.serve();
    let mut report = site.next();
    let moved = slower(&mut report, "parse/", 1.25);
    assert!(moved > 1, "the demo has several such benchmarks");
    // The first try fails: the second is the same message.
    receiver.answer(500, "");
    server.hand_in(&report);
    let tries = receiver.received(2);
    assert_eq!(tries[0].body, tries[1].body);
    for header in ["webhook-id", "content-type"] {
        assert_eq!(tries[0].header(header), tries[1].header(header));
    }
    let got = &tries[1];
    assert!(
        got.verifies(&secret) && tries[0].verifies(&secret),
        "{got:?}"
    );
    assert_eq!(got.path, "/in?token=hunter2");
    assert_names(&got.json(), &report, moved);

    // Another commit moves something else: that is one more message, and nothing is said twice.
    let mut other = site.next();
    assert!(slower(&mut other, "lex/", 1.4) > 0);
    server.hand_in(&other);
    let all = receiver.received(3);
    assert_eq!(all.len(), 3, "{all:#?}");
    assert!(all[2].verifies(&secret));
    assert_eq!(
        all[2].json()["data"]["commits"][0]["sha"],
        other.commit.sha.0
    );
    assert_ne!(all[2].header("webhook-id"), got.header("webhook-id"));

    // The address and the secret stand in the store, and nowhere that people look.
    let exported = site.ok(&["export"]);
    let listed = site.ok(&["channel", "list"]) + &site.ok(&["channel", "list", "--json"]);
    for text in [&exported, &listed] {
        assert!(
            !text.contains("hunter2") && !text.contains(&secret),
            "{text}"
        );
    }
    assert!(listed.contains("delivered"), "{listed}");
}

#[track_caller]
fn assert_names(body: &Value, report: &Report, moved: usize) {
    assert_eq!(body["type"], "alert.reported", "{body:#}");
    let data = &body["data"];
    assert_eq!(data["total"], moved, "{body:#}");
    let change = &data["changes"][0];
    assert!(change["benchmark"].as_str().unwrap().starts_with("parse/"));
    assert_eq!(change["moved"], "+25.00 %");
    assert_eq!(data["commits"][0]["sha"], report.commit.sha.0);
    let link = data["link"].as_str().unwrap();
    let short = report.commit.sha.short();
    let is_ours = link.starts_with("https://uptick.example/compare/") && link.ends_with(short);
    assert!(is_ours, "{link}");
    let text = data["text"].as_str().unwrap();
    for part in ["parse/", "+25.00 %", short, "Use a map", "Lovelace", link] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn what_is_read_in_or_derived_anew_sends_nothing() {
    let site = Site::demo();
    let receiver = Receiver::new();
    site.hook(&receiver, "/");
    let mut report = site.next();
    slower(&mut report, "parse/", 1.25);
    // The same regression, as history from elsewhere.
    let line = format!(
        "{{\"report\":{}}}\n",
        serde_json::to_string(&report).unwrap()
    );
    std::fs::write(site.dir.path().join("e.jsonl"), line).unwrap();
    let server = site.serve();
    site.ok(&["import", "e.jsonl"]);
    site.ok(&["rebuild"]);
    // What comes after it is news, and the only news.
    let mut other = site.next();
    slower(&mut other, "lex/", 1.4);
    server.hand_in(&other);
    let all = receiver.received(1);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(
        all[0].json()["data"]["commits"][0]["sha"],
        other.commit.sha.0
    );
}

#[test]
fn a_channel_is_tried_out_and_says_what_the_other_side_answers() {
    let site = Site::demo();
    let receiver = Receiver::new();
    let secret = site.hook(&receiver, "/in?token=hunter2");
    assert!(
        site.ok(&["channel", "test", "hook"])
            .contains("delivered: HTTP 200")
    );
    let got = receiver.received(1).remove(0);
    assert!(got.verifies(&secret), "{got:?}");
    assert_eq!(got.json()["type"], "channel.test");

    receiver.answer(302, "location: /elsewhere\r\n");
    let out = site.run(&["channel", "test", "hook"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(5), "{said}");
    assert!(
        said.contains("HTTP 302") && !said.contains("hunter2"),
        "{said}"
    );
    assert_eq!(receiver.received(2).len(), 2, "a redirect was followed");

    // Who wants no more messages gets none, until a test is taken.
    receiver.answer(410, "");
    assert_eq!(
        site.run(&["channel", "test", "hook"]).status.code(),
        Some(5)
    );
    assert!(site.ok(&["channel", "list"]).contains("disabled"));
    site.ok(&["channel", "test", "hook"]);
    assert!(!site.ok(&["channel", "list"]).contains("disabled"));

    let new = site.ok(&["channel", "rotate", "hook"]).trim().to_string();
    site.ok(&["channel", "test", "hook"]);
    let got = receiver.received(5).remove(4);
    assert!(got.verifies(&secret) && got.verifies(&new));

    site.ok(&["channel", "remove", "hook"]);
    assert_eq!(
        site.run(&["channel", "test", "hook"]).status.code(),
        Some(2)
    );
    for text in ["hunter2", new.as_str()] {
        assert_eq!(files_hold(site.dir.path(), text), Vec::<String>::new());
    }
}

#[test]
fn a_channel_that_cannot_be_is_refused_with_the_reason_and_without_its_address() {
    let site = Site::demo();
    let add = |url: &str, more: &[&str]| {
        let mut c = site.command(&["channel", "add", "x", "--url-from-env", "HOOK"]);
        let out = c.args(more).env("HOOK", url).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{url} {more:?}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
        said
    };
    let webhook = ["--kind", "webhook"];
    for inside in [
        "https://127.0.0.1/s3cret",
        "https://[::ffff:10.0.0.1]/s3cret",
    ] {
        assert!(add(inside, &webhook).contains("--allow"));
    }
    let elsewhere = ["--kind", "slack", "--allow", "127.0.0.1:80"];
    assert!(add("http://127.0.0.1:81/s3cret", &elsewhere).contains("not the host and port"));
    assert!(add("http://hooks.example/s3cret", &webhook).contains("https://"));
    assert!(add("https://h.example/s3cret", &["--kind", "pager"]).contains("none of"));
    let matrix = ["--kind", "matrix", "--room", "!a:b.c"];
    assert!(add("https://h.example/s3cret", &matrix).contains("access token"));
    let mail = ["--kind", "email", "--from", "a@b.c"];
    assert!(add("smtps://h.example", &mail).contains("--to"));
    let https = [&mail[..], &["--to", "d@e.f"]].concat();
    assert!(add("https://h.example/s3cret", &https).contains("smtps://"));
    // Where a name leads is known when it is looked up: then it is refused too.
    let mut c = site.command(&["channel", "add", "dec", "--kind", "slack"]);
    c.args(["--url-from-env", "HOOK"])
        .env("HOOK", "https://2130706433/s3cret");
    assert_eq!(c.output().unwrap().status.code(), Some(0));
    let out = site.run(&["channel", "test", "dec"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(5), "{said}");
    assert!(
        said.contains("private network") && !said.contains("s3cret"),
        "{said}"
    );
}
