//! The router as a client sees it: every page in every form, tokens on every route, hostile
//! input, the cache, the store that goes away.
use crate::support::{self, Client, Site};
use axum::http::{Method, StatusCode, header};
use collector::store::Scope;
use uptick_dashboard::ROUTES;

/// Every address that the demo's pages link to, found by following links.
async fn crawl(c: &Client, limit: usize) -> Vec<(String, support::Answer)> {
    let (mut todo, mut seen) = (vec!["/".to_string()], std::collections::BTreeSet::new());
    let mut out = Vec::new();
    while let Some(url) = todo.pop() {
        if out.len() >= limit || !seen.insert(url.clone()) {
            continue;
        }
        let answer = c.get(&url).await;
        if answer.kind().starts_with("text/html") {
            for part in answer.text().split("href=\"").skip(1) {
                let link = part.split('"').next().unwrap().replace("&amp;", "&");
                let link = link.split('#').next().unwrap().to_string();
                if link.starts_with('/') && !seen.contains(&link) {
                    todo.insert(0, link);
                }
            }
        }
        out.push((url, answer));
    }
    out
}

#[tokio::test]
async fn every_link_leads_somewhere_and_carries_the_policy() {
    let site = Site::demo();
    let c = site.client().await;
    let pages = crawl(&c, 700).await;
    assert!(pages.len() > 300, "only {} pages", pages.len());
    let mut kinds = std::collections::BTreeSet::new();
    for (url, a) in &pages {
        assert!(
            a.status.is_success() || a.status == StatusCode::FOUND,
            "{url}: {} {}",
            a.status,
            a.text()
        );
        assert_eq!(a.header("x-content-type-options"), "nosniff", "{url}");
        assert!(
            a.header("content-security-policy")
                .contains("default-src 'none'"),
            "{url}"
        );
        kinds.insert(a.kind().to_string());
        hold(url, a);
    }
    for kind in [
        "text/html",
        "application/json",
        "text/csv",
        "text/markdown",
        "image/svg+xml",
        "application/atom+xml",
    ] {
        assert!(
            kinds.iter().any(|k| k.starts_with(kind)),
            "no {kind} among {kinds:?}"
        );
    }
}

/// What must hold of every answer.
fn hold(url: &str, a: &support::Answer) {
    let text = a.text();
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    match a.kind().split(';').next().unwrap() {
        "image/svg+xml" | "application/atom+xml" => {
            let doc = roxmltree::Document::parse_with_options(text, options);
            assert!(doc.is_ok(), "{url}: {:?}", doc.err());
        }
        "application/json" => {
            serde_json::from_str::<serde_json::Value>(text)
                .unwrap_or_else(|e| panic!("{url}: {e}"));
        }
        "text/csv" => {
            for line in text.lines() {
                assert!(!line.starts_with(['=', '+', '@']), "{url}: {line}");
                assert!(
                    !line.contains(",=") && !line.contains(",@"),
                    "{url}: {line}"
                );
            }
        }
        "text/html" => html(url, text),
        _ => {}
    }
}

fn html(url: &str, text: &str) {
    assert!(
        !text.contains("<script>"),
        "{url}: a name became an element"
    );
    assert!(
        !text.contains("onload=alert(1)>"),
        "{url}: a name became an element"
    );
    assert!(
        !text.contains(" style=\"") && !text.contains(" onclick="),
        "{url}: inline style or handler"
    );
    assert!(
        !text.contains(['\u{1b}', '\u{202e}', '\0']),
        "{url}: a control character"
    );
    let nodes = text.matches('<').count() - text.matches("</").count();
    assert!(nodes <= 3_000, "{url}: {nodes} elements");
    for svg in text.split("<svg").skip(1) {
        let svg = format!("<svg{}</svg>", svg.split("</svg>").next().unwrap());
        let doc = roxmltree::Document::parse(&svg);
        assert!(doc.is_ok(), "{url}: {:?}\n{svg}", doc.err());
    }
}

/// What a first visit of each page costs on the wire, script and sheet included.
#[tokio::test]
async fn pages_stay_within_their_bytes() {
    let site = Site::demo();
    let c = site.client().await;
    let series = site.series("parse/large");
    let (base, head) = site.around("Split Lexer");
    let packed = |url: String| {
        let c = c.clone();
        async move { c.packed(&url).await.bytes.len() }
    };
    let sheet = c.asset("css").await;
    let script = c.asset("js").await;
    assert!(script.1 <= 25_000, "script: {} bytes as written", script.1);
    assert!(sheet.0 <= 10_000, "sheet: {} bytes packed", sheet.0);
    for (url, budget) in [
        ("/".to_string(), 25_000),
        ("/health".to_string(), 30_000),
        (format!("/series/{series}"), 12_000),
        (format!("/compare/{base}..{head}"), 20_000),
        (format!("/functions/{series}/{base}..{head}"), 120_000),
        (format!("/commit/{head}"), 20_000),
    ] {
        let n = packed(url.clone()).await;
        assert!(n <= budget, "{url}: {n} bytes packed");
        assert!(
            n + sheet.0 + script.0 <= 60_000,
            "{url}: first visit {}",
            n + sheet.0 + script.0
        );
    }
}

#[tokio::test]
async fn a_known_page_is_not_sent_again_and_a_cold_one_is_made_once() {
    let site = Site::demo();
    let c = site.client().await;
    let before = c.metric("uptick_pages_made_total").await;
    let all = (0..200).map(|_| {
        let c = c.clone();
        tokio::spawn(async move { c.get("/health").await.status })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(c.metric("uptick_pages_made_total").await - before, 1);
    let first = c.get("/health").await;
    let etag = first.header("etag").to_string();
    let again = c
        .send(
            Method::GET,
            "/health",
            &[(header::IF_NONE_MATCH, &etag)],
            b"",
        )
        .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.bytes.is_empty());
}

/// Generated from the router: a route that is not in the table does not exist, and each is tried
/// with every token.
#[tokio::test]
async fn tokens_open_what_their_scope_says() {
    let site = Site::demo();
    let tokens = site.tokens();
    let c = site.remote().await;
    for route in ROUTES {
        let url = site.example(route.path);
        for (name, scope, token) in &tokens {
            let bearer = format!("Bearer {token}");
            let headers = if token.is_empty() {
                vec![]
            } else {
                vec![(header::AUTHORIZATION, bearer.as_str())]
            };
            let method = Method::from_bytes(route.method.as_bytes()).unwrap();
            let status = c.send(method, &url, &headers, b"").await.status;
            let refused = matches!(
                status,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
            );
            let open = match route.scope {
                None => true,
                Some(needed) => scope.is_some_and(|s| s.allows(needed)),
            };
            assert_eq!(
                refused, !open,
                "{} {} with {name}: {status}",
                route.method, route.path
            );
        }
    }
}

#[tokio::test]
async fn a_public_dashboard_is_read_by_all_and_written_by_none() {
    let site = Site::demo();
    let c = site.public().await;
    assert_eq!(c.get("/").await.status, StatusCode::OK);
    let posted = c
        .send(Method::POST, "/triage", &[], b"event=1&state=noise")
        .await;
    assert_eq!(posted.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        c.get("/api/v1/tokens").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn guessing_tokens_is_slowed_down() {
    let site = Site::demo();
    let c = site.remote().await;
    let wrong = [(header::AUTHORIZATION, "Bearer upt_wrong")];
    let mut last = StatusCode::OK;
    for _ in 0..40 {
        last = c.send(Method::GET, "/", &wrong, b"").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn revoked_tokens_end_within_a_second() {
    let site = Site::demo();
    let c = site.remote().await;
    let (id, token) = site.mint(Scope::Read);
    let bearer = format!("Bearer {token}");
    let shown = [(header::AUTHORIZATION, bearer.as_str())];
    assert_eq!(
        c.send(Method::GET, "/", &shown, b"").await.status,
        StatusCode::OK
    );
    site.store().revoke_token(id, 1).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(
        c.send(Method::GET, "/", &shown, b"").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn other_sites_change_nothing() {
    let site = Site::demo();
    let c = site.client().await;
    let event = site.open_event();
    let form = format!("event={event}&state=noise");
    let site_header = axum::http::HeaderName::from_static("sec-fetch-site");
    for (headers, wanted) in [
        (
            vec![(site_header.clone(), "cross-site")],
            StatusCode::FORBIDDEN,
        ),
        (
            vec![(site_header.clone(), "same-site")],
            StatusCode::FORBIDDEN,
        ),
        (
            vec![(header::ORIGIN, "https://evil.example")],
            StatusCode::FORBIDDEN,
        ),
        (
            vec![(header::HOST, "evil.example")],
            StatusCode::MISDIRECTED_REQUEST,
        ),
        (
            vec![(site_header.clone(), "same-origin")],
            StatusCode::SEE_OTHER,
        ),
    ] {
        let before = site.state_of(&event);
        let answer = c
            .send(Method::POST, "/triage", &headers, form.as_bytes())
            .await;
        assert_eq!(answer.status, wanted, "{headers:?}");
        if wanted != StatusCode::SEE_OTHER {
            assert_eq!(site.state_of(&event), before);
        }
    }
    assert_eq!(site.state_of(&event), "noise");
    // Reading never changes anything, whatever the address says.
    c.get(&format!("/triage?event={event}&state=new")).await;
    assert_eq!(site.state_of(&event), "noise");
}

#[tokio::test]
async fn decisions_show_at_once_and_can_be_undone() {
    let site = Site::demo();
    let c = site.client().await;
    let event = site.open_event();
    let before = c.get("/today.json").await;
    let form =
        format!("event={event}&state=fixed_by&fixed=abcd&note=mended&link=https://example.com/1");
    let posted = c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    assert_eq!(
        (posted.status, posted.header("location")),
        (StatusCode::SEE_OTHER, "/")
    );
    let after = c.get("/today.json").await;
    assert_ne!(
        before.text(),
        after.text(),
        "the page of before must not be given"
    );
    let log: serde_json::Value = serde_json::from_str(c.get("/log.json").await.text()).unwrap();
    let line = &log["decisions"][0];
    assert_eq!(
        (line["after"].as_str(), line["note"].as_str()),
        (Some("fixed_by"), Some("mended"))
    );
    let undo = format!("batch={}", line["batch"]);
    c.send(Method::POST, "/triage/undo", &[], undo.as_bytes())
        .await;
    assert_eq!(site.state_of(&event), "new");
    // Twice is once.
    c.send(Method::POST, "/triage/undo", &[], undo.as_bytes())
        .await;
    let log: serde_json::Value = serde_json::from_str(c.get("/log.json").await.text()).unwrap();
    assert_eq!(log["decisions"][0]["undoes"], line["batch"]);
    assert_ne!(log["decisions"][1]["undoes"], line["batch"]);
    for bad in [
        "",
        "event=x&state=new",
        "event=1&state=won",
        "event=1&link=javascript:alert(1)",
        "state=new",
    ] {
        let status = c
            .send(Method::POST, "/triage", &[], bad.as_bytes())
            .await
            .status;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

/// Groups of Today, each as its benchmarks in order.
async fn groups(c: &Client) -> Vec<Vec<String>> {
    let today: serde_json::Value = serde_json::from_str(c.get("/today.json").await.text()).unwrap();
    let mut all: Vec<Vec<String>> = today["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| {
            let mut names: Vec<String> = g["changes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| format!("{} {}", e["event"]["id"].as_str().unwrap(), e["benchmark"]))
                .collect();
            names.sort();
            names
        })
        .collect();
    all.sort();
    all
}

fn ids(group: &[String]) -> String {
    let ids: Vec<&str> = group.iter().map(|n| n.split(' ').next().unwrap()).collect();
    ids.join(",")
}

#[tokio::test]
async fn groups_are_merged_and_split_and_travel_with_an_export() {
    let site = Site::demo();
    let c = site.client().await;
    let before = groups(&c).await;
    let post = async |body: String| {
        c.send(Method::POST, "/triage", &[], body.as_bytes())
            .await
            .status
    };
    let both = format!(
        "event={}&event={}&group=merge",
        ids(&before[0]),
        ids(&before[1])
    );
    assert_eq!(post(both).await, StatusCode::SEE_OTHER);
    let merged = groups(&c).await;
    assert_eq!(merged.len(), before.len() - 1);
    let together: Vec<String> = {
        let mut all = [before[0].clone(), before[1].clone()].concat();
        all.sort();
        all
    };
    assert!(merged.contains(&together), "{merged:?}");
    // One of them leaves.
    let one = format!("event={}&group=split", ids(&together[..1]));
    assert_eq!(post(one).await, StatusCode::SEE_OTHER);
    let split = groups(&c).await;
    assert!(split.contains(&together[..1].to_vec()), "{split:?}");
    assert!(split.contains(&together[1..].to_vec()), "{split:?}");
    // A state set meanwhile stays when the group is taken back.
    let state = format!("event={}&state=acknowledged", ids(&together[1..2]));
    assert_eq!(post(state).await, StatusCode::SEE_OTHER);
    elsewhere_too(&site, &split).await;
    let log: serde_json::Value = serde_json::from_str(c.get("/log.json").await.text()).unwrap();
    let batches: std::collections::BTreeSet<i64> = log["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["regroups"] == true)
        .map(|d| d["batch"].as_i64().unwrap())
        .collect();
    for batch in batches.into_iter().rev() {
        let undo = format!("batch={batch}");
        c.send(Method::POST, "/triage/undo", &[], undo.as_bytes())
            .await;
    }
    assert_eq!(groups(&c).await, before);
    assert_eq!(site.state_of(&ids(&together[1..2])), "acknowledged");
    for bad in [
        format!("event={}&group=merge", ids(&before[0][..1])),
        "event=1&group=glue".into(),
        "group=merge".into(),
    ] {
        assert_eq!(post(bad.clone()).await, StatusCode::BAD_REQUEST, "{bad}");
    }
}

/// The same groups in a store that imported what this one exports.
async fn elsewhere_too(site: &Site, wanted: &[Vec<String>]) {
    let mut exported = Vec::new();
    site.store().export(&mut exported).unwrap();
    let other = Site::empty();
    let mut store = other.store();
    store.import(&mut exported.as_slice()).unwrap();
    while collector::history::watch::search(&mut store, 512).unwrap() == 512 {}
    drop(store);
    let names = |all: &[Vec<String>]| {
        let name = |n: &String| n.split_once(' ').unwrap().1.to_string();
        let mut out: Vec<Vec<String>> = all.iter().map(|g| g.iter().map(name).collect()).collect();
        out.iter_mut().for_each(|g| g.sort());
        out.sort();
        out
    };
    let c = other.client().await;
    assert_eq!(names(&groups(&c).await), names(wanted));
}

/// The proof that is handed on: two reports by their hashes, whatever is measured later.
#[tokio::test]
async fn a_permalink_shows_the_same_when_the_commit_is_measured_again() {
    let site = Site::demo();
    let c = site.client().await;
    let (base, head) = site.around("Split Lexer");
    let compare = format!("/compare/{base}..{head}");
    let page = c.get(&compare).await;
    let link = page
        .text()
        .split('"')
        .find(|p| p.starts_with("/compare/") && p.len() > 130)
        .unwrap()
        .to_string();
    let before = c.get(&format!("{link}.json")).await;
    assert_eq!(before.status, StatusCode::OK);
    assert!(
        c.get(&link)
            .await
            .text()
            .contains("whatever is measured later")
    );
    site.put_again(&head, 2.0);
    let c = site.client().await;
    let now = c.get(&format!("{compare}.json")).await;
    assert!(now.text().contains("\"change\":1.0"), "{}", now.text());
    assert_eq!(c.get(&format!("{link}.json")).await.text(), before.text());
    let nowhere = format!("/compare/{}..{}", "0".repeat(64), "1".repeat(64));
    assert_eq!(c.get(&nowhere).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn commits_of_a_range_are_listed() {
    let site = Site::demo();
    let c = site.client().await;
    let all: serde_json::Value =
        serde_json::from_str(c.get("/commits.json?from=100&before=111").await.text()).unwrap();
    let positions: Vec<u64> = all["commits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["position"].as_u64().unwrap())
        .collect();
    assert_eq!(positions.first(), Some(&110));
    assert!(
        positions.iter().all(|p| (100..=110).contains(p)),
        "{positions:?}"
    );
    let none = c.get("/commits?from=9&before=3").await;
    assert!(none.text().contains("in this range"));
}

/// What cannot be written is said to be so; pages go on, and nothing is half done.
#[tokio::test]
async fn a_store_that_refuses_writes_while_serving_is_said() {
    let site = Site::demo();
    let running = site.client().await;
    site.refuse_writes();
    let event = site.open_event();
    let form = format!("event={event}&state=noise");
    let answer = running
        .send(Method::POST, "/triage", &[], form.as_bytes())
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer
            .text()
            .contains("The store cannot be read or written"),
        "{}",
        answer.text()
    );
    assert_eq!(running.get("/").await.status, StatusCode::OK);
    assert_eq!(site.state_of(&event), "new");
    let report = running
        .send(Method::POST, "/api/v1/reports", &[], &site.new_report())
        .await;
    assert_eq!(report.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn odd_addresses_get_a_page_that_says_so() {
    let site = Site::demo();
    let c = site.client().await;
    let long = format!("/health?q={}", "x".repeat(40_000));
    for (url, wanted) in [
        ("/series/0000000000000000", 404),
        ("/series/..%2f..%2fetc%2fpasswd", 404),
        ("/:key", 404),
        ("/assets/..%2fapp.rs", 404),
        ("/commit/ffffffff", 404),
        ("/commit/zz", 404),
        ("/compare/abcd", 404),
        ("/compare/0000..ffff", 404),
        ("/series?benchmark=nobody", 302),
        ("/api/v1/series/nobody", 404),
        ("/health?page=0", 400),
        ("/health?page=18446744073709551616", 400),
        ("/health?metric=furlongs", 400),
        ("/changes?metric=furlongs", 400),
        ("/health?page=9999", 200),
        ("/health?q=%00%ff%3Cscript%3E", 200),
        ("/commits?before=0", 200),
        (long.as_str(), 414),
        ("/nowhere", 404),
        ("/a/b/c/d", 404),
        ("/today.exe", 404),
        ("/health.svg", 404),
    ] {
        let a = c.get(url).await;
        let short: String = url.chars().take(60).collect();
        assert_eq!(a.status.as_u16(), wanted, "{short}");
        if wanted >= 400 {
            assert!(!a.text().trim().is_empty(), "{short}: an empty page");
        }
        hold(&short, &a);
    }
    let id = site.series("parse/large");
    for query in [
        "from=9&to=3",
        "from=-1",
        "from=x",
        "to=99999999999999999999",
    ] {
        assert_eq!(
            c.get(&format!("/series/{id}?{query}")).await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
    let empty = c.get(&format!("/series/{id}?from=1&to=2")).await;
    assert_eq!(empty.status, StatusCode::OK);
    assert_eq!(
        c.send(Method::PUT, "/", &[], b"").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn reports_are_taken_once_and_show() {
    let site = Site::demo();
    let c = site.client().await;
    let body = site.new_report();
    let posted = c.send(Method::POST, "/api/v1/reports", &[], &body).await;
    assert_eq!(posted.status, StatusCode::CREATED, "{}", posted.text());
    let again = c.send(Method::POST, "/api/v1/reports", &[], &body).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(
        c.get("/commits")
            .await
            .text()
            .contains("A report from afar")
    );
    let packed = zstd::bulk::compress(&body, 3).unwrap();
    let zstd = c
        .send(
            Method::POST,
            "/api/v1/reports",
            &[(header::CONTENT_ENCODING, "zstd")],
            &packed,
        )
        .await;
    assert_eq!(zstd.status, StatusCode::OK);
    for bad in [&b""[..], b"{}", b"null", b"[[[[[[", &body[..body.len() / 2]] {
        let refused = c.send(Method::POST, "/api/v1/reports", &[], bad).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            refused.text().contains("line 1 column "),
            "{}",
            refused.text()
        );
    }
    let bomb = zstd::bulk::compress(&vec![b' '; 80 << 20], 19).unwrap();
    let refused = c
        .send(
            Method::POST,
            "/api/v1/reports",
            &[(header::CONTENT_ENCODING, "zstd")],
            &bomb,
        )
        .await
        .status;
    assert!(
        refused == StatusCode::PAYLOAD_TOO_LARGE || refused == StatusCode::BAD_REQUEST,
        "{refused}"
    );
    let deep = "[".repeat(100_000);
    assert_eq!(
        c.send(Method::POST, "/api/v1/reports", &[], deep.as_bytes())
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_store_that_goes_away_is_said_and_comes_back() {
    let site = Site::demo();
    let running = site.serve().await;
    assert_eq!(running.status("/healthz").await, 200);
    let aside = site.path.with_extension("aside");
    std::fs::rename(&site.path, &aside).unwrap();
    running.until("/healthz", 503).await;
    // A page that nobody asked for before cannot be made now.
    assert_eq!(running.status("/commits?before=3").await, 503);
    std::fs::rename(&aside, &site.path).unwrap();
    running.until("/healthz", 200).await;
    assert_eq!(running.status("/commits?before=3").await, 200);
    running.stop().await;
}

#[tokio::test]
async fn what_another_process_stores_shows_without_a_restart() {
    let site = Site::demo();
    let running = site.serve().await;
    let before = running.body("/commits").await;
    site.put_elsewhere();
    running
        .until_body("/commits", |now| {
            now != before && now.contains("A report from afar")
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn an_empty_store_says_why_it_is_empty() {
    let site = Site::empty();
    let c = site.client().await;
    for url in ["/", "/health", "/commits", "/log"] {
        let a = c.get(url).await;
        assert_eq!(a.status, StatusCode::OK, "{url}");
        assert!(
            a.text().contains("class=\"empty\""),
            "{url}: no empty state"
        );
    }
    assert!(c.get("/").await.text().contains("uptick run"));
}

/// The six jobs without a script: each page links to the next, three clicks at most.
#[tokio::test]
async fn every_job_is_done_without_a_script() {
    let site = Site::demo();
    let c = site.client().await;
    let (base, head) = site.around("Split Lexer");
    let today = c.get("/").await;
    let compare = format!("/compare/{base}..{head}");
    assert!(
        today.text().contains(&format!("href=\"{compare}\"")),
        "a: the comparison is a click away"
    );
    let compared = c.get(&compare).await;
    assert!(
        compared.text().contains("Regression: 4 of 40 benchmarks"),
        "a: the verdict"
    );
    let series = format!("/series/{}", site.series("parse/large"));
    assert!(
        today.text().contains(&series),
        "b: the series is a click away"
    );
    let history = c.get(&series).await;
    assert!(
        history.text().contains("Split Lexer::next") && history.text().contains("<svg"),
        "b: when and who"
    );
    let functions = format!("/functions/{}/{base}..{head}", site.series("parse/large"));
    assert!(
        compared.text().contains(&functions),
        "c: the functions are two clicks away"
    );
    let named = c.get(&functions).await;
    let (table, picture) = (
        named.text().find("Lexer::next"),
        named.text().find("flamegraph"),
    );
    assert!(
        table.is_some() && table < picture,
        "c: the table comes before the picture"
    );
    assert!(named.text().contains("?focus="), "c: frames are links");
    assert!(
        c.get("/health?order=noise")
            .await
            .text()
            .contains("io/watch"),
        "d"
    );
    assert!(
        today.text().contains("action=\"/triage\""),
        "e: triage is a form"
    );
    let proof = c.get(&format!("{compare}.md")).await;
    assert!(
        proof.text().contains("regressed"),
        "f: the proof as Markdown"
    );
}

#[tokio::test]
async fn an_endless_address_and_a_slow_one_hurt_nobody() {
    let site = Site::demo();
    let running = site.serve().await;
    running
        .shout(&format!(
            "GET /health?q={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "x".repeat(10 << 20)
        ))
        .await;
    running.shout("GET / HTTP/1.1\r\nHost: local").await;
    running.shout("\0\0\0\r\n\r\n").await;
    assert_eq!(running.status("/healthz").await, 200);
    running.stop().await;
}

/// A decision is refused, not lost, while the store cannot be written.
#[tokio::test]
async fn a_store_served_for_reading_only_says_so() {
    let site = Site::demo();
    let c = site.read_only().await;
    let event = site.open_event();
    assert_eq!(c.get("/").await.status, StatusCode::OK);
    let form = format!("event={event}&state=noise");
    let answer = c.send(Method::POST, "/triage", &[], form.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text().contains("for reading only"));
    assert_eq!(site.state_of(&event), "new");
}

#[tokio::test]
async fn a_damaged_profile_is_said_and_nothing_else_suffers() {
    let site = Site::demo();
    let (base, head) = site.around("Split Lexer");
    site.damage_profiles();
    let c = site.client().await;
    let url = format!("/functions/{}/{base}..{head}", site.series("parse/large"));
    let answer = c.get(&url).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("uptick verify"), "{}", answer.text());
    assert_eq!(c.get("/").await.status, StatusCode::OK);
}
