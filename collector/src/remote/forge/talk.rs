//! One question to a forge: asked again when it is busy, its refusal in words that say what to
//! do.

use std::cell::Cell;
use std::time::Duration;

use super::interface::Api;
use super::wire::{HttpMethod, HttpRequest, HttpResponse, Wire};
use crate::error::{Error, Result};
use crate::report::comment::Style;

/// How long one run may wait for a busy forge in all: GitHub's secondary limits ask for a minute.
const PATIENCE: Duration = Duration::from_secs(150);
const TRIES: u32 = 6;
/// 5,000 comments: GitHub allows 2,500 on a pull request.
const PAGES: u32 = 50;

/// A conversation with a forge.
pub(super) struct Talk<'a> {
    pub(super) api: &'a dyn Api,
    pub(super) wire: &'a dyn Wire,
    /// The forge's name and host, for messages.
    name: String,
    secret: Option<String>,
    /// The first pause where a busy forge does not say how long; each is twice the last.
    pause: Duration,
    waited: Cell<Duration>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        api: &'a dyn Api,
        wire: &'a dyn Wire,
        name: String,
        secret: Option<&str>,
        pause: Duration,
    ) -> Self {
        Self {
            api,
            wire,
            name,
            secret: secret.map(str::to_string),
            pause,
            waited: Cell::new(Duration::ZERO),
        }
    }

    pub(super) fn style(&self) -> Style {
        self.api.style()
    }

    /// The answer to a request, when it is not a refusal.
    pub(super) fn ask(&self, request: &HttpRequest, what: &str) -> Result<HttpResponse> {
        let answer = self.answer(request, what)?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        Err(self.refused(&answer, what))
    }

    /// The answer, whatever it is; a busy forge is waited for.
    pub(super) fn answer(&self, request: &HttpRequest, what: &str) -> Result<HttpResponse> {
        let mut pause = self.pause;
        for _ in 1..TRIES {
            match self.wire.send(request) {
                Ok(answer) => match busy(&answer, request.method, pause) {
                    Some(wait) if self.may_wait(wait) => self.wire.pause(wait),
                    _ => return Ok(answer),
                },
                // A write that got no answer may have been done: the caller looks again.
                Err(_) if request.method == HttpMethod::Get && self.may_wait(pause) => {
                    self.wire.pause(pause);
                }
                Err(e) => return Err(self.unreachable(&e.0, what)),
            }
            pause *= 2;
        }
        let last = self.wire.send(request);
        last.map_err(|e| self.unreachable(&e.0, what))
    }

    fn may_wait(&self, time: Duration) -> bool {
        let all = self.waited.get() + time;
        let may = all <= PATIENCE;
        if may {
            self.waited.set(all);
        }
        may
    }

    fn unreachable(&self, why: &str, what: &str) -> Error {
        Error::Remote(format!("{}: {what}: {why}", self.name))
    }

    pub(super) fn refused(&self, answer: &HttpResponse, what: &str) -> Error {
        let said = self.said(answer);
        let advice = match answer.status {
            401 => "the token is not valid (expired, or another forge's)",
            403 if is_limit(answer) => "too many requests; try again later",
            403 if answer.exhausted => "the allowance of requests is used up; try again later",
            403 => {
                "the token may not do that: a run for a fork has a read-only one and leaves it to \
                 a second workflow (`uptick help ci`), others need `pull-requests: write` and \
                 `statuses: write`"
            }
            404 => "it is not there, or the token may not see it",
            429 => "too many requests; try again later",
            301 | 302 | 307 | 308 => "the repository has moved; redirects are not followed",
            _ => "",
        };
        let advice = if advice.is_empty() {
            String::new()
        } else {
            format!(": {advice}")
        };
        Error::Remote(format!(
            "{}: {what}: {}{said}{advice}",
            self.name, answer.status
        ))
    }

    /// What the forge says, in a few words, without the secret should it repeat it.
    fn said(&self, answer: &HttpResponse) -> String {
        let json = answer.json();
        let of = |key: &str| json.get(key).and_then(serde_json::Value::as_str);
        let Some(text) = of("message").or_else(|| of("error")) else {
            return String::new();
        };
        let text = match &self.secret {
            Some(secret) => text.replace(secret.as_str(), "…"),
            None => text.to_string(),
        };
        format!(" “{}”", super::interface::short(&text, 120))
    }

    /// Every comment of a pull request.
    pub(super) fn comments(&self, pull: u64) -> Result<Vec<super::interface::Comment>> {
        let mut all: Vec<super::interface::Comment> = Vec::new();
        for page in 1..=PAGES {
            let answer = self.ask(&self.api.list(pull, page), "reading the comments")?;
            let json = answer.json();
            let more = answer.more || self.api.continues(&json);
            let fresh: Vec<super::interface::Comment> = self
                .api
                .comments(&json)
                .into_iter()
                .filter(|c| all.iter().all(|a| a.id != c.id))
                .collect();
            // A forge that ignores the page would answer the same for ever.
            let ended = !more || fresh.is_empty();
            all.extend(fresh);
            if ended {
                break;
            }
        }
        Ok(all)
    }
}

/// What GitHub asks to be waited where it names a limit and no time.
const LIMITED: Duration = Duration::from_secs(60);

/// Whether a refusal is about how much was asked, and not about who asks.
fn is_limit(answer: &HttpResponse) -> bool {
    let json = answer.json();
    let message = json.get("message").and_then(serde_json::Value::as_str);
    let is = |m: &str| m.to_ascii_lowercase().contains("rate limit");
    !answer.exhausted && message.is_some_and(is)
}

/// How long to wait before the request is sent again, where that makes sense.
fn busy(answer: &HttpResponse, method: HttpMethod, pause: Duration) -> Option<Duration> {
    let asked = answer.retry_after.map(Duration::from_secs);
    match answer.status {
        429 => Some(asked.unwrap_or(pause)),
        // GitHub says 403 for its limits too, and mostly when to come back.
        403 if asked.is_none() && is_limit(answer) => Some(LIMITED),
        403 => asked,
        500 | 502 | 503 | 504 if method == HttpMethod::Get => Some(asked.unwrap_or(pause)),
        503 => asked,
        _ => None,
    }
}
