//! Benchmarks that are commands, well-behaved and not.

use crate::support::{COMMAND, Repo, row};

#[test]
fn what_a_command_fails_by_is_said_in_its_own_words() {
    let repo = Repo::new();
    let fails = |run: &str, says: &str| {
        let command =
            format!("[suite]\ncounter = \"callgrind\"\n[[command]]\nname = \"a\"\n{run}\n");
        repo.write("uptick.toml", &command);
        repo.commit(says);
        let ran = repo.uptick(&["run"]).exits(4);
        assert!(ran.stdout.contains(says), "{}", ran.stdout);
        assert!(!ran.stdout.contains("Copyright"), "{}", ran.stdout);
    };
    fails("run = \"sh -c 'exit 3'\"", "3 and wrote nothing");
    fails(
        "run = \"sh -c 'kill -9 $$'\"",
        "9 (SIGKILL) and wrote nothing",
    );
    let missing = "`dir` names no directory of this commit";
    fails("run = \"true\"\ndir = \"nope\"", missing);
    fails("run = \"true\"\nbuild = \"true\"\ndir = \"nope\"", missing);
    let file = "[suite]\nexclude = [\"*\"]\n[[command]]\nname = \"a\"\nrun = \"true\"\n\
                [[command]]\nname = \"b\"\nrun = \"true\"\n";
    repo.write("uptick.toml", file);
    repo.commit("none");
    let said = "`exclude` left out all 2 benchmarks";
    repo.uptick(&["run"]).exits(3).says(&[said]);
    let listed = repo.uptick(&["list"]).exits(3).says(&[said]);
    assert!(!listed.stderr.contains("uptick looks for"));
    repo.write("uptick.toml", "[suite]\ndir = \"nope\"\n");
    repo.uptick(&["list"])
        .exits(3)
        .says(&["`dir` under [suite]", "no directory `nope`"]);
}

#[test]
fn a_costlier_command_is_a_regression_and_names_the_function() {
    let repo = Repo::with_command();
    repo.work(2000);
    let head = repo.commit("twice the turns");
    let before = repo.state();
    let ran = repo
        .uptick(&["check", "--json", "--markdown", "out.md"])
        .exits(1);
    let d = ran.json();
    assert_eq!(d["schema"], "uptick.check/1");
    assert_eq!(d["outcome"], "regressed");
    assert_eq!(d["head"]["sha"], head.as_str());
    assert_eq!(d["base"]["how"], "first parent on main");
    assert_eq!(d["base"]["distance"], 1);
    let r = row(&d, "work");
    assert_eq!(r["verdict"], "regressed");
    assert_eq!(
        (&r["metric"], &r["counter"]),
        (&"instructions".into(), &"callgrind".into())
    );
    assert_eq!(r["confirmed"], true);
    assert!(r["change"].as_f64().unwrap() > 0.01 && r["limit"].as_f64().unwrap() >= 0.005);
    assert_eq!(r["functions"][0]["name"], "main");
    assert_eq!(r["functions"][0]["delta"].as_i64().unwrap() % 1000, 0);
    assert!(std::path::Path::new(r["flamegraph"].as_str().unwrap()).is_file());
    let told = std::fs::read_to_string(repo.path().join("out.md")).unwrap();
    // The unit of all rows stands once.
    for words in ["regressed", "| before → after, instructions |", " | 0.50"] {
        assert!(told.contains(words), "`{words}` is missing in:\n{told}");
    }
    assert_eq!(told.matches("instructions").count(), 2, "{told}");
    let at = told
        .lines()
        .find(|l| l.contains("likely") || l.contains(", in "));
    assert!(at.is_some_and(|l| l.contains("`main`")), "{told}");
    std::fs::remove_file(repo.path().join("out.md")).unwrap();
    assert_eq!(before, repo.state(), "the user's checkout was touched");

    let text = repo.uptick(&["check"]).exits(1).stdout;
    assert!(text.lines().count() <= 15, "{text}");
    assert!(text.starts_with("REGRESSED: 1 of 1 benchmark"), "{text}");
    for words in ["limit", "main", "uptick compare", "git revert", ".svg"] {
        assert!(text.contains(words), "`{words}` is missing in:\n{text}");
    }
    // Proving an optimisation is no failure either way.
    repo.uptick(&["compare", "HEAD~", "HEAD"]).exits(0);
    let better = repo
        .uptick(&["compare", "HEAD", "HEAD~", "--json"])
        .exits(0)
        .json();
    assert_eq!(row(&better, "work")["verdict"], "improved");
}

#[test]
fn nothing_moved_is_one_line_and_needs_no_build() {
    let repo = Repo::with_command();
    repo.commit("no file changes");
    let ran = repo.uptick(&["check"]).exits(0);
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("ok: 1 benchmark"), "{}", ran.stdout);
    // The check measured the head; its parent was never built.
    let d = repo.uptick(&["run", "HEAD~", "--json"]).exits(0).json();
    assert_eq!(d["commits"][0]["state"], "equal_build");
}

#[test]
fn actions_get_a_summary_and_an_annotation() {
    let repo = Repo::with_command();
    repo.work(2000);
    repo.commit("twice");
    let summary = repo.path().join("summary.md");
    let ran = repo
        .uptick_with(&["check"], |c| {
            c.env("GITHUB_ACTIONS", "true")
                .env("GITHUB_STEP_SUMMARY", &summary);
        })
        .exits(1);
    assert!(
        ran.stderr.lines().any(|l| l.starts_with("::error")),
        "{}",
        ran.stderr
    );
    assert!(
        std::fs::read_to_string(summary)
            .unwrap()
            .starts_with("### ▲ 1 of 1 benchmark regressed: `work` +")
    );
}

#[test]
fn a_file_that_cannot_be_written_hides_no_verdict() {
    let repo = Repo::with_command();
    repo.work(2000);
    repo.commit("twice");
    // A file stands where a directory would have to.
    let nowhere = repo.path().join("work.c/file");
    let check = |more: &[&str], code: i32| {
        repo.uptick_with(&[&["check"], more].concat(), |c| {
            c.env("GITHUB_ACTIONS", "true")
                .env("GITHUB_STEP_SUMMARY", &nowhere);
        })
        .exits(code)
    };
    let ran = check(&[], 1);
    assert!(ran.stdout.contains("REGRESSED"), "{}", ran.stdout);
    ran.says(&["the step has no summary", "work.c/file"]);
    let junit = nowhere.to_str().unwrap();
    let ran = check(&["--junit", junit], 4);
    assert!(ran.stdout.contains("REGRESSED"), "{}", ran.stdout);
    let ran = ran.says(&["work.c: "]);
    assert_eq!(ran.stderr.matches("os error").count(), 2, "{}", ran.stderr);
    check(&["--junit", junit, "--base", "nonsense"], 2)
        .says(&["work.c: ", "`nonsense` names no commit"]);
}

#[test]
fn a_limit_that_holds_for_nothing_is_said() {
    let repo = Repo::with_command();
    repo.work(1001);
    repo.commit("a little");
    let limits = |pattern: &str| {
        let limit = format!("[[limit]]\nbenchmark = \"{pattern}\"\nlimit = \"5%\"\n");
        repo.write("uptick.toml", &format!("{COMMAND}{limit}"));
        let d = repo.uptick(&["check", "--json"]).exits(0).json();
        d["notes"].to_string()
    };
    let said = "the [[limit]] for `wrok*` in uptick.toml holds for no benchmark";
    assert!(limits("wrok*").contains(said));
    assert!(!limits("work*").contains("[[limit]]"));
}

#[test]
fn actions_get_a_summary_of_a_check_that_came_to_nothing() {
    let repo = Repo::with_command();
    repo.work(2000);
    repo.commit("twice");
    let summary = repo.path().join("summary.md");
    let check = |more: &[&str], code: i32| {
        repo.uptick_with(&[&["check", "--markdown", "out.md"], more].concat(), |c| {
            c.env("GITHUB_ACTIONS", "true")
                .env("GITHUB_STEP_SUMMARY", &summary);
        })
        .exits(code);
        let said = std::fs::read_to_string(&summary).unwrap();
        std::fs::remove_file(&summary).unwrap();
        assert_eq!(
            said,
            std::fs::read_to_string(repo.path().join("out.md")).unwrap()
        );
        said
    };
    let said = check(&["--base", "nonsense"], 2);
    assert!(said.starts_with("### ✘ not measured\n"), "{said}");
    assert!(said.contains("`'nonsense' names no commit"), "{said}");

    // Benchmarks of one build fail for one reason, and the others are judged.
    let three = ["a", "b", "c"].map(|n| COMMAND.replace("\"work\"", &format!("\"{n}\"")));
    repo.write("uptick.toml", &[COMMAND, &three.concat()].concat());
    repo.commit("four of them");
    repo.uptick(&["check"]).exits(0);
    let broken = three.map(|t| t.replace("cc -O1", "cc -O1 -DX=!"));
    repo.write("uptick.toml", &[COMMAND, &broken.concat()].concat());
    repo.write(
        "work.c",
        "#ifdef X\n#error \"why it fails\"\n#endif\nint main(void) { return 0; }\n",
    );
    repo.commit("break three");
    let said = check(&[], 4);
    assert!(
        said.starts_with("### ✘ 3 of 4 benchmarks not measured, "),
        "{said}"
    );
    assert_eq!(said.matches("why it fails").count(), 1, "{said}");
    assert!(said.contains("- `a`, `b`, `c` failed (build): `"), "{said}");
}

/// One benchmark that runs a shell script, beside the one that works.
fn with_script(script: &str) -> Repo {
    let repo = Repo::with_command();
    let more = format!(
        "[suite]\ntimeout = \"20s\"\n{COMMAND}\n[[command]]\nname = \"script\"\nrun = \"sh script.sh\"\nstdin = \"input\"\n"
    );
    repo.write("uptick.toml", &more);
    repo.write("script.sh", script);
    repo.write("input", "from the file\n");
    repo.commit("a script");
    repo
}

#[test]
fn a_benchmark_that_fails_is_said_and_the_others_are_measured() {
    let repo = with_script("exit 0\n");
    repo.write("script.sh", "echo broken >&2; exit 7\n");
    repo.commit("break it");
    let d = repo.uptick(&["run", "--json"]).exits(4).json();
    let commit = &d["commits"][0];
    assert_eq!(commit["failures"][0]["benchmark"], "script");
    assert!(
        commit["failures"][0]["message"]
            .as_str()
            .unwrap()
            .contains("broken")
    );
    let measured = commit["measurements"].as_array().unwrap();
    assert!(
        measured
            .iter()
            .any(|m| m["benchmark"] == "work" && m["metric"] == "instructions")
    );
    // Broken in the head only: the check fails as building or running failed.
    let check = repo.uptick(&["check", "--json"]).exits(4).json();
    assert_eq!(check["failures"][0]["benchmark"], "script");
    assert_eq!(row(&check, "work")["verdict"], "unchanged");
}

#[test]
fn a_hang_ends_at_its_limit() {
    let repo = with_script("sleep 1000\n");
    let text = std::fs::read_to_string(repo.path().join("uptick.toml")).unwrap();
    repo.write("uptick.toml", &text.replace("20s", "2s"));
    let began = std::time::Instant::now();
    let d = repo.uptick(&["run", "--json"]).exits(4).json();
    assert_eq!(d["commits"][0]["failures"][0]["stage"], "timeout");
    assert!(began.elapsed().as_secs() < 60);
}

#[test]
fn standard_input_floods_and_daemons_are_survived() {
    let script = "read line; test \"$line\" = 'from the file' || exit 1\n\
                  head -c 30000000 /dev/zero\nsleep 1000 &\nexit 0\n";
    let repo = with_script(script);
    let d = repo.uptick(&["run", "--json"]).exits(0).json();
    let measured = d["commits"][0]["measurements"].as_array().unwrap();
    for metric in ["instructions", "cpu_time", "peak_rss", "page_faults"] {
        let m = measured
            .iter()
            .find(|m| m["benchmark"] == "script" && m["metric"] == metric);
        assert!(
            m.unwrap_or_else(|| panic!("no {metric}"))["value"]
                .as_f64()
                .unwrap()
                > 0.0
        );
    }
}

#[test]
fn a_benchmark_that_vanishes_gives_no_verdict() {
    let repo = with_script("exit 0\n");
    repo.uptick(&["run"]).exits(0);
    // `uptick.toml` is read from the checkout, so that it must be criterion's business to lose
    // one; here the head is compared with a base that had one more.
    let d = repo
        .uptick(&["check", "--only", "nothing-of-that-name", "--json"])
        .exits(3)
        .json();
    assert_eq!(d["outcome"], "no_verdict");
    let note = d["notes"][0].as_str().unwrap();
    assert!(
        note.contains("`nothing-of-that-name` was asked for, and no benchmark"),
        "{note}"
    );
}

#[test]
fn sampled_time_gives_a_verdict_and_says_how_weak_it_is() {
    let repo = Repo::with_command();
    repo.work(400_000_000);
    repo.commit("very much slower");
    let ran = repo.uptick(&["check", "--counter", "clock"]).exits(1);
    assert!(
        ran.stdout.contains("REGRESSED") && ran.stdout.contains("sampled wall time"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("uptick doctor"), "{}", ran.stdout);
}

#[test]
fn the_environment_of_the_caller_does_not_reach_the_benchmark() {
    let repo = with_script("test -z \"$SECRET_OF_THE_CALLER\" || exit 9\n");
    let count = |value: &str| {
        let ran = repo.uptick_with(&["run", "--fresh", "--json"], |c| {
            c.env("SECRET_OF_THE_CALLER", value);
        });
        let d = ran.exits(0).json();
        let all = d["commits"][0]["measurements"].as_array().unwrap().clone();
        all.iter()
            .find(|m| m["benchmark"] == "work" && m["metric"] == "instructions")
            .unwrap()["value"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(count("x"), count(&"y".repeat(5000)));
}

#[test]
fn avx_512_is_said_in_words_with_the_way_out() {
    let repo = Repo::with_command();
    let source = "int main(void) {\n    __asm__ volatile(\"vpxorq %%zmm0, %%zmm0, %%zmm0\" ::: \"memory\");\n    return 0;\n}\n";
    repo.write("work.c", source);
    repo.commit("for this machine alone");
    let d = repo
        .uptick(&["run", "--json", "--counter", "callgrind"])
        .exits(4)
        .json();
    let message = d["commits"][0]["failures"][0]["message"].as_str().unwrap();
    for words in ["AVX-512", "target-cpu", "perf_event"] {
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn libc_s_own_string_functions_are_another_testbed() {
    let repo = Repo::with_command();
    let testbed = |text: &str| {
        repo.write(
            "uptick.toml",
            &format!("[suite]\nstrings = \"{text}\"\n{COMMAND}"),
        );
        let d = repo.uptick(&["run", "--json"]).exits(0).json();
        d["commits"][0]["testbed"]["facts"]["strings"].clone()
    };
    assert_eq!(
        (testbed("portable"), testbed("native")),
        ("portable".into(), "native".into())
    );
    let d = repo.uptick(&["log", "work", "--json"]).exits(0).json();
    assert_eq!(d["series"].as_array().unwrap().len(), 2, "{d:#}");
}

/// Whoever finds every worker taken has measured nothing, and nothing of it is kept: the commit
/// is measured as soon as a worker is free.
#[test]
fn a_commit_that_found_no_free_worker_is_not_recorded_as_one_that_does_not_build() {
    let repo = Repo::with_command();
    let held: Vec<std::fs::File> = (0..64)
        .map(|n| {
            let dir = repo.path().join(format!(".uptick/worker-{n}"));
            std::fs::create_dir_all(&dir).unwrap();
            let lock = std::fs::File::create(dir.join("lock")).unwrap();
            lock.lock().unwrap();
            lock
        })
        .collect();
    let taken = repo.uptick(&["run", "HEAD", "--json"]).exits(4);
    let said = &taken.stderr;
    assert!(said.contains("already measure this repository"), "{said}");
    assert!(!said.contains("FAILED"), "no fault of the commit: {said}");
    let document = taken.json();
    assert_eq!(document["fault"], "machine", "{document:#}");
    assert!(document.get("stage").is_none(), "{document:#}");
    drop(held);
    let kept = repo.uptick(&["export"]).exits(0).stdout;
    assert!(!kept.contains("already measure"), "{kept}");
    let again = repo.uptick(&["run", "HEAD"]).exits(0).stdout;
    assert!(again.contains("instructions"), "{again}");
}
