//! What a check says on forges: the story of a pull request on each, legs that race, strangers.

mod action;
pub(crate) mod fake;
mod files;
mod hostile;
mod legs;
mod race;
mod stories;
mod targets;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use fake::{Fake, Rules};

pub(crate) const HEAD: &str = "1111111111111111111111111111111111111111";
const BASE: &str = "2222222222222222222222222222222222222222";

/// What `check --json` writes of benchmarks that moved so far, by name.
pub(crate) fn judgement(rows: &[(&str, f64)]) -> Value {
    let row = |(name, change): &(&str, f64)| {
        let verdict = match change {
            c if *c > 0.005 => "regressed",
            c if *c < -0.005 => "improved",
            _ => "unchanged",
        };
        let side = |value: f64| json!({"value": value, "low": value, "high": value, "samples": 1});
        let functions = if verdict == "regressed" {
            json!([{"name": "parse::number", "file": "src/number.rs", "line": 41, "base": 1000,
                "head": 41_000, "delta": 40_000, "base_inclusive": 1000, "head_inclusive": 41_000,
                "calls": null, "caller": null}])
        } else {
            json!([])
        };
        json!({
            "benchmark": name, "metric": "instructions", "counter": "callgrind",
            "unit": "instructions", "base": side(1e6), "head": side(1e6 * (1.0 + change)),
            "change": change, "limit": 0.005, "why": "0.50 %: floor for this metric",
            "verdict": verdict, "confirmed": true, "judged": true, "class": "exact",
            "functions": functions, "flamegraph": null,
            "likely": [{"file": "src/number.rs", "line": 43, "delta": 40_000, "function": null}],
        })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    json!({
        "schema": "uptick.check/1", "outcome": "ok",
        "head": {"sha": HEAD, "subject": "A change"},
        "base": {"sha": BASE, "subject": "Before", "how": "merge-base with origin/main", "distance": 1},
        "testbed": {"facts": {"arch": "x86_64"}}, "counter": "callgrind",
        "results": rows, "failures": [], "notes": [],
    })
}

pub(crate) fn write(dir: &Path, name: &str, document: &Value) -> String {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, document.to_string()).unwrap();
    path.display().to_string()
}

/// `uptick` in the CI of that forge: run `run` of pull request 5 with this head.
pub(crate) fn command(fake: &Fake, dir: &Path, token: &str, head: &str, run: u64) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_uptick"));
    let path = std::env::var_os("PATH").unwrap();
    c.current_dir(dir).env_clear().env("PATH", path);
    c.env("UPTICK_FORGE_SETTLE_MS", "40").env("CI", "true");
    let run = run.to_string();
    if fake.rules == Rules::GitLab {
        c.env("GITLAB_CI", "true").env("CI_API_V4_URL", fake.api());
        c.env("CI_PROJECT_ID", "99")
            .env("CI_MERGE_REQUEST_PROJECT_ID", "12");
        c.env("CI_MERGE_REQUEST_IID", "5")
            .env("CI_COMMIT_SHA", head);
        c.env("CI_PIPELINE_ID", run).env("GITLAB_TOKEN", token);
        return c;
    }
    let event = json!({"pull_request": {"number": 5, "head": {"sha": head}}});
    // Each process has its own: another may be reading while this is written.
    static EVENTS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("event-{}.json", EVENTS.fetch_add(1, Ordering::Relaxed));
    let event = write(dir, &name, &event);
    c.env("GITHUB_ACTIONS", "true")
        .env("GITHUB_API_URL", fake.api());
    c.env("GITHUB_SERVER_URL", "http://forge.example")
        .env("GITHUB_REPOSITORY", "o/r");
    c.env("GITHUB_SHA", "3".repeat(40))
        .env("GITHUB_RUN_ID", run);
    c.env("GITHUB_EVENT_PATH", event).env("GITHUB_TOKEN", token);
    if fake.rules == Rules::GitHub {
        c.env("GITHUB_GRAPHQL_URL", format!("{}/graphql", fake.api()));
    } else {
        c.env("GITEA_ACTIONS", "true");
    }
    c
}

#[track_caller]
pub(crate) fn ran(c: &mut Command, code: i32) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = c.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert_eq!(status.code(), Some(code), "stdout:\n{out}\nstderr:\n{err}");
    for secret in [fake::SECRET, fake::FORK] {
        assert!(
            !out.contains(secret) && !err.contains(secret),
            "{out}\n{err}"
        );
    }
    format!("{out}{err}")
}

pub(crate) const EACH: [Rules; 3] = [Rules::GitHub, Rules::Gitea, Rules::GitLab];
