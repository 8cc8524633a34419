//! What an object store does to profiles: reports are acknowledged whatever it does.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use collector::model::digest;
use collector::store::Store;
use serde_json::{Value, json};

use super::server::{Server, report, seen, times};
use crate::support::wait;

#[expect(dead_code, reason = "the collector's own tests use the rest of it")]
#[path = "../../../collector/src/remote/s3/fake.rs"]
pub(crate) mod fake;

use fake::{BUCKET, Fake, Faults};

/// The profile of a commit.
pub(crate) fn profile(n: usize) -> Vec<u8> {
    format!("[[\"work_{n}\",{}]]", 1_000 + n).into_bytes()
}

/// A report with a profile, as lines of an export.
pub(crate) fn profiled(n: usize) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(&report(n, 1)).unwrap();
    let hash = digest(&profile(n));
    document["profiles"] = json!([{ "benchmark": "b0", "kind": "functions", "blob": hash }]);
    let blob = json!({ "blob": { "hash": hash, "base64": BASE64.encode(profile(n)) } });
    format!("{blob}\n{}\n", json!({ "report": document })).into_bytes()
}

/// A server that keeps its profiles in the bucket.
fn serving(fake: &Fake, store: &Path) -> Server {
    let env = fake.environment();
    let env = env.iter().map(|(name, value)| format!("{name}={value}"));
    let words: Vec<String> = std::iter::once("env".to_string()).chain(env).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let place = format!("s3://{BUCKET}/uptick");
    Server::under(&words, store, &["--blobs", &place])
}

/// A number of `/metrics`.
fn metric(server: &Server, name: &str) -> u64 {
    let text = server.get("/metrics").body;
    let begin = format!("uptick_profiles_{name} ");
    let line = text.lines().find_map(|l| l.strip_prefix(&begin));
    line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

/// Waits until no profile waits.
fn moved(server: &Server) {
    wait("every profile", || {
        metric(server, "pending") + metric(server, "to_remove") == 0
    });
}

fn verified(fake: &Fake, store: &Path) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_uptick"))
        .arg("--store")
        .arg(store)
        .args(["verify", "--json"])
        .envs(fake.environment())
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn p9_an_object_store_that_fails_holds_up_no_report_and_halves_no_profile() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("uptick.db");
    let mut server = serving(&fake, &store);
    let each = times(4, 100);
    let kinds = [
        Faults {
            busy: 5,
            ..Faults::default()
        },
        Faults {
            cut: 5,
            ..Faults::default()
        },
        Faults {
            torn: 4,
            ..Faults::default()
        },
        Faults {
            slow: Duration::from_secs(2),
            ..Faults::default()
        },
    ];
    let (mut n, mut slowest) = (0, Duration::ZERO);
    for (i, faults) in kinds.into_iter().enumerate() {
        let faulted = fake.faulted();
        fake.fail(faults);
        for _ in 0..each {
            n += 1;
            let begin = Instant::now();
            let answer = server.post(&profiled(n)).unwrap();
            slowest = slowest.max(begin.elapsed());
            assert!(answer.is_kept(), "{answer:?}");
        }
        // It is met while the profiles are on their way.
        wait("a fault", || fake.faulted() > faulted);
        if i % 2 == 1 {
            // In the middle of whatever it does.
            server.signal("KILL");
            let _ = server.ended();
            fake.fail(Faults::default());
            server = serving(&fake, &store);
        }
    }
    moved(&server);
    for (key, bytes) in &*fake.objects() {
        assert!(key.ends_with(&digest(bytes)), "{key}");
    }
    assert_eq!(fake.objects().len(), n);
    let v = verified(&fake, &store);
    assert_eq!(
        (&v["reports"], &v["profiles"]),
        (&json!(n), &json!(n)),
        "{v}"
    );
    assert_eq!(
        (&v["elsewhere"], &v["pending"]),
        (&json!(n), &json!(0)),
        "{v}"
    );
    let failures = metric(&server, "failures_total");
    seen(
        "P9",
        &format!(
            "{n} reports acknowledged in {slowest:?} at most, {failures} failures after the last start, 0 lost"
        ),
    );
}

#[test]
fn p9_while_it_is_away_pages_say_so_and_what_comes_in_waits() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("uptick.db");
    let server = serving(&fake, &store);
    for n in 1..=2 {
        assert!(server.post(&profiled(n)).unwrap().is_kept());
    }
    moved(&server);
    let key = Store::open_existing(&store).unwrap().series().unwrap()[0]
        .key
        .id();
    let page =
        |from: usize, to: usize| server.get(&format!("/functions/{key}/{from:040x}..{to:040x}"));
    assert!(page(1, 2).body.contains("work_2"));
    fake.down(true);
    for n in 3..=4 {
        assert!(server.post(&profiled(n)).unwrap().is_kept());
    }
    // What was seen before is known; what is new lies in the store; the rest cannot be seen now.
    assert_eq!(page(3, 4).status, 200);
    let answer = page(2, 3);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(
        answer.body.contains("the object store does not answer"),
        "{}",
        answer.body
    );
    for other in ["/", "/health", "/readyz"] {
        assert_eq!(server.get(other).status, 200, "{other}");
    }
    wait("a failure", || metric(&server, "failures_total") > 0);
    assert_eq!(metric(&server, "pending"), 2);
    let told = server.get("/profiles").body;
    assert!(
        told.contains("2 profiles pending") && told.contains("does not answer"),
        "{told}"
    );
    assert!(metric(&server, "last_failure_time_seconds") > 0);
    fake.down(false);
    moved(&server);
    server.until(&format!("/functions/{key}/{:040x}..{:040x}", 2, 3), 200);
    assert_eq!(metric(&server, "last_failure_time_seconds"), 0);
    let told = server.get("/profiles").body;
    assert!(
        told.contains("4 profiles in <code>s3://profiles/uptick/"),
        "{told}"
    );
    // One bit there is another profile, and no page shows it.
    let hash = digest(&profile(4));
    fake.spoil(&hash, b"[[\"work_4\",9999]]");
    let answer = page(2, 4);
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("has another hash"), "{}", answer.body);
}
