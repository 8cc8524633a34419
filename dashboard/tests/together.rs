//! Several series in one chart, and the points of the main line that charts name.

use axum::http::StatusCode;
use collector::model::{Metric, Sha};
use serde_json::Value;

use crate::support::{Answer, Client, Site};

/// The series of a benchmark by a metric.
fn series(site: &Site, benchmark: &str, metric: &Metric) -> String {
    let all = site.store().series_of(benchmark).unwrap();
    let found = all.into_iter().find(|s| s.row.key.metric == *metric);
    found.unwrap().row.key.id()
}

async fn svg(c: &Client, url: &str) -> Answer {
    let answer = c.get(url).await;
    assert_eq!(answer.status, StatusCode::OK, "{url}: {}", answer.text());
    roxmltree::Document::parse(answer.text()).unwrap();
    answer
}

/// The lines of a chart that stand beside the first.
fn lines(answer: &Answer) -> usize {
    let text = answer.text();
    let chart = text.split("class=\"chart\"").nth(1).unwrap();
    let chart = chart.split("class=\"keys\"").next().unwrap();
    let chart = chart.split("</svg>").next().unwrap();
    chart.matches("<path class=\"beside o").count()
}

#[tokio::test]
async fn several_series_stand_in_one_chart_in_every_form() {
    let site = Site::demo();
    let c = site.client().await;
    let (large, small) = (site.series("parse/large"), site.series("parse/small"));
    let lex = site.series("lex/unicode");
    let query = format!("with={small},{lex}");
    let page = c.get(&format!("/series/{large}?{query}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert_eq!(lines(&page), 2);
    let legend = page.text().split("class=\"legend\"").nth(1).unwrap();
    let legend = legend.split("</ul>").next().unwrap();
    for name in ["<b>parse/large", "parse/small", "lex/unicode"] {
        assert!(legend.contains(name), "{name}: {legend}");
    }
    // Each can be taken out again, and every other link keeps what is in the chart.
    let out = format!("href=\"/series/{large}?with={lex}\"");
    assert!(legend.contains(&out), "{legend}");
    for kept in [
        format!("x=date&amp;{query}"),
        format!(".svg?{query}"),
        format!(".csv?{query}"),
    ] {
        assert!(page.text().contains(&kept), "{kept}");
    }
    // Alone it says itself which line is which.
    let alone = svg(&c, &format!("/series/{large}.svg?{query}")).await;
    assert_eq!(lines(&alone), 2);
    for name in ["parse/large", "parse/small", "lex/unicode"] {
        assert!(alone.text().contains(&format!(">{name}</text>")), "{name}");
    }
    let one = svg(&c, &format!("/series/{large}.svg")).await;
    assert!(!one.text().contains("class=\"keys\""));
    let json: Value =
        serde_json::from_str(c.get(&format!("/series/{large}.json?{query}")).await.text()).unwrap();
    let with: Vec<&str> = json["with"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["benchmark"].as_str().unwrap())
        .collect();
    assert_eq!(with, ["parse/small", "lex/unicode"]);
    let csv = c.get(&format!("/series/{large}.csv?{query}")).await;
    for name in ["parse/large", "parse/small", "lex/unicode"] {
        let n = csv
            .text()
            .lines()
            .filter(|l| l.contains(&format!(",{name},")))
            .count();
        let points = site.store().series_of(name).unwrap();
        let id = site.series(name);
        let is = points.iter().find(|s| s.row.key.id() == id).unwrap();
        assert_eq!(n as u64, is.row.points, "{name}");
    }
    let embed = c.get(&format!("/embed/{large}?{query}")).await;
    assert!(
        embed.text().contains(&format!(".svg?{query}")),
        "{}",
        embed.text()
    );
}

/// Levels that are far apart, and other units, are drawn relative to where each begins; what fits
/// on one scale is not.
#[tokio::test]
async fn series_that_fit_no_common_scale_are_drawn_relative() {
    let site = Site::demo();
    let c = site.client().await;
    let large = site.series("parse/large");
    let small = site.series("parse/small");
    let time = series(&site, "parse/large", &Metric::WallTime);
    let says = async |query: &str| {
        let page = c.get(&format!("/series/{large}?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}: {}", page.text());
        let text = page.text().to_owned();
        let relative = text.contains("Relative: how far each series is");
        assert_eq!(text.contains(" %</text>"), relative, "{query}");
        relative
    };
    assert!(says(&format!("with={time}")).await, "another unit");
    // Asked for or not: two units have no common scale.
    assert!(says(&format!("with={time}&y=zero")).await);
    assert!(says(&format!("with={small}")).await, "a tenth of it");
    assert!(!says(&format!("with={small}&y=fitted")).await);
    assert!(!says(&format!("with={small}&y=zero")).await);
    assert!(says(&format!("with={small}&y=relative")).await);
    assert!(
        !says("y=relative").await,
        "one alone has nothing to be relative to"
    );
}

#[tokio::test]
async fn series_are_added_by_forms_and_chosen_on_a_page() {
    let site = Site::demo();
    let c = site.client().await;
    let (large, small) = (site.series("parse/large"), site.series("parse/small"));
    let page = c.get(&format!("/series/{large}?from=100&x=date")).await;
    let form = page
        .text()
        .split("<form class=\"filters\" action=\"/series\"")
        .nth(1)
        .unwrap();
    let form = form.split("</form>").next().unwrap();
    for field in [
        format!("type=\"hidden\" name=\"id\" value=\"{large}\""),
        "type=\"hidden\" name=\"from\" value=\"100\"".into(),
        "type=\"hidden\" name=\"x\" value=\"date\"".into(),
        "<select name=\"id\"".into(),
    ] {
        assert!(form.contains(&field), "{field}: {form}");
    }
    // One of the list: at once into the chart, on the same axes.
    let added = c
        .get(&format!("/series?id={large}&from=100&x=date&id={small}&q="))
        .await;
    assert_eq!(added.status, StatusCode::FOUND);
    let chart = format!("/series/{large}?from=100&x=date&with={small}");
    assert_eq!(added.header("location"), chart);
    // A part of a name: what it finds is to be chosen from.
    let found = c.get(&format!("/series?id={large}&id=&q=LEX/")).await;
    assert_eq!(found.status, StatusCode::OK, "{}", found.text());
    let text = found.text();
    let is =
        |id: &str, checked: &str| text.contains(&format!("value=\"{id}\"{checked} aria-label"));
    assert!(is(&large, " checked"), "{text}");
    assert!(is(&site.series("lex/unicode"), ""), "{text}");
    let lex = site.series("lex/unicode");
    let shown = c
        .get(&format!("/series?q=LEX/&id={large}&id={lex}&show=1"))
        .await;
    assert_eq!(
        shown.header("location"),
        format!("/series/{large}?with={lex}")
    );
    // Too many are still chosen on the page that says so, and no chart.
    let store = site.store();
    let all = store.series_of("parse/large").unwrap();
    let more = store.series_of("lex/unicode").unwrap();
    let ids: Vec<String> = all
        .iter()
        .chain(&more)
        .map(|s| s.row.key.id())
        .take(7)
        .collect();
    assert_eq!(ids.len(), 7);
    let url = format!("/series?id={}&q=&show=1", ids.join("&id="));
    let many = c.get(&url).await;
    assert_eq!(many.status, StatusCode::OK, "{}", many.text());
    assert!(many.text().contains("7 are chosen: take off 1"));
    for id in &ids {
        let ticked = format!("value=\"{id}\" checked aria-label");
        assert!(many.text().contains(&ticked), "{id}");
    }
    // Empty ones say what to do.
    let empty = c.get("/series").await;
    assert!(
        empty.text().contains("Any part of a name finds it"),
        "{}",
        empty.text()
    );
    let none = c.get("/series?q=no-such-thing").await;
    assert!(none.text().contains("No further series holds"));
}

#[tokio::test]
async fn odd_series_beside_one_are_refused_in_words() {
    let site = Site::demo();
    let c = site.client().await;
    let large = site.series("parse/large");
    let many: Vec<String> = (1..7).map(|n| format!("{n:016x}")).collect();
    for (with, status) in [
        ("0000000000000000".to_string(), StatusCode::NOT_FOUND),
        ("%3Cscript%3E".into(), StatusCode::NOT_FOUND),
        (many.join(","), StatusCode::BAD_REQUEST),
        (large.clone(), StatusCode::OK),
        (",,".into(), StatusCode::OK),
    ] {
        for url in [
            format!("/series/{large}?with={with}"),
            format!("/series/{large}.svg?with={with}"),
        ] {
            let answer = c.get(&url).await;
            assert_eq!(answer.status, status, "{url}: {}", answer.text());
        }
    }
}

/// The first change is the oldest, whenever each was reported: levels lie between neighbours.
#[tokio::test]
async fn changes_are_numbered_along_the_line() {
    let site = Site::demo();
    let c = site.client().await;
    for benchmark in ["parse/large", "emit/json", "query/all"] {
        let url = format!("/series/{}.svg", site.series(benchmark));
        let chart = svg(&c, &url).await;
        let marks: Vec<(usize, u64)> = chart
            .text()
            .split("<title>")
            .filter_map(|t| {
                let (number, rest) = t.split_once(": ")?;
                let at = rest.split_once(" at commit ")?.1.split_once(',')?.0;
                Some((number.parse().ok()?, at.parse().ok()?))
            })
            .collect();
        assert!(marks.len() > 1, "{benchmark}: {marks:?}");
        for (i, (number, at)) in marks.iter().enumerate() {
            assert_eq!(*number, i + 1, "{benchmark}: {marks:?}");
            assert!(i == 0 || marks[i - 1].1 < *at, "{benchmark}: {marks:?}");
        }
    }
}

/// A mark says the day of its own commit, not of one beside it.
#[tokio::test]
async fn a_mark_says_the_day_of_its_commit() {
    let site = Site::demo();
    let commits = site.store().commits(u64::MAX, 100).unwrap();
    let tags: Vec<(String, String)> = (3..40)
        .step_by(6)
        .map(|i| (format!("v{i}"), commits[i].sha.0.clone()))
        .collect();
    let named: Vec<(&str, &str)> = tags.iter().map(|(n, s)| (n.as_str(), s.as_str())).collect();
    let c = site.with_tags(&named).await;
    let chart = svg(&c, &format!("/series/{}.svg", site.series("parse/large"))).await;
    for (i, (name, _)) in (3..40).step_by(6).zip(&tags) {
        let written = jiff::Timestamp::from_second(commits[i].time).unwrap();
        let words = format!("<title>Tag {name}, {}</title>", written.strftime("%-d %b"));
        assert!(chart.text().contains(&words), "{words}: {}", chart.text());
    }
}

/// Two machines that measure side by side took nobody's place, on no chart.
#[tokio::test]
async fn a_machine_beside_another_is_no_change_of_the_testbed() {
    let site = Site::demo();
    let newest = site.store().commits(u64::MAX, 1).unwrap().remove(0);
    let known = site.store().any_report_of(&newest.sha).unwrap().unwrap();
    let mut beside = known.testbed.clone();
    beside.facts.insert("cpu".into(), "another".into());
    for (i, testbed) in [&beside, &known.testbed, &beside].into_iter().enumerate() {
        site.put_next_with(|r| {
            r.commit.sha = Sha(format!("{i}b").repeat(20));
            r.testbed = testbed.clone();
            r.testbed_key = testbed.key(r.measurements.iter().map(|m| m.counter.clone()));
        });
    }
    let c = site.client().await;
    let all = site.store().series_of("parse/large").unwrap();
    let times: Vec<String> = all
        .iter()
        .filter(|s| s.row.key.metric == Metric::WallTime)
        .map(|s| s.row.key.id())
        .collect();
    assert!(times.len() > 2, "{times:?}");
    let mut marks = 0;
    for id in times {
        let chart = svg(&c, &format!("/series/{id}.svg")).await;
        assert!(!chart.text().contains("cpu"), "{}", chart.text());
        marks += chart.text().matches("Testbed changed: ").count();
    }
    assert!(marks > 0, "those that took another's place are marked");
}

/// Tags and the places where branches left are marks on the chart, that lead there.
#[tokio::test]
async fn tags_and_branches_are_marked_on_charts() {
    let site = Site::demo();
    let (base, head) = site.around("Split Lexer");
    let c = site
        .with_tags(&[("v2<b>", &head), ("v1", &base), ("gone", "ffff")])
        .await;
    let large = site.series("parse/large");
    let page = svg(&c, &format!("/series/{large}.svg")).await;
    let text = page.text();
    assert!(text.contains(&format!("href=\"/commit/{head}\"")), "{text}");
    assert!(text.contains("<title>Tag v2&lt;b&gt;, "), "{text}");
    assert!(
        text.contains("<title>Branch faster-lexer left here, "),
        "{text}"
    );
    assert!(
        text.contains("href=\"/branch?name=faster-lexer\""),
        "{text}"
    );
    assert!(!text.contains("gone"));
    // Their neighbour leaves room for one of the two names alone.
    assert_eq!(text.matches("class=\"tagline\"").count(), 2);
    let words = c.get(&format!("/series/{large}")).await;
    assert!(
        words
            .text()
            .contains("Dotted: a tag; below, ▾: a branch left.")
    );
    // A stretch without them says nothing of them.
    let early = c.get(&format!("/series/{large}?from=0&to=20")).await;
    assert!(!early.text().contains("Dotted: a tag"));
    let plain = site.client().await.get(&format!("/series/{large}")).await;
    assert!(plain.text().contains("Below, ▾: a branch left."));
}
