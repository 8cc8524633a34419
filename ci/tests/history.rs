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
fn a_copy_of_a_repository_measures_in_worktrees_of_its_own() {
    let first = Repo::with_command();
    first.uptick(&["run"]).exits(0);
    let place = tempfile::tempdir().unwrap();
    let copy = place.path().join("copy");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([first.path(), &copy])
        .status();
    assert!(copied.unwrap().success());
    let at = copy.to_str().unwrap();
    crate::support::git(
        &copy,
        &["commit", "-q", "--allow-empty", "-m", "of the copy"],
    );
    first.uptick(&["-C", at, "run", "--fresh"]).exits(0);
    let tree = copy.join(".uptick/worker-0/target/package/tree/.git");
    let says = std::fs::read_to_string(tree).unwrap();
    assert!(says.contains(at), "{says}");
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
    // What reads it by `stdin` is not measured.
    let config = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    repo.write(
        "uptick.toml",
        &format!("{config}\n[[command]]\nname = \"reads\"\nrun = \"cat\"\nstdin = \"a.bin\"\n"),
    );
    repo.commit("reads it");
    let d = repo.uptick(&["run", "--json"]).exits(4).json();
    let failure = &d["commits"][0]["failures"][0];
    assert_eq!(failure["benchmark"], "reads", "{d:#}");
    assert!(
        failure["message"]
            .as_str()
            .unwrap()
            .contains("holds a pointer of git-lfs")
    );
    repo.write("a.bin", "the content\n");
    repo.commit("content");
    let said = repo.uptick(&["run"]).exits(0).stderr;
    assert!(!said.contains("git-lfs"), "{said}");
}

/// A command that a commit defines otherwise is that commit's doing: its parent, measured again by
/// the new definition to be compared with, keeps the point that it has by its own.
#[test]
fn a_base_that_is_measured_by_the_heads_definition_keeps_its_own_point() {
    let repo = Repo::with_command();
    repo.write(
        "work.c",
        "int main(int n, char **all) {\n    volatile int x = 0;\n    for (int i = 0; i < 1000 * n; i++) x += i;\n    return 0;\n}\n",
    );
    for n in 1..=3 {
        repo.write("notes.rs", &format!("// {n}\n"));
        repo.commit("notes");
    }
    repo.uptick(&["run", "HEAD~3..HEAD"]).exits(0);
    repo.write("notes.rs", "// 4\n");
    let base = repo.commit("a base that nobody measured");
    let defined = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    repo.write("uptick.toml", &defined.replace("./work\"", "./work more\""));
    let culprit = repo.commit("the command works twice");
    // Both sides by the head's definition: nothing moved.
    let judged = repo.uptick(&["check", "--json"]).exits(0).json();
    assert_eq!(judged["outcome"], "ok", "{judged}");
    let note = judged["notes"][0].as_str().unwrap();
    assert!(note.contains("defines it otherwise"), "{note}");
    for n in 5..=7 {
        repo.write("notes.rs", &format!("// {n}\n"));
        repo.commit("notes");
    }
    repo.uptick(&["run", "HEAD~3..HEAD"]).exits(0);
    let log = repo.uptick(&["log", "work", "--json"]).exits(0).json();
    let points = log["series"][0]["points"].as_array().unwrap();
    assert!(
        points.iter().all(|p| p["sha"] != base.as_str()),
        "{points:?}"
    );
    let changes = repo.uptick(&["changes", "--all", "--json"]).json();
    let series = &changes["series"][0]["changes"];
    assert_eq!(series[0]["commit"]["sha"], culprit.as_str(), "{changes:#}");
    // Whoever asks for the base by this definition gets its point.
    repo.uptick(&["run", &base]).exits(0);
    let log = repo.uptick(&["log", "work", "--json"]).exits(0).json();
    let points = log["series"][0]["points"].as_array().unwrap();
    assert!(
        points.iter().any(|p| p["sha"] == base.as_str()),
        "{points:?}"
    );
}

/// A program whose work is as long as its input.
const READER: &str = "#include <stdio.h>\nint main(int n, char **all) {\n    FILE *f = fopen(all[1], \"rb\");\n    volatile long sum = 0;\n    for (int c; (c = getc(f)) != EOF;) sum += c;\n    return 0;\n}\n";

/// A repository whose command reads `in.txt`, with these attributes.
fn reading(attributes: &str) -> Repo {
    let repo = Repo::with_command();
    let toml = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    repo.write("uptick.toml", &toml.replace("./work", "./work in.txt"));
    repo.write("work.c", READER);
    repo.write("in.txt", &"x\n".repeat(5000));
    repo.write(".gitattributes", attributes);
    repo.commit("a reader");
    repo
}

fn count_of(repo: &Repo, rev: &str) -> f64 {
    let d = repo
        .uptick(&["run", rev, "--fresh", "--json"])
        .exits(0)
        .json();
    let all = d["commits"][0]["measurements"].as_array().unwrap();
    let m = all.iter().find(|m| m["metric"] == "instructions").unwrap();
    m["value"].as_f64().unwrap()
}

/// git writes no file again whose object stays, whatever its attributes have become.
#[test]
fn files_are_written_anew_where_only_their_attributes_changed() {
    let repo = reading("in.txt text\n");
    repo.write(".gitattributes", "in.txt text eol=crlf\n");
    repo.commit("carriage returns");
    // Whichever commit stood there before.
    let (before, after) = (count_of(&repo, "HEAD~"), count_of(&repo, "HEAD"));
    assert!(after > 1.3 * before, "{before} {after}");
    assert_eq!(count_of(&repo, "HEAD~"), before);
    repo.uptick(&["check"]).exits(1);
}

/// Nor whatever the filter has become that it goes through; what was measured with the old one is
/// another benchmark's.
#[test]
fn files_are_written_anew_where_their_filter_is_another_one() {
    let repo = reading("in.txt filter=more\n");
    let filter = |times: &str| {
        repo.git(&["config", "filter.more.smudge", &format!("sed '{times}'")]);
        let d = repo.uptick(&["run", "--json"]).exits(0).json();
        let all = d["commits"][0]["measurements"].as_array().unwrap();
        let m = all.iter().find(|m| m["metric"] == "instructions").unwrap();
        m["value"].as_f64().unwrap()
    };
    let (once, twice) = (filter("p;d"), filter("p;p;d"));
    assert!(twice > 1.5 * once, "{once} {twice}");
}

/// Nor where this clone alone says how files are written: what was measured before is not what
/// would be measured now.
#[test]
fn a_clones_own_attributes_are_part_of_what_is_measured() {
    let repo = reading("in.txt text\n");
    let count = || {
        let d = repo.uptick(&["run", "--json"]).exits(0).json();
        let all = d["commits"][0]["measurements"].as_array().unwrap();
        let m = all.iter().find(|m| m["metric"] == "instructions").unwrap();
        m["value"].as_f64().unwrap()
    };
    let plain = count();
    repo.write(".git/info/attributes", "in.txt text eol=crlf\n");
    let attributes = count();
    repo.write(".git/info/attributes", "");
    assert_eq!(count(), plain);
    repo.git(&["config", "core.eol", "crlf"]);
    let setting = count();
    assert!(attributes > 1.3 * plain, "{plain} {attributes}");
    assert_eq!(setting, attributes);
}

/// Nor what another compiler made: the base is measured with the one that the head is built with.
#[test]
fn another_c_compiler_blames_nobody() {
    let repo = Repo::new();
    repo.write(
        "uptick.toml",
        "[[command]]\nname = \"work\"\nbuild = \"$CC -O1 -o work work.c\"\nrun = \"./work\"\n",
    );
    repo.write("work.c", "int main(void) {\n    volatile int x = 0;\n    for (int i = 0; i < N; i++) x += i;\n    return 0;\n}\n");
    repo.commit("start");
    repo.write("NOTES.c", "");
    repo.commit("another file");
    let tools = tempfile::tempdir().unwrap();
    let cc = tools.path().join("cc");
    let with = |version: u32, turns: u32, args: &[&str]| {
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && echo cc {version} && exit\nexec cc -DN={turns} \"$@\"\n"
        );
        std::fs::write(&cc, script).unwrap();
        std::fs::set_permissions(&cc, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        repo.uptick_with(args, |c| {
            c.env("CC", &cc);
        })
    };
    with(12, 1000, &["run", "HEAD~"]).exits(0);
    let d = with(13, 9000, &["check", "--json"]).exits(0).json();
    let row = crate::support::row(&d, "work");
    assert_eq!(row["verdict"], "unchanged", "{d:#}");
}

/// What a build tells git of its worktree is nobody's business afterwards.
#[test]
fn a_build_that_tells_git_to_leave_a_file_alone_is_survived() {
    let repo = Repo::with_command();
    for how in ["--assume-unchanged", "--skip-worktree"] {
        let toml = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
        let build = format!("build = \"git update-index {how} n.h; echo '// made' >> n.h; cc ");
        repo.write("uptick.toml", &toml.replacen("build = \"cc ", &build, 1));
        repo.write("work.c", "#include \"n.h\"\nint main(void) {\n    volatile int x = 0;\n    for (int i = 0; i < N; i++) x += i;\n    return 0;\n}\n");
        repo.write("n.h", "#define N 1000\n");
        repo.commit("short");
        repo.write("n.h", "#define N 9000\n");
        repo.commit("long");
        repo.uptick(&["check"]).exits(1);
        repo.write("uptick.toml", crate::support::COMMAND);
        repo.commit("as before");
    }
}

/// What a command line names in the checkout is the same for every commit.
#[test]
fn a_command_that_reads_the_checkout_is_doubtful() {
    let repo = Repo::with_command();
    let script = repo.path().join("work.sh");
    repo.write("work.sh", "echo\n");
    repo.commit("a script");
    let says = |run: &str, words: &str| {
        let toml =
            format!("[suite]\ncriterion = false\n[[command]]\nname = \"s\"\nrun = \"{run}\"\n");
        repo.write("uptick.toml", &toml);
        repo.write("work.sh", &format!("echo {}\n", run.len()));
        repo.commit(run);
        let d = repo.uptick(&["check", "--json"]).json();
        let doubts = d["doubts"].to_string();
        let said = match words {
            "" => !doubts.contains("names"),
            words => doubts.contains(words),
        };
        assert!(said, "{d:#}");
    };
    says("sh work.sh", "");
    says("sh -c 'mkdir -p d && cd d && sh ../work.sh'", "");
    says(&format!("sh {}", script.display()), "names the checkout");
    says("sh ../../../../../work.sh", "outside the commit's files");
    let deep = "sh -c 'cd . && cd ../../../../.. && sh work.sh'";
    says(deep, "outside the commit's files");
    repo.uptick(&["check", "--strict"]).exits(3);
}

#[test]
fn a_command_that_is_gone_has_vanished() {
    let repo = Repo::with_command();
    let both = format!(
        "{0}{1}",
        crate::support::COMMAND,
        crate::support::COMMAND.replace("\"work\"", "\"gone\"")
    );
    repo.write("uptick.toml", &both);
    repo.commit("two of them");
    repo.uptick(&["run"]).exits(0);
    repo.write("uptick.toml", crate::support::COMMAND);
    repo.commit("one of them");
    let ran = repo.uptick(&["check"]).exits(3);
    assert!(
        ran.stdout.contains("1 benchmark vanished, `gone` first"),
        "{}",
        ran.stdout
    );
}

/// Another branch that is looked at, or a clone that was not pulled, says nothing of the line's end;
/// a line that was set back has its newest commits no longer.
#[test]
fn the_main_line_ends_where_it_was_set_back_to_and_not_where_somebody_stands() {
    let repo = Repo::with_command();
    for i in 1..=4 {
        repo.work(1000 + i);
        repo.commit(&format!("commit {i}"));
    }
    repo.uptick(&["run", "HEAD~4..HEAD"]).exits(0);
    let subjects = || {
        // It tells the store what the repository has.
        repo.uptick(&["run"]).exits(0);
        let log = repo.uptick(&["log", "work", "--json"]).exits(0).json();
        let points = log["series"][0]["points"].as_array().unwrap().clone();
        let subject = |p: &serde_json::Value| {
            repo.git(&["log", "-1", "--format=%s", p["sha"].as_str().unwrap()])
        };
        points.iter().map(subject).collect::<Vec<_>>()
    };
    let all = ["commit 1", "commit 2", "commit 3", "commit 4"];
    assert_eq!(subjects(), all);
    // Nobody pulled: the remote's branch has all of it, and HEAD stands before its end.
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]);
    repo.git(&["reset", "-q", "--hard", "HEAD~2"]);
    assert_eq!(subjects(), all);
    // The remote is behind what was measured here, and another branch is looked at.
    repo.git(&["reset", "-q", "--hard", "origin/main"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD~2"]);
    repo.git(&["checkout", "-q", "-b", "side"]);
    assert_eq!(subjects(), all);
    // Nobody has the last two any more.
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["branch", "-q", "-D", "side"]);
    repo.git(&["reset", "-q", "--hard", "HEAD~2"]);
    assert_eq!(subjects(), all[..2]);
}

/// What the pages and the README offer to begin with is longer than a young history.
#[test]
fn a_range_that_begins_before_the_first_commit_is_the_whole_history() {
    let repo = Repo::with_command();
    repo.work(2000);
    repo.commit("second");
    let ran = repo.uptick(&["run", "HEAD~200..HEAD", "--json"]).exits(0);
    assert!(
        ran.stderr.contains("this is all there is, 2 commits"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.json()["commits"].as_array().unwrap().len(), 2);
    repo.uptick(&["run", "HEAD~2x..HEAD"]).exits(2);
    repo.uptick(&["run", "nosuch~2..HEAD"]).exits(2);
}
