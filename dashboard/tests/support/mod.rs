//! A store with the demo's history, a router or a server over it, and clients.

#[expect(dead_code, reason = "the end-to-end tests use the rest")]
pub(crate) mod postgres;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, Method, Request, StatusCode, header};
use collector::model::{Commit, Sha};
use collector::store::{Keep, Scope, Store, Triage};
use tower::ServiceExt;
use uptick_dashboard::demo::{self, Size};
use uptick_dashboard::{Options, mint};

/// The moment at which the demo's newest commit was written.
pub(crate) const NOW: i64 = 1_795_000_000;

/// A store of its own.
pub(crate) struct Site {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl Site {
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("uptick.db");
        Store::open(&path).unwrap();
        Self { _dir: dir, path }
    }

    pub(crate) fn demo() -> Self {
        static FILLED: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let bytes = FILLED.get_or_init(|| {
            let site = Self::empty();
            let mut store = site.store();
            demo::fill(&mut store, Size::believable(NOW), &mut |_, _| {}).unwrap();
            drop(store);
            std::fs::read(&site.path).unwrap()
        });
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("uptick.db");
        std::fs::write(&path, bytes).unwrap();
        Self { _dir: dir, path }
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path).unwrap()
    }

    fn options(&self, public: bool) -> Options {
        Options {
            store: self.path.clone(),
            name: "lexis".into(),
            config: collector::config::Config::default(),
            public,
            read_only: false,
            always_ask: false,
            keep: Keep::default(),
            keep_free: 0,
            new_series: 50_000,
            public_url: None,
            embed_in: Vec::new(),
            proxy: None,
            blobs: None,
            log: None,
        }
    }

    async fn build(&self, local: &str, peer: &str, public: bool) -> Client {
        let app = uptick_dashboard::open(self.options(public), local.parse().unwrap())
            .await
            .unwrap();
        Client {
            router: uptick_dashboard::router(&app),
            peer: peer.parse().unwrap(),
        }
    }

    /// On loopback, from loopback.
    pub(crate) async fn client(&self) -> Client {
        self.build("127.0.0.1:8787", "127.0.0.1:5000", false).await
    }

    /// On loopback, where even this machine is asked for a token.
    pub(crate) async fn always_asking(&self) -> Client {
        let options = Options {
            always_ask: true,
            ..self.options(false)
        };
        self.with(options).await
    }

    async fn with(&self, options: Options) -> Client {
        let app = uptick_dashboard::open(options, "127.0.0.1:8787".parse().unwrap())
            .await
            .unwrap();
        Client {
            router: uptick_dashboard::router(&app),
            peer: "127.0.0.1:5000".parse().unwrap(),
        }
    }

    /// On loopback, served with other options.
    pub(crate) async fn served_with(&self, change: impl FnOnce(&mut Options)) -> Client {
        let mut options = self.options(false);
        change(&mut options);
        self.with(options).await
    }

    /// On loopback, where the repository has these tags, the newest first.
    pub(crate) async fn with_tags(&self, tags: &[(&str, &str)]) -> Client {
        let app = uptick_dashboard::open(self.options(false), "127.0.0.1:8787".parse().unwrap())
            .await
            .unwrap();
        let tags = tags.iter().map(|(name, sha)| {
            let commit = self.store().commit(sha).unwrap();
            ((*name).into(), commit.map_or(Sha((*sha).into()), |c| c.sha))
        });
        app.set_releases(tags.collect());
        Client::of(uptick_dashboard::router(&app))
    }

    /// On loopback, for reading only.
    pub(crate) async fn read_only(&self) -> Client {
        let options = Options {
            read_only: true,
            ..self.options(false)
        };
        self.with(options).await
    }

    /// Cuts every profile short, as a bad disk would.
    pub(crate) fn damage_profiles(&self) {
        let db = rusqlite::Connection::open(&self.path).unwrap();
        db.execute(
            "UPDATE blob SET bytes = substr(bytes, 1, length(bytes) / 2)",
            [],
        )
        .unwrap();
    }

    /// Every write fails from now on, as on a disk that went bad.
    pub(crate) fn refuse_writes(&self) {
        let db = rusqlite::Connection::open(&self.path).unwrap();
        db.execute_batch(
            "CREATE TRIGGER no_entry BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'disk'); END;",
        )
        .unwrap();
    }

    /// The same commit measured once more, everything `factor` times as dear.
    pub(crate) fn put_again(&self, sha: &str, factor: f64) {
        let mut store = self.store();
        let commit = store.commit(sha).unwrap().unwrap();
        let mut report = store.any_report_of(&commit.sha).unwrap().unwrap();
        report.started += 3600;
        for m in &mut report.measurements {
            m.value *= factor;
        }
        store.put(&report, &[]).unwrap();
    }

    /// Beyond loopback.
    pub(crate) async fn remote(&self) -> Client {
        self.build("192.0.2.1:8787", "192.0.2.99:5000", false).await
    }

    pub(crate) async fn public(&self) -> Client {
        self.build("192.0.2.1:8787", "192.0.2.99:5000", true).await
    }

    pub(crate) fn mint(&self, scope: Scope) -> (i64, String) {
        let minted = mint().unwrap();
        let id = self
            .store()
            .add_token(scope.name(), scope, &minted.hash, 0, None)
            .unwrap();
        (id, minted.token)
    }

    /// Every sort of token: name, what it allows, the token.
    pub(crate) fn tokens(&self) -> Vec<(&'static str, Option<Scope>, String)> {
        let mut out = vec![("none", None, String::new())];
        for scope in Scope::ALL {
            out.push((scope.name(), Some(scope), self.mint(scope).1));
        }
        let (id, revoked) = self.mint(Scope::Admin);
        self.store().revoke_token(id, 1).unwrap();
        out.push(("revoked", None, revoked));
        let expired = mint().unwrap();
        self.store()
            .add_token("old", Scope::Admin, &expired.hash, 0, Some(1))
            .unwrap();
        out.push(("expired", None, expired.token));
        out
    }

    /// The short name of a benchmark's newest series of instructions.
    pub(crate) fn series(&self, benchmark: &str) -> String {
        let all = self.store().series_of(benchmark).unwrap();
        all.into_iter()
            .find(|s| s.row.key.metric == collector::model::Metric::Instructions)
            .unwrap()
            .row
            .key
            .id()
    }

    /// The commit with that subject, and the one measured before it.
    pub(crate) fn around(&self, subject: &str) -> (String, String) {
        let all = self.store().commits(u64::MAX, 500).unwrap();
        let at = all
            .iter()
            .position(|c| c.subject.starts_with(subject))
            .unwrap();
        (all[at + 1].sha.short().into(), all[at].sha.short().into())
    }

    pub(crate) fn open_event(&self) -> String {
        let new = |e: &collector::store::Event| {
            e.reported.event.state == collector::detect::alerts::life::State::New
        };
        self.store()
            .open_events(100)
            .unwrap()
            .into_iter()
            .find(new)
            .unwrap()
            .reported
            .id
    }

    pub(crate) fn state_of(&self, event: &str) -> &'static str {
        let store = self.store();
        let all = store
            .open_events(1000)
            .unwrap()
            .into_iter()
            .chain(store.closed_events(1000).unwrap());
        Triage::word(
            all.into_iter()
                .find(|e| e.reported.id == event)
                .unwrap()
                .reported
                .event
                .state,
        )
    }

    /// An address that a route matches.
    pub(crate) fn example(&self, path: &str) -> String {
        let (base, head) = self.around("Split Lexer");
        path.replace("{page}", "health")
            .replace("/api/v1/branch", "/api/v1/branch?name=faster-lexer")
            .replace("{id}", &self.series("parse/large"))
            .replace("{sha}", &head)
            .replace("{range}", &format!("{base}..{head}"))
            .replace("{hash}", &"0".repeat(64))
            .replace("{file}", "nothing")
    }

    fn report(&self) -> collector::model::Report {
        let store = self.store();
        let newest = store.commits(u64::MAX, 1).unwrap().remove(0);
        let mut report = store.any_report_of(&newest.sha).unwrap().unwrap();
        report.commit = Commit {
            sha: Sha("ab".repeat(20)),
            position: newest.position + 1,
            parents: vec![newest.sha],
            author: "Somebody else".into(),
            time: NOW,
            subject: "A report from afar".into(),
        };
        report.profiles.clear();
        report
    }

    pub(crate) fn new_report(&self) -> Vec<u8> {
        serde_json::to_vec(&self.report()).unwrap()
    }

    /// As another process would.
    pub(crate) fn put_elsewhere(&self) {
        let report = self.report();
        self.store().put(&report, &[]).unwrap();
    }

    /// The commit after the newest one, everything `factor` times what it was; its short name.
    pub(crate) fn put_next(&self, factor: f64) -> String {
        self.put_next_with(|report| {
            for m in &mut report.measurements {
                for v in [&mut m.value, &mut m.low, &mut m.high] {
                    *v *= factor;
                }
                m.samples.iter_mut().for_each(|v| *v *= factor);
            }
        })
    }

    /// The commit after the newest one, its report changed; its short name.
    pub(crate) fn put_next_with(
        &self,
        change: impl FnOnce(&mut collector::model::Report),
    ) -> String {
        let mut report = self.report();
        change(&mut report);
        self.store().put(&report, &[]).unwrap();
        report.commit.sha.short().into()
    }

    /// A server on a port of its own.
    pub(crate) async fn serve(&self) -> Running {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let options = self.options(false);
        let task = tokio::spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            uptick_dashboard::serve(listener, options, until)
                .await
                .unwrap();
        });
        let running = Running {
            address,
            stop,
            task,
        };
        running.until("/healthz", 200).await;
        running
    }
}

/// Asks a router without a socket.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    peer: SocketAddr,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("")
    }

    pub(crate) fn kind(&self) -> &str {
        self.header("content-type")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }
}

impl Client {
    /// From loopback.
    pub(crate) fn of(router: Router) -> Self {
        Self {
            router,
            peer: "127.0.0.1:5000".parse().unwrap(),
        }
    }

    /// The same, asked from that address.
    pub(crate) fn seen_from(&self, peer: &str) -> Self {
        Self {
            router: self.router.clone(),
            peer: format!("{peer}:5000").parse().unwrap(),
        }
    }

    pub(crate) async fn get(&self, url: &str) -> Answer {
        self.send(Method::GET, url, &[], b"").await
    }

    /// As a browser asks.
    pub(crate) async fn packed(&self, url: &str) -> Answer {
        self.send(
            Method::GET,
            url,
            &[(header::ACCEPT_ENCODING, "gzip, br, zstd")],
            b"",
        )
        .await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(HeaderName, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = Request::builder().method(&method).uri(url);
        if !headers.iter().any(|(n, _)| n == header::HOST) {
            request = request.header(header::HOST, "localhost:8787");
        }
        if method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let mut request = request.body(Body::from(body.to_vec())).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A stream of events never ends.
        let is_stream = parts
            .headers
            .get("content-type")
            .is_some_and(|v| v == "text/event-stream");
        let bytes = if is_stream {
            vec![]
        } else {
            axum::body::to_bytes(body, 256 << 20)
                .await
                .unwrap()
                .to_vec()
        };
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }

    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await;
        let line = text
            .text()
            .lines()
            .find(|l| l.starts_with(name))
            .unwrap()
            .to_string();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Bytes packed and as written of the sheet or the script.
    pub(crate) async fn asset(&self, suffix: &str) -> (usize, usize) {
        let page = self.get("/").await;
        let url = page
            .text()
            .split('"')
            .find(|p| p.starts_with("/assets/") && p.ends_with(suffix))
            .unwrap()
            .to_string();
        (
            self.packed(&url).await.bytes.len(),
            self.get(&url).await.bytes.len(),
        )
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A connection that says nothing by itself.
    pub(crate) async fn connect(&self) -> tokio::net::TcpStream {
        tokio::net::TcpStream::connect(self.address).await.unwrap()
    }

    async fn ask(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let host = self.address;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut out = Vec::new();
        socket.read_to_end(&mut out).await.unwrap();
        let text = String::from_utf8_lossy(&out).into_owned();
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        (
            status,
            text.split_once("\r\n\r\n")
                .map_or(String::new(), |(_, b)| b.to_string()),
        )
    }

    /// Sends bytes that are no proper request, and goes away.
    pub(crate) async fn shout(&self, bytes: &str) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        // The server may hang up before all is said.
        let _ = socket.write_all(bytes.as_bytes()).await;
        let mut part = [0; 1024];
        let _ = tokio::time::timeout(Duration::from_millis(300), socket.read(&mut part)).await;
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.ask(path).await.0
    }

    pub(crate) async fn body(&self, path: &str) -> String {
        self.ask(path).await.1
    }

    /// Asks until the status is so; ten seconds at most.
    pub(crate) async fn until(&self, path: &str, wanted: u16) {
        let begin = Instant::now();
        while self.status(path).await != wanted {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "{path} never answers {wanted}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until_body(&self, path: &str, is_right: impl Fn(&str) -> bool) {
        let begin = Instant::now();
        while !is_right(&self.body(path).await) {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "{path} never shows it"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}
