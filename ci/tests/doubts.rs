//! What was not counted, or is no part of the commit, is said beside the number, and `--strict`
//! judges nothing on it.

use std::os::unix::fs::FileTypeExt;
use std::process::Command;

use crate::support::{COMMAND, Repo};

/// A repository with one command, `script`, and one more commit beside which nothing changed.
fn with_script(script: &str, more: &str) -> Repo {
    let repo = Repo::new();
    let command = "[[command]]\nname = \"script\"\nrun = \"sh script.sh\"\n";
    repo.write("uptick.toml", &format!("{more}{command}"));
    repo.write("script.sh", script);
    repo.write(".gitignore", "/work\n");
    repo.commit("a script");
    repo
}

/// The count of `script` in HEAD, with what it says of itself.
fn measured(repo: &Repo, more: &[&str]) -> serde_json::Value {
    let d = repo.uptick(&[&["run", "--json"], more].concat());
    let d = d.exits(0).json();
    let all = d["commits"][0]["measurements"].as_array().unwrap();
    let count = |m: &&serde_json::Value| m["metric"] == "instructions";
    all.iter().find(count).unwrap().clone()
}

fn note(repo: &Repo) -> String {
    measured(repo, &["--fresh"])["note"].to_string()
}

#[test]
fn a_process_that_was_killed_or_left_is_not_counted_and_said() {
    let killed = "sleep 100 & p=$!\nsleep 0.5; kill -9 $p; wait $p 2>/dev/null\n";
    let left = "setsid sh -c 'sleep 2; kill -0 $$' > /dev/null 2>&1 &\n";
    for script in [killed, left] {
        let repo = with_script(&format!("{script}exit 0\n"), "");
        let said = note(&repo);
        assert!(said.contains("is not counted"), "{script}: {said}");
        repo.write("script.sh", &format!("{script}true; exit 0\n"));
        repo.commit("more");
        repo.uptick(&["check", "--strict", "--limit", "50%"])
            .exits(3);
    }
    // Whoever ends by a signal that can be caught is counted, and so is whoever is waited for.
    let ended = "sh -c 'kill $$' 2>/dev/null\nsh -c : & wait\nsh -c : | cat\nexit 0\n";
    assert_eq!(note(&with_script(ended, "")), "null");
}

#[test]
fn a_program_that_crashed_in_a_script_that_went_on_is_said() {
    let repo = with_script("sh -c 'kill -SEGV $$' > /dev/null\ntrue\n", "");
    let said = note(&repo);
    assert!(said.contains("Segmentation fault"), "{said}");
}

#[test]
fn what_a_commit_tells_valgrind_changes_no_count() {
    let repo = Repo::with_command();
    let count = || {
        let d = repo.uptick(&["run", "--fresh", "--json"]).exits(0).json();
        let all = d["commits"][0]["measurements"].as_array().unwrap();
        let count = |m: &&serde_json::Value| m["metric"] == "instructions";
        all.iter().find(count).unwrap()["value"].as_f64().unwrap()
    };
    let before = count();
    repo.write(".valgrindrc", "--callgrind:toggle-collect=nothing\n");
    repo.commit("a file of valgrind's");
    assert_eq!(count(), before);
}

#[test]
fn a_link_into_the_checkout_is_said() {
    let repo = with_script("cat data/input | wc -c\n", "");
    repo.write("kept/input", "1234\n");
    let into = repo.path().join("kept");
    std::os::unix::fs::symlink(&into, repo.path().join("data")).unwrap();
    repo.commit("a link that is absolute");
    let said = note(&repo);
    assert!(said.contains("data is a link into the checkout"), "{said}");
    repo.write("kept/input", &"1234\n".repeat(1000));
    repo.commit("a thousand times");
    repo.uptick(&["check", "--strict"]).exits(3);
    std::fs::remove_file(repo.path().join("data")).unwrap();
    std::os::unix::fs::symlink("kept", repo.path().join("data")).unwrap();
    repo.commit("a link that is relative");
    assert_eq!(note(&repo), "null");
}

/// A key holds what a commit's own files name outside of it: a link, a package at an absolute path.
#[test]
fn what_a_commit_names_outside_is_measured_as_it_is_now() {
    let repo = with_script(
        "n=$(cat outer)\ni=0\nwhile [ $i -lt $n ]; do i=$((i+1)); done\n",
        "",
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let outer = elsewhere.path().join("turns");
    std::fs::write(&outer, "3000\n").unwrap();
    std::os::unix::fs::symlink(&outer, repo.path().join("outer")).unwrap();
    repo.commit("a link that leads out");
    let count = || measured(&repo, &[])["value"].as_f64().unwrap();
    let before = count();
    assert_eq!(count(), before);
    std::fs::write(&outer, "30\n").unwrap();
    assert!(
        count() < before / 2.0,
        "the stored number stood for another input"
    );
    std::fs::write(&outer, "3000\n").unwrap();
    assert_eq!(count(), before);
    std::os::unix::fs::symlink(elsewhere.path(), repo.path().join("beside")).unwrap();
    repo.commit("a link to a directory");
    let said = note(&repo);
    assert!(said.contains("a link to a directory outside"), "{said}");
}

/// What tools find in the checkout above a worktree is no commit's, and a number taken with it stands
/// for no other.
#[test]
fn what_is_found_above_is_measured_as_it_is_now() {
    let repo = with_script(
        "n=$(sed 's/# //' ../../../../../.cargo/config.toml || echo 3)\ni=0\nwhile [ $i -lt $n ]; do i=$((i+1)); done\n",
        "",
    );
    let count = |turns: u32| {
        repo.write(".cargo/config.toml", &format!("# {turns}\n"));
        measured(&repo, &[])["value"].as_f64().unwrap()
    };
    let many = count(3000);
    assert!(count(30) < many / 2.0);
    assert_eq!(count(3000), many);
}

#[test]
fn a_checkout_with_other_ends_of_lines_is_not_dirty() {
    let repo = Repo::with_command();
    repo.write("text", "one\ntwo\n");
    repo.commit("lines");
    repo.git(&["config", "core.autocrlf", "true"]);
    std::fs::remove_file(repo.path().join("text")).unwrap();
    repo.git(&["checkout", "--", "text"]);
    assert!(
        std::fs::read_to_string(repo.path().join("text"))
            .unwrap()
            .contains("\r\n")
    );
    let is_dirty = || {
        repo.uptick(&["check"])
            .exits(0)
            .stderr
            .contains("uncommitted")
    };
    assert!(!is_dirty());
    repo.write("text", "three\r\n");
    assert!(is_dirty());
}

#[test]
fn the_memory_of_a_small_program_is_its_own() {
    let repo = Repo::with_command();
    let touch = |mib: usize| {
        repo.write(
            "work.c",
            &format!(
                "#include <stdlib.h>\n#include <string.h>\nint main(void) {{\n    \
                 volatile char *p = malloc({mib} << 20);\n    \
                 for (long i = 0; i < {mib} << 20; i += 512) p[i] = 1;\n    return 0;\n}}\n"
            ),
        );
        repo.commit("touch it");
    };
    touch(1);
    repo.uptick(&["run"]).exits(0);
    touch(3);
    let check = ["check", "--only", "work", "--metric", "peak_rss", "--json"];
    let d = repo.uptick(&check).exits(1).json();
    let rows = d["results"].as_array().unwrap();
    let row = rows.iter().find(|r| r["metric"] == "peak_rss").unwrap();
    let change = row["change"].as_f64().unwrap();
    assert!((0.4..3.0).contains(&change), "{row}");
}

#[test]
fn what_is_built_otherwise_on_one_side_is_said() {
    let repo = with_script("test -n \"$DEEP\" || exit 0\ntrue\n", "");
    let file = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    repo.write("uptick.toml", &format!("[suite.env]\nDEEP = \"1\"\n{file}"));
    repo.commit("deeper");
    let d = repo.uptick(&["check", "--json"]).exits(0).json();
    let notes = d["notes"].to_string();
    assert!(
        notes.contains("the two commits' uptick.toml differ under [suite] in `env`: "),
        "{notes}"
    );
}

#[test]
fn what_is_written_takes_the_place_of_files_alone() {
    let repo = Repo::with_command();
    repo.write("uptick.toml", COMMAND);
    repo.work(1001);
    repo.commit("more");
    let pipe = repo.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let reader = Command::new("cat")
        .arg(&pipe)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    repo.uptick(&["check", "--junit", "pipe"]).exits(0);
    let read = reader.wait_with_output().unwrap().stdout;
    assert!(read.starts_with(b"<?xml"), "{read:?}");
    assert!(pipe.metadata().unwrap().file_type().is_fifo());
    repo.uptick(&["check", "--sarif", "."])
        .exits(2)
        .says(&["a directory stands there"]);
}

#[test]
fn a_reader_that_went_away_takes_no_verdict_with_it() {
    let repo = Repo::with_command();
    repo.work(2000);
    repo.commit("slower");
    let unread = |args: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = repo.command(args).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!said.contains("error"), "{said}");
        ran.status.code()
    };
    let check = ["check", "--junit", "j.xml", "--judgement", "j.json"];
    assert_eq!(unread(&check), Some(1));
    for file in ["j.xml", "j.json"] {
        assert!(repo.path().join(file).is_file(), "{file}");
    }
    assert_eq!(unread(&["check", "--json"]), Some(1));
    assert_eq!(unread(&["compare", "HEAD~1"]), Some(0));
    assert_eq!(unread(&["log"]), Some(0));
    let ends = ["--good", "HEAD~1", "--bad", "HEAD", "--bench", "work"];
    let step = [&["bisect-step"], &ends[..]].concat();
    assert_eq!(unread(&step), Some(1));
}

#[test]
fn a_command_that_asks_git_is_measured_on_every_commit() {
    let repo = Repo::new();
    let command = "[[command]]\nname = \"log\"\nrun = \"sh -c 'git log --format=%B | wc -c'\"\n";
    repo.write("uptick.toml", command);
    repo.commit("a file");
    repo.git(&["commit", "-q", "--allow-empty", "-m", &"long ".repeat(9000)]);
    repo.uptick(&["check", "--limit", "1%"]).exits(1);
}

#[test]
fn a_sparse_checkout_has_the_settings_of_its_commit() {
    let repo = Repo::with_command();
    repo.write("kept/file", "");
    repo.commit("a folder");
    repo.git(&["sparse-checkout", "set", "--no-cone", "kept"]);
    assert!(!repo.path().join("uptick.toml").exists());
    let said = repo.uptick(&["check"]).exits(0).stdout;
    assert!(said.contains("1 benchmark"), "{said}");
}

#[test]
fn a_search_that_measures_the_checkout_says_so() {
    let repo = Repo::new();
    repo.write("big", "1\n");
    repo.commit("small");
    repo.write("big", &"1\n".repeat(9000));
    repo.commit("large");
    let big = repo.path().join("big");
    let root = repo.path().display();
    // A program that lies there is today's too, whatever it is handed.
    for run in [
        format!("wc -w {}", big.display()),
        format!("{root}/wc {{tree}}/big"),
    ] {
        std::fs::copy("/usr/bin/wc", repo.path().join("wc")).unwrap();
        let ran = repo.uptick(&["bisect", "HEAD~1", "HEAD", "--run", &run]);
        ran.says(&["names the checkout", "{tree}"]);
    }
}

fn command(build: &str, run: &str) -> String {
    format!("[[command]]\nname = \"work\"\nbuild = \"{build}\"\nrun = \"{run}\"\n")
}

/// Worktrees keep their `target` directories from commit to commit: what a command names there is
/// made anew, or it is missing.
#[test]
fn what_an_earlier_commit_left_in_target_is_neither_run_nor_read() {
    let renamed = Repo::new();
    renamed.write(".gitignore", "target/\n");
    let build = "mkdir -p target && cc -O1 -o target/`cat name` work.c";
    renamed.write("uptick.toml", &command(build, "target/old"));
    for (name, turns) in [("old", 1000), ("new", 9000)] {
        renamed.write("name", name);
        renamed.work(turns);
        renamed.commit(name);
    }
    let check = ["check", "--base", "HEAD~1"];
    let ran = renamed.uptick(&check).exits(4);
    assert!(ran.stdout.contains("target/old"), "{}", ran.stdout);

    let made_once = Repo::new();
    made_once.write(".gitignore", "target/\n/work\n");
    made_once.write(
        "work.c",
        "#include <stdio.h>\nint main(int n, char **v) {\n    FILE *f = fopen(v[1], \"rb\");\n    \
         volatile long s = 0;\n    int c;\n    if (!f) return 3;\n    \
         while ((c = getc(f)) != EOF) s += c;\n    return 0;\n}\n",
    );
    let build = "mkdir -p target && { test -f target/data || seq `cat size` > target/data; } && \
                 cc -O1 -o work work.c";
    made_once.write("uptick.toml", &command(build, "./work target/data"));
    for size in ["10000", "20000"] {
        made_once.write("size", size);
        made_once.commit(size);
    }
    let ran = made_once.uptick(&check).exits(1);
    assert!(ran.stdout.contains("REGRESSED"), "{}", ran.stdout);

    // Nor what is made of it: a rule that names too few of its inputs, a crate whose build script does.
    let ruled = Repo::new();
    ruled.write(".gitignore", "target/\n/work\n");
    ruled.write("uptick.toml", &command("make -s work", "./work"));
    ruled.write("Makefile", "target/work.o: work.c\n\tmkdir -p target\n\tcc -O1 -c -o $@ work.c\nwork: target/work.o\n\tcc -o $@ target/work.o\n");
    ruled.write("work.c", "#include \"n.h\"\nint main(void) {\n    volatile int x = 0;\n    for (int i = 0; i < N; i++) x += i;\n    return 0;\n}\n");
    let crated = Repo::new();
    crated.write(".gitignore", "target/\n");
    crated.write(
        "uptick.toml",
        &command("cargo build -q --release --offline", "target/release/work"),
    );
    crated.write(
        "Cargo.toml",
        "[package]\nname = \"work\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    crated.write("build.rs", "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); let n = std::fs::read_to_string(\"n.h\").unwrap(); let n = n.split_whitespace().last().unwrap(); std::fs::write(std::env::var(\"OUT_DIR\").unwrap() + \"/n.rs\", format!(\"const N: u64 = {n};\")).unwrap(); }\n");
    crated.write("src/main.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/n.rs\"));\nfn main() { let mut x = 0; for i in 0..std::hint::black_box(N) { x = std::hint::black_box(x + i); } }\n");
    for repo in [ruled, crated] {
        for turns in [1000, 100_000] {
            repo.write("n.h", &format!("#define N {turns}\n"));
            repo.commit(&turns.to_string());
        }
        let ran = repo.uptick(&check).exits(1);
        assert!(ran.stdout.contains("REGRESSED"), "{}", ran.stdout);
    }
}

/// A worktree lies within the checkout, where many tools look for their files too.
#[test]
fn what_only_the_checkout_has_above_the_commit_is_said() {
    let repo = Repo::with_command();
    repo.write("notes", "more");
    repo.commit("notes");
    repo.uptick(&["check", "--strict"]).exits(0);
    repo.write("rust-toolchain.toml", "[toolchain]\nchannel = \"stable\"\n");
    let words = "rust-toolchain.toml is not that of this commit";
    let says = |args: &[&str]| {
        let ran = repo.uptick(args).exits(3);
        assert!(ran.stdout.contains(words), "{}", ran.stdout);
    };
    says(&["check", "--strict", "--fresh"]);
    repo.commit("a toolchain");
    says(&["check", "--strict", "--base", "HEAD~2"]);
}
