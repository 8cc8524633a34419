//! What is said, and that it is true: verdicts, their words, and what a search rests on.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Ran, Repo};

/// A script outside the repository that starts `seq` of `{tree}/n`, times `factor`.
fn script(dir: &Path, factor: u64) -> PathBuf {
    let path = dir.join("count.sh");
    let text = format!("#!/bin/sh\nexec seq $(($(cat \"$1/n\") * {factor}))\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Commits whose file `n` holds these numbers; gives their names.
fn numbers(repo: &Repo, all: &[u64]) -> Vec<String> {
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
