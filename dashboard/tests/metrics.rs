//! Metrics that nobody knows here, of which less or more is better, with values of any sign: what
//! is handed in over the API is said alike by every page, document and file.

use axum::http::{Method, StatusCode};
use collector::history::watch;
use collector::judge::{self, Checked, Judgement};
use collector::report;
use collector::report::comment::{Hidden, Leg, Style, section};
use serde_json::{Value, json};

use crate::support::{Client, Site};

/// Commits, and the first of the new level.
const COMMITS: u64 = 40;
const STEP: u64 = 20;

/// A metric whose value takes one step.
struct Case {
    /// `metric`, `unit`, `better`, as a report's measurement has them.
    fields: Value,
    before: f64,
    after: f64,
    regressed: bool,
    /// The size of the step, as people read it.
    size: &'static str,
}

fn case(fields: Value, before: f64, after: f64, regressed: bool, size: &'static str) -> Case {
    Case {
        fields,
        before,
        after,
        regressed,
        size,
    }
}

fn cases() -> Vec<Case> {
    let throughput = json!({ "metric": "throughput", "unit": "1/s", "better": "higher" });
    let latency = json!({ "metric": "latency", "unit": "ms" });
    let errors = json!({ "metric": "errors", "unit": "count", "better": "lower" });
    let profit = json!({ "metric": "profit & loss", "unit": "<b>|EUR", "better": "higher" });
    vec![
        case(throughput.clone(), 1000.0, 800.0, true, "-20.00 %"),
        case(throughput.clone(), 1000.0, 1250.0, false, "+25.00 %"),
        case(throughput, 0.0, 10.0, false, "+10 1/s"),
        case(latency.clone(), 10.0, 12.0, true, "+20.00 %"),
        case(latency, 10.0, 8.0, false, "-20.00 %"),
        case(errors.clone(), 0.0, 3.0, true, "+3"),
        case(errors, 3.0, 0.0, false, "-100.00 %"),
        case(profit.clone(), -5.0, -8.0, true, "-3 <b>|EUR"),
        case(profit, -5.0, 4.0, false, "+9 <b>|EUR"),
        case(
            json!({ "metric": "instructions" }),
            1e6,
            1.2e6,
            true,
            "+20.00 %",
        ),
        case(
            json!({ "metric": "instructions" }),
            1e6,
            0.8e6,
            false,
            "-20.00 %",
        ),
    ]
}

fn sha(position: u64) -> String {
    format!("{position:06x}{}", "a".repeat(34))
}

/// A report as another program would write it.
fn handed_in(case: &Case, position: u64) -> Value {
    let value = if position < STEP {
        case.before
    } else {
        case.after
    };
    let counter = if case.fields["metric"] == "instructions" {
        "callgrind"
    } else {
        "wrk"
    };
    let mut measurement = json!({
        "benchmark": "serve", "counter": counter, "value": value, "low": value, "high": value,
        "samples": [value], "class": "exact",
    });
    let fields = case.fields.as_object().unwrap().clone();
    measurement.as_object_mut().unwrap().extend(fields);
    json!({
        "schema": "uptick.report/1",
        "commit": {
            "sha": sha(position), "position": position, "parents": [], "author": "A",
            "time": 1_700_000_000 + 86_400 * position, "subject": format!("commit {position}"),
        },
        "testbed": { "facts": { "machine": "m1" } },
        "build_key": position.to_string(), "suite_key": "s", "testbed_key": "t",
        "started": 1_700_000_000, "seconds": 1.0, "measurements": [measurement],
    })
}

async fn fill(site: &Site, c: &Client, case: &Case) {
    for position in 0..COMMITS {
        let body = handed_in(case, position).to_string();
        let answer = c
            .send(Method::POST, "/api/v1/reports", &[], body.as_bytes())
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    watch::search(&mut site.store(), usize::MAX).unwrap();
}

async fn text(c: &Client, url: &str) -> String {
    let answer = c.get(url).await;
    assert_eq!(answer.status, StatusCode::OK, "{url}: {}", answer.text());
    let text = answer.text().to_string();
    for odd in ["inf", "NaN", "from 0", "to 0", "∞"] {
        let word = text.split(|c: char| !c.is_alphanumeric()).any(|w| w == odd);
        assert!(
            !word && !text.contains(&format!("{odd} %")),
            "{url}: {odd}: {text}"
        );
    }
    text
}

async fn document(c: &Client, url: &str) -> Value {
    serde_json::from_str(&text(c, url).await).unwrap()
}

/// A number as pages write it.
fn on_page(number: &str) -> String {
    let minus = number.replacen('-', "−", 1);
    minus
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[tokio::test]
async fn every_surface_says_the_same_of_every_metric() {
    for case in cases() {
        let site = Site::empty();
        let c = site.client().await;
        fill(&site, &c, &case).await;
        alerts(&site, &c, &case).await;
        comparison(&c, &case).await;
        series(&site, &c, &case).await;
    }
}

/// Today, its documents, the feed and the list of commits.
async fn alerts(site: &Site, c: &Client, case: &Case) {
    let verdict = if case.regressed {
        "regressed"
    } else {
        "improved"
    };
    let today = document(c, "/today.json").await;
    let change = &today["groups"][0]["changes"][0];
    assert_eq!(change["verdict"], verdict, "{change}");
    assert_eq!(change["metric"], case.fields["metric"]);
    let page = text(c, "/").await;
    let (headline, class) = if case.regressed {
        ("1 new regression", "group worse")
    } else {
        ("No regression is open", "group better")
    };
    assert!(page.contains(headline) && page.contains(class), "{page}");
    let delta = if case.regressed {
        "delta worse"
    } else {
        "delta better"
    };
    let size = on_page(case.size);
    for url in ["/", "/commits", &format!("/commit/{}", sha(STEP))] {
        let page = text(c, url).await;
        assert!(
            page.contains(delta) && page.contains(&size),
            "{url}: {size}: {page}"
        );
    }
    assert!(text(c, "/today.csv").await.contains(verdict));
    text(c, "/today.md").await;
    text(c, "/changes.atom").await;
    assert_eq!(
        site.store()
            .event_counts(&collector::store::Moment::default())
            .unwrap()
            .new,
        1
    );
}

/// The judgement of the step, and what files and comments make of it.
async fn comparison(c: &Client, case: &Case) {
    let stem = format!("/compare/{}..{}", sha(STEP - 1), sha(STEP));
    let d = document(c, &format!("{stem}.json")).await;
    let row = &d["results"][0];
    let (outcome, verdict, words) = if case.regressed {
        ("regressed", "regressed", "Regression: 1 of 1 benchmark")
    } else {
        ("ok", "improved", "Improved: 1 of 1 benchmark")
    };
    assert_eq!(
        (&d["outcome"], &row["verdict"]),
        (&json!(outcome), &json!(verdict))
    );
    for field in ["metric", "unit", "better"] {
        let said = case.fields.get(field).unwrap_or(&row[field]);
        assert_eq!(&row[field], said);
    }
    assert!(text(c, &stem).await.contains(words), "{stem}");
    text(c, &format!("{stem}.md")).await;
    text(c, &format!("{stem}.csv")).await;
    let read = judge::read(d.to_string().as_bytes()).unwrap();
    let Checked::Judged(judgement) = read.checked else {
        panic!("no judgement");
    };
    files(&judgement, case);
}

fn files(j: &Judgement, case: &Case) {
    let checked = Checked::Judged(Box::new(j.clone()));
    let style = Style {
        hidden: Hidden::Html,
        folds: true,
        limit: 60_000,
    };
    let all = [
        report::text(j, "/".as_ref()),
        report::markdown(j),
        report::code_quality(j),
        report::sarif(j),
        report::junit(&checked),
        report::openmetrics(j),
        report::annotations(j).join("\n"),
        section(&checked, &Leg::default(), style).text,
    ];
    for file in &all {
        assert!(!file.contains("inf") && !file.contains("NaN"), "{file}");
    }
    let [
        text,
        markdown,
        code_quality,
        sarif,
        junit,
        openmetrics,
        annotations,
        comment,
    ] = all;
    let says = |file: &str, word: &str| assert_eq!(file.contains(word), case.regressed, "{file}");
    says(&text, "REGRESSED: 1 of 1 benchmark");
    says(&markdown, "1 benchmark regressed");
    says(&code_quality, "check_name");
    says(&sarif, "ruleId");
    says(&junit, "<failure ");
    says(&openmetrics, "} 1\n# EOF");
    says(&annotations, "::error");
    says(&comment, "uptick compare");
    assert!(text.contains(case.size), "{text}");
    let arrow = if case.after > case.before {
        "▲"
    } else {
        "▼"
    };
    assert!(text.contains(&format!("{arrow} serve")), "{text}");
    let is_higher = case.fields.get("better") == Some(&json!("higher"));
    assert_eq!(text.contains("(higher is better)"), is_higher, "{text}");
    for file in [&markdown, &junit, &comment] {
        assert!(!file.contains("<b>"), "{file}");
    }
}

/// The page of the series, its badge, and the index.
async fn series(site: &Site, c: &Client, case: &Case) {
    let id = site.store().series().unwrap()[0].key.id();
    let page = text(c, &format!("/series/{id}")).await;
    let is_higher = case.fields.get("better") == Some(&json!("higher"));
    assert_eq!(page.contains("higher is better"), is_higher, "{page}");
    assert!(page.contains("reported by wrk") || page.contains("counted by callgrind"));
    assert!(page.contains(&on_page(case.size)), "{page}");
    let class = if case.regressed {
        "step worse"
    } else {
        "step better"
    };
    assert!(page.contains(class), "{page}");
    let colour = if case.regressed { "#b34700" } else { "#0a66a8" };
    let badge = text(c, &format!("/badge/{id}.svg")).await;
    assert!(badge.contains(colour), "{badge}");
    let d = document(c, &format!("/series/{id}.json")).await;
    assert_eq!(d["metric"], case.fields["metric"]);
    for suffix in ["csv", "md", "svg"] {
        text(c, &format!("/series/{id}.{suffix}")).await;
    }
    let name = case.fields["metric"].as_str().unwrap();
    let name = name.replace('&', "%26").replace(' ', "+");
    for url in ["/health", "/health.json", "/health.csv", "/health.md"] {
        text(c, &format!("{url}?metric={name}")).await;
    }
}

/// What a report says twice, or says wrongly of a metric that is well known, is refused; a metric in
/// another unit is another series, and never compared.
#[tokio::test]
async fn what_contradicts_itself_is_refused_and_units_are_kept_apart() {
    let site = Site::empty();
    let c = site.client().await;
    let speed = |unit: &str| {
        case(
            json!({ "metric": "speed", "unit": unit }),
            5.0,
            5.0,
            true,
            "",
        )
    };
    type Spoil = fn(&mut Value);
    let spoil: [(&str, Spoil); 3] = [
        ("stands there twice", |r| {
            let twice = r["measurements"][0].clone();
            r["measurements"].as_array_mut().unwrap().push(twice);
        }),
        ("`wall_time` is in `ns`", |r| {
            r["measurements"][0]["metric"] = "wall_time".into();
        }),
        ("is empty", |r| r["measurements"][0]["metric"] = " ".into()),
    ];
    for (why, spoil) in spoil {
        let mut r = handed_in(&speed("m/s"), 1);
        spoil(&mut r);
        let body = r.to_string();
        let a = c
            .send(Method::POST, "/api/v1/reports", &[], body.as_bytes())
            .await;
        assert_eq!(a.status, StatusCode::UNPROCESSABLE_ENTITY, "{why}");
        assert!(a.text().contains(why), "{why}: {}", a.text());
    }
    for (position, unit) in [(1, "m/s"), (2, "km/h")] {
        let body = handed_in(&speed(unit), position).to_string();
        c.send(Method::POST, "/api/v1/reports", &[], body.as_bytes())
            .await;
    }
    assert_eq!(site.store().series().unwrap().len(), 2);
    let d = document(&c, &format!("/compare/{}..{}.json", sha(1), sha(2))).await;
    let row = &d["results"][0];
    assert_eq!(row["verdict"], "incomparable", "{row}");
    assert_eq!(row["why"], "in `m/s` before and in `km/h` now");
}
