//! Azure DevOps: a comment is the first of a thread of its own.

use serde_json::{Value, json};

use super::interface::{Api, Comment, CommitState, CommitStatus, path, short};
use super::place::CiRun;
use super::wire::{HttpHeader, HttpMethod, HttpRequest};
use crate::report::comment::Style;

/// Azure takes 150,000 characters; nobody reads more than GitHub's limit.
const LIMIT: usize = 65_000;
const VERSION: &str = "api-version=7.1";

pub(super) struct Azure {
    place: CiRun,
    base: String,
}

impl Azure {
    pub(super) fn at(place: &CiRun) -> Self {
        let (project, repository) = place.repository.split_once('/').unwrap_or(("", ""));
        let (project, repository) = (path(project), path(repository));
        Self {
            base: format!(
                "{}/{project}/_apis/git/repositories/{repository}",
                place.api
            ),
            place: place.clone(),
        }
    }

    fn threads(&self, pull: u64) -> String {
        format!("{}/pullRequests/{pull}/threads", self.base)
    }

    fn first_comment(&self, pull: u64, thread: u64) -> String {
        format!("{}/{thread}/comments/1?{VERSION}", self.threads(pull))
    }
}

impl Api for Azure {
    fn headers(&self) -> Vec<HttpHeader> {
        self.place.bearer()
    }

    fn style(&self) -> Style {
        Style::html(LIMIT)
    }

    fn whoami(&self) -> Vec<HttpRequest> {
        vec![HttpRequest::get(format!(
            "{}/_apis/connectionData",
            self.place.api
        ))]
    }

    fn me(&self, answer: &Value) -> Option<String> {
        answer
            .pointer("/authenticatedUser/id")?
            .as_str()
            .map(str::to_string)
    }

    fn otherwise(&self) -> &'static [&'static str] {
        &[]
    }

    /// All threads come in one answer.
    fn list(&self, pull: u64, _page: u32) -> HttpRequest {
        HttpRequest::get(format!("{}?{VERSION}", self.threads(pull)))
    }

    fn comments(&self, answer: &Value) -> Vec<Comment> {
        let read = |t: &Value| {
            let first = t.get("comments")?.as_array()?.first()?;
            let gone = |v: &Value| v.get("isDeleted").and_then(Value::as_bool) == Some(true);
            if gone(t) || gone(first) {
                return None;
            }
            Some(Comment {
                id: t.get("id")?.as_u64()?,
                author: first.pointer("/author/id")?.as_str()?.to_string(),
                body: first.get("content")?.as_str()?.to_string(),
                link: None,
            })
        };
        match answer.get("value").and_then(Value::as_array) {
            Some(all) => all.iter().filter_map(read).collect(),
            None => read(answer).into_iter().collect(),
        }
    }

    fn create(&self, pull: u64, body: &str) -> HttpRequest {
        // Without a state: an active thread would block where all must be resolved.
        let thread = json!({"comments": [
            {"parentCommentId": 0, "content": body, "commentType": "text"},
        ]});
        HttpRequest::with(
            HttpMethod::Post,
            format!("{}?{VERSION}", self.threads(pull)),
            thread,
        )
    }

    fn edit(&self, pull: u64, id: u64, body: &str) -> HttpRequest {
        let url = self.first_comment(pull, id);
        HttpRequest::with(HttpMethod::Patch, url, json!({ "content": body }))
    }

    fn delete(&self, pull: u64, id: u64) -> HttpRequest {
        HttpRequest::delete(self.first_comment(pull, id))
    }

    fn status(&self, pull: Option<u64>, head: &str, status: &CommitStatus) -> Vec<HttpRequest> {
        let state = match status.state {
            CommitState::Success => "succeeded",
            CommitState::Failure => "failed",
            CommitState::Error => "error",
            CommitState::Neutral => "notApplicable",
        };
        let body = json!({
            "state": state,
            "description": short(&status.description, 200),
            "context": { "name": status.context, "genre": "performance" },
            "targetUrl": status.link,
        });
        let url = match pull {
            Some(n) => format!("{}/pullRequests/{n}/statuses?{VERSION}", self.base),
            None => format!("{}/commits/{head}/statuses?{VERSION}", self.base),
        };
        vec![HttpRequest::with(HttpMethod::Post, url, body)]
    }

    fn pulls_of(&self, _owner: &str, _branch: &str) -> Option<HttpRequest> {
        None
    }

    fn pull_at(&self, _answer: &Value, _head: &str) -> Option<u64> {
        None
    }
}
