//! What is said, and that it is true: verdicts, their words, and what a search rests on.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Ran, Repo, from_a_terminal, row};

/// A script outside the repository that starts `seq` of `{tree}/n`, times `factor`.
fn script(dir: &Path, factor: u64) -> PathBuf {
    let path = dir.join("count.sh");
    let text = format!("#!/bin/sh\nexec seq $(($(cat \"$1/n\") * {factor}))\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Commits whose file `n` holds these numbers; gives their names.
pub(crate) fn numbers(repo: &Repo, all: &[u64]) -> Vec<String> {
    let one = |(i, n): (usize, &u64)| {
        repo.write("n", &format!("{n}\n"));
        repo.commit(&format!("commit {i}: {n}"))
    };
    all.iter().enumerate().map(one).collect()
}

fn bisect_script(repo: &Repo, good: &str, script: &Path, more: &[&str]) -> Ran {
    let run = format!("{} {{tree}}", script.display());
    let mut args = vec!["bisect", good, "main", "--run", &run, "--bench", "b"];
    args.extend(["--limit", "5%"]);
    args.extend(more);
    repo.uptick(&args)
}

#[test]
fn a_script_edited_between_two_searches_is_another_benchmark() {
    let (repo, outside) = (Repo::new(), tempfile::tempdir().unwrap());
    let path = script(outside.path(), 1);
    let shas = numbers(&repo, &[2000, 2001, 2002, 2003, 2004, 2005]);
    // Nothing regresses in this range; some of it is measured with the first script.
    bisect_script(&repo, &shas[2], &path, &[]).exits(1);
    script(outside.path(), 3);
    let d = bisect_script(&repo, &shas[0], &path, &["--json"])
        .exits(1)
        .json();
    assert_eq!(d["outcome"], "no_regression", "{d:#}");
    assert_eq!(d["reused"], 0, "{d:#}");
    // Unedited, what is stored does; unless somebody wants every commit anew.
    let d = bisect_script(&repo, &shas[0], &path, &["--json"])
        .exits(1)
        .json();
    assert_eq!(d["measured"], 0, "{d:#}");
    let log = repo.uptick(&["bisect", "log"]).exits(0).stdout;
    assert!(log.contains("(stored)"), "{log}");
    let d = bisect_script(&repo, &shas[0], &path, &["--json", "--fresh"])
        .exits(1)
        .json();
    assert_eq!(d["measured"], 2, "{d:#}");
}

#[test]
fn an_answer_that_its_verification_contradicts_is_not_found() {
    // What the program reads is named nowhere: only measuring again can tell.
    let (repo, outside) = (Repo::new(), tempfile::tempdir().unwrap());
    let factor = outside.path().join("factor");
    std::fs::write(&factor, "1").unwrap();
    let path = outside.path().join("count.sh");
    let text = format!(
        "#!/bin/sh\nd={}\nread f < $d/factor\nexec seq $(($(cat \"$1/n\") * f))\n",
        outside.path().display()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = format!("sh -c '{} {{tree}}'", path.display());
    let shas = numbers(&repo, &[2000, 2001, 2002, 2003]);
    let search = |good: &str, bad: &str| {
        repo.uptick(&["bisect", good, bad, "--run", &run, "--bench", "b", "--json"])
    };
    search(&shas[0], &shas[1]).exits(1);
    std::fs::write(&factor, "3").unwrap();
    let d = search(&shas[0], "main").exits(3).json();
    assert_eq!(d["outcome"], "contradicted", "{d:#}");
    assert_eq!(d["verified"], false, "{d:#}");
    assert!(d["culprit"].is_null() && d["undo"].is_null(), "{d:#}");
    let ran = repo.uptick(&["bisect", "--resume"]).exits(3);
    assert!(ran.stdout.starts_with("NOT CONFIRMED: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("--fresh"), "{}", ran.stdout);
}

#[test]
fn a_program_that_is_nowhere_is_said_before_any_build() {
    let repo = Repo::new();
    let shas = numbers(&repo, &[1, 2, 3]);
    let refused = |run: &str, more: &[&str]| {
        let mut args = vec!["bisect", &shas[0], "main", "--run", run];
        args.extend(more);
        repo.uptick(&args).exits(2)
    };
    refused("./nowhere 3", &[]).says(&["there is no ./nowhere", "GOOD", "BAD"]);
    refused("/nowhere/at/all", &[]).says(&["there is no /nowhere/at/all"]);
    refused("no-such-program-here", &[]).says(&["search path"]);
    repo.write("mine.sh", "#!/bin/sh\n");
    refused("./mine.sh", &[]).says(&["the one in your directory is", "mine.sh"]);
    let built = refused("./nowhere", &["--build", "true"]);
    built.says(&["BAD", "has no such program"]);
    assert!(!repo.path().join(".uptick/worker-1").exists());
}

#[test]
fn a_bare_number_that_may_be_a_percentage_is_asked_about_everywhere() {
    let repo = Repo::with_command();
    for args in [
        &["check", "--limit", "1"][..],
        &["compare", "HEAD", "--limit", "15"],
        &["bisect", "HEAD", "HEAD", "--bench", "work", "--limit", "1"],
        &["replay", "--limit", "2"],
        &["changes", "--floor", "1"],
        &["replay", "--floor", "0.5"],
    ] {
        let ran = repo.uptick(args).exits(2);
        let said = ran.stderr.contains(" % or ") && ran.stderr.contains("%\"");
        assert!(said, "{args:?}: {}", ran.stderr);
    }
    repo.write("uptick.toml", "[limits]\ninstructions = 1\n");
    repo.uptick(&["check"])
        .exits(2)
        .says(&["line 2", "1 % or 100 %"]);
    repo.uptick(&["bisect", "HEAD", "HEAD", "--jobs", "0"])
        .exits(2);
}

/// A configuration in which every setting that changes what git prints, or runs a program, is
/// set; the programs leave a mark.
fn hostile(dir: &Path) -> (PathBuf, PathBuf) {
    let (mark, evil) = (dir.join("mark"), dir.join("evil"));
    let text = format!("#!/bin/sh\necho \"$0 $*\" >> {}\n", mark.display());
    std::fs::write(&evil, text).unwrap();
    std::fs::set_permissions(&evil, std::fs::Permissions::from_mode(0o755)).unwrap();
    let hooks = dir.join("hooks");
    std::fs::create_dir(&hooks).unwrap();
    for hook in [
        "post-checkout",
        "reference-transaction",
        "post-index-change",
    ] {
        std::fs::copy(&evil, hooks.join(hook)).unwrap();
    }
    let config = dir.join("config");
    let at = |p: &Path| p.display().to_string();
    let text = HOSTILE
        .replace("@EVIL@", &at(&evil))
        .replace("@HOOKS@", &at(&hooks))
        .replace("@DIR@", &at(dir));
    std::fs::write(&config, &text).unwrap();
    std::fs::write(
        dir.join("included"),
        "[color]\n\tui = always\n\tdiff = always\n",
    )
    .unwrap();
    (config, mark)
}

const HOSTILE: &str = r#"
[log]
    showSignature = true
    decorate = full
    date = relative
    mailmap = true
    abbrevCommit = true
    follow = true
    showRoot = false
[gpg]
    program = @EVIL@
[gpg "ssh"]
    program = @EVIL@
[core]
    pager = @EVIL@
    editor = @EVIL@
    hooksPath = @HOOKS@
    fsmonitor = @EVIL@
    quotePath = true
    autocrlf = true
    abbrev = 4
    attributesFile = @DIR@/attributes
    alternateRefsCommand = @EVIL@
    sparseCheckout = true
[color]
    ui = always
    diff = always
    grep = always
    status = always
[column]
    ui = always
[diff]
    external = @EVIL@
    noprefix = true
    mnemonicPrefix = true
    renames = copies
    context = 9
    interHunkContext = 99
    algorithm = histogram
    relative = true
    submodule = log
    colorMoved = zebra
    orderFile = @DIR@/included
    suppressBlankEmpty = true
[diff "evil"]
    textconv = @EVIL@
    command = @EVIL@
[status]
    branch = true
    short = true
    showStash = true
    relativePaths = true
    submoduleSummary = true
    showUntrackedFiles = all
[grep]
    lineNumber = true
    column = true
    fullName = true
    patternType = fixed
[trailer]
    separators = "="
[diff "evil"]
    xfuncname = "^never"
[format]
    pretty = oneline
[i18n]
    logOutputEncoding = UTF-16
[submodule]
    recurse = true
[fetch]
    recurseSubmodules = true
    prune = true
    all = true
[init]
    templateDir = @HOOKS@
    defaultObjectFormat = sha256
[feature]
    manyFiles = true
[core]
    splitIndex = true
[worktree]
    guessRemote = true
    useRelativePaths = true
[checkout]
    defaultRemote = nowhere
    guess = true
[merge]
    conflictStyle = diff3
[alias]
    log = !@EVIL@
    rev-parse = !@EVIL@
[includeIf "gitdir:**"]
    path = @DIR@/included
"#;

/// Some numbers of a repository and what `check` says of its head.
fn readings(repo: &Repo, change: impl Fn(&mut std::process::Command)) -> Vec<String> {
    let ask = |args: &[&str], code: i32| repo.uptick_with(args, &change).exits(code);
    let mut said: Vec<String> = ["HEAD~2", "HEAD"]
        .map(|rev| ask(&["run", rev, "--fresh"], 0).stdout)
        .into();
    let check = ask(&["check", "--json"], 1).json();
    said.push(row(&check, "work").to_string());
    for what in ["outcome", "base", "notes"] {
        said.push(check[what].to_string());
    }
    let found = ask(
        &["bisect", "HEAD~2", "HEAD", "--bench", "work", "--json"],
        0,
    )
    .json();
    for what in ["outcome", "culprit", "likely", "undo", "functions"] {
        said.push(found[what].to_string());
    }
    said.push(ask(&["log", "work"], 0).stdout);
    said
}

#[test]
fn no_setting_of_git_changes_what_is_read_or_runs_a_program() {
    let dir = tempfile::tempdir().unwrap();
    let (config, mark) = hostile(dir.path());
    let repo = Repo::with_command();
    let toml = crate::support::COMMAND.replace("-O1", "-O1 -g");
    repo.write("uptick.toml", &toml);
    repo.write(".gitattributes", "*.c diff=evil text\n");
    repo.write("ä/ö.txt", "a name to quote");
    repo.commit("a second");
    repo.work(2000);
    let key = dir.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    repo.git(&["add", "-A"]);
    let signing = format!("user.signingkey={}.pub", key.display());
    if made.is_ok_and(|s| s.success()) {
        repo.git(&[
            "-c",
            "gpg.format=ssh",
            "-c",
            &signing,
            "commit",
            "-q",
            "-S",
            "-m",
            "a third",
        ]);
    } else {
        repo.commit("a third");
    }
    let calm = readings(&repo, |_| {});
    assert!(calm.iter().any(|s| s.contains("work.c")), "{calm:?}");
    let state = repo.state();
    let troubled = readings(&repo, |c| {
        c.env("GIT_CONFIG_GLOBAL", &config)
            .env("GIT_EXTERNAL_DIFF", dir.path().join("evil"))
            .env("GIT_PAGER", dir.path().join("evil"))
            .env("GIT_DIFF_OPTS", "-u7")
            .env("GIT_TRACE", "2")
            .env("GIT_NOGLOB_PATHSPECS", "1")
            .env("GIT_DEFAULT_HASH", "sha256")
            .env("GIT_DIR", "/nowhere");
    });
    assert_eq!(calm, troubled);
    assert_eq!(state, repo.state());
    let ran = std::fs::read_to_string(&mark).unwrap_or_default();
    assert_eq!(ran, "", "programs that git ran");
    // The same from the repository's own configuration, which outranks the user's.
    let text = std::fs::read_to_string(&config).unwrap();
    let own = repo.path().join(".git/config");
    let before = std::fs::read_to_string(&own).unwrap();
    std::fs::write(&own, format!("{before}{text}")).unwrap();
    let here = readings(&repo, |_| {});
    std::fs::write(&own, before).unwrap();
    assert_eq!(calm, here);
    let ran = std::fs::read_to_string(&mark).unwrap_or_default();
    assert_eq!(ran, "", "programs that git ran");
}

const COUNTED: &str = "[suite]\ncriterion = false\n[[command]]\nname = \"b\"\n\
    build = \"test ! -e broken || { echo it is broken; false; }\"\nrun = \"sh count.sh\"\n";

/// A repository with one benchmark, whose cost is what the file `n` says.
pub(crate) fn counted(n: u64) -> Repo {
    let repo = Repo::new();
    repo.write("uptick.toml", COUNTED);
    repo.write("count.sh", "exec seq $(cat n)\n");
    numbers(&repo, &[n]);
    repo
}

/// A clone of some references, as a CI system makes it: detached, without `origin/HEAD`.
pub(crate) fn ci_clone(of: &Repo, refs: &[&str], at: &str, depth: Option<&str>) -> Repo {
    let clone = Repo::new();
    let url = format!("file://{}", of.path().display());
    let mut args = vec!["fetch", "-q"];
    args.extend(depth);
    args.push(&url);
    args.extend(refs);
    clone.git(&args);
    clone.git(&["remote", "add", "origin", &url]);
    clone.git(&["checkout", "-q", "--detach", at]);
    clone
}

const HEADS: &str = "+refs/heads/*:refs/remotes/origin/*";
const MERGE: &str = "+refs/pull/7/merge:refs/remotes/pull/7/merge";

/// A pull request of a text file onto `release-1.x`, whose benchmark costs twice what it does on
/// `main`; `refs/pull/7/merge` is what the forge made of it.
fn pull_request() -> Repo {
    let repo = counted(2000);
    repo.git(&["checkout", "-q", "-b", "release-1.x"]);
    numbers(&repo, &[6000]);
    repo.git(&["checkout", "-q", "-b", "pr"]);
    repo.write("NOTES.txt", "doc");
    repo.commit("the pull request: a text");
    repo.git(&["checkout", "-q", "release-1.x"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge pr", "pr"]);
    repo.git(&["update-ref", "refs/pull/7/merge", "HEAD"]);
    repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
    repo.git(&["checkout", "-q", "main"]);
    numbers(&repo, &[2001]);
    repo
}

#[test]
fn a_pull_request_is_judged_against_its_own_target() {
    let forge = pull_request();
    let target = forge.git(&["rev-parse", "release-1.x"]);
    let whole = ci_clone(&forge, &[HEADS, MERGE], "refs/remotes/pull/7/merge", None);
    let base = |repo: &Repo, variables: &[(&str, &str)]| {
        let check = |c: &mut std::process::Command| {
            c.envs(variables.iter().copied());
        };
        let d = repo
            .uptick_with(&["check", "--json"], check)
            .exits(0)
            .json();
        d["base"]["sha"].as_str().unwrap().to_string()
    };
    for variables in [
        &[
            ("GITHUB_BASE_REF", "release-1.x"),
            ("GITHUB_REF", "refs/pull/7/merge"),
        ][..],
        &[("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "release-1.x")],
        &[("BITBUCKET_PR_DESTINATION_BRANCH", "release-1.x")],
        &[("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/release-1.x")],
    ] {
        assert_eq!(base(&whole, variables), target, "{variables:?}");
        // The head of the pull request rather than the merge of it.
        whole.git(&["checkout", "-q", "--detach", "refs/remotes/origin/pr"]);
        assert_eq!(base(&whole, variables), target, "{variables:?}");
        whole.git(&["checkout", "-q", "--detach", "refs/remotes/pull/7/merge"]);
    }
    // Two commits deep, and no branch of the forge: the merge has its target for a parent.
    let two = ci_clone(
        &forge,
        &[MERGE],
        "refs/remotes/pull/7/merge",
        Some("--depth=2"),
    );
    let github = [
        ("GITHUB_BASE_REF", "release-1.x"),
        ("GITHUB_REF", "refs/pull/7/merge"),
    ];
    assert_eq!(base(&two, &github), target);
}

#[test]
fn a_clone_without_the_target_says_the_command_that_mends_it() {
    let forge = pull_request();
    let refused = |repo: &Repo, variables: &[(&str, &str)], words: &[&str]| {
        let check = |c: &mut std::process::Command| {
            c.envs(variables.iter().copied());
        };
        repo.uptick_with(&["check"], check).exits(3).says(words);
    };
    let github = [
        ("GITHUB_BASE_REF", "release-1.x"),
        ("GITHUB_REF", "refs/pull/7/merge"),
    ];
    let one = ci_clone(
        &forge,
        &[MERGE],
        "refs/remotes/pull/7/merge",
        Some("--depth=1"),
    );
    refused(&one, &github, &["git fetch --unshallow", "fetch-depth: 0"]);
    let only = "+refs/heads/pr:refs/remotes/origin/pr";
    let pr = ci_clone(&forge, &[only], "refs/remotes/origin/pr", None);
    let gitlab = [("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "release-1.x")];
    refused(&pr, &gitlab, &["git fetch origin release-1.x", "--base"]);
}

#[test]
fn every_commit_of_a_push_is_judged_and_the_worst_is_named() {
    let forge = counted(2000);
    let before = forge.git(&["rev-parse", "HEAD"]);
    let shas = numbers(&forge, &[3000, 6000, 6000, 1500]);
    let clone = ci_clone(&forge, &[HEADS], "refs/remotes/origin/main", None);
    let event = clone.path().join(".git/event.json");
    let text = format!("{{\"before\":\"{before}\",\"after\":\"{}\"}}", shas[3]);
    std::fs::write(&event, text).unwrap();
    let push = |c: &mut std::process::Command| {
        c.env("GITHUB_EVENT_PATH", &event)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_REF", "refs/heads/main");
    };
    // All in all it costs less; two of the commits cost more.
    let d = clone
        .uptick_with(&["check", "--json"], push)
        .exits(1)
        .json();
    assert_eq!(d["head"]["sha"], shas[1].as_str(), "{d:#}");
    assert_eq!(d["base"]["sha"], shas[0].as_str());
    let notes = d["notes"].to_string();
    assert!(
        notes.contains(&shas[0][..9]) && !notes.contains(&shas[2][..9]),
        "{notes}"
    );
    let text = clone.uptick_with(&["check"], push).exits(1).stdout;
    assert!(
        text.contains(&format!("undo       git revert {}\n", &shas[1][..9])),
        "{text}"
    );
    // Of a rewritten branch the push brought what the old and the new one do not share; where
    // that cannot be told, only the last commit is judged, and it is said.
    forge.git(&["checkout", "-q", "-b", "old", &before]);
    let old = numbers(&forge, &[2100]).remove(0);
    forge.git(&["checkout", "-q", "main"]);
    clone.git(&["fetch", "-q", "origin", HEADS]);
    std::fs::write(&event, format!("{{\"before\":\"{old}\"}}")).unwrap();
    let forced = clone.uptick_with(&["check", "--json"], push).exits(1);
    assert_eq!(forced.json()["head"]["sha"], shas[1].as_str());
    let gone = format!("{{\"before\":\"{}\"}}", "1".repeat(40));
    for (event_says, said) in [
        (gone.as_str(), "is not in this clone"),
        ("{", "cannot be read"),
    ] {
        std::fs::write(&event, event_says).unwrap();
        let named = |c: &mut std::process::Command| {
            push(c);
            c.env("GITHUB_EVENT_NAME", "push");
        };
        let d = clone
            .uptick_with(&["check", "--json"], named)
            .exits(0)
            .json();
        assert_eq!(d["head"]["sha"], shas[3].as_str(), "{d:#}");
        let notes = d["notes"].to_string();
        assert!(
            notes.contains(said) && notes.contains("only the last commit"),
            "{notes}"
        );
    }
    // A message later in the push may accept what an earlier commit costs.
    forge.git(&[
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "why\n\nUptick-Accept: b it must",
    ]);
    clone.git(&["fetch", "-q", "origin", HEADS]);
    clone.git(&["checkout", "-q", "--detach", "refs/remotes/origin/main"]);
    std::fs::write(&event, format!("{{\"before\":\"{before}\"}}")).unwrap();
    let d = clone
        .uptick_with(&["check", "--json"], push)
        .exits(0)
        .json();
    assert_eq!(d["base"]["sha"], before.as_str(), "{d:#}");
}

#[test]
fn a_push_is_judged_whole_however_long_and_whatever_is_checked_out() {
    let forge = counted(2000);
    let before = forge.git(&["rev-parse", "HEAD"]);
    let first = numbers(&forge, &[4000, 4001]);
    let rest: Vec<u64> = [vec![2000], vec![2001; 49]].concat();
    let rest = numbers(&forge, &rest);
    let clone = ci_clone(&forge, &[HEADS], "refs/remotes/origin/main", None);
    let check = |variables: &[(&str, &str)], code| {
        let set = |c: &mut std::process::Command| {
            c.envs(variables.iter().copied());
        };
        let ran = clone.uptick_with(&["check", "--json"], set);
        ran.exits(code).json()
    };
    // Two of the 52 are judged together, by the second.
    let range = format!("{before}...{}", rest[49]);
    let d = check(&[("TRAVIS_COMMIT_RANGE", &range)], 1);
    assert_eq!(d["head"]["sha"], first[1].as_str(), "{d:#}");
    assert_eq!(d["base"]["sha"], before.as_str());
    let notes = d["notes"].to_string();
    assert!(notes.contains("the first 2 of 52 commits"), "{notes}");
    // The newest of the branch is checked out, and the event is of an earlier push.
    let event = clone.path().join(".git/event.json");
    let text = format!(r#"{{"before":"{before}","after":"{}"}}"#, first[0]);
    std::fs::write(&event, text).unwrap();
    let path = event.to_str().unwrap();
    let d = check(
        &[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_PATH", path)],
        1,
    );
    assert_eq!(d["head"]["sha"], first[1].as_str(), "{d:#}");
    // A CI system that says nothing of what came before.
    let d = check(&[("TF_BUILD", "True")], 0);
    let notes = d["notes"].to_string();
    assert!(notes.contains("only the last commit"), "{notes}");
    // A commit is what its hash says, whatever the clone puts in its place.
    clone.git(&["replace", &before, &first[0]]);
    let d = check(&[("TRAVIS_COMMIT_RANGE", &range)], 1);
    assert_eq!(d["head"]["sha"], first[1].as_str(), "{d:#}");
}

#[test]
fn a_default_branch_of_another_name_is_found() {
    let forge = counted(2000);
    forge.git(&["branch", "-q", "-m", "main", "next"]);
    let fork = forge.git(&["rev-parse", "HEAD"]);
    forge.git(&["checkout", "-q", "-b", "work"]);
    numbers(&forge, &[2001]);
    let head = numbers(&forge, &[2002]).remove(0);
    forge.git(&["checkout", "-q", "next"]);
    numbers(&forge, &[2003]);
    // The only branch there is.
    let next = "+refs/heads/next:refs/remotes/origin/next";
    let clone = ci_clone(&forge, &[next, "refs/heads/work"], &head, None);
    let d = clone.uptick(&["check", "--json"]).exits(0).json();
    assert_eq!(d["base"]["sha"], fork.as_str(), "{d:#}");
    // Of several, the one that the event names.
    let clone = ci_clone(&forge, &[HEADS], &head, None);
    let event = clone.path().join(".git/event.json");
    std::fs::write(&event, r#"{"repository":{"default_branch":"next"}}"#).unwrap();
    let named = |c: &mut std::process::Command| {
        c.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_PATH", &event);
    };
    let d = clone
        .uptick_with(&["check", "--json"], named)
        .exits(0)
        .json();
    assert_eq!(d["base"]["sha"], fork.as_str(), "{d:#}");
    // The one that the remote names, without a word.
    let ran = clone.uptick(&["check"]).exits(0);
    assert!(
        ran.stdout.contains("merge-base with origin/next)"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    // What nobody names is said.
    std::fs::rename(forge.path().join(".git"), forge.path().join("gone")).unwrap();
    let d = clone.uptick(&["check", "--json"]).exits(0).json();
    let how = d["base"]["how"].as_str().unwrap();
    assert_eq!(how, "first parent, no default branch found");
    let loud = d["notes"][0].as_str().unwrap();
    assert!(
        loud.contains("no default branch is known") && loud.contains("set-head"),
        "{loud}"
    );
}

#[test]
fn a_base_that_was_named_is_never_replaced_and_others_only_by_one_with_the_benchmark() {
    let repo = Repo::new();
    repo.write("uptick.toml", COUNTED);
    repo.commit("no benchmark yet");
    repo.write("count.sh", "exec seq $(cat n)\n");
    let good = numbers(&repo, &[2000]).remove(0);
    repo.write("broken", "");
    repo.commit("broken");
    repo.commit("broken still");
    std::fs::remove_file(repo.path().join("broken")).unwrap();
    numbers(&repo, &[2001]);
    let ran = repo.uptick(&["compare", "HEAD~1"]).exits(4);
    let ran = ran.says(&["the baseline", "it is broken"]);
    assert!(!ran.stderr.contains("before it"), "{}", ran.stderr);
    let d = repo.uptick(&["check", "--json"]).exits(0);
    assert_eq!(d.json()["base"]["sha"], good.as_str());
    d.says(&["does not build", "looking at the commits before it"]);
    // Before the benchmark there is nothing to compare with.
    repo.git(&["checkout", "-q", "--orphan", "other"]);
    std::fs::remove_file(repo.path().join("count.sh")).unwrap();
    repo.commit("no benchmark");
    for i in 0..3 {
        repo.write("broken", &format!("{i}"));
        repo.commit("broken");
    }
    std::fs::remove_file(repo.path().join("broken")).unwrap();
    repo.write("count.sh", "exec seq $(cat n)\n");
    repo.commit("it has one");
    repo.git(&["branch", "-q", "-D", "main"]);
    repo.uptick(&["check"])
        .exits(4)
        .says(&["the baseline", "it is broken"]);
}

#[test]
fn a_branch_that_took_the_main_line_in_is_searched_by_its_own_commits() {
    let repo = Repo::new();
    repo.write("uptick.toml", COUNTED);
    repo.write("count.sh", "exec seq $(($(cat n) * $(cat m)))\n");
    repo.write("m", "1\n");
    let start = numbers(&repo, &[20000]).remove(0);
    let main_costs = |m: u64| {
        repo.write("m", &format!("{m}\n"));
        repo.commit(&format!("main: times {m}"));
    };
    repo.git(&["checkout", "-q", "-b", "topic"]);
    // The branch goes up, takes the main line in, goes down, takes it in again, goes far up.
    numbers(&repo, &[20001, 60000, 60001]);
    repo.git(&["checkout", "-q", "main"]);
    main_costs(2);
    let back_merge = |subject: &str| {
        repo.git(&["checkout", "-q", "topic"]);
        repo.git(&["merge", "-q", "--no-ff", "-m", subject, "main"]);
    };
    back_merge("back-merge one");
    numbers(&repo, &[2000, 2001]);
    repo.git(&["checkout", "-q", "main"]);
    main_costs(3);
    back_merge("back-merge two");
    let own = numbers(&repo, &[2002, 2003, 90000, 90001, 90002]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("other.txt", "main goes on");
    repo.commit("main goes on");
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge topic", "topic"]);
    let merge = repo.git(&["rev-parse", "HEAD"]);
    let args = ["bisect", &start, "main", "--bench", "b", "--json"];
    let d = repo.uptick(&args).exits(0).json();
    assert_eq!(d["culprit"]["sha"], own[2].as_str(), "{d:#}");
    assert_eq!(d["merged_by"]["sha"], merge.as_str());
    assert_eq!(d["verified"], true);
    // 16 commits: the bound for a line of so many is 6 builds.
    assert!(d["measured"].as_u64().unwrap() <= 15, "{d:#}");
    let text = repo.uptick(&args[..5]).exits(0).stdout;
    assert!(text.contains("0 commits measured in a range of"), "{text}");
    assert!(!text.contains("culprit known after"), "{text}");
}

#[test]
fn undo_names_the_change_and_nothing_else() {
    let repo = counted(2000);
    let undo = |args: &[&str], code: i32| {
        let said = repo.uptick(args).exits(code).stdout;
        let line = said.lines().find(|l| l.trim_start().starts_with("undo"));
        (line.map(|l| l.trim().to_string()), said)
    };
    repo.git(&["checkout", "-q", "-b", "topic"]);
    numbers(&repo, &[6000]);
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge topic", "topic"]);
    let merge = repo.git(&["rev-parse", "HEAD"]);
    let (line, said) = undo(&["check"], 1);
    let want = format!("undo       git revert -m 1 {}", &merge[..9]);
    assert_eq!(line.as_deref(), Some(want.as_str()), "{said}");
    // Of several commits one is to blame: which, a search says.
    numbers(&repo, &[6001]);
    let (line, said) = undo(&["check", "--base", "HEAD~2"], 1);
    assert_eq!(line, None, "{said}");
    assert!(said.contains("uptick bisect "), "{said}");
    // A gain is taken back by nobody.
    numbers(&repo, &[2000]);
    let (line, said) = undo(&["bisect", "HEAD~1", "HEAD", "--bench", "b", "--fixed"], 0);
    assert_eq!(line, None, "{said}");
}

#[test]
fn what_failed_is_never_called_ok() {
    let repo = counted(2000);
    let more = "[[command]]\nname = \"c\"\nrun = \"sh fails.sh\"\n";
    repo.write("uptick.toml", &format!("{COUNTED}{more}"));
    repo.write("fails.sh", "seq 10\n");
    repo.commit("another benchmark");
    repo.write("fails.sh", "exit 3\n");
    repo.commit("it fails");
    let ran = repo.uptick(&["check"]).exits(4);
    let first = ran.stdout.lines().next().unwrap();
    assert_eq!(
        first,
        "FAILED: 1 benchmark gave no number, none of 1 other regressed"
    );
    let d = repo.uptick(&["check", "--json"]).exits(4).json();
    assert_eq!(d["outcome"], "no_verdict");
}

#[test]
fn an_interrupted_search_says_how_to_go_on() {
    let repo = counted(2000);
    repo.write(
        "uptick.toml",
        &COUNTED.replace("test ! -e broken", "sh -c 'sleep 61.237; true'"),
    );
    repo.commit("builds slowly");
    numbers(&repo, &[2001]);
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let search = repo.command(&["bisect", "HEAD~1", "HEAD", "--bench", "b"]);
        let mut search = from_a_terminal(&search);
        let child = search.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let pid = child.id().to_string();
        std::thread::sleep(std::time::Duration::from_secs(3));
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &pid])
            .status();
        assert!(sent.unwrap().success());
        let out = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{said}");
        assert!(said.contains("`uptick bisect --resume` goes on"), "{said}");
        // Nor does what its build had started.
        let gone = (0..50).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(40));
            !runs("sleep\x0061.237\0")
        });
        assert!(gone, "a process of the build goes on");
    }
}

#[test]
fn who_is_told_to_outlive_the_terminal_does() {
    let repo = counted(2000);
    let slow = COUNTED.replace("test ! -e broken", "sleep 4");
    repo.write("uptick.toml", &slow);
    repo.commit("builds slowly");
    let run = repo.command(&["run"]);
    let mut ignoring = std::process::Command::new("sh");
    ignoring
        .args([
            "-c",
            "trap '' HUP; \"$0\" \"$@\" & sleep 2; kill -HUP $!; wait $!",
        ])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(repo.path());
    for (removed, _) in run.get_envs() {
        ignoring.env_remove(removed);
    }
    let out = ignoring.output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{said}");
}

/// Whether a process with that command line runs, its words ended by NUL.
fn runs(words: &str) -> bool {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let line = |e: std::fs::DirEntry| std::fs::read(e.path().join("cmdline")).unwrap_or_default();
    all.map(line).any(|l| l == words.as_bytes())
}

#[test]
fn two_at_once_measure_a_commit_once_and_say_so() {
    let repo = Repo::new();
    repo.write(
        "uptick.toml",
        &COUNTED.replace("test ! -e broken", "sleep 3"),
    );
    repo.write("count.sh", "exec seq $(cat n)\n");
    numbers(&repo, &[2000]);
    let start = || {
        let mut c = repo.command(&["run", "HEAD"]);
        let piped = std::process::Stdio::piped;
        c.stdout(piped()).stderr(piped()).spawn().unwrap()
    };
    let both = [start(), start()].map(|c| c.wait_with_output().unwrap());
    let said: Vec<String> = both
        .iter()
        .map(|o| String::from_utf8_lossy(&o.stderr).into_owned())
        .collect();
    assert!(both.iter().all(|o| o.status.success()), "{said:?}");
    let waited = said
        .iter()
        .filter(|s| s.contains("another uptick measures"));
    assert_eq!(waited.count(), 1, "{said:?}");
    assert_eq!(both[0].stdout, both[1].stdout);
}

#[test]
fn the_release_of_another_package_is_none_of_ours() {
    let repo = counted(2000);
    repo.tag("v1.0.0");
    numbers(&repo, &[2001]);
    repo.tag("lexer-v2.0.0");
    numbers(&repo, &[2002, 2003]);
    let hints =
        |repo: &Repo| repo.uptick(&["check", "--json"]).exits(0).json()["hints"].to_string();
    let said = hints(&repo);
    assert!(said.contains("v1.0.0") && !said.contains("lexer"), "{said}");
    let toml = format!("{COUNTED}\n").replace("[suite]\n", "[suite]\npackages = [\"lexer\"]\n");
    repo.write("uptick.toml", &toml);
    let said = hints(&repo);
    assert!(said.contains("lexer-v2.0.0"), "{said}");
}

/// The target has a cost by its own commit, and took in a part of the branch that has it not.
#[test]
fn of_several_merge_bases_the_target_s_own_is_the_baseline() {
    let repo = Repo::with_command();
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("a.txt", "1");
    let text = repo.commit("a text");
    repo.git(&["checkout", "-q", "main"]);
    repo.work(5000);
    let slow = repo.commit("slow, on the target");
    repo.git(&["merge", "-q", "-m", "takes the text", &text]);
    repo.git(&["checkout", "-q", "side"]);
    repo.git(&["merge", "-q", "-m", "takes the target", &slow]);
    repo.write("b.txt", "1");
    repo.commit("another text");
    let d = repo.uptick(&["check", "--json"]).exits(0).json();
    assert_eq!(d["base"]["sha"], slow.as_str(), "{d:#}");
}

#[test]
fn a_branch_that_the_configuration_names_and_the_clone_lacks_is_no_other_one() {
    let repo = Repo::with_command();
    let toml = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    repo.write(
        "uptick.toml",
        &format!("[baseline]\nbranch = \"trunk-2\"\n{toml}"),
    );
    repo.commit("another main line");
    repo.uptick(&["check"]).exits(3).says(&[
        "`trunk-2`",
        "git fetch origin trunk-2:refs/remotes/origin/trunk-2",
    ]);
    repo.git(&["branch", "trunk-2", "HEAD~"]);
    repo.uptick(&["check"]).exits(0);
    // The name of a remote's branch is one.
    repo.git(&["update-ref", "refs/remotes/origin/trunk-3", "HEAD~"]);
    repo.write(
        "uptick.toml",
        &format!("[baseline]\nbranch = \"origin/trunk-3\"\n{toml}"),
    );
    repo.commit("a third");
    repo.uptick(&["check"]).exits(0);
}

/// Nothing was counted where both ends are one build, and no number is said of it.
#[test]
fn two_ends_of_one_build_have_no_numbers() {
    let repo = Repo::with_command();
    repo.work(5000);
    repo.commit("slow");
    let ran = repo
        .uptick(&[
            "bisect",
            "HEAD~",
            "HEAD",
            "--bench",
            "work",
            "--overlay",
            "work.c",
        ])
        .exits(1);
    assert!(
        ran.stdout.contains("both ends are the same build") && !ran.stdout.contains("0 → 0"),
        "{}",
        ran.stdout
    );
}
