//! Stories whose base is not the main branch's last commit: a release branch as the target, a push of
//! several commits. On each forge, from the repository to what stands there.

use std::process::Command;

use serde_json::json;

use super::fake::{Fake, Rules, SECRET};
use super::{EACH, command, ran, write};
use crate::support::Repo;

/// A pull request onto `release-1.x`, which costs more than main by what was accepted there.
fn onto_a_release() -> Repo {
    let repo = Repo::with_command();
    repo.git(&["checkout", "-q", "-b", "release-1.x"]);
    repo.work(2000);
    repo.commit("a backport that was accepted");
    repo.git(&["checkout", "-q", "main"]);
    repo.work(1001);
    repo.commit("main goes on");
    repo.git(&["checkout", "-q", "-b", "pr", "release-1.x"]);
    repo.write("NOTES", "a text");
    repo.commit("a text only");
    repo
}

/// One run of the check for the head of the pull request.
fn check(fake: &Fake, repo: &Repo, run: u64, code: i32) -> String {
    let head = repo.git(&["rev-parse", "HEAD"]);
    let out = tempfile::tempdir().unwrap();
    let mut c = command(fake, out.path(), SECRET, &head, run);
    c.current_dir(repo.path());
    c.env("GITHUB_BASE_REF", "release-1.x");
    if fake.rules == Rules::GitLab {
        c.env_remove("GITHUB_BASE_REF");
        c.env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "release-1.x");
    }
    ran(c.args(["check", "--comment=post", "--status"]), code)
}

#[test]
fn a_pull_request_onto_a_release_branch_is_judged_against_that() {
    let repo = onto_a_release();
    for (i, rules) in EACH.into_iter().enumerate() {
        let fake = Fake::new(rules);
        repo.git(&["checkout", "-q", "-B", &format!("pr-{i}"), "pr"]);
        check(&fake, &repo, 1, 0);
        let ours = fake.ours();
        let body = &ours[0].body;
        assert!(
            body.contains("no regression in 1 benchmark") && body.contains("release-1.x"),
            "{rules:?} {body}"
        );
        repo.work(3000);
        let head = repo.commit("costs more");
        check(&fake, &repo, 2, 1);
        let ours = fake.ours();
        assert_eq!((ours.len(), ours[0].edits), (1, 1), "{rules:?}");
        assert!(ours[0].body.contains("1 of 1 benchmark regressed: `work`"));
        let s = fake.state();
        assert_eq!(s.statuses.last().unwrap()["sha"], json!(head));
        assert_eq!(s.sins, Vec::<String>::new());
    }
}

/// The variables of a push to main that moved it from `before` to `after`.
fn pushed(fake: &Fake, c: &mut Command, at: &std::path::Path, (before, after): (&str, &str)) {
    if fake.rules == Rules::GitLab {
        c.env_remove("CI_MERGE_REQUEST_IID");
        c.env("CI_COMMIT_BEFORE_SHA", before)
            .env("CI_COMMIT_BRANCH", "main");
        return;
    }
    let event = json!({
        "before": before, "after": after, "repository": {"default_branch": "main"},
    });
    c.env("GITHUB_EVENT_PATH", write(at, "push.json", &event));
    c.env("GITHUB_SHA", after)
        .env("GITHUB_REF", "refs/heads/main");
}

#[test]
fn of_five_commits_pushed_the_third_is_named_and_the_head_is_red() {
    let repo = Repo::with_command();
    let before = repo.git(&["rev-parse", "HEAD"]);
    let mut all = Vec::new();
    for i in 1..=5 {
        if i == 3 {
            repo.work(2000);
        }
        repo.write("NOTES", &i.to_string());
        all.push(repo.commit(&format!("commit {i} of the push")));
    }
    let head = all.last().unwrap().clone();
    for rules in EACH {
        let fake = Fake::new(rules);
        let out = tempfile::tempdir().unwrap();
        let mut c = command(&fake, out.path(), SECRET, &head, 1);
        c.current_dir(repo.path());
        pushed(&fake, &mut c, out.path(), (&before, &head));
        let said = ran(c.args(["check", "--comment", "--status"]), 1);
        let third = format!("head {} commit 3 of the push", &all[2][..9]);
        assert!(said.contains(&third), "{rules:?} {said}");
        assert!(
            said.contains(&format!("git revert {}", &all[2][..9])),
            "{said}"
        );
        // A push has no pull request to comment on; its status is the head's.
        assert!(fake.ours().is_empty());
        let s = fake.state();
        assert_eq!(s.statuses.len(), 1, "{rules:?} {:?}", s.log);
        assert_eq!(s.statuses[0]["sha"], json!(head), "{rules:?}");
        let state = s.statuses[0]["state"].as_str().unwrap();
        assert!(state.starts_with("fail"), "{state}");
    }
}
