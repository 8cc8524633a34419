//! GitLab: notes of a merge request, statuses of a commit.

use serde_json::{Value, json};

use super::interface::{Api, Comment, CommitState, CommitStatus, post_status, segment};
use super::place::CiRun;
use super::wire::{HttpHeader, HttpMethod, HttpRequest};
use crate::report::comment::Style;

/// GitLab takes a million characters; nobody reads more than GitHub's limit.
const LIMIT: usize = 65_000;
const DESCRIPTION: usize = 255;

pub(super) struct GitLab {
    place: CiRun,
    base: String,
}

impl GitLab {
    pub(super) fn at(place: &CiRun) -> Self {
        Self {
            base: format!("{}/projects/{}", place.api, segment(&place.repository)),
            place: place.clone(),
        }
    }

    fn notes(&self, pull: u64) -> String {
        format!("{}/merge_requests/{pull}/notes", self.base)
    }
}

impl Api for GitLab {
    fn headers(&self) -> Vec<HttpHeader> {
        let token = self.place.token.as_ref();
        token
            .map(|t| HttpHeader::new("private-token", t.reveal()))
            .into_iter()
            .collect()
    }

    fn style(&self) -> Style {
        Style::html(LIMIT)
    }

    fn whoami(&self) -> Vec<HttpRequest> {
        vec![HttpRequest::get(format!("{}/user", self.place.api))]
    }

    fn me(&self, answer: &Value) -> Option<String> {
        answer.get("username")?.as_str().map(str::to_string)
    }

    fn otherwise(&self) -> &'static [&'static str] {
        &[]
    }

    fn list(&self, pull: u64, page: u32) -> HttpRequest {
        let notes = self.notes(pull);
        HttpRequest::get(format!(
            "{notes}?per_page=100&page={page}&sort=asc&order_by=created_at"
        ))
    }

    fn comments(&self, answer: &Value) -> Vec<Comment> {
        let read = |n: &Value| {
            let by_the_system = n.get("system").and_then(Value::as_bool) == Some(true);
            if by_the_system {
                return None;
            }
            Some(Comment {
                id: n.get("id")?.as_u64()?,
                author: n.pointer("/author/username")?.as_str()?.to_string(),
                body: n.get("body")?.as_str()?.to_string(),
                link: None,
            })
        };
        let one = answer.is_object().then(|| read(answer)).flatten();
        let all = answer.as_array().into_iter().flatten().filter_map(read);
        all.chain(one).collect()
    }

    fn create(&self, pull: u64, body: &str) -> HttpRequest {
        HttpRequest::with(HttpMethod::Post, self.notes(pull), json!({ "body": body }))
    }

    fn edit(&self, pull: u64, id: u64, body: &str) -> HttpRequest {
        let url = format!("{}/{id}", self.notes(pull));
        HttpRequest::with(HttpMethod::Put, url, json!({ "body": body }))
    }

    fn delete(&self, pull: u64, id: u64) -> HttpRequest {
        HttpRequest::delete(format!("{}/{id}", self.notes(pull)))
    }

    fn status(&self, _pull: Option<u64>, head: &str, status: &CommitStatus) -> Vec<HttpRequest> {
        let state = match status.state {
            // No state of GitLab's says "no verdict" without failing the pipeline; the words do.
            CommitState::Success | CommitState::Neutral => "success",
            CommitState::Failure | CommitState::Error => "failed",
        };
        let url = format!("{}/statuses/{head}", self.base);
        post_status(url, "name", state, status, DESCRIPTION)
    }

    fn pulls_of(&self, _owner: &str, _branch: &str) -> Option<HttpRequest> {
        None
    }

    fn pull_at(&self, _answer: &Value, _head: &str) -> Option<u64> {
        None
    }
}
