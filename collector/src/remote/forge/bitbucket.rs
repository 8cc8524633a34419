//! Bitbucket Cloud: comments of a pull request, build statuses, and Code Insights beside the
//! diff.

use serde_json::{Value, json};

use super::interface::{Api, Comment, CommitState, CommitStatus, path, segment, short};
use super::place::CiRun;
use super::wire::{HttpHeader, HttpMethod, HttpRequest};
use crate::report::comment::{Hidden, Style};

/// Bitbucket refuses comments beyond 32,768 characters.
const LIMIT: usize = 32_000;
/// The longest message of an annotation is 450 characters.
const MESSAGE: usize = 450;
/// The longest key of a build status is 40 characters.
const KEY: usize = 40;
/// At most 100 annotations go in one request.
const ANNOTATIONS: usize = 100;

pub(super) struct Bitbucket {
    place: CiRun,
    base: String,
}

impl Bitbucket {
    pub(super) fn at(place: &CiRun) -> Self {
        Self {
            base: format!("{}/repositories/{}", place.api, path(&place.repository)),
            place: place.clone(),
        }
    }

    /// The commit's page, for a status that has no better link: Bitbucket takes none without.
    fn page(&self, head: &str) -> String {
        let host = self.place.api.replacen("://api.", "://", 1);
        let host = host.trim_end_matches("/2.0");
        format!("{host}/{}/commits/{head}", path(&self.place.repository))
    }

    fn of(&self, pull: u64) -> String {
        format!("{}/pullrequests/{pull}/comments", self.base)
    }

    /// The report that stands beside the diff, and its annotations.
    fn insights(&self, head: &str, status: &CommitStatus) -> Vec<HttpRequest> {
        let id = segment(&status.context.replace(['/', ' '], "-"));
        let report = format!("{}/commit/{head}/reports/{id}", self.base);
        let result = match status.state {
            CommitState::Success | CommitState::Neutral => "PASSED",
            CommitState::Failure | CommitState::Error => "FAILED",
        };
        let mut document = json!({
            "title": status.context,
            "details": short(&status.description, 2000),
            "report_type": "TEST",
            "reporter": "uptick",
            "result": result,
        });
        if let Some(link) = &status.link {
            document["link"] = json!(link);
        }
        let mut requests = vec![HttpRequest::with(HttpMethod::Put, report.clone(), document)];
        let notes: Vec<Value> = status
            .findings
            .iter()
            .take(ANNOTATIONS)
            .map(|f| {
                json!({
                    "external_id": f.id,
                    "annotation_type": "CODE_SMELL",
                    "severity": "HIGH",
                    "summary": short(&f.message, MESSAGE),
                    "path": f.place.0,
                    "line": f.place.1,
                })
            })
            .collect();
        if !notes.is_empty() {
            let url = format!("{report}/annotations");
            requests.push(HttpRequest::with(HttpMethod::Post, url, Value::from(notes)));
        }
        requests
    }
}

impl Api for Bitbucket {
    fn headers(&self) -> Vec<HttpHeader> {
        self.place.bearer()
    }

    fn style(&self) -> Style {
        Style {
            hidden: Hidden::Definition,
            folds: false,
            limit: LIMIT,
        }
    }

    fn whoami(&self) -> Vec<HttpRequest> {
        vec![HttpRequest::get(format!("{}/user", self.place.api))]
    }

    fn me(&self, answer: &Value) -> Option<String> {
        answer.get("uuid")?.as_str().map(str::to_string)
    }

    fn otherwise(&self) -> &'static [&'static str] {
        &[]
    }

    fn list(&self, pull: u64, page: u32) -> HttpRequest {
        HttpRequest::get(format!("{}?pagelen=100&page={page}", self.of(pull)))
    }

    fn comments(&self, answer: &Value) -> Vec<Comment> {
        let read = |c: &Value| {
            let gone = c.get("deleted").and_then(Value::as_bool) == Some(true);
            if gone {
                return None;
            }
            Some(Comment {
                id: c.get("id")?.as_u64()?,
                author: c.pointer("/user/uuid")?.as_str()?.to_string(),
                body: c.pointer("/content/raw")?.as_str()?.to_string(),
                link: c
                    .pointer("/links/html/href")
                    .and_then(Value::as_str)
                    .map(str::to_string),
            })
        };
        match answer.get("values").and_then(Value::as_array) {
            Some(all) => all.iter().filter_map(read).collect(),
            None => read(answer).into_iter().collect(),
        }
    }

    fn create(&self, pull: u64, body: &str) -> HttpRequest {
        HttpRequest::with(
            HttpMethod::Post,
            self.of(pull),
            json!({ "content": { "raw": body } }),
        )
    }

    fn edit(&self, pull: u64, id: u64, body: &str) -> HttpRequest {
        let url = format!("{}/{id}", self.of(pull));
        HttpRequest::with(HttpMethod::Put, url, json!({ "content": { "raw": body } }))
    }

    fn delete(&self, pull: u64, id: u64) -> HttpRequest {
        HttpRequest::delete(format!("{}/{id}", self.of(pull)))
    }

    fn status(&self, _pull: Option<u64>, head: &str, status: &CommitStatus) -> Vec<HttpRequest> {
        let state = match status.state {
            CommitState::Success | CommitState::Neutral => "SUCCESSFUL",
            CommitState::Failure | CommitState::Error => "FAILED",
        };
        let body = json!({
            "key": short(&status.context, KEY),
            "name": status.context,
            "state": state,
            "description": short(&status.description, 255),
            "url": status.link.clone().unwrap_or_else(|| self.page(head)),
        });
        let url = format!("{}/commit/{head}/statuses/build", self.base);
        let mut requests = vec![HttpRequest::with(HttpMethod::Post, url, body)];
        requests.extend(self.insights(head, status));
        requests
    }

    fn pulls_of(&self, _owner: &str, _branch: &str) -> Option<HttpRequest> {
        None
    }

    fn pull_at(&self, _answer: &Value, _head: &str) -> Option<u64> {
        None
    }

    fn continues(&self, answer: &Value) -> bool {
        answer.get("next").is_some_and(Value::is_string)
    }
}
