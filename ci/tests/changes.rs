//! `changes`, `replay` and `log` over the store: the main line only, commits named, testbeds
//! kept apart, decisions kept.

use collector::history::steps::{self, Found, Steps};
use collector::history::{Floor, MainLine, tracks};
use collector::model::Report;
use collector::stats::SplitMix64;
use collector::store::{Moment, Store};
use serde_json::{Value, json};

use crate::support::Repo;

/// The SHA-256 of nothing in particular: a report's keys need only be equal where they should.
const KEY: &str = "0123456789abcdef";

/// One report as `uptick import` reads it: `work` cost `value` on a commit.
fn report(sha: &str, position: usize, value: f64, rustc: &str, started: i64) -> Value {
    let facts = json!({ "arch": "x86_64", "rustc": rustc, "profile": "bench" });
    json!({ "report": {
        "schema": "uptick.report/1",
        "commit": {
            "sha": sha, "position": position, "parents": [], "author": "T", "time": 0,
            "subject": "",
        },
        "testbed": { "facts": facts },
        "build_key": format!("{sha}{value}"), "suite_key": KEY, "testbed_key": KEY,
        "started": started, "seconds": 1.0,
        "measurements": [{
            "benchmark": "work", "metric": "instructions", "counter": "callgrind",
            "value": value, "low": value, "high": value, "samples": [value], "class": "exact",
        }],
    }})
}

/// Commits on `main`, with the values that `value` gives, stored in the default store.
struct History {
    repo: Repo,
    shas: Vec<String>,
}

impl History {
    fn new(n: usize, value: impl Fn(usize) -> f64, message: impl Fn(usize) -> String) -> Self {
        let repo = Repo::new();
        let shas: Vec<String> = (0..n).map(|i| repo.commit(&message(i))).collect();
        let history = Self { repo, shas };
        let reports: Vec<Value> = (0..n)
            .map(|i| report(&history.shas[i], i, value(i), "1.90", i as i64))
            .collect();
        history.repo.import(&reports);
        history
    }

    fn changes(&self) -> Value {
        self.repo.uptick(&["changes", "--json"]).exits(0).json()
    }
}

fn step_at(at: usize) -> impl Fn(usize) -> f64 {
    move |i| if i < at { 1e6 } else { 1.02e6 }
}

fn plain(i: usize) -> String {
    format!("commit {i}")
}

#[test]
fn a_step_names_its_commit_and_how_well_it_held() {
    let h = History::new(30, step_at(20), plain);
    let d = h.changes();
    assert_eq!(d["schema"], "uptick.changes/1");
    assert_eq!(d["head"]["sha"], h.shas[29].as_str());
    let s = &d["series"][0];
    assert_eq!(
        (&s["benchmark"], &s["class"]),
        (&"work".into(), &"exact".into())
    );
    let changes = s["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{d:#}");
    let c = &changes[0];
    assert_eq!(c["index"], 20);
    assert_eq!(c["commit"]["sha"], h.shas[20].as_str());
    assert_eq!(c["commit"]["subject"], "commit 20");
    assert_eq!(c["commits"].as_array().unwrap().len(), 1);
    assert_eq!(c["since"], json!({ "held": 10, "measured": 10 }));
    assert_eq!((&c["state"], &c["open"]), (&"new".into(), &true.into()));
    let text = h.repo.uptick(&["changes"]).exits(0).stdout;
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    for words in [
        "commit 20",
        "▲ work",
        "+2.00 %",
        "held in 10 of 10",
        "repeats its value",
    ] {
        assert!(text.contains(words), "`{words}` is missing in:\n{text}");
    }
    let log = h.repo.uptick(&["log", "work"]).exits(0).stdout;
    let marked: Vec<&str> = log.lines().filter(|l| l.starts_with('▲')).collect();
    assert_eq!(marked.len(), 1, "{log}");
    assert!(marked[0].contains("commit 20"), "{log}");
}

#[test]
fn commits_beside_the_line_and_older_reports_do_not_count() {
    let h = History::new(30, step_at(99), plain);
    // A branch that was measured and never merged, at positions of the main line.
    h.repo.git(&["checkout", "-q", "-b", "side", &h.shas[10]]);
    let side: Vec<String> = (0..6)
        .map(|i| h.repo.commit(&format!("side {i}")))
        .collect();
    h.repo.git(&["checkout", "-q", "main"]);
    let beside: Vec<Value> = side
        .iter()
        .zip(11..)
        .map(|(sha, p)| report(sha, p, 9e6, "1.90", 100))
        .collect();
    h.repo.import(&beside);
    assert_eq!(h.changes()["series"][0]["changes"], json!([]));
    let log = h.repo.uptick(&["log", "work"]).exits(0).stdout;
    assert!(!log.contains('▲') && !log.contains('▼'), "{log}");
    // The newest report of a commit counts.
    let again: Vec<Value> = (20..30)
        .map(|i| report(&h.shas[i], i, 1.1e6, "1.90", 200))
        .collect();
    h.repo.import(&again);
    let d = h.changes();
    assert_eq!(d["series"][0]["points"], 30);
    assert_eq!(d["series"][0]["changes"][0]["index"], 20);
    // The line may be named, and then that one counts.
    let side = h
        .repo
        .uptick(&["changes", "--line", "side", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        side["series"][0]["changes"][0]["commit"]["subject"],
        "side 0"
    );
}

#[test]
fn another_toolchain_is_another_series_and_no_commit_is_blamed() {
    let h = History::new(40, step_at(99), plain);
    let repo = &h.repo;
    let more: Vec<String> = (40..60).map(|i| repo.commit(&plain(i))).collect();
    let reports: Vec<Value> = more
        .iter()
        .zip(40..)
        .map(|(sha, p)| report(sha, p, 1.3e6, "1.95", 1))
        .collect();
    h.repo.import(&reports);
    let d = h.changes();
    let series = d["series"].as_array().unwrap();
    assert_eq!(series.len(), 2);
    assert!(series.iter().all(|s| s["changes"] == json!([])), "{d:#}");
    let new = series.iter().find(|s| s["points"] == 20).unwrap();
    let e = &new["environment"];
    assert_eq!((&e["at"], &e["previous_last"]), (&40.into(), &39.into()));
    assert_eq!(e["commit"]["sha"], more[0].as_str());
    assert_eq!(
        e["facts"],
        json!([{ "name": "rustc", "before": "1.90", "after": "1.95" }])
    );
    let text = repo.uptick(&["changes"]).exits(0).stdout;
    assert!(
        text.contains("no commit is blamed") && text.contains("rustc"),
        "{text}"
    );
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
}

#[test]
fn a_commit_that_was_not_measured_stays_under_suspicion() {
    let repo = Repo::new();
    let shas: Vec<String> = (0..30).map(|i| repo.commit(&plain(i))).collect();
    let h = History { repo, shas };
    let measured = (0..30).filter(|i| !(18..20).contains(i));
    let reports: Vec<Value> = measured
        .map(|i| report(&h.shas[i], i, step_at(18)(i), "1.90", 1))
        .collect();
    h.repo.import(&reports);
    let d = h.changes();
    let c = &d["series"][0]["changes"][0];
    assert_eq!(
        (&c["first"], &c["last"], &c["in_set"]),
        (&18.into(), &20.into(), &3.into())
    );
    assert_eq!(c["commits"][0]["sha"], h.shas[18].as_str());
    let text = h.repo.uptick(&["changes"]).exits(0).stdout;
    assert!(text.contains("one of 3 commits"), "{text}");
}

#[test]
fn a_policy_is_tried_on_the_past() {
    let h = History::new(30, step_at(20), plain);
    let d = h.repo.uptick(&["replay", "--json"]).exits(0).json();
    assert_eq!(d["schema"], "uptick.replay/1");
    let flags = d["series"][0]["flags"].as_array().unwrap();
    assert_eq!(flags.len(), 1, "{d:#}");
    assert_eq!(
        (&flags[0]["by"], &flags[0]["at"]),
        (&"gate".into(), &20.into())
    );
    assert_eq!(flags[0]["commit"]["sha"], h.shas[20].as_str());
    assert_eq!(d["total"]["median_delay"], 0.0);
    // A looser limit leaves it to the finder; a floor above it silences that too.
    let loose = ["replay", "--limit", "5%", "--json"];
    let d = h.repo.uptick(&loose).exits(0).json();
    assert_eq!(d["series"][0]["flags"][0]["by"], "finder");
    assert_eq!(d["limit"], 0.05);
    let silent = ["replay", "--limit", "5%", "--floor", "5%", "--json"];
    let d = h.repo.uptick(&silent).exits(0).json();
    assert_eq!(d["series"][0]["flags"], json!([]));
    let text = h.repo.uptick(&["replay"]).exits(0).stdout;
    assert!(
        text.contains("gate, at once") && text.contains("by chance"),
        "{text}"
    );
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    h.repo
        .uptick(&["replay", "--limit", "x"])
        .exits(2)
        .says(&["--limit"]);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let repo = Repo::new();
    repo.commit("one");
    repo.uptick(&["changes"])
        .exits(5)
        .says(&["no store here yet"]);
    let h = History::new(10, step_at(99), plain);
    h.repo
        .uptick(&["changes", "--metric", "x"])
        .exits(2)
        .says(&["none of"]);
    h.repo
        .uptick(&["changes", "--bench", "x*"])
        .exits(3)
        .says(&["uptick log"]);
    h.repo
        .uptick(&["changes", "--line", "gone"])
        .exits(2)
        .says(&["names no commit"]);
    h.repo
        .uptick(&["changes", "--csv", "x", "--bench", "y"])
        .exits(2);
}

/// The one change of a history with a step.
fn only(d: &Value) -> Value {
    let changes = d["series"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{d:#}");
    changes[0].clone()
}

#[test]
fn the_commit_that_mended_a_change_is_kept_and_shown() {
    let h = History::new(30, step_at(20), plain);
    let id = only(&h.changes())["id"].as_str().unwrap().to_string();
    h.repo
        .uptick(&["changes", "fixed", &id, "--commit", "nowhere"])
        .exits(2);
    // Nothing was written: not even that the change was seen.
    let log = h.repo.uptick(&["export"]).exits(0).stdout;
    assert!(!log.contains("\"alert\""), "{log}");
    let mended = h.repo.git(&["rev-parse", "HEAD~3"]).trim().to_string();
    let settle = ["changes", "fixed", &id, "--commit", "HEAD~3"];
    h.repo.uptick(&settle).exits(0);
    let settled = only(&h.changes());
    assert_eq!(settled["state"], json!({ "resolved": "fixed_by" }));
    assert_eq!(settled["fixed"], mended);
    let text = h.repo.uptick(&["changes", "--all"]).exits(0).stdout;
    let words = format!("fixed by {}", &mended[..9]);
    assert!(text.contains(&words), "{text}");
    h.repo.uptick(&["changes", "undo", &id]).exits(0);
    assert_eq!(only(&h.changes()).get("fixed"), None);
}

#[test]
fn a_decision_lasts_survives_a_rebuild_and_travels() {
    let h = History::new(30, step_at(20), plain);
    let id = only(&h.changes())["id"].as_str().unwrap().to_string();
    let run = |args: &[&str]| h.repo.uptick(args).exits(0);
    let d = run(&["changes", "ack", &id[..5], "--note", "looking", "--json"]).json();
    assert_eq!(
        (&d["before"], &d["after"]),
        (&"new".into(), &"acknowledged".into())
    );
    run(&["changes", "accept", &id, "--note", "it must be"]);
    let settled = only(&h.changes());
    assert_eq!(settled["state"], json!({ "resolved": "accepted" }));
    assert_eq!(
        (&settled["note"], &settled["open"]),
        (&"it must be".into(), &false.into())
    );
    let text = run(&["changes"]).stdout;
    assert!(text.starts_with("0 open changes, 1 settled"), "{text}");
    let text = run(&["changes", "--all"]).stdout;
    assert!(
        text.contains("accepted") && text.contains("it must be"),
        "{text}"
    );
    // More commits: the same change, still settled.
    let more: Vec<String> = (30..40).map(|i| h.repo.commit(&plain(i))).collect();
    let reports: Vec<Value> = more
        .iter()
        .zip(30..)
        .map(|(sha, p)| report(sha, p, 1.02e6, "1.90", 1))
        .collect();
    h.repo.import(&reports);
    run(&["rebuild"]);
    assert_eq!(only(&h.changes())["note"], "it must be");
    // Into another store, twice.
    run(&["export", "all.jsonl"]);
    for _ in 0..2 {
        run(&["--store", "other.db", "import", "all.jsonl"]);
    }
    let there = run(&["--store", "other.db", "changes", "--json"]).json();
    assert_eq!(only(&there)["state"], json!({ "resolved": "accepted" }));
    run(&["--store", "other.db", "export", "again.jsonl"]);
    let read = |f: &str| std::fs::read_to_string(h.repo.path().join(f)).unwrap();
    assert_eq!(read("all.jsonl"), read("again.jsonl"));
    // Taken back, step by step.
    run(&["changes", "undo", &id]);
    assert_eq!(only(&h.changes())["state"], "acknowledged");
    run(&["changes", "undo", &id]);
    assert_eq!(only(&h.changes())["state"], "new");
    h.repo
        .uptick(&["changes", "undo", &id])
        .exits(2)
        .says(&["nothing was decided"]);
    h.repo
        .uptick(&["changes", "noise", "zz"])
        .exits(2)
        .says(&["names no change"]);
}

#[test]
fn a_change_accepted_in_its_commit_is_settled() {
    let message = |i: usize| match i {
        20 => "dearer\n\nUptick-Accept: wo* it must".to_string(),
        _ => plain(i),
    };
    let h = History::new(30, step_at(20), message);
    let c = only(&h.changes());
    assert_eq!(c["state"], json!({ "resolved": "accepted" }));
    assert_eq!((&c["note"], &c["open"]), (&"it must".into(), &false.into()));
    assert_eq!(c["accepted_in"]["sha"], h.shas[20].as_str());
}

#[test]
fn a_change_that_went_back_is_one_event_with_two_edges() {
    let value = |i: usize| if (12..18).contains(&i) { 2e6 } else { 1e6 };
    let h = History::new(30, value, plain);
    let d = h.changes();
    let c = d["series"][0]["changes"].as_array().unwrap();
    assert_eq!(c.len(), 2, "{d:#}");
    assert_eq!(
        (&c[0]["recovered"], &c[1]["recovers"]),
        (&18.into(), &12.into())
    );
    assert!(c.iter().all(|c| c["open"] == false));
    let id = c[1]["id"].as_str().unwrap();
    h.repo
        .uptick(&["changes", "noise", id])
        .exits(2)
        .says(&["the way back"]);
    // Who mended it is said beside that it went back.
    let first = c[0]["id"].as_str().unwrap();
    h.repo
        .uptick(&["changes", "fixed", first, "--commit", "HEAD~3"])
        .exits(0);
    let mended = h.repo.git(&["rev-parse", "HEAD~3"]);
    let text = h.repo.uptick(&["changes", "--all"]).exits(0).stdout;
    let words = format!("went back at 18 · fixed by {}", &mended[..9]);
    assert!(text.contains(&words), "{text}");
}

#[test]
fn reports_in_any_order_give_the_same_changes() {
    let values = [2e6, 2e6, 2e6, 2e6, 2e6, 2.1e6, 2.1e6, 2.1e6, 2.1e6, 2.1e6];
    let mut reports: Vec<Report> = (0..values.len())
        .map(|i| report(&format!("{i:040x}"), i, values[i], "1.90", i as i64))
        .map(|r| serde_json::from_value(r["report"].clone()).unwrap())
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let mut rng = SplitMix64::new(1);
    let mut expected = None;
    for round in 0..1000 {
        let path = dir.path().join(format!("{round}.db"));
        let mut store = Store::open(&path).unwrap();
        for r in &reports {
            store.put(r, &[]).unwrap();
        }
        let line = MainLine::default();
        let found: Vec<Found> = tracks(&store, &line, &|_| true)
            .unwrap()
            .into_iter()
            .map(|t| {
                let known = store.events_of(&t.key.id()).unwrap();
                steps::find(t, known, Floor::default())
            })
            .collect();
        let steps = Steps::at(&found, &line, &Moment::default());
        let changes = serde_json::to_value(steps).unwrap();
        assert_eq!(
            changes["series"][0]["changes"][0]["index"], 5,
            "{changes:#}"
        );
        assert_eq!(expected.get_or_insert(changes.clone()), &changes, "{round}");
        drop(store);
        std::fs::remove_file(&path).unwrap();
        rng.shuffle(&mut reports);
    }
}

/// The report of 40 benchmarks, the first `moved` of which cost a tenth more.
fn wide(sha: &str, position: usize, moved: usize) -> Value {
    let mut r = report(sha, position, 1e6, "1.90", position as i64);
    let one = r["report"]["measurements"][0].clone();
    let all = (0..40).map(|s| {
        let mut m = one.clone();
        let value = if s < moved { 1.1e6 } else { 1e6 };
        m["benchmark"] = json!(format!("b{s:02}"));
        for field in ["value", "low", "high"] {
            m[field] = json!(value);
        }
        m["samples"] = json!([value]);
        m
    });
    r["report"]["measurements"] = all.collect();
    r
}

#[test]
fn that_every_series_moved_is_said_of_all_of_them_whatever_is_asked_for() {
    let repo = Repo::new();
    let shas: Vec<String> = (0..24).map(|i| repo.commit(&plain(i))).collect();
    let moved = |i: usize| if i < 12 { 0 } else { 30 };
    let reports: Vec<Value> = (0..24).map(|i| wide(&shas[i], i, moved(i))).collect();
    repo.import(&reports);
    for some in [&[][..], &["--bench", "b0*"]] {
        let d = repo.uptick(&[&["changes", "--json"], some].concat());
        let d = d.exits(0).json();
        assert_eq!(d["groups"][0]["everything"], false, "{some:?}: {d:#}");
    }
}

#[test]
fn rows_of_a_file_that_do_not_count_as_they_stand_are_counted() {
    let repo = Repo::new();
    let rows = |level: u64| {
        (0..20)
            .map(|i| format!("a,{i},{level}\n"))
            .collect::<String>()
    };
    // Two files put end to end, each with its own count of commits.
    let text = format!("series,index,value\n{}{}a,20,NA\n", rows(100), rows(150));
    repo.write("both.csv", &text);
    for command in ["changes", "replay"] {
        repo.uptick(&[command, "--csv", "both.csv"])
            .exits(0)
            .says(&["20 rows with the index of another row", "1 row without"]);
    }
    let found = repo.uptick(&["changes", "--csv", "both.csv", "--json"]);
    let found = found.exits(0).json();
    let one = &found["series"][0];
    assert_eq!(
        (&one["repeated"], &one["left_out"]),
        (&20.into(), &1.into())
    );
    assert_eq!(one["points"], 20);
}

#[test]
fn a_series_of_a_file_without_a_change_says_why() {
    let repo = Repo::new();
    let noise = |i: u32| f64::from(i * 7919 % 101) / 101.0;
    let mut text = String::from("series,index,value\n");
    for i in 0..90 {
        let slow = if i % 3 == 0 { 20.0 } else { 0.0 };
        text += &format!("noisy,{i},{}\n", 100.0 + 10.0 * noise(i));
        text += &format!("modes,{i},{}\n", 100.0 + noise(i) + slow);
        text += &format!("ticks,{i},{}\n", 8.0 + (2.0 * noise(i)).round());
        text += &format!("same,{i},7\n");
    }
    (0..5).for_each(|i| text += &format!("short,{i},{}\n", noise(i)));
    repo.write("why.csv", &text);
    let said = repo.uptick(&["changes", "--csv", "why.csv"]).exits(0);
    for why in [
        "noisy · no change: too noisy for lasting steps below ",
        "modes · no change: two levels 19.",
        "ticks · no change: ticks of 1 are ",
        "short · no change: too short: 3 more commits",
        "0 changes in 0 of 5 series",
    ] {
        assert!(said.stdout.contains(why), "{why}: {}", said.stdout);
    }
    assert!(!said.stdout.contains("same"), "{}", said.stdout);
}
