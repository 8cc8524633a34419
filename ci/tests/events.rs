//! What CI systems check out, and what it is to be judged against: queues, comments, events that run with
//! the target's own rights.

use std::process::Command;

use crate::support::{Ran, Repo};

/// Two programs in one command, each as long as its file says.
const TOML: &str =
    "[[command]]\nname = \"work\"\nbuild = \"cc -O1 -o work work.c\"\nrun = \"./work\"\n";
const PROGRAM: &str = "#include \"a.h\"\n#include \"b.h\"\nstatic void turn(int n) {\n    volatile int x = 0;\n    for (int i = 0; i < n; i++) x += i;\n}\nint main(void) {\n    turn(A);\n    turn(B);\n    return 0;\n}\n";

fn start() -> Repo {
    let repo = Repo::new();
    repo.write("uptick.toml", TOML);
    repo.write("work.c", PROGRAM);
    repo.write("a.h", "#define A 50000\n");
    repo.write("b.h", "#define B 50000\n");
    repo.commit("start");
    repo
}

fn branch(repo: &Repo, name: &str, file: &str, text: &str) -> String {
    repo.git(&["checkout", "-q", "-b", name, "main"]);
    repo.write(file, text);
    repo.commit(name)
}

#[track_caller]
fn check(repo: &Repo, variables: &[(&str, &str)], event: &serde_json::Value) -> Ran {
    let file = repo.path().join(".git/event.json");
    std::fs::write(&file, event.to_string()).unwrap();
    repo.uptick_with(&["check", "--json"], |c: &mut Command| {
        c.env("CI", "true").env("GITHUB_ACTIONS", "true");
        c.env("GITHUB_EVENT_PATH", &file);
        c.envs(variables.iter().copied());
    })
}

/// The second in the queue is judged against the first, not against the target's tip: the first made it
/// faster by more than the second made it slower.
#[test]
fn a_queue_s_group_is_judged_against_what_it_stands_on() {
    let repo = start();
    branch(&repo, "one", "a.h", "#define A 1000\n");
    branch(&repo, "two", "b.h", "#define B 80000\n");
    let queue = |from: &str, name: &str, brings: &str| {
        repo.git(&["checkout", "-q", "-b", name, from]);
        repo.git(&["merge", "-q", "--no-ff", "-m", name, brings]);
        repo.git(&["rev-parse", "HEAD"]).trim().to_string()
    };
    let first = queue("main", "group-1", "one");
    let second = queue("group-1", "group-2", "two");
    let group = format!("refs/heads/gh-readonly-queue/main/pr-2-{first}");
    let named = serde_json::json!({
        "action": "checks_requested",
        "merge_group": {"head_sha": second, "base_sha": first, "base_ref": "refs/heads/main"},
    });
    let none = serde_json::json!({});
    let train = [
        ("CI_MERGE_REQUEST_EVENT_TYPE", "merge_train"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
    ];
    for (variables, event) in [
        (&[("GITHUB_REF", &*group)][..], &named),
        (&[("BUILDKITE_BRANCH", &*group)], &none),
        (&train, &none),
    ] {
        let d = check(&repo, variables, event).exits(1).json();
        assert_eq!(d["base"]["sha"], first.as_str(), "{d:#}");
    }
    // The first in the queue stands on the target.
    repo.git(&["checkout", "-q", "group-1"]);
    let d = check(&repo, &train, &none).exits(0).json();
    let main = repo.git(&["rev-parse", "main"]);
    assert_eq!(d["base"]["sha"], main.trim(), "{d:#}");
}

/// Where the target itself is checked out, as for a comment, nobody has looked at the pull request.
#[test]
fn the_target_is_not_judged_in_a_pull_request_s_place() {
    let repo = start();
    let head = branch(&repo, "pr", "b.h", "#define B 90000\n");
    repo.git(&["checkout", "-q", "main"]);
    let event = |action: &str| {
        serde_json::json!({
            "action": action,
            "pull_request": {"head": {"sha": head}, "base": {"ref": "main"}},
        })
    };
    let comment = serde_json::json!({
        "action": "created",
        "issue": {"pull_request": {"url": "https://forge.example/pulls/7"}},
    });
    repo.write("a.h", "#define A 50001\n");
    repo.commit("main goes on");
    for event in [event("opened"), comment] {
        let ran = check(&repo, &[("GITHUB_BASE_REF", "main")], &event).exits(3);
        ran.says(&["is a commit of main", "--base"]);
    }
    // One that is closed has no commit to look at; the target's own is what runs then.
    check(&repo, &[("GITHUB_BASE_REF", "main")], &event("closed")).exits(0);
    // The pull request's own, or the merge of it.
    repo.git(&["checkout", "-q", "pr"]);
    check(&repo, &[("GITHUB_BASE_REF", "main")], &event("opened")).exits(1);
    repo.git(&["checkout", "-q", "-b", "merge", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge", "pr"]);
    check(&repo, &[("GITHUB_BASE_REF", "main")], &event("opened")).exits(1);
}

/// Whoever merges what others pushed into their own commits pushes no change of theirs: the line goes
/// from the tip before the push on, whichever parent of the merge that is.
#[test]
fn a_push_that_merges_the_tip_before_it_is_judged_against_that() {
    for (others, own) in [(1000, true), (90_000, true), (90_000, false)] {
        let repo = start();
        repo.git(&["checkout", "-q", "-b", "others"]);
        repo.write("a.h", &format!("#define A {others}\n"));
        let before = repo.commit("somebody else's push");
        repo.git(&["checkout", "-q", "main"]);
        if own {
            repo.write("NOTES", "a text");
            repo.commit("a text");
        }
        repo.git(&["merge", "-q", "--no-ff", "-m", "Merge", "others"]);
        repo.git(&["branch", "-q", "-D", "others"]);
        let event = |before: &str| {
            let head = repo.git(&["rev-parse", "HEAD"]);
            serde_json::json!({
                "before": before, "after": head.trim(), "ref": "refs/heads/main",
            })
        };
        let push = [
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", "refs/heads/main"),
        ];
        let d = check(&repo, &push, &event(&before)).exits(0).json();
        assert_eq!(d["base"]["sha"], before.as_str(), "{d:#}");
        // What is pushed beside the merge is judged all the same.
        repo.write("b.h", "#define B 90000\n");
        repo.commit("costs more");
        check(&repo, &push, &event(&before)).exits(1);
    }
}

/// The first push of a release's branch brings all that its default branch has not.
#[test]
fn a_push_that_makes_a_release_branch_is_judged_from_where_it_begins() {
    let repo = start();
    branch(&repo, "release-2.x", "b.h", "#define B 90000\n");
    repo.write("NOTES", "a text");
    let head = repo.commit("a text");
    let zeros = "0".repeat(40);
    let event =
        serde_json::json!({"before": zeros, "after": head, "ref": "refs/heads/release-2.x"});
    let github = [
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REF", "refs/heads/release-2.x"),
    ];
    let main = repo.git(&["rev-parse", "main"]);
    let d = check(&repo, &github, &event).exits(1).json();
    assert_eq!(d["base"]["sha"], main.as_str(), "{d:#}");
    let gitlab = [
        ("CI_COMMIT_BEFORE_SHA", zeros.as_str()),
        ("CI_COMMIT_BRANCH", "release-2.x"),
    ];
    let d = check(&repo, &gitlab, &serde_json::json!({})).exits(1);
    assert_eq!(d.json()["base"]["sha"], main.as_str());
    // A schedule has zeros too, and no push made the branch.
    let nightly = [&gitlab[..], &[("CI_PIPELINE_SOURCE", "schedule")]].concat();
    let d = check(&repo, &nightly, &serde_json::json!({})).exits(0);
    let parent = repo.git(&["rev-parse", "HEAD~1"]);
    assert_eq!(d.json()["base"]["sha"], parent.as_str());
}

/// What a check in GitHub Actions says of HEAD, and its line that takes a regression back.
fn undo(repo: &Repo) -> (String, String) {
    let ran = repo.uptick_with(&["check"], |c: &mut Command| {
        c.env("GITHUB_BASE_REF", "main");
        c.env("GITHUB_REF", "refs/pull/7/merge");
    });
    let said = ran.exits(1).stdout;
    let line = said.lines().find_map(|l| l.trim().strip_prefix("undo "));
    let command = line.expect(&said).split('#').next().unwrap();
    (command.trim().to_string(), said.clone())
}

#[test]
fn what_takes_a_pull_request_s_regression_back_runs_and_does_so() {
    for commits in [1, 2] {
        let repo = start();
        branch(&repo, "pr", "b.h", "#define B 90000\n");
        if commits > 1 {
            repo.write("NOTES", "a text");
            repo.commit("a text");
        }
        let pr = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["checkout", "-q", "main"]);
        repo.write("a.h", "#define A 50001\n");
        repo.commit("main goes on");
        repo.git(&["checkout", "-q", "--detach", "main"]);
        repo.git(&["merge", "-q", "--no-ff", "-m", "Merge pr into main", "pr"]);
        let merge = repo.git(&["rev-parse", "HEAD"]);
        let (command, said) = undo(&repo);
        let want = match commits {
            1 => format!("git revert {}", &pr[..9]),
            _ => format!("git revert -m 1 {}", &merge[..9]),
        };
        assert_eq!(command, want, "{said}");
        assert_eq!(said.contains("uptick bisect "), commits > 1, "{said}");
        // On the merge, and on the pull request's own branch.
        for at in [merge.as_str(), "pr"] {
            repo.git(&["checkout", "-q", at]);
            let mut words: Vec<&str> = command.split(' ').skip(1).collect();
            words.insert(1, "--no-edit");
            repo.git(&words);
            let back = repo.git(&["show", "HEAD:b.h"]);
            assert_eq!(back, "#define B 50000", "{command}");
        }
    }
}

#[test]
fn that_a_push_mends_what_it_cost_is_said() {
    let repo = start();
    let before = repo.git(&["rev-parse", "HEAD"]);
    let mut all = Vec::new();
    for turns in [50_000, 90_000, 50_000] {
        repo.write("b.h", &format!("#define B {turns}\n"));
        all.push(repo.commit(&format!("{turns} turns")));
    }
    let push = [
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REF", "refs/heads/main"),
    ];
    let event = serde_json::json!({"before": before, "after": all[2]});
    let d = check(&repo, &push, &event).exits(1).json();
    assert_eq!(d["head"]["sha"], all[1].as_str());
    let notes = d["notes"].to_string();
    let want = format!("the tip of the push, {}, is well again", &all[2][..9]);
    assert!(notes.contains(&want), "{notes}");
    // Where it mends that and something else costs more, it is not.
    repo.git(&["checkout", "-q", &all[1]]);
    repo.write("b.h", "#define B 50000\n");
    repo.write("a.h", "#define A 70000\n");
    let head = repo.commit("less here, more there");
    repo.git(&["branch", "-q", "-f", "main", &head]);
    let event = serde_json::json!({"before": before, "after": head});
    let d = check(&repo, &push, &event).exits(1).json();
    assert!(!d["notes"].to_string().contains("well again"), "{d:#}");
    // Where the tip still costs more, it is not.
    let event = serde_json::json!({"before": before, "after": all[1]});
    repo.git(&["checkout", "-q", &all[1]]);
    repo.write("NOTES", "a text");
    let head = repo.commit("a text");
    repo.git(&["branch", "-q", "-f", "main", &head]);
    let d = check(&repo, &push, &event).exits(1).json();
    assert!(!d["notes"].to_string().contains("well again"), "{d:#}");
}

#[test]
fn the_event_s_file_is_read_where_it_is_written_for_and_named_where_it_cannot_be() {
    let repo = start();
    repo.write("NOTES", "a text");
    repo.commit("a text");
    let tip = repo.git(&["rev-parse", "HEAD"]);
    repo.uptick(&["check", "--judgement", ".git/j.json"])
        .exits(0);
    let file = repo.path().join(".git/event.json");
    let comment = |variables: &[(&str, &str)]| {
        repo.uptick_with(&["comment", ".git/j.json"], |c: &mut Command| {
            c.env("GITHUB_ACTIONS", "true")
                .env("GITHUB_EVENT_PATH", &file);
            c.envs(variables.iter().copied());
        })
    };
    let words = ["GITHUB_EVENT_PATH names ", "event.json", "cannot be read"];
    comment(&[]).exits(2).says(&words).says(&["unset it"]);
    std::fs::create_dir(&file).unwrap();
    comment(&[]).exits(2).says(&words);
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(&file, "no JSON").unwrap();
    comment(&[]).exits(2).says(&words);
    // A stray in another system's run is nobody's.
    let ran = comment(&[("GITHUB_ACTIONS", ""), ("GITLAB_CI", "true")]);
    assert!(!ran.stderr.contains("GITHUB_EVENT_PATH"), "{}", ran.stderr);
    // A byte order mark is no part of it.
    let event = serde_json::json!({"action": "opened", "pull_request": {"head": {"sha": tip}}});
    std::fs::write(&file, format!("\u{feff}{event}")).unwrap();
    let ran = comment(&[]);
    assert!(!ran.stderr.contains("cannot be read"), "{}", ran.stderr);
}
