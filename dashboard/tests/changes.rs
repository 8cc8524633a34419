//! All changes ever: the list, its filters and pages, and where each row leads.

use axum::http::{Method, StatusCode};
use collector::model::{Commit, Counter, Measurement, Metric, Report, Sha, Testbed};
use serde_json::Value;

use crate::support::{Client, Site};

async fn json(c: &Client, url: &str) -> Value {
    let answer = c.get(url).await;
    assert_eq!(answer.status, StatusCode::OK, "{url}: {}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

async fn total(c: &Client, query: &str) -> u64 {
    let list = json(c, &format!("/changes.json?{query}")).await;
    list["total"].as_u64().unwrap()
}

fn rows(list: &Value) -> &Vec<Value> {
    list["changes"].as_array().unwrap()
}

#[tokio::test]
async fn every_change_is_of_one_state_and_the_filters_part_them() {
    let site = Site::demo();
    let c = site.client().await;
    let form = format!("event={}&state=noise", site.open_event());
    c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    let all = total(&c, "").await;
    let store = site.store();
    let counts = store
        .event_counts(&collector::store::Moment::default())
        .unwrap();
    let reported =
        store.open_events(9_999).unwrap().len() + store.closed_events(9_999).unwrap().len();
    assert_eq!(all, reported as u64);
    let mut sum = 0;
    for state in [
        "new",
        "acknowledged",
        "fixed_by",
        "accepted",
        "noise",
        "infra",
        "invalid",
        "recovered",
        "withdrawn",
    ] {
        let list = json(&c, &format!("/changes.json?state={state}")).await;
        sum += list["total"].as_u64().unwrap();
        for row in rows(&list) {
            assert_eq!(row["stands"], state);
        }
    }
    assert_eq!(sum, all);
    // The numbers on Today lead to as many rows.
    assert_eq!(total(&c, "state=settled").await, counts.resolved);
    assert_eq!(total(&c, "state=recovered").await, counts.recovered);
    assert_eq!(
        total(&c, "state=open").await,
        counts.new + counts.acknowledged
    );
    assert!(counts.resolved > 0 && counts.new > 0);
    let today = c.get("/").await;
    assert!(today.text().contains("<a href=\"/changes?state=settled\">"));
    assert!(c.get("/log").await.text().contains("href=\"/changes\""));
}

#[tokio::test]
async fn direction_metric_and_text_part_them_too() {
    let site = Site::demo();
    let c = site.client().await;
    let all = total(&c, "").await;
    let (worse, better) = (
        total(&c, "direction=regressed").await,
        total(&c, "direction=improved").await,
    );
    assert!(worse > 0 && better > 0);
    assert_eq!(worse + better, all);
    let list = json(&c, "/changes.json?direction=regressed").await;
    for row in rows(&list) {
        assert_eq!(row["verdict"], "regressed");
    }
    let list = json(&c, "/changes.json?q=PARSE%2F&metric=instructions").await;
    assert!(list["total"].as_u64().unwrap() > 0);
    for row in rows(&list) {
        assert!(row["benchmark"].as_str().unwrap().starts_with("parse/"));
        assert_eq!(row["metric"], "instructions");
    }
    assert_eq!(total(&c, "q=%25").await, 0, "a text is no pattern");
    // A filter stays in the addresses of the others, and the page says what it shows.
    let page = c.get("/changes?state=open&q=parse").await;
    assert!(
        page.text()
            .contains("/changes?state=open&amp;direction=improved&amp;q=parse")
    );
    assert!(page.text().contains("of those asked for"));
    // A word that leaves one filter out is a text like any other in the others.
    for text in ["q=all", "q=both", "owner=all"] {
        let page = c.get(&format!("/changes?{text}")).await;
        let json = format!("href=\"/changes.json?{text}\"");
        assert!(page.text().contains(&json), "{text}");
        assert!(page.text().contains("of those asked for"), "{text}");
    }
    for bad in [
        "state=odd",
        "direction=up",
        "page=0",
        "metric=a%0ab",
        "metric=both",
    ] {
        let answer = c.get(&format!("/changes?{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    // Each metric that there is, once.
    let refused = c.get("/changes?metric=both").await;
    let named = refused.text().matches(" instructions,").count();
    assert_eq!(named, 1, "{}", refused.text());
}

#[tokio::test]
async fn each_row_leads_to_its_commit_its_series_and_its_comparison() {
    let site = Site::demo();
    let c = site.client().await;
    let page = c.get("/changes").await;
    assert!(page.text().contains("All judged changes ever: "));
    let list = json(&c, "/changes.json").await;
    assert_eq!(page.text().matches("<tr id=\"c").count(), rows(&list).len());
    for row in rows(&list) {
        let short = |of: &str| row[of]["sha"].as_str().unwrap()[..9].to_string();
        // What is judged first the comparison shows by itself.
        let metric = match row["metric"].as_str().unwrap() {
            "instructions" => String::new(),
            other => format!("?metric={other}"),
        };
        let links = [
            format!("/series/{}", row["series"].as_str().unwrap()),
            format!("/commit/{}", short("commit")),
            format!("/compare/{}..{}{metric}", short("base"), short("commit")),
        ];
        for link in links {
            assert!(page.text().contains(&format!("href=\"{link}\"")), "{link}");
            assert_eq!(c.get(&link).await.status, StatusCode::OK, "{link}");
        }
    }
    let csv = c.get("/changes.csv").await;
    assert_eq!(csv.text().lines().count(), rows(&list).len() + 1);
}

/// One commit that slows 130 series down: two pages, no row on both.
#[tokio::test]
async fn a_hundred_rows_are_a_page() {
    let site = Site::empty();
    let mut store = site.store();
    for position in 0..40 {
        store.put(&report(position, 130), &[]).unwrap();
    }
    collector::history::watch::search(&mut store, usize::MAX).unwrap();
    let c = site.client().await;
    let first = json(&c, "/changes.json").await;
    let second = json(&c, "/changes.json?page=2").await;
    assert_eq!((rows(&first).len(), rows(&second).len()), (100, 30));
    let ids: std::collections::BTreeSet<&str> = rows(&first)
        .iter()
        .chain(rows(&second))
        .map(|r| r["event"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 130);
    let page = c.get("/changes?q=b&page=1").await;
    assert!(page.text().contains("href=\"/changes?q=b&amp;page=2\""));
    assert!(page.text().contains("1–100 of 130"));
    // Of one metric there is a choice too: what is judged is not all that there may be.
    assert!(
        page.text()
            .contains("href=\"/changes?metric=instructions&amp;q=b\"")
    );
    assert!(page.text().contains("of a metric that is judged"));
    // A table has no pages.
    let csv = c.get("/changes.csv").await;
    assert_eq!(csv.text().lines().count(), 131);
    let rest = c.get("/changes.csv?page=2").await;
    assert_eq!(rest.text().lines().count(), 31);
}

/// Points that nobody searched are no proof that nothing changed.
#[tokio::test]
async fn what_was_not_searched_yet_is_no_all_clear() {
    let site = Site::empty();
    let mut store = site.store();
    for position in 0..40 {
        store.put(&report(position, 2), &[]).unwrap();
    }
    let c = site.read_only().await;
    let today = c.get("/").await;
    for words in [
        "No regression is known yet",
        "2 series with new points are still to be searched",
        "--read-only",
    ] {
        assert!(today.text().contains(words), "{words}");
    }
    for wrong in ["No regression is open", "were searched"] {
        assert!(!today.text().contains(wrong), "{wrong}");
    }
    let open = json(&c, "/today.json").await;
    assert_eq!(
        (&open["unsearched"], &open["counts"]["new"]),
        (&2.into(), &0.into())
    );
    assert!(
        c.get("/today.md")
            .await
            .text()
            .contains("still to be searched")
    );
    collector::history::watch::search(&mut store, usize::MAX).unwrap();
    let c = site.read_only().await;
    let open = json(&c, "/today.json").await;
    assert_eq!(
        (&open["unsearched"], &open["counts"]["new"]),
        (&0.into(), &2.into())
    );
    assert!(!c.get("/").await.text().contains("still to be searched"));

    // Nobody need look at one of them yet.
    let id = store.open_events(1).unwrap()[0].reported.id.clone();
    let later = collector::store::Triage {
        events: vec![id],
        snooze: Some("9999-12-31".into()),
        ..collector::store::Triage::default()
    };
    store.decide(&later, "Mei", 1).unwrap();
    let c = site.read_only().await;
    let open = json(&c, "/today.json").await;
    let counts = &open["counts"];
    assert_eq!((&counts["new"], &counts["snoozed"]), (&1.into(), &1.into()));
    assert!(
        c.get("/today.md")
            .await
            .text()
            .contains("1 new and 0 acknowledged changes of single series, 1 more snoozed")
    );
}

fn report(position: u64, series: usize) -> Report {
    let value = if position < 20 { 1e6 } else { 1.2e6 };
    let measurements = (0..series)
        .map(|i| {
            Measurement::once(
                &format!("b{i:03}"),
                Metric::Instructions,
                Counter::Callgrind,
                value,
            )
        })
        .collect();
    Report {
        schema: Report::SCHEMA.into(),
        commit: Commit {
            sha: Sha(format!("{position:06x}{}", "a".repeat(34))),
            position,
            parents: vec![],
            author: "A".into(),
            time: 1_700_000_000 + i64::try_from(position).unwrap() * 86_400,
            subject: format!("commit {position}"),
        },
        testbed: Testbed::default(),
        build_key: position.to_string(),
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

/// A feed of what was asked for: for whoever reads it elsewhere, with identities that stay.
#[tokio::test]
async fn a_feed_has_what_was_asked_for_and_whole_addresses() {
    let site = Site::demo();
    let c = site.client().await;
    let page = c.get("/changes?state=settled&direction=regressed").await;
    let address = "/changes.atom?state=settled&amp;direction=regressed";
    assert!(page.text().contains(&format!("href=\"{address}\"")));
    let list = c
        .get("/changes.json?state=settled&direction=regressed")
        .await;
    let list: Value = serde_json::from_str(list.text()).unwrap();
    let changes = list["changes"].as_array().unwrap();
    let feed = c.get(&address.replace("&amp;", "&")).await;
    let own = format!("<link rel=\"self\" href=\"http://127.0.0.1:8787{address}\"/>");
    assert!(feed.text().contains(&own), "{}", feed.text());
    assert_eq!(feed.text().matches("<entry>").count(), changes.len());
    for e in changes {
        let id = format!(
            "<id>urn:uptick:event:{}</id>",
            e["event"]["id"].as_str().unwrap()
        );
        assert!(feed.text().contains(&id), "{id}: {}", feed.text());
    }
    for feed in [feed, c.get("/changes.atom").await] {
        let relative = feed.text().matches("href=\"/").count();
        assert!(
            feed.text().contains("<entry>") && relative == 0,
            "{}",
            feed.text()
        );
    }
    // All of them, and not just what is open.
    assert!(
        c.get("/changes")
            .await
            .text()
            .contains("href=\"/changes.atom?state=all\"")
    );
    let all = c.get("/changes.atom?state=all").await;
    assert!(
        all.text().contains(": noise</summary>") || all.text().contains(": fixed by</summary>")
    );
}
