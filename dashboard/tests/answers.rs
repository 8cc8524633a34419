//! One question has one answer: pages and API say what the functions of the command line say of the
//! same store.

use std::collections::{BTreeMap, BTreeSet};

use collector::detect::{Finder, Point};
use collector::history::{Floor, MainLine, causes, steps, tracks, watch};
use collector::judge::{self, Outcome};
use collector::model::{
    Better, Commit, Counter, Line, Measurement, Metric, NoiseClass, Report, Sha, Testbed, Verdict,
};
use collector::stats::SplitMix64;
use collector::store::Store;
use serde_json::Value;

use crate::support::{Client, Site};

fn sha(position: u64, line: char) -> Sha {
    Sha(format!("{position:06x}{}", String::from(line).repeat(34)))
}

fn commit(position: u64, line: char) -> Commit {
    Commit {
        sha: sha(position, line),
        position,
        parents: vec![],
        author: "A".into(),
        time: 1_700_000_000 + 86_400 * i64::try_from(position).unwrap(),
        subject: format!("commit {position}"),
    }
}

fn testbed(rustc: &str) -> Testbed {
    let facts = [("arch", "x86_64"), ("rustc", rustc), ("cpu", "c")];
    Testbed {
        facts: facts.map(|(k, v)| (k.to_string(), v.to_string())).into(),
    }
}

fn report(position: u64, line: char, measurements: Vec<Measurement>) -> Report {
    Report {
        schema: Report::SCHEMA.into(),
        commit: commit(position, line),
        testbed: testbed("1.95"),
        build_key: format!("{position}{line}"),
        suite_key: "s".into(),
        testbed_key: "t".into(),
        started: 1_700_000_000,
        seconds: 1.0,
        reused: None,
        line: None,
        measurements,
        failures: vec![],
        profiles: vec![],
    }
}

fn count(name: &str, value: f64) -> Measurement {
    Measurement::once(
        name,
        Metric::Instructions,
        Counter::Callgrind,
        value.round(),
    )
}

fn throughput(name: &str, value: f64) -> Measurement {
    let metric = Metric::stored("throughput", "1/s", Better::Higher);
    Measurement::once(name, metric, Counter::stored("wrk"), value)
}

fn time(name: &str, value: f64, g: &mut SplitMix64) -> Measurement {
    let samples: Vec<f64> = (0..5)
        .map(|_| value * (1.0 + 0.02 * g.next_f64()))
        .collect();
    let middle = collector::stats::median(&samples).unwrap();
    Measurement {
        low: samples.iter().copied().fold(f64::INFINITY, f64::min),
        high: samples.iter().copied().fold(0.0, f64::max),
        samples,
        class: NoiseClass::Sampled,
        spread: 0.02,
        ..Measurement::once(name, Metric::WallTime, Counter::Clock, middle)
    }
}

/// What one series does over 60 commits.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Flat,
    Up,
    Down,
    Back,
    Drift,
    Noisy,
    NoisyUp,
    /// The compiler is another one from commit 30 on.
    Testbed,
    /// Branches measured beside it, twice as high.
    Branches,
    /// Of which more is better, and which is reported by a tool.
    Throughput,
    /// This many series, so many of them moved by one commit.
    Many(usize, usize),
}

const COMMITS: u64 = 60;

fn level(shape: Shape, i: u64) -> f64 {
    let x = i as f64;
    match shape {
        Shape::Up | Shape::NoisyUp | Shape::Throughput if i >= 30 => 1.2e6,
        Shape::Down if i >= 30 => 0.8e6,
        Shape::Back if (20..35).contains(&i) => 1.3e6,
        Shape::Drift => 1e6 * (1.0 + 0.0006 * x),
        Shape::Testbed if i >= 30 => 1.4e6,
        _ => 1e6,
    }
}

fn measurements(shape: Shape, i: u64, g: &mut SplitMix64) -> Vec<Measurement> {
    match shape {
        Shape::Noisy | Shape::NoisyUp => vec![time("b", level(shape, i), g)],
        Shape::Throughput => vec![throughput("b", level(shape, i))],
        Shape::Many(series, moved) => (0..series)
            .map(|s| {
                let factor = if s < moved && i >= 30 { 1.1 } else { 1.0 };
                count(&format!("b{s:02}"), 1e6 * factor)
            })
            .collect(),
        _ => vec![count("b", level(shape, i))],
    }
}

fn fill(site: &Site, shape: Shape, seed: u64) -> Vec<Report> {
    let mut store = site.store();
    let mut g = SplitMix64::new(seed);
    let mut all = Vec::new();
    for i in 0..COMMITS {
        let mut r = report(i, 'a', measurements(shape, i, &mut g));
        if matches!(shape, Shape::Testbed) && i >= 30 {
            r.testbed = testbed("1.96");
        }
        store.put(&r, &[]).unwrap();
        all.push(r);
        if matches!(shape, Shape::Branches) && i % 5 == 0 {
            let mut beside = report(i, 'f', vec![count("b", 2e6)]);
            beside.line = Some(Line::Branch {
                name: Some("topic".into()),
                merge_base: Some(sha(i, 'a')),
            });
            store.put(&beside, &[]).unwrap();
        }
    }
    watch::search(&mut store, usize::MAX).unwrap();
    all
}

async fn json(c: &Client, url: &str) -> Value {
    let answer = c.get(url).await;
    serde_json::from_str(answer.text()).unwrap_or_else(|e| panic!("{url}: {e}: {}", answer.text()))
}

/// Benchmark, verdict, limit and change of each judged row, as the command line's functions say
/// them of two stored reports.
fn judged(store: &Store, base: &Report, head: &Report) -> (Outcome, Vec<(String, Verdict)>) {
    let metrics = judge::Judged::of(&Default::default(), &[base, head]);
    let line: Vec<Sha> = (0..=base.commit.position).map(|i| sha(i, 'a')).collect();
    let history = |m: &Measurement| -> Vec<f64> {
        let key = collector::model::SeriesKey {
            benchmark: m.benchmark.clone(),
            metric: m.metric.clone(),
            counter: m.counter.clone(),
            fingerprint: base.testbed.fingerprint(&m.counter),
        };
        let points = store.points_anywhere(&key, base.commit.position).unwrap();
        let on = points.iter().filter(|p| line.contains(&p.sha));
        on.map(|p| p.value).collect()
    };
    let rows = judge::rows(
        base,
        head,
        &Default::default(),
        &Default::default(),
        &metrics,
        &history,
    );
    let said = rows
        .iter()
        .map(|r| (r.benchmark.clone(), r.verdict))
        .collect();
    let counter = head.measurements[0].counter.clone();
    let judgement = judge::judgement(base, head, counter, rows, Default::default());
    (judgement.outcome, said)
}

#[tokio::test]
async fn thirty_stores_get_one_answer_from_functions_pages_and_api() {
    let shapes = [
        Shape::Flat,
        Shape::Up,
        Shape::Down,
        Shape::Back,
        Shape::Drift,
        Shape::Noisy,
        Shape::NoisyUp,
        Shape::Testbed,
        Shape::Branches,
        Shape::Throughput,
        Shape::Many(40, 40),
    ];
    for (i, shape) in shapes.iter().cycle().take(30).enumerate() {
        let site = Site::empty();
        let reports = fill(&site, *shape, i as u64);
        let c = site.client().await;
        same_judgements(&site, &c, *shape, &reports).await;
        same_changes(&site, &c, *shape).await;
    }
}

/// Every exact verdict of a page is the one of the judge, and none contradicts its limit.
async fn same_judgements(site: &Site, c: &Client, shape: Shape, reports: &[Report]) {
    let store = site.store();
    for (b, h) in [(28, 29), (29, 30), (29, 31), (19, 40), (5, 6)] {
        let (base, head) = (&reports[b], &reports[h]);
        let (outcome, rows) = judged(&store, base, head);
        let url = format!("/compare/{}..{}.json", base.commit.sha, head.commit.sha);
        let page = json(c, &url).await;
        let said: Vec<(String, String)> = page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| {
                let text = |f: &str| r[f].as_str().unwrap().to_string();
                (text("benchmark"), text("verdict"))
            })
            .collect();
        for ((name, verdict), (at, shown)) in rows.iter().zip(&said) {
            assert_eq!(name, at);
            // A lasting change of the series may confirm what two reports alone only suspect.
            let confirmed = *verdict == Verdict::Suspect;
            assert!(
                verdict.name() == shown
                    || confirmed && ["regressed", "improved"].contains(&&**shown),
                "{shape:?} {b}..{h} {name}: {} or {shown}",
                verdict.name()
            );
        }
        let outcome = serde_json::to_value(outcome).unwrap();
        let was_confirmed = said.iter().zip(&rows).any(|(s, r)| s.1 != r.1.name());
        assert!(
            page["outcome"] == outcome || was_confirmed,
            "{shape:?} {b}..{h}"
        );
        within_limits(&page);
    }
}

fn within_limits(page: &Value) {
    for r in page["results"].as_array().unwrap() {
        let red = ["regressed", "improved"].contains(&r["verdict"].as_str().unwrap());
        if let (true, Some(change), Some(limit)) = (red, r["change"].as_f64(), r["limit"].as_f64())
        {
            assert!(change.abs() > limit, "{r}");
        }
    }
}

/// What `uptick changes` finds in a store.
fn found_by_the_command(store: &Store) -> steps::Steps {
    let line = MainLine::default();
    let found: Vec<steps::Found> = tracks(store, &line, &|k| k.metric.is_judged())
        .unwrap()
        .into_iter()
        .map(|t| {
            let known = store.events_of(&t.key.id()).unwrap();
            steps::find(t, known, Floor::default())
        })
        .collect();
    steps::Steps::of(&found, &line)
}

/// The demo has noisy series too, and in them steps that only a look back is sure of.
#[test]
fn what_is_open_in_the_demo_is_open_for_the_command_and_on_the_pages() {
    let store = Site::demo().store();
    let document = found_by_the_command(&store);
    let listed: BTreeSet<String> = document
        .all()
        .filter(|(_, s)| s.open)
        .map(|(_, s)| s.id.clone())
        .collect();
    let shown: BTreeSet<String> = store
        .open_events(9_999)
        .unwrap()
        .into_iter()
        .filter(|e| e.series.key.metric.is_judged())
        .map(|e| e.reported.id)
        .collect();
    assert_eq!(listed, shown);
    assert!(document.all().any(|(_, s)| !s.told), "none of that kind");
}

/// Identities, commit sets and groups: as `uptick changes` lists them, on Today and in its JSON.
async fn same_changes(site: &Site, c: &Client, shape: Shape) {
    let store = site.store();
    let document = found_by_the_command(&store);
    let listed: BTreeMap<String, (i64, i64)> = document
        .all()
        .filter(|(_, s)| s.open)
        .map(|(_, s)| (s.id.clone(), (s.change.first, s.change.last)))
        .collect();
    let today = json(c, "/today.json").await;
    let groups = today["groups"].as_array().unwrap();
    let shown: BTreeMap<String, (i64, i64)> = groups
        .iter()
        .flat_map(|g| g["changes"].as_array().unwrap())
        .map(|e| {
            let e = &e["event"];
            let at = |f: &str| e["change"][f].as_i64().unwrap();
            (
                e["id"].as_str().unwrap().to_string(),
                (at("first"), at("last")),
            )
        })
        .collect();
    assert_eq!(listed, shown, "{shape:?}");
    let open = document
        .groups
        .iter()
        .filter(|g| g.changes.iter().any(|id| listed.contains_key(id)));
    assert_eq!(open.count(), groups.len(), "{shape:?}");
    same_list(c, &document, shape).await;
}

/// The list of all changes has the changes that `uptick changes --all` lists, as they stand there:
/// but for ways back, which have no identity of their own, and what the points show no longer.
async fn same_list(c: &Client, document: &steps::Steps, shape: Shape) {
    let listed: BTreeMap<String, (i64, i64, Option<i64>)> = document
        .all()
        .filter(|(_, s)| s.recovers.is_none())
        .map(|(_, s)| (s.id.clone(), (s.change.first, s.change.last, s.recovered)))
        .collect();
    let list = json(c, "/changes.json").await;
    let shown: BTreeMap<String, (i64, i64, Option<i64>)> = list["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["stands"] != "withdrawn")
        .map(|row| {
            let e = &row["event"];
            let at = |f: &str| e["change"][f].as_i64().unwrap();
            let id = e["id"].as_str().unwrap().to_string();
            (id, (at("first"), at("last"), e["recovered"].as_i64()))
        })
        .collect();
    assert_eq!(listed, shown, "{shape:?}");
}

/// One commit that slows 30 of 40, and 30 of 30 series down is one regression on Today.
#[tokio::test]
async fn one_commit_that_slows_many_series_down_is_one_regression() {
    for (series, moved) in [(40, 30), (30, 30)] {
        let site = Site::empty();
        fill(&site, Shape::Many(series, moved), 1);
        let c = site.client().await;
        let today = c.get("/").await;
        assert!(
            today.text().contains("1 new regression"),
            "{series} {moved}"
        );
        let hint = today.text().contains("Every series of a testbed moved");
        assert_eq!(hint, series == moved);
        let groups = json(&c, "/today.json").await["groups"].clone();
        assert_eq!(groups.as_array().unwrap().len(), 1);
        assert_eq!(groups[0]["environment"], false);
    }
}

/// A branch's report changes no page of the main line.
#[tokio::test]
async fn a_branch_changes_no_page_of_the_main_line() {
    let site = Site::empty();
    fill(&site, Shape::Up, 1);
    let series = site.store().series().unwrap()[0].key.id();
    let pages = [
        "/today.json".to_string(),
        "/commits.json".into(),
        "/health.json".into(),
        format!("/series/{series}.json"),
        format!("/compare/{}..{}.json", sha(29, 'a'), sha(30, 'a')),
    ];
    let c = site.client().await;
    let mut before = Vec::new();
    for p in &pages {
        before.push(c.get(p).await.text().to_string());
    }
    for i in 40..48 {
        let mut beside = report(i, 'f', vec![count("b", 9e6)]);
        beside.line = Some(Line::Branch {
            name: Some("topic".into()),
            merge_base: Some(sha(40, 'a')),
        });
        site.store().put(&beside, &[]).unwrap();
    }
    watch::search(&mut site.store(), usize::MAX).unwrap();
    let c = site.client().await;
    for (p, was) in pages.iter().zip(before) {
        assert_eq!(c.get(p).await.text(), was, "{p}");
    }
    let listed = c.get("/commits").await;
    assert!(listed.text().contains("Beside the main line") && listed.text().contains("topic"));
    // Its own page compares it with where it left the main line.
    let own = c.get(&format!("/commit/{}", sha(44, 'f'))).await;
    assert!(
        own.text()
            .contains("beside the main line, on <a href=\"/branch?name=topic\">topic</a>"),
        "{}",
        own.text()
    );
    assert!(own.text().contains(sha(40, 'a').short()));
}

/// No page of the demo store calls what moved less than its limit regressed or improved.
#[tokio::test]
async fn no_verdict_of_the_demo_contradicts_its_limit() {
    let site = Site::demo();
    let c = site.client().await;
    let commits = site.store().commits(u64::MAX, 1_000).unwrap();
    assert!(commits.len() > 150);
    for pair in commits.windows(2) {
        let url = format!("/compare/{}..{}.json", pair[1].sha, pair[0].sha);
        within_limits(&json(&c, &url).await);
    }
}

/// What has one cause does not depend on the order in which changes come.
#[test]
fn causes_do_not_depend_on_order() {
    let key = |i: usize| collector::model::SeriesKey {
        benchmark: format!("b{i}"),
        metric: Metric::Instructions,
        counter: Counter::Callgrind,
        fingerprint: "f".into(),
    };
    let keys: Vec<_> = (0..6).map(key).collect();
    let points: Vec<Point> = (0..40)
        .map(|index| Point {
            index,
            value: if index < 20 { 1e6 } else { 2e6 },
        })
        .collect();
    let change = Finder::default().find(&points).changes.remove(0);
    let mut all: Vec<_> = keys.iter().map(|k| (k, &change)).collect();
    let forward = causes(&all, &|_| 10).len();
    all.reverse();
    assert_eq!((forward, causes(&all, &|_| 10).len()), (1, 1));
}
