//! Ranges: newest first, resumable, unbuildable commits skipped, first parents only.

use std::process::Stdio;

use crate::support::Repo;

#[test]
fn a_backfill_goes_back_from_the_newest_and_skips_what_does_not_build() {
    let repo = Repo::with_command();
    let first = repo.git(&["rev-parse", "HEAD"]);
    for i in 1..=4 {
        if i == 2 {
            repo.write("work.c", "broken");
        } else {
            repo.work(1000 + i);
        }
        repo.commit(&format!("commit {i}"));
    }
    repo.git(&["checkout", "-q", "-b", "side", "HEAD~"]);
    repo.write("side.txt", "x");
    repo.commit("on the side");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let range = format!("{first}..HEAD");
    let d = repo.uptick(&["run", &range, "--json"]).exits(0).json();
    let commits = d["commits"].as_array().unwrap();
    let subjects: Vec<&str> = commits
        .iter()
        .map(|c| c["subject"].as_str().unwrap())
        .collect();
    assert_eq!(
        subjects,
        ["merge", "commit 4", "commit 3", "commit 2", "commit 1"]
    );
    let broken = &commits[3];
    // A command that does not build is that benchmark's failure, recorded with its reason.
    assert_eq!(broken["failures"][0]["stage"], "build");
    let positions: Vec<u64> = commits
        .iter()
        .map(|c| c["position"].as_u64().unwrap())
        .collect();
    assert_eq!(positions, [5, 4, 3, 2, 1]);
    // Again: everything is known, and nothing is built.
    let again = repo.uptick(&["run", &range, "--json"]).exits(0).json();
    assert_eq!(d["commits"], again["commits"]);
    let log = repo.uptick(&["log", "work"]).exits(0).stdout;
    assert!(log.lines().count() >= 4, "{log}");
    assert!(log.lines().all(|l| l.chars().count() <= 100), "{log}");
}

#[test]
fn a_killed_backfill_goes_on_where_it_was() {
    let repo = Repo::with_command();
    let first = repo.git(&["rev-parse", "HEAD"]);
    for i in 1..=6 {
        repo.work(1000 + i);
        repo.commit(&format!("commit {i}"));
    }
    let state = repo.state();
    let range = format!("{first}..HEAD");
    let mut child = repo
        .command(&["run", &range])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Killed as soon as the second commit is said to be done.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let done: Vec<String> = lines.by_ref().take(2).map(Result::unwrap).collect();
    assert_eq!(done.len(), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    repo.uptick(&["verify"]).exits(0);
    let d = repo.uptick(&["run", &range, "--json"]).exits(0).json();
    assert_eq!(d["commits"].as_array().unwrap().len(), 6);
    let points = repo.uptick(&["log", "work", "--json"]).exits(0).json();
    // What was acknowledged before the kill was not measured again: one report a commit.
    assert_eq!(points["series"][0]["points"].as_array().unwrap().len(), 6);
    assert_eq!(state, repo.state());
}

#[test]
fn two_hundred_commits_that_change_nothing_raise_nothing() {
    let repo = Repo::with_command();
    let first = repo.git(&["rev-parse", "HEAD"]);
    for i in 0..200 {
        repo.write("notes.txt", &format!("{i}\n"));
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "-m", "notes"]);
    }
    let range = format!("{first}~0..HEAD");
    // Every tenth is enough to see the same numbers; all are judged below.
    repo.uptick(&["run", &first]).exits(0);
    let mut raised = 0;
    for back in [0, 1, 50, 198] {
        let head = format!("HEAD~{back}");
        let base = format!("HEAD~{}", back + 1);
        let d = repo
            .uptick(&["check", &head, "--base", &base, "--json"])
            .exits(0)
            .json();
        raised += usize::from(d["outcome"] != "ok");
    }
    assert_eq!(raised, 0);
    let d = repo.uptick(&["run", &range, "--json"]).exits(0).json();
    let values: std::collections::BTreeSet<String> = d["commits"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|c| c["measurements"].as_array().unwrap())
        .filter(|m| m["metric"] == "instructions")
        .map(|m| m["value"].to_string())
        .collect();
    assert_eq!(values.len(), 1, "{values:?}");
}

#[test]
fn a_commit_that_lacks_a_file_is_built_without_it_and_never_blamed_for_that() {
    let repo = Repo::with_command();
    let range = format!("{}..HEAD", repo.git(&["rev-parse", "HEAD"]));
    repo.write("big.bin", "what a partial clone may leave out");
    let unread = repo.commit("big");
    repo.write("part.c", "int part = 1;\n");
    let text = std::fs::read_to_string(repo.path().join("work.c")).unwrap();
    repo.write("work.c", &format!("#include \"part.c\"\n{text}"));
    repo.commit("in two parts");
    let object = |file: &str| {
        let blob = repo.git(&["rev-parse", &format!("HEAD:{file}")]);
        let (dir, name) = blob.split_at(2);
        repo.path().join(format!(".git/objects/{dir}/{name}"))
    };
    let away = repo.path().join(".git/away");
    let (big, part) = (object("big.bin"), object("part.c"));

    // Nothing reads it: the commit gives its number.
    std::fs::rename(&big, &away).unwrap();
    let ran = repo.uptick(&["run", &unread]).exits(0);
    ran.says(&["this clone lacks big.bin"]);
    std::fs::rename(&away, &big).unwrap();

    // The build reads it: no number, and none is remembered.
    std::fs::rename(&part, &away).unwrap();
    let missing = repo.uptick(&["run", &range]).exits(0);
    assert!(missing.stdout.contains("failed"), "{}", missing.stdout);
    std::fs::rename(&away, &part).unwrap();
    let there = repo.uptick(&["run", &range]).exits(0);
    assert!(!there.stdout.contains("failed"), "{}", there.stdout);
}

#[test]
fn a_pointer_of_git_lfs_is_no_content() {
    let repo = Repo::with_command();
    let pointer = |n: u32| {
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{n:064}\nsize {n}\n")
    };
    repo.write(".gitattributes", "*.bin filter=lfs\n");
    repo.write("a.bin", &pointer(1));
    repo.write("b.txt", &pointer(2));
    repo.commit("large");
    let said = repo.uptick(&["run"]).exits(0).stderr;
    assert!(said.contains("a.bin holds a pointer of git-lfs"), "{said}");
    assert!(
        !said.contains("b.txt") && !said.contains("more holds"),
        "{said}"
    );
    repo.write("a.bin", "the content\n");
    repo.commit("content");
    let said = repo.uptick(&["run"]).exits(0).stderr;
    assert!(!said.contains("git-lfs"), "{said}");
}
