//! chromedriver in a process group of its own, one browser a test, and steps that poll.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::Running;

/// Long enough for a loaded machine; a step that works takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
const AXE: &str = include_str!("../vendor/axe.min.js");

#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// chromedriver; dropping it ends it and every Chromium that it started.
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    #[expect(
        clippy::print_stderr,
        reason = "whoever reads the log must see what was left out"
    )]
    fn start() -> Option<Self> {
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let Ok(mut child) = started else {
            let required = std::env::var_os("REQUIRE_BROWSER").is_some();
            assert!(
                !required,
                "REQUIRE_BROWSER is set, and there is no chromedriver"
            );
            eprintln!("SKIPPED: no chromedriver (apt-get install chromium chromium-driver)");
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|l| {
            let line = l.ok()?;
            line.split("successfully on port ")
                .nth(1)?
                .trim_end_matches('.')
                .parse()
                .ok()
        });
        Some(Self {
            child,
            port: port.unwrap(),
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The group: killing chromedriver alone leaves Chromium behind.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

/// A browser at a dashboard.
pub(crate) struct Browser {
    client: Client,
    session: String,
    base: String,
    _profile: tempfile::TempDir,
    driver: Driver,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

impl Browser {
    pub(crate) async fn open(running: &Running) -> Option<Self> {
        // One at a time: two on two cores only wait for each other.
        static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let alone = ALONE.lock().await;
        let driver = Driver::start()?;
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new".to_string(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--force-prefers-reduced-motion".into(),
            "--window-size=1280,1000".into(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(wanted) = wanted else {
            unreachable!()
        };
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let client = ClientBuilder::new(connector)
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        let base = running.url("");
        Some(Self {
            client,
            session,
            base,
            _profile: profile,
            driver,
            _alone: alone,
        })
    }

    pub(crate) async fn go(&self, path: &str) {
        self.client
            .goto(&format!("{}{path}", self.base))
            .await
            .unwrap();
    }

    /// Asks until the answer is right.
    async fn poll<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(t) = ask().await {
                return t;
            }
            if begin.elapsed() > PATIENCE {
                let at = self
                    .client
                    .current_url()
                    .await
                    .map(|u| u.to_string())
                    .unwrap_or_default();
                let text = self.text("main").await;
                panic!(
                    "never saw {what} at {at}; the page says:\n{}",
                    &text[..text.len().min(1500)]
                );
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    async fn text(&self, css: &str) -> String {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent).join('\\n')";
        let text = self.client.execute(script, vec![json!(css)]).await;
        text.ok()
            .and_then(|v| v.as_str().map(str::to_string))
            .unwrap_or_default()
    }

    /// Waits until an element of that sort says so.
    pub(crate) async fn see(&self, css: &str, words: &str) {
        self.poll(&format!("`{words}` in `{css}`"), async || {
            self.text(css).await.contains(words).then_some(())
        })
        .await;
    }

    /// Waits until a script gives true.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        self.poll(what, async || {
            let answer = self.client.execute(script, vec![]).await.ok()?;
            (answer == json!(true)).then_some(())
        })
        .await;
    }

    pub(crate) async fn at(&self, part: &str) {
        self.poll(&format!("an address with {part}"), async || {
            let url = self.client.current_url().await.ok()?;
            url.as_str().contains(part).then_some(())
        })
        .await;
    }

    /// Clicks the n-th element of that sort with that text.
    pub(crate) async fn click_text(&self, css: &str, words: &str, n: usize) {
        self.poll(&format!("`{words}` to click"), async || {
            let mut left = n;
            for e in self.client.find_all(Locator::Css(css)).await.ok()? {
                if e.text().await.ok()?.trim() != words {
                    continue;
                }
                if left == 0 {
                    return e.click().await.ok();
                }
                left -= 1;
            }
            None
        })
        .await;
    }

    pub(crate) async fn keys(&self, css: &str, keys: &str) {
        self.poll(&format!("`{css}`"), async || {
            let e = self.client.find(Locator::Css(css)).await.ok()?;
            if keys.is_empty() {
                self.client
                    .execute(
                        "document.querySelector(arguments[0]).focus()",
                        vec![json!(css)],
                    )
                    .await
                    .ok()?;
                return Some(());
            }
            e.send_keys(keys).await.ok()
        })
        .await;
    }

    /// Keys to whatever has the focus.
    pub(crate) async fn keys_here(&self, keys: &str) {
        let e = self.client.active_element().await.unwrap();
        e.send_keys(keys).await.unwrap();
    }

    pub(crate) async fn number(&self, script: &str) -> f64 {
        self.client
            .execute(script, vec![])
            .await
            .unwrap()
            .as_f64()
            .unwrap_or(f64::NAN)
    }

    /// What a script says of something.
    pub(crate) async fn words(&self, script: &str, of: &str) -> String {
        let said = self.client.execute(script, vec![json!(of)]).await.unwrap();
        said.as_str().unwrap().to_string()
    }

    pub(crate) async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// A colour scheme and a width.
    pub(crate) async fn look(&self, scheme: Scheme, width: u32) {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme.name() }]);
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": feature }))
            .await;
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
    }

    pub(crate) async fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.raw(
            "goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        )
        .await
    }

    /// A command that the client does not know.
    async fn raw(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let request = format!(
            "POST /session/{}/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.session,
            body.len()
        );
        let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", self.driver.port))
            .await
            .unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        // chromedriver keeps the connection open: the answer ends where its length says.
        let mut out = Vec::new();
        let body = loop {
            let mut part = vec![0; 65_536];
            let n = tokio::time::timeout(PATIENCE, socket.read(&mut part))
                .await
                .unwrap()
                .unwrap();
            out.extend_from_slice(&part[..n]);
            let text = String::from_utf8_lossy(&out).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|l| {
                    let (name, value) = l.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse::<usize>().ok())?
                });
                if n == 0 || length.is_some_and(|l| body.len() >= l) {
                    break body.to_string();
                }
            }
            assert!(n > 0, "chromedriver gave half an answer");
        };
        serde_json::from_str::<Value>(&body).unwrap()["value"].clone()
    }

    /// What axe finds that is serious or critical.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let script = format!(
            "{AXE};const done = arguments[arguments.length - 1];\
             axe.run(document, {{ resultTypes: ['violations'] }}).then(r => done(r.violations\
             .filter(v => v.impact === 'serious' || v.impact === 'critical')\
             .map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary.slice(0, 200)).join(' | '))))\
             .catch(e => done(['axe failed: ' + e]))"
        );
        let found = self.client.execute_async(&script, vec![]).await.unwrap();
        let lines = found.as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .map(|v| v.as_str().unwrap_or("?").to_string())
            .collect()
    }

    /// A picture of the whole page, where `UPTICK_SCREENSHOTS` names a folder.
    pub(crate) async fn picture(&self, name: &str) {
        use base64::Engine as _;
        let Some(dir) = std::env::var_os("UPTICK_SCREENSHOTS") else {
            return;
        };
        let shot = self
            .cdp(
                "Page.captureScreenshot",
                json!({ "captureBeyondViewport": false }),
            )
            .await;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(shot["data"].as_str().unwrap())
            .unwrap();
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(
            std::path::Path::new(&dir).join(format!("{name}.png")),
            bytes,
        )
        .unwrap();
    }

    /// Ends the browser; nothing may have been wrong in its console.
    pub(crate) async fn finish(self) {
        self.finish_with(&[]).await;
    }

    /// The same, but for messages about those addresses, which failed on purpose.
    pub(crate) async fn finish_with(self, meant: &[&str]) {
        let log = self.raw("se/log", &json!({ "type": "browser" })).await;
        let bad: Vec<String> = log
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| {
                e["level"] == "SEVERE"
                    || e["message"]
                        .as_str()
                        .is_some_and(|m| m.contains("Content Security Policy"))
            })
            .map(|e| e["message"].to_string())
            .filter(|m| !meant.iter().any(|part| m.contains(part)))
            .collect();
        let _ = self.client.clone().close().await;
        assert!(bad.is_empty(), "the console says: {bad:?}");
    }
}
