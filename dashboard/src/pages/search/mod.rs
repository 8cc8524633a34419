//! Search: whatever has a name, by any part of it.

mod html;
mod load;
mod places;

use collector::store::{SeriesState, Store};
use serde_json::json;

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{json_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::query::Format;
use load::{Hits, MOST, load};

pub(super) use html::field;
pub(super) use load::benchmarks;

pub(super) fn page(store: &Store, app: &App, text: &str, f: Format) -> Result<Page, Fail> {
    let found = load(store, app, text, MOST)?;
    match f {
        Format::Html => {
            let title = if text.is_empty() {
                "Search".to_string()
            } else {
                format!("Search: {text}")
            };
            let body = html::page(text, &found);
            Ok(layout::page(app, Nav::None, &title, body))
        }
        Format::Json => json_page(&document(text, &found)),
        f => Err(no_such_form(f)),
    }
}

fn document(text: &str, found: &Hits) -> serde_json::Value {
    json!({
        "schema": "uptick.search/1",
        "text": text,
        "nearest": found.nearest,
        "pages": found.pages,
        "benchmarks": found.benchmarks,
        "metrics": found.metrics,
        "people": found.people,
        "commits": found.commits,
        "tags": found.tags,
        "testbeds": found.testbeds,
        "functions": found.functions,
        "projects": found.projects,
    })
}

/// The address of the one thing that a text can mean: a benchmark of just this name, or all that
/// was found.
pub(super) fn only_one(store: &Store, app: &App, text: &str) -> Result<Option<String>, Fail> {
    let found = load(store, app, text, 2)?;
    if found.nearest.is_some() {
        return Ok(None);
    }
    let exact = found.benchmarks.iter().find(|b| *b == text);
    let only = found.benchmarks.first().filter(|_| found.total() == 1);
    match exact.or(only) {
        Some(benchmark) => series_of(store, benchmark, None),
        None => Ok(found.only()),
    }
}

/// The address of the series of a benchmark: the judged one first.
pub(super) fn series_of(
    store: &Store,
    benchmark: &str,
    metric: Option<&str>,
) -> Result<Option<String>, Fail> {
    let all = store.series_of(benchmark)?;
    let judged = |s: &&SeriesState| s.row.key.metric.is_judged();
    let wanted = |s: &&SeriesState| metric.is_none_or(|m| s.row.key.metric.name() == m);
    let found = all
        .iter()
        .filter(wanted)
        .find(judged)
        .or_else(|| all.iter().find(wanted));
    Ok(found.map(|s| format!("/series/{}", s.row.key.id())))
}
