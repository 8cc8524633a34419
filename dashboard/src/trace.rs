//! One line of the log for each request.
//!
//! A line has the request's number, its method, the route's template, the status and the time it
//! took: never an address as it was asked for, a header, a body, or who asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use axum::response::Response;

/// The header that carries the number to whoever asked, so that a page can be found in the log.
const NUMBER: HeaderName = HeaderName::from_static("x-request-id");

/// What an address that no route takes is called: it is the sender's text, and not repeated.
const NO_ROUTE: &str = "-";

/// A request under way.
pub(crate) struct Traced {
    id: u64,
    method: Method,
    matched: Option<MatchedPath>,
    began: Instant,
}

impl Traced {
    /// Gives a request a number of this server's own, whatever number it brought.
    pub(crate) fn new(request: &Request<Body>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            id: 1 + LAST.fetch_add(1, Ordering::Relaxed),
            method: request.method().clone(),
            matched: request.extensions().get::<MatchedPath>().cloned(),
            began: Instant::now(),
        }
    }

    /// Says how it was answered.
    pub(crate) fn answered(self, response: &mut Response) {
        let Self { id, method, .. } = self;
        let route = self.matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        let status = response.status();
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        // 503 is said of a busy server too: whoever watches wants to know.
        if status.is_server_error() {
            tracing::error!(id, %method, route, status = status.as_u16(), micros, "request");
        } else if status == StatusCode::TOO_MANY_REQUESTS {
            tracing::warn!(id, %method, route, status = status.as_u16(), micros, "request");
        } else {
            tracing::info!(id, %method, route, status = status.as_u16(), micros, "request");
        }
        response.headers_mut().insert(NUMBER, HeaderValue::from(id));
    }
}
