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
