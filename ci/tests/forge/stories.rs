//! One pull request on each forge: regression, mended, from a fork.

use serde_json::json;

use super::fake::{FORK, Fake, Rules, SECRET};
use super::{EACH, HEAD, command, judgement, ran, write};
use crate::support::Repo;

const SECOND: &str = "4444444444444444444444444444444444444444";

/// What a forge measures of a pull request is a merge that nobody else has.
#[test]
fn the_merge_that_was_measured_is_fetched_before_it_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    ran(
        command(&fake, dir.path(), SECRET, SECOND, 1).args(["comment", &bad]),
        0,
    );
    let commands = format!(
        "```sh\ngit fetch origin {HEAD}\nuptick compare 222222222 111111111 --only parse\n\
         uptick bisect 222222222 111111111 --bench parse\n```"
    );
    let body = &fake.ours()[0].body;
    assert!(body.contains(&commands), "{body}");
}

#[test]
fn a_regression_is_one_comment_that_is_edited_when_it_is_mended() {
    for rules in EACH {
        let dir = tempfile::tempdir().unwrap();
        let fake = Fake::new(rules);
        // Somebody else's marker is somebody else's comment, on whatever page it stands.
        for i in 0..230 {
            fake.write("stranger", &format!("<!-- uptick-comment  -->\n{i}"));
        }
        let bad = write(
            dir.path(),
            "bad.json",
            &judgement(&[("parse", 0.041), ("print", 0.0)]),
        );
        let said = ran(
            command(&fake, dir.path(), SECRET, HEAD, 1).args(["comment", &bad, "--status"]),
            0,
        );
        assert!(said.contains("comment created"), "{said}");
        let ours = fake.ours();
        assert_eq!(ours.len(), 1);
        let lines: Vec<&str> = ours[0].body.lines().filter(|l| !l.is_empty()).collect();
        assert!(lines[0].starts_with("<!-- uptick-comment"), "{lines:?}");
        assert_eq!(
            lines[1],
            "### ▲ 1 of 2 benchmarks regressed: `parse` +4.10 %"
        );
        assert!(
            lines[3].contains("`src/number.rs:43`") && lines[3].contains("`parse::number`"),
            "{}",
            lines[3]
        );
        assert_eq!(lines[5], "uptick compare 222222222 111111111 --only parse");
        // The same again writes nothing.
        let before = fake.writes().len();
        ran(
            command(&fake, dir.path(), SECRET, HEAD, 1).args(["comment", &bad]),
            0,
        );
        assert_eq!(fake.writes().len(), before, "{rules:?}");

        let good = write(
            dir.path(),
            "good.json",
            &judgement(&[("parse", 0.0), ("print", 0.0)]),
        );
        let said = ran(
            command(&fake, dir.path(), SECRET, SECOND, 2).args(["comment", &good, "--status"]),
            0,
        );
        assert!(said.contains("comment edited"), "{said}");
        let ours = fake.ours();
        assert_eq!((ours.len(), ours[0].edits), (1, 1));
        assert!(
            ours[0].body.contains("### ✔ no regression in 2 benchmarks"),
            "{}",
            ours[0].body
        );
        assert!(!ours[0].body.contains("parse::number"));

        let s = fake.state();
        let state = |i: usize| s.statuses[i]["state"].as_str().unwrap();
        let failed = if rules == Rules::GitLab {
            "failed"
        } else {
            "failure"
        };
        assert_eq!((state(0), state(1)), (failed, "success"));
        assert_eq!(
            (&s.statuses[0]["sha"], &s.statuses[1]["sha"]),
            (&json!(HEAD), &json!(SECOND))
        );
        assert_eq!(s.sins, Vec::<String>::new());
    }
}

#[test]
fn a_run_that_was_overtaken_is_silent() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    ran(
        command(&fake, dir.path(), SECRET, SECOND, 8).args(["comment", &bad]),
        0,
    );
    let said = ran(
        command(&fake, dir.path(), SECRET, HEAD, 7).args(["comment", &bad]),
        0,
    );
    assert!(said.contains("a later run has spoken"), "{said}");
    assert_eq!(fake.ours()[0].edits, 0);
}

#[test]
fn what_happens_where_nothing_asks_for_attention_can_be_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let good = write(dir.path(), "good.json", &judgement(&[("parse", 0.0)]));
    let comment = |run: u64, when: &str| {
        let mut c = command(&fake, dir.path(), SECRET, HEAD, run);
        ran(c.args(["comment", &good, "--when-well", when]), 0)
    };
    assert!(comment(1, "shorten").contains("no comment"));
    assert!(fake.ours().is_empty());
    assert!(comment(2, "post").contains("comment created"));
    assert!(comment(3, "remove").contains("comment removed"));
    assert!(fake.ours().is_empty());
}

/// A token without the scope to ask whose it is: what an earlier run left is found all the same.
#[test]
fn a_token_that_may_not_say_whose_it_is_leaves_one_comment() {
    for rules in [Rules::GitHub, Rules::Gitea] {
        let dir = tempfile::tempdir().unwrap();
        let fake = Fake::new(rules);
        fake.state().nameless = true;
        let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
        for run in 1..4 {
            let mut c = command(&fake, dir.path(), SECRET, HEAD, run);
            ran(c.args(["comment", &bad]), 0);
        }
        assert_eq!(fake.ours().len(), 1, "{rules:?}");
        assert_eq!(fake.ours()[0].id, 101, "the first one stays");
    }
}

#[test]
fn a_busy_forge_is_waited_for() {
    for rules in EACH {
        let dir = tempfile::tempdir().unwrap();
        let fake = Fake::new(rules);
        fake.state().busy = 3;
        let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
        ran(
            command(&fake, dir.path(), SECRET, HEAD, 1).args(["comment", &bad]),
            0,
        );
        assert_eq!(fake.ours().len(), 1, "{rules:?}");
    }
}

#[test]
fn projects_have_comments_of_their_own_and_legs_sections_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let bad = write(dir.path(), "bad.json", &judgement(&[("parse", 0.041)]));
    let say = |arguments: &[&str]| {
        let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
        ran(c.args(["comment", &bad]).args(arguments), 0)
    };
    say(&["--project", "client"]);
    say(&[
        "--project",
        "server",
        "--leg",
        "{\"os\":\"debian\",\"rust\":1.95}",
    ]);
    say(&[
        "--project",
        "server",
        "--leg",
        "{\"os\":\"alpine\",\"rust\":1.95}",
    ]);
    let ours = fake.ours();
    assert_eq!(ours.len(), 2);
    assert!(
        ours[0]
            .body
            .contains("### ▲ `client`: 1 of 1 benchmark regressed"),
        "{}",
        ours[0].body
    );
    for words in [
        "2 of 2 legs",
        "#### `alpine, 1.95`: 1 regressed",
        "#### `debian, 1.95`",
    ] {
        assert!(ours[1].body.contains(words), "{words} in {}", ours[1].body);
    }
}

#[test]
fn legs_have_the_same_names_in_the_second_workflow() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let leg = |name: &str| {
        let mut document = judgement(&[("parse", 0.041)]);
        document["leg"] = json!(name);
        write(
            dir.path(),
            &format!("uptick-{}/judgement.json", name.len()),
            &document,
        )
    };
    let (one, two) = (leg("debian"), leg("nightly"));
    let mut c = command(&fake, dir.path(), SECRET, HEAD, 1);
    ran(c.args(["comment", &one, &two, "--status"]), 0);
    let contexts: Vec<String> = fake
        .state()
        .statuses
        .iter()
        .map(|s| s["context"].to_string())
        .collect();
    assert_eq!(contexts, ["\"uptick/debian\"", "\"uptick/nightly\""]);
    assert!(fake.ours()[0].body.contains("#### `nightly`: 1 regressed"));
}

/// The first workflow of a fork: a read-only token, no secret. The check says so in one line
/// and its verdict stands.
#[test]
fn a_fork_s_check_keeps_its_verdict_and_the_second_workflow_posts() {
    let repo = Repo::with_command();
    repo.work(2000);
    let head = repo.commit("twice");
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new(Rules::GitHub);
    let mut first = command(&fake, repo.path(), FORK, &head, 41);
    let summary = dir.path().join("summary.md");
    first.env("GITHUB_STEP_SUMMARY", &summary);
    let out = first
        .args(["check", "--judgement", "j.json", "--comment", "--status"])
        .output()
        .unwrap();
    assert_eq!(
        out.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let refusals: Vec<&str> = said.lines().filter(|l| l.contains("403")).collect();
    assert_eq!(refusals.len(), 1, "{said}");
    assert!(
        refusals[0].contains("fork") && !said.contains(FORK),
        "{said}"
    );
    assert!(
        said.contains("::error"),
        "annotations need no token: {said}"
    );
    assert!(
        std::fs::read_to_string(&summary)
            .unwrap()
            .contains("1 benchmark regressed")
    );
    assert!(fake.ours().is_empty());

    // Without any token it is one line too.
    let mut bare = command(&fake, repo.path(), "", &head, 41);
    let said = ran(bare.args(["check", "--comment"]), 1);
    assert!(
        said.contains("no token in UPTICK_FORGE_TOKEN or GITHUB_TOKEN"),
        "{said}"
    );

    // The second workflow: its event names no pull request, the head finds it.
    let path = dir.path().join("judgement.json");
    std::fs::copy(repo.path().join("j.json"), &path).unwrap();
    fake.state().pulls = vec![
        (4, "stranger:fix".into(), "9".repeat(40)),
        (5, "stranger:fix".into(), head.clone()),
    ];
    let event = json!({"workflow_run": {
        "id": 41, "run_attempt": 1, "event": "pull_request", "head_sha": head, "head_branch": "fix",
        "pull_requests": [], "head_repository": {"owner": {"login": "stranger"}},
        "html_url": "http://forge.example/o/r/actions/runs/41",
    }});
    let event = write(dir.path(), "second.json", &event);
    let mut second = command(&fake, dir.path(), SECRET, &head, 42);
    second.env("GITHUB_EVENT_PATH", event);
    let said = ran(second.args(["comment", "judgement.json", "--status"]), 0);
    assert!(said.contains("comment created"), "{said}");
    let body = &fake.ours()[0].body;
    assert!(
        body.contains("1 of 1 benchmark regressed: `work`") && body.contains("`main`"),
        "{body}"
    );
    assert!(body.contains("/actions/runs/41"), "{body}");
    assert_eq!(fake.state().statuses[0]["sha"], json!(head));
}
