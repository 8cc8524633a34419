//! The README's commands stay true: each of its lines runs, as it stands there, in a repository
//! that has what the line speaks of.

use std::net::TcpStream;
use std::process::Stdio;

use crate::serve::address;
use crate::support::{COMMAND, Repo};

const README: &str = include_str!("../../README.md");

#[test]
fn commands_in_the_transcripts_run() {
    trycmd::TestCases::new().case("ci/tests/cli/*.trycmd").run();
}

/// The commands of a chapter, without their comments.
pub(crate) fn lines_of(chapter: &str) -> Vec<Vec<&'static str>> {
    let text = README.split_once(chapter).unwrap().1;
    let block = text.split_once("```sh\n").unwrap().1;
    let block = block.split_once("\n```").unwrap().0;
    let command = |l: &'static str| l.split('#').next().unwrap_or(l);
    block
        .lines()
        .filter_map(|l| command(l).trim().strip_prefix("uptick "))
        .map(|l| l.split_whitespace().collect())
        .collect()
}

/// A history of 101 commits with a release at its beginning and one step in its middle; all
/// but two commits change no file, so that few builds answer for all.
fn repo_with_history() -> Repo {
    let repo = Repo::new();
    repo.write("uptick.toml", &COMMAND.replace("\"work\"", "\"parse\""));
    repo.write(".gitignore", "/work\n");
    repo.work(1000);
    repo.commit("first");
    repo.tag("v1.0");
    for i in 0..100 {
        if i == 50 {
            repo.work(2000);
        }
        repo.commit(&format!("commit {i}"));
    }
    repo
}

#[test]
fn every_command_of_the_readme_runs_as_it_stands() {
    let commands = lines_of("## Use it on your repository");
    let named: Vec<&str> = commands.iter().map(|c| c[0]).collect();
    let wanted = [
        "doctor", "check", "run", "log", "changes", "bisect", "serve", "backup",
    ];
    assert_eq!(
        named, wanted,
        "the README has other commands than this test"
    );
    let repo = repo_with_history();
    for command in &commands {
        if command[0] == "serve" {
            serves(&repo, command);
            continue;
        }
        let ran = repo.uptick(command).exits(0);
        match command[0] {
            "doctor" => assert!(ran.stdout.contains("self-test"), "{}", ran.stdout),
            "check" => assert!(ran.stdout.starts_with("ok: 1 benchmark"), "{}", ran.stdout),
            "run" => assert_eq!(ran.stdout.lines().count(), 100, "{}", ran.stdout),
            "log" | "changes" => assert!(ran.stdout.contains("parse"), "{}", ran.stdout),
            "bisect" => assert!(ran.stdout.contains("commit 50"), "{}", ran.stdout),
            "backup" => assert!(repo.path().join("store.db").is_file(), "{}", ran.stdout),
            other => panic!("nothing is asked of `{other}`"),
        }
    }
}

/// Starts the dashboard on a free port and asks for its address.
fn serves(repo: &Repo, command: &[&str]) {
    let mut child = repo
        .command(command)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let address = address(&mut child);
    let reached = TcpStream::connect(&address);
    child.kill().unwrap();
    child.wait().unwrap();
    reached.unwrap_or_else(|e| panic!("{address}: {e}"));
}

#[test]
fn the_demo_of_the_readme_fills_a_store() {
    let demo = "uptick --store demo.db demo";
    assert!(README.contains(&format!("`{demo}`")));
    let repo = Repo::new();
    let arguments: Vec<&str> = demo.split(' ').skip(1).collect();
    repo.uptick(&arguments).exits(0);
    let changes = ["--store", "demo.db", "verify"];
    repo.uptick(&changes).exits(0);
}

/// What tells a line of a check's text from those of another kind: its indentation and first word,
/// or that it begins with a number.
fn kind(line: &str) -> String {
    let word = line.split_whitespace().next().unwrap_or_default();
    let is_number = word.starts_with(|c: char| c.is_ascii_digit() || "+-−".contains(c));
    let indented = line.starts_with("    ");
    match is_number {
        true => format!("{indented} number"),
        false => format!("{indented} {word}"),
    }
}

/// The transcript is what a check prints of one commit that costs more than its parent.
#[test]
fn the_transcript_has_lines_that_a_check_prints() {
    let (_, rest) = README.split_once("```\nREGRESSED: ").unwrap();
    let transcript = format!("REGRESSED: {}", rest.split_once("\n```").unwrap().0);
    let repo = Repo::new();
    // With the lines of the source, so that a place is named.
    repo.write("uptick.toml", &COMMAND.replace("-O1", "-g -O1"));
    repo.write(".gitignore", "/work\n");
    repo.work(1000);
    repo.commit("first");
    repo.work(2000);
    repo.commit("twice");
    let printed = repo.uptick(&["check"]).exits(1).stdout;
    let mut kinds: Vec<String> = printed.lines().map(kind).collect();
    // Where more functions gained than are listed; and `…` where a line was left out here.
    kinds.extend([kind("    these explain"), kind("    these come"), kind("…")]);
    for line in transcript.lines() {
        assert!(
            kinds.contains(&kind(line)),
            "`{line}` is in the README and in no line of:\n{printed}"
        );
    }
    // It takes back the one commit that it is about, never a range.
    let line = |word: &str| {
        transcript
            .lines()
            .find(|l| l.trim_start().starts_with(word))
    };
    let head = line("head").and_then(|l| l.split(' ').nth(1)).unwrap();
    let undo = line("undo").unwrap();
    let reverts = [
        format!("git revert {head}"),
        format!("git revert -m 1 {head}"),
    ];
    assert!(reverts.iter().any(|r| undo.ends_with(r)), "{undo}");
    assert!(line("base").unwrap().ends_with(", 1 commit before"));
}
