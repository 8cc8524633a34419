//! What the history of a release adds to a check: creeping cost, and accepted regressions.

use crate::support::{Repo, row};

/// Commits work of `turns`, and measures it.
fn measured(repo: &Repo, turns: u64, message: &str) -> String {
    repo.work(turns);
    let sha = repo.commit(message);
    repo.uptick(&["run"]).exits(0);
    sha
}

/// A hundred thousand turns tagged v1.0, and four steps of +0.4 % behind it.
fn creeping() -> Repo {
    let repo = Repo::with_command();
    measured(&repo, 100_000, "release");
    repo.tag("v1.0");
    for (i, turns) in [100_400, 100_800, 101_200, 101_600].iter().enumerate() {
        measured(&repo, *turns, &format!("step {i}"));
    }
    repo
}

#[test]
fn small_steps_since_a_release_add_up() {
    let repo = creeping();
    // 1.6 % since the tag is within the budget of 2 %.
    let d = repo.uptick(&["check", "--json"]).exits(0).json();
    assert_eq!(row(&d, "work")["verdict"], "unchanged");
    measured(&repo, 102_100, "one more");
    let d = repo.uptick(&["check", "--json"]).exits(1).json();
    let r = row(&d, "work");
    assert_eq!(r["verdict"], "regressed");
    assert!(
        r["change"].as_f64() < r["limit"].as_f64(),
        "no single step passed: {r:#}"
    );
    let why = r["why"].as_str().unwrap();
    for words in ["v1.0", "budget 2.00 %"] {
        assert!(why.contains(words), "`{words}` is missing in: {why}");
    }
    assert_eq!(r["creep"]["since"], "v1.0");
    assert!(r["creep"]["change"].as_f64().unwrap() > 0.02);
    let text = repo.uptick(&["check"]).exits(1).stdout;
    assert!(
        text.starts_with("REGRESSED") && text.contains("v1.0"),
        "{text}"
    );
    // What adds nothing is not blamed for what was there before.
    repo.write("README.md", "prose");
    repo.commit("prose");
    let ran = repo.uptick(&["check"]).exits(0);
    assert!(ran.stdout.contains("had crept"), "{}", ran.stdout);
    // The budget may be set, and be none.
    let config = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    repo.write(
        "uptick.toml",
        &format!("{config}\n[limits]\nrelease-budget = \"0%\"\n"),
    );
    let ran = repo.uptick(&["check", "HEAD~"]).exits(0);
    assert!(!ran.stdout.contains("crept"), "{}", ran.stdout);
}

#[test]
fn a_release_that_is_not_stored_is_named_and_not_measured() {
    let repo = Repo::with_command();
    repo.tag("v1.0");
    repo.work(1001);
    repo.commit("two");
    repo.work(1002);
    repo.commit("three");
    // All is well, so that the text stays one line; the document has the hint.
    let ran = repo.uptick(&["check"]).exits(0);
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    let d = repo.uptick(&["check", "--json"]).exits(0).json();
    let hint = d["hints"][0].as_str().unwrap();
    assert!(hint.contains("`uptick run v1.0`"), "{hint}");
    let log = repo.uptick(&["log", "work", "--json"]).exits(0).json();
    assert_eq!(log["series"][0]["points"].as_array().unwrap().len(), 2);
    repo.uptick(&["run", "v1.0"]).exits(0);
    let ran = repo.uptick(&["check"]).exits(0);
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
}

#[test]
fn a_regression_is_accepted_in_the_commit_that_makes_it() {
    let repo = Repo::with_command();
    repo.work(2000);
    repo.commit("twice\n\nUptick-Accept: wo* checks every turn now");
    let ran = repo
        .uptick(&["check", "--json", "--markdown", "out.md"])
        .exits(0);
    let d = ran.json();
    assert_eq!(d["outcome"], "ok");
    let r = row(&d, "work");
    assert_eq!(
        (&r["verdict"], &r["confirmed"]),
        (&"regressed".into(), &true.into())
    );
    assert_eq!(r["accepted"], "checks every turn now");
    assert_eq!(r["accepted_in"], d["head"]["sha"]);
    let markdown = std::fs::read_to_string(repo.path().join("out.md")).unwrap();
    assert!(
        markdown.contains("accepted: checks every turn now"),
        "{markdown}"
    );
    let text = repo.uptick(&["check"]).exits(0).stdout;
    assert!(
        text.starts_with("ok: 1 benchmark, 1 regression accepted"),
        "{text}"
    );
    assert!(text.contains("checks every turn now"), "{text}");
    // The commit of the base accepts nothing for what comes after it, nor one of another name.
    repo.work(4000);
    repo.commit("again\n\nUptick-Accept: other because");
    repo.uptick(&["check"]).exits(1);
    // Over the whole range it does.
    repo.uptick(&["check", "--base", "HEAD~2"]).exits(0);
}

#[test]
fn an_accepted_change_begins_the_budget_anew() {
    let repo = Repo::with_command();
    measured(&repo, 100_000, "release");
    repo.tag("v1.0");
    measured(&repo, 120_000, "dearer\n\nUptick-Accept: work it must");
    measured(&repo, 120_100, "a little");
    repo.uptick(&["check"]).exits(0);
    measured(&repo, 120_500, "a little more");
    let d = repo.uptick(&["check", "--json"]).exits(0).json();
    assert_eq!(row(&d, "work")["verdict"], "unchanged");
}
