//! What pages have in common: the thing that an address names, and the forms of an answer.

use crate::cache::{Page, Policy};
use crate::error::Fail;
use crate::query::Format;
use collector::model::Metric;
use collector::store::{MeasuredCommit, SeriesState, Store};

/// Metrics that are named where an unknown one is asked for.
const METRICS: usize = 30;

pub(crate) const HTML: &str = "text/html; charset=utf-8";

pub(crate) const JSON: &str = "application/json";

const CSV: &str = "text/csv; charset=utf-8";

const MARKDOWN: &str = "text/markdown; charset=utf-8";

pub(crate) const SVG: &str = "image/svg+xml";

pub(crate) const ATOM: &str = "application/atom+xml; charset=utf-8";

pub(crate) fn unknown_benchmark(name: &str) -> Fail {
    Fail::NotFound(format!(
        "No series of a benchmark `{}` is stored; Health lists those that are.",
        crate::text::name(name)
    ))
}

/// Refuses a metric that is neither well known nor among those that are measured: a list without
/// it would pass for a clean one.
pub(crate) fn known_metric<'a>(
    asked: &str,
    measured: impl Iterator<Item = &'a str>,
) -> Result<(), Fail> {
    let mut all: Vec<&str> = Metric::WELL_KNOWN.iter().map(Metric::name).collect();
    all.extend(measured.filter(|name| Metric::well_known(name).is_none()));
    if all.contains(&asked) {
        return Ok(());
    }
    all.truncate(METRICS);
    Err(Fail::Bad(format!(
        "`metric` must be one of {}.",
        all.join(", ")
    )))
}

pub(crate) fn the_series(store: &Store, id: &str) -> Result<SeriesState, Fail> {
    let words = "No series has this address. It may have been measured into another store; Health lists \
                 those in this one.";
    store
        .series_by_id(id)?
        .ok_or_else(|| Fail::NotFound(words.into()))
}

pub(crate) fn the_commit(store: &Store, prefix: &str) -> Result<MeasuredCommit, Fail> {
    store.commit(prefix)?.ok_or_else(|| {
        Fail::NotFound(format!(
            "No report of one commit `{prefix}` is stored: it was not measured, or several commits begin \
             so. `uptick run {prefix}` measures it."
        ))
    })
}

pub(crate) fn json_page(document: &impl serde::Serialize) -> Result<Page, Fail> {
    let mut body = serde_json::to_vec(document).map_err(|_| Fail::Internal)?;
    body.push(b'\n');
    Ok(Page::new(JSON, Policy::Page, body))
}

pub(crate) fn csv_page(name: &str, lines: Vec<Vec<String>>) -> Page {
    let mut out = String::new();
    for line in lines {
        out.push_str(&line.join(","));
        out.push_str("\r\n");
    }
    let mut page = Page::new(CSV, Policy::Page, out.into_bytes());
    page.download = Some(format!("{name}.csv"));
    page
}

pub(crate) fn markdown_page(text: String) -> Page {
    Page::new(MARKDOWN, Policy::Page, text.into_bytes())
}

/// A form that a page does not have.
pub(crate) fn no_such_form(format: Format) -> Fail {
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
