//! Bad input: each a clear error with its documented exit code, and nothing half-written.

use std::process::Command;

use crate::support::{Repo, git, path_with_only, uptick};

#[test]
fn no_repository_no_commit_no_such_revision() {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repo::new();
    let at = dir.path().to_str().unwrap();
    repo.uptick(&["-C", at, "run"])
        .exits(2)
        .says(&["not a git repository", "-C DIR"]);
    git(dir.path(), &["init", "-q", "--bare", "bare.git"]);
    repo.uptick(&["-C", dir.path().join("bare.git").to_str().unwrap(), "run"])
        .exits(2)
        .says(&["a bare repository has no checkout", "git worktree add"]);
    repo.uptick(&["-C", "/no/such/dir", "run"])
        .exits(2)
        .says(&["no such directory"]);
    repo.uptick(&["run"])
        .exits(2)
        .says(&["no commit yet: `git commit`"]);
    repo.commit("one");
    repo.uptick(&["run", "nonsense"])
        .exits(2)
        .says(&["`nonsense` names no commit", "`git log --all` lists them"]);
    repo.uptick(&["run", "--upload-pack=x"]).exits(2);
    repo.uptick(&["run", "HEAD..HEAD"])
        .exits(2)
        .says(&["empty range"]);
}

#[test]
fn a_repository_at_a_path_that_no_build_can_be_told_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    for (name, why) in [
        (&b"new\nline"[..], "holds a line break"),
        (b"end\n", "holds a line break"),
        (b"no\xffutf", "is not UTF-8"),
    ] {
        let path = dir.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir(&path).unwrap();
        git(&path, &["init", "-q"]);
        git(&path, &["commit", "-q", "--allow-empty", "-m", "one"]);
        for command in ["check", "run", "list", "init"] {
            let ran = uptick(&path, &[command]).exits(2);
            ran.says(&[why, "move the repository"]);
        }
    }
}

#[test]
fn a_dependency_beside_the_repository_is_said_in_our_words() {
    let repo = Repo::new();
    let manifest = "[package]\nname = \"r\"\nversion = \"0.1.0\"\n[workspace]\n[dependencies]\nsib = { path = \"../sib\" }\n";
    repo.write("Cargo.toml", manifest);
    repo.write("src/lib.rs", "");
    repo.commit("one");
    let ran = repo.uptick(&["list"]).exits(4);
    ran.says(&["leads out of the repository, to `sib`", "absolute path"]);
}

#[test]
fn a_command_s_build_stays_where_run_looks_for_it() {
    let repo = Repo::new();
    let build = "build = \"mkdir -p ${CARGO_BUILD_TARGET_DIR:-t} && cp /bin/true ${CARGO_BUILD_TARGET_DIR:-t}/w\"";
    let file = format!("[[command]]\nname = \"w\"\n{build}\nrun = \"t/w\"\n");
    repo.write("uptick.toml", &file);
    repo.commit("one");
    let elsewhere = tempfile::tempdir().unwrap();
    let ran = repo.uptick_with(&["run"], |c| {
        c.env("CARGO_BUILD_TARGET_DIR", elsewhere.path());
    });
    ran.exits(0);
}

#[test]
fn a_build_that_the_machine_ended_is_not_kept_of_the_commit() {
    let repo = Repo::new();
    let gone = tempfile::tempdir().unwrap();
    let builds = gone.path().join("builds");
    // What it writes stands in no word of the script.
    repo.write(
        "said",
        "collect2: fatal error: ld terminated with signal 9 [Killed]",
    );
    let build = format!("echo x >>{}; cat said >&2; exit 1", builds.display());
    let file =
        |build: &str| format!("[[command]]\nname = \"w\"\nbuild = '{build}'\nrun = \"true\"\n");
    repo.write("uptick.toml", &file(&build));
    repo.commit("one");
    for n in 1..=2 {
        let ran = repo.uptick(&["run", "--json"]).exits(4);
        let failure = &ran.json()["commits"][0]["failures"][0];
        assert_eq!(failure["fault"], "machine", "{failure}");
        let said = failure["message"].as_str().unwrap();
        assert!(said.contains("for want of memory or disk"), "{said}");
        // Nothing was kept: it is built again.
        let built = std::fs::read_to_string(&builds).unwrap();
        assert_eq!(built.lines().count(), n);
    }
    // A script that only names such words has failed by itself.
    repo.write(
        "uptick.toml",
        &file("grep -q \"fatal error: (os error 28)\" said"),
    );
    repo.commit("two");
    let ran = repo.uptick(&["run", "--json"]).exits(4);
    let failure = &ran.json()["commits"][0]["failures"][0];
    assert_ne!(failure["fault"], "machine", "{failure}");
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_no_silent_end() {
    let dir = tempfile::tempdir().unwrap();
    let limited = Command::new("bash")
        .args(["-c", "ulimit -f 64; exec \"$@\"", "_"])
        .args([env!("CARGO_BIN_EXE_uptick"), "--store", "s.db", "demo"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stderr);
    assert_eq!(limited.status.code(), Some(5), "{said}");
    assert!(said.contains("`ulimit -f`"), "{said}");
}

#[test]
fn no_benchmarks_and_no_baseline_are_no_verdict() {
    let repo = Repo::new();
    repo.write("a", "1");
    repo.commit("one");
    repo.uptick(&["check"])
        .exits(3)
        .says(&["no baseline", "first commit", "--base"]);
    repo.write("a", "2");
    repo.commit("two");
    let ran = repo.uptick(&["check"]).exits(3);
    assert!(
        ran.stdout.contains("NO VERDICT: nothing was measured"),
        "{}",
        ran.stdout
    );
    let d = repo
        .uptick(&["check", "--json", "--base", "nonsense"])
        .exits(2)
        .json();
    assert_eq!(
        (&d["schema"], &d["outcome"]),
        (&"uptick.check/1".into(), &"no_verdict".into())
    );
    repo.uptick(&["list"]).exits(3).says(&["[[command]]"]);
}

#[test]
fn a_wrong_configuration_names_its_line() {
    let repo = Repo::with_command();
    repo.write(
        "uptick.toml",
        "[suite]\nprofile = \"bench\"\nfeatuers = []\n",
    );
    repo.uptick(&["run"])
        .exits(2)
        .says(&["uptick.toml", "line 3", "featuers"]);
    repo.write("uptick.toml", "[suite]\n\ntimeout = true\n");
    repo.uptick(&["run"]).exits(2).says(&["line 3"]);
    repo.write("uptick.toml", "[suite]\n\ntimeout = \"1e30s\"\n");
    repo.uptick(&["run"])
        .exits(2)
        .says(&["line 3", "`1e30s` is more than a year"]);
    repo.write("uptick.toml", "[limits]\nspeed = \"1%\"\n");
    repo.uptick(&["run"])
        .exits(2)
        .says(&["`speed` is no metric", "wall_time"]);
    repo.git(&["checkout", "-q", "uptick.toml"]);
    repo.uptick(&["check", "--limit", "lots"])
        .exits(2)
        .says(&["--limit", "0.5%"]);
    repo.uptick(&["run", "--timeout", "1e308h"])
        .exits(2)
        .says(&["--timeout", "more than a year"]);
    repo.uptick(&["run", "--counter", "sundial"])
        .exits(2)
        .says(&["sundial", "callgrind"]);
    repo.uptick(&["run", "--no-such-flag"]).exits(2);
}

#[test]
fn a_shallow_clone_says_how_to_mend_it() {
    let repo = Repo::with_command();
    repo.work(1001);
    repo.commit("two");
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", repo.path().display());
    let to = clone.path().join("c");
    git(
        clone.path(),
        &["clone", "-q", "--depth", "1", &from, to.to_str().unwrap()],
    );
    repo.uptick(&["-C", to.to_str().unwrap(), "check"])
        .exits(3)
        .says(&["shallow", "git fetch --unshallow", "fetch-depth: 0"]);
}

#[test]
fn uncommitted_changes_are_not_measured_and_that_is_said() {
    let repo = Repo::with_command();
    repo.write("work.c", "this does not compile");
    let before = repo.state();
    repo.uptick(&["run"])
        .exits(0)
        .says(&["uncommitted changes are not measured"]);
    assert_eq!(before, repo.state());
}

#[test]
fn without_valgrind_time_is_sampled_unless_callgrind_is_asked_for() {
    let repo = Repo::with_command();
    let tools = [
        "git", "cc", "gcc", "as", "ld", "sh", "objcopy", "collect2", "getconf",
    ];
    let bin = path_with_only(&tools, repo.path());
    let ran = repo.uptick_with(&["run", "--json"], |c| {
        c.env("PATH", &bin);
    });
    let d = ran.exits(0).json();
    let all = d["commits"][0]["measurements"].as_array().unwrap();
    assert!(all.iter().any(|m| m["metric"] == "wall_time"), "{d:#}");
    assert!(!all.iter().any(|m| m["metric"] == "instructions"), "{d:#}");
    let ran = repo.uptick_with(&["run", "--counter", "callgrind"], |c| {
        c.env("PATH", &bin);
    });
    ran.exits(4).says(&["valgrind is not installed", "install"]);
    let ran = repo.uptick_with(&["doctor"], |c| {
        c.env("PATH", &bin);
    });
    let said = ran.exits(0).stdout;
    assert!(
        said.contains("missing valgrind") && said.contains("install"),
        "{said}"
    );
    assert!(said.contains("wall time only"), "{said}");
}

#[test]
fn a_commit_that_does_not_build_is_an_answer_with_the_compiler_s_words() {
    let repo = Repo::with_command();
    repo.write("work.c", "int main(void) { return x; }\n");
    repo.commit("broken");
    let d = repo.uptick(&["run", "--json"]).exits(4).json();
    let message = d["commits"][0]["failures"][0]["message"].as_str().unwrap();
    assert!(message.contains("undeclared"), "{message}");
}

#[test]
fn hardware_counters_that_are_not_there_are_refused_in_words() {
    let repo = Repo::with_command();
    let ran = repo.uptick(&["run", "--counter", "perf_event"]);
    // On a machine with a PMU this works; elsewhere the reason is given.
    if ran.code != 0 {
        ran.exits(4).says(&["perf_event"]);
    }
}
