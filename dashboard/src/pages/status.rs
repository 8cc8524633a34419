//! Whether all is well, for machines; and the page for when it is not.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::json;

use crate::app::{App, Role};
use crate::base;
use crate::error::Fail;
use crate::mover::{self, Going};
use crate::pages::{layout, search, triage};
use crate::query::{decode, encode};
use crate::reader::Reader;
use crate::text;

/// About this node: 200 while it can read its store, 503 with the reason while it cannot.
pub(crate) async fn healthz(State(app): State<Arc<App>>) -> Response {
    verdict(app.trouble())
}

/// Whether what is sent would be kept: 200 while the store can be read and the last write
/// succeeded and the disk has room, 503 with the reason otherwise.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    verdict(unready(&app))
}

/// Why a node should be asked nothing now: what is sent would not be kept, or its pages lack what
/// others have.
pub(crate) fn unready(app: &App) -> Option<String> {
    app.unready().or_else(|| Some(app.behind()?.words()))
}

pub(crate) fn verdict(trouble: Option<String>) -> Response {
    let Some(words) = trouble else {
        return "ok\n".into_response();
    };
    let again = [(header::RETRY_AFTER, HeaderValue::from_static("2"))];
    (StatusCode::SERVICE_UNAVAILABLE, again, format!("{words}\n")).into_response()
}

/// Prometheus text.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Fail> {
    let (reports, points, outbox) = app
        .read(|store, _| {
            let (reports, points) = store.counts()?;
            Ok((reports, points, store.outbox_counts()?))
        })
        .await?;
    let objects = mover::going(&app).await?;
    let waits = outbox.oldest.map_or(0, |t| crate::text::now() - t);
    let c = &app.counters;
    let read = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
    let at = app.now_at();
    let lines = [
        (
            "requests_total",
            "counter",
            "Requests answered.",
            read(&c.requests),
        ),
        (
            "errors_total",
            "counter",
            "Answers that were an error.",
            read(&c.errors),
        ),
        (
            "refused_total",
            "counter",
            "Requests without a sufficient token.",
            read(&c.refused),
        ),
        (
            "cache_hits_total",
            "counter",
            "Pages given from the cache.",
            read(&c.hits),
        ),
        (
            "pages_made_total",
            "counter",
            "Pages made.",
            read(&c.builds),
        ),
        (
            "not_modified_total",
            "counter",
            "Answers that the page is known already.",
            read(&c.not_modified),
        ),
        (
            "reports_received_total",
            "counter",
            "Reports handed in over HTTP.",
            read(&c.reports),
        ),
        (
            "listeners_total",
            "counter",
            "Browsers that began to listen for news.",
            read(&c.listeners),
        ),
        ("store_reports", "gauge", "Reports in the store.", reports),
        ("store_points", "gauge", "Points in the store.", points),
        (
            "messages_sent_total",
            "counter",
            "Tries to send a message to a channel.",
            read(&c.sent),
        ),
        (
            "outbox_waiting",
            "gauge",
            "Messages that wait to be sent.",
            outbox.waiting,
        ),
        (
            "outbox_oldest_seconds",
            "gauge",
            "How long the oldest of them waits.",
            waits.max(0).cast_unsigned(),
        ),
        (
            "outbox_failed",
            "gauge",
            "Messages that were given up, of those that are kept.",
            outbox.failed,
        ),
        (
            "channels_disabled",
            "gauge",
            "Channels that were disabled.",
            outbox.disabled,
        ),
        (
            "store_facts_generation",
            "counter",
            "Changes of facts in the store.",
            at.data,
        ),
        (
            "store_ok",
            "gauge",
            "1 while the store can be read.",
            u64::from(app.trouble().is_none()),
        ),
        (
            "store_writable",
            "gauge",
            "1 while what is sent would be kept.",
            u64::from(app.unready().is_none()),
        ),
        (
            "store_wal_bytes",
            "gauge",
            "Bytes of the log in front of the store's file.",
            app.ahead(),
        ),
        (
            "uptime_seconds",
            "gauge",
            "Seconds since the start.",
            app.started.elapsed().as_secs(),
        ),
    ];
    let mut out = String::new();
    for (name, kind, help, value) in lines {
        out.push_str(&format!(
            "# HELP uptick_{name} {help}\n# TYPE uptick_{name} {kind}\nuptick_{name} {value}\n"
        ));
    }
    if let Some(going) = objects {
        out.push_str(&of_objects(&going));
    }
    out.push_str(&of_log(&app).await?);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response())
}

/// How far this node follows the log that it shares with others; nothing where it is by itself.
async fn of_log(app: &Arc<App>) -> Result<String, Fail> {
    let Some((log, file)) = &app.options.log else {
        return Ok(String::new());
    };
    let here = app.read(|store, _| Ok(store.reached()?)).await?.version();
    let there = log.heads().borrow().get(file).copied().unwrap_or(here);
    let lines = [
        (
            "reachable",
            "1 while the shared log takes writes.",
            i64::from(log.trouble().is_none()),
        ),
        (
            "version",
            "Writes to the shared log that this node has.",
            here,
        ),
        (
            "behind",
            "Writes to the shared log that this node has heard of and not followed yet.",
            (there - here).max(0),
        ),
    ];
    Ok(lines
        .map(|(name, help, value)| {
            format!(
                "# HELP uptick_log_{name} {help}\n# TYPE uptick_log_{name} gauge\n\
                 uptick_log_{name} {value}\n"
            )
        })
        .concat())
}

/// How moving profiles goes. Why one failed is on their page, and in no label.
fn of_objects(going: &Going) -> String {
    let since = going.last.as_ref().map_or(0, |(time, _)| *time);
    let counts = going.counts;
    let lines = [
        (
            "pending",
            "gauge",
            "Profiles that wait to be moved.",
            counts.pending,
        ),
        (
            "moved",
            "gauge",
            "Profiles outside the store's file.",
            counts.moved,
        ),
        (
            "to_remove",
            "gauge",
            "Pruned profiles that are still to be removed there.",
            counts.left,
        ),
        (
            "failures_total",
            "counter",
            "Tries to move or remove one that failed.",
            going.failures,
        ),
        (
            "last_failure_time_seconds",
            "gauge",
            "When one failed last, since 1970-01-01 UTC; 0 once none does.",
            since.max(0).cast_unsigned(),
        ),
    ];
    lines
        .map(|(name, kind, help, value)| {
            format!(
                "# HELP uptick_profiles_{name} {help}\n# TYPE uptick_profiles_{name} {kind}\n\
                 uptick_profiles_{name} {value}\n"
            )
        })
        .concat()
}

/// No route of that name.
pub(crate) async fn nowhere() -> Fail {
    Fail::NotFound("There is nothing at this address.".into())
}

/// What was asked for when something failed.
pub(crate) struct Asked {
    /// Whether a page is wanted.
    html: bool,
    address: Uri,
    /// The page of ours that a form was sent from.
    from: Option<String>,
    /// Who asks, where that is known.
    reader: Option<Reader>,
}

impl Asked {
    pub(crate) fn new(request: &Request<Body>) -> Self {
        Self {
            html: wants_html(request.uri(), request.headers()),
            address: request.uri().clone(),
            from: match request.method() {
                &Method::POST => triage::came_from(request.headers()),
                _ => None,
            },
            reader: None,
        }
    }

    /// The same, asked by somebody.
    pub(crate) fn by(self, reader: Option<Reader>) -> Self {
        Self { reader, ..self }
    }

    /// What somebody may have looked for: the last part of the path, or the benchmark named.
    fn sought(&self) -> String {
        let query = self.address.query().unwrap_or("");
        let named = query.split('&').find_map(|p| p.strip_prefix("benchmark="));
        let last = self.address.path().rsplit('/').find(|p| !p.is_empty());
        let text = named.or(last).unwrap_or("");
        text::cut_or_empty(&decode(&text.replace('+', " ")), 200)
    }

    /// The way to sign in and back to where this was asked, which others see below `base`.
    fn sign_in(&self, base: &str) -> String {
        let here = self.address.path_and_query().map_or("/", |p| p.as_str());
        format!("/login?to={}", encode(&base::placed(here, base)))
    }
}

/// Whether a page is wanted rather than a document.
fn wants_html(uri: &Uri, headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("*/*");
    let path = uri.path();
    !path.starts_with("/api/")
        && ![".json", ".csv", ".md", ".svg", ".atom"]
            .iter()
            .any(|s| path.ends_with(s))
        && (accept.contains("text/html") || accept.contains("*/*"))
}

/// What stands on the page of a failure.
fn failed(app: &App, fail: &Fail, asked: &Asked) -> Markup {
    let status = fail.status();
    let of_projects = matches!(app.role, Role::Server);
    html! {
        section .empty {
            p .code { (status.as_u16()) }
            h1 { (fail.title()) }
            p { (text::cut(&fail.words(), 1000)) }
            @if status == StatusCode::NOT_FOUND && !of_projects {
                (search::field(&asked.sought()))
            }
            p {
                @if let Some(from) = &asked.from {
                    a href=(from) { "Back to where this was sent from" } " · "
                }
                @if of_projects {
                    a href="/projects" { "Projects" }
                } @else {
                    a href="/" { "Today" } " · " a href="/health" { "Health" }
                }
                @if status == StatusCode::UNAUTHORIZED {
                    " · " a href=(asked.sign_in(app.base())) { "Sign in" }
                }
            }
        }
    }
}

/// A failure in the form that was asked for.
pub(crate) fn error(app: &App, fail: &Fail, asked: &Asked) -> Response {
    let status = fail.status();
    let mut response = if asked.html {
        let body = failed(app, fail, asked);
        let page = layout::passing(app, asked.reader.as_ref(), fail.title(), body);
        let html = [(
            header::CONTENT_TYPE,
            HeaderValue::from_static(crate::pages::answer::HTML),
        )];
        (status, html, page).into_response()
    } else {
        let document = json!({
            "schema": "uptick.error/1",
            "status": status.as_u16(),
            "error": fail.title(),
            "message": fail.words(),
        });
        let kind = [(
            header::CONTENT_TYPE,
            HeaderValue::from_static(crate::pages::answer::JSON),
        )];
        (status, kind, format!("{document}\n")).into_response()
    };
    let h = response.headers_mut();
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = fail.retry_after() {
        h.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        h.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
