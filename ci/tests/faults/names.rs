//! Names are data: none of them speaks to the runner of a CI system.

use serde_json::{Value, json};

use crate::support::Repo;

const NAMES: [&str; 6] = [
    "::error file=a::x",
    "##[error]x",
    "##vso[task.complete result=Succeeded;]x",
    "##teamcity[buildStatus text='x']",
    "a\r::set-output name=a::b",
    "-x\n::error::y",
];

/// A step in each of the benchmarks, so that every command has something to say of it.
fn reports(repo: &Repo) -> Vec<Value> {
    let mut reports = Vec::new();
    for position in 0..24 {
        let sha = repo.commit(&format!("::warning::{position}"));
        let value = if position < 12 { 1000.0 } else { 1500.0 };
        let measurements: Vec<Value> = NAMES
            .iter()
            .map(|name| {
                json!({
                    "benchmark": name, "metric": "instructions", "counter": "callgrind",
                    "value": value, "low": value, "high": value, "spread": 0.0,
                    "class": "exact", "samples": [value], "note": "##[section]n",
                })
            })
            .collect();
        reports.push(json!({ "report": {
            "schema": "uptick.report/1",
            "commit": { "sha": sha, "position": position, "time": 1_700_000_000 + position,
                "author": "##[group]", "subject": "::warning::s", "parents": [] },
            "build_key": position.to_string(), "suite_key": "s", "testbed_key": "t",
            "testbed": { "facts": { "arch": "x86_64", "os": "::notice::" } },
            "started": 1_700_000_000 + position, "seconds": 1.0,
            "measurements": measurements, "failures": [], "profiles": [], "notes": [],
        }}));
    }
    reports
}

/// Asserts that no line of a text is a command to a runner.
#[track_caller]
fn says_nothing_to_a_runner(text: &str, of: &[&str]) {
    for line in text.split(['\n', '\r']) {
        let speaks = line.trim_start().starts_with("::")
            || ["##[", "##vso[", "##teamcity["]
                .iter()
                .any(|s| line.contains(s));
        assert!(!speaks, "{of:?}: {line:?}");
    }
}

#[test]
fn no_output_speaks_to_a_runner() {
    let repo = Repo::new();
    let reports = reports(&repo);
    repo.import(&reports);
    let mut shown = 0;
    for args in [
        &["log"][..],
        &["log", "*"],
        &["log", "--json"],
        &["changes"],
        &["changes", "--all"],
        &["changes", "--json"],
        &["replay"],
        &["replay", "--json"],
        &["compare", "HEAD~12", "HEAD"],
        &["log", "::error::"],
        &["run", "##[error]x"],
        &["help", "::error::x"],
    ] {
        let ran = repo.uptick(args);
        says_nothing_to_a_runner(&ran.stdout, args);
        says_nothing_to_a_runner(&ran.stderr, args);
        shown += usize::from(ran.stdout.contains("error file=a::x"));
        if args.contains(&"--json") {
            ran.json();
        }
    }
    assert!(shown >= 4, "the names are hardly shown: {shown}");
    let document = repo.uptick(&["log", "--json"]).json();
    let series = document["series"].as_array().unwrap();
    let all: Vec<&str> = series
        .iter()
        .filter_map(|s| s["benchmark"].as_str())
        .collect();
    assert!(NAMES.iter().all(|n| all.contains(n)), "{all:?}");
}
