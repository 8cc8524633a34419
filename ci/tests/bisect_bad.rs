//! `uptick bisect` in the hands of programs that misbehave, and on a disk that is full.

use crate::support::{Ran, Repo};

/// A history of a first commit and eight more with that command and the program's `body` in each.
/// Gives the good end and the commit `at`, counted from 0 after the first.
fn history(
    toml: &str,
    at: usize,
    body: impl Fn(Option<usize>) -> String,
) -> (Repo, String, String) {
    let repo = Repo::new();
    repo.write("uptick.toml", toml);
    repo.write("work.c", &body(None));
    let good = repo.commit("first");
    let mut culprit = String::new();
    for i in 0..8 {
        repo.write("work.c", &format!("{}// {i}\n", body(Some(i))));
        let sha = repo.commit("more");
        if i == at {
            culprit = sha;
        }
    }
    (repo, good, culprit)
}

fn program(turns: u32, first: &str) -> String {
    format!(
        "#include <stdio.h>\n#include <unistd.h>\nint main(void) {{\n{first}\n    volatile unsigned x = 0;\n    for (unsigned i = 0; i < {turns}u; i++) x += i;\n    return 0;\n}}\n"
    )
}

fn toml(run: &str, suite: &str) -> String {
    format!(
        "[suite]\n{suite}\n[[command]]\nname = \"work\"\nbuild = \"cc -O1 -o work work.c\"\nrun = \"{run}\"\nclock = \"fixed\"\n"
    )
}

fn bisect(repo: &Repo, good: &str) -> Ran {
    repo.uptick(&["bisect", good, "main", "--bench", "work", "--json"])
}

#[test]
fn a_run_that_changes_its_own_worktree_is_survived() {
    let dirty = "    FILE *f = fopen(\"work.c\", \"a\");\n    if (f) { fputs(\"broken\", f); fclose(f); }\n    f = fopen(\"new.h\", \"w\");\n    if (f) fclose(f);";
    let (repo, good, culprit) = history(&toml("./work", ""), 5, |i| {
        program(if i >= Some(5) { 2000 } else { 1000 }, dirty)
    });
    let before = repo.state();
    let d = bisect(&repo, &good).exits(0).json();
    assert_eq!(d["culprit"]["sha"], culprit.as_str(), "{d:#}");
    assert_eq!(d["skipped"].as_array().unwrap().len(), 0, "{d:#}");
    assert_eq!(before, repo.state());
}

#[test]
fn a_run_that_hangs_is_a_hole_with_its_reason() {
    // The commit in the middle, which a search asks first, hangs; the culprit is the next but one.
    let (hung, at) = (3, 5);
    let (repo, good, culprit) = history(&toml("./work", "timeout = 3"), at, |i| {
        let hang = if i == Some(hung) {
            "    for (;;) sleep(1);"
        } else {
            ""
        };
        program(if i >= Some(at) { 2000 } else { 1000 }, hang)
    });
    let before = repo.state();
    let d = bisect(&repo, &good).exits(0).json();
    assert_eq!(d["culprit"]["sha"], culprit.as_str(), "{d:#}");
    let holes = d["skipped"].as_array().unwrap();
    assert_eq!(holes.len(), 1, "{d:#}");
    let sha = repo.git(&["rev-parse", &format!("main~{}", 7 - hung)]);
    assert_eq!(holes[0]["sha"], sha.trim(), "{d:#}");
    let why = holes[0]["why"].as_str().unwrap();
    assert!(why.contains("3 s"), "{why}");
    assert_eq!(before, repo.state());
}

#[test]
fn a_run_that_leaves_a_daemon_behind_is_not_waited_for() {
    let daemon = "    if (fork() == 0) { setsid(); sleep(600); _exit(0); }";
    let (repo, good, culprit) = history(&toml("./work", "timeout = 60"), 3, |i| {
        program(if i >= Some(3) { 2000 } else { 1000 }, daemon)
    });
    let d = bisect(&repo, &good).exits(0).json();
    assert_eq!(d["culprit"]["sha"], culprit.as_str(), "{d:#}");
    assert_eq!(d["skipped"].as_array().unwrap().len(), 0, "{d:#}");
}

/// A benchmark that `uptick.toml` calls otherwise by now is searched under the name that it had.
#[test]
fn a_command_that_was_renamed_is_searched_as_an_end_defines_it() {
    let (repo, good, culprit) = history(&toml("./work", ""), 3, |i| {
        program(if i >= Some(3) { 2000 } else { 1000 }, "")
    });
    repo.write(
        "uptick.toml",
        &toml("./work", "").replace("\"work\"", "\"renamed\""),
    );
    repo.commit("another name");
    let ran = bisect(&repo, &good).exits(0);
    assert_eq!(ran.json()["culprit"]["sha"], culprit.as_str());
    assert!(
        ran.stderr.contains("does not define `work`"),
        "{}",
        ran.stderr
    );
}

/// What was slow, was taken back and came again is the later one's doing, by whatever words somebody
/// took it back.
#[test]
fn what_was_taken_back_and_came_again_is_the_later_one_s() {
    for by_name in [true, false] {
        let mut first = String::new();
        let repo = Repo::new();
        repo.write("uptick.toml", &toml("./work", ""));
        repo.write("work.c", &program(1000, ""));
        let good = repo.commit("start");
        let mut culprit = String::new();
        for i in 1..=11 {
            repo.write("other.c", &format!("// {i}\n"));
            let words = match i {
                4 => "Use another algorithm".to_string(),
                6 if by_name => format!("Go back\n\nThis reverts commit {first}."),
                6 => "Revert \"Use another algorithm\" (#12)".to_string(),
                9 => "Use it after all".to_string(),
                _ => format!("something else {i}"),
            };
            let turns = if matches!(i, 4 | 5 | 9..) { 2000 } else { 1000 };
            repo.write("work.c", &program(turns, ""));
            let sha = repo.commit(&words);
            match i {
                4 => first = sha,
                9 => culprit = sha,
                _ => {}
            }
        }
        let d = bisect(&repo, &good).exits(0).json();
        assert_eq!(d["culprit"]["sha"], culprit.as_str(), "{d:#}");
        assert_eq!(d["steps"].as_array().unwrap().len(), 3, "{d:#}");
    }
}

/// `.uptick` on a file system of its own, as small as that. Where that cannot be mounted the
/// test says so and asks nothing; root always can.
#[test]
#[expect(
    clippy::print_stderr,
    reason = "what was not asked must not look like an answer"
)]
fn a_full_disk_is_an_error_in_words_and_costs_nothing_but_the_search() {
    let (repo, good, _) = history(&toml("./work", ""), 5, |i| {
        program(if i >= Some(5) { 2000 } else { 1000 }, "")
    });
    std::fs::create_dir(repo.path().join(".uptick")).unwrap();
    let before = repo.state();
    for size in ["48k", "400k"] {
        let script =
            format!("mount -t tmpfs -o size={size} tmpfs .uptick || exit 99; \"$0\" \"$@\"");
        let out = std::process::Command::new("unshare")
            .args(["-rm", "sh", "-c", &script, env!("CARGO_BIN_EXE_uptick")])
            .args(["bisect", &good, "main", "--bench", "work"])
            .current_dir(repo.path())
            .output();
        let out = out.unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        if out.status.code() == Some(99) || said.contains("unshare failed") {
            assert!(!is_root(), "root could not mount: {said}");
            eprintln!("NOT ASKED: a file system cannot be mounted here: {said}");
            return;
        }
        let code = out.status.code();
        assert!(
            code == Some(4) || code == Some(5),
            "{size}: {code:?}\n{said}"
        );
        assert!(!said.contains("panicked"), "{said}");
        let words = ["No space left", "disk is full", "disk full"];
        assert!(words.iter().any(|w| said.contains(w)), "{size}:\n{said}");
        assert_eq!(before, repo.state());
    }
}

fn is_root() -> bool {
    let out = std::process::Command::new("id").arg("-u").output().unwrap();
    out.stdout.trim_ascii() == b"0"
}
