//! A receiver of webhooks on this machine, which checks what it gets as the standard's reference
//! verifiers do.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// A minute only ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, v)| v)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether it was signed with that secret, not more than five minutes ago.
    pub(crate) fn verifies(&self, secret: &str) -> bool {
        let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap());
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let skew = now.as_secs().abs_diff(time.parse().unwrap());
        let signed = format!("{id}.{time}.{}", self.body);
        let is_right = |given: &str| {
            let Some(("v1", signature)) = given.split_once(',') else {
                return false;
            };
            let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref().unwrap()).unwrap();
            mac.update(signed.as_bytes());
            mac.verify_slice(&BASE64.decode(signature).unwrap()).is_ok()
        };
        let all = self.header("webhook-signature").split(' ');
        skew < 300 && !id.contains('.') && all.into_iter().any(is_right)
    }
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    /// Status and headers of the next answers; then 200.
    answers: VecDeque<(u16, &'static str)>,
}

pub(crate) struct Receiver {
    /// `host:port`.
    pub(crate) place: String,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = take(stream, &own);
            }
        });
        Self { place, shared }
    }

    /// Answers so next, before it answers 200 again.
    pub(crate) fn answer(&self, status: u16, headers: &'static str) {
        let mut state = self.shared.0.lock().unwrap();
        state.answers.push_back((status, headers));
    }

    /// What came, once there are as many as that.
    #[track_caller]
    pub(crate) fn received(&self, n: usize) -> Vec<Received> {
        let (state, news) = &*self.shared;
        let held = state.lock().unwrap();
        let waited = news.wait_timeout_while(held, PATIENCE, |s| s.received.len() < n);
        let held = waited.unwrap().0;
        assert!(held.received.len() >= n, "{:#?}", held.received);
        held.received.clone()
    }
}

fn take(stream: TcpStream, shared: &(Mutex<State>, Condvar)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("").to_string();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_string()));
    }
    let mut received = Received {
        path,
        headers,
        body: String::new(),
    };
    let length = received.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    received.body = String::from_utf8(body).unwrap();
    let (state, news) = shared;
    let mut held = state.lock().unwrap();
    let (status, more) = held.answers.pop_front().unwrap_or((200, ""));
    held.received.push(received);
    drop(held);
    let head =
        format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n{more}\r\n");
    reader.get_mut().write_all(format!("{head}ok").as_bytes())?;
    news.notify_all();
    Ok(())
}
