//! Clones that lack what a check needs: branches that nobody fetched, remotes of other names.

use std::process::Command;

use crate::support::{Ran, Repo, git};
use crate::words::{ci_clone, counted, numbers};

/// A repository whose branch `pr` costs three times as much in its first commit, and nothing more in
/// its second; its default branch is called so.
fn forge(default: &str) -> Repo {
    let forge = counted(2000);
    forge.git(&["branch", "-q", "-m", "main", default]);
    numbers(&forge, &[2001]);
    forge.git(&["checkout", "-q", "-b", "pr"]);
    numbers(&forge, &[6000, 6001]);
    forge.git(&["checkout", "-q", default]);
    forge
}

/// A clone made with these options.
fn cloned(of: &Repo, options: &[&str]) -> Repo {
    let clone = Repo::new();
    let url = format!("file://{}", of.path().display());
    std::fs::remove_dir_all(clone.path().join(".git")).unwrap();
    clone_into(&clone, &url, options);
    clone
}

fn clone_into(clone: &Repo, url: &str, options: &[&str]) {
    let args = [&["clone", "-q"], options, &[url, "."]].concat();
    git(clone.path(), &args);
}

/// The remote, until it is gone.
fn lose(forge: &Repo) {
    std::fs::rename(forge.path().join(".git"), forge.path().join("gone")).unwrap();
}

fn with(repo: &Repo, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    repo.uptick_with(args, |c: &mut Command| {
        c.envs(variables.iter().copied());
    })
}

/// Runs the command between backticks that begins so.
#[track_caller]
fn run_said(repo: &Repo, ran: &Ran, begin: &str) {
    let mut parts = ran.stderr.split('`');
    let command = parts.find(|p| p.starts_with(begin)).expect(&ran.stderr);
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    repo.git(&words);
}

#[test]
fn a_clone_of_one_branch_does_not_take_it_for_the_default_one() {
    for (default, own) in [("main", "pr"), ("prod", "develop")] {
        let forge = forge(default);
        if own != "pr" {
            forge.git(&["branch", "-q", "-m", "pr", own]);
        }
        let single = ["--single-branch", "-b", own];
        let clone = cloned(&forge, &single);
        let absent = format!("the default branch, `{default}`, is not in this clone");
        let ran = clone.uptick(&["check"]).exits(3);
        let ran = ran.says(&[&absent, "uptick check --deepen"]);
        run_said(&clone, &ran, "git fetch");
        clone.uptick(&["check"]).exits(1);
        let clone = cloned(&forge, &single);
        clone.uptick(&["check", "--deepen"]).exits(1);
        // The default one is here, and is the only one.
        let clone = cloned(&forge, &["--single-branch", "-b", default]);
        clone.git(&["remote", "set-head", "origin", "--delete"]);
        let ran = clone.uptick(&["check"]).exits(0);
        assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
        let clone = cloned(&forge, &single);
        lose(&forge);
        let ran = clone.uptick(&["check"]).exits(0);
        let first = ran.stdout.lines().next().unwrap();
        assert!(first.len() < 120, "{first}");
        let note =
            "note: no default branch is known: this is judged against its first parent alone";
        assert!(ran.stdout.contains(note), "{}", ran.stdout);
    }
}

#[test]
fn a_default_branch_that_only_the_event_knows_is_fetched_or_asked_for() {
    let forge = forge("main");
    let only = "+refs/heads/pr:refs/remotes/origin/pr";
    let clone = || ci_clone(&forge, &[only], "refs/remotes/origin/pr", None);
    let before = forge.git(&["rev-parse", "pr~1"]);
    let gitlab = [("GITLAB_CI", "true"), ("CI", "true")];
    let branch = [("CI_DEFAULT_BRANCH", "main"), ("CI_COMMIT_BRANCH", "pr")];
    let pushed = [("CI_COMMIT_BEFORE_SHA", before.as_str())];
    for more in [&[][..], &pushed] {
        let variables = [&gitlab[..], &branch, more].concat();
        let clone = clone();
        let ran = with(&clone, &["check"], &variables).exits(3);
        ran.says(&["`main`, is not in this clone", "git fetch origin main:"]);
        with(&clone, &["check", "--deepen"], &variables).exits(1);
    }
    // What is pushed to it is judged from the tip before.
    let main = ci_clone(&forge, &["refs/heads/main"], "FETCH_HEAD", None);
    let before = forge.git(&["rev-parse", "main~1"]);
    let own = [
        ("CI_DEFAULT_BRANCH", "main"),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_COMMIT_BEFORE_SHA", &before),
    ];
    let ran = with(&main, &["check"], &[&gitlab[..], &own].concat()).exits(0);
    assert!(ran.stdout.contains("on main)"), "{}", ran.stdout);
}

#[test]
fn a_target_that_is_not_here_is_fetched_and_a_base_from_the_event_is_said() {
    let forge = forge("main");
    let only = "+refs/heads/pr:refs/remotes/origin/pr";
    let clone = || ci_clone(&forge, &[only], "refs/remotes/origin/pr", None);
    let stale = forge.git(&["rev-parse", "pr~1"]);
    let target = ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main");
    let base = ("CI_MERGE_REQUEST_DIFF_BASE_SHA", stale.as_str());
    let believed = clone();
    let ran = with(&believed, &["check"], &[target, base]).exits(0);
    assert!(ran.stdout.contains("may be out of date"), "{}", ran.stdout);
    with(&believed, &["check", "--deepen"], &[target, base]).exits(1);
    // Nor is anything but an ancestor a base.
    forge.git(&["checkout", "-q", "-b", "other", "pr~1"]);
    let beside = numbers(&forge, &[9000]).remove(0);
    let known = clone();
    known.git(&["fetch", "-q", "origin", "other"]);
    let base = ("CI_MERGE_REQUEST_DIFF_BASE_SHA", beside.as_str());
    let d = with(&known, &["check", "--json"], &[target, base]).exits(0);
    assert_eq!(d.json()["base"]["sha"], stale.as_str());
    let none = clone();
    with(&none, &["check"], &[target]).exits(3);
    with(&none, &["check", "--deepen"], &[target]).exits(1);
}

#[test]
fn a_remote_of_any_name_gives_the_rest() {
    let forge = forge("main");
    let clone = cloned(&forge, &["-o", "upstream", "--depth", "1", "-b", "pr"]);
    clone
        .uptick(&["check"])
        .exits(3)
        .says(&["git fetch upstream main:"]);
    let ran = clone.uptick(&["check", "--deepen"]).exits(1);
    assert!(ran.stdout.contains("upstream/main"), "{}", ran.stdout);
    // The branch's own, of several.
    let clone = cloned(&forge, &["-o", "upstream", "--depth", "1", "-b", "pr"]);
    clone.git(&["remote", "add", "other", "/no/such/place"]);
    clone.uptick(&["check", "--deepen"]).exits(1);
    // With another detached head nobody knows which.
    let clone = cloned(&forge, &["-o", "upstream", "--depth", "1", "-b", "pr"]);
    clone.git(&["remote", "add", "other", "/no/such/place"]);
    clone.git(&["checkout", "-q", "--detach"]);
    clone
        .uptick(&["check", "--deepen"])
        .exits(3)
        .says(&["git fetch --unshallow REMOTE"]);
}
