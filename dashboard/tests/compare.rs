//! Comparisons as people read them: every number is recomputed from the reports themselves.

use axum::http::StatusCode;
use collector::config::Config;
use collector::detect::alerts::life::{Resolution, State};
use collector::history::harm;
use collector::model::{Failure, Metric, NoiseClass, Phase, Report, Sha, Verdict};
use collector::store::{Store, Triage};
use serde_json::Value;

use crate::support::{Client, Site};

fn report(store: &Store, name: &str) -> Report {
    let commit = store.commit(name).unwrap().unwrap();
    store.any_report_of(&commit.sha).unwrap().unwrap()
}

async fn json(c: &Client, url: &str) -> Value {
    serde_json::from_str(c.get(url).await.text()).unwrap()
}

/// The heading of a page, without its tags.
fn heading(page: &str) -> String {
    let inner = page
        .split("<h1")
        .nth(1)
        .unwrap()
        .split("</h1>")
        .next()
        .unwrap();
    let mut text = String::new();
    let mut is_tag = true;
    for ch in inner.chars() {
        match ch {
            '<' => is_tag = true,
            '>' => is_tag = false,
            ch if !is_tag => text.push(ch),
            _ => {}
        }
    }
    text
}

fn summary<'a>(document: &'a Value, metric: &str) -> &'a Value {
    let mut all = document["summary"].as_array().unwrap().iter();
    all.find(|s| s["metric"] == metric).unwrap()
}

/// Head over base of every benchmark with that metric in both.
fn ratios(base: &Report, head: &Report, metric: &Metric) -> Vec<f64> {
    let of_metric = base.measurements.iter().filter(|m| m.metric == *metric);
    of_metric
        .filter_map(|b| Some(head.find(&b.benchmark, metric, &b.counter)?.value / b.value))
        .collect()
}

#[tokio::test]
async fn counts_and_the_geometric_mean_are_those_of_the_reports() {
    let site = Site::demo();
    let c = site.client().await;
    for subject in [
        "Stop at the first match",
        "Escape strings",
        "Keep postings",
        "Split Lexer",
    ] {
        let (base, head) = site.around(subject);
        let document = json(&c, &format!("/compare/{base}..{head}.json")).await;
        let (before, after) = (report(&site.store(), &base), report(&site.store(), &head));
        for metric in [Metric::Instructions, Metric::WallTime, Metric::PeakRss] {
            let ratios = ratios(&before, &after, &metric);
            let logs: f64 = ratios.iter().map(|r| r.ln()).sum();
            let mean = (logs / ratios.len() as f64).exp() - 1.0;
            let said = summary(&document, metric.name());
            let shown = said["geomean"].as_f64().unwrap();
            assert!(
                (shown - mean).abs() < 1e-12,
                "{subject} {metric}: {shown} {mean}"
            );
            let n = |f: &str| said[f].as_u64().unwrap() as usize;
            let compared = n("regressed") + n("improved") + n("suspect") + n("unchanged");
            assert_eq!(compared, ratios.len(), "{subject} {metric}");
            for verdict in [Verdict::Regressed, Verdict::Improved, Verdict::Suspect] {
                let rows = document["results"].as_array().unwrap().iter();
                let rows = rows.filter(|r| r["metric"] == metric.name());
                let of_it = rows.filter(|r| r["verdict"] == verdict.name());
                assert_eq!(of_it.count(), n(verdict.name()), "{subject} {metric}");
            }
        }
    }
}

#[tokio::test]
async fn the_headline_has_both_signs_and_follows_the_metric() {
    let site = Site::demo();
    let c = site.client().await;
    let (_, first) = site.around("Keep postings");
    let (_, last) = site.around("Escape strings");
    let stem = format!("/compare/{first}..{last}");
    for metric in ["instructions", "wall_time"] {
        let document = json(&c, &format!("{stem}.json")).await;
        let page = c.get(&format!("{stem}?metric={metric}")).await;
        let said = heading(page.text());
        let of = |verdict: &str| -> Vec<f64> {
            let rows = document["results"].as_array().unwrap().iter();
            rows.filter(|r| r["metric"] == metric && r["verdict"] == verdict)
                .map(|r| r["change"].as_f64().unwrap())
                .collect()
        };
        let (worse, better) = (of("regressed"), of("improved"));
        let percent = |x: f64| {
            let text = collector::format::percent(x).replace(' ', "\u{a0}");
            text.replacen('-', "−", 1)
        };
        if !worse.is_empty() {
            let worst = worse.iter().copied().fold(f64::MIN, f64::max);
            let words = format!("Regression: {} of ", worse.len());
            assert!(
                said.contains(&words) && said.contains(&percent(worst)),
                "{said}"
            );
        }
        if !better.is_empty() {
            let best = better.iter().copied().fold(f64::MAX, f64::min);
            assert!(
                said.contains(&format!("{} improved", better.len())),
                "{said}"
            );
            assert!(said.contains(&percent(best)), "{said}");
        }
        let suspects = of("suspect").len();
        assert_eq!(said.contains("suspect"), suspects > 0, "{said}");
        assert!(
            said.contains(&format!("{} unchanged", of("unchanged").len())),
            "{said}"
        );
        if metric == "instructions" {
            assert!(
                !worse.is_empty() && !better.is_empty(),
                "both signs: {said}"
            );
        }
    }
    let (base, head) = site.around("Stop at the first match");
    let gained = c.get(&format!("/compare/{base}..{head}")).await;
    let said = heading(gained.text());
    assert!(said.contains("▼ Improved: 6 of 40 benchmarks"), "{said}");
    assert!(
        said.contains("0 regressed") && gained.text().contains("verdict good"),
        "{said}"
    );
}

#[tokio::test]
async fn a_suspect_is_never_red_and_stands_apart() {
    let site = Site::demo();
    let c = site.client().await;
    let commits = site.store().commits(u64::MAX, 60).unwrap();
    let (mut seen, mut unsure) = (0, 0);
    for pair in commits.windows(2) {
        let stem = format!("/compare/{}..{}", pair[1].sha.short(), pair[0].sha.short());
        let document = json(&c, &format!("{stem}.json")).await;
        let suspects = summary(&document, "instructions")["suspect"]
            .as_u64()
            .unwrap();
        if suspects == 0 {
            continue;
        }
        seen += 1;
        let page = c.get(&format!("{stem}?show=suspect")).await;
        let text = page.text();
        assert!(
            heading(text).contains(&format!("{suspects} suspect")),
            "{}",
            heading(text)
        );
        let table = text
            .split("<tbody>")
            .nth(1)
            .unwrap()
            .split("</tbody>")
            .next()
            .unwrap();
        assert_eq!(table.matches("<tr").count() as u64, suspects);
        assert!(
            !table.contains("delta worse") && !table.contains("delta better"),
            "{table}"
        );
        assert!(
            text.contains("uptick compare") && text.contains("--only"),
            "how to confirm it"
        );
        let said = heading(text);
        if said.contains("Regression") {
            continue;
        }
        assert!(!text.contains("verdict bad"));
        // What may be worse is said first, and nothing about it is green.
        let rows = document["results"].as_array().unwrap();
        let is_worse = |r: &&serde_json::Value| {
            r["metric"] == "instructions"
                && r["verdict"] == "suspect"
                && r["change"].as_f64().is_some_and(|c| c > 0.0)
        };
        let worse = rows.iter().filter(is_worse).count();
        if worse > 0 && !said.contains("No verdict") {
            unsure += 1;
            assert!(
                said.contains(&format!("Not confirmed: {worse} of "))
                    && said.contains("0 regressed"),
                "{said}"
            );
            assert!(!text.contains("verdict good"), "{said}");
            // The same answer in Markdown, and from the terminal.
            let markdown = c.get(&format!("{stem}.md")).await;
            let first = markdown.text().lines().next().unwrap_or_default();
            let maybe = format!("not confirmed: {worse} of ");
            assert!(first.contains(&maybe) && !first.contains('✔'), "{first}");
            let mut check = document.clone();
            check["schema"] = "uptick.check/1".into();
            let read = collector::judge::read(check.to_string().as_bytes()).unwrap();
            let collector::judge::Checked::Judged(j) = &read.checked else {
                panic!("{document:#}");
            };
            let terminal = collector::report::text(j, std::path::Path::new("/"));
            let maybe = format!("NOT CONFIRMED: {worse} of ");
            assert!(terminal.starts_with(&maybe), "{terminal}");
        }
    }
    assert!(
        seen > 0 && unsure > 0,
        "the demo has suspects: {seen}, {unsure}"
    );
}

#[tokio::test]
async fn a_failure_is_said_with_since_when() {
    let site = Site::demo();
    let c = site.client().await;
    let commits = site.store().commits(u64::MAX, 10).unwrap();
    let failing: Vec<_> = commits.iter().take_while(|c| c.failures > 0).collect();
    let (newest, first) = (failing[0], failing[failing.len() - 1]);
    let stem = |base: &str, head: &str| format!("/compare/{base}..{head}");
    let long = stem(commits[1].sha.short(), newest.sha.short());
    let page = c.get(&long).await;
    let since = format!(
        "No number since <a class=\"sha\" href=\"/commit/{0}\">{0}</a> ({1} commits)",
        first.sha.short(),
        failing.len()
    );
    assert!(page.text().contains(&since), "{since}");
    assert!(
        heading(page.text()).contains("1 still failing"),
        "{}",
        heading(page.text())
    );
    assert!(
        page.text()
            .contains("panicked at benches/net.rs:41:10:\ncalled"),
        "its lines stay"
    );
    let document = json(&c, &format!("{long}.json")).await;
    let told = &document["failing"][0];
    assert_eq!(told["benchmark"], "net/tls_handshake");
    assert_eq!(told["silent"]["since"], first.sha.0.as_str());
    assert_eq!(told["silent"]["commits"], failing.len());
    assert_eq!(told["before"], true);
    // Where it failed first, it is the head's failure.
    let before = &commits[failing.len()];
    let page = c.get(&stem(before.sha.short(), first.sha.short())).await;
    assert!(
        heading(page.text()).contains("1 failed"),
        "{}",
        heading(page.text())
    );
    let own = c.get(&format!("/commit/{}", newest.sha.short())).await;
    assert!(own.text().contains(&since), "the commit's page says so too");
}

#[tokio::test]
async fn what_the_environments_differ_in_is_said_and_greyed() {
    let site = Site::demo();
    let c = site.client().await;
    let (base, head) = site.around("Build with Rust 1.95");
    let page = c.get(&format!("/compare/{base}..{head}?show=all")).await;
    assert!(
        heading(page.text()).contains("No verdict"),
        "{}",
        heading(page.text())
    );
    assert!(
        page.text().contains("rustc: 1.94.1 → 1.95.0"),
        "{}",
        page.text()
    );
    assert!(
        page.text().contains("same kernel 6.1, libc glibc 2.36"),
        "{}",
        page.text()
    );
    let rows = page.text().matches("<tr class=\"grey\">").count();
    assert_eq!(rows, 40, "every row is grey");
    assert!(!page.text().contains("delta worse") && !page.text().contains("Geometric mean"));

    // The kernel is nothing to counts of callgrind, and everything to time.
    let commits = site.store().commits(u64::MAX, 500).unwrap();
    let kernel = |c: &collector::store::MeasuredCommit| {
        let found = report(&site.store(), &c.sha.0);
        found.testbed.facts["kernel"].clone()
    };
    let pair = commits
        .windows(2)
        .find(|p| kernel(&p[0]) != kernel(&p[1]))
        .unwrap();
    let stem = format!("/compare/{}..{}", pair[1].sha.short(), pair[0].sha.short());
    let counts = c.get(&stem).await;
    assert!(
        counts
            .text()
            .contains("Same testbed, counted by callgrind; same libc")
    );
    assert!(counts.text().contains("kernel: 6.1 → 6.12"));
    assert!(counts.text().contains("do not depend on that"));
    let time = c.get(&format!("{stem}?metric=wall_time&show=all")).await;
    assert!(time.text().contains("Another testbed") && time.text().contains("class=\"grey\""));
    assert!(
        heading(time.text()).contains("No verdict"),
        "{}",
        heading(time.text())
    );
    let same = c.get("/compare/0000..ffff").await;
    assert_eq!(same.status, StatusCode::NOT_FOUND);
    // Of no number there is no verdict, and none is green.
    let none = c.get(&format!("{stem}?metric=furlongs")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert!(none.text().contains("they have"), "{}", none.text());
}

#[tokio::test]
async fn functions_of_the_worst_and_lasting_changes_stand_on_the_page() {
    let site = Site::demo();
    let c = site.client().await;
    let (base, head) = site.around("Escape strings");
    let page = c.get(&format!("/compare/{base}..{head}")).await;
    let worst = page.text().split("id=\"worst\"").nth(1).unwrap();
    assert!(worst.contains("escape::table"), "{worst}");
    let lasting = page.text().split("id=\"decide\"").nth(1).unwrap();
    assert!(
        lasting.contains("emit/json") && lasting.contains("state new"),
        "{lasting}"
    );
    let (base, head) = site.around("Stop at the first match");
    let page = c.get(&format!("/compare/{base}..{head}")).await;
    let lasting = page.text().split("id=\"decide\"").nth(1).unwrap();
    assert!(lasting.contains("state acknowledged"), "{lasting}");
    assert!(lasting.contains("credit in the release notes"), "{lasting}");
    site.damage_profiles();
    let c = site.client().await;
    let damaged = c.get(&format!("/compare/{base}..{head}")).await;
    assert_eq!(damaged.status, StatusCode::OK);
    let worst = damaged.text().split("id=\"worst\"").nth(1).unwrap();
    assert!(worst.contains("could not be read when"), "{worst}");
}

/// A noisy series steps, and its two measurements around the step may lie close by chance: the page
/// that a message about the step leads to is not green while the step is open.
#[tokio::test]
async fn no_page_that_a_message_leads_to_is_green() {
    let site = Site::demo();
    let store = site.store();
    let c = site.client().await;
    let mut untold = Vec::new();
    for e in store.open_events(9_999).unwrap() {
        if !e.series.key.metric.is_judged() || harm(&e) <= 0.0 {
            continue;
        }
        let change = &e.reported.event.change;
        let before = |at: i64| store.commits(at as u64, 1).unwrap().remove(0).sha;
        let (base, head) = (before(change.first), before(change.last + 1));
        let stem = format!("/compare/{base}..{head}");
        let page = c
            .get(&format!("{stem}?metric={}", e.series.key.metric))
            .await;
        let said = heading(page.text());
        assert!(
            !page.text().contains("class=\"verdict good\""),
            "{stem}: {said}"
        );
        let notes = json(&c, &format!("{stem}.json")).await["notes"].to_string();
        if said.to_lowercase().contains("lasting regression") {
            assert!(notes.contains("open lasting regression"), "{stem}: {notes}");
            untold.push((e.reported.id.clone(), stem, e.series.key.metric.clone()));
        }
    }
    assert!(!untold.is_empty(), "none of that kind");
    // Nobody waits for what was settled.
    let decision = Triage {
        events: untold.iter().map(|(id, ..)| id.clone()).collect(),
        state: Some(State::Resolved(Resolution::Accepted)),
        ..Triage::default()
    };
    let mut store = site.store();
    store.decide(&decision, "somebody", 1_700_000_000).unwrap();
    let c = site.client().await;
    for (_, stem, metric) in untold {
        let page = c.get(&format!("{stem}?metric={metric}")).await;
        let said = heading(page.text());
        assert!(!said.to_lowercase().contains("lasting"), "{stem}: {said}");
        let notes = json(&c, &format!("{stem}.json")).await["notes"].to_string();
        assert!(!notes.contains("lasting"), "{stem}: {notes}");
    }
}

/// The rows of a page, by name.
fn names(page: &str) -> Vec<String> {
    let table = page
        .split("<tbody>")
        .nth(1)
        .unwrap_or("")
        .split("</tbody>")
        .next()
        .unwrap();
    let rows = table.split("<th").skip(1);
    rows.map(|r| {
        r.split("title=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .into()
    })
    .collect()
}

#[tokio::test]
async fn filters_and_orders_live_in_the_address() {
    let site = Site::demo();
    let c = site.client().await;
    let (_, first) = site.around("Keep postings");
    let (_, last) = site.around("Escape strings");
    let stem = format!("/compare/{first}..{last}");
    let document = json(&c, &format!("{stem}.json")).await;
    let rows = document["results"].as_array().unwrap();
    let value = |name: &str, side: &str| {
        let found = rows
            .iter()
            .find(|r| r["benchmark"] == name && r["judged"] == true);
        found.unwrap()[side]["value"].as_f64()
    };
    for (show, older) in [
        ("regressed", "slower"),
        ("improved", "faster"),
        ("suspect", "suspect"),
    ] {
        let page = c.get(&format!("{stem}?show={show}")).await;
        let of = |r: &&Value| r["verdict"] == show && r["judged"] == true;
        let wanted = rows.iter().filter(of).count();
        assert_eq!(names(page.text()).len(), wanted, "{show}");
        let same = c.get(&format!("{stem}?show={older}")).await;
        assert_eq!(names(same.text()), names(page.text()));
    }
    let page = c.get(&format!("{stem}?show=all&sort=name&q=parse")).await;
    let all = names(page.text());
    assert!(
        all.is_sorted() && all.len() > 2 && all.iter().all(|n| n.contains("parse")),
        "{all:?}"
    );
    let page = c.get(&format!("{stem}?show=improved&sort=after")).await;
    let after: Vec<f64> = names(page.text())
        .iter()
        .map(|n| value(n, "head").unwrap())
        .collect();
    assert!(
        after.len() > 2 && after.is_sorted_by(|a, b| a >= b),
        "{after:?}"
    );
    assert!(page.text().contains("aria-sort=\"descending\""));
    // A filter keeps the order, and an order the filter.
    assert!(
        page.text()
            .contains(&format!("{stem}?show=improved&amp;sort=name"))
    );
    assert!(
        page.text()
            .contains(&format!("{stem}?show=all&amp;sort=after"))
    );
    let whole = c.get(&format!("{stem}?show=all")).await;
    assert!(whole.text().contains(">same<") && !whole.text().contains("+0.00 %"));
    let bad = c.get(&format!("{stem}?sort=colour")).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_base_is_changed_by_a_list_and_releases_are_compared() {
    let site = Site::demo();
    let (_, older) = site.around("Keep postings");
    let (parent, newer) = site.around("Escape strings");
    let c = site
        .with_tags(&[("v2.4", &newer), ("v9", "ffffffff"), ("v2.3", &older)])
        .await;
    let page = c
        .get(&format!(
            "/compare/{older}..{newer}?metric=wall_time&show=all"
        ))
        .await;
    let list = page
        .text()
        .split("plain bases")
        .nth(1)
        .unwrap()
        .split("</ul>")
        .next()
        .unwrap();
    // What is chosen now is said and no link; the others keep what is shown.
    assert!(
        list.contains("<b>release v2.3</b>") && !list.contains("v9"),
        "{list}"
    );
    assert!(
        !list.contains("v2.4"),
        "the head is no base of its own: {list}"
    );
    let to = format!("/compare/{parent}..{newer}?metric=wall_time&amp;show=all");
    assert!(
        list.contains(&format!("href=\"{to}\">the commit measured before it")),
        "{list}"
    );

    let choose = c.get("/compare").await;
    assert!(choose.text().contains("v2.3 → v2.4"), "{}", choose.text());
    let named = c.get("/compare?base=v2.3&head=v2.4").await;
    assert_eq!(named.status, StatusCode::FOUND);
    assert_eq!(
        named.header("location"),
        format!("/compare/{older}..{newer}")
    );
    let unmeasured = c.get("/compare?base=v9&head=v2.4").await;
    assert!(
        unmeasured.text().contains("tag is called `v9`"),
        "{}",
        unmeasured.text()
    );
}

/// The report of one variant of a commit, as `uptick run --tag gc=…` leaves it.
fn variant(of: &Report, gc: &str, factor: f64) -> Report {
    let mut r = of.clone();
    r.suite_key = format!("with gc={gc}");
    r.build_key = format!("{} gc={gc}", r.build_key);
    r.measurements.retain(|m| m.metric == Metric::Instructions);
    for m in &mut r.measurements {
        m.benchmark = format!("{}{{gc={gc}}}", m.benchmark);
        (m.class, m.spread) = (NoiseClass::Exact, 0.0);
        m.value *= factor;
        (m.low, m.high, m.samples) = (m.value, m.value, vec![m.value]);
    }
    (r.failures, r.profiles) = (vec![], vec![]);
    r
}

#[tokio::test]
async fn two_variants_of_one_commit_are_compared_and_the_flag_is_blamed() {
    let site = Site::demo();
    let mut store = site.store();
    let head = store.commits(u64::MAX, 1).unwrap().remove(0).sha;
    let measured = report(&store, &head.0);
    let known = variant(&measured, "on", 1.0).measurements.len();
    for (gc, factor) in [("on", 1.12), ("off", 1.0)] {
        store.put(&variant(&measured, gc, factor), &[]).unwrap();
    }
    let c = site.client().await;
    let (short, asked) = (head.short(), "tag=gc%3Don&against=gc%3Doff");
    let document = json(&c, &format!("/compare/{short}..{short}.json?{asked}")).await;
    assert_eq!(document["outcome"], "regressed");
    assert_eq!(document["variants"]["head"]["gc"], "on");
    assert_eq!(document["variants"]["base"]["gc"], "off");
    let rows = document["results"].as_array().unwrap();
    assert_eq!(rows.len(), known);
    for row in rows {
        assert!(
            row["benchmark"].as_str().unwrap().ends_with("{gc=on}"),
            "{row}"
        );
        assert_eq!(row["verdict"], "regressed", "{row}");
        assert_eq!(row["reasons"][0]["code"], "limit", "{row}");
    }
    let through = json(&c, &format!("/api/v1/compare/{short}..{short}?{asked}")).await;
    assert_eq!(through, document);

    let page = c.get(&format!("/compare/{short}..{short}?{asked}")).await;
    let page = page.text();
    assert!(
        page.contains("gc=on costs +12.00 % against gc=off"),
        "{page}"
    );
    let again = format!("uptick compare {short} --tag gc=on --against gc=off");
    assert!(page.contains(&again), "{page}");
    // Its address on paper is its own, and whoever names the commit otherwise is led there.
    let paper = asked.replace('&', "&amp;");
    let paper = format!("data-page=\"/compare/{short}..{short}?{paper}\"");
    assert!(page.contains(&paper), "{page}");
    let named = c
        .get(&format!("/compare?base=main&head=main&{asked}"))
        .await;
    let own = format!("/compare/{short}..{short}?{asked}");
    assert_eq!(named.header("location"), own);
}

/// Whoever changes the base, turns the comparison round or hands it on keeps what is shown; and how
/// the base came to be the base is said.
#[tokio::test]
async fn what_is_shown_goes_along_and_the_base_is_explained() {
    let site = Site::demo();
    let (base, head) = site.around("Split Lexer");
    let (_, other) = site.around("Keep postings");
    let c = site.with_tags(&[("v2.3", &other)]).await;
    let asked = "metric=wall_time&show=all&sort=name";
    let page = c.get(&format!("/compare/{base}..{head}?{asked}")).await;
    let asked = asked.replace('&', "&amp;");
    let round = format!("href=\"/compare/{head}..{base}?{asked}\"");
    assert!(page.text().contains(&round), "{}", page.text());
    let form = page.text().split("action=\"/compare\"").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    for kept in [
        "name=\"metric\" value=\"wall_time\"",
        "name=\"show\" value=\"all\"",
    ] {
        assert!(form.contains(kept), "{form}");
    }
    let lasting = page.text().split(&format!("?{asked}\">Permalink")).count();
    assert_eq!(lasting, 2, "{}", page.text());
    assert!(
        page.text()
            .contains("the commit measured before it, 1 commit before")
    );
    // By names, too.
    let named = format!("/compare?base=v2.3&head={head}&metric=wall_time&show=all");
    let to = c.get(&named).await;
    let to = to.header("location").to_owned();
    assert!(to.ends_with("?metric=wall_time&show=all"), "{to}");
    let released = c.get(&to).await;
    assert!(
        released.text().contains(", release v2.3, "),
        "{}",
        released.text()
    );
}

#[tokio::test]
async fn beyond_the_last_page_is_the_last_page() {
    let site = Site::demo();
    let (base, head) = site.around("Split Lexer");
    let c = site.client().await;
    for url in ["/changes", "/health", &format!("/compare/{base}..{head}")] {
        let page = c.get(&format!("{url}?page=9")).await;
        let rows = page.text().split("<tbody>").nth(1).unwrap();
        assert!(rows.starts_with("<tr"), "{url}: {rows}");
        assert!(!page.text().contains(">801–"), "{url}");
    }
}

/// Two metrics that decide: a row says which is its own, and the headline does not call rows
/// benchmarks.
#[tokio::test]
async fn each_row_of_several_judged_metrics_says_its_own() {
    let site = Site::demo();
    let (base, head) = site.around("Split Lexer");
    let config = Config::parse("[suite]\nmetrics = [\"instructions\", \"wall_time\"]\n").unwrap();
    let c = site.served_with(|o| o.config = config).await;
    let page = c.get(&format!("/compare/{base}..{head}?show=all")).await;
    assert!(
        heading(page.text()).contains(" series"),
        "{}",
        heading(page.text())
    );
    let rows = page.text().split(" scope=\"row\"").skip(1);
    let said: Vec<bool> = rows
        .map(|r| {
            r.split("</th>")
                .next()
                .unwrap()
                .contains("class=\"muted\">")
        })
        .collect();
    assert!(said.len() > 41 && said.iter().all(|is| *is), "{said:?}");
    // Everything costs more in the next one.
    let next = site.put_next(1.5);
    let commit = c.get(&format!("/commit/{next}")).await;
    let rows = commit.text().split(" scope=\"row\"").skip(1);
    let rows: Vec<&str> = rows.map(|r| r.split("</tr>").next().unwrap()).collect();
    assert!(rows.iter().any(|r| !r.contains(">instructions</span>")));
    for row in rows {
        let of_count = row.contains(">instructions</span>");
        assert_eq!(row.contains(">Functions</a>"), of_count, "{row}");
    }
}

/// Many failures of before hide none that is new.
#[tokio::test]
async fn a_new_failure_stands_before_those_of_the_base() {
    let site = Site::demo();
    let base = site.put_next_with(|r| r.failures = (0..30).map(failure).collect());
    let head = site.put_next_with(|r| {
        r.commit.sha = Sha("cd".repeat(20));
        r.failures = (0..31).map(failure).collect();
    });
    let c = site.client().await;
    let page = c.get(&format!("/compare/{base}..{head}")).await;
    let failed = page.text().split("id=\"failed\"").nth(1).unwrap();
    let first = failed.split("</section>").next().unwrap();
    assert!(
        first.contains("new</span>") && first.contains("b30"),
        "{first}"
    );
}

fn failure(n: usize) -> Failure {
    Failure::new(Some(format!("b{n}")), Phase::Run, "ended badly")
}
