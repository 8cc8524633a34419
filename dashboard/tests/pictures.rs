//! Flame graphs and charts without a script: each look at them has an address.

use crate::support::Site;

/// The functions of parse/large over the commit that regressed it.
fn functions(site: &Site) -> String {
    let (base, head) = site.around("Split Lexer");
    format!("{}/{base}..{head}", site.series("parse/large"))
}

#[tokio::test]
async fn a_search_of_a_flame_graph_needs_no_script() {
    let site = Site::demo();
    let c = site.client().await;
    let url = format!("/functions/{}", functions(&site));
    let plain = c.get(&url).await;
    assert!(plain.text().contains(&format!(
        "<form class=\"flametools\" action=\"{url}#flame\">"
    )));
    let found = c.get(&format!("{url}?focus=3&q=LEXER")).await;
    for part in [
        "4 functions with “LEXER”",
        "name=\"focus\" value=\"3\"",
        "class=\"u2 match\"",
        "Whole graph",
    ] {
        assert!(found.text().contains(part), "{part}");
    }
    let none = c.get(&format!("{url}?q=no+such")).await;
    assert!(none.text().contains("0 functions with “no such”"));
    let inverted = c.get(&format!("{url}?view=inverted")).await;
    assert!(
        inverted
            .text()
            .contains("aria-current=\"true\">from own cost up")
    );
    let nowhere = c.get(&format!("{url}?of=no+such")).await;
    assert!(
        nowhere
            .text()
            .contains("Neither profile has a function no such.")
    );
}

/// The same frames in the same places, by the same classes, what was removed among them.
#[tokio::test]
async fn the_flame_graph_that_is_downloaded_is_that_of_the_page() {
    let site = Site::demo();
    let c = site.client().await;
    let frames = |svg: &str| {
        let doc = roxmltree::Document::parse(svg).unwrap();
        let rects = doc.descendants().filter(|e| e.has_tag_name("rect"));
        let of = |e: roxmltree::Node<'_, '_>| {
            let number = |n: &str| e.attribute(n).unwrap().to_string();
            let class = e.parent().unwrap().attribute("class").unwrap();
            (class.to_string(), number("x"), number("width"))
        };
        rects.map(of).collect::<Vec<_>>()
    };
    for query in ["", "?focus=3&q=lexer", "?of=lexis::lex::Lexer::next"] {
        let page = c
            .get(&format!("/functions/{}{query}", functions(&site)))
            .await;
        let picture = page.text().split("<svg").find(|p| p.contains("flamegraph"));
        let picture = picture.unwrap().split("</svg>").next().unwrap();
        let alone = format!("/flame/{}.svg{query}", functions(&site));
        assert!(
            page.text()
                .contains(&format!("href=\"{}\"", alone.replace('&', "&amp;"))),
            "{alone}"
        );
        let alone = c.get(&alone).await;
        assert_eq!(alone.kind(), "image/svg+xml");
        let seen = frames(&format!("<svg{picture}</svg>"));
        assert!(seen.iter().any(|f| f.0.starts_with("removed")), "{seen:?}");
        assert_eq!(seen, frames(alone.text()), "{query}");
        assert!(!alone.text().contains("<script"));
    }
}

#[tokio::test]
async fn functions_link_to_their_lines_where_the_repository_is_read() {
    let site = Site::demo();
    let (base, head) = site.around("Split Lexer");
    let url = format!("/functions/{}", functions(&site));
    let without = site.client().await.get(&url).await;
    assert!(
        !without.text().contains("https://"),
        "no address is guessed"
    );
    let toml =
        "[repository]\nsource = \"https://git.example.org/lexis/blob/{commit}/{file}#L{line}\"";
    let c = site
        .served_with(|o| o.config = collector::config::Config::parse(toml).unwrap())
        .await;
    let page = c.get(&url).await;
    let store = site.store();
    let whole = |name: &str| store.commit(name).unwrap().unwrap().sha.0;
    // What was removed is to be read as it was.
    for (sha, place) in [
        (whole(&head), "src/lex.rs#L38"),
        (whole(&base), "src/lex.rs#L45"),
    ] {
        let link = format!("href=\"https://git.example.org/lexis/blob/{sha}/{place}\"");
        assert!(page.text().contains(&link), "{link}");
    }
    assert!(!page.text().contains("blob/{"), "{}", page.text());
}

/// The chart of a page.
fn chart(page: &str) -> String {
    let picture = page.split("<svg").find(|p| p.contains("class=\"chart\""));
    format!(
        "<svg{}</svg>",
        picture.unwrap().split("</svg>").next().unwrap()
    )
}

fn number(doc: &roxmltree::Document<'_>, name: &str) -> f64 {
    doc.root_element().attribute(name).unwrap().parse().unwrap()
}

/// The path of a class.
fn path<'a>(doc: &'a roxmltree::Document<'_>, class: &str) -> &'a str {
    let mut all = doc.descendants();
    let found = all.find(|e| e.attribute("class") == Some(class));
    found.unwrap().attribute("d").unwrap()
}

#[tokio::test]
async fn a_chart_has_an_axis_of_dates_and_one_from_zero_without_a_script() {
    let site = Site::demo();
    let c = site.client().await;
    let url = format!("/series/{}", site.series("io/replay"));
    let plain = c.get(&url).await;
    for link in ["?x=date", "?y=zero"] {
        assert!(
            plain.text().contains(&format!("href=\"{url}{link}\"")),
            "{link}"
        );
    }
    let page = c.get(&format!("{url}?x=date&y=zero")).await;
    let svg = chart(page.text());
    let doc = roxmltree::Document::parse(&svg).unwrap();
    assert_eq!(doc.root_element().attribute("data-by"), Some("date"));
    // From the day of the first commit that is drawn to that of the last, and a little air.
    let all = site.store().times_between(0, u64::MAX).unwrap();
    let days: Vec<f64> = all.iter().map(|(_, t)| *t as f64 / 86_400.0).collect();
    let span = days[days.len() - 1] - days[0];
    let (from, to) = (number(&doc, "data-from"), number(&doc, "data-to"));
    assert!(
        (days[0] - from - 0.01 * span).abs() < 0.02 * span,
        "{from} {}",
        days[0]
    );
    assert!(
        (to - days[days.len() - 1] - 0.01 * span).abs() < 0.02 * span,
        "{to}"
    );
    let labels: Vec<&str> = doc
        .descendants()
        .filter(|e| e.has_tag_name("text"))
        .filter_map(|e| e.text())
        .collect();
    assert!(labels.contains(&"0"), "{labels:?}");
    assert!(!chart(plain.text()).contains(">0</text>"));
    // The drift is straight by commit, and bends by date.
    let bends = |page: &str| {
        let svg = chart(page);
        let doc = roxmltree::Document::parse(&svg).unwrap();
        path(&doc, "level").matches(['l', 'h', 'v']).count()
    };
    assert!(bends(page.text()) > 5, "{}", bends(page.text()));
    assert!(page.text().contains("dashed: the drift") || page.text().contains("Dashed: the drift"));
    for form in ["svg", "csv", "json"] {
        let link = format!("href=\"{url}.{form}?x=date&amp;y=zero\"");
        assert!(page.text().contains(&link), "{link}");
    }
    let alone = c.get(&format!("{url}.svg?x=date&y=zero")).await;
    assert!(roxmltree::Document::parse(alone.text()).is_ok());
}

/// Commits that were not measured interrupt the line, each time.
#[tokio::test]
async fn a_chart_never_bridges_commits_that_were_not_measured() {
    let site = Site::demo();
    let c = site.client().await;
    let url = format!("/series/{}", site.series("parse/large"));
    let document: serde_json::Value =
        serde_json::from_str(c.get(&format!("{url}.json")).await.text()).unwrap();
    let places: Vec<u64> = document["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["position"].as_u64().unwrap())
        .collect();
    let gaps = places.windows(2).filter(|w| w[1] - w[0] > 1).count();
    assert!(gaps > 5, "the demo leaves commits out");
    for query in ["", "?x=date"] {
        let svg = chart(c.get(&format!("{url}{query}")).await.text());
        let doc = roxmltree::Document::parse(&svg).unwrap();
        assert_eq!(path(&doc, "line").matches('M').count(), gaps + 1, "{query}");
    }
    // Near enough each is an area that says what it is.
    let last = places[places.len() - 1];
    let near = c.get(&format!("{url}?from={}&to={last}", last - 40)).await;
    assert!(near.text().contains("1 commit not measured</title>"));
}

/// Shorter and longer stretches and those beside are links, on the axes that were chosen.
#[tokio::test]
async fn stretches_of_a_chart_are_a_click_away() {
    let site = Site::demo();
    let c = site.client().await;
    let url = format!("/series/{}", site.series("parse/large"));
    let page = c.get(&format!("{url}?from=150&to=190&y=zero")).await;
    for (word, query) in [
        ("← earlier", "from=130&amp;to=170&amp;y=zero"),
        ("later →", "from=170&amp;to=210&amp;y=zero"),
        ("closer", "from=160&amp;to=180&amp;y=zero"),
        ("wider", "from=130&amp;to=210&amp;y=zero"),
        ("Show all", "y=zero"),
    ] {
        let link = format!("href=\"{url}?{query}\">{word}</a>");
        assert!(page.text().contains(&link), "{link}");
    }
}
