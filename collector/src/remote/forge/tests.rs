//! Bitbucket and Azure, whose requests look like nobody else's: a comment made, read again,
//! edited and removed. (The others have a forge of their own in `ci/tests/forge`.)
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};

use super::publish::{How, Posted, Publisher, WhenWell};
use super::{
    CiRun, CommitState, CommitStatus, Forge, HttpMethod, HttpRequest, HttpResponse, PullRequest,
    Secret, Unreachable,
};
use super::{Wire, api};
use crate::report::comment::{LegOutcome, LegSection, LegState as Said, Voice};

/// One pull request in memory.
struct Memory {
    kind: Forge,
    notes: RefCell<Vec<(u64, String)>>,
    sent: RefCell<Vec<(HttpMethod, String, Option<Value>)>>,
}

impl Memory {
    fn note(&self, id: u64, body: &str) -> Value {
        match self.kind {
            Forge::Azure => {
                json!({"id": id, "comments": [{"author": {"id": "me"}, "content": body}]})
            }
            _ => json!({"id": id, "user": {"uuid": "me"}, "content": {"raw": body}}),
        }
    }

    fn all(&self) -> Value {
        let notes = self.notes.borrow();
        let all: Vec<Value> = notes.iter().map(|(id, b)| self.note(*id, b)).collect();
        json!({ "values": all, "value": all })
    }

    fn body(request: &HttpRequest) -> String {
        let body = request.body.clone().unwrap_or_default();
        let places = ["/content/raw", "/comments/0/content", "/content"];
        let text = places.iter().find_map(|p| body.pointer(p)?.as_str());
        text.unwrap_or("").to_string()
    }
}

impl Wire for Memory {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, Unreachable> {
        let asked = (request.method, request.url.clone(), request.body.clone());
        self.sent.borrow_mut().push(asked);
        let url = request.url.as_str();
        let who = url.ends_with("/user") || url.ends_with("/connectionData");
        let answer = match request.method {
            HttpMethod::Get if who => json!({"uuid": "me", "authenticatedUser": {"id": "me"}}),
            HttpMethod::Get => self.all(),
            HttpMethod::Post if url.contains("omments") || url.contains("threads") => {
                self.notes.borrow_mut().push((7, Self::body(request)));
                self.note(7, "")
            }
            HttpMethod::Put | HttpMethod::Patch if url.contains("/7") => {
                self.notes.borrow_mut()[0].1 = Self::body(request);
                Value::Null
            }
            HttpMethod::Delete => {
                self.notes.borrow_mut().clear();
                Value::Null
            }
            _ => Value::Null,
        };
        Ok(HttpResponse {
            status: 200,
            body: answer.to_string().into_bytes(),
            ..HttpResponse::default()
        })
    }

    fn pause(&self, _time: Duration) {}

    fn random(&self) -> f64 {
        0.5
    }
}

fn place(kind: Forge) -> CiRun {
    CiRun {
        kind,
        api: "https://forge.example".into(),
        graphql: None,
        repository: "w/r".into(),
        pull: PullRequest::Number(5),
        head: "a".repeat(40),
        token: Secret::new("s3cret"),
        author: None,
        link: Some("https://ci.example/1".into()),
        pictures: None,
        run: 1,
        attempt: 1,
        ci: "",
    }
}

fn section(run: u64, standing: LegOutcome) -> LegSection {
    LegSection {
        state: Said {
            id: "x".into(),
            name: "x".into(),
            head: "a".repeat(40),
            run,
            attempt: 1,
            ci: String::new(),
            disputed: false,
            standing,
            regressed: 1,
            accepted: 0,
            improved: 0,
            maybe_worse: 0,
            failed: 0,
            judged: 1,
            worst: None,
            text: run.to_string(),
        },
        text: format!("said in {run}"),
    }
}

#[test]
fn a_comment_is_made_edited_and_removed() {
    for kind in [Forge::Bitbucket, Forge::Azure] {
        let place = place(kind);
        let wire = Memory {
            kind,
            notes: RefCell::default(),
            sent: RefCell::default(),
        };
        let api = api(&place);
        let publisher = Publisher::new(&place, api.as_ref(), &wire, Duration::ZERO);
        let say = |run, standing, well| {
            let voice = Voice::OneOfMany;
            let how = How { well, voice };
            let heard = publisher.comment(5, "p", &[section(run, standing)], how);
            heard.unwrap().posted
        };
        let first = say(1, LegOutcome::Regressed, WhenWell::Shorten);
        assert_eq!(first, Posted::Created(None), "{kind:?}");
        assert_eq!(
            say(1, LegOutcome::Regressed, WhenWell::Shorten),
            Posted::Unchanged
        );
        assert_eq!(
            say(2, LegOutcome::Regressed, WhenWell::Shorten),
            Posted::Edited(None)
        );
        let body = wire.notes.borrow()[0].1.clone();
        assert!(body.contains("said in 2"), "{body}");
        // Bitbucket shows HTML as text.
        assert_eq!(body.contains('<'), kind == Forge::Azure, "{body}");
        assert_eq!(say(3, LegOutcome::Ok, WhenWell::Remove), Posted::Removed);
        assert!(wire.notes.borrow().is_empty());
        let secret = wire
            .sent
            .borrow()
            .iter()
            .any(|(_, url, _)| url.contains("s3cret"));
        assert!(!secret);
    }
}

#[test]
fn a_status_without_a_verdict_is_neutral_in_each_forge_s_words() {
    let status = CommitStatus {
        context: "uptick".into(),
        state: CommitState::Neutral,
        description: "no verdict: nothing could be compared".into(),
        link: None,
        findings: Vec::new(),
    };
    let words = [
        (Forge::GitHub, "success"),
        (Forge::Gitea, "warning"),
        (Forge::GitLab, "success"),
        (Forge::Bitbucket, "SUCCESSFUL"),
        (Forge::Azure, "notApplicable"),
    ];
    for (kind, word) in words {
        let requests = api(&place(kind)).status(Some(5), "b", &status);
        let body = requests[0].body.clone().unwrap();
        assert_eq!(body["state"], word, "{kind:?}");
        assert!(
            body["description"]
                .as_str()
                .unwrap()
                .starts_with("no verdict")
        );
    }
    // Bitbucket has a report beside the diff as well.
    let bitbucket = api(&place(Forge::Bitbucket)).status(None, "b", &status);
    assert!(bitbucket[1].url.ends_with("/commit/b/reports/uptick"));
}
