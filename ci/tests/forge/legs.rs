//! Legs of one matrix that do not know of each other: under one name, on another head, unreadable,
//! on a forge that is slow to show what was written, and about another commit.

use serde_json::json;

use super::fake::{Fake, Rules, SECRET};
use super::{EACH, HEAD, command, judgement, ran, write};
use crate::support::Repo;

const SECOND: &str = "4444444444444444444444444444444444444444";

/// Without `--leg` both are the job's one leg: the worse stands, in the comment and as the gate.
#[test]
fn a_leg_that_is_well_does_not_hide_one_of_its_name_that_regressed() {
    for rules in EACH {
        for order in [["bad", "good"], ["good", "bad"]] {
            let dir = tempfile::tempdir().unwrap();
            let fake = Fake::new(rules);
            write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
            write(dir.path(), "good.json", &judgement(&[("print", 0.0)]));
            let mut said = String::new();
            for name in order {
                let mut c = command(&fake, dir.path(), SECRET, HEAD, 7);
                c.args(["comment", &format!("{name}.json"), "--status"]);
                said.push_str(&ran(c.args(["--when-well", "post"]), 0));
            }
            let ours = fake.ours();
            assert_eq!(ours.len(), 1, "{rules:?}");
            let body = &ours[0].body;
            assert!(body.contains("### ▲ 1 of 1 benchmark regressed"), "{body}");
            assert!(body.contains("Another leg of the same name"), "{body}");
            let last = fake.state().statuses.last().unwrap()["state"].clone();
            assert!(last == "failure" || last == "failed", "{rules:?}: {last}");
            assert_eq!(
                said.contains("came to something worse"),
                order[1] == "good",
                "{said}"
            );
            assert_eq!(fake.state().sins, Vec::<String>::new());
        }
    }
}

/// GitLab's parallel jobs have names of their own.
#[test]
fn parallel_jobs_of_gitlab_are_legs() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitLab);
    let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    for (i, name) in ["bench: [debian]", "bench: [alpine]"].iter().enumerate() {
        let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
        c.env("CI_NODE_TOTAL", "2").env("CI_JOB_NAME", name);
        c.env("CI_NODE_INDEX", (i + 1).to_string());
        ran(c.args(["comment", &bad, "--status"]), 0);
    }
    let state = fake.state();
    let contexts: Vec<&str> = state
        .statuses
        .iter()
        .filter_map(|s| s["name"].as_str())
        .collect();
    assert_eq!(
        contexts,
        ["uptick/bench: [debian]", "uptick/bench: [alpine]"]
    );
    drop(state);
    assert!(fake.ours()[0].body.contains("2 of 2 legs"));
    // One that is not parallel keeps the context that a gate asks for.
    let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
    c.env("CI_NODE_TOTAL", "1").env("CI_JOB_NAME", "bench");
    ran(c.args(["comment", &bad, "--status"]), 0);
    assert_eq!(fake.state().statuses[2]["name"], "uptick");
}

#[test]
fn a_leg_that_regressed_before_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    write(dir.path(), "good.json", &judgement(&[("parse", 0.0)]));
    let say = |head: &str, run: u64, leg: &str, file: &str| {
        let mut c = command(&fake, dir.path(), SECRET, head, run);
        ran(c.args(["comment", file, "--leg", leg]), 0);
        fake.ours()[0].body.clone()
    };
    let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
    ran(c.args(["comment", "good.json", "--leg", "a"]), 0);
    say(HEAD, 1, "b", "bad.json");
    let body = say(SECOND, 2, "a", "good.json");
    assert!(
        body.contains("### ? no regression in 1 benchmark; 1 leg has not reported on this commit"),
        "{body}"
    );
    assert!(body.contains("On `111111111`: 1 regressed"), "{body}");
    let body = say(SECOND, 2, "b", "good.json");
    assert!(
        body.contains("### ✔ no regression in 2 benchmarks"),
        "{body}"
    );
}

/// One run leaves one comment however late the forge lists it.
#[test]
fn a_list_that_lags_makes_no_second_comment() {
    for rules in EACH {
        for lag in [1, 3, 50] {
            let dir = tempfile::tempdir().unwrap();
            let fake = Fake::new(rules);
            fake.state().lag = lag;
            let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
            let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
            ran(c.args(["comment", &bad]), 0);
            assert_eq!(fake.ours().len(), 1, "{rules:?} {lag}");
        }
    }
}

/// A person's words above ours leave it ours.
#[test]
fn a_comment_with_a_line_above_it_is_edited_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    let say = |run| {
        let mut c = command(&fake, dir.path(), SECRET, HEAD, run);
        ran(c.args(["comment", &bad]), 0)
    };
    say(1);
    for note in &mut fake.state().notes {
        note.body = format!("We look at this tomorrow.\n\n{}", note.body);
    }
    assert!(say(2).contains("comment edited"));
    assert_eq!(fake.ours().len(), 1);
}

#[test]
fn a_judgement_that_cannot_be_read_does_not_silence_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let bad = write(
        dir.path(),
        "one/judgement.json",
        &judgement(&[("parse", 0.041)]),
    );
    let cut = dir.path().join("two/judgement.json");
    std::fs::create_dir_all(cut.parent().unwrap()).unwrap();
    std::fs::write(&cut, "{\"schema\":").unwrap();
    let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
    let said = ran(c.args(["comment", &bad]).arg(&cut), 2);
    let mut shown = command(&fake, dir.path(), SECRET, HEAD, 1);
    let shown = ran(shown.args(["comment", "--dry-run"]).arg(&cut).arg(&bad), 2);
    let at = |leg: &str| shown.find(leg).unwrap();
    assert!(
        at("#### `one`: 1 regressed") < at("#### `two`: no verdict"),
        "the worst first"
    );
    assert!(said.contains("two/judgement.json: no document"), "{said}");
    let body = &fake.ours()[0].body;
    assert!(
        body.contains("1 of 1 benchmark regressed in 1 of 2 legs"),
        "{body}"
    );
    assert!(
        body.contains("#### `two`: no verdict") && body.contains("cannot be read"),
        "{body}"
    );
    // Where nothing can be read there is nothing to be said.
    let mut c = command(&fake, dir.path(), SECRET, SECOND, 2);
    ran(c.arg("comment").arg(&cut), 2);
    assert_eq!(fake.ours()[0].edits, 0);
}

#[test]
fn a_status_that_is_refused_leaves_the_comment() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    fake.state().no_statuses = true;
    let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
    let said = ran(c.args(["comment", &bad, "--status"]), 5);
    assert!(
        said.contains("comment created") && said.contains("403"),
        "{said}"
    );
    assert_eq!(fake.ours().len(), 1);
}

#[test]
fn a_project_whose_name_no_marker_holds_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
    let said = ran(c.args(["comment", &bad, "--project", &"p".repeat(7000)]), 2);
    assert!(said.contains("at most 200"), "{said}");
    assert!(fake.ours().is_empty());
}

/// Somebody comments on a pull request and a run checks its branch out: the run's own commit is the
/// tip of the default branch, which nobody judged.
#[test]
fn what_is_said_is_said_of_the_commit_that_was_judged() {
    let repo = Repo::with_command();
    let base = repo.git(&["rev-parse", "HEAD"]);
    repo.work(2000);
    let head = repo.commit("twice");
    let fake = Fake::new(Rules::GitHub);
    fake.state().head.clone_from(&head);
    let dir = tempfile::tempdir().unwrap();
    let event = json!({"issue": {"number": 5, "pull_request": {}}, "comment": {"body": "/bench"}});
    let event = write(dir.path(), "event.json", &event);
    let say = |arguments: &[&str], code| {
        let mut c = command(&fake, repo.path(), SECRET, &head, 9);
        c.env("GITHUB_EVENT_PATH", &event);
        c.env("GITHUB_EVENT_NAME", "issue_comment");
        c.env("GITHUB_SHA", &base);
        ran(c.args(arguments), code)
    };
    let said = say(&["check", "--base", &base, "--comment", "--status"], 1);
    assert!(
        said.contains("comment created") && said.contains("status set"),
        "{said}"
    );
    assert_eq!(fake.state().statuses[0]["sha"], json!(head));
    // What a forge merged for a look, in a clone that knows no parent of it.
    repo.git(&["checkout", "-q", &base]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "a look", &head]);
    std::fs::write(
        repo.path().join(".git/shallow"),
        repo.git(&["rev-parse", "HEAD"]),
    )
    .unwrap();
    let said = say(&["check", "--base", &base, "--status"], 1);
    assert!(said.contains("status set"), "{said}");
    fake.state().statuses.pop();
    std::fs::remove_file(repo.path().join(".git/shallow")).unwrap();
    repo.git(&["checkout", "-q", &head]);
    // Another commit than the pull request's: nothing is said of it.
    let said = say(&["check", &base, "--base", &base, "--status"], 0);
    assert!(said.contains("nothing is posted"), "{said}");
    assert_eq!(fake.state().statuses.len(), 1);
    // Nor by a second workflow that has another's judgement.
    say(&["check", "--base", &base, "--judgement", "j.json"], 1);
    fake.state().head = "9".repeat(40);
    let said = say(&["comment", "j.json", "--status"], 2);
    assert!(
        said.contains("nothing is posted") && said.contains("999999999"),
        "{said}"
    );
    assert_eq!(fake.state().statuses.len(), 1);
    assert_eq!(fake.ours().len(), 1);
}
