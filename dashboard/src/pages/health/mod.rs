//! Health: the index of benchmarks, and how well each can be watched.

mod documents;
mod environment;
mod rows;
mod table;

use collector::store::Store;
use maud::{Markup, html};

use crate::app::App;
use crate::cache::Page;
use crate::error::Fail;
use crate::pages::answer::{csv_page, json_page, markdown_page, no_such_form};
use crate::pages::layout::{self, Nav};
use crate::pages::output;
use crate::query::{Format, Order, encode};
use crate::text::{self, plural};

pub(super) use environment::differences;
pub(super) use rows::Asked;
use rows::{Health, ROWS};

/// Rows of a document.
const DOCUMENT: usize = 5_000;
/// Failures that are shown with what they said.
const FAILURES: usize = 20;

pub(super) fn page(
    store: &Store,
    app: &App,
    asked: &Asked<'_>,
    format: Format,
) -> Result<Page, Fail> {
    let take = if format == Format::Html {
        ROWS
    } else {
        DOCUMENT
    };
    let h = rows::load(store, &app.options.config, asked, take)?;
    match format {
        Format::Html => Ok(layout::page(app, Nav::Health, "Health", html(&h, asked))),
        Format::Json => json_page(&documents::json(&h)),
        Format::Csv => Ok(csv_page("series", documents::csv(&h))),
        Format::Markdown => Ok(markdown_page(documents::markdown(&h))),
        _ => Err(no_such_form(format)),
    }
}

fn url(h: &Health, asked: &Asked<'_>, order: Order, page: usize) -> String {
    let mut parts = Vec::new();
    if let Some(m) = &h.metric {
        parts.push(format!("metric={}", encode(m)));
    }
    if !asked.text.is_empty() {
        parts.push(format!("q={}", encode(asked.text)));
    }
    if let Some((_, word)) = Order::ALL
        .iter()
        .find(|(o, _)| *o == order && order != Order::Name)
    {
        parts.push(format!("order={word}"));
    }
    if page > 1 {
        parts.push(format!("page={page}"));
    }
    format!("/health?{}", parts.join("&"))
}

fn html(h: &Health, asked: &Asked<'_>) -> Markup {
    html! {
        (head(h))
        @if h.counts.0 == 0 { (nothing_yet()) } @else {
            (filters(h, asked))
            @if h.rows.is_empty() { (no_match(asked)) } @else {
                (table::html(h))
                (layout::pager(asked.page, ROWS, h.total, &|p| url(h, asked, asked.order, p)))
            }
            @if !h.failures.is_empty() { (failures(h)) }
            (environment::html(h))
        }
    }
}

fn head(h: &Health) -> Markup {
    let forms = ["JSON", "CSV", "Markdown"]
        .iter()
        .zip(["json", "csv", "md"])
        .map(|(word, suffix)| (*word, format!("/health.{suffix}")))
        .collect::<Vec<_>>();
    html! {
        section .verdict.quiet {
            h1 {
                (plural(h.total as usize, "series"))
                @if let Some(m) = &h.metric { " of " (text::spaced(m)) }
            }
            p {
                (plural(h.counts.0 as usize, "report")) ", " (plural(h.counts.1 as usize, "point")) ", "
                (plural(h.testbeds.len(), "testbed")) "."
                @if !h.failures.is_empty() {
                    " " strong { (plural(h.failures.len(), "failure")) " in the newest report." }
                }
            }
            (troubles(h))
            (layout::forms(&forms))
        }
    }
}

/// How many of the rows that are shown need a look.
fn troubles(h: &Health) -> Markup {
    let mut counts: std::collections::BTreeMap<&str, usize> = Default::default();
    for (word, _) in h.rows.iter().flat_map(|r| r.troubles(h.newest)) {
        *counts.entry(word).or_default() += 1;
    }
    let all = h.rows.len() as u64 == h.total;
    html! {
        ul .tally {
            @for (word, n) in &counts { li { b { (n) } " " (word) } }
            @if counts.is_empty() && !h.rows.is_empty() { li { "None noisy, drifting or stale" } }
            @if !all && !h.rows.is_empty() { li { "among the " (h.rows.len()) " shown" } }
        }
    }
}

fn nothing_yet() -> Markup {
    layout::empty(
        "No benchmark is known yet",
        html! { "Benchmarks appear with the first report." },
        &[
            ("which benchmarks are found", "uptick list"),
            ("measure them", "uptick run"),
        ],
    )
}

fn no_match(asked: &Asked<'_>) -> Markup {
    let why = html! {
        "No name contains “" (text::cut(asked.text, 80)) "”. " a href="/health" { "Show all" }
    };
    layout::empty("No benchmark matches", why, &[])
}

fn filters(h: &Health, asked: &Asked<'_>) -> Markup {
    let orders: Vec<(&str, String, bool)> = Order::ALL
        .iter()
        .map(|(o, word)| (*word, url(h, asked, *o, 1), *o == asked.order))
        .collect();
    let metrics: Vec<(&str, String, bool)> = h
        .metrics
        .iter()
        .map(|(m, _)| {
            let mut of_metric = format!("/health?metric={}", encode(m.name()));
            if !asked.text.is_empty() {
                of_metric.push_str(&format!("&q={}", encode(asked.text)));
            }
            let is_shown = h.metric.as_deref() == Some(m.name());
            (m.name(), of_metric, is_shown)
        })
        .collect();
    html! {
        div .filters {
            (layout::choice("metric", &metrics))
            (layout::choice("order", &orders))
            form action="/health" role="search" {
                @if let Some(m) = &h.metric { input type="hidden" name="metric" value=(m); }
                label .hidden for="q" { "Filter by name" }
                input #q name="q" type="search" value=(asked.text) placeholder="filter by name" maxlength="512";
                button .small type="submit" { "Filter" }
            }
        }
    }
}

fn failures(h: &Health) -> Markup {
    html! {
        section {
            h2 { "Failures in the newest report" }
            @for f in h.failures.iter().take(FAILURES) { (output::failure(f)) }
        }
    }
}
