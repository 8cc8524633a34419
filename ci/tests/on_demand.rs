//! A search whose commits a server's collectors measure.

use std::path::Path;
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::collect::{Server, ask, said, uptick};
use crate::support::{Repo, wait};

/// The commit that made it slower, of as many as there are.
const SLOW: usize = 9;
const COMMITS: usize = 14;

/// A server that knows of the newest commit alone, a collector, and two tokens.
struct There {
    repo: Repo,
    server: Server,
    collector: Child,
    commits: Vec<String>,
    write: String,
    read: String,
}

impl Drop for There {
    fn drop(&mut self) {
        let _ = self.collector.kill();
        let _ = self.collector.wait();
    }
}

impl There {
    fn new() -> Self {
        let repo = Repo::with_command();
        let mut commits = vec![repo.git(&["rev-parse", "HEAD"])];
        for i in 1..COMMITS {
            repo.work(if i < SLOW { 1_000 } else { 3_000 });
            repo.write("CHANGES", &i.to_string());
            commits.push(repo.commit(&format!("commit {i}")));
        }
        let server = Server::of(&repo);
        let token = |scope: &str| {
            let mut command = uptick(&["token", "create", "me", "--scope", scope, "--data"]);
            said(command.arg(server.data()))
        };
        let (write, read) = (token("write"), token("read"));
        wait("Today says what waits", || {
            server.get("/p/lexis/").1.contains("1 job waits in the")
        });
        assert_eq!(server.json("/p/lexis/api/v1/changes")["waiting"]["jobs"], 1);
        let collector = server.collector("one", &[]).spawn().unwrap();
        let there = Self {
            repo,
            server,
            collector,
            commits,
            write,
            read,
        };
        wait("the newest commit is measured", || {
            there
                .server
                .job(there.newest())
                .is_some_and(|j| j["state"] == "done")
        });
        there
    }

    fn newest(&self) -> &str {
        &self.commits[COMMITS - 1]
    }

    /// The search of somebody with a clone of their own.
    fn bisect(&self, clone: &Path, more: &[&str]) -> Command {
        let (first, address) = (&self.commits[0], self.server.url());
        let mut command = uptick(&["bisect", first, self.newest(), "--server", &address]);
        if !more.contains(&"--bench") {
            command.args(["--bench", "work"]);
        }
        command.args(more).arg("-C").arg(clone);
        command.env("UPTICK_TOKEN", &self.write);
        command
    }

    fn jobs(&self) -> Vec<Value> {
        let all = self.server.json("/api/v1/jobs");
        all["jobs"].as_array().unwrap().clone()
    }
}

#[test]
fn a_server_s_collectors_search_a_range_of_the_past_once_for_all() {
    let there = There::new();
    assert_eq!(there.jobs().len(), 1, "the past is measured by nobody");
    let clone = tempfile::tempdir().unwrap();
    let url = there.repo.path().to_str().unwrap();
    crate::support::git(clone.path(), &["clone", "-q", url, "."]);
    let found: Value =
        serde_json::from_str(&said(&mut there.bisect(clone.path(), &["--json"]))).unwrap();
    assert_eq!(found["outcome"], "found", "{found}");
    assert_eq!(found["culprit"]["sha"], there.commits[SLOW], "{found}");
    assert_eq!(found["verified"], true, "{found}");
    assert_eq!(found["counter"], "callgrind", "{found}");
    let again = found["again"].as_str().unwrap();
    assert!(again.contains("--server http://"), "{again}");
    let notes = found["notes"].to_string();
    assert!(notes.contains("/p/lexis/compare/"), "{notes}");

    // Two jobs verified it, each on a report of its own; fewer than all commits were measured.
    let jobs = there.jobs();
    let of = |purpose: &str| jobs.iter().filter(|j| j["purpose"] == purpose).count();
    assert_eq!(of("confirm"), 2, "{jobs:?}");
    assert!((3..COMMITS - 2).contains(&of("bisect")), "{jobs:?}");
    assert_eq!(there.server.reports(&there.commits[SLOW]), 2);
    // Nothing was built or stored here.
    let worked = clone.path().join(".uptick/worker-0");
    assert!(!worked.exists(), "{} is there", worked.display());

    // Somebody else asks: all of it is known.
    let other = tempfile::tempdir().unwrap();
    crate::support::git(other.path(), &["clone", "-q", url, "."]);
    let text = said(&mut there.bisect(other.path(), &["--project", "lexis"]));
    assert!(text.starts_with("FOUND"), "{text}");
    assert_eq!(there.jobs().len(), jobs.len());

    refusals(&there, other.path());
    what_is_missing_is_measured_by_a_press(&there);
}

/// The page of a series has the commits in view measured that nobody measured yet.
fn what_is_missing_is_measured_by_a_press(there: &There) {
    let listed = there.server.json("/p/lexis/api/v1/series?q=work");
    let id = listed["series"][0]["series"].as_str().unwrap();
    let measured = |there: &There| there.server.json("/p/lexis/api/v1/commits");
    let count = measured(there)["commits"].as_array().unwrap().len();
    let missing = COMMITS - count;
    let words = format!("{missing} commits in this stretch are not measured");
    let (_, page) = there.server.get(&format!("/p/lexis/series/{id}"));
    assert!(page.contains(&words), "no `{words}` in {page}");
    let press = |body: String| {
        let kind = ["content-type: application/x-www-form-urlencoded"];
        let (place, path) = (there.server.place(), "/p/lexis/measure");
        ask(place, "POST", path, &there.write, &kind, body.as_bytes()).0
    };
    assert_eq!(press("from=0".into()), 400);
    assert_eq!(press(format!("from=0&to={}", COMMITS - 1)), 303);
    let backfills = |there: &There| {
        let jobs = there.jobs();
        jobs.iter().filter(|j| j["purpose"] == "backfill").count()
    };
    assert_eq!(backfills(there), missing);
    wait("all commits are measured", || {
        measured(there)["commits"].as_array().unwrap().len() == COMMITS
    });
    let (_, page) = there.server.get(&format!("/p/lexis/series/{id}"));
    assert!(!page.contains("not measured"), "{page}");
    assert_eq!(press(format!("from=0&to={}", COMMITS - 1)), 409);

    // How long a commit takes is known by now.
    let collectors = there.server.json("/api/v1/collectors");
    assert!(
        collectors["collectors"][0]["pace"]
            .as_i64()
            .is_some_and(|p| p > 0)
    );
    let (_, page) = there.server.get("/collectors");
    assert!(page.contains("A commit takes"), "{page}");
}

/// What cannot be searched there is said at once, and leaves no job behind.
fn refusals(there: &There, clone: &Path) {
    let jobs = there.jobs().len();
    let refused = |command: &mut Command, code: i32, words: &str| {
        let out = command.output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(text.contains(words), "{text}");
        assert_eq!(out.status.code(), Some(code), "{text}");
    };
    let search = |more: &[&str], words: &str| refused(&mut there.bisect(clone, more), 2, words);
    search(
        &["--project", "syntax"],
        "the server has no `syntax`; it has lexis",
    );
    search(
        &["--bench", "wor"],
        "has no instructions of `wor` yet; it has `work`",
    );
    search(
        &["--metric", "wall_time"],
        "search it there, without --server",
    );
    search(
        &["--label", "arm"],
        "label: arm measures nothing of this project",
    );
    search(&["--fresh"], "cannot be used with");
    refused(
        there.bisect(clone, &[]).env_remove("UPTICK_TOKEN"),
        2,
        "a token is needed: `uptick token create NAME --scope write",
    );
    refused(
        there
            .bisect(clone, &["--limit", "1%"])
            .env("UPTICK_TOKEN", &there.read),
        5,
        "needs a token of scope `write`",
    );

    // A commit that is on no main line is not run, whoever asks.
    there.repo.git(&["checkout", "-q", "-b", "side"]);
    there.repo.write("CHANGES", "side");
    let side = there.repo.commit("side");
    let asked = json!({ "project": "lexis", "commits": [side], "purpose": "bisect" });
    let offer = |token: &str, body: &Value| {
        let body = body.to_string();
        let path = "/api/v1/jobs/offer";
        ask(
            there.server.place(),
            "POST",
            path,
            token,
            &[],
            body.as_bytes(),
        )
    };
    let (status, body) = offer(&there.write, &asked);
    assert!(
        status == 422 && body.contains("is not on the main line"),
        "{body}"
    );
    let mut known = asked.clone();
    known["commits"] = json!([there.newest()]);
    assert_eq!(offer(&there.read, &known).0, 403);
    for (field, value, words) in [
        (
            "purpose",
            json!("commit"),
            "purpose: bisect, backfill or confirm",
        ),
        ("commits", json!([]), "commits: 1 to 100"),
        ("label", json!("no such"), "label"),
    ] {
        let mut wrong = known.clone();
        wrong[field] = value;
        let (status, body) = offer(&there.write, &wrong);
        assert!(status == 422 && body.contains(words), "{status}: {body}");
    }
    known["project"] = json!("syntax");
    assert_eq!(offer(&there.write, &known).0, 422);
    assert_eq!(there.jobs().len(), jobs);
}
