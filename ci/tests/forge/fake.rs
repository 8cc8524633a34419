//! A forge in the test's own process that keeps the real ones' rules: who may write, pages,
//! lengths, limits of rate, other people's comments.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

/// Whose rules are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    GitHub,
    Gitea,
    GitLab,
}

pub(crate) const SECRET: &str = "tok-write-9f8e7d";
pub(crate) const FORK: &str = "tok-fork-1a2b3c";
pub(crate) const BOT: &str = "ci-bot";

#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) id: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    pub(crate) edits: usize,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) notes: Vec<Note>,
    next: u64,
    pub(crate) statuses: Vec<Value>,
    /// `METHOD path`, in the order of arrival.
    pub(crate) log: Vec<String>,
    /// So many writes are refused first, as a forge does under load.
    pub(crate) busy: usize,
    /// What would be a rule broken: an attempt on somebody else's comment, a body too long.
    pub(crate) sins: Vec<String>,
    /// Open pull requests: number, `owner:branch`, head.
    pub(crate) pulls: Vec<(u64, String, String)>,
    /// Up to so many milliseconds pass before and after a request is served.
    pub(crate) latency: u64,
    /// The token may not ask whose it is.
    pub(crate) nameless: bool,
    /// So many lists do not show yet what was written last.
    pub(crate) lag: usize,
    /// The token may not set statuses.
    pub(crate) no_statuses: bool,
    /// The head of pull request 5, for who asks.
    pub(crate) head: String,
    dice: u64,
}

pub(crate) struct Fake {
    pub(crate) rules: Rules,
    address: String,
    state: Arc<Mutex<State>>,
}

struct Asked {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, v)| v.as_str())
    }

    fn number(&self, name: &str, otherwise: usize) -> usize {
        let pairs = self.query.split('&').filter_map(|p| p.split_once('='));
        let value = pairs.into_iter().find(|(n, _)| *n == name).map(|(_, v)| v);
        value.and_then(|v| v.parse().ok()).unwrap_or(otherwise)
    }
}

struct Answer(u16, Value, Vec<(&'static str, String)>);

fn plain(status: u16, message: &str) -> Answer {
    Answer(status, json!({ "message": message }), Vec::new())
}

impl Fake {
    pub(crate) fn new(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            next: 100,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, rules, &state));
            }
        });
        Self {
            rules,
            address,
            state,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn api(&self) -> String {
        let path = match self.rules {
            Rules::GitHub => "/api/v3",
            Rules::Gitea => "/api/v1",
            Rules::GitLab => "/api/v4",
        };
        format!("{}{path}", self.address)
    }

    /// A comment by somebody.
    pub(crate) fn write(&self, author: &str, body: &str) -> u64 {
        let mut s = self.state();
        s.next += 1;
        let id = s.next;
        s.notes.push(Note {
            id,
            author: author.into(),
            body: body.into(),
            edits: 0,
        });
        id
    }

    /// The bot's comments.
    pub(crate) fn ours(&self) -> Vec<Note> {
        let ours = self.ours_name();
        self.state()
            .notes
            .iter()
            .filter(|n| n.author == ours)
            .cloned()
            .collect()
    }

    pub(crate) fn ours_name(&self) -> String {
        match self.rules {
            Rules::GitHub => format!("{BOT}[bot]"),
            _ => BOT.into(),
        }
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        let reads = |l: &&String| !l.starts_with("GET ") && !l.contains("graphql");
        self.state().log.iter().filter(reads).cloned().collect()
    }
}

fn serve(mut stream: TcpStream, rules: Rules, state: &Mutex<State>) {
    let Some(asked) = read(&stream) else { return };
    let wait = |state: &Mutex<State>| {
        let mut s = state.lock().unwrap();
        // A small generator: the order of events differs from round to round, no more is asked.
        s.dice = s
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let span = s.latency + 1;
        Duration::from_millis((s.dice >> 33) % span)
    };
    let before = wait(state);
    std::thread::sleep(before);
    let Answer(status, body, headers) = {
        let mut s = state.lock().unwrap();
        s.log.push(format!("{} {}", asked.method, asked.path));
        let answer = answer(&asked, rules, &mut s);
        record(&asked, &answer, rules);
        answer
    };
    let after = wait(state);
    std::thread::sleep(after);
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        text.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let _ = stream.write_all(format!("{head}\r\n{text}").as_bytes());
}

/// Keeps what GitHub is asked, and what it answers here, for `ci/tests/forge/openapi`.
fn record(asked: &Asked, Answer(status, body, _): &Answer, rules: Rules) {
    let Some(file) = std::env::var_os("UPTICK_FORGE_RECORD").filter(|_| rules == Rules::GitHub)
    else {
        return;
    };
    let line = json!({
        "method": asked.method, "path": asked.path, "query": asked.query, "body": asked.body,
        "status": status, "answer": body,
    });
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(file)
        .unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_string(), words.next()?.to_string());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_string()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length");
    let length = length.and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked {
        method,
        path: path.to_string(),
        query: query.to_string(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

/// Who asks, and whether they may write.
fn who(asked: &Asked, rules: Rules) -> Option<(String, bool)> {
    let token = match rules {
        Rules::GitHub => asked.header("authorization").strip_prefix("Bearer ")?,
        Rules::Gitea => asked.header("authorization").strip_prefix("token ")?,
        Rules::GitLab => asked.header("private-token"),
    };
    let bot = if rules == Rules::GitHub {
        format!("{BOT}[bot]")
    } else {
        BOT.into()
    };
    match token {
        SECRET => Some((bot, true)),
        FORK => Some((bot, false)),
        _ => None,
    }
}

fn answer(asked: &Asked, rules: Rules, s: &mut State) -> Answer {
    if asked.header("user-agent").is_empty() {
        return plain(403, "Request forbidden by administrative rules");
    }
    let Some((me, may)) = who(asked, rules) else {
        return plain(401, "Bad credentials");
    };
    let reads = asked.method == "GET" || asked.path.ends_with("graphql");
    if !reads && s.busy > 0 {
        s.busy -= 1;
        // GitHub says 403 for its secondary limit, the others 429.
        let status = if rules == Rules::GitHub && s.busy.is_multiple_of(2) {
            403
        } else {
            429
        };
        let wait = vec![("retry-after", "0".to_string())];
        return Answer(status, json!({"message": "slow down"}), wait);
    }
    if !reads && !may {
        // A forge that repeats what it was given must not lead to a secret in a log.
        let said = format!("Resource not accessible by integration ({FORK})");
        return plain(403, &said);
    }
    let parts: Vec<&str> = asked.path.split('/').skip(3).collect();
    if rules == Rules::GitHub {
        s.sins.extend(undescribed(asked, &parts));
    }
    match (rules, parts.as_slice()) {
        (_, ["user" | "graphql"]) if s.nameless => {
            plain(403, "token does not have scope read:user")
        }
        (Rules::GitHub, ["user"]) => plain(403, "Resource not accessible by integration"),
        (Rules::GitHub, ["graphql"]) => {
            Answer(200, json!({"data": {"viewer": {"login": me}}}), vec![])
        }
        (Rules::Gitea, ["user"]) => Answer(200, json!({ "login": me }), vec![]),
        (Rules::GitLab, ["user"]) => Answer(200, json!({ "username": me }), vec![]),
        (_, ["repos", "o", "r", "issues", "5", "comments"])
        | (_, ["projects", "12", "merge_requests", "5", "notes"]) => notes(asked, rules, s, &me),
        (_, ["repos", "o", "r", "issues", "comments", id])
        | (_, ["projects", "12", "merge_requests", "5", "notes", id]) => {
            one(asked, rules, s, &me, id.parse().unwrap_or(0))
        }
        (_, ["repos", "o", "r", "statuses", sha]) | (_, ["projects", "12", "statuses", sha]) => {
            status(asked, rules, s, sha)
        }
        (_, ["repos", "o", "r", "pulls"]) => pulls(asked, s),
        (_, ["repos", "o", "r", "pulls", "5"]) => {
            let head = json!({"number": 5, "head": {"sha": s.head}});
            Answer(200, head, vec![])
        }
        _ => plain(404, "Not Found"),
    }
}

/// What is asked beside what GitHub's published description of its interface has: parameters of an
/// operation, and keys of its body.
fn undescribed(asked: &Asked, parts: &[&str]) -> Vec<String> {
    let (query, body): (&[&str], &[&str]) = match (asked.method.as_str(), parts) {
        ("GET", ["repos", _, _, "issues", _, "comments"]) => (&["since", "per_page", "page"], &[]),
        ("POST", ["repos", _, _, "issues", _, "comments"])
        | ("PATCH", ["repos", _, _, "issues", "comments", _]) => (&[], &["body"]),
        ("POST", ["repos", _, _, "statuses", _]) => {
            (&[], &["state", "target_url", "description", "context"])
        }
        ("GET", ["repos", _, _, "pulls"]) => (
            &[
                "state",
                "head",
                "base",
                "sort",
                "direction",
                "per_page",
                "page",
            ],
            &[],
        ),
        ("POST", ["graphql"]) => (&[], &["query"]),
        ("GET", ["user"] | ["repos", _, _, "pulls", _])
        | ("DELETE", ["repos", _, _, "issues", "comments", _]) => (&[], &[]),
        _ => return vec![format!("no operation: {} {}", asked.method, asked.path)],
    };
    let names = asked.query.split('&').filter_map(|p| p.split_once('='));
    let names = names.map(|(n, _)| n).filter(|n| !query.contains(n));
    let keys = asked.body.as_object().into_iter().flat_map(|b| b.keys());
    let keys = keys.map(String::as_str).filter(|k| !body.contains(k));
    let of = |n: &str| format!("{} {} has no `{n}`", asked.method, asked.path);
    names.chain(keys).map(of).collect()
}

fn shown(n: &Note, rules: Rules) -> Value {
    let bot = n.author.ends_with("[bot]");
    match rules {
        Rules::GitLab => json!({
            "id": n.id, "body": n.body, "system": false, "author": {"username": n.author},
        }),
        _ => json!({
            "id": n.id, "body": n.body, "html_url": format!("http://forge.example/c/{}", n.id),
            "user": {"login": n.author, "type": if bot { "Bot" } else { "User" }},
        }),
    }
}

/// Characters that each forge takes.
const fn longest(rules: Rules) -> usize {
    match rules {
        Rules::GitLab => 1_000_000,
        _ => 65_536,
    }
}

fn notes(asked: &Asked, rules: Rules, s: &mut State, me: &str) -> Answer {
    if asked.method == "GET" {
        return page(asked, rules, s);
    }
    let body = asked.body["body"].as_str().unwrap_or("").to_string();
    if body.is_empty() || body.chars().count() > longest(rules) {
        s.sins.push("a comment too long or empty".into());
        return plain(422, "Validation Failed");
    }
    s.next += 1;
    let note = Note {
        id: s.next,
        author: me.into(),
        body,
        edits: 0,
    };
    s.notes.push(note.clone());
    Answer(201, shown(&note, rules), vec![])
}

fn page(asked: &Asked, rules: Rules, s: &mut State) -> Answer {
    let mut all: Vec<Value> = s.notes.iter().map(|n| shown(n, rules)).collect();
    if s.lag > 0 && !all.is_empty() {
        s.lag -= 1;
        all.pop();
    }
    if rules == Rules::Gitea {
        // Gitea gives them all, whatever page is asked for.
        return Answer(200, Value::from(all), vec![]);
    }
    let size = asked.number("per_page", 30).min(100);
    let page = asked.number("page", 1).max(1);
    let rest = all.len().saturating_sub(page * size);
    let some: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
    let more = match rules {
        Rules::GitHub if rest > 0 => vec![("link", "<http://x/?page=2>; rel=\"next\"".to_string())],
        Rules::GitLab if rest > 0 => vec![("x-next-page", (page + 1).to_string())],
        Rules::GitLab => vec![("x-next-page", String::new())],
        _ => vec![],
    };
    Answer(200, Value::from(some), more)
}

fn one(asked: &Asked, rules: Rules, s: &mut State, me: &str, id: u64) -> Answer {
    let Some(at) = s.notes.iter().position(|n| n.id == id) else {
        return plain(404, "Not Found");
    };
    if s.notes[at].author != me {
        s.sins
            .push(format!("{} of somebody else's comment", asked.method));
        return plain(403, "Forbidden");
    }
    if asked.method == "DELETE" {
        s.notes.remove(at);
        return Answer(204, Value::Null, vec![]);
    }
    let expected = if rules == Rules::GitLab {
        "PUT"
    } else {
        "PATCH"
    };
    if asked.method != expected {
        return plain(404, "Not Found");
    }
    let body = asked.body["body"].as_str().unwrap_or("").to_string();
    if body.is_empty() || body.chars().count() > longest(rules) {
        s.sins.push("an edit too long or empty".into());
        return plain(422, "Validation Failed");
    }
    s.notes[at].body = body;
    s.notes[at].edits += 1;
    Answer(200, shown(&s.notes[at], rules), vec![])
}

fn status(asked: &Asked, rules: Rules, s: &mut State, sha: &str) -> Answer {
    if s.no_statuses {
        return plain(403, "Resource not accessible by integration");
    }
    let states: &[&str] = match rules {
        Rules::GitHub => &["error", "failure", "pending", "success"],
        Rules::Gitea => &["error", "failure", "pending", "success", "warning"],
        Rules::GitLab => &["pending", "running", "success", "failed", "canceled"],
    };
    let state = asked.body["state"].as_str().unwrap_or("");
    let description = asked.body["description"].as_str().unwrap_or("");
    if !states.contains(&state) || description.chars().count() > 140 {
        s.sins.push(format!(
            "a status {state} of {} characters",
            description.len()
        ));
        return plain(422, "Validation Failed");
    }
    let mut kept = asked.body.clone();
    kept["sha"] = json!(sha);
    s.statuses.push(kept);
    Answer(201, json!({}), vec![])
}

fn pulls(asked: &Asked, s: &State) -> Answer {
    let head = asked.query.split('&').find_map(|p| p.strip_prefix("head="));
    let head = head.unwrap_or("").replace("%3A", ":");
    let found = s.pulls.iter().filter(|(_, h, _)| *h == head);
    let found = found.map(|(n, _, sha)| json!({"number": n, "head": {"sha": sha}}));
    Answer(200, Value::from(found.collect::<Vec<_>>()), vec![])
}
