//! A team's day with the README's commands: two projects, two collectors of which one is killed, a
//! regression among ten commits, and who hears of it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::alerts::receiver::Receiver;
use crate::collect::{ask, held_up, said, start, uptick};
use crate::postgres::server::Cluster;
use crate::pulls::untrusted;
use crate::readme::lines_of;
use crate::support::{Repo, wait, wait_within};

/// Which of the commits that are pushed is the slow one.
const SLOW: usize = 5;

/// What the README's example names stand for here.
struct Day {
    dir: tempfile::TempDir,
    parser: Repo,
    receiver: Receiver,
    address: String,
    /// The log that its server shares.
    log: Option<String>,
    children: Vec<Child>,
}

impl Drop for Day {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Day {
    /// The parser's builds wait for as long as the day's file `wait` is there.
    fn new(log: Option<String>) -> Self {
        let (dir, parser) = (tempfile::tempdir().unwrap(), Repo::with_command());
        held_up(&parser, &dir.path().join("wait"));
        parser.git(&["commit", "-qa", "--amend", "--no-edit"]);
        Self {
            dir,
            parser,
            receiver: Receiver::new(),
            address: String::new(),
            log,
            children: Vec::new(),
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("srv")
    }

    /// A command of the README, with the names that it has here.
    fn command(&self, words: &[&str]) -> Command {
        let parser = self.parser.path().to_str().unwrap();
        let words = words.iter().map(|w| {
            w.replace("https://git.example/parser.git", parser).replace(
                "https://uptick.example",
                &format!("http://{}", self.address),
            )
        });
        let words: Vec<String> = words.collect();
        let mut command = uptick(&words.iter().map(String::as_str).collect::<Vec<_>>());
        command.current_dir(self.dir.path());
        command
    }

    /// The file that holds the parser's builds up.
    fn flag(&self) -> PathBuf {
        self.dir.path().join("wait")
    }

    /// With leases that hold longer than a busy machine stalls.
    fn serve(&mut self) {
        let mut args = vec!["--lease", "20", "--public"];
        let log = self.log.clone();
        args.extend(log.iter().flat_map(|log| ["--log", log.as_str()]));
        let (child, address) = start(&self.data(), "127.0.0.1:0", &args);
        self.children.push(child);
        self.address = address;
    }

    /// A collector in a directory of its own.
    fn collect(&mut self, words: &[&str], name: &str, token: &str) {
        let words: Vec<&str> = words
            .iter()
            .map(|w| if *w == "bare-1" { name } else { w })
            .collect();
        let mut command = self.command(&words);
        command.arg("--dir").arg(self.dir.path().join(name));
        command.env("UPTICK_TOKEN", token);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.spawn().unwrap());
    }

    fn json(&self, path: &str) -> Value {
        let (status, text) = ask(&self.address, "GET", path, "", &[], b"");
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn jobs(&self) -> Vec<Value> {
        self.json("/api/v1/jobs")["jobs"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// How many jobs of a project are done.
    fn done(&self, project: &str) -> usize {
        let of = |j: &&Value| j["project"] == project && j["state"] == "done";
        self.jobs().iter().filter(of).count()
    }

    /// What a command says of the parser's store.
    fn of_store(&self, words: &[&str]) -> String {
        let store = self.data().join("projects/parser/uptick.db");
        said(uptick(words).arg("--store").arg(store))
    }

    /// How many reports of a commit the parser's log has.
    fn reports(&self, sha: &str) -> usize {
        let export = self.of_store(&["export"]);
        let lines = export.lines().map(|l| serde_json::from_str(l).unwrap());
        let of = |line: &Value| line["report"]["commit"]["sha"] == sha;
        lines.filter(of).count()
    }

    /// The messages of the parser's channel, as far as they have come.
    fn deliveries(&self) -> Vec<Value> {
        let listed: Value =
            serde_json::from_str(&self.of_store(&["channel", "list", "--json"])).unwrap();
        listed["deliveries"].as_array().unwrap().clone()
    }

    /// Kills `bare-1` while it builds a commit of the parser, which nobody has built then; gives
    /// that commit.
    fn kill_at_work(&mut self) -> String {
        let mut sha = None;
        wait("bare-1 at work again", || {
            let jobs = self.jobs();
            let is_held = |j: &&Value| {
                let stage = j["stage"].as_str().unwrap_or_default();
                j["project"] == "parser" && j["collector"] == "bare-1" && stage.contains("building")
            };
            let held = jobs.iter().filter(|j| j["state"] == "leased").find(is_held);
            sha = held.and_then(|j| j["sha"].as_str().map(String::from));
            sha.is_some()
        });
        let mut killed = self.children.pop().unwrap();
        killed.kill().unwrap();
        killed.wait().unwrap();
        std::fs::remove_file(self.flag()).unwrap();
        sha.unwrap()
    }
}

/// Runs what the README says of a server; gives its channel's secret and its collector's token.
fn set_up(day: &mut Day) -> (String, Vec<&'static str>, String) {
    let commands = lines_of("## A server for a team");
    let named: Vec<&str> = commands.iter().map(|c| c[0]).collect();
    assert_eq!(
        named,
        ["serve", "project", "channel", "token", "collect"],
        "the README has other commands than this test"
    );
    assert_eq!(commands[0], ["serve", "--data", "srv"]);
    day.serve();
    said(day.command(&commands[1]).args(["--poll", "1"]));
    let mut channel = day.command(&commands[2]);
    let hook = format!("http://{}/in", day.receiver.place);
    let secret = said(
        channel
            .args(["--allow", &day.receiver.place])
            .env("HOOK", hook),
    );
    let token = said(&mut day.command(&commands[3]));
    (secret, commands[4].clone(), token)
}

/// Pushes ten commits, of which one doubles the work; gives that one.
fn push_ten(repo: &Repo) -> String {
    let mut slow = String::new();
    for i in 0..10 {
        let turns = if i < SLOW { 1_000 } else { 30_000 };
        repo.work(turns);
        repo.write("CHANGES", &i.to_string());
        let sha = repo.commit(&format!("commit {i}"));
        if i == SLOW {
            slow = sha;
        }
    }
    slow
}

/// The slow commit as a message names it.
fn slow_commit(sha: &str) -> Value {
    json!({ "sha": sha, "subject": format!("commit {SLOW}"), "author": "T" })
}

fn add(day: &Day, name: &str, repo: &Path) {
    let url = repo.to_str().unwrap();
    let args = [
        "project", "add", name, "--url", url, "--poll", "1", "--data", "srv",
    ];
    said(&mut day.command(&args));
}

#[test]
fn a_regression_among_ten_commits_is_told_though_a_collector_is_killed() {
    is_told(Day::new(None), || {});
}

#[test]
fn the_same_is_told_on_postgresql_though_its_primary_is_killed_too() {
    let mut primary = Cluster::new();
    let standby = primary.standby();
    let hosts = format!("{},{}", primary.host(), standby.host());
    let log = format!("postgres://uptick@{hosts}/postgres");
    is_told(Day::new(Some(log)), || {
        primary.kill();
        standby.promote();
    });
}

/// Ten commits, of which one is slow, are pushed; a collector is killed at work, and `fail` happens
/// while another one takes its place.
fn is_told(mut day: Day, fail: impl FnOnce()) {
    let (secret, collect, token) = set_up(&mut day);
    let lexer = Repo::with_command();
    add(&day, "lexer", lexer.path());
    day.collect(&collect, "bare-1", &token);
    wait("the first commits", || {
        day.done("parser") == 1 && day.done("lexer") == 1
    });

    std::fs::write(day.flag(), "").unwrap();
    let slow = push_ten(&day.parser);
    lexer.write("CHANGES", "one");
    lexer.commit("nothing slower");
    let begun = day.kill_at_work();
    let token = said(&mut day.command(&[
        "token", "create", "bare-2", "--scope", "collect", "--data", "srv",
    ]));
    day.collect(&collect, "bare-2", &token);
    fail();
    wait_within(180, "every commit", || {
        day.done("parser") == 11 && day.done("lexer") == 2
    });

    // A message says what is known when it is sent; where its commits still waited to be measured,
    // a second one says which of them it was.
    let first = day.receiver.received(1).remove(0);
    let of_several = first.json()["data"]["commit_count"] != 1;
    let told = day.receiver.received(1 + usize::from(of_several));
    assert!(told.iter().all(|m| m.verifies(&secret)), "{told:?}");
    let last = told.last().unwrap().json();
    assert_eq!(
        last["data"]["commits"],
        json!([slow_commit(&slow)]),
        "{last:#}"
    );
    assert_eq!(last["type"] == "alert.narrowed", of_several, "{last:#}");
    // The page knows the one commit by now.
    let today = day.json("/p/parser/today.json");
    let groups = today["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{today:#}");
    let suspects = groups[0]["suspects"].as_array().unwrap();
    let suspects: Vec<&str> = suspects.iter().filter_map(|c| c["sha"].as_str()).collect();
    assert_eq!(suspects, [slow]);
    // The other project has nothing to say, and the killed one's commit was measured once.
    assert_eq!(day.json("/p/lexer/today.json")["groups"], json!([]));
    let jobs = day.jobs();
    let job = jobs.iter().find(|j| j["sha"] == begun.as_str()).unwrap();
    assert_eq!(job["collector"], "bare-2", "{job:#}");
    assert_eq!(day.reports(&begun), 1);
    // All was measured, and nothing is left to be told.
    let mut deliveries = Vec::new();
    wait("the last answer", || {
        deliveries = day.deliveries();
        deliveries.iter().all(|d| d["state"] != "waiting")
    });
    assert_eq!(deliveries.len(), told.len(), "{deliveries:#?}");
    assert!(
        deliveries.iter().all(|d| d["state"] == "delivered"),
        "{deliveries:#?}"
    );
    assert_eq!(day.receiver.received(0).len(), told.len());
    a_pull_request_has_its_page(&day, &collect);
    assert_eq!(day.receiver.received(0).len(), told.len());
}

/// Somebody proposes to take the slow commit's work back: once an administrator approves that commit
/// it is measured, its page says what it brings, and nobody is told.
fn a_pull_request_has_its_page(day: &Day, collect: &[&str]) {
    let parser = &day.parser;
    let tip = parser.git(&["rev-parse", "main"]);
    parser.git(&["checkout", "-q", "--detach"]);
    parser.work(1_000);
    let sha = parser.commit("as fast as before");
    parser.git(&["update-ref", "refs/pull/7/head", &sha]);
    parser.git(&["checkout", "-q", "main"]);
    let project = |words: &[&str]| {
        let words = [&["project"], words, &["--data", "srv"]].concat();
        said(&mut day.command(&words))
    };
    project(&["set", "parser", "--pulls", "refs/pull/*/head"]);
    let standing = |word: &str| {
        wait(word, || {
            let pulls = day.json("/api/v1/pulls");
            pulls["pulls"][0]["standing"] == word
        });
    };
    standing("unapproved");
    project(&["approve", "parser", &sha]);
    standing("waiting");
    let words = [
        "token", "create", "open", "--scope", "collect", "--data", "srv",
    ];
    let token = said(&mut day.command(&words));
    let words: Vec<&str> = collect
        .iter()
        .map(|w| if *w == "bare-1" { "open" } else { w })
        .chain(untrusted().iter().copied())
        .chain(["--once"])
        .collect();
    let mut once = day.command(&words);
    once.arg("--dir").arg(day.dir.path().join("open"));
    said(once.env("UPTICK_TOKEN", token));
    standing("measured");
    let page = day.json("/p/parser/branch.json?name=pull/7");
    let newest = &page["commits"][0];
    assert_eq!(newest["sha"], sha.as_str(), "{page:#}");
    assert_eq!(newest["base"], tip.as_str(), "{page:#}");
    assert_eq!(newest["verdict"]["improved"]["benchmarks"], 1, "{page:#}");
}
