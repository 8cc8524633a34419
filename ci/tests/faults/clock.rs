//! Clocks that are off and that jump (C1), by libfaketime where it is there: a server's by a year, a
//! collector's by a day, and a server's that is set back under a lease. Only the clock of the day is
//! faked; what counts seconds goes on, as on a machine whose clock somebody sets.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::server::{PATIENCE, Place, Server, holds, report, seen};
use crate::collect::{ask, held_up, said, uptick};
use crate::serve::address;
use crate::support::{Repo, wait};

/// The library that fakes clocks.
fn library() -> Option<PathBuf> {
    let machines = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut all = machines.map(|d| d.path().join("faketime/libfaketimeMT.so.1"));
    let found = all.find(|f| f.is_file());
    if found.is_none() {
        seen("C1", "NOT ASKED: there is no libfaketime");
    }
    found
}

/// The variables under which a process sees another clock.
fn faked(library: &Path) -> [(&'static str, String); 3] {
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("DONT_FAKE_MONOTONIC", "1".into()),
    ]
}

#[test]
fn c1_a_server_a_year_off_sees_the_same_changes() {
    let Some(library) = library() else { return };
    let changes = |offset: &str| -> Vec<(i64, f64)> {
        let place = Place::new();
        let mut by = vec!["env".to_string(), format!("FAKETIME={offset}")];
        by.extend(faked(&library).map(|(name, value)| format!("{name}={value}")));
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        let server = Server::under(&by, &place.store(), &[]);
        // The second half first: neither when a report came nor what it says of time is an order.
        let mut kept = Vec::new();
        for n in (12..24).chain(0..12) {
            let cost = if n < 16 { "1000000.0" } else { "1200000.0" };
            let body = String::from_utf8(report(n, 1)).unwrap();
            let body = body.replace("1000000.0", cost);
            kept.push(server.post(body.as_bytes()).unwrap().hash());
        }
        let begin = Instant::now();
        let found = loop {
            let d: Value = serde_json::from_str(&server.get("/changes.json").body).unwrap();
            let changes = d["changes"].as_array().unwrap();
            let of = |c: &Value| {
                let c = &c["event"]["change"];
                (c["index"].as_i64().unwrap(), c["change"].as_f64().unwrap())
            };
            let all: Vec<(i64, f64)> = changes.iter().map(of).collect();
            if !all.is_empty() || begin.elapsed() > PATIENCE {
                break all;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        };
        drop(server);
        holds(&place.store(), &kept);
        found
    };
    let right = changes("+0");
    assert_eq!(right.len(), 1, "{right:?}");
    assert_eq!(right[0].0, 16);
    assert_eq!((changes("+365d"), changes("-365d")), (right.clone(), right));
    seen(
        "C1",
        "a server a year fast and a year slow: the same change at the same commit, 0 lost",
    );
}

/// A server over a directory, whose clock says what a file says.
struct Off {
    child: Child,
    dir: tempfile::TempDir,
    address: String,
}

impl Drop for Off {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Off {
    fn start(library: &Path, repo: &Repo) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = dir.path().join("clock");
        std::fs::write(&clock, "+0").unwrap();
        let mut child = uptick(&["serve", "--listen", "127.0.0.1:0", "--lease", "5", "--data"])
            .arg(dir.path().join("data"))
            .envs(faked(library))
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .env("FAKETIME_NO_CACHE", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = address(&mut child);
        let server = Self {
            child,
            dir,
            address,
        };
        let url = repo.path().to_str().unwrap();
        let add = [
            "project", "add", "lexis", "--url", url, "--poll", "1", "--data",
        ];
        said(uptick(&add).arg(server.data()));
        server
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn token(&self, scope: &str) -> String {
        said(uptick(&["token", "create", scope, "--scope", scope, "--data"]).arg(self.data()))
    }

    /// Sets the server's clock so far from the machine's.
    fn set(&self, offset: &str) {
        let half = self.dir.path().join("half");
        std::fs::write(&half, offset).unwrap();
        std::fs::rename(&half, self.dir.path().join("clock")).unwrap();
    }

    fn collector(&self, name: &str, token: &str, args: &[&str]) -> Command {
        let mut command = uptick(&["collect", "--name", name]);
        command
            .args(["--server", &format!("http://{}", self.address), "--dir"])
            .arg(self.dir.path().join(name))
            .args(args)
            .env("UPTICK_TOKEN", token)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn job(&self, token: &str, sha: &str) -> Option<Value> {
        let (status, body) = ask(&self.address, "GET", "/api/v1/jobs", token, &[], b"");
        assert_eq!(status, 200, "{body}");
        let d: Value = serde_json::from_str(&body).unwrap();
        d["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|j| j["sha"] == sha)
            .cloned()
    }
}

#[test]
fn c1_a_lease_ends_in_time_though_the_server_s_clock_is_set_back() {
    let Some(library) = library() else { return };
    let repo = Repo::with_command();
    let flags = tempfile::tempdir().unwrap();
    let flag = flags.path().join("wait");
    std::fs::write(&flag, "").unwrap();
    held_up(&repo, &flag);
    let sha = repo.commit("held up");
    let server = Off::start(&library, &repo);
    let (admin, collect) = (server.token("admin"), server.token("collect"));
    let is = |state: &str| {
        server
            .job(&admin, &sha)
            .is_some_and(|j| j["state"] == state)
    };
    wait("waiting", || is("waiting"));
    let mut killed = server.collector("killed", &collect, &[]).spawn().unwrap();
    wait("leased", || is("leased"));
    server.set("-1d");
    killed.kill().unwrap();
    killed.wait().unwrap();
    let began = Instant::now();
    std::fs::remove_file(&flag).unwrap();
    wait("waiting again", || is("waiting"));
    let after = began.elapsed();
    // Another one finishes it, whose own clock is a day fast.
    let mut other = server.collector("other", &collect, &["--once"]);
    other.envs(faked(&library)).env("FAKETIME", "+1d");
    assert!(other.status().unwrap().success());
    wait("done", || is("done"));
    let job = server.job(&admin, &sha).unwrap();
    assert_eq!(
        (&job["collector"], &job["epoch"]),
        (&"other".into(), &2.into()),
        "{job:#}"
    );
    let (_, body) = ask(
        &server.address,
        "GET",
        "/p/lexis/api/v1/reports",
        &admin,
        &[],
        b"",
    );
    let d: Value = serde_json::from_str(&body).unwrap();
    let reports = d["reports"].as_array().unwrap().iter();
    assert_eq!(
        reports.filter(|r| r["sha"] == sha.as_str()).count(),
        1,
        "{d:#}"
    );
    seen(
        "C1",
        &format!(
            "the server's clock set back a day under a lease of 5 s: offered again after {after:.1?}"
        ),
    );
}
