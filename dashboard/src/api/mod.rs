//! The API beyond what pages give as JSON: handing in reports, triage, tokens, its own document.

pub(crate) mod receive;
mod schema;

use std::sync::Arc;

use axum::extract::{Extension, RawForm, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::api::schema::Schemas;
use crate::app::App;
use crate::auth::Actor;
use crate::error::Fail;
use crate::route::Route;

/// Applies a decision; a form as on the pages.
pub(crate) async fn triage(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    RawForm(form): RawForm,
) -> Result<Response, Fail> {
    let what = crate::pages::triage::parse(&form)?;
    let batch = app
        .write(move |store| crate::pages::triage::apply(store, what, &actor.0))
        .await?;
    Ok(axum::Json(json!({ "schema": "uptick.decided/1", "batch": batch })).into_response())
}

/// Every token that opens something here, without the tokens.
pub(crate) async fn tokens(State(app): State<Arc<App>>) -> Result<Response, Fail> {
    let all = app.keeper().read(|store, _| Ok(store.tokens()?)).await?;
    Ok(axum::Json(json!({ "schema": "uptick.tokens/1", "tokens": all })).into_response())
}

/// A route's method and path, and what it is for.
pub(crate) type Summary = (&'static str, &'static str, &'static str);

/// What each route of the API is for; a test holds it against the routes.
pub(crate) const SUMMARIES: [Summary; 16] = [
    ("GET", "/api/v1/reports", "The newest reports"),
    (
        "GET",
        "/api/v1/reports/{hash}",
        "One report, by the SHA-256 of its content",
    ),
    (
        "GET",
        "/api/v1/series",
        "Series with latest value, noise and limit; query: metric, q, state, order, turned (`yes`), page",
    ),
    (
        "GET",
        "/api/v1/series/{id}",
        "The points and changes of a series; query: from, to (positions), with (other series, up to 5)",
    ),
    (
        "GET",
        "/api/v1/changes",
        "Open changes, grouped by commit set; query: owner (a name, `mine` or `nobody`)",
    ),
    (
        "GET",
        "/api/v1/changes/all",
        "Every change that was ever reported, the newest commit first; query: state, direction \
         (regressed, improved), metric, owner, q, page",
    ),
    (
        "GET",
        "/api/v1/compare/{range}",
        "The judgement of `base..head`: uptick.check/1, as the command gives; query: tag, against (two \
         variants of one commit, as `gc=on` and `gc=off`)",
    ),
    (
        "GET",
        "/api/v1/profiles/{id}/{range}",
        "Functions that differ between `base..head`",
    ),
    (
        "GET",
        "/api/v1/commits",
        "Measured commits, newest first; query: from, before (positions)",
    ),
    (
        "GET",
        "/api/v1/commits/{sha}",
        "A commit, its reports, its judgement against the commit measured before",
    ),
    (
        "GET",
        "/api/v1/branch",
        "The measured commits of a branch, each against its merge-base; query: name",
    ),
    (
        "GET",
        "/api/v1/channels",
        "Channels without their addresses, and the newest messages to them",
    ),
    ("GET", "/api/v1/tokens", "Tokens, without the tokens"),
    (
        "POST",
        "/api/v1/reports",
        "Hand in a report: uptick.report/1, or lines of uptick.export/1; plain, gzip or zstd; header \
         Idempotency-Key: the same key with another body is 409",
    ),
    (
        "POST",
        "/api/v1/drifts",
        "Open the drift of a series as a change, or get the one that is open; form: series (its id)",
    ),
    (
        "POST",
        "/api/v1/triage",
        "Decide about changes; form: event (repeated; `ID:N` says that N is the last decision about it \
         that was seen), state, note, link, assignee (`nobody`: none), fixed (a commit), due (a day; \
         `never`: none), snooze (a day, or a number of commits; `never`: none), group (merge, split)",
    ),
];

/// The OpenAPI document, made from the routes.
///
/// # Errors
/// [`Fail::Internal`] when the schemas that are built in cannot be read.
pub(crate) fn document(routes: &[Route], summaries: &[Summary]) -> Result<Value, Fail> {
    let schemas = Schemas::read().map_err(|_| Fail::Internal)?;
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
        let security = route
            .scope
            .map_or_else(|| json!([]), |s| json!([{ "token": [s.name()] }]));
        let mut operation = json!({
            "summary": summary.map_or("This document", |s| s.2),
            "parameters": parameters,
            "security": security,
            "responses": schemas.answers(route.method, route.path),
        });
        if let Some(body) = schemas.body(route.method, route.path) {
            operation["requestBody"] = body;
        }
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        entry[route.method.to_lowercase()] = operation;
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": { "title": "uptick", "version": "1" },
        "paths": paths,
        "components": schemas.components(),
    }))
}
