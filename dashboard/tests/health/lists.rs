//! Filters, orders and groups of Health, and its weight.

use std::collections::{BTreeMap, BTreeSet};

use collector::config::Config;
use collector::history::watch;
use serde_json::Value;

use super::{json, list, number};
use crate::support::Site;

#[tokio::test]
async fn filters_live_in_the_address_and_combine() {
    let site = Site::demo();
    let c = site.client().await;
    let whole = json(&c, "/health.json").await;
    for (query, state, metric, text) in [
        ("state=noisy", Some("noisy"), None, ""),
        (
            "state=noisy&metric=instructions",
            Some("noisy"),
            Some("instructions"),
            "",
        ),
        (
            "state=noisy&metric=instructions&q=POOL",
            Some("noisy"),
            Some("instructions"),
            "pool",
        ),
        ("state=look&q=io/", None, None, "io/"),
        ("state=fine&metric=wall_time", None, Some("wall_time"), ""),
        ("metric=peak_rss", None, Some("peak_rss"), ""),
    ] {
        let part = json(&c, &format!("/health.json?{query}")).await;
        let wanted: BTreeSet<&str> = list(&whole)
            .iter()
            .filter(|s| metric.is_none_or(|m| s["metric"] == m))
            .filter(|s| s["benchmark"].as_str().unwrap().contains(text))
            .filter(|s| {
                let states = s["states"].as_array().unwrap();
                match state {
                    Some(state) => states.iter().any(|s| s == state),
                    None if query.contains("look") => !states.is_empty(),
                    None if query.contains("fine") => states.is_empty(),
                    None => true,
                }
            })
            .map(|s| s["series"].as_str().unwrap())
            .collect();
        let got: BTreeSet<&str> = list(&part)
            .iter()
            .map(|s| s["series"].as_str().unwrap())
            .collect();
        assert!(!wanted.is_empty(), "{query}");
        assert_eq!(got, wanted, "{query}");
        assert_eq!(part["total"], wanted.len(), "{query}");
        assert_eq!(part["suite"], whole["suite"], "{query}");
        // The page has a form that keeps the choice, and a link back to each other one.
        let page = c.get(&format!("/health?{query}")).await;
        for pair in query.split('&').filter(|p| !p.starts_with("q=")) {
            let (name, value) = pair.split_once('=').unwrap();
            let hidden = format!("type=\"hidden\" name=\"{name}\" value=\"{value}\"");
            assert!(page.text().contains(&hidden), "{query}: {hidden}");
        }
    }
    let page = c.get("/health").await;
    for state in [
        "look", "failing", "stale", "blind", "noisy", "drifting", "fine",
    ] {
        let link = format!(
            "href=\"/health?state={state}\"><b>{}</b>",
            whole["states"][state]
        );
        assert!(page.text().contains(&link), "{link}");
    }
    let none = c.get("/health?state=noisy&q=nobody").await;
    assert!(
        none.text()
            .contains("No noisy series has a name with “nobody” in it")
    );
}

/// The address behind a heading of the table, and how it says that it is ordered.
fn heading(page: &str, word: &str) -> (String, Option<String>) {
    let head = page
        .split("<thead>")
        .nth(1)
        .unwrap()
        .split("</thead>")
        .next()
        .unwrap();
    let cell = head
        .split("<th ")
        .find(|c| c.contains(&format!(">{word}</a>")))
        .unwrap_or_else(|| panic!("no heading {word}"));
    let of = |name: &str| {
        let after = cell.split(&format!("{name}=\"")).nth(1)?;
        Some(after.split('"').next()?.replace("&amp;", "&"))
    };
    (of("href").unwrap(), of("aria-sort"))
}

#[tokio::test]
async fn every_column_orders_by_its_heading() {
    let site = Site::demo();
    let c = site.client().await;
    let first = c.get("/health?metric=instructions").await;
    type By = fn(&Value) -> f64;
    let columns: [(&str, By); 7] = [
        ("Last 60 commits", |s| number(&s["drift"]).abs()),
        ("Latest", |s| number(&s["latest"])),
        ("Noise σ", |s| {
            if s["class"] == "exact" {
                0.0
            } else {
                number(&s["noise"])
            }
        }),
        ("Next commit: limit", |s| number(&s["limit"])),
        ("Lasting step from", |s| number(&s["lasting_step"])),
        ("Alerts", |s| number(&s["alarms"])),
        ("Last run", |s| -number(&s["latest_time"])),
    ];
    for (word, by) in columns {
        let (url, sort) = heading(first.text(), word);
        assert!(
            url.contains("metric=instructions") && sort.is_none(),
            "{url}"
        );
        let page = c.get(&url).await;
        let (back, sort) = heading(page.text(), word);
        let natural = if word == "Last run" {
            "ascending"
        } else {
            "descending"
        };
        assert_eq!(sort.as_deref(), Some(natural), "{word}");
        let document = |url: &str| url.replace("/health?", "/health.json?");
        let down: Vec<f64> = list(&json(&c, &document(&url)).await)
            .iter()
            .map(by)
            .collect();
        assert!(down.is_sorted_by(|a, b| a >= b), "{word}: {down:?}");
        let up: Vec<f64> = list(&json(&c, &document(&back)).await)
            .iter()
            .map(by)
            .collect();
        assert!(up.is_sorted(), "{word}: {up:?}");
        let turned = c.get(&back).await;
        let (_, sort) = heading(turned.text(), word);
        assert_ne!(sort.as_deref(), Some(natural), "{word}");
    }
    let (url, _) = heading(first.text(), "Benchmark");
    let by_name = json(&c, &url.replace("/health?", "/health.json?")).await;
    let names: Vec<&str> = list(&by_name)
        .iter()
        .map(|s| s["benchmark"].as_str().unwrap())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    let (_, sort) = heading(c.get(&url).await.text(), "Benchmark");
    assert_eq!(sort.as_deref(), Some("ascending"));
}

#[tokio::test]
async fn groups_say_how_many_need_a_look_and_those_come_first() {
    let site = Site::demo();
    let c = site.client().await;
    let whole = json(&c, "/health.json").await;
    let mut groups: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for s in list(&whole) {
        let name = s["benchmark"].as_str().unwrap();
        let prefix = name.split_once('/').map_or("", |(p, _)| p);
        let counts = groups.entry(prefix).or_default();
        counts.0 += 1;
        counts.1 += u64::from(!s["states"].as_array().unwrap().is_empty());
    }
    let page = c.get("/health").await;
    let heads: Vec<&str> = page
        .text()
        .split("<tr class=\"prefix\">")
        .skip(1)
        .map(|h| h.split("\">").nth(1).unwrap().split('<').next().unwrap())
        .collect();
    for (prefix, (all, look)) in groups.iter().filter(|(p, (n, _))| *n > 1 && !p.is_empty()) {
        let said = match look {
            0 => format!("{prefix}/ · {all} series, fine"),
            1 => format!("{prefix}/ · {all} series, 1 needs a look"),
            n => format!("{prefix}/ · {all} series, {n} need a look"),
        };
        assert!(heads.contains(&said.as_str()), "{said}: {heads:?}");
    }
    let fine: Vec<bool> = heads.iter().map(|h| h.ends_with("fine")).collect();
    assert!(
        fine.is_sorted(),
        "those that need a look come first: {heads:?}"
    );
    assert!(
        heads.iter().any(|h| h.starts_with("others · ")),
        "{heads:?}"
    );
    // A column orders all of them, unless somebody wants groups.
    for (url, grouped) in [
        ("/health?order=noise", false),
        ("/health?order=noise&group=prefix", true),
        ("/health?group=none", false),
    ] {
        let page = c.get(url).await;
        assert_eq!(
            page.text().contains("<tr class=\"prefix\">"),
            grouped,
            "{url}"
        );
    }
}

#[tokio::test]
async fn series_stand_by_whose_they_are() {
    let site = Site::demo();
    let config = "[owners]\n\"parse/**\" = \"ada\"\n\"io/*\" = \"ben\"\n";
    let config = Config::parse(config).unwrap();
    let c = site.served_with(|o| o.config = config).await;
    let whole = json(&c, "/health.json").await;
    let mut owned: BTreeMap<&str, u64> = BTreeMap::new();
    for s in list(&whole) {
        let wanted = match s["benchmark"].as_str().unwrap().split_once('/') {
            Some(("parse", _)) => Some("ada"),
            Some(("io", rest)) if !rest.contains('/') => Some("ben"),
            _ => None,
        };
        assert_eq!(s["owner"].as_str(), wanted, "{s}");
        *owned.entry(wanted.unwrap_or("nobody’s")).or_default() += 1;
    }
    assert_eq!(owned.len(), 3);
    let page = c.get("/health?group=owner").await;
    let text = page.text();
    for (owner, n) in owned {
        assert!(text.contains(&format!("{owner} · {n} series, ")), "{owner}");
    }
    assert!(text.contains("href=\"/health?group=owner\" aria-current=\"true\""));
    // Where nobody owns anything, nothing offers it.
    let plain = site.client().await.get("/health").await;
    assert!(!plain.text().contains("group=owner"));
    let wrong = c.get("/health?group=team").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("owner"), "{}", wrong.text());
}

#[tokio::test]
async fn the_words_are_explained() {
    let page = Site::demo().client().await.get("/health").await;
    let words = page.text().split("What the words mean").nth(1).unwrap();
    for word in [
        "failing",
        "stale",
        "blind",
        "noisy",
        "drifting",
        "exact",
        "seeded",
        "layout",
        "threaded",
        "sampled",
        "young",
        "limit",
        "lasting step",
        "alerts",
    ] {
        assert!(words.contains(&format!("<dt>{word}</dt>")), "{word}");
    }
}

/// A hundred rows, some of them in trouble, stay light.
#[tokio::test]
async fn a_page_of_a_hundred_rows_stays_light() {
    let site = Site::demo();
    for n in 0..4_u64 {
        site.put_next_with(|report| {
            report.commit.position += n;
            report.commit.sha = collector::model::Sha(format!("{n:040x}"));
            let one = report.measurements[0].clone();
            report.measurements = (0..3_000_u32)
                .map(|i| {
                    let mut m = one.clone();
                    m.benchmark = format!("part{}/benchmark number {i}", i % 25);
                    m.class = collector::model::NoiseClass::Threaded;
                    m.spread = if i % 7 == 0 { 0.02 } else { 0.0 };
                    m.value = f64::from(1_000_000 + 7_919 * i % 10_007 + i) + n as f64;
                    m
                })
                .collect();
        });
    }
    watch::search(&mut site.store(), usize::MAX).unwrap();
    let c = site.client().await;
    for url in [
        "/health",
        "/health?order=name",
        "/health?order=cost&group=prefix&page=4",
    ] {
        let page = c.get(url).await;
        let text = page.text();
        assert!(text.matches("/series/").count() >= 100, "{url}");
        let nodes = text.matches('<').count() - text.matches("</").count();
        let packed = zstd::bulk::compress(text.as_bytes(), 9).unwrap().len();
        assert!(nodes <= 1_500, "{url}: {nodes} elements");
        assert!(packed <= 30_000, "{url}: {packed} bytes");
    }
}
