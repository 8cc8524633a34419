//! A server's own routes: who is let in where, and what is refused.

use std::sync::Arc;

use axum::http::{Method, StatusCode, header};
use collector::blobs::Place;
use collector::jobs::Purpose;
use collector::model::{Commit, Counter, Measurement, Metric, Report, Sha, Testbed};
use collector::remote::objects;
use collector::store::queue::{NewProject, Offer};
use collector::store::{Keep, Scope, Store};
use serde_json::{Value, json};
use uptick_dashboard::{SERVER_ROUTES, Server, ServerOptions, mint, open_server, server_router};

use crate::support::{Answer, Client};

/// A server with one project, whose repository nobody reaches, and one commit that waits.
struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let mut store = host.store();
        let project = NewProject {
            name: "lexis".into(),
            url: "/nowhere/at/all".into(),
            branch: "main".into(),
            poll: 3_600,
            labels: vec!["default".into()],
            pulls: vec!["refs/pull/*/head".into()],
        };
        store.add_project(&project, 0).unwrap();
        let commit = Commit {
            sha: Sha("ab".repeat(20)),
            position: 7,
            parents: Vec::new(),
            author: "A".into(),
            time: 0,
            subject: "<script>alert(1)</script>".into(),
        };
        let offer = Offer {
            project: "lexis",
            commits: &[commit],
            labels: &project.labels,
            purpose: Purpose::Commit,
        };
        store.offer(&offer, None, 1).unwrap();
        host
    }

    fn store(&self) -> Store {
        Store::open_service(&Server::file(self.dir.path())).unwrap()
    }

    fn mint(&self, scope: Scope) -> (i64, String) {
        let minted = mint().unwrap();
        let name = scope.name();
        let id = self.store().add_token(name, scope, &minted.hash, 0, None);
        (id.unwrap(), minted.token)
    }

    /// On loopback and from there: the place that has most rights elsewhere, and none here.
    async fn client(&self) -> Client {
        Client::of(server_router(&self.open().await))
    }

    async fn open(&self) -> Arc<Server> {
        self.limited(0, 50_000).await
    }

    /// One that keeps so many bytes of the disk free, and takes so many new series a day.
    async fn limited(&self, keep_free: u64, new_series: u64) -> Arc<Server> {
        self.opened_with(|o| {
            o.keep_free = keep_free;
            o.new_series = new_series;
        })
        .await
    }

    /// One with other options.
    async fn opened_with(&self, change: impl FnOnce(&mut ServerOptions)) -> Arc<Server> {
        let mut options = ServerOptions {
            dir: self.dir.path().to_path_buf(),
            name: "host".into(),
            public: false,
            ttl: std::time::Duration::from_secs(60),
            keep: Keep::default(),
            keep_free: 0,
            new_series: 50_000,
            public_url: None,
            embed_in: Vec::new(),
            proxy: None,
            blobs: None,
            log: None,
        };
        change(&mut options);
        let server = open_server(options, "127.0.0.1:8787".parse().unwrap()).await;
        server.unwrap()
    }
}

async fn ask(c: &Client, method: &str, url: &str, token: &str, body: &[u8]) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [(header::AUTHORIZATION, bearer.as_str())];
    let shown = if token.is_empty() {
        &headers[..0]
    } else {
        &headers[..]
    };
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    c.send(method, url, shown, body).await
}

fn claim(session: &str) -> Vec<u8> {
    let claim = json!({ "collector": "c", "session": session, "labels": ["default"], "wait": 0 });
    claim.to_string().into_bytes()
}

fn read(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.bytes).unwrap()
}

/// Each route with each token; one of another store is as good as none, and whoever sits at the
/// machine may do nothing for that.
#[tokio::test]
async fn tokens_open_what_their_scope_says() {
    let host = Host::new();
    let mut tokens = vec![("none", None, String::new())];
    for scope in Scope::ALL {
        tokens.push((scope.name(), Some(scope), host.mint(scope).1));
    }
    let (id, revoked) = host.mint(Scope::Admin);
    host.store().revoke_token(id, 1).unwrap();
    tokens.push(("revoked", None, revoked));
    tokens.push(("foreign", None, mint().unwrap().token));
    let c = host.client().await;
    for route in SERVER_ROUTES {
        let url = route
            .path
            .replace("{project}", "lexis")
            .replace("{file}", "nothing");
        for (name, scope, token) in &tokens {
            let answer = ask(&c, route.method, &url, token, b"").await;
            let refused = matches!(
                answer.status,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
            // A webhook shows no token: its signature is missing here.
            let open = match (route.scope, url.as_str()) {
                (None, "/api/v1/about") => scope.is_some(),
                (None, "/hooks/lexis" | "/login") if route.method == "POST" => continue,
                (None, _) => true,
                (Some(needed), _) => scope.is_some_and(|s| s.allows(needed)),
            };
            assert_eq!(
                refused, !open,
                "{} {url} with {name}: {}",
                route.method, answer.status
            );
        }
    }
    // A project's pages and its API go by the same tokens.
    for (name, scope, token) in &tokens {
        let answer = ask(&c, "GET", "/p/lexis/api/v1/commits", token, b"").await;
        let open = scope.is_some_and(|s| s.allows(Scope::Read));
        assert_eq!(
            answer.status == StatusCode::OK,
            open,
            "{name}: {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn a_lease_is_its_holders_alone() {
    let host = Host::new();
    let (_, mine) = host.mint(Scope::Collect);
    let (_, other) = host.mint(Scope::Collect);
    let c = host.client().await;
    let lease = read(&ask(&c, "POST", "/api/v1/jobs/claim", &mine, &claim("s")).await);
    assert_eq!(
        (&lease["project"], &lease["position"]),
        (&"lexis".into(), &7.into())
    );
    assert_eq!((&lease["ttl"], &lease["beat"]), (&60.into(), &15.into()));
    let beat = json!({ "job": lease["job"], "epoch": lease["epoch"], "stage": "building" });
    let beat = beat.to_string().into_bytes();
    let state = |answer: &Answer| read(answer)["state"].clone();
    assert_eq!(
        state(&ask(&c, "POST", "/api/v1/jobs/beat", &mine, &beat).await),
        "go"
    );
    assert_eq!(
        state(&ask(&c, "POST", "/api/v1/jobs/beat", &other, &beat).await),
        "lost"
    );
    let failed = json!({ "job": lease["job"], "epoch": lease["epoch"], "fault": "commit", "stage": "x", "why": "y" });
    let failed = failed.to_string().into_bytes();
    let answer = ask(&c, "POST", "/api/v1/jobs/fail", &other, &failed).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text());
    // The same name in another run.
    let taken = ask(&c, "POST", "/api/v1/jobs/claim", &mine, &claim("another")).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(
        taken.text().contains("another collector called"),
        "{}",
        taken.text()
    );
    let answer = ask(&c, "POST", "/api/v1/jobs/fail", &mine, &failed).await;
    assert_eq!(answer.status, StatusCode::OK);
    let none = ask(&c, "POST", "/api/v1/jobs/claim", &mine, &claim("s")).await;
    assert_eq!(none.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_project_lists_the_tokens_that_open_it() {
    let host = Host::new();
    let (_, admin) = host.mint(Scope::Admin);
    let c = host.client().await;
    let own = read(&ask(&c, "GET", "/api/v1/tokens", &admin, b"").await);
    assert_eq!(own["tokens"].as_array().unwrap().len(), 1);
    let projects = read(&ask(&c, "GET", "/p/lexis/api/v1/tokens", &admin, b"").await);
    assert_eq!(projects["tokens"][0]["name"], own["tokens"][0]["name"]);
}

#[tokio::test]
async fn a_token_takes_jobs_of_its_labels_alone() {
    let host = Host::new();
    let (id, token) = host.mint(Scope::Collect);
    host.store().bind_token(id, &["arm".to_string()]).unwrap();
    let c = host.client().await;
    let refused = ask(&c, "POST", "/api/v1/jobs/claim", &token, &claim("s")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.text().contains("label arm, and not of default"),
        "{}",
        refused.text()
    );
    let arm = json!({ "collector": "c", "session": "s", "labels": ["arm"] }).to_string();
    let none = ask(&c, "POST", "/api/v1/jobs/claim", &token, arm.as_bytes()).await;
    assert_eq!(none.status, StatusCode::NO_CONTENT);
    // Nobody who may not take a job is entered as a collector of its label.
    let labels = host.store().collectors().unwrap().remove(0).labels;
    assert_eq!(labels, ["arm"]);
}

/// Takes the job that waits; gives where its report is handed in.
async fn claimed(c: &Client, token: &str) -> String {
    let lease = read(&ask(c, "POST", "/api/v1/jobs/claim", token, &claim("s")).await);
    format!(
        "/api/v1/jobs/finish?job={}&epoch={}",
        lease["job"], lease["epoch"]
    )
}

#[tokio::test]
async fn a_report_is_that_of_the_commit_that_was_asked_for() {
    let host = Host::new();
    let (_, token) = host.mint(Scope::Collect);
    let c = host.client().await;
    let url = claimed(&c, &token).await;
    let report = |sha: &str, position: u64| {
        json!({ "report": {
            "schema": "uptick.report/1",
            "commit": { "sha": sha, "position": position, "parents": [], "author": "A", "time": 0, "subject": "s" },
            "testbed": { "facts": {} }, "build_key": "b", "suite_key": "s", "testbed_key": "t",
            "started": 0, "seconds": 1.0, "measurements": [],
        } })
        .to_string()
    };
    let good = report(&"ab".repeat(20), 7);
    let alert = format!(
        "{good}\n{{\"decision\":{{\"changes\":[],\"actor\":\"x\",\"time\":1,\"seen\":1}}}}"
    );
    for (body, words) in [
        (report(&"cd".repeat(20), 7), "the job about"),
        (report(&"ab".repeat(20), 9), "position 9"),
        (format!("{good}\n{good}"), "2 reports where one is taken"),
        ("{}".to_string(), "missing field"),
        ("no JSON".to_string(), "expected ident"),
        (alert, "not taken here"),
    ] {
        let answer = ask(&c, "POST", &url, &token, body.as_bytes()).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {}",
            answer.text()
        );
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    let answer = ask(&c, "POST", &url, &token, good.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    // Whoever did not hear the answer hands the same report in again; another one is too late.
    let again = ask(&c, "POST", &url, &token, good.as_bytes()).await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
    let other = good.replace("1.0", "2.0");
    let late = ask(&c, "POST", &url, &token, other.as_bytes()).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text());
}

/// A job's report is asked what every report is asked: whether there is room for it.
#[tokio::test]
async fn a_project_that_is_written_to_for_long_holds_no_heartbeat_up() {
    let host = Host::new();
    let (_, token) = host.mint(Scope::Collect);
    let c = host.client().await;
    let lease = read(&ask(&c, "POST", "/api/v1/jobs/claim", &token, &claim("s")).await);
    let (job, epoch) = (&lease["job"], &lease["epoch"]);
    let url = format!("/api/v1/jobs/finish?job={job}&epoch={epoch}");
    let mut report = counted(7, "work", 1e6);
    report.commit.sha = Sha("ab".repeat(20));
    let report = json!({ "report": report }).to_string();
    let store = host.dir.path().join("projects/lexis/uptick.db");
    let other = rusqlite::Connection::open(store).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Shorter than a store waits otherwise.
    let limit = std::time::Duration::from_secs(20);
    let finish = ask(&c, "POST", &url, &token, report.as_bytes());
    let away = tokio::time::timeout(limit, finish).await.unwrap();
    assert_eq!(
        away.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        away.text()
    );
    let beat = json!({ "job": job, "epoch": epoch }).to_string();
    let beaten = ask(&c, "POST", "/api/v1/jobs/beat", &token, beat.as_bytes()).await;
    assert_eq!(read(&beaten)["state"], "go");
    other.execute_batch("ROLLBACK").unwrap();
    let taken = ask(&c, "POST", &url, &token, report.as_bytes()).await;
    assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text());
}

#[tokio::test]
async fn a_report_of_a_job_meets_the_limits_of_every_report() {
    let host = Host::new();
    let (_, token) = host.mint(Scope::Collect);
    let c = host.client().await;
    let url = claimed(&c, &token).await;
    let once = Measurement::once("b", Metric::Instructions, Counter::Callgrind, 5.0);
    let report = json!({ "report": {
        "schema": "uptick.report/1",
        "commit": { "sha": "ab".repeat(20), "position": 7, "parents": [], "author": "A", "time": 0, "subject": "s" },
        "testbed": { "facts": {} }, "build_key": "b", "suite_key": "s", "testbed_key": "t",
        "started": 0, "seconds": 1.0, "measurements": [once],
    } })
    .to_string();
    for (keep_free, new_series, status, words) in [
        (u64::MAX, 50_000, StatusCode::INSUFFICIENT_STORAGE, "disk"),
        // Refused for good: trying again later would not help it.
        (0, 0, StatusCode::UNPROCESSABLE_ENTITY, "new series"),
        (0, 1, StatusCode::CREATED, "uptick.closed/1"),
    ] {
        let c = Client::of(server_router(&host.limited(keep_free, new_series).await));
        let answer = ask(&c, "POST", &url, &token, report.as_bytes()).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
    }
}

#[tokio::test]
async fn names_on_the_queue_are_data() {
    let host = Host::new();
    let (_, token) = host.mint(Scope::Read);
    let c = host.client().await;
    let page = ask(&c, "GET", "/queue", &token, b"").await;
    assert!(page.text().contains("&lt;script&gt;") && !page.text().contains("<script>"));
    for url in [
        "/p/none/",
        "/p/none/api/v1/commits",
        "/p/lexis/nothing/here",
    ] {
        let answer = ask(&c, "GET", url, &token, b"").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{url}");
    }
    let moved = ask(&c, "GET", "/p/lexis", &token, b"").await;
    assert_eq!(moved.header("location"), "/p/lexis/");
}

/// Who may only read sees no control that would refuse them.
#[tokio::test]
async fn jobs_are_decided_about_by_who_may() {
    let host = Host::new();
    let c = host.client().await;
    let control = "action=\"/queue/cancel\"";
    for (scope, may) in [(Scope::Read, false), (Scope::Write, true)] {
        let (_, token) = host.mint(scope);
        let page = ask(&c, "GET", "/queue", &token, b"").await;
        assert!(page.text().contains("id=\"waiting\""), "{}", page.text());
        assert_eq!(page.text().contains(control), may, "{}", page.text());
        let decided = ask(&c, "POST", "/queue/cancel", &token, b"job=1").await;
        assert_eq!(decided.status != StatusCode::FORBIDDEN, may);
    }
}

/// A lease is held by a token, whatever the proxy in front says of a person.
#[tokio::test]
async fn whom_a_proxy_names_reads_a_servers_pages_and_takes_no_jobs() {
    let host = Host::new();
    let server = host.opened_with(|o| o.proxy = crate::proxy::proxy("10.0.0.7"));
    let c = Client::of(server_router(&server.await)).seen_from("10.0.0.7");
    let header = |name: &'static str| header::HeaderName::from_static(name);
    let ada = [
        (header("x-forwarded-user"), "ada"),
        (header("x-forwarded-groups"), "ops"),
    ];
    for url in [
        "/projects",
        "/queue",
        "/collectors",
        "/p/lexis/",
        "/api/v1/tokens",
    ] {
        let page = c.send(Method::GET, url, &ada, b"").await;
        assert_eq!(page.status, StatusCode::OK, "{url}: {}", page.text());
        let from = c
            .seen_from("10.0.0.8")
            .send(Method::GET, url, &ada, b"")
            .await;
        assert_eq!(from.status, StatusCode::UNAUTHORIZED, "{url}");
    }
    let claimed = c
        .send(Method::POST, "/api/v1/jobs/claim", &ada, &claim("s"))
        .await;
    assert_eq!(claimed.status, StatusCode::FORBIDDEN, "{}", claimed.text());
    let cancelled = c.send(Method::POST, "/queue/cancel", &ada, b"job=1").await;
    assert_eq!(
        cancelled.status,
        StatusCode::SEE_OTHER,
        "{}",
        cancelled.text()
    );
}

/// What is printed says where the project's pages are, whether or not the server has a name.
#[tokio::test]
async fn paper_says_where_a_project_of_a_server_is() {
    let host = Host::new();
    let (_, token) = host.mint(Scope::Read);
    let named = Some("https://uptick.example.org".to_string());
    for (public_url, begin) in [
        (named, "https://uptick.example.org"),
        (None, "http://127.0.0.1:8787"),
    ] {
        let server = host.opened_with(|o| o.public_url = public_url).await;
        let page = ask(
            &Client::of(server_router(&server)),
            "GET",
            "/p/lexis/help",
            &token,
            b"",
        )
        .await;
        let paper = page.text().split("class=\"paper\">").nth(1).unwrap();
        let words = format!("lexis · {begin}/p/lexis · as of ");
        assert!(paper.starts_with(&words), "{paper}");
    }
}

/// Nobody has beaten for an hour: every page of the server says who waits, for what and since when.
#[tokio::test]
async fn silence_is_said() {
    let host = Host::new();
    let (_, token) = host.mint(Scope::Read);
    let c = host.client().await;
    for url in ["/", "/queue", "/collectors"] {
        let page = ask(&c, "GET", url, &token, b"").await;
        let words = "no collector of it has beaten for an hour";
        assert!(page.text().contains(words), "{url}: {}", page.text());
        assert!(page.text().contains("1 commit"), "{url}");
    }
    let waits = read(&ask(&c, "GET", "/api/v1/collectors", &token, b"").await);
    assert_eq!(waits["waits"][0]["silent"], true);
}

/// A server is not ready while one of its projects would keep nothing, and says which.
#[tokio::test]
async fn a_project_that_takes_no_write_makes_its_server_unready() {
    let host = Host::new();
    let c = host.client().await;
    assert_eq!(c.get("/readyz").await.status, StatusCode::OK);
    let home = host.dir.path().join("projects/lexis");
    std::fs::rename(home.join("uptick.db"), home.join("away")).unwrap();
    let gone = c.get("/readyz").await;
    assert_eq!(gone.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        gone.text().starts_with("project lexis: ") && gone.text().contains("the store is gone"),
        "{}",
        gone.text()
    );
    std::fs::rename(home.join("away"), home.join("uptick.db")).unwrap();
    assert_eq!(c.get("/readyz").await.status, StatusCode::OK);

    // One that cannot be opened is not served, and no report for it is taken.
    let host = Host::new();
    let home = host.dir.path().join("projects/lexis");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("uptick.db"), "no store at all, whatever its name").unwrap();
    let c = host.client().await;
    let shut = c.get("/readyz").await;
    assert_eq!(shut.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        shut.text().starts_with("project lexis: ") && shut.text().contains("no uptick store"),
        "{}",
        shut.text()
    );
}

/// Health of a project says of each collector of the server whether it works, and since when it is
/// silent; it follows the queue although nothing came into the project's store.
#[tokio::test]
async fn health_of_a_project_knows_the_collectors_of_its_server() {
    let host = Host::new();
    let (_, token) = host.mint(Scope::Collect);
    let reader = host.mint(Scope::Read).1;
    let c = host.client().await;
    let health = async || read(&ask(&c, "GET", "/p/lexis/health.json", &reader, b"").await);
    assert_eq!(health().await["collectors"], json!([]));
    ask(&c, "POST", "/api/v1/jobs/claim", &token, &claim("s")).await;
    let known = health().await["collectors"][0].clone();
    assert_eq!(
        (&known["name"], &known["busy"]),
        (&json!("c"), &json!(true))
    );
    assert_eq!(known["silent"], json!(false));
    // Two hours later, as its clock has it.
    let db = rusqlite::Connection::open(Server::file(host.dir.path())).unwrap();
    db.execute("UPDATE collector SET beat = beat - 7200000", [])
        .unwrap();
    assert_eq!(health().await["collectors"][0]["silent"], json!(true));
    let page = ask(&c, "GET", "/p/lexis/health", &reader, b"").await;
    assert!(
        page.text().contains("1 collector silent"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_collector_that_speaks_something_else_is_told_which_of_the_two_is_older() {
    let host = Host::new();
    let ((_, collect), (_, admin)) = (host.mint(Scope::Collect), host.mint(Scope::Admin));
    let c = host.client().await;
    let path = "/api/v1/jobs/claim";
    let known = async || read(&ask(&c, "GET", "/api/v1/collectors", &admin, b"").await);
    for (protocol, words) in [
        (2, "the server is older than this collector"),
        (0, "this collector is older than the server"),
    ] {
        // Nothing else of a claim of another protocol has to be as it is here.
        let other =
            json!({ "collector": "c", "version": "9.9", "protocol": protocol, "labels": 7 });
        let refused = ask(&c, "POST", path, &collect, other.to_string().as_bytes()).await;
        assert_eq!(refused.status, StatusCode::UPGRADE_REQUIRED);
        assert!(refused.text().contains(words), "{}", refused.text());
        let page = ask(&c, "GET", "/collectors", &admin, b"").await;
        assert!(page.text().contains("gets no jobs: "), "{}", page.text());
        assert!(page.text().contains(words), "{}", page.text());
        let row = known().await["collectors"][0].clone();
        assert!(row["refused"].as_str().unwrap().starts_with(words), "{row}");
        assert_eq!(row["labels"], json!([]));
    }
    // One that does not say what it speaks is of before it was said.
    let lease = ask(&c, "POST", path, &collect, &claim("s")).await;
    assert_eq!(lease.status, StatusCode::OK);
    let row = known().await["collectors"][0].clone();
    assert_eq!(
        (&row["protocol"], &row["refused"]),
        (&json!(1), &Value::Null)
    );
}

#[tokio::test]
async fn bad_claims_are_refused_in_words() {
    let host = Host::new();
    let (_, token) = host.mint(Scope::Collect);
    let c = host.client().await;
    for body in [
        "".to_string(),
        "[]".to_string(),
        json!({ "collector": "../x", "session": "s", "labels": ["a"] }).to_string(),
        json!({ "collector": "c", "session": "s", "labels": [] }).to_string(),
        json!({ "collector": "c", "session": "s", "labels": ["a b"] }).to_string(),
        json!({ "collector": "c", "session": "s", "labels": vec!["a"; 33] }).to_string(),
        json!({ "collector": "c", "session": "s", "labels": ["a"], "testbed": { "k": "v".repeat(999) } }).to_string(),
    ] {
        let answer = ask(&c, "POST", "/api/v1/jobs/claim", &token, body.as_bytes()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text());
    }
}

/// The exact count of a benchmark at the commit of that position.
fn counted(n: u64, benchmark: &str, value: f64) -> Report {
    Report {
        schema: Report::SCHEMA.into(),
        commit: Commit {
            sha: Sha(format!("{n:040x}")),
            position: n,
            parents: Vec::new(),
            author: "A".into(),
            time: n.cast_signed(),
            subject: format!("commit {n}"),
        },
        testbed: Testbed::default(),
        build_key: n.to_string(),
        suite_key: "s".into(),
        testbed_key: "t".into(),
        started: n.cast_signed(),
        seconds: 1.0,
        reused: None,
        measurements: vec![Measurement::once(
            benchmark,
            Metric::Instructions,
            Counter::Callgrind,
            value,
        )],
        line: None,
        failures: Vec::new(),
        profiles: Vec::new(),
    }
}

/// A set of several commits is narrowed by the server itself, and Today says how far it is.
#[tokio::test]
async fn a_change_is_narrowed_without_anybody_asking() {
    let host = Host::new();
    let path = host.dir.path().join("projects/lexis/uptick.db");
    let mut store = Store::open(&path).unwrap();
    let sha = |n: u64| Sha(format!("{n:040x}"));
    let line: Vec<Sha> = (0..60).map(sha).collect();
    store.set_main_line(0, &line).unwrap();
    // Exact, and it costs more from somewhere between 30 and 38 on.
    for n in (0..60).filter(|n| !(31..38).contains(n)) {
        let value = if n < 34 { 1_000_000.0 } else { 1_100_000.0 };
        store.put(&counted(n, "work", value), &[]).unwrap();
    }
    while collector::history::watch::search(&mut store, 64).unwrap() > 0 {}
    let events = store.open_events(9).unwrap();
    let set = &events[0].reported.event.change;
    assert!(
        set.first <= 34 && set.last >= 34 && set.last > set.first,
        "{set:?}"
    );
    drop(store);

    let (_, token) = host.mint(Scope::Read);
    let server = host.open().await;
    let _tasks = uptick_dashboard::server_tasks(&server);
    let c = Client::of(server_router(&server));
    let begin = std::time::Instant::now();
    let job = loop {
        let all = read(&ask(&c, "GET", "/api/v1/jobs", &token, b"").await);
        let jobs = all["jobs"].as_array().unwrap().clone();
        if let Some(job) = jobs.into_iter().find(|j| j["purpose"] == "narrow") {
            break job;
        }
        assert!(
            begin.elapsed() < std::time::Duration::from_secs(60),
            "{all:#}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let position = job["position"].as_u64().unwrap();
    assert!((31..38).contains(&position), "{job}");
    let today = loop {
        let today = ask(&c, "GET", "/p/lexis/", &token, b"").await;
        if today.text().contains("narrowing") {
            break today;
        }
        assert!(
            begin.elapsed() < std::time::Duration::from_secs(60),
            "{}",
            today.text()
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(
        today.text().contains(": narrowing, 1 of 8 built"),
        "{}",
        today.text()
    );
}

/// What a collector and a reader are answered is what the server's document says.
#[tokio::test]
async fn every_answer_of_a_server_is_as_its_document_says() {
    let host = Host::new();
    let (_, collect) = host.mint(Scope::Collect);
    let (_, admin) = host.mint(Scope::Admin);
    let c = host.client().await;
    let document = read(&ask(&c, "GET", "/api/v1/openapi.json", &admin, b"").await);
    let hold = |method: &str, path: &str, answer: &Answer| {
        crate::openapi::check(&document, (method, path), answer.status, answer.text());
    };
    let claimed = ask(&c, "POST", "/api/v1/jobs/claim", &collect, &claim("s")).await;
    hold("post", "/api/v1/jobs/claim", &claimed);
    let lease = read(&claimed);
    let none = ask(&c, "POST", "/api/v1/jobs/claim", &collect, &claim("s")).await;
    let answers = &document["paths"]["/api/v1/jobs/claim"]["post"]["responses"];
    assert!(
        answers.get(none.status.as_str()).is_some(),
        "{}",
        none.status
    );
    for path in [
        "/api/v1/projects",
        "/api/v1/jobs",
        "/api/v1/collectors",
        "/api/v1/tokens",
        "/api/v1/about",
        "/api/v1/log",
    ] {
        hold("get", path, &ask(&c, "GET", path, &admin, b"").await);
    }
    let mut beat = json!({ "job": lease["job"], "epoch": lease["epoch"], "stage": "building" });
    let beaten = ask(
        &c,
        "POST",
        "/api/v1/jobs/beat",
        &collect,
        beat.to_string().as_bytes(),
    )
    .await;
    hold("post", "/api/v1/jobs/beat", &beaten);
    beat["fault"] = "machine".into();
    beat["only_this_job"] = false.into();
    beat["why"] = "no room".into();
    let failed = ask(
        &c,
        "POST",
        "/api/v1/jobs/fail",
        &collect,
        beat.to_string().as_bytes(),
    )
    .await;
    hold("post", "/api/v1/jobs/fail", &failed);
    let path = "/api/v1/collectors";
    let pausing = ask(&c, "GET", path, &admin, b"").await;
    hold("get", path, &pausing);
    let pause = &read(&pausing)["collectors"][0]["pauses"][0];
    assert_eq!(
        (&pause["project"], &pause["why"]),
        (&json!("lexis"), &json!("no room"))
    );
}

/// Another project.
fn another(name: &str) -> NewProject {
    NewProject {
        name: name.into(),
        url: "/nowhere/at/all".into(),
        branch: "main".into(),
        poll: 3_600,
        labels: vec!["default".into()],
        pulls: Vec::new(),
    }
}

/// Forty commits of a project, of which the one in the middle made its benchmark cost a fifth more.
fn measured(host: &Host, project: &str) {
    let home = host.dir.path().join("projects").join(project);
    std::fs::create_dir_all(&home).unwrap();
    let mut store = Store::open(&home.join("uptick.db")).unwrap();
    for n in 0..40_u64 {
        let cost = if n < 20 { 1e6 } else { 1.2e6 };
        store.put(&counted(n, "b", cost), &[]).unwrap();
    }
    while collector::history::watch::search(&mut store, 64).unwrap() > 0 {}
}

/// What is open, what was measured last, and what comes next where nothing is measured yet.
#[tokio::test]
async fn the_list_of_projects_says_how_each_stands() {
    let host = Host::new();
    host.store().add_project(&another("glyph"), 0).unwrap();
    measured(&host, "glyph");
    let (_, token) = host.mint(Scope::Read);
    let c = host.client().await;
    let page = ask(&c, "GET", "/projects", &token, b"").await;
    for words in [
        "1 new regression in 1 project",
        "<b>1 new</b>",
        "commit 39",
        "unchanged",
        "Nothing is measured yet. <a href=\"/queue\">1 job</a> waits",
    ] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    let document = read(&ask(&c, "GET", "/api/v1/projects", &token, b"").await);
    let (glyph, lexis) = (&document["projects"][0], &document["projects"][1]);
    assert_eq!(
        (&glyph["stands"]["new"], &glyph["waiting"]),
        (&1.into(), &0.into())
    );
    assert_eq!(glyph["stands"]["newest"]["subject"], "commit 39");
    assert_eq!(lexis["stands"]["newest"], Value::Null);
    let health = ask(&c, "GET", "/health", &token, b"").await;
    assert_eq!(health.status, StatusCode::OK);
    assert!(
        health.text().contains("href=\"/p/glyph/health\""),
        "{}",
        health.text()
    );
    let help = ask(&c, "GET", "/help", &token, b"").await;
    assert!(help.text().contains("how well each project can be watched"));
    // A project with pull requests leads to them, as the server does.
    let pulls = async |url| {
        ask(&c, "GET", url, &token, b"")
            .await
            .text()
            .contains(">Pulls</a>")
    };
    assert!(pulls("/projects").await && pulls("/p/lexis/").await && !pulls("/p/glyph/").await);
    let lexis = ask(&c, "GET", "/p/lexis/", &token, b"").await;
    assert!(
        lexis.text().contains("href=\"/pulls?project=lexis\""),
        "{}",
        lexis.text()
    );
    assert!(lexis.text().contains("A collector of the server measures"));
    let found = read(&ask(&c, "GET", "/p/glyph/search.json?q=lexi", &token, b"").await);
    assert_eq!(found["projects"], json!(["lexis"]));
    let of = ask(&c, "GET", "/pulls?project=lexis", &token, b"").await;
    assert!(
        of.text().contains("Pull requests of lexis"),
        "{}",
        of.text()
    );
    let json = "href=\"/api/v1/pulls?project=lexis\"";
    let paper = "data-page=\"/pulls?project=lexis\"";
    assert!(of.text().contains(json) && of.text().contains(paper));
}

/// What one project removes is never another's, and none has its profiles where no disk is mounted.
#[tokio::test]
async fn each_project_has_a_folder_of_its_own_for_its_profiles() {
    let host = Host::new();
    host.store().add_project(&another("glyph"), 0).unwrap();
    let profiles = host.dir.path().join("profiles");
    let place = Place::Directory(profiles.clone());
    objects::probe(&place, true).unwrap();
    let server = host.opened_with(|o| o.blobs = Some(place.clone())).await;
    let stores = Server::stores(host.dir.path());
    assert_eq!(stores.len(), 2);
    let kept = stores
        .iter()
        .map(|s| Store::open_existing(s).unwrap().place());
    let kept: Vec<_> = kept.map(|k| k.unwrap().unwrap()).collect();
    assert!(kept.iter().all(|k| k.place == place));
    assert_ne!(kept[0].folder, kept[1].folder);
    assert!(kept.iter().all(|k| profiles.join(&k.folder).is_dir()));
    drop(server);
    std::fs::rename(&profiles, host.dir.path().join("aside")).unwrap();
    std::fs::create_dir(&profiles).unwrap();
    host.store().add_project(&another("third"), 0).unwrap();
    let _server = host.opened_with(|o| o.blobs = Some(place.clone())).await;
    assert_eq!(std::fs::read_dir(&profiles).unwrap().count(), 0);
    let third = host.dir.path().join("projects/third/uptick.db");
    assert_eq!(Store::open_existing(&third).unwrap().place().unwrap(), None);
}
