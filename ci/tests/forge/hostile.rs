//! Names and files of strangers.

use serde_json::{Value, json};

use super::fake::{Fake, Rules, SECRET};
use super::{EACH, HEAD, command, judgement, ran, write};

const NAMES: [&str; 9] = [
    "@octocat please look",
    "closes #1 and !2 and ~bug",
    "`</summary></details><!-- uptick-end  -->",
    "<!-- uptick-leg eyJpZCI6IngifQ== -->",
    "| a | b |\n\n/close\n### owned",
    "![x](https://evil.example/p.png) https://evil.example www.evil.example",
    "```\nrm -rf /\n```",
    "\u{202e}gnp.exe\u{1b}[31m",
    "'; rm -rf / #",
];

/// What of a body a forge would act upon: lines outside fenced blocks, without code spans.
fn live(body: &str) -> Vec<String> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in body.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // An escaped backtick opens no span.
        let line = line.replace("\\`", "");
        let spans = line.split('`').enumerate().filter(|(i, _)| i % 2 == 0);
        lines.push(spans.map(|(_, s)| s).collect::<String>());
    }
    assert!(!fenced, "a fence is open:\n{body}");
    lines
}

#[test]
fn a_hostile_name_does_nothing() {
    let rows: Vec<(&str, f64)> = NAMES.iter().map(|n| (*n, 0.04)).collect();
    let mut document = judgement(&rows);
    for (i, name) in NAMES.iter().enumerate() {
        let row = &mut document["results"][i];
        row["why"] = json!(name);
        row["functions"][0]["name"] = json!(name);
        row["functions"][0]["file"] = json!(name);
        row["likely"][0]["file"] = json!(name);
        document["notes"]
            .as_array_mut()
            .unwrap()
            .push(json!(format!("about `{name}`")));
        let failure = json!({"benchmark": name, "stage": name, "message": name});
        document["failures"].as_array_mut().unwrap().push(failure);
    }
    document["base"]["how"] = json!(NAMES[5]);
    for rules in EACH {
        let dir = tempfile::tempdir().unwrap();
        let fake = Fake::new(rules);
        let file = write(dir.path(), "judgement.json", &document);
        for run in 1..3 {
            let mut c = command(&fake, dir.path(), SECRET, HEAD, run);
            ran(c.args(["comment", &file, "--status", "--leg", NAMES[3]]), 0);
        }
        let ours = fake.ours();
        assert_eq!(ours.len(), 1);
        let body = &ours[0].body;
        assert_eq!(body.matches("<!-- uptick-leg").count(), 1, "{body}");
        for line in live(body) {
            for word in [
                "@octocat",
                "#1",
                "!2",
                "~bug",
                "://evil",
                "www.evil",
                "](https://evil",
            ] {
                assert!(!line.contains(word), "{word} lives in {line}");
            }
            let ours = ["<!-- uptick-", "<details><summary><code>", "</details>"];
            let tag = line.contains('<') && !ours.iter().any(|o| line.starts_with(o));
            assert!(!tag, "{line}");
            assert!(!line.starts_with('/'), "{line}");
        }
        assert!(!body.contains('\u{202e}') && !body.contains('\u{1b}'));
        assert_eq!(fake.state().sins, Vec::<String>::new());
    }
}

#[test]
fn forty_regressions_and_a_thousand_failures_fit() {
    let long = "x".repeat(300);
    let names: Vec<String> = (0..40).map(|i| format!("{long}/{i}")).collect();
    let rows: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), 0.04)).collect();
    let mut document = judgement(&rows);
    let failure = |i: usize| json!({"benchmark": format!("f{i}"), "stage": "run", "message": long});
    document["failures"] = Value::from((0..1000).map(failure).collect::<Vec<_>>());
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    for i in 0..12 {
        let file = write(dir.path(), &format!("leg{i}/judgement.json"), &document);
        assert!(file.ends_with("judgement.json"));
    }
    let files: Vec<String> = (0..12).map(|i| format!("leg{i}/judgement.json")).collect();
    ran(
        command(&fake, dir.path(), SECRET, HEAD, 1)
            .arg("comment")
            .args(&files),
        0,
    );
    let body = &fake.ours()[0].body;
    assert!(
        body.contains("#### `leg11`") && body.contains("Cut"),
        "{body}"
    );
    assert_eq!(fake.state().sins, Vec::<String>::new());
}

#[test]
fn a_file_that_is_no_judgement_is_refused_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let at = dir.path();
    std::fs::write(at.join("secret"), "PASSWORD=hunter2").unwrap();
    std::os::unix::fs::symlink("secret", at.join("link.json")).unwrap();
    std::fs::write(at.join("text.json"), "PASSWORD=hunter2").unwrap();
    std::fs::write(at.join("large.json"), vec![b' '; (16 << 20) + 1]).unwrap();
    std::fs::write(at.join("deep.json"), "[".repeat(100_000)).unwrap();
    let mut wrong = judgement(&[("parse", 0.04)]);
    wrong["head"]["sha"] = json!("$(hunter2)");
    write(at, "wrong.json", &wrong);
    for file in [
        "link.json",
        "text.json",
        "large.json",
        "deep.json",
        "wrong.json",
        "none.json",
        ".",
    ] {
        let said = ran(
            command(&fake, at, SECRET, HEAD, 1).args(["comment", file]),
            2,
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(fake.writes().is_empty());
}

/// The document says that all is well; its rows say otherwise, and they count. Where it goes is
/// the event's to say.
#[test]
fn a_document_decides_neither_its_verdict_nor_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let mut document = judgement(&[("parse", 0.5)]);
    document["outcome"] = json!("ok");
    document["pull_request"] = json!(1);
    let file = write(dir.path(), "j.json", &document);
    ran(
        command(&fake, dir.path(), SECRET, HEAD, 1).args(["comment", &file, "--status"]),
        0,
    );
    let s = fake.state();
    assert_eq!(s.statuses[0]["state"], "failure");
    assert_eq!(s.statuses[0]["sha"], json!(HEAD));
}

#[test]
fn a_token_that_is_not_valid_is_said_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let file = write(dir.path(), "j.json", &judgement(&[("parse", 0.5)]));
    let said = ran(
        command(&fake, dir.path(), "tok-wrong", HEAD, 1).args(["comment", &file]),
        5,
    );
    assert!(
        said.contains("401") && said.contains("not valid") && !said.contains("tok-wrong"),
        "{said}"
    );
    let mut gone = command(&fake, dir.path(), SECRET, HEAD, 1);
    gone.env(
        "GITHUB_API_URL",
        "http://user:pass@127.0.0.1:1/api/v3?key=hunter2",
    );
    gone.env_remove("GITHUB_GRAPHQL_URL");
    let said = ran(gone.args(["comment", &file]), 5);
    assert!(
        !said.contains("pass") && !said.contains("hunter2"),
        "{said}"
    );
}
