//! `uptick bisect` on generated histories: steps, merges, holes, kills, and everybody's mistakes.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{COMMAND, Ran, Repo, git};

/// A history whose `i`-th commit runs the given number of turns; gives the commits' names.
fn history(repo: &Repo, turns: &[u64]) -> Vec<String> {
    let mut shas = vec![repo.git(&["rev-parse", "HEAD"])];
    for (i, t) in turns.iter().enumerate() {
        repo.work(*t);
        repo.write("notes.txt", &format!("{i}"));
        shas.push(repo.commit(&format!("commit {}", i + 1)));
    }
    shas
}

fn bisect(repo: &Repo, good: &str, bad: &str, more: &[&str]) -> Ran {
    let mut args = vec!["bisect", good, bad, "--bench", "work"];
    args.extend(more);
    repo.uptick(&args)
}

fn document(repo: &Repo, good: &str, bad: &str, more: &[&str]) -> Value {
    let mut all = vec!["--json"];
    all.extend(more);
    bisect(repo, good, bad, &all).exits(0).json()
}

#[track_caller]
fn builds(d: &Value, commits: usize) {
    let built = d["measured"].as_u64().unwrap() + d["skipped"].as_array().unwrap().len() as u64;
    let bound = (commits as f64).log2().ceil() as u64 + 2;
    assert!(built <= bound, "{built} builds, {bound} allowed: {d:#}");
}

#[test]
fn one_step_is_found_explained_and_the_checkout_untouched() {
    let repo = Repo::with_command();
    let mut turns = vec![1000; 40];
    turns[23..].fill(2000);
    let shas = history(&repo, &turns);
    // A user in the middle of something.
    repo.write("work.c", "dirty");
    repo.write("staged.c", "staged");
    repo.git(&["add", "staged.c"]);
    repo.write("untracked.c", "untracked");
    let before = repo.state();
    let d = document(&repo, &shas[0], "main", &["--markdown", ".uptick-out.md"]);
    std::fs::remove_file(repo.path().join(".uptick-out.md")).unwrap();
    assert_eq!(before, repo.state(), "the user's checkout was touched");
    assert_eq!(d["schema"], "uptick.bisect/1");
    assert_eq!(d["outcome"], "found");
    assert_eq!(d["culprit"]["sha"], shas[24].as_str());
    assert_eq!(d["culprit"]["subject"], "commit 24");
    assert_eq!(d["culprit"]["author"], "T");
    assert_eq!(d["suspects"], serde_json::json!([shas[24]]));
    assert_eq!(d["verified"], true);
    assert_eq!(d["metric"], "instructions");
    assert!(d["confidence"].as_f64().unwrap() >= 0.95);
    assert!(d["after"].as_f64().unwrap() > d["before"].as_f64().unwrap());
    assert_eq!(d["steps"].as_array().unwrap().len(), 1);
    assert_eq!(d["steps"][0]["sha"], shas[24].as_str());
    assert_eq!(d["functions"][0]["name"], "main");
    assert_eq!(d["undo"], format!("git revert {}", &shas[24][..9]));
    builds(&d, 40);

    // Every probe is in the store: the same question costs no build.
    let again = document(&repo, &shas[0], "main", &[]);
    assert_eq!(again["culprit"], d["culprit"]);
    assert_eq!(again["measured"], 0, "{again:#}");
    let text = bisect(&repo, &shas[0], "main", &[]).exits(0).stdout;
    assert!(
        text.lines()
            .all(|l| l.chars().count() <= 80 || l.contains(".svg")),
        "{text}"
    );
    for words in [
        "FOUND: ",
        "commit 24",
        "verified",
        "main",
        "git revert",
        "of the range's",
    ] {
        assert!(text.contains(words), "`{words}` is missing in:\n{text}");
    }
    let log = repo.uptick(&["bisect", "log"]).exits(0).stdout;
    assert!(
        log.contains("Found") && log.contains(&shas[24][..9]),
        "{log}"
    );
}

#[test]
fn three_steps_are_all_found_and_the_largest_is_the_culprit() {
    let repo = Repo::with_command();
    let mut turns = vec![1000; 48];
    turns[7..].fill(1400);
    turns[20..].fill(3000);
    turns[39..].fill(3500);
    let shas = history(&repo, &turns);
    let d = document(&repo, &shas[0], "HEAD", &[]);
    assert_eq!(d["culprit"]["sha"], shas[21].as_str(), "{d:#}");
    let steps: Vec<&str> = d["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["sha"].as_str().unwrap())
        .collect();
    assert_eq!(steps.len(), 3, "{d:#}");
    for i in [8, 21, 40] {
        assert!(steps.contains(&shas[i].as_str()), "{i} of {d:#}");
    }
    assert!(d["measured"].as_u64().unwrap() <= 32);
    // What one step explains is told apart from the whole.
    let share = d["share"].as_f64().unwrap();
    assert!((0.5..0.9).contains(&share), "{share}");
}

#[test]
fn a_culprit_is_named_before_smaller_steps_are_looked_for() {
    let repo = Repo::with_command();
    // One large step, two small ones, and the creep around them that every real range has.
    let mut turns: Vec<u64> = (0..40).map(|i| 1000 + 10 * i).collect();
    for (at, more) in [(8, 1_000), (26, 30_000), (33, 1_000)] {
        turns[at..].iter_mut().for_each(|t| *t += more);
    }
    let shas = history(&repo, &turns);
    let quick = document(&repo, &shas[0], "main", &["--quick"]);
    assert_eq!(quick["culprit"]["sha"], shas[27].as_str(), "{quick:#}");
    assert_eq!(quick["verified"], true);
    builds(&quick, 40);
    assert_eq!(quick["located"], quick["measured"]);
    let ran = bisect(&repo, &shas[0], "main", &[]).exits(0);
    let ran = ran.says(&[&shas[27][..9], "stands", "--quick"]);
    assert!(ran.stdout.contains("FOUND: "), "{}", ran.stdout);
    let d = document(&repo, &shas[0], "main", &[]);
    assert_eq!(d["culprit"], quick["culprit"]);
    let steps = d["steps"].as_array().unwrap();
    let named: Vec<&str> = steps.iter().map(|s| s["sha"].as_str().unwrap()).collect();
    for at in [9, 27, 34] {
        assert!(named.contains(&shas[at].as_str()), "{at} in {d:#}");
    }
    // The creep is below a hundredth of the whole, and is not what anybody looks for.
    assert!(
        d["measured"].as_u64().unwrap() + d["reused"].as_u64().unwrap() < 30,
        "{d:#}"
    );
    let again = format!("uptick bisect {} ", &shas[0][..9]);
    assert!(d["again"].as_str().unwrap().starts_with(&again), "{d:#}");
}

#[test]
fn a_merge_is_gone_down_into() {
    let repo = Repo::with_command();
    let base = history(&repo, &[1000, 1001, 1002]);
    repo.git(&["checkout", "-q", "-b", "side"]);
    let mut turns = vec![1002; 9];
    turns[4..].fill(2500);
    let side = history(&repo, &turns);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("other.txt", "on main");
    repo.commit("main goes on");
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge side", "side"]);
    let merge = repo.git(&["rev-parse", "HEAD"]);
    for i in 0..5 {
        repo.write("later.txt", &i.to_string());
        repo.commit("later");
    }
    let d = document(&repo, &base[0], "main", &[]);
    assert_eq!(d["outcome"], "found");
    assert_eq!(d["culprit"]["sha"], side[5].as_str(), "{d:#}");
    assert_eq!(d["merged_by"]["sha"], merge.as_str());
    assert_eq!(d["steps"][0]["sha"], side[5].as_str());
    assert_eq!(d["functions"][0]["name"], "main");
    // The same from a good end that lies on the branch, and with every commit in the list.
    let d = document(&repo, &side[2], "main", &[]);
    assert_eq!(d["culprit"]["sha"], side[5].as_str(), "{d:#}");
    let d = document(&repo, &base[0], "main", &["--all"]);
    assert_eq!(d["culprit"]["sha"], side[5].as_str(), "{d:#}");
}

#[test]
fn a_revert_inside_the_range_does_not_hide_the_culprit() {
    let repo = Repo::with_command();
    let mut turns = vec![1000; 30];
    turns[5..11].fill(2000);
    turns[25..].fill(2000);
    let shas = history(&repo, &turns);
    let d = document(&repo, &shas[0], "main", &[]);
    assert!(
        [&shas[6], &shas[26]].contains(&&d["culprit"]["sha"].as_str().unwrap().to_string()),
        "{d:#}"
    );
    // Looking for what made it cheaper, the revert is the answer.
    let d = document(&repo, &shas[8], &shas[20], &["--fixed"]);
    assert_eq!(d["culprit"]["sha"], shas[12].as_str(), "{d:#}");
    assert!(d["change"].as_f64().unwrap() < 0.0);
}

#[test]
fn a_hole_over_the_culprit_gives_the_set_and_says_so() {
    let repo = Repo::with_command();
    let mut shas = history(&repo, &[1000; 10]);
    for i in 0..4 {
        repo.write("work.c", &format!("broken {i}"));
        shas.push(repo.commit("does not build"));
    }
    shas.extend(history(&repo, &[2000; 10]).split_off(1));
    let d = document(&repo, &shas[0], "main", &[]);
    assert_eq!(d["outcome"], "range", "{d:#}");
    assert_eq!(d["culprit"], Value::Null);
    let suspects: Vec<&str> = d["suspects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s.as_str().unwrap())
        .collect();
    // Four that do not build, and the first that does again.
    assert_eq!(suspects.len(), 5, "{d:#}");
    assert!(shas[11..=15].iter().all(|s| suspects.contains(&s.as_str())));
    let skipped = d["skipped"].as_array().unwrap();
    assert!(!skipped.is_empty());
    assert!(skipped[0]["why"].as_str().unwrap().contains("build"));
    let text = bisect(&repo, &shas[0], "main", &[]).exits(0).stdout;
    assert!(
        text.contains("ONE OF 5 commits") && text.contains("(a suspect)"),
        "{text}"
    );
}

#[test]
fn ends_that_do_not_build_are_walked_past() {
    let repo = Repo::with_command();
    repo.write("work.c", "broken");
    let good = repo.commit("broken good");
    let mut turns = [1000; 12];
    turns[6..].fill(1500);
    let shas = history(&repo, &turns);
    repo.write("work.c", "broken");
    repo.commit("broken bad");
    let d = document(&repo, &good, "main", &[]);
    assert_eq!(d["culprit"]["sha"], shas[7].as_str(), "{d:#}");
    assert!(d["skipped"].as_array().unwrap().len() >= 2);
}

#[test]
fn a_build_that_writes_tracked_files_and_leaves_others_is_survived() {
    let repo = Repo::new();
    repo.write(
        "uptick.toml",
        "[[command]]\nname = \"work\"\nbuild = \"cc -O1 -o work work.c && echo $RANDOM $$ >> Cargo.lock && mkdir -p junk && echo x > later.h\"\nrun = \"./work\"\n",
    );
    repo.write("Cargo.lock", "tracked\n");
    repo.work(1000);
    repo.commit("first");
    let mut turns = [1000; 12];
    turns[8..].fill(1600);
    let shas = history(&repo, &turns[..6]);
    // From here on the commits track a file that the build of the others leaves in the way.
    repo.write("later.h", "tracked now\n");
    repo.commit("later.h");
    let more = history(&repo, &turns[6..]);
    let before = repo.state();
    let d = document(&repo, &shas[0], "main", &[]);
    assert_eq!(d["culprit"]["sha"], more[3].as_str(), "{d:#}");
    assert_eq!(d["skipped"].as_array().unwrap().len(), 0);
    assert_eq!(before, repo.state());
}

#[test]
fn a_killed_search_goes_on_and_leaves_the_checkout_alone() {
    let repo = Repo::with_command();
    let mut turns: Vec<u64> = (0..60).map(|i| 1000 + i % 2).collect();
    turns[37..].iter_mut().for_each(|t| *t += 900);
    let shas = history(&repo, &turns);
    let before = repo.state();
    let mut child = repo
        .command(&["bisect", &shas[0], "main", "--bench", "work", "--json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Killed as soon as three commits are in the log.
    let log = repo.path().join(".uptick/bisect/0001.jsonl");
    let told = || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.matches("\"event\":\"observed\"").count()
    };
    while told() < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(before, repo.state());
    let at_kill = told();
    assert!(at_kill >= 3);
    // Half a line, as a kill in the middle of a write leaves it.
    let mut text = std::fs::read_to_string(&log).unwrap();
    text.push_str("{\"event\":\"obser");
    std::fs::write(&log, text).unwrap();
    repo.uptick(&["bisect", "log"]).exits(0);
    let d = repo
        .uptick(&["bisect", "--resume", "--json"])
        .exits(0)
        .json();
    assert_eq!(d["culprit"]["sha"], shas[38].as_str(), "{d:#}");
    builds(&d, 60);
    let fresh = Repo::with_command();
    let shas = history(&fresh, &turns);
    let straight = document(&fresh, &shas[0], "main", &[]);
    // The kill cost no commit that was in the log before it.
    let measured = |d: &Value| d["measured"].as_u64().unwrap() + d["reused"].as_u64().unwrap();
    assert_eq!(measured(&d), measured(&straight));
    assert_eq!(before, repo.state());
    // Once more, with nothing left to measure: the answer is as sure as it was.
    let resume = repo.uptick(&["bisect", "--resume", "--json"]);
    let again = resume.exits(0).json();
    assert_eq!(again["culprit"], d["culprit"]);
    assert_eq!(
        (&again["verified"], &again["counter"]),
        (&d["verified"], &d["counter"])
    );
    assert_eq!(again["verified"], true, "{again:#}");
}

#[test]
fn any_program_by_a_build_and_a_run_command() {
    let repo = Repo::new();
    repo.write("src/main.c", "int main(int c, char **v) { volatile unsigned x = c; for (unsigned i = 0; i < 500; i++) x += i; return v[1][0] != '/'; }\n");
    repo.commit("first");
    let good = repo.git(&["rev-parse", "HEAD"]);
    let mut culprit = String::new();
    for i in 0..10 {
        if i == 6 {
            repo.write("src/main.c", "int main(int c, char **v) { volatile unsigned x = c; for (unsigned i = 0; i < 900; i++) x += i; return v[1][0] != '/'; }\n");
        }
        repo.write("src/notes.txt", &i.to_string());
        let sha = repo.commit("more");
        if i == 6 {
            culprit = sha;
        }
    }
    let d = repo
        .uptick(&[
            "bisect",
            &good,
            "HEAD",
            "--json",
            "--build",
            "cc -g -O1 -o \"$UPTICK_TREE\"/prog {tree}/src/main.c",
            "--run",
            "./prog {tree}",
        ])
        .exits(0)
        .json();
    assert_eq!(d["culprit"]["sha"], culprit.as_str(), "{d:#}");
    assert_eq!(d["benchmark"], "./prog {tree}");
    assert_eq!(d["likely"][0]["file"], "src/main.c", "{d:#}");
    assert_eq!(d["functions"][0]["name"], "main");
}

#[test]
fn todays_benchmark_is_carried_to_yesterdays_commits() {
    let repo = Repo::with_command();
    repo.write("lib.h", "#define TURNS 300\n");
    let good = repo.commit("a library without a benchmark");
    let mut culprit = String::new();
    for i in 0..9 {
        if i == 4 {
            repo.write("lib.h", "#define TURNS 700\n");
        }
        repo.write("notes.txt", &i.to_string());
        let sha = repo.commit("more");
        if i == 4 {
            culprit = sha;
        }
    }
    // The benchmark exists in the working tree only.
    repo.write("bench/bench.c", "#include \"../lib.h\"\nint main(void) { volatile unsigned x = 0; for (unsigned i = 0; i < TURNS; i++) x += i; return 0; }\n");
    let toml = format!(
        "{COMMAND}\n[[command]]\nname = \"lib\"\nbuild = \"cc -O1 -o work bench/bench.c\"\nrun = \"./work\"\n"
    );
    repo.write("uptick.toml", &toml);
    let args = ["bisect", good.as_str(), "HEAD", "--bench", "lib", "--json"];
    repo.uptick(&args).exits(4).says(&["gave no number"]);
    let mut with = args.to_vec();
    with.extend(["--carry", "bench"]);
    let d = repo.uptick(&with).exits(0).json();
    assert_eq!(d["culprit"]["sha"], culprit.as_str(), "{d:#}");
    let mut wrong = args.to_vec();
    wrong.extend(["--carry", "nothing"]);
    repo.uptick(&wrong)
        .exits(2)
        .says(&["neither the working tree nor HEAD"]);
    wrong.pop();
    wrong.push("../..");
    repo.uptick(&wrong)
        .exits(2)
        .says(&["inside the repository"]);
}

#[test]
fn two_workers_give_the_same_answer() {
    let repo = Repo::with_command();
    let mut turns: Vec<u64> = (0..30).map(|i| 1000 + i % 3).collect();
    turns[11..].iter_mut().for_each(|t| *t += 800);
    let shas = history(&repo, &turns);
    let d = document(&repo, &shas[0], "main", &["--jobs", "2"]);
    assert_eq!(d["culprit"]["sha"], shas[12].as_str(), "{d:#}");
}

#[test]
fn mistakes_are_said_with_their_code() {
    let repo = Repo::with_command();
    let shas = history(&repo, &[1000, 1000, 1000]);
    bisect(&repo, "main", &shas[0], &[]).exits(2).says(&[
        "ends are swapped",
        "uptick bisect",
        "--fixed",
    ]);
    bisect(&repo, "main", "HEAD", &[])
        .exits(2)
        .says(&["same commit"]);
    bisect(&repo, "nonsense", "main", &[])
        .exits(2)
        .says(&["names no commit"]);
    repo.uptick(&["bisect", &shas[0], "main"])
        .exits(2)
        .says(&["--bench"]);
    repo.uptick(&["bisect", "--bench", "work"])
        .exits(2)
        .says(&["GOOD BAD"]);
    repo.uptick(&["bisect", "--resume"])
        .exits(2)
        .says(&["no search was begun"]);
    bisect(&repo, &shas[0], "main", &["--metric", "joy"])
        .exits(2)
        .says(&["`joy`"]);
    let d = repo
        .uptick(&["bisect", &shas[0], "main", "--bench", "none", "--json"])
        .exits(3)
        .says(&["no benchmark `none`", "--overlay"])
        .json();
    assert_eq!(d["schema"], "uptick.bisect/1");
    repo.git(&["checkout", "-q", "--orphan", "alone"]);
    repo.commit("another history");
    bisect(&repo, "main", "alone", &[])
        .exits(2)
        .says(&["no history"]);
    let shallow = Repo::new();
    let from = format!("file://{}", repo.path().display());
    git(shallow.path(), &["fetch", "-q", "--depth=1", &from, "main"]);
    git(shallow.path(), &["checkout", "-q", "FETCH_HEAD"]);
    bisect(&shallow, &shas[0], "HEAD", &[])
        .exits(2)
        .says(&["shallow", "--unshallow"]);
}

#[test]
fn nothing_moved_is_an_answer_and_nothing_built_is_none() {
    let repo = Repo::with_command();
    let mut turns = vec![2000; 6];
    turns[3..].fill(1000);
    let shas = history(&repo, &turns);
    let ran = bisect(&repo, &shas[0], &shas[6], &["--json"]).exits(1);
    assert_eq!(ran.json()["outcome"], "no_regression");
    let text = bisect(&repo, &shas[1], &shas[6], &[]).exits(1).stdout;
    assert!(
        text.contains("NOT REPRODUCED") && text.contains("--fixed"),
        "{text}"
    );
    for i in 0..4 {
        repo.write("work.c", &format!("broken {i}"));
        repo.commit("broken");
    }
    bisect(&repo, "HEAD~3", "HEAD", &[])
        .exits(4)
        .says(&["gave no number", "build"]);
}

#[test]
fn a_step_speaks_the_words_of_git_bisect_run() {
    let repo = Repo::with_command();
    let mut turns = vec![1000; 16];
    turns[9..].fill(1700);
    let mut shas = history(&repo, &turns);
    repo.write("work.c", "broken");
    shas.push(repo.commit("broken"));
    let step = |rev: &str, good: &str, bad: &str| {
        repo.uptick(&[
            "bisect-step",
            rev,
            "--bench",
            "work",
            "--good",
            good,
            "--bad",
            bad,
        ])
    };
    step(&shas[3], &shas[1], &shas[16]).exits(0);
    step(&shas[12], &shas[1], &shas[16]).exits(1);
    let said = step(&shas[17], &shas[1], &shas[16]).exits(125).stdout;
    assert!(said.contains("skip: build"), "{said}");
    // Ends that do not differ, ends that do not exist, a wrong command line: stop, all of them.
    step(&shas[3], &shas[1], &shas[4])
        .exits(128 + 3)
        .says(&["do not differ"]);
    step(&shas[3], "nonsense", &shas[4]).exits(128 + 2);
    repo.uptick(&["bisect-step", "--nonsense"]).exits(128 + 2);
    repo.uptick(&["bisect-step", "--bench", "work"])
        .exits(128 + 2)
        .says(&["git bisect"]);
    // And in the hands of git itself.
    repo.git(&["bisect", "start", &shas[16], &shas[1]]);
    let out = repo.git(&[
        "bisect",
        "run",
        env!("CARGO_BIN_EXE_uptick"),
        "bisect-step",
        "--bench",
        "work",
    ]);
    assert!(out.contains(&format!("{} is the first", shas[10])), "{out}");
}

/// A command that takes so many milliseconds and up to 31 more: noise of its own, beside which
/// what the machine adds matters little.
fn waits(ms: u32) -> String {
    let digits = if ms < 69 { "0.0" } else { "0." };
    format!("sleep {digits}$(({ms} + $$ * 7 % 32))\n")
}

/// Commits, one a number, each with a command that waits so long; gives their names.
fn waiting(repo: &Repo, all: &[u32]) -> Vec<String> {
    let each = all.iter().enumerate().map(|(i, ms)| {
        repo.write(
            "wait.sh",
            &format!("# {i} of {}\n{}", all.len(), waits(*ms)),
        );
        repo.commit("more")
    });
    each.collect()
}

/// A repository whose command waits, with that suite.
fn waiter(suite: &str) -> Repo {
    let repo = Repo::new();
    repo.write("wait.sh", &waits(10));
    let command = "[[command]]\nname = \"work\"\nrun = \"sh wait.sh\"\n";
    repo.write("uptick.toml", &format!("{suite}{command}"));
    repo
}

#[test]
fn noisy_time_is_searched_by_runs() {
    let repo = waiter("");
    let good = repo.commit("first");
    // A step of some six standard deviations, which five times the range of a few runs exceeds.
    let shas = waiting(&repo, &[10, 10, 10, 10, 65, 65]);
    let d = document(
        &repo,
        &good,
        "HEAD",
        &["--metric", "wall_time", "--limit", "50%"],
    );
    assert_eq!(d["culprit"]["sha"], shas[4].as_str(), "{d:#}");
    assert_eq!(d["metric"], "wall_time");
    assert!(d["runs"].as_u64() > Some(0), "{d:#}");
}

/// The first report of a store, as an export has it.
fn a_report(repo: &Repo) -> Value {
    let export = repo.uptick(&["export"]).exits(0).stdout;
    let mut lines = export
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    lines.find(|l| l["report"].is_object()).unwrap()
}

#[test]
fn a_stored_commit_that_no_longer_runs_does_not_end_the_search() {
    let repo = waiter("[suite]\ncounter = \"clock\"\n");
    let shas = waiting(&repo, &[10, 10]);
    repo.uptick(&["run", "HEAD~1..HEAD"]).exits(0);
    repo.write("wait.sh", "exit 1\n");
    let good = repo.commit("broken by now");
    // Two runs that differ: too few for an answer, so that more are asked for.
    let mut report = a_report(&repo);
    assert_eq!(report["report"]["commit"]["sha"], shas[1].as_str());
    report["report"]["commit"]["sha"] = good.as_str().into();
    report["report"]["measurements"][0]["samples"] = vec![12e6, 34e6].into();
    repo.import(&[report]);
    // A step beside which what a busy machine adds matters little too.
    let shas = waiting(&repo, &[265, 265]);
    let d = document(&repo, &good, "HEAD", &["--limit", "50%"]);
    assert_eq!(d["culprit"]["sha"], shas[0].as_str(), "{d:#}");
    let notes = d["notes"].to_string();
    assert!(notes.contains("ran before and does not now"), "{d:#}");
}

#[test]
fn stored_commits_beside_the_range_tell_its_level_and_noise() {
    let repo = waiter("[suite]\ncounter = \"clock\"\n");
    let before = waiting(&repo, &[10; 13]);
    let good = &before[12];
    repo.uptick(&["run", &format!("{good}~1..{good}")]).exits(0);
    // Its report once more for each commit before, with runs about the same middle.
    let mut report = a_report(&repo);
    let middle = report["report"]["measurements"][0]["value"]
        .as_f64()
        .unwrap();
    let mut reports = Vec::new();
    for (sha, shift) in before[..12]
        .iter()
        .zip([0, 20, -10, 11, -21, 1, 12, -19, 18, -9, 9, -12])
    {
        let runs: Vec<f64> = [-12, -6, 0, 6, 12]
            .map(|ms| middle + 1e5 * f64::from(10 * ms + shift))
            .to_vec();
        report["report"]["commit"]["sha"] = sha.as_str().into();
        report["report"]["measurements"][0]["samples"] = runs.into();
        reports.push(report.clone());
    }
    repo.import(&reports);
    let shas = waiting(&repo, &[10, 10, 65, 65]);
    let d = document(&repo, good, "HEAD", &["--limit", "50%"]);
    let notes = d["notes"].to_string();
    assert!(notes.contains("store: 12 commits before"), "{d:#}");
    assert_eq!(d["culprit"]["sha"], shas[2].as_str(), "{d:#}");
}

#[test]
fn a_thousand_commits_cost_a_dozen_builds() {
    let repo = Repo::with_command();
    let good = repo.git(&["rev-parse", "HEAD"]);
    let program = |turns: u32| {
        format!(
            "int main(void) {{ volatile unsigned x = 0; for (unsigned i = 0; i < {turns}u; i++) x += i; return 0; }}\n"
        )
    };
    let mut stream = String::new();
    for i in 1..=1000 {
        let turns = if i < 618 { 1000 } else { 1500 };
        let (text, message) = (format!("{}// {i}\n", program(turns)), format!("commit {i}"));
        stream.push_str(&format!(
            "commit refs/heads/long\ncommitter T <t@example.org> {} +0000\ndata {}\n{message}\n",
            1_700_000_000 + i,
            message.len()
        ));
        if i == 1 {
            stream.push_str(&format!("from {good}\n"));
        }
        stream.push_str(&format!(
            "M 644 inline work.c\ndata {}\n{text}\n",
            text.len()
        ));
    }
    let mut import = std::process::Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(repo.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut import.stdin.take().unwrap(), stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    let d = document(&repo, &good, "long", &[]);
    assert_eq!(d["culprit"]["subject"], "commit 618", "{d:#}");
    assert_eq!(d["range"]["commits"], 1000);
    builds(&d, 1000);
}
