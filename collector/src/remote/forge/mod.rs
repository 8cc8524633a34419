//! Forges: which one this is, what is asked of it, what its answers mean. Pure; a [`Wire`]
//! carries requests there.
//!
//! Each forge is one file that turns "list the comments" into a request and an answer into
//! comments. [`publish`] uses them all alike.

mod azure;
mod bitbucket;
mod env;
mod gate;
mod github;
mod gitlab;
mod place;
pub mod publish;
mod talk;

pub use env::find;
pub use gate::status;
pub use place::{Kind, Place, Pull, Token};

use std::time::Duration;

use serde_json::Value;

use crate::report::comment::Style;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

/// One request, without what proves who asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What it does.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// A JSON body.
    pub body: Option<Value>,
}

impl Request {
    pub(super) fn get(url: String) -> Self {
        Self {
            method: Method::Get,
            url,
            body: None,
        }
    }

    pub(super) fn with(method: Method, url: String, body: Value) -> Self {
        Self {
            method,
            url,
            body: Some(body),
        }
    }

    pub(super) fn delete(url: String) -> Self {
        Self {
            method: Method::Delete,
            url,
            body: None,
        }
    }
}

/// A header that every request carries; its value may be a secret and is never shown.
#[derive(Clone)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    value: String,
}

impl Header {
    pub(super) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
        }
    }

    /// What it says, for the wire alone.
    pub(super) fn value(&self) -> &str {
        &self.value
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Whether a further page follows.
    pub more: bool,
    /// After how many seconds to ask again.
    pub retry_after: Option<u64>,
    /// Whether the allowance of requests is used up.
    pub exhausted: bool,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable(pub String);

/// What carries requests, waits and rolls dice; a test has its own.
pub trait Wire {
    /// Sends one request.
    ///
    /// # Errors
    /// When no answer came.
    fn send(&self, request: &Request) -> Result<Response, Unreachable>;
    /// Waits.
    fn pause(&self, time: Duration);
    /// A number from 0 to 1.
    fn random(&self) -> f64;
}

/// One comment of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its number; earlier comments have smaller ones.
    pub id: u64,
    /// Who wrote it, as [`Api::me`] names its author.
    pub author: String,
    /// Its text.
    pub body: String,
    /// Its page.
    pub link: Option<String>,
}

/// A commit's state for the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its own context, the same on every commit.
    pub context: String,
    /// The state.
    pub state: State,
    /// In one line.
    pub description: String,
    /// Where more stands.
    pub link: Option<String>,
    /// What regressed, for forges that show findings beside the diff.
    pub findings: Vec<Finding>,
}

/// The states that every forge has in some way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Judged, no regression.
    Success,
    /// A regression.
    Failure,
    /// No verdict: neither good nor bad.
    Neutral,
    /// Building or running failed.
    Error,
}

/// One regression beside the diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The same in two runs.
    pub id: String,
    /// In one line.
    pub message: String,
    /// The file and line that it likely comes from.
    pub place: (String, u32),
}

/// A forge's interface, as requests and answers.
pub trait Api {
    /// What proves who asks, and what versions are spoken.
    fn headers(&self) -> Vec<Header>;
    /// How comments are shown.
    fn style(&self) -> Style;
    /// Ways to ask who we are, the best first.
    fn whoami(&self) -> Vec<Request>;
    /// The author in such an answer.
    fn me(&self, answer: &Value) -> Option<String>;
    /// Who we are where the forge does not say.
    fn otherwise(&self) -> &'static [&'static str];
    /// Page `page` of the comments, from 1.
    fn list(&self, pull: u64, page: u32) -> Request;
    /// The comments in such an answer.
    fn comments(&self, answer: &Value) -> Vec<Comment>;
    /// Writes a comment.
    fn create(&self, pull: u64, body: &str) -> Request;
    /// Replaces its text.
    fn edit(&self, pull: u64, id: u64, body: &str) -> Request;
    /// Removes it.
    fn delete(&self, pull: u64, id: u64) -> Request;
    /// Sets the state of a commit.
    fn status(&self, pull: Option<u64>, head: &str, status: &Status) -> Vec<Request>;
    /// The open pull requests that may have that head, where the event does not name one.
    fn pulls_of(&self, owner: &str, branch: &str) -> Option<Request>;
    /// The one among them that has it.
    fn pull_at(&self, answer: &Value, head: &str) -> Option<u64>;
    /// Whether an answer says by itself that a page follows.
    fn continues(&self, _answer: &Value) -> bool {
        false
    }
}

/// The interface of the forge at a place.
#[must_use]
pub fn api(place: &Place) -> Box<dyn Api> {
    match place.kind {
        Kind::GitHub | Kind::Gitea => Box::new(github::GitHub::at(place)),
        Kind::GitLab => Box::new(gitlab::GitLab::at(place)),
        Kind::Bitbucket => Box::new(bitbucket::Bitbucket::at(place)),
        Kind::Azure => Box::new(azure::Azure::at(place)),
    }
}

/// A part of an address.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            out.push(b as char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// `owner/name` as two parts of an address.
pub(super) fn path(repository: &str) -> String {
    let parts: Vec<String> = repository.split('/').map(segment).collect();
    parts.join("/")
}

/// A text of at most `most` characters.
pub(super) fn short(text: &str, most: usize) -> String {
    crate::format::sentence(text, most)
}
