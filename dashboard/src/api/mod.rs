//! The API beyond what pages give as JSON: handing in reports, triage, tokens, its own document.

use crate::route::{MAX_BODY, MAX_WIRE};
use std::io::Read;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, RawForm, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use collector::error::Error;
use collector::store::Accept;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Actor;
use crate::counters::Counters;
use crate::error::Fail;
use crate::route::Route;
use crate::text;

/// Stores a report: `uptick.report/1` as one document, or lines of `uptick.export/1` with its
/// profiles; plain, gzip or zstd.
pub(crate) async fn hand_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fail> {
    if body.len() > MAX_WIRE {
        return Err(Fail::TooLarge(
            "A report may take 10 MiB on the wire; packed with zstd it takes a fifteenth.".into(),
        ));
    }
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("")
        .to_string();
    let done = app
        .write(move |store| {
            let body = unpack(&body, &encoding)?;
            // Parsed once, into entries; whoever hands in reports decides nothing.
            let done = if is_export(&body) {
                store.import(&mut body.as_slice(), Accept::Reports)
            } else {
                store.import_report(&body)
            };
            let done = done.map_err(refused)?;
            if done.reports == 0 {
                return Err(Fail::Unreadable(NO_REPORT.into()));
            }
            Ok(done)
        })
        .await?;
    Counters::add(&app.counters.reports);
    app.unsearched.notify_one();
    let status = if done.new > 0 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let document = json!({
        "schema": "uptick.received/1",
        "reports": done.reports,
        "new": done.new,
        "hash": done.hash,
    });
    Ok((status, axum::Json(document)).into_response())
}

/// The plain body, never more than is taken however small it was packed.
pub(crate) fn unpack(body: &[u8], encoding: &str) -> Result<Vec<u8>, Fail> {
    let limit = MAX_BODY as u64 + 1;
    let mut out = Vec::new();
    let read = match encoding {
        "" | "identity" => {
            out.extend_from_slice(body);
            Ok(0)
        }
        "gzip" => flate2::read::GzDecoder::new(body)
            .take(limit)
            .read_to_end(&mut out),
        "zstd" => zstd::stream::read::Decoder::new(body).and_then(|mut d| {
            // A frame may not ask for a window of more than 8 MiB.
            d.window_log_max(23)?;
            d.take(limit).read_to_end(&mut out)
        }),
        _ => return Err(Fail::Bad("Content-Encoding must be gzip or zstd.".into())),
    };
    read.map_err(|e| Fail::Bad(format!("The body cannot be unpacked: {e}.")))?;
    if out.len() > MAX_BODY {
        return Err(Fail::TooLarge("A report may take 64 MiB unpacked.".into()));
    }
    Ok(out)
}

/// What a body without a report is told.
const NO_REPORT: &str =
    "The body is neither a report (uptick.report/1) nor lines of uptick.export/1 with one.";

/// Whether a body is lines of an export rather than one report.
fn is_export(body: &[u8]) -> bool {
    let text = body.trim_ascii_start();
    let begins = |with: &str| text.starts_with(with.as_bytes());
    begins("{\"report\"") || begins("{\"schema\":\"uptick.export/") || {
        let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
        // Any other line of an export, such as a profile, stands before further ones.
        first.len() < text.len()
            && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok()
            && !begins("{}")
    }
}

/// What is wrong with a body is said with its field and its line.
fn refused(e: Error) -> Fail {
    match e {
        Error::Usage(what) => Fail::Unreadable(what),
        e => e.into(),
    }
}

/// Applies a decision; a form as on the pages.
pub(crate) async fn triage(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let what = crate::pages::triage::parse(&form)?;
    let batch = app
        .write(move |store| Ok(store.decide(&what, &actor.0, text::now())?))
        .await?;
    Ok(axum::Json(json!({ "schema": "uptick.decided/1", "batch": batch })).into_response())
}

/// Every token, without the tokens.
pub(crate) async fn tokens(State(app): State<Arc<App>>) -> Result<Response, Fail> {
    let all = app.read(|store, _| Ok(store.tokens()?)).await?;
    Ok(axum::Json(json!({ "schema": "uptick.tokens/1", "tokens": all })).into_response())
}

/// A route's method and path, and what it is for.
pub(crate) type Summary = (&'static str, &'static str, &'static str);

/// What each route of the API is for; a test holds it against the routes.
pub(crate) const SUMMARIES: [Summary; 12] = [
    ("GET", "/api/v1/reports", "The newest reports"),
    (
        "GET",
        "/api/v1/reports/{hash}",
        "One report, by the SHA-256 of its content",
    ),
    (
        "GET",
        "/api/v1/series",
        "Series with latest value, noise and limit; query: metric, q, order, page",
    ),
    (
        "GET",
        "/api/v1/series/{id}",
        "The points and changes of a series; query: from, to (positions)",
    ),
    (
        "GET",
        "/api/v1/changes",
        "Open changes, grouped by commit set",
    ),
    (
        "GET",
        "/api/v1/compare/{range}",
        "The judgement of `base..head`: uptick.check/1, as the command gives",
    ),
    (
        "GET",
        "/api/v1/profiles/{id}/{range}",
        "Functions that differ between `base..head`",
    ),
    (
        "GET",
        "/api/v1/commits",
        "Measured commits, newest first; query: before (position)",
    ),
    (
        "GET",
        "/api/v1/commits/{sha}",
        "A commit, its reports, its judgement against the commit measured before",
    ),
    ("GET", "/api/v1/tokens", "Tokens, without the tokens"),
    (
        "POST",
        "/api/v1/reports",
        "Hand in a report: uptick.report/1, or lines of uptick.export/1; plain, gzip or zstd",
    ),
    (
        "POST",
        "/api/v1/triage",
        "Decide about changes; form: event (repeated), state, note, link",
    ),
];

/// The OpenAPI document, made from the routes.
pub(crate) fn document(routes: &[Route], summaries: &[Summary]) -> Value {
    let mut paths = serde_json::Map::new();
    for route in routes.iter().filter(|r| r.path.starts_with("/api/")) {
        let summary = summaries
            .iter()
            .find(|(m, p, _)| *m == route.method && *p == route.path);
        let parameters: Vec<Value> = route
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let ok = if route.method == "POST" { "201" } else { "200" };
        let security = route
            .scope
            .map_or_else(|| json!([]), |s| json!([{ "token": [s.name()] }]));
        let operation = json!({
            "summary": summary.map_or("This document", |s| s.2),
            "parameters": parameters,
            "security": security,
            "responses": {
                ok: { "description": "done", "content": { "application/json": {} } },
                "default": { "description": "uptick.error/1", "content": { "application/json": {} } },
            },
        });
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        entry[route.method.to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "uptick", "version": "1" },
        "paths": paths,
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_refused_while_they_unpack() {
        let zeros = vec![b' '; MAX_BODY + 4096];
        let packed = zstd::bulk::compress(&zeros, 19).unwrap();
        assert!(packed.len() < 100_000);
        assert!(matches!(
            unpack(&packed, "zstd"),
            Err(Fail::TooLarge(_) | Fail::Bad(_))
        ));
        assert!(matches!(unpack(b"x", "br"), Err(Fail::Bad(_))));
        assert!(matches!(unpack(b"x", "gzip"), Err(Fail::Bad(_))));
    }
}
