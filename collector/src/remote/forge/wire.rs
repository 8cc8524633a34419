//! Requests, answers, and what carries them.

use std::time::Duration;

use serde_json::Value;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
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
pub struct HttpRequest {
    /// What it does.
    pub method: HttpMethod,
    /// The whole address.
    pub url: String,
    /// A JSON body.
    pub body: Option<Value>,
}

impl HttpRequest {
    pub(in crate::remote) fn get(url: String) -> Self {
        Self {
            method: HttpMethod::Get,
            url,
            body: None,
        }
    }

    pub(super) fn with(method: HttpMethod, url: String, body: Value) -> Self {
        Self {
            method,
            url,
            body: Some(body),
        }
    }

    pub(super) fn delete(url: String) -> Self {
        Self {
            method: HttpMethod::Delete,
            url,
            body: None,
        }
    }
}

/// A header that every request carries; its value may be a secret and is never shown.
#[derive(Clone)]
pub struct HttpHeader {
    /// Its name.
    pub name: &'static str,
    value: String,
}

impl HttpHeader {
    pub(in crate::remote) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
        }
    }

    /// What it says, for the wire alone.
    pub(in crate::remote) fn value(&self) -> &str {
        &self.value
    }
}

impl std::fmt::Debug for HttpHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
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

impl HttpResponse {
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
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, Unreachable>;
    /// Waits.
    fn pause(&self, time: Duration);
    /// A number from 0 to 1.
    fn random(&self) -> f64;
}
