//! What every forge can be asked, in one set of words.

use serde_json::{Value, json};

use super::wire::{HttpHeader, HttpMethod, HttpRequest};
use crate::report::comment::Style;

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
pub struct CommitStatus {
    /// Its own context, the same on every commit.
    pub context: String,
    /// The state.
    pub state: CommitState,
    /// In one line.
    pub description: String,
    /// Where more stands.
    pub link: Option<String>,
    /// What regressed, for forges that show findings beside the diff.
    pub findings: Vec<Annotation>,
}

/// The states that every forge has in some way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitState {
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
pub struct Annotation {
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
    fn headers(&self) -> Vec<HttpHeader>;
    /// How comments are shown.
    fn style(&self) -> Style;
    /// Ways to ask who we are, the best first.
    fn whoami(&self) -> Vec<HttpRequest>;
    /// The author in such an answer.
    fn me(&self, answer: &Value) -> Option<String>;
    /// Who we are where the forge does not say.
    fn otherwise(&self) -> &'static [&'static str];
    /// Page `page` of the comments, from 1.
    fn list(&self, pull: u64, page: u32) -> HttpRequest;
    /// The comments in such an answer.
    fn comments(&self, answer: &Value) -> Vec<Comment>;
    /// Writes a comment.
    fn create(&self, pull: u64, body: &str) -> HttpRequest;
    /// Replaces its text.
    fn edit(&self, pull: u64, id: u64, body: &str) -> HttpRequest;
    /// Removes it.
    fn delete(&self, pull: u64, id: u64) -> HttpRequest;
    /// Sets the state of a commit.
    fn status(&self, pull: Option<u64>, head: &str, status: &CommitStatus) -> Vec<HttpRequest>;
    /// The open pull requests that may have that head, where the event does not name one.
    fn pulls_of(&self, owner: &str, branch: &str) -> Option<HttpRequest>;
    /// The one among them that has it.
    fn pull_at(&self, answer: &Value, head: &str) -> Option<u64>;
    /// A pull request, where its head can be asked for.
    fn pull(&self, _pull: u64) -> Option<HttpRequest> {
        None
    }
    /// The head in such an answer.
    fn head_in(&self, _answer: &Value) -> Option<String> {
        None
    }
    /// Whether an answer says by itself that a page follows.
    fn continues(&self, _answer: &Value) -> bool {
        false
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

/// The request that sets a commit's status, where the forge calls the status by `name` in it and
/// takes so many characters of words.
pub(super) fn post_status(
    url: String,
    name: &str,
    state: &str,
    status: &CommitStatus,
    most: usize,
) -> Vec<HttpRequest> {
    let mut body = json!({
        "state": state,
        name: status.context,
        "description": short(&status.description, most),
    });
    if let Some(link) = &status.link {
        body["target_url"] = json!(link);
    }
    vec![HttpRequest::with(HttpMethod::Post, url, body)]
}

/// A text of at most `most` characters.
pub(super) fn short(text: &str, most: usize) -> String {
    crate::format::sentence(text, most)
}
