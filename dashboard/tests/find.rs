//! Finding things: one field for whatever has a name, a form for comparisons, a way on from
//! every dead end, and signing in that leads back.

use axum::http::{Method, StatusCode, header};
use collector::config::Config;
use collector::store::{Scope, Triage};
use serde_json::Value;

use crate::support::{Client, Site};

async fn found(c: &Client, q: &str) -> (Vec<String>, Vec<String>) {
    let answer = c.get(&format!("/search.json?q={q}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{q}");
    let d: Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(d["schema"], "uptick.search/1");
    let texts = |list: &str, field: Option<&str>| -> Vec<String> {
        let of = |v: &Value| field.map_or(v.clone(), |f| v[f].clone());
        let all = d[list].as_array().unwrap().iter();
        all.map(|v| of(v).as_str().unwrap().to_string()).collect()
    };
    (texts("benchmarks", None), texts("commits", Some("subject")))
}

/// Eight things that a newcomer types.
#[tokio::test]
async fn what_a_newcomer_types_is_found() {
    let site = Site::demo();
    let c = site.client().await;
    let commit = site.store().commits(u64::MAX, 1).unwrap().remove(0);
    for q in [
        "parse/large",
        "PARSE/LARGE",
        "large",
        "parse%20lar",
        "lar%20parse",
    ] {
        let (benchmarks, _) = found(&c, q).await;
        assert!(
            benchmarks.contains(&"parse/large".to_string()),
            "{q}: {benchmarks:?}"
        );
    }
    let (benchmarks, _) = found(&c, "parse/large").await;
    assert_eq!(benchmarks[0], "parse/large", "the whole name comes first");
    let (_, subjects) = found(&c, &commit.sha.0[..7]).await;
    assert_eq!(subjects, std::slice::from_ref(&commit.subject));
    let (_, subjects) = found(&c, "lexer%3A%3Anext").await;
    assert!(
        subjects.iter().any(|s| s.contains("Lexer::next")),
        "{subjects:?}"
    );
    let author = commit.author.split(' ').next().unwrap().to_lowercase();
    let (_, subjects) = found(&c, &author).await;
    assert!(!subjects.is_empty(), "{author}");
    // No wildcard of the database is one here.
    for q in ["%25", "_____________________________"] {
        let (benchmarks, commits) = found(&c, q).await;
        for name in benchmarks.iter().chain(&commits) {
            assert!(name.contains(['%', '_']), "{q}: {name}");
        }
    }
    assert_eq!(found(&c, "").await, (Vec::new(), Vec::new()));
    assert_eq!(
        found(&c, "nobody-calls-anything-so").await,
        (Vec::new(), Vec::new())
    );
}

#[tokio::test]
async fn the_one_thing_that_is_meant_is_gone_to() {
    let site = Site::demo();
    let c = site.client().await;
    let series = format!("/series/{}", site.series("parse/large"));
    let commit = site.store().commits(u64::MAX, 1).unwrap().remove(0);
    for (url, wanted) in [
        ("/search?q=parse/large".to_string(), series.as_str()),
        ("/series?benchmark=parse/large".to_string(), series.as_str()),
        (
            format!("/search?q={}", commit.sha.0),
            &format!("/commit/{}", commit.sha.short()),
        ),
        ("/series?benchmark=parse".to_string(), "/search?q=parse"),
    ] {
        let answer = c.get(&url).await;
        assert_eq!(answer.status, StatusCode::FOUND, "{url}");
        assert_eq!(answer.header("location"), wanted, "{url}");
    }
    let several = c.get("/search?q=parse").await;
    assert_eq!(several.status, StatusCode::OK);
    assert!(several.text().contains("parse/large") && several.text().contains("parse/small"));
    let none = c.get("/search?q=%3Cscript%3Ealert(4711)").await;
    assert!(none.text().contains("Nothing holds"), "{}", none.text());
    assert!(!none.text().contains("<script>alert"));
}

/// What else has a name: each kind by what somebody would type.
#[tokio::test]
async fn whatever_has_a_name_is_found() {
    let site = Site::demo();
    let took = Triage {
        events: vec![site.open_event()],
        assignee: Some("Grace".into()),
        ..Triage::default()
    };
    site.store().decide(&took, "ada", 1).unwrap();
    let (_, head) = site.around("Split Lexer");
    let tag = site.store().commit(&head).unwrap().unwrap().sha;
    let text =
        "[owners]\n\"parse/**\" = \"front-end\"\n[views]\n\"weekly\" = \"/health?state=look\"\n";
    let config = Config::parse(text).unwrap();
    let c = site.served_with(|o| o.config = config).await;
    for (q, list, field, wanted) in [
        ("wall_time", "metrics", "", "wall_time"),
        ("peak%20rss", "metrics", "", "peak_rss"),
        ("health", "pages", "url", "/health"),
        ("settings", "pages", "url", "/channels"),
        ("compare", "pages", "url", "/compare"),
        ("weekly", "pages", "url", "/health?state=look"),
        ("front-end", "people", "name", "front-end"),
        ("grace", "people", "name", "Grace"),
    ] {
        let answer = c.get(&format!("/search.json?q={q}")).await;
        let d: Value = serde_json::from_str(answer.text()).unwrap();
        let of = |v: &Value| {
            if field.is_empty() {
                v.clone()
            } else {
                v[field].clone()
            }
        };
        let all: Vec<Value> = d[list].as_array().unwrap().iter().map(of).collect();
        assert!(all.contains(&wanted.into()), "{q}: {d:#}");
    }
    let testbed = c.get("/search?q=EPYC").await;
    assert!(testbed.text().contains("<a href=\"/health#testbeds\">"));
    let person = c.get("/search.json?q=grace").await;
    let person: Value = serde_json::from_str(person.text()).unwrap();
    assert_eq!(person["people"][0]["open"], 1);
    for (q, to) in [
        ("wall_time", "/health?metric=wall_time"),
        ("health", "/health"),
        ("front-end", "/?owner=front-end"),
    ] {
        let answer = c.get(&format!("/search?q={q}")).await;
        assert_eq!(answer.header("location"), to, "{q}: {}", answer.text());
    }
    let c = site.with_tags(&[("v2.4", &tag.0), ("gone", "ffff")]).await;
    let answer = c.get("/search?q=v2.4").await;
    assert_eq!(
        answer.header("location"),
        format!("/commit/{}", tag.short())
    );
    let gone = c.get("/search?q=gone").await;
    assert!(gone.text().contains("its commit was not measured"));
}

/// Functions lie in profiles, and are read ahead.
#[tokio::test]
async fn a_function_in_the_profile_of_an_open_change_is_found() {
    let site = Site::demo();
    let running = site.serve().await;
    running
        .until_body("/search.json?q=lexer::next", |body| {
            let d: Value = serde_json::from_str(body).unwrap();
            let all = d["functions"].as_array().unwrap().clone();
            all.iter().any(|f| {
                let url = f["url"].as_str().unwrap();
                f["name"] == "lexis::lex::Lexer::next" && url.starts_with("/functions/")
            })
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_typo_is_forgiven_where_nothing_else_matches() {
    let site = Site::demo();
    let c = site.client().await;
    for (typed, meant, shown) in [
        ("pasre/large", "parse/large", "parse/large"),
        ("unicoed", "unicode", "lex/unicode"),
        ("Lindqvits", "lindqvist", "Ada Lindqvist"),
        ("wall_tmie", "", ""),
        ("instructoins", "instructions", "instructions"),
    ] {
        let page = c.get(&format!("/search?q={typed}")).await;
        let page = page.text();
        assert!(page.contains(&format!("Nothing holds “{typed}”")), "{page}");
        if meant.is_empty() {
            assert!(
                !page.contains("nearest"),
                "{typed}: a short word is near to too many"
            );
            continue;
        }
        assert!(
            page.contains(&format!("nearest: “{meant}”")),
            "{typed}: {page}"
        );
        assert!(page.contains(shown), "{typed}: {page}");
        let document = c.get(&format!("/search.json?q={typed}")).await;
        let document: Value = serde_json::from_str(document.text()).unwrap();
        assert_eq!(document["nearest"], meant);
    }
    // What is found as it was typed has no need of it.
    let exact = c.get("/search.json?q=parse").await;
    let exact: Value = serde_json::from_str(exact.text()).unwrap();
    assert_eq!(exact["nearest"], Value::Null);
}

#[tokio::test]
async fn a_dead_end_offers_the_search() {
    let site = Site::demo();
    let c = site.client().await;
    for url in ["/parse/large", "/commit/zz-parse", "/nowhere/parse"] {
        let answer = c.get(url).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{url}");
        let sought = url.rsplit('/').next().unwrap();
        let field = format!("value=\"{sought}\"");
        assert!(answer.text().contains(&field), "{url}: {}", answer.text());
        assert!(answer.text().contains("action=\"/search\""), "{url}");
    }
}

#[tokio::test]
async fn two_commits_are_chosen_on_a_form() {
    let site = Site::demo();
    let c = site.client().await;
    let newest = site.store().commits(u64::MAX, 2).unwrap();
    let form = c.get("/compare").await;
    assert_eq!(form.status, StatusCode::OK);
    for commit in &newest {
        assert!(
            form.text()
                .contains(&format!("value=\"{}\"", commit.sha.short()))
        );
    }
    let url = format!("/compare?base={}&head=main", newest[1].sha.short());
    let answer = c.get(&url).await;
    let wanted = format!(
        "/compare/{}..{}",
        newest[1].sha.short(),
        newest[0].sha.short()
    );
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::FOUND, wanted.as_str())
    );
    let unknown = c.get("/compare?base=main&head=no-such-branch").await;
    assert_eq!(unknown.status, StatusCode::OK);
    let said = "No measured commit, branch or tag is called `no-such-branch`";
    assert!(unknown.text().contains(said), "{}", unknown.text());
    let machine = c.get("/compare.json?base=main&head=no-such-branch").await;
    assert_eq!(machine.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn signing_in_leads_back_to_where_one_was() {
    let site = Site::demo();
    let (_, token) = site.mint(Scope::Read);
    let c = site.always_asking().await;
    let refused = c.get("/health?order=noise").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let link = "/login?to=/health%3Forder%3Dnoise";
    assert!(refused.text().contains(link), "{}", refused.text());
    let form = c.get(link).await;
    assert!(
        form.text()
            .contains("name=\"to\" value=\"/health?order=noise\"")
    );
    let post = async |to: &str, token: &str| {
        let form = format!("token={token}&to={to}");
        c.send(Method::POST, "/login", &[], form.as_bytes()).await
    };
    let back = post("/health%3Forder%3Dnoise", &token).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    assert_eq!(back.header("location"), "/health?order=noise");
    for elsewhere in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "%0d%0a/",
    ] {
        assert_eq!(
            post(elsewhere, &token).await.header("location"),
            "/",
            "{elsewhere}"
        );
    }
    // A wrong token leaves the form there, and where one was going to.
    let wrong = post("/log", "upt_wrong").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(
        wrong.text().contains("name=\"to\" value=\"/log\""),
        "{}",
        wrong.text()
    );
    assert!(wrong.text().contains("role=\"alert\""));
    let cookie = format!("uptick_token={token}");
    let signed_in = c
        .send(Method::GET, "/login", &[(header::COOKIE, &cookie)], b"")
        .await;
    assert!(
        signed_in.text().contains("You are signed in as"),
        "{}",
        signed_in.text()
    );
    assert!(signed_in.text().contains("Sign out"));
}
