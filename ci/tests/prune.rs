//! What is kept for how long: by hand, and by a server.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use collector::model::{Sha, digest};
use collector::store::Store;
use serde_json::{Value, json};

use crate::serve::{address, end, send, serve_with};
use crate::support::{Repo, wait};

fn sha(at: u64) -> String {
    format!("{at:040x}")
}

/// The profile of a commit.
fn profile(at: u64) -> String {
    format!("[[\"work\",{}]]", 1_000 + at)
}

fn report(at: u64, line: Value) -> Value {
    let profiles = match line["on"].as_str() {
        Some("main") => json!([{
            "benchmark": "b", "kind": "functions", "blob": digest(profile(at).as_bytes()),
        }]),
        _ => json!([]),
    };
    json!({ "report": {
        "schema": "uptick.report/1",
        "commit": {
            "sha": sha(at), "position": at.min(3), "parents": [], "author": "A",
            "time": 1_700_000_000 + at, "subject": format!("commit {at}"),
        },
        "testbed": { "facts": {} }, "build_key": format!("b{at}"), "suite_key": "s",
        "testbed_key": "t", "started": 1_700_000_000, "seconds": 1.0,
        "measurements": [{
            "benchmark": "b", "metric": "instructions", "counter": "callgrind",
            "value": 1e6, "low": 1e6, "high": 1e6, "samples": [1e6], "class": "exact",
        }],
        "line": line, "profiles": profiles,
    }})
}

/// Three commits of the main line with a profile each, and one of a branch.
fn stored(repo: &Repo) {
    let mut lines = Vec::new();
    for at in 1..=3 {
        let bytes = profile(at);
        lines.push(json!({ "blob": {
            "hash": digest(bytes.as_bytes()), "base64": BASE64.encode(bytes),
        }}));
        lines.push(report(at, json!({ "on": "main" })));
    }
    lines.push(report(9, json!({ "on": "branch", "name": "topic" })));
    repo.import(&lines);
}

/// Has everything come so many days earlier.
fn age(repo: &Repo, days: i64) {
    let path = repo.path().join(".uptick/uptick.db");
    let db = rusqlite::Connection::open(path).unwrap();
    let aged = db.execute("UPDATE arrival SET time = time - 86400 * ?1", [days]);
    assert!(aged.unwrap() > 0);
}

fn verified(repo: &Repo) -> (u64, u64, u64) {
    let d = repo.uptick(&["verify", "--json"]).exits(0).json();
    let n = |field: &str| d[field].as_u64().unwrap();
    (n("reports"), n("profiles"), n("pruned"))
}

#[test]
fn what_would_go_is_said_first_and_nothing_goes_unasked() {
    let repo = Repo::with_command();
    stored(&repo);
    repo.uptick(&["prune"]).exits(2).says(&["--keep-profiles"]);
    repo.uptick(&["prune", "--keep", "3y"])
        .exits(2)
        .says(&["--keep-profiles 1095d"]);
    repo.uptick(&["serve", "--read-only", "--keep-profiles", "90d"])
        .exits(2)
        .says(&["--read-only drops nothing"]);
    repo.uptick(&["prune", "--keep-profiles", "soon"])
        .exits(2)
        .says(&["90d, 26w or 3y"]);
    let times = ["--keep-profiles", "90d", "--keep-branches", "180d"];
    let prune = |more: &[&str]| {
        let all = [&["prune"], &times[..], more].concat();
        repo.uptick(&all).exits(0)
    };
    let young = prune(&["--json"]).json();
    assert_eq!(young["pruned"]["profiles"], 0, "{young}");
    age(&repo, 181);
    let would = prune(&["--dry-run", "--json"]).json();
    assert_eq!(would["pruned"]["profiles"], 3, "{would}");
    assert_eq!(would["pruned"]["branch_reports"], 1, "{would}");
    assert_eq!(verified(&repo), (4, 3, 0));
    let did = prune(&[]).stdout;
    assert!(did.starts_with("dropped 3 profiles ("), "{did}");
    assert!(did.contains("1 report of branches"), "{did}");
    assert_eq!(verified(&repo), (3, 0, 3));
    // Neither a rebuild nor the same import brings anything back; an export says what went.
    repo.uptick(&["rebuild"]).exits(0);
    let again = repo
        .uptick(&["import", "e.jsonl", "--json"])
        .exits(0)
        .json();
    assert_eq!((&again["reports"], &again["new"]), (&json!(4), &json!(0)));
    prune(&[]);
    assert_eq!(verified(&repo), (3, 0, 3));
    repo.uptick(&["export", "after.jsonl"]).exits(0);
    repo.uptick(&["--store", "other.db", "import", "after.jsonl"])
        .exits(0);
    let d = repo
        .uptick(&["--store", "other.db", "verify", "--json"])
        .exits(0)
        .json();
    assert_eq!((&d["reports"], &d["pruned"]), (&json!(3), &json!(3)));
}

#[test]
fn a_server_prunes_at_its_start_and_its_page_says_what_went() {
    let repo = Repo::with_command();
    stored(&repo);
    age(&repo, 91);
    let path = repo.path().join(".uptick/uptick.db");
    let mut server = serve_with(&path, &["--keep-profiles", "90d"]);
    let address = address(&mut server);
    let store = Store::open_existing(&path).unwrap();
    let gone = digest(profile(2).as_bytes());
    wait("the profile pruned", || {
        store.pruned_profile(&gone).unwrap().is_some()
    });
    let key = store.series().unwrap()[0].key.id();
    let (base, head) = (Sha(sha(1)), Sha(sha(2)));
    let mut socket = TcpStream::connect(&address).unwrap();
    let range = format!("{}..{}", base.0, head.0);
    write!(
        socket,
        "GET /functions/{key}/{range} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut page = String::new();
    socket.read_to_string(&mut page).unwrap();
    let said = format!("The profile of {} was pruned on ", head.short());
    assert!(page.contains(&said), "{page}");
    assert!(page.contains("(kept 90 days)"), "{page}");
    send(&server, "TERM");
    assert_eq!(end(server), Some(0));
    assert_eq!(verified(&repo), (4, 0, 3));
}
