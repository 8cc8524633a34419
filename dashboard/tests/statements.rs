//! What pages state is true: each figure beside where it comes from.

use crate::support::{Client, Site};
use collector::stats;
use serde_json::Value;

async fn json(c: &Client, url: &str) -> Value {
    let answer = c.get(url).await;
    assert!(answer.status.is_success(), "{url}: {}", answer.status);
    serde_json::from_str(answer.text()).unwrap()
}

/// The entry of a benchmark in a list of results or series.
fn entry<'a>(list: &'a Value, benchmark: &str) -> &'a Value {
    let is_it = |e: &&Value| e["benchmark"] == benchmark && e["metric"] == "instructions";
    list.as_array().unwrap().iter().find(is_it).unwrap()
}

/// The sentence under a chart.
fn caption(page: &str) -> &str {
    let caption = page.split("<figcaption>").nth(1).unwrap();
    caption
        .split("<span>")
        .nth(1)
        .unwrap()
        .split("</span>")
        .next()
        .unwrap()
}

#[tokio::test]
async fn health_shows_the_limit_that_the_next_commit_is_judged_by() {
    let site = Site::demo();
    let newest = site.store().commits(u64::MAX, 1).unwrap().remove(0);
    let health = json(&site.client().await, "/health.json").await;
    // Far enough that every limit is looked up in full.
    let next = site.put_next(1.5);
    let url = format!("/compare/{}..{next}.json?show=all", newest.sha.short());
    let compared = json(&site.client().await, &url).await;
    for benchmark in ["io/watch", "io/replay", "pool/steal", "parse/large"] {
        let said = &entry(&health["series"], benchmark)["limit"];
        let used = &entry(&compared["results"], benchmark)["limit"];
        assert_eq!(said, used, "{benchmark}");
    }
    let page = site.client().await.get("/health?q=io/watch").await;
    let row = page.text().split("<tbody>").nth(1).unwrap();
    assert!(row.contains("seen in calibration"), "{row}");
    for head in ["Next commit: limit", "Lasting step from"] {
        assert!(page.text().contains(head), "{head}");
    }
}

#[tokio::test]
async fn a_lasting_step_is_seen_below_the_limit_of_one_commit() {
    let site = Site::demo();
    let health = json(&site.client().await, "/health.json").await;
    let watch = entry(&health["series"], "io/watch");
    let (lasting, limit) = (
        watch["lasting_step"].as_f64().unwrap(),
        watch["limit"].as_f64().unwrap(),
    );
    assert!(lasting < limit, "{lasting} {limit}");
    let exact = entry(&health["series"], "parse/large");
    assert_eq!(exact["lasting_step"], 0.005);
}

#[tokio::test]
async fn a_drift_is_said_as_a_drift_and_not_as_noise() {
    let site = Site::demo();
    let c = site.client().await;
    let url = format!("/series/{}", site.series("io/replay"));
    let document = json(&c, &format!("{url}.json")).await;
    let values: Vec<f64> = document["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["value"].as_f64().unwrap())
        .collect();
    let level = stats::median(&values).unwrap();
    let by_differences = stats::difference_sigma(&values).unwrap() / level;
    let noise = document["noise"].as_f64().unwrap();
    assert!(
        noise < 1.6 * by_differences && noise > by_differences / 1.6,
        "{noise} {by_differences}"
    );
    // What the first ten and the last ten differ by is what it drifted by.
    let end = |v: &[f64]| stats::median(v).unwrap();
    let moved = end(&values[values.len() - 10..]) / end(&values[..10]) - 1.0;
    let total = document["drift_total"].as_f64().unwrap();
    assert!((total - moved).abs() < 0.3 * moved, "{total} {moved}");
    let page = c.get(&url).await;
    for words in [
        "drifts by +0.0",
        " % a commit, +",
        " since ",
        "no step that lasted",
        "No step that lasted.",
    ] {
        assert!(
            page.text().contains(words),
            "{words}: {}",
            caption(page.text())
        );
    }
    assert!(!page.text().contains("no lasting change"));
    // The trend is drawn, from the first commit to the last.
    assert!(page.text().contains("<path class=\"level\""));
    let health = c.get("/health?q=io/replay").await;
    assert!(health.text().contains("% a commit, +"), "{}", health.text());
}

#[tokio::test]
async fn a_series_without_a_change_says_what_hides_one() {
    let site = Site::demo();
    let c = site.client().await;
    let health = json(&c, "/health.json").await;
    let (mut said, mut noisy) = (0, 0);
    for series in health["series"].as_array().unwrap() {
        let url = format!("/series/{}", series["series"].as_str().unwrap());
        let document = json(&c, &format!("{url}.json")).await;
        let changes = document["changes"].as_array().unwrap();
        if series["kind"] != "noisy" || series["drift"] != 0.0 || !changes.is_empty() {
            continue;
        }
        let page = c.get(&url).await;
        let page = page.text();
        let reasons = [
            "; too noisy for lasting steps below ",
            "; two levels ",
            "; ticks of ",
        ];
        assert!(reasons.iter().any(|r| page.contains(r)), "{url}");
        // What is too small to be found is the same on both pages.
        if let Some((_, said)) = page.split_once(reasons[0]) {
            let lasting = 100.0 * series["lasting_step"].as_f64().unwrap();
            let least = format!("{lasting:.2} %");
            assert!(said.starts_with(&least), "{url}: {least}, {}", &said[..20]);
            noisy += 1;
        }
        said += 1;
    }
    assert!(said > 0 && noisy > 0);
}

#[tokio::test]
async fn a_zoomed_chart_speaks_of_what_is_in_view() {
    let site = Site::demo();
    let c = site.client().await;
    let url = format!("/series/{}", site.series("parse/large"));
    let whole = c.get(&url).await;
    let changes = json(&c, &format!("{url}.json")).await["changes"].clone();
    let seen: Vec<u64> = changes
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["seen"] == true)
        .map(|t| t["change"]["index"].as_u64().unwrap())
        .collect();
    assert!(!seen.is_empty());
    assert!(caption(whole.text()).contains(&format!("{} lasting change", seen.len())));
    // A stretch that ends before the first of them.
    let query = format!("from={}&to={}", seen[0] - 12, seen[0] - 1);
    let part = json(&c, &format!("{url}.json?{query}")).await;
    let last = part["points"].as_array().unwrap().last().unwrap()["value"]
        .as_f64()
        .unwrap();
    let last = format!("the last one {:.3} G", last / 1e9);
    for suffix in ["", ".svg", ".md"] {
        let page = c.get(&format!("{url}{suffix}?{query}")).await;
        let text = page.text();
        assert!(
            text.contains("no lasting change in this range"),
            "{suffix}: {text}"
        );
        assert!(text.contains(&last), "{suffix}: no {last}");
        assert!(!text.contains("; now "), "{suffix}");
    }
    let page = c.get(&format!("{url}?{query}")).await;
    assert!(page.text().contains("None in this range."));
    assert!(
        !page.text().contains("class=\"step"),
        "a change out of view is drawn"
    );
}

#[tokio::test]
async fn the_bisect_command_of_a_series_is_that_of_today() {
    let site = Site::demo();
    let c = site.client().await;
    let today = c.get("/").await;
    let commands = |page: &str| -> Vec<String> {
        let all = page.split("data-copy=\"").skip(1);
        all.map(|p| p.split('"').next().unwrap().to_string())
            .filter(|p| p.starts_with("uptick bisect "))
            .collect()
    };
    let groups = json(&c, "/today.json").await["groups"].clone();
    let mut compared = 0;
    for group in groups.as_array().unwrap() {
        let change = &group["changes"][0];
        let url = format!("/series/{}", change["series"].as_str().unwrap());
        let said = commands(c.get(&url).await.text());
        let Some(said) = said.first() else { continue };
        assert!(commands(today.text()).contains(said), "{said}");
        let base = group["base"]["sha"].as_str().unwrap();
        let head = group["suspects"].as_array().unwrap().last().unwrap()["sha"]
            .as_str()
            .unwrap();
        assert!(
            said.starts_with(&format!("uptick bisect {} {} ", &base[..9], &head[..9])),
            "{said}"
        );
        compared += 1;
    }
    assert!(compared > 0, "no series offers a search");
}

/// Two reports once made a page that never ended.
#[tokio::test]
async fn values_at_the_ends_of_what_a_number_holds_make_no_page_endless() {
    let site = Site::demo();
    site.put_next(f64::MAX / 1e12);
    let mut store = site.store();
    let newest = store.commits(u64::MAX, 1).unwrap().remove(0);
    let mut report = store.any_report_of(&newest.sha).unwrap().unwrap();
    for (i, n) in (1..=2).enumerate() {
        report.commit.sha = collector::model::Sha(format!("{n}").repeat(40));
        report.commit.position = newest.position + n;
        for m in &mut report.measurements {
            m.value = [f64::MAX, 0.0][i];
            (m.low, m.high, m.samples) = (m.value, m.value, vec![m.value]);
        }
        store.put(&report, &[]).unwrap();
    }
    drop(store);
    let c = site.client().await;
    let url = format!("/series/{}", site.series("parse/large"));
    for page in [url.as_str(), "/health", "/", "/commits"] {
        let asked = tokio::time::timeout(std::time::Duration::from_secs(10), c.get(page)).await;
        let answer = asked.unwrap_or_else(|_| panic!("{page} does not end"));
        assert!(answer.status.is_success(), "{page}: {}", answer.status);
        assert!(
            !answer.text().contains("inf %"),
            "{page}: {}",
            answer.text()
        );
    }
}

/// Long after anybody looked, the first reader after a report sees it.
#[tokio::test]
async fn the_first_reader_after_a_report_sees_it() {
    let site = Site::demo();
    let c = site.client().await;
    for url in ["/commits", "/", "/health.csv"] {
        c.get(url).await;
    }
    let before = c.get("/commits").await;
    assert!(!before.text().contains("A report from afar"));
    // Longer than a page may be given once more; nobody watches this store but its readers.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    site.put_elsewhere();
    for url in ["/commits", "/"] {
        let now = c.get(url).await;
        assert!(
            now.text().contains("A report from afar"),
            "{url} is of before"
        );
    }
}

/// What a page says it is as of is never later than what is on it.
#[tokio::test]
async fn a_page_carries_the_counters_it_was_read_at() {
    let site = Site::demo();
    let c = site.client().await;
    let at = site.store().generation().unwrap();
    let wanted = format!("data-at=\"{}.{}\"", at.data, at.triage);
    for url in [
        "/",
        "/health",
        "/commits",
        "/log",
        "/help",
        "/login",
        "/channels",
        "/nowhere",
    ] {
        let page = c.get(url).await;
        assert!(page.text().contains(&wanted), "{url}");
        assert!(!page.text().contains("as-of-later"), "{url}");
    }
}

/// Commits that nobody measured are said to be so, in the list as on the chart.
#[tokio::test]
async fn gaps_are_shown_as_gaps() {
    let site = Site::demo();
    let c = site.client().await;
    let all = site.store().commits(u64::MAX, 500).unwrap();
    let pair = all.windows(2).find(|p| p[0].position > p[1].position + 1);
    let pair = pair.expect("the demo leaves commits out");
    let missing = pair[0].position - pair[1].position - 1;
    let url = format!("/commits?before={}", pair[0].position + 1);
    let page = c.get(&url).await;
    let row = page.text().split("<tbody>").nth(1).unwrap();
    let words = format!(
        "{missing} commit{} not measured",
        if missing == 1 { "" } else { "s" }
    );
    assert!(row.contains(&words), "{words}");
    for word in [
        "Numbers",
        "dearer",
        "cheaper",
        "to the one before",
        "named in the address",
    ] {
        let (base, head) = site.around("Split Lexer");
        let compared = format!("/compare/{base}..{head}");
        for url in ["/commits", "/health", "/help", "/log", compared.as_str()] {
            assert!(!c.get(url).await.text().contains(word), "{url}: {word}");
        }
    }
}
