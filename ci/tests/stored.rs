//! `uptick compare` and the page of the same two commits say the same of the same reports.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::collect::ask;
use crate::serve::{address, end, send, serve_with};
use crate::support::Repo;

/// Commits of the main line.
const COMMITS: usize = 15;
/// Where times and throughput step.
const STEP: u64 = 8;
/// Where the branch leaves it.
const FORK: usize = 10;

/// A repository with a branch, of which every commit has a report: it is built once.
fn measured() -> Repo {
    let repo = Repo::with_command();
    let write = |on: &str, i: usize| {
        repo.write("notes.txt", &format!("{on} {i}"));
        repo.commit(&format!("{on} {i}"))
    };
    (1..=FORK).for_each(|i| drop(write("main", i)));
    repo.git(&["checkout", "-q", "-b", "topic"]);
    (1..=3).for_each(|i| drop(write("topic", i)));
    repo.git(&["checkout", "-q", "main"]);
    (FORK + 1..COMMITS).for_each(|i| drop(write("main", i)));
    let all = format!("HEAD~{}..HEAD", COMMITS - 1);
    repo.uptick(&["run", "HEAD~14"]).exits(0);
    repo.uptick(&["run", &all]).exits(0);
    repo.git(&["checkout", "-q", "topic"]);
    repo.uptick(&["run", "HEAD~3..HEAD"]).exits(0);
    repo.git(&["checkout", "-q", "main"]);
    repo
}

/// A number that varies, as another tool reports it.
fn sampled(metric: &str, tool: &str, value: f64) -> Value {
    json!({
        "benchmark": metric, "metric": metric, "unit": "x", "counter": tool, "class": "sampled",
        "value": value, "low": value - 1.0, "high": value + 1.0,
        "samples": [value - 1.0, value, value + 1.0],
    })
}

/// What other tools say of a commit.
fn others(at: u64, is_topic: bool) -> [Value; 4] {
    let around = |size: f64| 1000.0 + if at.is_multiple_of(2) { -size } else { size };
    let stepped = if at < STEP { 1.0 } else { 0.7 };
    let mut throughput = sampled("throughput", "wrk", around(3.0) * stepped);
    throughput["better"] = "higher".into();
    // Base and head lie together, one of them just inside of the limit around the level.
    let latency = match at {
        12 if !is_topic => 1055.0,
        13 if !is_topic => 1055.9,
        _ => around(3.0),
    };
    // Wild on the main line after the branch left it, and quiet there.
    let size = match (at, is_topic) {
        (11.., false) => 1400.0,
        (13, true) => 1090.0,
        (11.., true) => 1000.0,
        _ => around(60.0),
    };
    let mut time = sampled("wall_time", "pytest-benchmark", around(3.0) * 1e3 / stepped);
    time["unit"] = "ns".into();
    [
        throughput,
        sampled("latency", "wrk", latency),
        sampled("size", "tool", size),
        time,
    ]
}

/// The export of a store with the numbers of other tools beside its own.
fn with_others(export: &str) -> String {
    let mut out = String::from("{\"schema\":\"uptick.export/1\"}\n");
    let entries = export.lines().map(|l| serde_json::from_str(l).unwrap());
    let is_kept = |e: &Value| e.get("report").is_some() || e.get("main_line").is_some();
    for mut entry in entries.filter(is_kept) {
        if let Some(report) = entry.get_mut("report") {
            let commit = &report["commit"];
            let is_topic = commit["subject"].as_str().unwrap().starts_with("topic");
            let more = others(commit["position"].as_u64().unwrap(), is_topic);
            report["profiles"] = json!([]);
            report["measurements"].as_array_mut().unwrap().extend(more);
        }
        out.push_str(&format!("{entry}\n"));
    }
    out
}

/// What is said of each row, but for what people read alone.
fn rows(document: &Value) -> BTreeMap<String, Value> {
    let said = |r: &Value| {
        let fields = [
            "verdict",
            "confirmed",
            "judged",
            "change",
            "limit",
            "base",
            "head",
        ];
        let picked = fields.map(|f| (f.to_owned(), r[f].clone()));
        (
            format!("{} {} {}", r["benchmark"], r["metric"], r["counter"]),
            Value::Object(picked.into_iter().collect()),
        )
    };
    document["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(said)
        .collect()
}

#[test]
fn the_command_and_the_pages_say_the_same_of_the_same_reports() {
    let repo = measured();
    let export = repo.uptick(&["export"]).exits(0).stdout;
    repo.write("others.jsonl", &with_others(&export));
    let store = repo.path().join(".uptick/others.db");
    let named = store.to_str().unwrap();
    repo.uptick(&["--store", named, "import", "others.jsonl"])
        .exits(0);
    let mut child = serve_with(&store, &[]);
    let address = address(&mut child);
    let mut said = BTreeMap::new();
    for (base, head) in [
        ("HEAD~7", "HEAD~6"),
        ("HEAD~10", "HEAD~1"),
        ("HEAD~6", "HEAD~7"),
        ("HEAD~2", "HEAD~1"),
        ("HEAD~1", "HEAD"),
        ("topic~1", "topic"),
        ("HEAD~4", "topic"),
        ("HEAD~5", "topic~1"),
    ] {
        let ran = repo.uptick(&["--store", named, "compare", base, head, "--json"]);
        let command: Value = serde_json::from_str(&ran.stdout).unwrap();
        let [b, h] = ["base", "head"].map(|side| command[side]["sha"].as_str().unwrap());
        let (status, body) = ask(
            &address,
            "GET",
            &format!("/compare/{b}..{h}.json"),
            "",
            &[],
            b"",
        );
        assert_eq!(status, 200, "{body}");
        let page: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(rows(&command), rows(&page), "{base}..{head}");
        assert_eq!(command["outcome"], page["outcome"], "{base}..{head}");
        said.insert((base, head), rows(&command));
    }
    send(&child, "TERM");
    assert_eq!(end(child), Some(0));
    verdicts(&said);
}

/// The verdicts themselves are those that the reports bear out.
fn verdicts(said: &BTreeMap<(&str, &str), BTreeMap<String, Value>>) {
    let of = |pair: (&str, &str), metric: &str| {
        let found = said[&pair].iter().find(|(name, _)| name.contains(metric));
        found.unwrap().1.clone()
    };
    for metric in ["throughput", "wall_time"] {
        let step = of(("HEAD~7", "HEAD~6"), metric);
        assert_eq!(step["verdict"], "regressed", "{metric}: {step}");
        assert_eq!(
            (&step["judged"], &step["confirmed"]),
            (&json!(true), &json!(true))
        );
        let back = of(("HEAD~6", "HEAD~7"), metric);
        assert_eq!(back["verdict"], "improved", "{metric}: {back}");
    }
    assert_eq!(of(("HEAD~2", "HEAD~1"), "latency")["verdict"], "suspect");
}
