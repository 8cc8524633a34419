//! GitHub, GitHub Enterprise, and Gitea and Forgejo, which speak the same for comments and
//! statuses.

use serde_json::{Value, json};

use super::interface::{Api, Comment, CommitState, CommitStatus, path, post_status, segment};
use super::place::{CiRun, Forge};
use super::wire::{HttpHeader, HttpMethod, HttpRequest};
use crate::report::comment::Style;

/// GitHub's own limit is 65,536 characters; Gitea's column holds more.
const LIMIT: usize = 65_000;
/// GitHub cuts nothing: it refuses longer ones.
const DESCRIPTION: usize = 140;

pub(super) struct GitHub {
    place: CiRun,
    base: String,
}

impl GitHub {
    pub(super) fn at(place: &CiRun) -> Self {
        Self {
            base: format!("{}/repos/{}", place.api, path(&place.repository)),
            place: place.clone(),
        }
    }

    const fn is_gitea(&self) -> bool {
        matches!(self.place.kind, Forge::Gitea)
    }

    fn comment(&self, id: u64) -> String {
        format!("{}/issues/comments/{id}", self.base)
    }
}

/// A bot's name ends in `[bot]`; a person may have the name without it.
fn login(user: &Value) -> Option<String> {
    let login = user.get("login")?.as_str()?.to_string();
    let bot = user.get("type").and_then(Value::as_str) == Some("Bot");
    Some(if bot { as_bot(&login) } else { login })
}

fn as_bot(login: &str) -> String {
    format!("{}[bot]", login.trim_end_matches("[bot]"))
}

impl Api for GitHub {
    fn headers(&self) -> Vec<HttpHeader> {
        let mut headers = vec![HttpHeader::new("accept", "application/json")];
        if !self.is_gitea() {
            headers = vec![
                HttpHeader::new("accept", "application/vnd.github+json"),
                HttpHeader::new("x-github-api-version", "2022-11-28"),
            ];
        }
        if let Some(token) = &self.place.token {
            let scheme = if self.is_gitea() { "token" } else { "Bearer" };
            headers.push(HttpHeader::new(
                "authorization",
                format!("{scheme} {}", token.reveal()),
            ));
        }
        headers
    }

    fn style(&self) -> Style {
        Style::html(LIMIT)
    }

    fn whoami(&self) -> Vec<HttpRequest> {
        let mut ways = vec![HttpRequest::get(format!("{}/user", self.place.api))];
        // The token of an app, the job's own among them, may not read `/user`; but `viewer`
        // answers it.
        if let Some(url) = &self.place.graphql {
            let query = json!({"query": "query{viewer{login}}"});
            ways.push(HttpRequest::with(HttpMethod::Post, url.clone(), query));
        }
        ways
    }

    fn me(&self, answer: &Value) -> Option<String> {
        let viewer = answer.pointer("/data/viewer/login").and_then(Value::as_str);
        viewer.map(as_bot).or_else(|| login(answer))
    }

    fn otherwise(&self) -> &'static [&'static str] {
        if self.is_gitea() {
            &["gitea-actions", "forgejo-actions"]
        } else {
            &["github-actions[bot]"]
        }
    }

    fn list(&self, pull: u64, page: u32) -> HttpRequest {
        let size = if self.is_gitea() {
            "limit=50"
        } else {
            "per_page=100"
        };
        let url = format!("{}/issues/{pull}/comments?{size}&page={page}", self.base);
        HttpRequest::get(url)
    }

    fn comments(&self, answer: &Value) -> Vec<Comment> {
        let read = |c: &Value| {
            Some(Comment {
                id: c.get("id")?.as_u64()?,
                author: login(c.get("user")?)?,
                body: c.get("body")?.as_str()?.to_string(),
                link: c
                    .get("html_url")
                    .and_then(Value::as_str)
                    .map(str::to_string),
            })
        };
        let one = answer.is_object().then(|| read(answer)).flatten();
        let all = answer.as_array().into_iter().flatten().filter_map(read);
        all.chain(one).collect()
    }

    fn create(&self, pull: u64, body: &str) -> HttpRequest {
        let url = format!("{}/issues/{pull}/comments", self.base);
        HttpRequest::with(HttpMethod::Post, url, json!({ "body": body }))
    }

    fn edit(&self, _pull: u64, id: u64, body: &str) -> HttpRequest {
        HttpRequest::with(HttpMethod::Patch, self.comment(id), json!({ "body": body }))
    }

    fn delete(&self, _pull: u64, id: u64) -> HttpRequest {
        HttpRequest::delete(self.comment(id))
    }

    fn status(&self, _pull: Option<u64>, head: &str, status: &CommitStatus) -> Vec<HttpRequest> {
        let state = match status.state {
            CommitState::Success => "success",
            CommitState::Failure => "failure",
            CommitState::Error => "error",
            // GitHub's statuses have no neutral one; the words say that there is no verdict.
            CommitState::Neutral if self.is_gitea() => "warning",
            CommitState::Neutral => "success",
        };
        let url = format!("{}/statuses/{head}", self.base);
        post_status(url, "context", state, status, DESCRIPTION)
    }

    fn pulls_of(&self, owner: &str, branch: &str) -> Option<HttpRequest> {
        let head = segment(&format!("{owner}:{branch}"));
        let url = format!("{}/pulls?state=open&per_page=100&head={head}", self.base);
        Some(HttpRequest::get(url))
    }

    fn pull(&self, pull: u64) -> Option<HttpRequest> {
        Some(HttpRequest::get(format!("{}/pulls/{pull}", self.base)))
    }

    fn head_in(&self, answer: &Value) -> Option<String> {
        let head = answer.pointer("/head/sha").and_then(Value::as_str);
        head.map(str::to_string)
    }

    fn pull_at(&self, answer: &Value, head: &str) -> Option<u64> {
        let at = |p: &&Value| p.pointer("/head/sha").and_then(Value::as_str) == Some(head);
        answer.as_array()?.iter().find(at)?.get("number")?.as_u64()
    }
}
