//! One question has one answer: pages and API say what the functions of the command line say of the
//! same store.

use std::collections::{BTreeMap, BTreeSet};

use collector::config::Config;
use collector::detect::alerts::proposal::By;
use collector::detect::{Finder, Point};
use collector::history::replay::{Proposed, Replayed};
use collector::history::{self, Floor, MainLine, Stored, causes, steps, tracks, watch};
use collector::judge::{self, Judged, Judgement, Overrides};
use collector::model::{
    Better, Commit, Counter, Line, Measurement, Metric, NoiseClass, Report, SeriesKey, Sha,
    Testbed, Verdict,
};
use collector::stats::SplitMix64;
use collector::store::{Store, Triage};
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

/// One that varies, of which less is better, as its tool reports it.
fn latency(name: &str, value: f64, g: &mut SplitMix64) -> Measurement {
    let metric = Metric::stored("latency", "x", Better::Lower);
    let counter = Counter::stored("wrk");
    Measurement {
        metric,
        counter,
        ..time(name, value, g)
    }
}

/// A time that pytest-benchmark reports.
fn py(name: &str, value: f64, g: &mut SplitMix64) -> Measurement {
    Measurement {
        counter: Counter::stored("pytest-benchmark"),
        ..time(name, value, g)
    }
}

/// Instructions that vary by so much.
fn varying(name: &str, value: f64, by: f64, g: &mut SplitMix64) -> Measurement {
    Measurement {
        class: NoiseClass::Threaded,
        spread: by,
        ..count(name, value * (1.0 + by * (g.next_f64() - 0.5)))
    }
}

fn own(metric: &str, value: f64) -> Measurement {
    let metric = Metric::stored(metric, "x", Better::Lower);
    Measurement::once("b", metric, Counter::stored("tool"), value)
}

type Numbers = fn(f64, &mut SplitMix64) -> Vec<Measurement>;

/// What one store holds: what the main line does over 60 commits, and a branch beside it.
struct Shape {
    name: &'static str,
    main: Numbers,
    topic: Option<Numbers>,
    /// The compiler is another one from commit 30 on.
    has_testbeds: bool,
}

const fn main(name: &'static str, main: Numbers) -> Shape {
    Shape {
        name,
        main,
        topic: None,
        has_testbeds: false,
    }
}

const fn beside(name: &'static str, main: Numbers, topic: Numbers) -> Shape {
    Shape {
        topic: Some(topic),
        ..self::main(name, main)
    }
}

const COMMITS: u64 = 60;
/// Where most things step.
const STEP: f64 = 30.0;
/// Where the branch leaves the main line, and how many commits it has.
const FORK: u64 = 27;
const TOPIC: u64 = 6;

/// One level up to [`STEP`] and another from it on.
fn at(x: f64, before: f64, after: f64) -> f64 {
    if x < STEP { before } else { after }
}

fn many(x: f64, moved: usize) -> Vec<Measurement> {
    let one = |i: usize| {
        let factor = if i < moved { at(x, 1.0, 1.1) } else { 1.0 };
        count(&format!("b{i:02}"), 1e6 * factor)
    };
    (0..40).map(one).collect()
}

/// Each of them has another kind of number, or does something else with it.
const SHAPES: [Shape; 31] = [
    main("flat", |_, _| vec![count("b", 1e6)]),
    main("up", |x, _| vec![count("b", at(x, 1e6, 1.2e6))]),
    main("down", |x, _| vec![count("b", at(x, 1e6, 0.8e6))]),
    main("back", |x, _| {
        let is_high = (20.0..35.0).contains(&x);
        vec![count("b", if is_high { 1.3e6 } else { 1e6 })]
    }),
    main("drift", |x, _| vec![count("b", 1e6 * (1.0 + 0.0006 * x))]),
    main("two steps", |x, _| {
        let late = if x < 45.0 { 1.0 } else { 1.1 };
        vec![count("b", at(x, 1e6, 1.2e6) * late)]
    }),
    main("below the floor", |x, _| {
        vec![count("b", at(x, 1e6, 1.004e6))]
    }),
    main("hardly any", |x, _| vec![count("b", at(x, 3.0, 7.0))]),
    main("all of many", |x, _| many(x, 40)),
    main("most of many", |x, _| many(x, 30)),
    main("one appears", |x, _| {
        let mut all = vec![count("a", 1e6)];
        all.extend((x >= STEP).then(|| count("b", 1e6)));
        all
    }),
    main("one vanishes", |x, _| {
        let mut all = vec![count("a", 1e6)];
        all.extend((x < STEP).then(|| count("b", 1e6)));
        all
    }),
    main("threads", |_, g| vec![varying("b", 1e6, 0.03, g)]),
    main("threads up", |x, g| {
        vec![varying("b", at(x, 1e6, 1.2e6), 0.03, g)]
    }),
    main("threads that hardly vary", |_, g| {
        vec![varying("b", 1e6, 0.0004, g)]
    }),
    main("times", |_, g| vec![time("b", 1e6, g)]),
    main("times up", |x, g| vec![time("b", at(x, 1e6, 1.2e6), g)]),
    main("times down", |x, g| vec![time("b", at(x, 1e6, 0.8e6), g)]),
    main("times beside counts of the same", |x, g| {
        let counted = count("b", 1e6);
        vec![counted, time("b", at(x, 1e6, 1.3e6), g)]
    }),
    main("times beside counts of another", |x, g| {
        let counted = count("a", 1e6);
        vec![counted, py("py", at(x, 1e6, 1.3e6), g)]
    }),
    main("times of pytest-benchmark", |x, g| {
        vec![py("b", at(x, 1e6, 1.3e6), g)]
    }),
    main("times beside a metric of one's own", |x, g| {
        let time = Measurement {
            class: NoiseClass::Exact,
            ..time("b", at(x, 1e6, 1.2e6), g)
        };
        vec![throughput("a", 1000.0), time]
    }),
    main("throughput", |x, _| {
        vec![throughput("b", at(x, 1e6, 1.2e6))]
    }),
    main("latency", |x, g| vec![latency("b", at(x, 1e3, 1.3e3), g)]),
    main("a leak", |x, _| vec![own("leak", at(x, 0.0, 3.0))]),
    main("below zero", |x, _| vec![own("delta", at(x, -5.0, -6.5))]),
    main("a base far from its level", |x, g| {
        let value = match x {
            28.0 => 1.055e3,
            29.0 => 1.0559e3,
            _ => 1e3 + 3.0 * (x % 2.0),
        };
        vec![Measurement {
            value,
            spread: 0.0,
            ..latency("b", value, g)
        }]
    }),
    Shape {
        has_testbeds: true,
        ..main("two testbeds", |x, _| vec![count("b", at(x, 1e6, 1.4e6))])
    },
    beside(
        "a branch far above",
        |x, _| vec![count("b", at(x, 1e6, 1.2e6))],
        |_, _| vec![count("b", 2e6)],
    ),
    beside(
        "a branch that misses a step and has a noisy head",
        |x, g| vec![latency("b", at(x, 1e3, 1.3e3), g)],
        |x, g| vec![latency("b", if x < 33.0 { 1e3 } else { 1.12e3 }, g)],
    ),
    beside(
        "a quiet branch of a wild line",
        |x, g| vec![latency("b", 1e3 + 200.0 * (x % 2.0), g)],
        |x, g| vec![latency("b", if x < 33.0 { 1e3 } else { 1.09e3 }, g)],
    ),
];

fn shape(name: &str) -> &'static Shape {
    SHAPES.iter().find(|s| s.name == name).unwrap()
}

fn fill(site: &Site, shape: &Shape, seed: u64) {
    let mut store = site.store();
    let mut g = SplitMix64::new(seed);
    for i in 0..COMMITS {
        let mut r = report(i, 'a', (shape.main)(i as f64, &mut g));
        if shape.has_testbeds && i >= 30 {
            r.testbed = testbed("1.96");
        }
        store.put(&r, &[]).unwrap();
    }
    let topic = shape.topic.into_iter();
    for (i, numbers) in topic.flat_map(|t| (FORK + 1..=FORK + TOPIC).map(move |i| (i, t))) {
        let mut r = report(i, 'f', numbers(i as f64, &mut g));
        r.line = Some(Line::Branch {
            name: Some("topic".into()),
            merge_base: Some(sha(FORK, 'a')),
        });
        store.put(&r, &[]).unwrap();
    }
    watch::search(&mut store, usize::MAX).unwrap();
}

async fn json(c: &Client, url: &str) -> Value {
    let answer = c.get(url).await;
    serde_json::from_str(answer.text()).unwrap_or_else(|e| panic!("{url}: {e}: {}", answer.text()))
}

/// What only a page says, which cannot measure.
const NOTHING_AGAIN: &str = "from stored reports; nothing was measured again";

/// What the command line says of two stored reports before it measures anything again, and where it
/// could measure nothing again.
fn judged(store: &Store, [base, head]: [&Report; 2]) -> Judgement {
    let config = Config::default();
    let stored = Stored {
        store,
        base,
        head,
        variants: None,
    };
    let overrides = Default::default();
    let mut rows = stored.rows(&config, &overrides, i64::MAX).unwrap();
    stored.confirm(rows.iter_mut()).unwrap();
    let counter = Judged::of(&config, &[base, head]).counter(head);
    let beside = judge::Beside {
        notes: history::untold_note(&stored.untold(&rows).unwrap())
            .into_iter()
            .collect(),
        ..Default::default()
    };
    judge::judgement(base, head, counter, rows, beside)
}

/// Each pair by its commits: one after another, steps, further apart, the other way round, and with
/// commits of the branch, where there is one.
fn pairs(shape: &Shape) -> Vec<[Sha; 2]> {
    let main = |at| sha(at, 'a');
    let mut all: Vec<[Sha; 2]> = [
        (0, 1),
        (5, 6),
        (28, 29),
        (29, 30),
        (29, 31),
        (19, 40),
        (30, 29),
        (40, 19),
        (31, 30),
    ]
    .map(|(b, h)| [main(b), main(h)])
    .into();
    if shape.topic.is_some() {
        let topic = |i| sha(FORK + i, 'f');
        all.extend((1..TOPIC).map(|i| [topic(i), topic(i + 1)]));
        all.push([main(FORK), topic(TOPIC)]);
        all.push([main(40), topic(TOPIC)]);
        all.push([topic(2), main(40)]);
    }
    all
}

#[tokio::test]
async fn thirty_stores_get_one_answer_from_functions_pages_and_api() {
    let names: BTreeSet<&str> = SHAPES.iter().map(|s| s.name).collect();
    assert!(names.len() >= 30 && names.len() == SHAPES.len());
    for (seed, shape) in SHAPES.iter().enumerate() {
        let site = Site::empty();
        fill(&site, shape, seed as u64);
        let c = site.client().await;
        same_judgements(&site, &c, shape).await;
        same_changes(&site, &c, shape).await;
    }
}

/// Every row of a page is the one of the command line: verdict, limit, change, reason and all, and
/// none contradicts its limit.
async fn same_judgements(site: &Site, c: &Client, shape: &Shape) {
    let store = site.store();
    for [base, head] in pairs(shape) {
        let at = format!("{} {}..{}", shape.name, base.short(), head.short());
        let report = |sha: &Sha| store.any_report_of(sha).unwrap().unwrap();
        let (b, h) = (report(&base), report(&head));
        let said = judged(&store, [&b, &h]);
        let url = format!("/compare/{base}..{head}.json");
        let page = json(c, &url).await;
        let results = page["results"].as_array().unwrap();
        let rows = serde_json::to_value(&said.results).unwrap();
        assert_eq!(rows.as_array().unwrap(), results, "{at}");
        for (field, value) in [
            ("outcome", serde_json::to_value(said.outcome).unwrap()),
            ("counter", serde_json::to_value(&said.counter).unwrap()),
            (
                "notes",
                [vec![NOTHING_AGAIN.to_owned()], said.notes.clone()]
                    .concat()
                    .into(),
            ),
            (
                "summary",
                serde_json::to_value(judge::tallies(&said.results)).unwrap(),
            ),
        ] {
            assert_eq!(page[field], value, "{at}: {field}");
        }
        assert_eq!(
            page.get("no_verdict").cloned(),
            said.no_verdict
                .map(|why| serde_json::to_value(why).unwrap()),
            "{at}"
        );
        within_limits(&page);
    }
}

/// Verdict, whether it is confirmed and whether it is judged of a row on the page of two commits.
async fn row(c: &Client, [base, head]: [Sha; 2], metric: &str) -> (String, bool, bool) {
    let page = json(c, &format!("/compare/{base}..{head}.json")).await;
    let mut rows = page["results"].as_array().unwrap().iter();
    let r = rows.find(|r| r["metric"] == metric).unwrap();
    let is = |field: &str| r[field].as_bool().unwrap();
    let verdict = r["verdict"].as_str().unwrap().to_owned();
    (verdict, is("confirmed"), is("judged"))
}

async fn filled(name: &str) -> (Site, Client) {
    let site = Site::empty();
    fill(&site, shape(name), 11);
    let c = site.client().await;
    (site, c)
}

/// A series has the commits of the main line alone: its step is none of a branch that left before.
#[tokio::test]
async fn a_branch_has_not_regressed_by_what_the_main_line_did() {
    let (_site, c) = filled("a branch that misses a step and has a noisy head").await;
    let noisy = [sha(FORK, 'a'), sha(FORK + TOPIC, 'f')];
    let want = ("suspect".to_owned(), false, true);
    assert_eq!(row(&c, noisy, "latency").await, want);
    let page = c.get("/branch?name=topic").await;
    assert!(!page.text().contains("verdict bad"), "{}", page.text());
    assert!(page.text().contains("Not confirmed"), "{}", page.text());
}

#[tokio::test]
async fn a_change_is_as_sure_the_other_way_round() {
    let (_site, c) = filled("latency").await;
    for (pair, verdict) in [((29, 30), "regressed"), ((30, 29), "improved")] {
        let pair = [sha(pair.0, 'a'), sha(pair.1, 'a')];
        assert_eq!(row(&c, pair, "latency").await, (verdict.into(), true, true));
    }
}

/// What is near its base and far from its level is suspect: a page does not look at the base alone.
#[tokio::test]
async fn what_left_its_level_is_suspect_however_near_its_base_is() {
    let (_site, c) = filled("a base far from its level").await;
    let pair = [sha(28, 'a'), sha(29, 'a')];
    let want = ("suspect".to_owned(), false, true);
    assert_eq!(row(&c, pair, "latency").await, want);
}

/// What Today calls a regression, Compare, Commit and Commits call one.
#[tokio::test]
async fn a_time_without_counts_of_its_benchmark_is_judged_everywhere() {
    for name in [
        "times of pytest-benchmark",
        "times beside counts of another",
        "times beside a metric of one's own",
    ] {
        let (_site, c) = filled(name).await;
        let pair = [sha(29, 'a'), sha(30, 'a')];
        let (verdict, _, is_judged) = row(&c, pair, "wall_time").await;
        assert_eq!((&*verdict, is_judged), ("regressed", true), "{name}");
        let commit = c.get(&format!("/commit/{}", sha(30, 'a'))).await;
        assert!(commit.text().contains("Regression: 1 of"), "{name}");
        let list = json(&c, "/commits.json?before=31").await;
        let newest = &list["commits"][0];
        assert_eq!(newest["position"], 30, "{name}");
        assert_eq!(newest["verdict"]["regressed"]["benchmarks"], 1, "{name}");
        let today = c.get("/").await;
        assert!(today.text().contains("1 new regression"), "{name}");
    }
    let (_site, c) = filled("times beside counts of the same").await;
    let pair = [sha(29, 'a'), sha(30, 'a')];
    let (_, _, is_judged) = row(&c, pair, "wall_time").await;
    assert!(!is_judged);
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
    let moment = history::moment(store, 1_800_000_000).unwrap();
    steps::Steps::at(&found, &line, &moment)
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

/// What nobody need look at yet is open neither for the command nor on Today, and listed; a benchmark
/// that is asked for has the changes that it has among all.
#[tokio::test]
async fn what_is_snoozed_or_asked_for_is_the_same_change() {
    let (site, c) = filled("most of many").await;
    let open = open_ones(&found_by_the_command(&site.store()));
    assert_eq!((open.len(), shown_today(&c).await.len()), (30, 30));
    let (snoozed, kept) = open.split_at(open.len() / 2);
    site.store()
        .decide(
            &Triage {
                events: snoozed.to_vec(),
                snooze: Some("@1000".into()),
                ..Triage::default()
            },
            "somebody",
            1_700_000_000,
        )
        .unwrap();
    let c = site.client().await;
    assert_eq!(open_ones(&found_by_the_command(&site.store())), kept);
    assert_eq!(shown_today(&c).await, kept);
    let all = listed_ids(&c, "/changes.json").await;
    assert_eq!(all, open);
    assert_eq!(listed_ids(&c, "/changes.json?state=snoozed").await, snoozed);
    let document = found_by_the_command(&site.store());
    let one: Vec<String> = document
        .all()
        .filter(|(s, _)| s.benchmark == "b07")
        .map(|(_, c)| c.id.clone())
        .collect();
    assert_eq!(listed_ids(&c, "/changes.json?q=b07").await, one);
}

/// The changes that the command calls open, in order.
fn open_ones(document: &steps::Steps) -> Vec<String> {
    let open = document.all().filter(|(_, s)| s.open);
    sorted(open.map(|(_, s)| s.id.clone()))
}

async fn shown_today(c: &Client) -> Vec<String> {
    let today = json(c, "/today.json").await;
    let groups = today["groups"].as_array().unwrap().iter();
    let events = groups.flat_map(|g| g["changes"].as_array().unwrap());
    sorted(events.map(|e| e["event"]["id"].as_str().unwrap().to_owned()))
}

async fn listed_ids(c: &Client, url: &str) -> Vec<String> {
    let list = json(c, url).await;
    let rows = list["changes"].as_array().unwrap().iter();
    sorted(rows.map(|r| r["event"]["id"].as_str().unwrap().to_owned()))
}

fn sorted(all: impl Iterator<Item = String>) -> Vec<String> {
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// `uptick replay` suspects what a comparison of each commit with the one before suspects, with the
/// same limit: of what varies, and of what is counted.
#[test]
fn a_replay_judges_each_commit_as_a_comparison_does() {
    let store = Site::demo().store();
    let (config, line) = (Config::default(), MainLine::default());
    let asked = ["io/watch", "pool/steal", "parse/large", "index/merge"];
    let wanted =
        |k: &SeriesKey| k.metric == Metric::Instructions && asked.contains(&k.benchmark.as_str());
    let all = tracks(&store, &line, &wanted).unwrap();
    let proposed = Proposed {
        config: &config,
        limit: None,
        floor: Floor::default(),
    };
    let replayed = Replayed::of(&store, &all, &line, &proposed).unwrap();
    assert!(all.len() >= asked.len());
    for (t, said) in all.iter().zip(&replayed.series) {
        let reports = t.reports.iter();
        let reports: Vec<Report> = reports
            .map(|n| store.report_numbered(*n).unwrap().unwrap())
            .collect();
        let only = Overrides {
            only: vec![t.key.benchmark.clone()],
            ..Overrides::default()
        };
        let mut last = None;
        let (mut suspects, mut moved) = (0, 0);
        for pair in reports.windows(2) {
            let stored = Stored {
                store: &store,
                base: &pair[0],
                head: &pair[1],
                variants: None,
            };
            let rows = stored.rows(&config, &only, i64::MAX).unwrap();
            let row = rows.iter().find(|r| r.metric == t.key.metric).unwrap();
            last = row.limit;
            suspects += usize::from(row.verdict == Verdict::Suspect);
            let sure = [Verdict::Regressed, Verdict::Improved];
            moved += usize::from(sure.contains(&row.verdict));
        }
        let name = &said.name;
        assert_eq!(said.suspects, suspects, "{name}");
        let gate = said.flags.iter().filter(|f| f.raised.by == By::Gate);
        assert_eq!(gate.count(), moved, "{name}");
        assert_eq!(Some(said.limit), last, "{name}");
    }
    let varies = replayed.series.iter().any(|s| s.limit > 0.05);
    assert!(varies && replayed.series.iter().any(|s| s.limit == 0.005));
}

/// Identities, commit sets and groups: as `uptick changes` lists them, on Today and in its JSON.
async fn same_changes(site: &Site, c: &Client, shape: &Shape) {
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
    assert_eq!(listed, shown, "{}", shape.name);
    let open = |ids: &[String]| -> Vec<String> {
        sorted(ids.iter().filter(|id| listed.contains_key(*id)).cloned())
    };
    let mut grouped: Vec<Vec<String>> = document.groups.iter().map(|g| open(&g.changes)).collect();
    grouped.retain(|g| !g.is_empty());
    grouped.sort();
    let ids = |g: &Value| {
        let members = g["changes"].as_array().unwrap().iter();
        sorted(members.map(|e| e["event"]["id"].as_str().unwrap().to_owned()))
    };
    let mut on_page: Vec<Vec<String>> = groups.iter().map(ids).collect();
    on_page.sort();
    assert_eq!(grouped, on_page, "{}", shape.name);
    same_list(c, &document, shape).await;
}

/// The list of all changes has the changes that `uptick changes --all` lists, as they stand there:
/// but for ways back, which have no identity of their own, and what the points show no longer.
async fn same_list(c: &Client, document: &steps::Steps, shape: &Shape) {
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
    assert_eq!(listed, shown, "{}", shape.name);
}

/// One commit that slows 30 of 40, and 30 of 30 series down is one regression on Today.
#[tokio::test]
async fn one_commit_that_slows_many_series_down_is_one_regression() {
    for (name, is_all) in [("most of many", false), ("all of many", true)] {
        let site = Site::empty();
        fill(&site, shape(name), 1);
        let c = site.client().await;
        let today = c.get("/").await;
        assert!(today.text().contains("1 new regression"), "{name}");
        let hint = today.text().contains("Every series of a testbed moved");
        assert_eq!(hint, is_all);
        let groups = json(&c, "/today.json").await["groups"].clone();
        assert_eq!(groups.as_array().unwrap().len(), 1);
        assert_eq!(groups[0]["environment"], false);
    }
}

/// A branch's report changes no page of the main line.
#[tokio::test]
async fn a_branch_changes_no_page_of_the_main_line() {
    let site = Site::empty();
    fill(&site, shape("up"), 1);
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
