//! Today where much is open: the worst first, a page that a browser draws at once, and the rest
//! behind links.

use axum::http::{Method, header};
use collector::config::Config;
use collector::store::Triage;
use serde_json::Value;
use uptick_dashboard::demo::{self, Size};

use crate::support::{Answer, Client, NOW, Site};

/// Open groups of the site.
const GROUPS: usize = 200;

/// A site where so many commits made a benchmark regress.
fn busy() -> Site {
    let site = Site::empty();
    let size = Size {
        commits: 420,
        more_benchmarks: GROUPS + 5,
        regressed: GROUPS,
        plain: true,
        now: NOW,
    };
    demo::fill(&mut site.store(), size, &mut |_, _| {}).unwrap();
    site
}

async fn gzip(c: &Client, url: &str) -> usize {
    let asked = [(header::ACCEPT_ENCODING, "gzip")];
    let answer = c.send(Method::GET, url, &asked, b"").await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    answer.bytes.len()
}

fn nodes(page: &Answer) -> usize {
    let text = page.text();
    text.matches('<').count() - text.matches("</").count()
}

/// The address that a link of a page has.
fn link(page: &str, rel: &str) -> Option<String> {
    let (_, link) = page.split_once(&format!("rel=\"{rel}\" href=\""))?;
    Some(link.split('"').next()?.replace("&amp;", "&"))
}

/// The size of each change for the worse that a document has, in its order.
fn worst(document: &Value) -> Vec<f64> {
    let groups = document["groups"].as_array().unwrap().iter();
    let change = |g: &Value| {
        g["changes"][0]["event"]["change"]["change"]
            .as_f64()
            .unwrap()
    };
    // What a testbed did stands behind.
    let of_code = groups.filter(|g| g["environment"] == false);
    of_code.map(change).filter(|c| *c > 0.0).collect()
}

#[tokio::test]
async fn two_hundred_open_groups_are_pages_of_the_worst_first() {
    let site = busy();
    let c = site.client().await;
    let document = c.get("/today.json").await;
    let document: Value = serde_json::from_str(document.text()).unwrap();
    let total = document["groups"].as_array().unwrap().len();
    assert!(total >= GROUPS, "{total}");
    let sizes = worst(&document);
    assert!(sizes.len() >= GROUPS - 9, "{} of them", sizes.len());
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    let markdown = c.get("/today.md").await;
    assert_eq!(markdown.text().matches("\n## ").count(), total);
    let (mut url, mut seen) = (Some("/".to_string()), 0);
    let mut pages = 0;
    while let Some(at) = url {
        let page = c.get(&at).await;
        let (nodes, bytes) = (nodes(&page), gzip(&c, &at).await);
        assert!(
            nodes <= 1_500 && bytes <= 25_000,
            "{at}: {nodes} elements, {bytes} bytes"
        );
        if pages == 0 {
            let worst = format!("{:+.2}\u{a0}%", 100.0 * sizes[0]);
            assert!(
                page.text().contains(&format!("worst {worst}")),
                "{}",
                page.text()
            );
        }
        // However old a step is, the line beside it shows it.
        let lines = page.text().split("<svg class=\"spark\"").skip(1);
        for line in lines.filter_map(|l| l.split(" d=\"").nth(1)) {
            let line = line.split('"').next().unwrap();
            let heights = line.split(['M', 'L']).filter_map(|p| p.split(' ').nth(1));
            let heights: std::collections::BTreeSet<&str> = heights.collect();
            assert!(heights.len() > 1, "{at}: {line}");
        }
        seen += page.text().matches("<article").count();
        let more = format!("{} groups more", total - seen);
        assert_eq!(
            page.text().contains(&more),
            seen < total - 1,
            "{at}: {more}"
        );
        url = link(page.text(), "next");
        pages += 1;
    }
    assert_eq!(seen, total);
    // Whoever keeps an address beyond the last page sees the last one.
    let beyond = c.get("/?page=900").await;
    assert!(beyond.text().contains("<article") && link(beyond.text(), "prev").is_some());
}

#[tokio::test]
async fn a_page_of_one_persons_leads_to_the_next_of_theirs() {
    let site = busy();
    let config = Config::parse("[owners]\n\"load/**\" = \"ada\"\n").unwrap();
    let c = site.served_with(|o| o.config = config).await;
    let page = c.get("/?owner=ada").await;
    assert_eq!(
        link(page.text(), "next").as_deref(),
        Some("/?owner=ada&page=2")
    );
    let second = c.get("/?owner=ada&page=2").await;
    assert_eq!(link(second.text(), "prev").as_deref(), Some("/?owner=ada"));
}

#[tokio::test]
async fn each_row_says_whose_it_is() {
    let site = Site::demo();
    let took = Triage {
        events: vec![site.open_event()],
        assignee: Some("Grace".into()),
        ..Triage::default()
    };
    site.store().decide(&took, "ada", 1).unwrap();
    let config = Config::parse("[owners]\n\"**\" = \"front-end\"\n").unwrap();
    let c = site.served_with(|o| o.config = config).await;
    let page = c.get("/").await;
    for whose in ["instructions, owner front-end", "instructions, @Grace"] {
        assert!(page.text().contains(whose), "{whose}: {}", page.text());
    }
    let document = c.get("/today.json").await;
    let document: Value = serde_json::from_str(document.text()).unwrap();
    let groups = document["groups"].as_array().unwrap().iter();
    let changes = groups.flat_map(|g| g["changes"].as_array().unwrap());
    let carers: Vec<&str> = changes.map(|c| c["carer"].as_str().unwrap()).collect();
    assert!(
        carers.contains(&"Grace") && carers.contains(&"front-end"),
        "{carers:?}"
    );
    assert!(
        c.get("/today.csv")
            .await
            .text()
            .contains(",regressed,Grace")
    );
    assert!(c.get("/today.md").await.text().contains("| front-end |"));
}

/// The worst of what is new is named first, not the worst of all; and a group says every state of
/// its changes.
#[tokio::test]
async fn what_somebody_works_on_is_not_called_new() {
    let site = Site::demo();
    let c = site.client().await;
    let groups = |d: &Answer| -> Vec<Value> {
        let d: Value = serde_json::from_str(d.text()).unwrap();
        d["groups"].as_array().unwrap().clone()
    };
    let all = groups(&c.get("/today.json").await);
    let size = |g: &Value| {
        g["changes"][0]["event"]["change"]["change"]
            .as_f64()
            .unwrap()
    };
    let words = |g: &Value| format!("worst {:+.2}\u{a0}%", 100.0 * size(g));
    assert!(c.get("/").await.text().contains(&words(&all[0])));
    let ids = |g: &Value| -> Vec<String> {
        let changes = g["changes"].as_array().unwrap().iter();
        changes
            .map(|e| e["event"]["id"].as_str().unwrap().into())
            .collect()
    };
    let acknowledge = |events: Vec<String>| {
        let state = Triage::state_of("acknowledged");
        let what = Triage {
            events,
            state,
            ..Triage::default()
        };
        site.store().decide(&what, "ada", 1).unwrap();
    };
    acknowledge(ids(&all[0]));
    let page = c.get("/").await;
    assert!(page.text().contains(&words(&all[1])), "{}", page.text());
    assert!(!page.text().contains(&words(&all[0])), "{}", page.text());
    // One of two.
    acknowledge(ids(&all[1])[..1].to_vec());
    let n = ids(&all[1]).len() - 1;
    let page = c.get("/").await;
    for state in ["1 acknowledged".to_string(), format!("{n} new")] {
        assert!(
            page.text().contains(&format!("\">{state}</span>")),
            "{state}"
        );
    }
}
