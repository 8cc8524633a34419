//! Health: its figures from the raw reports, and what stands beside them.

mod lists;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use collector::config::Config;
use collector::detect::gate::{self, Past, Policy};
use collector::detect::steps::smallest_step;
use collector::detect::{Finder, Point};
use collector::history::Floor;
use collector::judge::{self, HISTORY};
use collector::model::{Measurement, Report, SeriesKey};
use serde_json::Value;

use crate::support::{Client, Site};

async fn json(c: &Client, url: &str) -> Value {
    let answer = c.get(url).await;
    assert!(answer.status.is_success(), "{url}: {}", answer.status);
    serde_json::from_str(answer.text()).unwrap()
}

fn list(document: &Value) -> &Vec<Value> {
    document["series"].as_array().unwrap()
}

fn number(v: &Value) -> f64 {
    v.as_f64().unwrap()
}

/// A series as its reports alone tell it.
struct Raw {
    key: SeriesKey,
    /// By position; the newest report of a commit counts.
    values: BTreeMap<u64, f64>,
    newest: Measurement,
    started: i64,
}

/// Every series of the main line, by its short name, and the newest commit's failures.
fn raw(site: &Site) -> (BTreeMap<String, Raw>, u64, BTreeSet<String>) {
    let store = site.store();
    let main: BTreeMap<_, u64> = store
        .commits(u64::MAX, 10_000)
        .unwrap()
        .into_iter()
        .map(|c| (c.sha, c.position))
        .collect();
    let mut all: BTreeMap<String, Raw> = BTreeMap::new();
    let (mut newest, mut failing) = (0, BTreeSet::new());
    let mut reports: Vec<Report> = store
        .reports(None, 10_000)
        .unwrap()
        .iter()
        .map(|listed| store.report(&listed.hash).unwrap().unwrap())
        .filter(|r| main.contains_key(&r.commit.sha))
        .collect();
    // In the order of their commits, those of one commit in the order of their arrival.
    reports.reverse();
    reports.sort_by_key(|r| main[&r.commit.sha]);
    for report in reports {
        let position = main[&report.commit.sha];
        if position > newest {
            failing.clear();
        }
        newest = newest.max(position);
        failing.extend(report.failures.iter().filter_map(|f| f.benchmark.clone()));
        for m in report.measurements {
            let key = SeriesKey {
                benchmark: m.benchmark.clone(),
                metric: m.metric.clone(),
                counter: m.counter.clone(),
                fingerprint: report.testbed.fingerprint(&m.counter),
            };
            let started = report.started;
            let series = all.entry(key.id()).or_insert_with(|| Raw {
                key,
                values: BTreeMap::new(),
                newest: m.clone(),
                started,
            });
            series.values.insert(position, m.value);
            series.newest = m;
            series.started = series.started.max(started);
        }
    }
    (all, newest, failing)
}

impl Raw {
    fn last(&self) -> u64 {
        *self.values.keys().next_back().unwrap()
    }

    fn points(&self) -> Vec<Point> {
        let all = self.values.iter();
        let all = all.map(|(p, v)| Point {
            index: p.cast_signed(),
            value: *v,
        });
        all.collect()
    }

    fn policy(&self) -> Policy {
        Policy::for_series(&self.key.metric, &self.key.counter)
    }

    /// The gate's limit of the next commit, from the values themselves.
    fn limit(&self) -> gate::Limit {
        let values: Vec<f64> = self.values.values().copied().collect();
        let history = if self.newest.class.repeats() {
            &[]
        } else {
            &values[values.len().saturating_sub(HISTORY)..]
        };
        gate::limit(
            &self.policy(),
            &Past::of(history),
            self.newest.value,
            self.newest.spread,
        )
    }

    /// What the finder says of it: noise, drift, and the smallest lasting step.
    fn found(&self) -> (f64, f64, f64) {
        let settings = Floor::default().settings(&self.key, self.newest.class);
        let found = Finder::new(settings).find(&self.points());
        let noise = if self.newest.class.repeats() {
            0.0
        } else {
            found.noise
        };
        let least = smallest_step(noise, settings.relative_floor);
        (noise, found.drift, least)
    }

    /// Why it needs a look, in words of its own.
    fn states(&self, newest: u64, failing: &BTreeSet<String>) -> Vec<&'static str> {
        let behind = newest - self.last();
        if behind > 0 && failing.contains(&self.newest.benchmark) {
            return vec!["failing"];
        }
        if behind > 20 {
            return vec!["stale"];
        }
        let mut all = Vec::new();
        let (_, drift, lasting) = self.found();
        if lasting > 0.05 {
            all.push("blind");
        }
        let limit = self.limit();
        let floor = self.policy().relative_floor;
        // A limit that the least units set says nothing of noise.
        if limit.fraction > 2.0 * floor && limit.why.to_string().contains("1.75 × ") {
            all.push("noisy");
        }
        let steps = (self.values.len() - 1) as f64;
        if (drift * steps).abs() > floor {
            all.push("drifting");
        }
        all
    }
}

/// Whether another testbed's series took over from one.
fn is_replaced(one: &Raw, all: &BTreeMap<String, Raw>) -> bool {
    all.values().any(|o| {
        o.key.benchmark == one.key.benchmark
            && o.key.metric == one.key.metric
            && o.key.counter == one.key.counter
            && o.last() > one.last() + 20
    })
}

#[tokio::test]
async fn every_figure_is_that_of_the_raw_reports() {
    let site = Site::demo();
    let health = json(&site.client().await, "/health.json").await;
    let (all, newest, failing) = raw(&site);
    let current: BTreeSet<&String> = all
        .iter()
        .filter(|(_, s)| !is_replaced(s, &all))
        .map(|(id, _)| id)
        .collect();
    let shown: BTreeSet<String> = list(&health)
        .iter()
        .map(|s| s["series"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(shown.iter().collect::<BTreeSet<_>>(), current);
    let (mut look, mut states) = (0, BTreeMap::<&str, u64>::new());
    for s in list(&health) {
        let r = &all[s["series"].as_str().unwrap()];
        let name = (&r.key.benchmark, &r.key.metric);
        assert_eq!(s["points"], r.values.len(), "{name:?}");
        assert_eq!(number(&s["latest"]), r.newest.value, "{name:?}");
        assert_eq!(s["latest_time"], r.started, "{name:?}");
        let (noise, drift, lasting) = r.found();
        assert_eq!(number(&s["noise"]), noise, "{name:?}");
        assert_eq!(number(&s["drift"]), drift, "{name:?}");
        assert_eq!(number(&s["lasting_step"]), lasting, "{name:?}");
        let limit = r.limit();
        assert_eq!(number(&s["limit"]), limit.fraction, "{name:?}");
        assert_eq!(s["why"], limit.why.to_string(), "{name:?}");
        let wanted = r.states(newest, &failing);
        assert_eq!(s["states"], serde_json::json!(wanted), "{name:?}");
        look += u64::from(!wanted.is_empty());
        for state in wanted {
            *states.entry(state).or_default() += 1;
        }
    }
    assert!(states.len() == 5, "the demo has every state: {states:?}");
    for (state, n) in &states {
        assert_eq!(health["states"][*state], *n, "{state}");
    }
    let fine = current.len() as u64 - look;
    let suite = serde_json::json!({ "series": current.len(), "look": look, "fine": fine });
    assert_eq!(health["suite"], suite);
    let page = site.client().await.get("/health").await;
    let said = format!("Suite: {look} series need a look, {fine} fine");
    assert!(page.text().contains(&said), "{said}");
}

/// Commits that nobody measured are none without a number: Health says what the commit's page says.
#[tokio::test]
async fn a_failure_is_said_with_as_many_commits_as_elsewhere() {
    let site = Site::demo();
    let newest = site.put_next_with(|report| report.commit.position += 3);
    let commits = site.store().commits(u64::MAX, 10).unwrap();
    let failing: Vec<_> = commits.iter().take_while(|c| c.failures > 0).collect();
    let (newest_at, first) = (commits[0].position, failing[failing.len() - 1]);
    let c = site.client().await;
    let page = c.get("/health?q=net/tls_handshake").await;
    assert!(newest_at - first.position + 1 > failing.len() as u64);
    let words = format!("no number for {} commits, since ", failing.len());
    assert!(page.text().contains(&words), "{words}: {}", page.text());
    let own = c.get(&format!("/commit/{newest}")).await;
    let said = format!("</a> ({} commits)", failing.len());
    assert!(own.text().contains(&said), "{}", own.text());
}

#[tokio::test]
async fn a_drift_is_told_with_its_slope_and_since_when() {
    let site = Site::demo();
    let health = json(&site.client().await, "/health.json?state=drifting").await;
    let (all, ..) = raw(&site);
    let [s] = list(&health).as_slice() else {
        panic!("one series drifts: {health}");
    };
    let r = &all[s["series"].as_str().unwrap()];
    let steps = (r.values.len() - 1) as f64;
    let total = number(&s["drift"]) * steps;
    assert!((number(&s["drift_total"]) - total).abs() < 1e-12);
    let first = *r.values.keys().next().unwrap();
    let commit = site.store().commits_from(first, 1).unwrap().remove(0);
    assert_eq!(s["drift_since"], commit.time);
    let page = site.client().await.get("/health?state=drifting").await;
    let slope = format!("{:+.3} % a commit", 100.0 * number(&s["drift"]));
    assert!(page.text().contains(&slope), "{slope}");
}

#[tokio::test]
async fn a_drift_is_opened_as_a_change_by_one_press() {
    let site = Site::demo();
    let c = site.client().await;
    let health = json(&c, "/health.json?state=drifting").await;
    let series = list(&health)[0]["series"].as_str().unwrap().to_string();
    let press = format!("value=\"{series}\"");
    let page = c.get("/health?state=drifting").await;
    assert!(page.text().contains(&press) && page.text().contains("Open as a change"));
    assert!(
        c.get(&format!("/series/{series}"))
            .await
            .text()
            .contains(&press)
    );
    let form = format!("series={series}");
    let pressed = c.send(Method::POST, "/drift", &[], form.as_bytes()).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER, "{}", pressed.text());
    let to = pressed.header("location").to_string();
    let (path, id) = to.split_once("#g").unwrap();
    assert_eq!(path, format!("/series/{series}"));
    let page = c.get(path).await;
    assert!(page.text().contains(&format!("id=\"g{id}\"")), "{to}");
    assert!(page.text().contains("open as a change") && !page.text().contains("action=\"/drift\""));
    assert!(page.text().contains("opened as a change"), "who did it");
    let listed = c.get("/health?state=drifting").await;
    let link = format!("href=\"/series/{series}#g{id}\"");
    assert!(
        listed.text().contains(&link) && !listed.text().contains("action=\"/drift\""),
        "{}",
        listed.text()
    );
    // It stands on Today by itself, says what it is, and is no commit's.
    let today = c.get("/").await;
    let own = today
        .text()
        .split("<article")
        .find(|a| a.contains(&format!("\"g{id}\"")));
    let own = own.unwrap_or_else(|| panic!("{}", today.text()));
    assert!(
        own.contains("no single commit did it") && !own.contains("uptick bisect"),
        "{own}"
    );
    // Again it is the same one, for programs too; what does not drift has none.
    let again = c
        .send(Method::POST, "/api/v1/drifts", &[], form.as_bytes())
        .await;
    let again: Value = serde_json::from_str(again.text()).unwrap();
    assert_eq!(
        (again["id"].as_str(), again["series"].as_str()),
        (Some(id), Some(&*series))
    );
    let calm = json(&c, "/health.json?state=fine").await;
    let calm = format!("series={}", list(&calm)[0]["series"].as_str().unwrap());
    let refused = c
        .send(Method::POST, "/api/v1/drifts", &[], calm.as_bytes())
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text().contains("does not drift"),
        "{}",
        refused.text()
    );
    let nothing = c.send(Method::POST, "/drift", &[], b"").await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
}

/// What Health calls the smallest change that stops the next commit stops it, and a little less
/// does not.
#[tokio::test]
async fn the_next_commit_is_stopped_from_the_limit_on() {
    for (factor, stopped) in [(0.98, false), (1.02, true)] {
        let site = Site::demo();
        let newest = site.store().commits(u64::MAX, 1).unwrap().remove(0);
        let health = json(&site.client().await, "/health.json").await;
        let (all, ..) = raw(&site);
        let next = site.put_next_with(|report| {
            for m in &mut report.measurements {
                let key = SeriesKey {
                    benchmark: m.benchmark.clone(),
                    metric: m.metric.clone(),
                    counter: m.counter.clone(),
                    fingerprint: report.testbed.fingerprint(&m.counter),
                };
                let raw = &all[&key.id()];
                let limit = raw.limit();
                let values: Vec<f64> = raw.values.values().copied().collect();
                let repeats = raw.newest.class.repeats();
                let history = if repeats { &[] } else { values.as_slice() };
                let from = gate::expected(&Past::of(history), raw.newest.value, &limit);
                let said = list(&health);
                let said = said.iter().find(|s| s["series"] == key.id()).unwrap();
                m.value = from + factor * number(&said["limit_units"]);
                (m.low, m.high, m.samples) = (m.value, m.value, vec![m.value]);
            }
        });
        let url = format!("/compare/{}..{next}.json?show=all", newest.sha.short());
        let compared = json(&site.client().await, &url).await;
        let mut seen = 0;
        for r in compared["results"].as_array().unwrap() {
            let verdict = r["verdict"].as_str().unwrap();
            if matches!(verdict, "incomparable" | "new" | "vanished") {
                continue;
            }
            assert_eq!(verdict != "unchanged", stopped, "{factor}: {r}");
            seen += 1;
        }
        assert!(seen > 40, "{seen}");
    }
}

/// A step of the size that Health names is reported once it has lasted; half of it is not.
#[tokio::test]
async fn a_lasting_step_of_the_size_that_is_said_is_found() {
    let (all, ..) = raw(&Site::demo());
    let pick = |name: &str| {
        let is_it = |r: &&Raw| r.key.benchmark == name && r.key.metric.name() == "instructions";
        let testbed = |r: &&Raw| r.values.len() as u64 + r.last();
        all.values().filter(is_it).max_by_key(testbed).unwrap()
    };
    for (name, factor, found) in [
        ("parse/large", 1.02, true),
        ("parse/large", 0.5, false),
        ("io/watch", 1.5, true),
        ("io/watch", 0.4, false),
        ("pool/steal", 1.5, true),
    ] {
        let raw = pick(name);
        let (_, _, lasting) = raw.found();
        let settings = Floor::default().settings(&raw.key, raw.newest.class);
        let mut points = raw.points();
        let from = points.last().unwrap().index + 1;
        // The last commits once more, a step higher; of a count that repeats, its last value.
        let last = points.len() - if raw.newest.class.repeats() { 1 } else { 30 };
        let again: Vec<f64> = points[last..].iter().map(|p| p.value).collect();
        let again = again.iter().cycle().take(30);
        let step = 1.0 + factor * lasting;
        points.extend(again.zip(from..).map(|(v, index)| Point {
            index,
            value: v * step,
        }));
        let changes = Finder::new(settings).find(&points).changes;
        let near = changes.iter().any(|c| (c.index - from).abs() <= 5);
        assert_eq!(near, found, "{name} × {factor}: {changes:?}");
    }
}

#[tokio::test]
async fn testbeds_stand_by_the_names_that_series_print() {
    let site = Site::demo();
    let c = site.client().await;
    let health = json(&c, "/health.json").await;
    let (all, newest, _) = raw(&site);
    let page = c.get("/health").await;
    let beds = health["testbeds"].as_array().unwrap();
    let measuring: Vec<&Value> = beds.iter().filter(|b| b["series"] != 0).collect();
    for s in list(&health) {
        let (id, counter) = (
            s["testbed"].as_str().unwrap(),
            s["counter"].as_str().unwrap(),
        );
        let series = c
            .get(&format!("/series/{}", s["series"].as_str().unwrap()))
            .await;
        assert!(
            series.text().contains(&format!("<code>{id}</code>")),
            "{id}"
        );
        assert!(page.text().contains(&format!("<code>{id}</code>")), "{id}");
        assert!(measuring.iter().any(|b| b["ids"][counter] == id), "{id}");
    }
    let [bed] = measuring.as_slice() else {
        panic!("{measuring:?}")
    };
    let started = all.values().map(|r| r.started).max().unwrap();
    assert_eq!(bed["last_report"], started);
    assert_eq!(
        bed["behind"],
        newest - all.values().map(Raw::last).max().unwrap()
    );
    assert_eq!(bed["series"], list(&health).len());
}

/// A machine that another one leaves behind is named, and silent after a while.
#[tokio::test]
async fn a_machine_that_falls_behind_is_said_to() {
    let site = Site::demo();
    let newest = site.store().commits(u64::MAX, 1).unwrap().remove(0);
    for (ahead, words) in [(3, "3 commits behind"), (21, "</span> for 21 commits")] {
        site.put_next_with(|report| {
            report.commit.position = newest.position + ahead;
            report.commit.sha = collector::model::Sha(format!("{ahead:040x}"));
            report.testbed.facts.insert("cpu".into(), "another".into());
            report
                .testbed
                .facts
                .insert("guest_cpu".into(), "another".into());
            for m in &mut report.measurements {
                m.benchmark = format!("other/{}", m.benchmark);
            }
        });
        let page = site.client().await.get("/health").await;
        let beds = page.text().split("id=\"testbeds\"").nth(1).unwrap();
        assert!(beds.contains(words), "{words}: {beds}");
    }
}

/// The judgement follows what comes in, and what the configuration allows.
#[tokio::test]
async fn limits_of_the_configuration_are_those_that_are_shown() {
    let site = Site::demo();
    let config = Config::parse("[[limit]]\nbenchmark = \"io/*\"\nlimit = \"20%\"\n");
    let Ok(config) = config else {
        panic!("{config:?}")
    };
    let newest = &raw(&site).0;
    let watch = newest
        .values()
        .find(|r| r.key.benchmark == "io/mmap" && r.key.metric.name() == "instructions");
    let key = &watch.unwrap().key;
    let (policy, _) = judge::policy(&config, None, (&key.benchmark, &key.metric, &key.counter));
    assert!((policy.relative_floor - 0.2).abs() < 1e-12);
    let c = site.served_with(|options| options.config = config).await;
    let health = json(&c, "/health.json?q=io/mmap&metric=instructions").await;
    assert_eq!(number(&list(&health)[0]["limit"]), 0.2);
}

/// What varies only by real changes has no noise, in no form of the page.
#[tokio::test]
async fn documents_have_the_noise_of_the_page() {
    let site = Site::demo();
    let c = site.client().await;
    let list = c.get("/health.json").await;
    let list: Value = serde_json::from_str(list.text()).unwrap();
    let rows = list["series"].as_array().unwrap().iter();
    let exact: Vec<f64> = rows
        .filter(|r| r["class"] == "exact")
        .map(|r| r["noise"].as_f64().unwrap())
        .collect();
    assert!(
        exact.len() > 10 && exact.iter().all(|n| *n == 0.0),
        "{exact:?}"
    );
}
