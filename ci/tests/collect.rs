//! A server with a project, collectors that work for it, and what is seen of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Repo, wait};

/// A server over a directory of its own; it ends with the test.
pub(crate) struct Server {
    dir: tempfile::TempDir,
    child: Child,
    address: String,
    /// A collector's token, and an administrator's.
    collect: String,
    pub(crate) admin: String,
    /// What it is started with.
    args: Vec<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn uptick(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uptick"));
    command.args(args);
    for name in [
        "UPTICK_STORE",
        "UPTICK_DATA",
        "UPTICK_TOKEN",
        "UPTICK_SERVER",
    ] {
        command.env_remove(name);
    }
    command
}

#[track_caller]
pub(crate) fn said(command: &mut Command) -> String {
    let out = command.output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{text}");
    String::from_utf8(out.stdout).unwrap().trim().to_string()
}

impl Server {
    /// A server of one project, whose leases hold longer than a busy machine stalls.
    pub(crate) fn of(repo: &Repo) -> Self {
        Self::holding(repo, "20")
    }

    fn holding(repo: &Repo, seconds: &str) -> Self {
        Self::with(repo, &["--lease", seconds])
    }

    fn with(repo: &Repo, args: &[&str]) -> Self {
        Self::given(repo, args, &|_| {})
    }

    /// One whose process is `given` something.
    fn given(repo: &Repo, args: &[&str], given: &dyn Fn(&mut Command)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let url = repo.path().to_str().unwrap().to_string();
        let (child, address) = start_given(&data, "127.0.0.1:0", args, given);
        let token = |scope: &str| {
            let args = ["token", "create", scope, "--scope", scope, "--data"];
            said(uptick(&args).arg(&data))
        };
        let server = Self {
            collect: token("collect"),
            admin: token("admin"),
            dir,
            child,
            address,
            args: args.iter().map(ToString::to_string).collect(),
        };
        server.project(&["add", "lexis", "--url", &url, "--poll", "1"]);
        server
    }

    /// Kills the server, and starts it again at the same address.
    fn restart(&mut self, between: &dyn Fn()) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        between();
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let (child, address) = start(&self.data(), &self.address, &args);
        assert_eq!(address, self.address);
        self.child = child;
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn project(&self, args: &[&str]) -> String {
        said(
            uptick(&["project"])
                .args(args)
                .arg("--data")
                .arg(self.data()),
        )
    }

    /// A collector that works in a directory of its own.
    pub(crate) fn collector(&self, name: &str, args: &[&str]) -> Command {
        let mut command = uptick(&["collect", "--name", name]);
        command
            .args(["--server", &format!("http://{}", self.address), "--dir"])
            .arg(self.dir.path().join(name))
            .args(args)
            .env("UPTICK_TOKEN", &self.collect)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, &self.admin, &[], b"")
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[&str],
        body: &[u8],
    ) -> (u16, String) {
        ask(&self.address, method, path, token, headers, body)
    }

    pub(crate) fn place(&self) -> &str {
        &self.address
    }

    /// The first job of a commit.
    pub(crate) fn job(&self, sha: &str) -> Option<Value> {
        let all = self.json("/api/v1/jobs");
        let jobs = all["jobs"].as_array().unwrap();
        jobs.iter().find(|j| j["sha"] == sha).cloned()
    }

    fn until(&self, sha: &str, state: &str) -> Value {
        let found = |job: &Option<Value>| job.as_ref().is_some_and(|j| j["state"] == state);
        let mut job = None;
        wait(&format!("{state} of {sha}"), || {
            job = self.job(sha);
            found(&job)
        });
        job.unwrap()
    }

    /// How many reports of one commit the series of its project are made of.
    pub(crate) fn reports(&self, sha: &str) -> usize {
        let all = self.json("/p/lexis/api/v1/reports");
        let reports = all["reports"].as_array().unwrap();
        reports.iter().filter(|r| r["sha"] == sha).count()
    }
}

/// Asks a server once; gives the status and the body.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    token: &str,
    headers: &[&str],
    body: &[u8],
) -> (u16, String) {
    let (status, _, body) = answer(address, method, path, token, headers, body);
    (status, body)
}

/// The same with the head of the answer in the middle.
pub(crate) fn answer(
    address: &str,
    method: &str,
    path: &str,
    token: &str,
    headers: &[&str],
    body: &[u8],
) -> (u16, String, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    let longest = Some(std::time::Duration::from_secs(60));
    socket.set_read_timeout(longest).unwrap();
    socket.set_write_timeout(longest).unwrap();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    if !token.is_empty() {
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    headers
        .iter()
        .for_each(|h| head.push_str(&format!("{h}\r\n")));
    socket.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    socket.write_all(body).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_string(), body.to_string())
}

/// The words that name the forge of the project `lexis`.
pub(crate) fn gitea<'a>(api: &'a str, repository: &'a str, token_file: &'a str) -> [&'a str; 10] {
    [
        "forge",
        "lexis",
        "--kind",
        "gitea",
        "--api",
        api,
        "--repository",
        repository,
        "--token-file",
        token_file,
    ]
}

pub(crate) fn start(data: &Path, listen: &str, args: &[&str]) -> (Child, String) {
    start_given(data, listen, args, &|_| {})
}

pub(crate) fn start_given(
    data: &Path,
    listen: &str,
    args: &[&str],
    given: &dyn Fn(&mut Command),
) -> (Child, String) {
    let mut command = uptick(&["serve", "--listen", listen, "--data"]);
    given(&mut command);
    let mut child = command
        .arg(data)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = crate::serve::address(&mut child);
    (child, address)
}

/// A repository whose newest commit's build waits for as long as a file is there.
struct HeldUp {
    repo: Repo,
    sha: String,
    flag: PathBuf,
    _place: tempfile::TempDir,
}

impl HeldUp {
    fn new() -> Self {
        let (repo, place) = (Repo::with_command(), tempfile::tempdir().unwrap());
        let flag = place.path().join("wait");
        std::fs::write(&flag, "").unwrap();
        held_up(&repo, &flag);
        let sha = repo.commit("held up");
        Self {
            repo,
            sha,
            flag,
            _place: place,
        }
    }

    fn let_go(&self) {
        std::fs::remove_file(&self.flag).unwrap();
    }

    /// The job was given up and waits: another collector does it, once.
    fn finished_by_another(&self, server: &Server) -> Value {
        server.until(&self.sha, "waiting");
        let other = server.collector("other", &["--once"]).status();
        assert!(other.unwrap().success());
        let job = server.until(&self.sha, "done");
        assert_eq!(
            (&job["collector"], &job["epoch"]),
            (&"other".into(), &2.into())
        );
        assert_eq!(server.reports(&self.sha), 1);
        job
    }
}

fn signal(which: &str, child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([which, &id]).status();
    assert!(sent.unwrap().success());
}

/// A benchmark whose build waits for as long as a file is there.
pub(crate) fn held_up(repo: &Repo, flag: &Path) {
    let build = format!(
        "while test -e {}; do sleep 0.1; done; cc -O1 -o work work.c",
        flag.display()
    );
    let config = crate::support::COMMAND.replace("cc -O1 -o work work.c", &build);
    repo.write("uptick.toml", &config);
}

#[test]
fn a_pushed_commit_is_measured_and_seen() {
    let repo = Repo::with_command();
    let first = repo.git(&["rev-parse", "HEAD"]);
    let server = Server::of(&repo);
    assert_eq!(server.until(&first, "waiting")["purpose"], "commit");
    assert!(
        server
            .collector("one", &["--once"])
            .status()
            .unwrap()
            .success()
    );
    let job = server.until(&first, "done");
    assert_eq!(
        (&job["collector"], &job["epoch"]),
        (&"one".into(), &1.into())
    );
    let (status, page) = server.get(&format!("/p/lexis/commit/{first}"));
    assert_eq!(status, 200);
    assert!(page.contains("commit 0 of the main line"), "{page}");
    // Its addresses lead to this project's pages.
    assert!(page.contains("href=\"/p/lexis/health\""), "{page}");
    assert!(!page.contains("href=\"/health\""), "{page}");
    let report = server.json(&format!(
        "/p/lexis/api/v1/reports/{}",
        job["report"].as_str().unwrap()
    ));
    assert_eq!(report["line"]["on"], "main");
    assert!(
        report["measurements"]
            .as_array()
            .unwrap()
            .iter()
            .any(|m| m["metric"] == "instructions")
    );

    // Several commits of one push are each measured, and one that does not build says so.
    repo.work(2_000);
    let second = repo.commit("second");
    repo.write("work.c", "int main(void) { return no; }\n");
    let broken = repo.commit("broken");
    server.until(&second, "waiting");
    server.until(&broken, "waiting");
    for _ in 0..2 {
        assert!(
            server
                .collector("one", &["--once"])
                .status()
                .unwrap()
                .success()
        );
    }
    server.until(&second, "done");
    let failed = server.until(&broken, "failed");
    assert_eq!(
        (&failed["stage"], &failed["attempts"]),
        (&"build".into(), &1.into())
    );
    assert!(
        failed["why"].as_str().unwrap().contains("work.c"),
        "{failed}"
    );
    let (status, queue) = server.get("/queue");
    assert!(
        status == 200 && queue.contains("broken") && queue.contains("Try again"),
        "{queue}"
    );
    let commits = server.json("/p/lexis/api/v1/commits");
    assert_eq!(commits["commits"].as_array().unwrap().len(), 3);

    // A forced push: the line is read anew, and what waits of the old one waits no more.
    repo.work(3_000);
    let gone = repo.commit("gone");
    server.until(&gone, "waiting");
    repo.git(&["reset", "-q", "--hard", &second]);
    repo.work(4_000);
    let instead = repo.commit("instead");
    server.until(&instead, "waiting");
    server.until(&gone, "withdrawn");

    // A branch that is deleted is said, and nothing else ends.
    repo.git(&["checkout", "-q", "--detach"]);
    repo.git(&["branch", "-q", "-D", "main"]);
    wait("trouble", || {
        let all = server.json("/api/v1/projects");
        all["projects"][0]["trouble"]
            .as_str()
            .is_some_and(|t| t.contains("main"))
    });
    repo.git(&["branch", "main", &instead]);
    wait("no trouble", || {
        server.json("/api/v1/projects")["projects"][0]["trouble"] == ""
    });
}

#[test]
fn another_collector_finishes_what_a_killed_one_began() {
    let held = HeldUp::new();
    let sha = held.sha.clone();
    let server = Server::holding(&held.repo, "6");
    server.until(&sha, "waiting");
    let mut killed = server.collector("killed", &[]).spawn().unwrap();
    let leased = server.until(&sha, "leased");
    assert_eq!(leased["collector"], "killed");
    wait("building", || {
        server
            .job(&sha)
            .is_some_and(|j| j["stage"].as_str().is_some_and(|s| s.contains("building")))
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    held.let_go();
    let job = held.finished_by_another(&server);

    // What the killed one would hand in now comes under a lease that is over.
    let parcel = std::fs::read(server.dir.path().join("other/work/parcel")).unwrap();
    let id = &job["id"];
    let late = format!("/api/v1/jobs/finish?job={id}&epoch=1");
    let packed = ["content-encoding: zstd"];
    let (status, body) = server.ask("POST", &late, &server.collect, &packed, &parcel);
    assert_eq!(status, 409, "{body}");
    assert_eq!(server.reports(&sha), 1);
}

#[test]
fn a_frozen_collector_hands_nothing_in_when_it_wakes() {
    let held = HeldUp::new();
    let sha = held.sha.clone();
    let server = Server::holding(&held.repo, "6");
    server.until(&sha, "waiting");
    let mut frozen = server.collector("frozen", &["--once"]).spawn().unwrap();
    server.until(&sha, "leased");
    signal("-STOP", &frozen);
    // Its child goes on meanwhile; what it measures is nobody's.
    held.let_go();
    held.finished_by_another(&server);
    signal("-CONT", &frozen);
    assert_eq!(frozen.wait().unwrap().code(), Some(4));
    assert_eq!(server.reports(&sha), 1);
    assert_eq!(server.until(&sha, "done")["collector"], "other");
}

#[test]
fn a_job_that_is_cancelled_is_let_go() {
    let held = HeldUp::new();
    let sha = held.sha.clone();
    let server = Server::of(&held.repo);
    server.until(&sha, "waiting");
    let mut collector = server.collector("one", &["--once"]).spawn().unwrap();
    let job = server.until(&sha, "leased");
    let form = format!("job={}", job["id"]);
    let kind = ["content-type: application/x-www-form-urlencoded"];
    let (status, _) = server.ask(
        "POST",
        "/queue/cancel",
        &server.admin,
        &kind,
        form.as_bytes(),
    );
    assert_eq!(status, 303);
    // The build would go on for ever: the collector ends it.
    assert_eq!(collector.wait().unwrap().code(), Some(4));
    assert_eq!(server.until(&sha, "cancelled")["why"], "cancelled by admin");
    assert_eq!(server.reports(&sha), 0);
}

#[test]
fn a_collector_whose_name_is_taken_says_what_the_server_says() {
    let held = HeldUp::new();
    let server = Server::of(&held.repo);
    server.until(&held.sha, "waiting");
    let mut first = server.collector("one", &["--once"]).spawn().unwrap();
    server.until(&held.sha, "leased");
    let url = format!("http://{}", server.address);
    let mut second = uptick(&["collect", "--name", "one", "--server", &url, "--dir"])
        .arg(server.dir.path().join("elsewhere"))
        .env("UPTICK_TOKEN", &server.collect)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(
        line.starts_with("another collector called `one` is at work on job"),
        "{line}"
    );
    assert!(line.trim_end().ends_with("; trying again"), "{line}");
    for child in [&mut first, &mut second] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_job_that_stands_still_ends_at_the_collectors_limit() {
    let held = HeldUp::new();
    let sha = held.sha.clone();
    let server = Server::of(&held.repo);
    server.until(&sha, "waiting");
    let mut collector = server
        .collector("one", &["--once", "--job-limit", "1"])
        .spawn()
        .unwrap();
    assert_eq!(collector.wait().unwrap().code(), Some(4));
    let job = server.until(&sha, "failed");
    assert_eq!(
        (&job["stage"], &job["attempts"]),
        (&"timeout".into(), &1.into())
    );
    let why = job["why"].as_str().unwrap();
    assert!(
        why.contains("not done after 1 s") && why.contains("--job-limit"),
        "{why}"
    );
    assert_eq!(server.reports(&sha), 0);
}

/// Presses a button of the queue's page.
fn press(server: &Server, path: &str) {
    let kind = ["content-type: application/x-www-form-urlencoded"];
    let (status, _) = server.ask("POST", path, &server.admin, &kind, b"");
    assert_eq!(status, 303);
}

#[test]
fn what_the_machine_of_the_only_collector_fails_waits_until_it_is_mended() {
    let repo = Repo::with_command();
    let sha = repo.git(&["rev-parse", "HEAD"]);
    let server = Server::of(&repo);
    server.until(&sha, "waiting");
    let home = server.dir.path().join("one");
    let run = |code| {
        let ended = server.collector("one", &["--once"]).status().unwrap();
        assert_eq!(ended.code(), Some(code));
        server.job(&sha).unwrap()
    };
    // The lease cannot be written down: the job is given back, and nobody waits for its end.
    std::fs::create_dir_all(home.join("work/lease")).unwrap();
    let job = run(4);
    assert_eq!(
        (&job["state"], &job["stage"]),
        (&"waiting".into(), &"measure".into())
    );
    assert!(job["why"].as_str().unwrap().contains("work/lease"), "{job}");
    std::fs::remove_dir(home.join("work/lease")).unwrap();

    // Its repository is out of reach, for more attempts than a job has.
    let away = server.dir.path().join("away");
    std::fs::rename(repo.path().join(".git"), &away).unwrap();
    for _ in 0..4 {
        press(&server, "/queue/retry-all");
        let job = run(4);
        assert_eq!(
            (&job["state"], &job["stage"]),
            (&"waiting".into(), &"fetch".into())
        );
        assert_eq!(job["attempts"], 1, "{job}");
    }
    let known = server.json("/api/v1/collectors");
    let pause = &known["collectors"][0]["pauses"][0];
    assert_eq!(
        (&pause["project"], &pause["failures"]),
        (&"lexis".into(), &5.into())
    );
    for page in ["/queue", "/collectors"] {
        let (_, text) = server.get(page);
        assert!(
            text.contains("failed the last 5 jobs of lexis; they wait"),
            "{text}"
        );
        assert!(text.contains("Try all again now"), "{text}");
    }
    std::fs::rename(&away, repo.path().join(".git")).unwrap();
    press(&server, "/queue/retry-all");
    assert_eq!(run(0)["state"], "done");
    let known = server.json("/api/v1/collectors");
    assert_eq!(known["collectors"][0]["pauses"], serde_json::json!([]));
}

#[test]
fn a_polite_end_gives_the_job_back() {
    let held = HeldUp::new();
    let sha = held.sha.clone();
    let server = Server::of(&held.repo);
    server.until(&sha, "waiting");
    let mut collector = server.collector("one", &[]).spawn().unwrap();
    server.until(&sha, "leased");
    signal("-TERM", &collector);
    assert!(collector.wait().unwrap().success());
    let job = server.until(&sha, "waiting");
    assert_eq!((&job["attempts"], &job["epoch"]), (&0.into(), &1.into()));
}

#[test]
fn a_lease_survives_the_server_and_the_report_comes_in_once() {
    let held = HeldUp::new();
    let sha = held.sha.clone();
    let mut server = Server::of(&held.repo);
    server.until(&sha, "waiting");
    let mut collector = server.collector("one", &["--once"]).spawn().unwrap();
    server.until(&sha, "leased");
    server.restart(&|| held.let_go());
    assert!(collector.wait().unwrap().success());
    let job = server.until(&sha, "done");
    assert_eq!((&job["epoch"], &job["attempts"]), (&1.into(), &1.into()));
    assert_eq!(server.reports(&sha), 1);
}

#[test]
fn a_server_that_is_away_for_longer_than_the_lease_gets_every_report_once() {
    const LEASE: u64 = 6;
    let held = HeldUp::new();
    let mut server = Server::holding(&held.repo, &LEASE.to_string());
    server.until(&held.sha, "waiting");
    held.repo.work(2_000);
    let shas = [held.sha.clone(), held.repo.commit("held up too")];
    server.until(&shas[1], "waiting");
    let names = ["one", "two"];
    let mut collectors = names.map(|name| server.collector(name, &["--once"]).spawn().unwrap());
    shas.iter()
        .for_each(|sha| drop(server.until(sha, "leased")));
    let parcels = names.map(|name| server.dir.path().join(name).join("work/parcel"));
    server.restart(&|| {
        let away = std::time::Instant::now();
        // Nothing but time ends a lease.
        let over = std::time::Duration::from_secs(LEASE + 2);
        wait("the leases are over", || away.elapsed() > over);
        held.let_go();
        wait("both have measured and wait", || {
            parcels.iter().all(|parcel| parcel.is_file())
        });
    });
    for collector in &mut collectors {
        assert!(collector.wait().unwrap().success());
    }
    for sha in &shas {
        let job = server.until(sha, "done");
        assert_eq!((&job["epoch"], &job["attempts"]), (&1.into(), &1.into()));
        assert_eq!(server.reports(sha), 1);
    }
}

#[test]
fn a_mirror_that_was_lost_loses_no_commit_of_a_push_and_keeps_none_that_is_gone() {
    let repo = Repo::with_command();
    let first = repo.git(&["rev-parse", "HEAD"]);
    let mut server = Server::of(&repo);
    server.until(&first, "waiting");
    repo.work(2_000);
    let gone = repo.commit("gone");
    server.until(&gone, "waiting");
    let mirror = server.data().join("projects/lexis/mirror.git");
    server.restart(&|| {
        std::fs::remove_dir_all(&mirror).unwrap();
        repo.git(&["reset", "-q", "--hard", &first]);
        for turns in [3_000, 4_000] {
            repo.work(turns);
            repo.commit(&format!("{turns} turns"));
        }
    });
    let instead = ["main~1", "main"].map(|of| repo.git(&["rev-parse", of]));
    instead
        .iter()
        .for_each(|sha| drop(server.until(sha, "waiting")));
    server.until(&gone, "withdrawn");
}

#[test]
fn a_push_is_fetched_at_once_and_only_with_a_signature() {
    let repo = Repo::with_command();
    let first = repo.git(&["rev-parse", "HEAD"]);
    let server = Server::of(&repo);
    server.until(&first, "waiting");
    // No look but the webhook's for a day.
    server.project(&["set", "lexis", "--poll", "86400"]);
    let secret = server.project(&["set", "lexis", "--new-secret"]);
    assert_eq!(secret.len(), 64);
    repo.work(2_000);
    let second = repo.commit("second");
    let token = format!("x-gitlab-token: {secret}");
    let ask = |headers: &[&str], project: &str| {
        server
            .ask("POST", &format!("/hooks/{project}"), "", headers, b"{}")
            .0
    };
    assert_eq!(ask(&[], "lexis"), 401);
    assert_eq!(ask(&["x-gitlab-token: wrong"], "lexis"), 401);
    assert_eq!(ask(&[&token], "other"), 401);
    wait("a look that was asked for", || {
        assert_eq!(ask(&[&token], "lexis"), 202);
        server.job(&second).is_some()
    });
}

#[test]
fn a_server_measures_by_itself_for_a_start() {
    let repo = Repo::with_command();
    let sha = repo.git(&["rev-parse", "HEAD"]);
    let server = Server::with(&repo, &["--lease", "60", "--collect"]);
    let job = server.until(&sha, "done");
    assert_eq!(job["collector"], "beside");
    // The token of its collector opens jobs and nothing else.
    let (status, _) = server.ask("GET", "/projects", &server.collect, &[], b"");
    assert_eq!(status, 403);
}

/// What a server and a collector are given for themselves, on a line each of what a build sees.
const SECRETS: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PGPASSFILE",
    "PGPASSWORD",
    "UPTICK_FORGE_TOKEN",
    "UPTICK_TOKEN",
];

#[test]
fn what_is_measured_sees_no_secret_of_the_server_nor_of_its_collector() {
    let (repo, place) = (Repo::with_command(), tempfile::tempdir().unwrap());
    let seen = place.path().join("seen");
    let build = format!("env > {}; cc -O1 -o work work.c", seen.display());
    let config = crate::support::COMMAND.replace("cc -O1 -o work work.c", &build);
    repo.write("uptick.toml", &config);
    let sha = repo.commit("says what it sees");
    let given = |command: &mut Command| {
        command.env("GIVEN_TO_BUILDS", "a-secret-of-nobody");
        // UPTICK_TOKEN is the collector's own.
        for name in &SECRETS[..6] {
            command.env(name, "a-secret");
        }
    };
    let names = |text: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(text).replace('\0', "\n");
        let all = text.lines().filter_map(|l| l.split_once('='));
        all.map(|(name, _)| name.to_string()).collect()
    };
    let is_clean = |names: &[String], but: &str| {
        assert!(names.iter().any(|n| n == "GIVEN_TO_BUILDS"), "{names:?}");
        let kept: Vec<_> = SECRETS
            .iter()
            .filter(|s| names.iter().any(|n| n == *s))
            .collect();
        assert!(kept.iter().all(|s| **s == but), "{kept:?}");
    };

    let server = Server::given(&repo, &["--lease", "60", "--collect"], &given);
    server.until(&sha, "done");
    is_clean(&names(&std::fs::read(&seen).unwrap()), "");
    // The collector itself, whose environment what it measures may read.
    let id = server.child.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let beside = children.unwrap();
    let environment = std::fs::read(format!("/proc/{}/environ", beside.trim())).unwrap();
    is_clean(&names(&environment), "UPTICK_TOKEN");
    drop(server);

    std::fs::remove_file(&seen).unwrap();
    let server = Server::of(&repo);
    server.until(&sha, "waiting");
    let mut command = server.collector("one", &["--once"]);
    given(&mut command);
    assert!(command.status().unwrap().success());
    is_clean(&names(&std::fs::read(&seen).unwrap()), "");
}

/// Takes one request and answers it; gives its head and body.
fn answered(listener: &std::net::TcpListener, document: &Value) -> String {
    let (mut socket, _) = listener.accept().unwrap();
    let mut asked = String::new();
    let is_whole = |asked: &str| {
        let (head, body) = asked.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|l| {
            l.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        (body.len() >= length.unwrap_or(0usize)).then_some(())
    };
    let mut piece = [0; 4096];
    while is_whole(&asked).is_none() {
        let n = socket.read(&mut piece).unwrap();
        asked.push_str(std::str::from_utf8(&piece[..n]).unwrap());
    }
    let body = document.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket
        .write_all(format!("{head}{body}").as_bytes())
        .unwrap();
    asked
}

#[test]
fn a_lease_that_a_collector_is_too_old_for_is_given_back_and_said() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let home = tempfile::tempdir().unwrap();
    let collector = uptick(&["collect", "--name", "n", "--server", &url, "--dir"])
        .arg(home.path())
        .env("UPTICK_TOKEN", "none")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lease = serde_json::json!({ "schema": "uptick.lease/9", "job": 7, "epoch": 3 });
    let claim = answered(&listener, &lease);
    assert!(
        claim.starts_with("POST /api/v1/jobs/claim") && claim.contains("\"protocol\":1"),
        "{claim}"
    );
    let back = answered(
        &listener,
        &serde_json::json!({ "schema": "uptick.closed/1" }),
    );
    assert!(back.starts_with("POST /api/v1/jobs/fail"), "{back}");
    assert!(
        back.contains("\"job\":7,\"epoch\":3,\"fault\":\"nobody\""),
        "{back}"
    );
    let ended = collector.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(5), "{said}");
    assert!(
        said.contains("this collector is older than the server"),
        "{said}"
    );
}

/// Where nobody names a directory, nothing lands in the one that it was started in.
#[test]
fn a_collector_keeps_its_work_in_the_state_directory() {
    let (home, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Nobody listens there: it goes on trying.
    let mut collector = uptick(&["collect", "--server", "http://127.0.0.1:9", "--name", "n"])
        .current_dir(here.path())
        .env("HOME", home.path())
        .env_remove("XDG_STATE_HOME")
        .env("UPTICK_TOKEN", "none")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lock = home.path().join(".local/state/uptick/collector/lock");
    wait("it has begun", || lock.is_file());
    collector.kill().unwrap();
    collector.wait().unwrap();
    assert_eq!(here.path().read_dir().unwrap().count(), 0);
}

#[test]
fn what_is_no_project_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let add = |name: &str, url: &str| {
        let url = format!("--url={url}");
        let args = ["project", "add", name, &url, "--branch", "main", "--data"];
        let out = uptick(&args).arg(dir.path()).output().unwrap();
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    for (name, url, words) in [
        ("a/b", "/srv/a", "is no name"),
        ("a", "ext::sh -c true", "no address"),
        ("a", "--upload-pack=true", "no address"),
        ("a", "https://x:secret@example.org/a", "credentials"),
        ("a", "http://example.org/a", "https://"),
    ] {
        let (code, said) = add(name, url);
        assert!(code == Some(2) && said.contains(words), "{url}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert_eq!(add("a", "/srv/a").0, Some(0));
    let (code, said) = add("a", "/srv/a");
    assert!(code == Some(2) && said.contains("already"), "{said}");
    let out = uptick(&["project", "list"]).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
}
