//! The pages: each reads what it needs, then writes it in the form that was asked for.

pub(crate) mod assets;
mod badge;
mod commit;
mod commits;
mod compare;
mod feed;
mod functions;
mod health;
mod help;
mod layout;
mod log;
pub(crate) mod login;
mod reports;
mod series;
pub(crate) mod status;
mod today;
pub(crate) mod triage;

use std::sync::Arc;

use collector::store::{MeasuredCommit, SeriesState, Store};

use crate::app::App;
use crate::cache::{Page, Policy};
use crate::error::Fail;
use crate::query::{Format, View, What};

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
const CSV: &str = "text/csv; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";
const SVG: &str = "image/svg+xml";
const ATOM: &str = "application/atom+xml; charset=utf-8";

/// Makes the page.
pub(crate) fn render(store: &Store, app: &App, view: &View) -> Result<Page, Fail> {
    let f = view.format;
    match &view.what {
        What::Today => today::page(store, app, f),
        What::Log => log::page(store, app, f),
        What::Commits { from, before } => commits::page(store, app, (*from, *before), f),
        What::Health {
            metric,
            text,
            order,
            page,
        } => {
            let asked = health::Asked {
                metric: *metric,
                text,
                order: *order,
                page: *page,
            };
            health::page(store, app, &asked, f)
        }
        What::Find { benchmark, .. } => Err(unknown_benchmark(benchmark)),
        What::Series { id, from, to } => series::page(store, app, (id, *from, *to), f),
        What::Badge { id } => badge::page(store, id),
        What::Commit { sha } => commit::page(store, app, sha, f),
        What::Compare {
            base,
            head,
            metric,
            show,
            text,
            page,
        } => {
            let rows = compare::Rows {
                metric: *metric,
                show: *show,
                text,
                page: *page,
            };
            compare::page(store, app, (base, head), &rows, f)
        }
        What::Functions {
            id,
            base,
            head,
            focus,
        } => functions::page(store, app, (id, base, head), *focus, f),
        What::Flame { id, base, head } => functions::download(store, (id, base, head)),
        What::Reports => reports::list(store),
        What::Report { hash } => reports::one(store, hash),
        What::Help => help::page(app, f),
    }
}

/// Where an address leads that is only another name of a page.
pub(crate) async fn redirect(app: &Arc<App>, view: &View) -> Result<Option<String>, Fail> {
    let What::Find { benchmark, metric } = &view.what else {
        return Ok(None);
    };
    let (benchmark, metric) = (benchmark.clone(), *metric);
    app.read(move |store, _| {
        let all = store.series_of(&benchmark)?;
        let judged = |s: &&SeriesState| s.row.key.metric.is_judged();
        let wanted = |s: &&SeriesState| metric.is_none_or(|m| s.row.key.metric == m);
        let found = all
            .iter()
            .filter(wanted)
            .find(judged)
            .or_else(|| all.iter().find(wanted));
        let found = found.ok_or_else(|| unknown_benchmark(&benchmark))?;
        Ok(Some(format!("/series/{}", found.row.key.id())))
    })
    .await
}

fn unknown_benchmark(name: &str) -> Fail {
    Fail::NotFound(format!(
        "No series of a benchmark `{}` is stored; Health lists those that are.",
        crate::text::name(name)
    ))
}

fn the_series(store: &Store, id: &str) -> Result<SeriesState, Fail> {
    let words = "No series has this address. It may have been measured into another store; Health lists those in this one.";
    store
        .series_by_id(id)?
        .ok_or_else(|| Fail::NotFound(words.into()))
}

fn the_commit(store: &Store, prefix: &str) -> Result<MeasuredCommit, Fail> {
    store.commit(prefix)?.ok_or_else(|| {
        Fail::NotFound(format!(
            "No report of one commit `{prefix}` is stored: it was not measured, or several commits begin so. `uptick run {prefix}` measures it."
        ))
    })
}

fn json_page(document: &impl serde::Serialize) -> Result<Page, Fail> {
    let mut body = serde_json::to_vec(document).map_err(|_| Fail::Ours)?;
    body.push(b'\n');
    Ok(Page::new(JSON, Policy::Page, body))
}

fn csv_page(name: &str, lines: Vec<Vec<String>>) -> Page {
    let mut out = String::new();
    for line in lines {
        out.push_str(&line.join(","));
        out.push_str("\r\n");
    }
    let mut page = Page::new(CSV, Policy::Page, out.into_bytes());
    page.download = Some(format!("{name}.csv"));
    page
}

fn markdown_page(text: String) -> Page {
    Page::new(MARKDOWN, Policy::Page, text.into_bytes())
}

/// A form that a page does not have.
fn no_such_form(format: Format) -> Fail {
    let word = match format {
        Format::Html => "HTML",
        Format::Json => ".json",
        Format::Csv => ".csv",
        Format::Markdown => ".md",
        Format::Svg => ".svg",
        Format::Atom => ".atom",
    };
    Fail::NotFound(format!("This page does not come as {word}."))
}
