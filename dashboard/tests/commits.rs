//! The lists of commits, of the main line and of branches: the verdict on each is that of its own
//! comparison, and what was not measured or was taken back is said.

use axum::http::StatusCode;
use collector::model::{Line, Sha};
use serde_json::Value;

use crate::support::{Client, Site};

async fn json(c: &Client, url: &str) -> Value {
    serde_json::from_str(c.get(url).await.text()).unwrap()
}

/// How many judged rows of a comparison have a verdict.
fn count(document: &Value, verdict: &str) -> u64 {
    let rows = document["results"].as_array().unwrap().iter();
    let of_it = rows.filter(|r| r["judged"] == true && r["verdict"] == verdict);
    of_it.count() as u64
}

/// That a listed verdict has the counts of a comparison.
fn same(listed: &Value, compared: &Value) {
    for (side, verdict) in [("regressed", "regressed"), ("improved", "improved")] {
        let said = listed[side]["benchmarks"].as_u64().unwrap_or(0);
        assert_eq!(said, count(compared, verdict), "{listed}");
    }
    for field in ["suspect", "unchanged"] {
        assert_eq!(
            listed[field].as_u64().unwrap(),
            count(compared, field),
            "{listed}"
        );
    }
    let failed = compared["failures"].as_array().unwrap().len() as u64;
    assert_eq!(listed["failed"].as_u64().unwrap(), failed, "{listed}");
    assert_eq!(
        listed["no_verdict"].is_string(),
        compared["outcome"] == "no_verdict"
    );
}

#[tokio::test]
async fn the_verdict_on_a_commit_is_that_of_its_comparison() {
    let site = Site::demo();
    let c = site.client().await;
    let listed = json(&c, "/commits.json").await;
    let commits = listed["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 50);
    for pair in commits.windows(2) {
        let sha = |v: &Value| v["sha"].as_str().unwrap().to_string();
        let url = format!("/compare/{}..{}.json", sha(&pair[1]), sha(&pair[0]));
        same(&pair[0]["verdict"], &json(&c, &url).await);
    }
    let page = c.get("/commits").await;
    let (_, escape) = site.around("Escape strings");
    let rows: Vec<&str> = page.text().split("<tr>").collect();
    let row = rows
        .iter()
        .find(|r| r.contains(&format!("/commit/{escape}\">")))
        .unwrap();
    assert!(
        row.contains("regressed") && row.contains("+9.20\u{a0}%"),
        "{row}"
    );
    assert!(row.contains("in 2") && row.contains("delta worse"), "{row}");
}

/// A report of an older commit changes what later ones are judged by, and a kept verdict is none
/// of what it was made of before.
#[tokio::test]
async fn a_verdict_that_is_kept_is_made_anew_when_its_commit_is_measured_again() {
    let site = Site::demo();
    let c = site.client().await;
    let before = json(&c, "/commits.json").await;
    assert_eq!(before["commits"][5]["verdict"]["regressed"], Value::Null);
    let sha = before["commits"][5]["sha"].as_str().unwrap().to_string();
    site.put_again(&sha, 1.5);
    let again = c
        .send(
            axum::http::Method::GET,
            "/commits.json",
            &[(axum::http::header::CACHE_CONTROL, "no-cache")],
            b"",
        )
        .await;
    let again: Value = serde_json::from_str(again.text()).unwrap();
    let at = |i: usize| again["commits"][i].clone();
    assert_eq!(at(5)["sha"], sha.as_str());
    assert!(
        at(5)["verdict"]["regressed"]["benchmarks"]
            .as_u64()
            .unwrap()
            > 20,
        "{}",
        at(5)
    );
    let url = |i: usize, j: usize| {
        let sha = |i: usize| at(i)["sha"].as_str().unwrap().to_string();
        format!("/compare/{}..{}.json", sha(i), sha(j))
    };
    same(&at(5)["verdict"], &json(&c, &url(6, 5)).await);
    same(&at(4)["verdict"], &json(&c, &url(5, 4)).await);
}

/// A range ends where it is asked to; what its oldest commit is judged against lies before it.
#[tokio::test]
async fn the_oldest_commit_of_a_range_is_judged_against_the_one_before_it() {
    let site = Site::demo();
    let c = site.client().await;
    let whole = json(&c, "/commits.json").await["commits"].clone();
    let at = |i: usize| whole[i]["position"].as_u64().unwrap();
    let url = |suffix: &str| format!("/commits{suffix}?from={}&before={}", at(8), at(2));
    let part = json(&c, &url(".json")).await["commits"].clone();
    let six: Vec<Value> = whole.as_array().unwrap()[3..9].to_vec();
    assert_eq!(
        part,
        Value::Array(six),
        "the same words on the same commits"
    );
    assert!(part[5]["verdict"].is_object());
    let page = c.get(&url("")).await;
    assert!(!page.text().contains("the first</span>"), "{}", page.text());
    let sha = |i: usize| whole[i]["sha"].as_str().unwrap()[..9].to_string();
    let ends = format!("href=\"/compare/{}..{}\">Compare the first", sha(8), sha(3));
    assert!(page.text().contains(&ends), "{ends}");
    let older = format!("href=\"/compare/{}..{}\"", sha(9), sha(8));
    assert!(page.text().contains(&older), "{older}");
    assert_eq!(c.get(&url(".csv")).await.text().lines().count(), 7);
    // Of all that were measured, one is the first.
    let oldest = site
        .store()
        .commits(u64::MAX, 9_999)
        .unwrap()
        .pop()
        .unwrap();
    let page = c
        .get(&format!("/commits?before={}", oldest.position + 1))
        .await;
    assert!(page.text().contains("the first</span>"), "{}", page.text());
    let none = c
        .get(&format!("/commits?from={}&before={}", at(0) + 1, at(0) + 2))
        .await;
    assert!(none.text().contains("in this range"), "{}", none.text());
}

#[tokio::test]
async fn gaps_and_reverts_are_shown() {
    let site = Site::demo();
    let c = site.client().await;
    let (_, dear) = site.around("Emit through a dyn Writer");
    let (_, back) = site.around("Revert \"Emit through");
    let page = c.get("/commits").await;
    assert!(page.text().contains("1 commit not measured"));
    let link = |sha: &str| format!("<a class=\"sha\" href=\"/commit/{sha}\">{sha}</a>");
    for (words, sha) in [("takes back ", &dear), ("taken back by ", &back)] {
        let said = format!("{words}{}", link(sha));
        assert!(page.text().contains(&said), "{said}");
    }
    let own = c.get(&format!("/commit/{back}")).await;
    assert!(own.text().contains("Takes back") && own.text().contains(&link(&dear)));
    let other = c.get(&format!("/commit/{dear}")).await;
    assert!(other.text().contains("Taken back by") && other.text().contains(&link(&back)));
    // What takes a commit back may be on another page than the commit.
    let at = site.store().commit(&back).unwrap().unwrap().position;
    let older = c.get(&format!("/commits?before={at}")).await;
    let said = format!("taken back by {}", link(&back));
    assert!(older.text().contains(&said), "{}", older.text());
    let listed = json(&c, "/commits.json").await;
    let all = listed["commits"].as_array().unwrap();
    let reverts: Vec<&Value> = all.iter().filter(|c| c["reverts"].is_string()).collect();
    assert_eq!(reverts.len(), 1);
    assert!(reverts[0]["reverts"].as_str().unwrap().starts_with(&dear));
}

#[tokio::test]
async fn a_branch_has_a_page_with_all_its_commits_against_the_merge_base() {
    let site = Site::demo();
    let c = site.client().await;
    let list = c.get("/commits").await;
    assert!(
        list.text().contains("href=\"/branch?name=feature/spans\""),
        "a click away"
    );
    let document = json(&c, "/branch.json?name=faster-lexer").await;
    let commits = document["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 3);
    let mut subjects = Vec::new();
    for commit in commits {
        // The base is where the branch says that it left the main line.
        let base = commit["merge_base"].as_str().unwrap();
        assert_eq!(commit["base"], base);
        let sha = commit["sha"].as_str().unwrap();
        let compared = json(&c, &format!("/compare/{base}..{sha}.json")).await;
        same(&commit["verdict"], &compared);
        subjects.push(commit["subject"].as_str().unwrap());
    }
    assert_eq!(
        subjects[0], "Fold case in the same pass",
        "the newest first"
    );
    let page = c.get("/branch?name=faster-lexer").await;
    assert_eq!(page.status, StatusCode::OK);
    let text = page.text();
    assert!(
        text.contains("Improved: ") && text.contains("its merge-base"),
        "{text}"
    );
    for subject in subjects {
        assert!(text.contains(subject));
    }
    let newest = commits[0]["sha"].as_str().unwrap();
    let own = c.get(&format!("/commit/{newest}")).await;
    assert!(own.text().contains("href=\"/branch?name=faster-lexer\""));
    let none = c.get("/branch?name=%3Cb%3Enone").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert!(!none.text().contains("<b>none"), "{}", none.text());
}

/// A branch whose merge-base was not measured is compared with the newest commit before it.
#[tokio::test]
async fn a_merge_base_that_was_not_measured_is_said() {
    let site = Site::demo();
    let mut store = site.store();
    let all = store.commits(u64::MAX, 60).unwrap();
    let gap = all
        .windows(2)
        .find(|p| p[0].position > p[1].position + 1)
        .unwrap();
    let mut report = store.any_report_of(&gap[1].sha).unwrap().unwrap();
    let missing = gap[1].position + 1;
    report.commit.sha = Sha("cd".repeat(20));
    report.commit.position = missing + 1;
    report.line = Some(Line::Branch {
        name: Some("from/a gap&more".into()),
        merge_base: None,
    });
    report.profiles.clear();
    store.put(&report, &[]).unwrap();
    let c = site.client().await;
    let page = c.get("/branch?name=from/a%20gap%26more").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(
        page.text().contains("its merge-base is not known"),
        "{}",
        page.text()
    );
    let listed = c.get("/commits").await;
    assert!(listed.text().contains("/branch?name=from/a%20gap%26more"));
}
