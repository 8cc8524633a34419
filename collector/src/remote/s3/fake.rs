//! A small object store on loopback: one bucket in memory. It checks signatures (AWS Signature Version
//! 4 in the address), conditions and checksums by itself, and fails as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

pub(crate) const KEY: &str = "AKIDTEST";
pub(crate) const SECRET: &str = "wJalr/XUtnFEMI+bPxRfiCYEXAMPLEKEY";
pub(crate) const BUCKET: &str = "profiles";

/// What goes wrong.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    /// Of ten requests so many are answered 503.
    pub(crate) busy: usize,
    /// Each answer comes so late.
    pub(crate) slow: Duration,
    /// A body comes in so many pieces, with a pause before each.
    pub(crate) pieces: (usize, Duration),
    /// Of ten answers so many break off in the middle of their body.
    pub(crate) cut: usize,
    /// Of ten bodies that are put so many are kept in part only, and said to be whole.
    pub(crate) torn: usize,
    /// `If-None-Match` is not looked at.
    pub(crate) unconditional: bool,
    /// Checksums are not looked at.
    pub(crate) unchecked: bool,
    /// Nobody may do this: `GET`, `PUT`, …
    pub(crate) forbidden: &'static str,
}

#[derive(Default)]
struct State {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    faults: Mutex<Faults>,
    requests: AtomicUsize,
    faulted: AtomicUsize,
    puts: AtomicUsize,
    down: AtomicBool,
    tokens: Mutex<Vec<String>>,
}

/// The store; it ends with the test.
#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<State>,
    pub(crate) address: String,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Fake {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Self { state, address }
    }

    pub(crate) fn fail(&self, faults: Faults) {
        *self.state.faults.lock().unwrap() = faults;
    }

    /// Nobody answers; connections are closed at once.
    pub(crate) fn down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }

    /// Objects by their keys.
    pub(crate) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.state.objects.lock().unwrap()
    }

    /// Replaces the object of a profile.
    pub(crate) fn spoil(&self, hash: &str, bytes: &[u8]) {
        let mut objects = self.objects();
        let key = objects.keys().find(|k| k.ends_with(hash)).unwrap().clone();
        objects.insert(key, bytes.to_vec());
    }

    /// How many bodies were taken.
    pub(crate) fn puts(&self) -> usize {
        self.state.puts.load(Ordering::SeqCst)
    }

    /// How many requests met a fault.
    pub(crate) fn faulted(&self) -> usize {
        self.state.faulted.load(Ordering::SeqCst)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Session tokens that were shown.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.state.tokens.lock().unwrap().clone()
    }

    /// The environment that reaches it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.address.clone()),
            ("AWS_ACCESS_KEY_ID", KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
            ("AWS_REGION", "eu-test-1".into()),
        ]
    }
}

impl State {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = Request::read(&mut reader) {
            if self.down.load(Ordering::SeqCst) {
                break;
            }
            let n = self.requests.fetch_add(1, Ordering::SeqCst);
            let faults = self.faults.lock().unwrap().clone();
            std::thread::sleep(faults.slow);
            // Like dice, and the same in every run.
            let at = ((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 10;
            let (status, body) = match at < faults.busy {
                true => (503, error("SlowDown")),
                false => self.answer(&request, &faults, at),
            };
            let how = (at < faults.cut, faults.pieces);
            let whole = reply(&stream, status, &body, how);
            let torn = at < faults.torn && request.method == "PUT";
            if at < faults.busy || torn || !whole || !faults.slow.is_zero() {
                self.faulted.fetch_add(1, Ordering::SeqCst);
            }
            if !whole {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn answer(&self, r: &Request, faults: &Faults, at: usize) -> (u16, Vec<u8>) {
        if let Err(code) = r.signed() {
            return (403, error(code));
        }
        if faults.forbidden == r.method {
            return (403, error("AccessDenied"));
        }
        let token = r.parameter("X-Amz-Security-Token");
        self.tokens.lock().unwrap().extend(token);
        let Some(key) = r.path.strip_prefix(&format!("/{BUCKET}/")) else {
            return (404, error("NoSuchBucket"));
        };
        let mut objects = self.objects.lock().unwrap();
        match r.method.as_str() {
            "GET" => match objects.get(key) {
                Some(bytes) => (200, bytes.clone()),
                None => (404, error("NoSuchKey")),
            },
            "DELETE" => {
                objects.remove(key);
                (204, Vec::new())
            }
            "PUT" => {
                let sum = r.headers.get("x-amz-checksum-sha256");
                let right = BASE64.encode(Sha256::digest(&r.body));
                let is_new = r.headers.get("if-none-match").is_some_and(|v| v == "*");
                if !faults.unchecked && sum.is_some_and(|s| *s != right) {
                    return (400, error("BadDigest"));
                }
                if !faults.unconditional && is_new && objects.contains_key(key) {
                    return (412, error("PreconditionFailed"));
                }
                let kept = match at < faults.torn {
                    true => r.body.len() / 2,
                    false => r.body.len(),
                };
                self.puts.fetch_add(1, Ordering::SeqCst);
                objects.insert(key.to_owned(), r.body[..kept].to_vec());
                (200, Vec::new())
            }
            _ => (405, error("MethodNotAllowed")),
        }
    }
}

fn error(code: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>").into()
}

/// Gives whether the connection goes on.
fn reply(
    mut stream: &TcpStream,
    status: u16,
    body: &[u8],
    (cut, (pieces, pause)): (bool, (usize, Duration)),
) -> bool {
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let shown = if cut { body.len() / 2 } else { body.len() };
    let sent = stream.write_all(head.as_bytes());
    let size = shown.div_ceil(pieces.max(1)).max(1);
    let mut pieces = body[..shown].chunks(size);
    let sent = sent.and_then(|()| {
        pieces.try_for_each(|piece| {
            std::thread::sleep(pause);
            stream.write_all(piece)
        })
    });
    sent.is_ok() && shown == body.len()
}

impl Request {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|n| n.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            method,
            path,
            query,
            headers,
            body,
        })
    }

    /// A parameter, unescaped.
    fn parameter(&self, name: &str) -> Option<String> {
        let mut all = self.query.split('&').filter_map(|p| p.split_once('='));
        let value = all.find(|(n, _)| *n == name)?.1;
        let mut out = Vec::new();
        let mut bytes = value.bytes();
        while let Some(b) = bytes.next() {
            out.push(match b {
                b'%' => {
                    let hex = [bytes.next()?, bytes.next()?];
                    u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
                }
                b => b,
            });
        }
        String::from_utf8(out).ok()
    }

    /// Whether whoever sent it has the secret, by the rules that are published for it.
    fn signed(&self) -> Result<(), &'static str> {
        let need = |name: &str| self.parameter(name).ok_or("AccessDenied");
        let credential = need("X-Amz-Credential")?;
        let (key, scope) = credential.split_once('/').ok_or("AccessDenied")?;
        if key != KEY {
            return Err("InvalidAccessKeyId");
        }
        let names = need("X-Amz-SignedHeaders")?;
        // What decides about the object must not be changed on the way.
        for name in ["if-none-match", "x-amz-checksum-sha256"] {
            if self.headers.contains_key(name) && !names.split(';').any(|n| n == name) {
                return Err("AccessDenied");
            }
        }
        let mut canonical: Vec<&str> = self.query.split('&').collect();
        canonical.retain(|p| !p.starts_with("X-Amz-Signature="));
        canonical.sort_unstable();
        let mut request = format!("{}\n{}\n{}\n", self.method, self.path, canonical.join("&"));
        for name in names.split(';') {
            let value = self.headers.get(name).ok_or("SignatureDoesNotMatch")?;
            request.push_str(&format!("{name}:{value}\n"));
        }
        request.push_str(&format!("\n{names}\nUNSIGNED-PAYLOAD"));
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            need("X-Amz-Date")?,
            hex(&Sha256::digest(request))
        );
        let mut secret = format!("AWS4{SECRET}").into_bytes();
        for part in scope.split('/') {
            secret = mac(&secret, part);
        }
        match need("X-Amz-Signature")? == hex(&mac(&secret, &text)) {
            true => Ok(()),
            false => Err("SignatureDoesNotMatch"),
        }
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
